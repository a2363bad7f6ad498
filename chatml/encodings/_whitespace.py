r"""Long runs of white space, which tiktoken's split patterns cannot match.

`\s+(?!\S)` keeps one backtracking state for each character, and the engine gives up at 999,999 of them: tiktoken then
panics (openai/tiktoken#15, #245). Such a run is one piece, with boundaries that can be told without the pattern.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatml.encodings._patterns import RUN_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Runs of this many characters are cut out before the pattern sees them: half of what it can match
LONG_RUN = 500_000


def long_pieces(text: str, pattern: str, least: int = LONG_RUN) -> Iterator[tuple[int, int]]:
    """Find the pieces (start, end) that `pattern` makes of white space runs with `least` (at least 2) characters.

    A run ends before a line end, before another character, which takes the last one of the run into its own piece if
    it can, or with the text. One that ends before a line end is part of a piece that the engine can match. Nothing
    before the run reaches into it, for only line ends can follow punctuation in its piece. An unknown pattern has none.

    Looks at every `least`-th character, so the cost is small unless there is much white space.
    """
    characters = RUN_CHARACTERS.get(pattern)
    if characters is None:
        return
    run = re.compile(f"[{characters}]*")
    done = 0
    for sample in range(least - 1, len(text), least):
        if sample < done or text[sample] not in characters:
            continue
        # The run begins after the sample before, or that one would have found it
        begin = max(done, sample - least + 1)
        start = begin + len(text[begin:sample].rstrip(characters))
        match = run.match(text, sample)
        done = match.end() if match else sample
        if done - start >= least and text[done : done + 1] not in ("\r", "\n"):
            yield start, done if done == len(text) else done - 1
