"""Files and snapshots for the tests of the command line.

Snapshots are files in `snapshots/`. Refresh them all, and review the difference like code:

    UPDATE_SNAPSHOTS=1 python -m pytest tests/cli
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, environment, run_here, run_python

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SNAPSHOTS = Path(__file__).with_name("snapshots")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds; leave out with -m 'not slow'")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `chatml` with arguments in a temporary folder."""

    def call(*arguments: str, stdin: bytes = b"", **changes: str) -> Result:
        return run_python("-m", "chatml", *arguments, cwd=tmp_path, stdin=stdin, **changes)

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `chatml` in this process, in a temporary folder; processes cost half a second each."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: bytes = b"", **changes: str) -> Result:
        with monkeypatch.context() as patch:
            for name in set(os.environ) - set(environment()):
                patch.delenv(name)
            for name, value in environment(**changes).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status, out, err = run_here(*arguments)
        return Result(status, out.decode(), err.decode())

    return call


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into the temporary folder and return its name."""

    def call(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return call


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The temporary folder, with the example files in it."""
    for path in EXAMPLES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def matches() -> Matches:
    """Compare a text with a snapshot; escape characters are kept in it as U+241B."""

    def call(text: str, name: str) -> None:
        path = SNAPSHOTS / f"{name}.txt"
        shown = text.replace("\x1b", "\u241b")
        if os.environ.get("UPDATE_SNAPSHOTS"):
            path.write_text(shown, encoding="utf-8", newline="\n")
        assert shown == path.read_bytes().decode()

    return call
