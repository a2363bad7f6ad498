"""What in a text could be read as structure, now or after somebody changed it: reported, not changed.

A token that stands there is an error. What becomes one by normalization, cleaning or decoding is a warning, and so is
what tries to be a header or template code that reaches for more; other template code is only mentioned.
"""

from __future__ import annotations

import base64
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import ConfigError
from chatml._escape import MARKER, Escaper, Found, exact_escaper
from chatml._findings import Finding, FindingKind, finding, kind_of
from chatml._fold import hardened_escaper
from chatml._sanitize import token_set
from chatml._spans import LineIndex

# more that looks like a character of a token and is no compatibility form of it; of Unicode's confusables.txt
_CONFUSABLE = str.maketrans(
    {
        **dict.fromkeys("\u2223\u01c0\u2758\u23d0\uffe8\u05c0\u2502\u2503", "|"),
        **dict.fromkeys("\u2039\u3008\u27e8\u2329\u276e\u1438\u02c2\u227a", "<"),
        **dict.fromkeys("\u203a\u3009\u27e9\u232a\u276f\u1433\u02c3\u227b", ">"),
        **dict.fromkeys("\u02cd\u2017\u23af", "_"),
        # Cyrillic, Greek and Armenian letters
        **dict(zip("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458", "aeopcyxisj", strict=True)),
        **dict(zip("\u0501\u051b\u0261\u03bf\u0131\u0578\u04bb", "dqgoinh", strict=True)),
        **dict(zip("\u0410\u0412\u0415\u041a\u041c\u041d\u041e", "ABEKMHO", strict=True)),
        **dict(zip("\u0420\u0421\u0422\u0425\u0406\u0405", "PCTXIS", strict=True)),
    }
)
_confusable = re.compile(f"[{''.join(map(chr, _CONFUSABLE))}]").search


class _Encoding(NamedTuple):
    """A way to write characters with others: what one or several of them look like, and what they decode to."""

    kind: FindingKind
    unit: re.Pattern[str]
    decode: Callable[[str], str]


def _from_json(unit: str) -> str:
    digits = unit[2:].strip("{}")
    if not digits:
        return unit[1]
    code = int(digits, 16)
    return chr(code) if code < 0x110000 else unit


_HEX, _MORE = "[0-9a-fA-F]", "%[89abAB][0-9a-fA-F]"
_ENCODINGS = (
    _Encoding(
        FindingKind.HTML,  # leading zeros count for nothing; html.unescape cannot read 4,300 of them
        re.compile(r"&(?:#0{0,4000}+[0-9]{1,7}|#[xX]0{0,4000}+[0-9a-fA-F]{1,6}|[A-Za-z]{2,24});?"),
        html.unescape,
    ),
    _Encoding(
        FindingKind.URL,  # one character in UTF-8 at a time
        re.compile(f"%[0-7]{_HEX}|%[cCdD]{_HEX}{_MORE}|%[eE]{_HEX}(?:{_MORE}){{2}}|%[fF]{_HEX}(?:{_MORE}){{3}}"),
        lambda unit: bytes.fromhex(unit.replace("%", "")).decode("utf-8", "replace"),
    ),
    _Encoding(
        FindingKind.JSON,  # and of Python and JavaScript
        re.compile(r"\\(?:/|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2})"),
        _from_json,
    ),
    _Encoding(FindingKind.TAGS, re.compile("[\U000e0020-\U000e007e]"), lambda unit: chr(ord(unit) - 0xE0000)),
)
_base64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,}={0,2}")

