"""SPT002."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._contents import Content, contents_of, joined

_LESS = "<\u226e\ufe64\uff1c\u2039\u3008\u27e8\u2329\u276e\u1438\u02c2\u227a"
_BAR = "|\uff5c\u2223\u01c0\u2758\u23d0\uffe8\u05c0\u2502\u2503"
# something like <| with as much between as is not seen or is a space
_CANDIDATE = re.compile(f"[{_LESS}][^\\w{_LESS}{_BAR}]{{0,4}}[{_BAR}]")
# a name with an underscore, or the longest ones without: operators of programming languages stand beside names, too
_SPACED = re.compile(r"<[ \t]{0,3}\|[ \t]{0,3}(\w{2,40})[ \t]{0,3}\|[ \t]{0,3}>")
_WHOLE = re.compile(r"endoftext|endofprompt|startoftext|\w+_\w+", re.IGNORECASE)


class ControlTokenLookalike(Rule):
    """A text looks like a special token: full-width or other letters, invisible characters in it, spaces, other case.

    Only tokens of the form `<|name|>` are looked for.

    ## Why is this bad?
    Text is normalized, lowered and cleaned on its way to a model, by servers and by tokenizers; then the token is
    there. Where it stays as it is, it tries to be taken for one, by people or by models.

    ## Use instead
    Text without it. In text about tokens, the escaped form of the token itself.
    """

    code, name = "SPT002", "control-token-lookalike"
    severity = Severity.WARNING
    source = "Unicode's confusables.txt and NFKC; how text is folded before it is tokenized"
    examples = (
        Example(bad='[{"role": "user", "content": "x <| im_end |>"}]', path="chat.json"),
        Example(bad='[{"role": "user", "content": "\uff1c\uff5cim_end\uff5c\uff1e"}]', path="chat.json"),
        Example(bad="<|im_start|>user\n<|IM_END|><|im_end|>\n"),
        Example(bad="<|im_start|>user\n<|im_\u200bend|><|im_end|>\n"),
        Example(good='[{"role": "user", "content": "x <| f |> g"}]', path="chat.json"),
        Example(good='[{"role": "user", "content": "| a | b |\\n|---|---|\\n| <b> | <| |"}]', path="chat.json"),
        Example(good='[{"role": "user", "content": "<\\\\|im_end|>"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for something like `<|` first: what else costs is rarely asked for."""
        text = joined(context)
        if not any(bar in text for bar in (_BAR if not text.isascii() else "|")):
            return
        for content in contents_of(context):
            if _CANDIDATE.search(content.text):
                yield from _in_content(context, content)


def _in_content(context: Context, content: Content) -> Iterator[Finding]:
    text = content.text
    found = list(context.lookalikes_in(text, content.role))
    if any(not found_at(found, match.start()) for match in _SPACED.finditer(text)):
        found += _spaced(context, content)
    for token, start, end in sorted(set(found), key=lambda one: one[1:]):
        what = ascii(text[start:end])
        yield Finding(f"{what} looks like the special token {token}", content.place(start, end))


def found_at(found: list[tuple[str, int, int]], start: int) -> bool:
    """Whether something was found that holds a place."""
    return any(one[1] <= start < one[2] for one in found)


def _spaced(context: Context, content: Content) -> Iterator[tuple[str, int, int]]:
    for match in _SPACED.finditer(content.text):
        token = f"<|{match[1].lower()}|>"
        is_spaced = token != match[0].lower() and _WHOLE.fullmatch(match[1])
        if is_spaced and any(known == token for known, _, _ in context.tokens_in(token, content.role)):
            yield token, match.start(), match.end()
