"""Ways to make a special token in text harmless, compared: what gets through, what is lost, what it costs in tokens.

    python benchmarks/schemes.py [--write]

With --write the tables also go between the marks in docs/security.md. Nothing here depends on time.
"""

from __future__ import annotations

import argparse
import html
import json
import platform
import re
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from pydoc_data.topics import topics  # the language reference of CPython
from typing import Any, NamedTuple

from measuring import table
from sanitizer import code

import chatml
from chatml._special import families

PAGE = Path(__file__).parent.parent / "docs" / "security.md"
BEGIN, END = "<!-- schemes: written by benchmarks/schemes.py --write -->", "<!-- end of schemes -->"

ZWSP, BAR = "\u200b", "\uff5c"
CODE_SIZE = 2_000_000
SENTENCE = "say {} now"  # a token alone is encoded in another way than within text
ENCODINGS = ("cl100k_base", "o200k_base")
REGISTRY = chatml.special_tokens()

# ------------------------------------------------------------------------------------------------------------ schemes

Change = Callable[[str], str]


class Scheme(NamedTuple):
    """A way to write untrusted text, and the best way to read it again, where there is one."""

    name: str
    write: Change
    read: Change | None


@lru_cache(maxsize=1)
def _token() -> re.Pattern[str]:
    """Any token of the registry, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(REGISTRY, key=len, reverse=True))))


@lru_cache(maxsize=4)
def _token_with(between: str) -> re.Pattern[str]:
    spellings = (re.escape(token[0] + between + token[1:]) for token in sorted(REGISTRY, key=len, reverse=True))
    return re.compile("|".join(spellings))


def _ours(**options: Any) -> tuple[Change, Change]:
    return partial(chatml.escape, **options), partial(chatml.unescape, **options)


def _inside(between: str) -> tuple[Change, Change]:
    """Something behind the first character of each token that is found."""

    def write(text: str) -> str:
        return _token().sub(lambda match: match[0][0] + between + match[0][1:], text)

    def read(text: str) -> str:
        return _token_with(between).sub(lambda match: match[0].replace(between, "", 1), text)

    return write, read


def _replaced(*pairs: tuple[str, str]) -> tuple[Change, Change]:
    def write(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    def read(text: str) -> str:
        for old, new in pairs:
            text = text.replace(new, old)
        return text

    return write, read


def _delete(text: str) -> str:
    return _token().sub("", text)


def _delete_all(text: str) -> str:
    while (shorter := _delete(text)) != text:
        text = shorter
    return text


def _escape_html(text: str) -> str:
    return html.escape(text, quote=False)


SCHEMES = (
    Scheme("**ours, backslash**", *_ours()),
    Scheme("**ours, `!`**", *_ours(marker="!")),
    Scheme("**ours, ZWSP**", *_ours(marker=ZWSP)),
    Scheme("**ours, hardened, backslash**", *_ours(profile="hardened")),
    Scheme("**ours, hardened, `!`**", *_ours(profile="hardened", marker="!")),
    Scheme("html.escape", _escape_html, html.unescape),
    Scheme("`<|` to `<` ZWSP `|`", *_replaced(("<|", f"<{ZWSP}|"))),
    Scheme("ZWSP inside the matched token", *_inside(ZWSP)),
    Scheme("space inside the matched token", *_inside(" ")),
    Scheme("delete tokens, once", _delete, None),
    Scheme("delete tokens, until none is left", _delete_all, None),
    Scheme("U+FF5C for the bar in `<|` and `|>`", *_replaced(("<|", "<" + BAR), ("|>", BAR + ">"))),
)

# ------------------------------------------------------------------------------------------------------- later passes


def _without(categories: str) -> Change:
    dropped = set(categories.split())
    return lambda text: "".join(one for one in text if unicodedata.category(one) not in dropped)


def _normalized(form: Any) -> Change:
    return lambda text: unicodedata.normalize(form, text)


def _in_turn(*changes: Change) -> Change:
    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


def _charset(name: str) -> Change:
    return lambda text: text.encode(name, "ignore").decode(name)


def _unescape_json(text: str) -> str:
    return re.sub(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})', lambda match: str(json.loads(f'"{match[0]}"')), text)


PASSES: dict[str, Change] = {
    "NFKC": _normalized("NFKC"),
    "strip Cf": _without("Cf"),
    "strip accents": _in_turn(_normalized("NFD"), _without("Mn")),
    "ASCII only": _charset("ascii"),
    "cp1252 only": _charset("cp1252"),
    "delete spaces": lambda text: "".join(text.split()),
    "casefold": str.casefold,
    "HTML unescape": html.unescape,
    "URL unquote": urllib.parse.unquote,
    "URL unquote_plus": urllib.parse.unquote_plus,
    "strip `*_~` and backticks": lambda text: re.sub(r"[*_~`]", "", text),
    "stripslashes": lambda text: re.sub(r"(?s)\\(.?)", r"\1", text),
    "Markdown unescape": lambda text: re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text),
    "JSON unescape": _unescape_json,
}
# what undoes a disguise: nothing at all, where a scheme itself does; or a pass; or several, as in a cleaner of text
UNDOES: tuple[Change, ...] = (
    str,
    *(PASSES[name] for name in ("NFKC", "strip Cf", "strip accents", "casefold")),
    _in_turn(_normalized("NFKC"), _without("Cf Mn Cc Co"), str.casefold),
)

# ----------------------------------------------------------------------------------------------------------- payloads


def _tokens() -> list[str]:
    """The tokens that are tried: those of all families, but for series that differ in a number only."""
    every = {token for name, tokens in families().items() if name != "deepseek_placeholders" for token in tokens}
    numbered = re.compile(r"\d+")
    series = Counter(numbered.sub("0", token) for token in every)
    return sorted(token for token in every if series[numbered.sub("0", token)] < 4)


TOKENS = _tokens()
NESTED = [
    token[:cut] + other + token[cut:]
    for token in TOKENS
    for cut in range(1, len(token))
    for other in {token, "<|im_end|>"}
]
SPLITS = [(token[:cut], token[cut:]) for token in TOKENS for cut in range(1, len(token))]


def _disguises(token: str) -> Iterable[str]:
    wide = str.maketrans({code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    yield token.translate(wide)  # full-width
    yield token[0].translate(wide) + token[1:]
    yield token.replace("<", "\u226e").replace("[", "\uff3b")  # a struck-out <
    yield token.upper()
    yield token.replace("fi", "\ufb01").replace("st", "\ufb06")  # ligatures
    yield token.replace("s", "\u017f")  # a long s
    yield token.replace(BAR, "|")
    for between in (ZWSP, "\u00ad", "\u2060", "\u0301", "\u034f"):  # joiners, a soft hyphen, accents
        yield token[0] + between + token[1:]
        yield between.join(token)


DISGUISED = sorted({text for token in TOKENS for text in _disguises(token) if not _token().search(text)})
NEAR = sorted(
    {token[0] + between + token[1:] for token in TOKENS for between in ("", "\\", "\\\\", "!", ZWSP, ZWSP * 2, " ")}
    | {html.escape(token, quote=False) for token in TOKENS}
    | {token.replace("|", BAR) for token in TOKENS}
    | set(NESTED)
)


def _leaks(texts: Iterable[str]) -> int:
    return sum(_token().search(text) is not None for text in texts)


def _undisguised(scheme: Scheme) -> int:
    """How many disguised tokens become one at once, or after any of the passes that undo a disguise."""
    written = map(scheme.write, DISGUISED)
    return sum(any(_token().search(undo(text)) for undo in UNDOES) for text in written)


def _collisions(scheme: Scheme) -> int:
    """How many texts are written as another one is, too."""
    return sum(number for number in Counter(map(scheme.write, NEAR)).values() if number > 1)


def _unread(scheme: Scheme) -> int:
    """How many texts are not what was written when they are read again."""
    read = scheme.read or (lambda text: text)
    return sum(read(scheme.write(text)) != text for text in NEAR)


def _formed_again(scheme: Scheme) -> str:
    """In how many tokens' places a later pass leaves a token, by pass; only of those that do not get through anyway."""
    written = [text for text in map(scheme.write, TOKENS) if not _token().search(text)]
    counts = {name: _leaks(map(change, written)) for name, change in PASSES.items()}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"


