"""TXT005."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._targets import shown
from chatml.lint.rules._texts import texts_of

_CHUNK = 20  # characters: what must be found again
_TIMES = 25
_SHORTEST = _CHUNK * _TIMES
_STEP = _SHORTEST // 2  # a run has at least one sample in its first half
_TRIES = 4
_LONGEST = 1_000  # characters of what is repeated: a few sentences
_FEWEST = 3  # different letters: a row of zeros, or of dashes, is no degeneration


class _Run(NamedTuple):
    """A unit of `length` characters, again and again from `start` to `end`."""

    start: int
    end: int
    length: int


class DegenerateRepetition(Rule):
    """A text says the same again and again: at least 25 times in a row, and at least 500 characters.

    What has fewer than three different letters is left alone: lines of tables, padding, rows of numbers.

    ## Why is this bad?
    It is what a model does that has got stuck. A model that is trained on it learns to get stuck.

    ## Use instead
    The sentence once, or no row at all.
    """

    code, name = "TXT005", "degenerate-repetition"
    severity = Severity.WARNING
    source = "found in openai-cookbook, toy_chat_fine_tuning.jsonl, line 5"
    examples = (
        Example(bad=f"<|im_start|>assistant\n{'I ate a good apple. ' * 25}<|im_end|>\n"),
        Example(good=f"<|im_start|>user\n| a | b |\n|{'-' * 800}|<|im_end|>\n"),
        Example(good=f"<|im_start|>assistant\n{'I ate a good apple. ' * 20}<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at long texts."""
        for text in texts_of(context):
            run = find_run(text.text) if len(text.text) >= _SHORTEST else None
            if run is not None:
                unit = text.text[run.start : run.start + run.length]
                times = (run.end - run.start) // run.length
                yield Finding(f"the text repeats {shown(unit)} {times} times", text.place(run.start, run.end))


def find_run(text: str) -> _Run | None:
    """A run that is long enough, found by samples: twenty characters that come again soon."""
    position = 0
    while position + _CHUNK <= len(text):
        chunk, behind, searched = text[position : position + _CHUNK], position + _STEP, position + 1
        for _ in range(_TRIES):  # the first time may be within what is repeated
            again = text.find(chunk, searched, position + _CHUNK + _LONGEST)
            if again < 0:
                break
            run = _extend(text, position, again - position)
            if _is_degenerate(text, run):
                return run
            searched = max(again + 1, run.end - _CHUNK + 1)  # before, it is the same run
            behind = max(behind, run.end - _CHUNK - run.length)
        position = behind
    return None


def _extend(text: str, position: int, length: int) -> _Run:
    """The run of a unit that stands at a position, to both sides, with the parts of a unit at its ends."""
    unit = text[position : position + length]
    start = end = position
    while text.startswith(unit, end):
        end += length
    while end < len(text) and text[end] == text[end - length]:
        end += 1
    while start >= length and text.startswith(unit, start - length):
        start -= length
    while start and text[start - 1] == text[start - 1 + length]:
        start -= 1
    return _Run(start, end, length)


def _is_degenerate(text: str, run: _Run) -> bool:
    size = run.end - run.start
    if size < _SHORTEST or size < run.length * _TIMES:
        return False
    return len({letter for letter in text[run.start : run.start + run.length].lower() if letter.isalpha()}) >= _FEWEST