# words that open a turn for models that know no special token, at the start of a line; and parts of Harmony's headers
_ROLE = r"(?:system|developer|user|assistant|tool)"
_HEADERS = (
    (r"(?im)^[ \t]*#{2,3} ?(?:Instruction|Input|Response|System|Human|User|Assistant) ?:", Severity.INFO),
    (r"(?:\n[ \t\r]*\n|\A)(?:Human|Assistant|H|A): ", Severity.INFO),
    (rf"(?m)^{_ROLE}(?: name=\S{{1,64}}| to=\S{{1,64}})+[ \t\r]*$", Severity.WARNING),
    (rf"(?m)^{_ROLE}[ \t\r]*\n", Severity.INFO),
    (r"\bto=(?:functions|browser|python|container)\b[.\w]{0,64}", Severity.WARNING),
)
_template = re.compile(r"\{\{[^{}\n]{0,200}\}\}|\{%[^{}%\n]{0,200}%\}|\{#|\$\{[^{}\n]{0,200}\}|<%")
_reaches = re.compile(r"__\w{1,40}__|\b(?:import|self|config|request|cycler|lipsum|namespace|eval|exec|popen)\b")


def scan(text: str | Iterable[str], *, tokens: Iterable[str] | None = None) -> tuple[Finding, ...]:
    """Find what in untrusted text could be read as structure. Costs grow linearly with the text.

    `text` is one text, or several that will be put side by side, such as the parts of a content: then tokens cut by
    the borders are found too, `Finding.message` is the index of the text in which a finding begins, and its offsets,
    line and column are those in that text. `tokens` are those to look for, by default all that are known.

    Raises `ConfigError` for what is neither text nor texts.

    >>> [str(finding) for finding in scan("hi<|im_end|>")]
    ["1:3: error: literal '<|im_end|>', read as the end of a turn"]
    """
    chosen = token_set(tokens)
    if isinstance(text, str):
        return tuple(_scan(text, chosen, ()))
    hint = "scan takes one text, or several"
    if isinstance(text, (bytes, Mapping)) or not isinstance(text, Iterable):
        raise ConfigError(f"found {type(text).__name__}, expected str", option="text", hint=hint)
    texts: list[Any] = list(text)
    for index, one in enumerate(texts):
        if not isinstance(one, str):
            raise ConfigError(f"found {type(one).__name__}, expected str", option=f"text[{index}]", hint=hint)
    borders = tuple(accumulate(map(len, texts)))[:-1]
    return tuple(_placed(_scan("".join(texts), chosen, borders), texts, (0, *borders)))


def _placed(findings: Iterable[Finding], texts: list[str], starts: tuple[int, ...]) -> Iterator[Finding]:
    """Findings in joined texts as findings in the text in which each begins."""
    lines: dict[int, LineIndex] = {}
    for one in findings:
        index = bisect_right(starts, one.start) - 1
        start = one.start - starts[index]
        line, column = lines.setdefault(index, LineIndex(texts[index])).position(start)
        yield one._replace(start=start, end=one.end - starts[index], line=line, column=column, message=index)


def _scan(text: str, tokens: frozenset[str], borders: tuple[int, ...]) -> list[Finding]:
    lines, (exact, widest) = LineIndex(text), _escapers(tokens)
    found = list(_spelled(text, widest, lines, borders))
    found += _begun(text, exact, lines)
    for encoding in _ENCODINGS:
        found += _encoded(text, encoding, exact, lines)
    found += _in_base64(text, exact, lines)
    found += _headers(text, lines)
    found += _templates(text, lines)
    return sorted(found, key=lambda one: (one.start, one.end, one.kind))


@lru_cache(maxsize=256)
def _escapers(tokens: frozenset[str]) -> tuple[Escaper, Escaper]:
    """What finds tokens as they are spelled, and in the hardened profile where that can cover them."""
    tokens = frozenset(token for token in tokens if len(token) > 1)  # those of one character are no structure
    # a marker that no token has; nothing is escaped here, so any will do
    marker = next((one for one in "\\!~^;" if not any(one in token for token in tokens)), MARKER)
    exact = exact_escaper(tokens, marker)
    try:
        return exact, hardened_escaper(tokens, marker)
    except ConfigError:
        return exact, exact


def _spelled(text: str, hardened: Escaper, lines: LineIndex, borders: tuple[int, ...]) -> Iterator[Finding]:
    """Tokens as they are, with what is invisible in them, and what looks like them."""
    end = 0
    plain = text.translate(_CONFUSABLE) if _confusable(text) else text
    for found in hardened.find_all(plain):
        if found.end <= end:  # within another one
            continue
        end = found.end
        kind = kind_of(text[found.start : end], found.token)
        severity = Severity.ERROR if kind is FindingKind.LITERAL else Severity.WARNING
        if bisect_right(borders, found.start) != bisect_right(borders, end - 1):
            kind = FindingKind.SPLIT
        yield finding(kind, severity, text, lines, found)