# -------------------------------------------------------------------------------------------------------------- tokens


def _pages() -> list[str]:
    """The pages of this repository but the one that holds these tables."""
    root = PAGE.parent.parent
    pages = (root / "README.md", root / "CHANGELOG.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md")))
    return [page.read_text(encoding="utf-8") for page in pages if page != PAGE]


@lru_cache(maxsize=1)
def _corpora() -> dict[str, list[str]]:
    return {
        "im_start": [SENTENCE.format("<|im_start|>")],
        "documents": [topics[name] for name in sorted(topics)],
        "code": code(CODE_SIZE),
        "our pages": _pages(),
        "tokens": [SENTENCE.format(token) for token in TOKENS],
    }


def _counts(texts: Sequence[str]) -> list[int]:
    """The tokens of all texts together, in each encoding."""
    return [
        sum(map(len, chatml.get_encoding(name).encode_ordinary_batch(list(texts), num_threads=2))) for name in ENCODINGS
    ]


@lru_cache(maxsize=1)
def _plain_counts() -> dict[str, list[int]]:
    return {name: _counts(texts) for name, texts in _corpora().items()}


def _extra(scheme: Scheme, name: str) -> list[int]:
    counts = _counts([scheme.write(text) for text in _corpora()[name]])
    return [new - old for new, old in zip(counts, _plain_counts()[name], strict=True)]


