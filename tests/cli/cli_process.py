"""Running the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import chatml

ROOT = Path(chatml.__file__).resolve().parents[1]


class Result(NamedTuple):
    """What a process left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


def environment(**changes: str) -> dict[str, str]:
    """The environment of a run: nothing of the user's that changes the output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CHATML", "NO_COLOR", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **changes}


def run_python(*arguments: str, cwd: Path, stdin: bytes = b"", **changes: str) -> Result:
    """Run Python in `cwd`; `changes` are variables of the environment."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment(**changes),
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


Write = Callable[[str, "str | bytes"], str]
Matches = Callable[[str, str], None]
