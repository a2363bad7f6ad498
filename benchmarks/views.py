"""The view of `chatml inspect` in a terminal: what drawing costs beside tokenizing, and that it grows with the tokens.

    python benchmarks/views.py [--quick]

Ratios are to the tokenizing of the same prompt in the same process. `--quick` leaves out 200,000 tokens.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import NamedTuple

from corpus import conversation
from measuring import medians, slope, table

from chatml.cli._inspecting import Inspection, Look, inspect
from chatml.cli._subject import Choices, subject_of
from chatml.cli._terminal import Symbols, Terminal
from chatml.cli._view import view
from chatml.dialects import get_dialect
from chatml.promptfiles import read_documents

SIZES = [10_000, 50_000, 200_000]
LOOKS = {
    "plain": Look(),
    "--whitespace": Look(whitespace=True),
    "--tokens": Look(tokens=True),
    "--tokens --ids": Look(tokens=True, ids=True),
}
SLOWEST, STEEPEST = 0.2, 1.15  # seconds for 50,000 tokens beyond tokenizing, and the exponent of growth
_SYMBOLS = Symbols("…", "↵", "█", "░", "▒", "│", "¦", "·", "→", "⍽", "◌")
_TOKENS_A_MESSAGE = 75


class Prepared(NamedTuple):
    """A prompt that has been read and counted, and its tokens."""

    inspection: Inspection
    tokens: int


def prepared(tokens: int) -> Prepared:
    """About so many tokens, in messages of 100 to 500 characters."""
    text = json.dumps(conversation(tokens // _TOKENS_A_MESSAGE))
    choices = Choices(get_dialect("chatml"), None, None)
    subject = subject_of(read_documents(text, source="corpus.json", max_size=2**26)[0], choices)
    inspection = inspect("corpus.json", subject, choices, with_ids=True)
    return Prepared(inspection, len(inspection.ids or ()))


def draw(inspection: Inspection, look: Look, *, color: bool) -> str:
    """The whole view as text."""
    return "\n".join(view(inspection, Terminal(100, color, _SYMBOLS), look))


def views(*, quick: bool = False) -> str:
    """Milliseconds of each view in colour, their ratio to tokenizing, and how they grow."""
    prompts = [prepared(size) for size in (SIZES[:2] if quick else SIZES)]
    rows = []
    for inspection, tokens in prompts:
        actions = {name: partial(draw, inspection, look, color=True) for name, look in LOOKS.items()}
        tokenize = partial(inspection.wire.prompt.token_ids, inspection.encoding)
        times = medians({"tokenize": tokenize, **actions}, runs=3)
        drawn = [f"{1000 * times[name]:,.0f} ({times[name] / times['tokenize']:.1f})" for name in LOOKS]
        rows.append([f"{tokens:,}", f"{1000 * times['tokenize']:,.1f}", *drawn])
    by_size = {one.tokens: one.inspection for one in prompts}
    slopes = [f"{_growth(by_size, look):.2f}" for look in LOOKS.values()]
    title = (
        "chatml inspect: ms to draw, and in brackets the ratio to tokenizing (goals: 50,000 tokens in"
        f" {SLOWEST * 1000:.0f} ms beyond it, growth at most {STEEPEST})"
    )
    return table(title, ["tokens", "tokenizing, ms", *LOOKS], [*rows, ["growth", "", *slopes]])


def _growth(by_size: dict[int, Inspection], look: Look) -> float:
    return slope(list(by_size), lambda size: partial(draw, by_size[size], look, color=True), runs=2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what the views of a prompt cost.")
    parser.add_argument("--quick", action="store_true", help="leave out the largest prompt")
    print(views(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