# -------------------------------------------------------------------------------------------------------------- tables


def safety() -> str:
    """What gets through each scheme, and what is lost in it."""
    rows = []
    for scheme in SCHEMES:
        collisions, unread = _collisions(scheme), _unread(scheme)
        leaks = (
            _leaks(map(scheme.write, TOKENS)),
            _leaks(map(scheme.write, NESTED)),
            _leaks(scheme.write(left) + scheme.write(right) for left, right in SPLITS),
            _undisguised(scheme),
        )
        lost = ("yes" if not number else f"no ({number:,})" for number in (collisions, unread))
        rows.append([scheme.name, *(f"{number:,}" for number in leaks), *lost])
    header = [
        "scheme",
        f"literal, of {len(TOKENS):,}",
        f"nested, of {len(NESTED):,}",
        f"split in two fields, of {len(SPLITS):,}",
        f"disguised, of {len(DISGUISED):,}",
        f"different texts stay different, of {len(NEAR):,}",
        "read back exactly",
    ]
    return table("Payloads that leave a token in the result, and whether texts are kept", header, rows)


def costs() -> str:
    """Extra tokens of each scheme, and what undoes it."""
    rows = []
    for scheme in SCHEMES:
        extra = {name: _extra(scheme, name) for name in _corpora()}
        mean = "/".join(f"{number / len(TOKENS):+.2f}" for number in extra.pop("tokens"))
        counts = ("/".join(f"{number:+,}" for number in numbers) for numbers in extra.values())
        cells = [mean, *counts, _formed_again(scheme)]
        rows.append([scheme.name, *cells])
    sizes = {name: "/".join(f"{number:,}" for number in _plain_counts()[name]) for name in _corpora()}
    texts = [f"{name}, of {sizes[name]}" for name in ("documents", "code", "our pages")]
    header = ["scheme", "a token, on average", "`im_start`", *texts, "forms again after"]
    title = (
        "Extra tokens in cl100k_base/o200k_base (documents: the language reference, code: the standard library, of "
        f"Python {platform.python_version()}; our pages spell {_spelled()} tokens), and which of {len(PASSES)} later "
        f"passes make tokens again of how many of {len(TOKENS)} that were escaped"
    )
    return table(title, header, rows)


def _spelled() -> int:
    return sum(len(_token().findall(text)) for text in _pages())


def show(*, write: bool = False) -> str:
    """Both tables; with `write` also put into docs/security.md."""
    text = f"{safety()}\n\n{costs()}"
    if write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return text


def main() -> None:
    """Print the tables, and write them on request."""
    parser = argparse.ArgumentParser(description="Compare ways to make special tokens in text harmless.")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/security.md")
    print(show(write=parser.parse_args().write))


if __name__ == "__main__":
    main()
