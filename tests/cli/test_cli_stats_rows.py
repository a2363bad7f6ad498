"""Rows of `chatml stats`: from bytes to whole lines, the names of what they say, and many of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import run_python
from hypothesis import given
from hypothesis import strategies as st

from chatml._messages import read_messages
from chatml.cli._stats_files import blocks
from chatml.cli._stats_rows import names_of

TOOL = {"type": "function", "function": {"name": "get", "parameters": {"type": "object", "properties": {}}}}


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"bb", b"\n\n", b"c" * 9]), max_size=30),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_blocks_are_the_lines(pieces: list[bytes], size: int, most: int) -> None:
    data = b"".join(pieces)
    found = list(blocks([data[start : start + size] for start in range(0, len(data), size)], most))
    rows: dict[int, bytes | None] = {}
    for line, block in found:
        for number, row in enumerate((block or b"").split(b"\n"), line):
            rows.update({number: row} if row else {})
        rows.update({line: None} if block is None else {})
    expected = {number: row for number, row in enumerate(data.split(b"\n"), 1) if row}
    # a line is refused for its size only where it does not stand within one piece
    assert {number: row for number, row in rows.items() if row is not None} == {
        number: row for number, row in expected.items() if rows[number] is not None
    }
    assert rows.keys() == expected.keys()
    assert all(len(expected[number]) > most for number, row in rows.items() if row is None)


class TestNames:
    """Conversations have one name when they say the same."""

    def test_in_any_form(self) -> None:
        def name(*messages: dict[str, Any], **request: Any) -> bytes:
            return names_of(read_messages(messages), request)[0]

        plain = name({"role": "user", "content": "a"})
        assert plain == name({"from": "human", "value": "a"})
        assert plain == name({"role": "user", "content": [{"type": "text", "text": "a"}], "id": 7})
        others = [
            name({"role": "user", "content": "a", "name": "b"}), name({"role": "assistant", "content": "a"}),
            name({"role": "user", "content": "a"}, tools=[TOOL]), name({"role": "user", "content": "a0 0:"}), name(),
            name({"role": "user", "content": ""}, {"role": "user", "content": "a"}),
            name({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]}),
        ]  # fmt: skip
        assert len({plain, *others}) == len(others) + 1


@pytest.mark.slow
def test_twenty_thousand_rows(tmp_path: Path) -> None:
    """Memory stays small: some 54 bytes a conversation."""
    rows = "".join(
        f'{{"messages": [{{"role": "user", "content": "row {number % 10_000}"}}]}}\n' for number in range(20_000)
    )
    (tmp_path / "rows.jsonl").write_text(rows)
    result = run_python("-m", "chatml", "stats", "rows.jsonl", "--format", "json", cwd=tmp_path)
    found = json.loads(result.out)
    assert (result.status, found["conversations"], found["duplicates"]["conversations"]) == (0, 20_000, 10_000)
