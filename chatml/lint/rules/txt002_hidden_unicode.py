"""TXT002."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule
from chatml.lint.rules._texts import Text, texts_of

# Characters that are not shown, in runs. Each run is judged by its neighbours.
_HIDDEN = re.compile(
    "(?:[\u200b-\u200d\u2060-\u2064\u180e\ufeff]"  # of no width
    "|[\u202a-\u202e\u2066-\u2069]"  # turn the direction of what follows
    "|[\ufe00-\ufe0f]{2,}|[\U000e0100-\U000e01ef]{2,}"  # variation selectors: one makes sense, more carry data
    "|[\U000e0000-\U000e007f]"  # tags: letters of ASCII that nobody sees
    "|[\u3164\uffa0])+"  # fillers: letters without a shape
)
# one of them, which is quick to look for
_ANY = re.compile(
    "[\u200b-\u200d\u2060-\u2064\u180e\ufeff\u202a-\u202e\u2066-\u2069\ufe00-\ufe0f\u3164\uffa0\U000e0000-\U000e01ef]"
)
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")  # of a part of a country
_JOINERS = frozenset("\u200c\u200d\u2060")
_EMBEDDING = frozenset("\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_NO_SPACES = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3040-\u9fff]")


class HiddenUnicode(Rule):
    """A text holds characters that nobody sees, and that the model reads.

    Tag characters, marks that turn the direction of text, and characters of no width. Joiners in emoji and in scripts
    that need them, word breaks in scripts without spaces, marks of direction in texts that run from right to left, and
    the flags of England, Scotland and Wales are left alone.

    ## Why is this bad?
    They hide instructions from people who review a prompt, they take tokens, and they keep words from being found.

    ## Use instead
    The text without them.

    ## Fix
    Unsafe: they are removed. The model sees another text, the one that people see.
    """

    code, name = "TXT002", "hidden-unicode"
    fix = "unsafe"
    source = "CVE-2021-42574 (Trojan Source); PromptShield PSU001 and PSU002"
    examples = (
        Example(
            bad='[{"role": "user", "content": "a\\u200bb"}]', fixed='[{"role": "user", "content": "ab"}]', path="c.json"
        ),
        Example(bad="<|im_start|>user\nhi\U000e0041\U000e0042<|im_end|>\n", fixed="<|im_start|>user\nhi<|im_end|>\n"),
        Example(bad='[{"role": "user", "content": "if a: \\u202e# b"}]', path="c.json"),
        Example(good="<|im_start|>user\n\U0001f469\u200d\U0001f469\u200d\U0001f467 می\u200cخواهم<|im_end|>\n"),
        Example(
            good="<|im_start|>user\n\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f<|im_end|>\n"
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each text that is not plain ASCII."""
        for text in texts_of(context):
            if not text.text.isascii() and _ANY.search(text.text):
                yield from _look(text)


def _look(text: Text) -> Iterator[Finding]:
    flags = {found.start() + 1 for found in _FLAG.finditer(text.text)}
    runs = [found.span() for found in _HIDDEN.finditer(text.text) if found.start() not in flags]
    if not runs:
        return
    right_to_left = _RIGHT_TO_LEFT.search(text.text) is not None
    runs = [span for span in runs if not _is_needed(text.text, *span, right_to_left)]
    if runs:
        start, end = runs[0]
        count = sum(last - first for first, last in runs)
        what = "a character" if count == 1 else f"{count} characters"
        last = runs[-1][1]  # one change for all of them: a text may hold very many
        seen = "".join(_visible(text.text, runs, start, last))
        message = f"found {what} that nobody sees, first U+{ord(text.text[start]):04X}"
        yield Finding(
            message, text.place(start, end), Fix("Remove what is hidden", (Change(text.place(start, last), seen),))
        )


def _visible(text: str, runs: list[tuple[int, int]], start: int, end: int) -> Iterator[str]:
    """The pieces of a part of a text that do not belong to a run."""
    for first, last in runs:
        yield text[start:first]
        start = last
    yield text[start:end]


def _is_needed(text: str, start: int, end: int, right_to_left: bool) -> bool:
    """Whether a run of hidden characters does what such characters are for."""
    run = set(text[start:end])
    before, after = text[start - 1 : start], text[end : end + 1]
    if run <= _JOINERS:  # between letters of ASCII they join nothing
        return end - start == 1 and not (before.isascii() and after.isascii())
    if run == {"\u200b"}:
        return bool(_NO_SPACES.match(before) or _NO_SPACES.match(after))
    return run <= _EMBEDDING and right_to_left