def _begun(text: str, exact: Escaper, lines: LineIndex) -> Iterator[Finding]:
    """What stands at the end and could become a token with the next text; a lone first character is no finding."""
    start = exact.unfinished(text)
    begun = text[start:]
    candidates = [token for token in exact.tokens if token.startswith(begun)] if len(begun) > 1 else []
    if candidates:
        token = min(candidates, key=lambda token: (token != "<|im_start|>", len(token), token))
        found = finding(FindingKind.SPLIT, Severity.WARNING, text, lines, Found(token, start, len(text)))
        yield found._replace(reading=f"{found.reading}, if the next text completes it")


def _encoded(text: str, encoding: _Encoding, exact: Escaper, lines: LineIndex) -> Iterator[Finding]:
    """Tokens that decoding would make: those of the decoded text that hold anything decoded."""
    pieces, starts, ends = list[str](), [0], [0]  # where units begin and end, decoded and as they stand
    position, length = 0, 0
    for unit in encoding.unit.finditer(text):
        decoded = encoding.decode(unit[0])
        if decoded == unit[0]:
            continue
        pieces += (text[position : unit.start()], decoded)
        length += unit.start() - position
        starts += (length, length + len(decoded))
        ends += (unit.start(), unit.end())
        length, position = length + len(decoded), unit.end()
    if not pieces:
        return
    pieces.append(text[position:])

    def source(place: int, *, is_end: bool) -> int:
        # even indexes begin a stretch that stands as it is, odd ones a unit
        index = bisect_right(starts, place - is_end) - 1
        if index % 2:
            return ends[index + 1] if is_end else ends[index]
        return ends[index] + place - starts[index]

    for found in exact.find_all("".join(pieces)):
        first, last = bisect_right(starts, found.start) - 1, bisect_right(starts, found.end - 1) - 1
        if first != last or first % 2:
            there = Found(found.token, source(found.start, is_end=False), source(found.end, is_end=True))
            yield finding(encoding.kind, Severity.WARNING, text, lines, there)


def _in_base64(text: str, exact: Escaper, lines: LineIndex) -> Iterator[Finding]:
    for match in _base64.finditer(text):
        data = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        data = data[: len(data) // 4 * 4] if len(data) % 4 == 1 else data + "=" * (-len(data) % 4)
        decoded = base64.b64decode(data).decode("utf-8", "replace")
        found = exact.find(decoded)
        if found:
            there = finding(FindingKind.BASE64, Severity.WARNING, decoded, lines, found)  # the role is encoded too
            line, column = lines.position(match.start())
            yield there._replace(spelling=match[0], start=match.start(), end=match.end(), line=line, column=column)


def _headers(text: str, lines: LineIndex) -> Iterator[Finding]:
    reading = "the header of a turn, by models that know it from training"
    places = set[int]()  # where a header ends, so that none is reported in two ways
    for pattern, severity in _HEADERS:
        for match in re.finditer(pattern, text):
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            end = match.start() + len(match[0].rstrip())
            if end not in places:
                yield _wordy(FindingKind.HEADER, severity, text, lines, start, match.end(), reading)
            places.add(end)


def _templates(text: str, lines: LineIndex) -> Iterator[Finding]:
    reading = "template code, by whoever renders content as a template"
    for match in _template.finditer(text):
        severity = Severity.WARNING if _reaches.search(match[0]) else Severity.INFO
        yield _wordy(FindingKind.TEMPLATE, severity, text, lines, match.start(), match.end(), reading)


def _wordy(
    kind: FindingKind, severity: Severity, text: str, lines: LineIndex, start: int, end: int, reading: str
) -> Finding:
    line, column = lines.position(start)
    return Finding(kind, severity, "", "", text[start:end], start, end, line, column, reading)
