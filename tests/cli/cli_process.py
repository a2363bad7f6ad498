"""Running the command line, as a process or in this one."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import chatml
from chatml.cli import main

ROOT = Path(chatml.__file__).resolve().parents[1]


class Result(NamedTuple):
    """What a process left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


def environment(**changes: str) -> dict[str, str]:
    """The environment of a run: nothing of the user's that changes the output."""
    ours = ("CHATML", "NO_COLOR", "PYTHON", "CI", "GITHUB_ACTIONS", "TF_BUILD")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
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


class Captured(NamedTuple):
    """What a run in this process left."""

    status: int
    out: bytes
    err: bytes


def run_here(*arguments: str) -> Captured:
    """Run the command line in this process, with streams that encode as those of a process do."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    written = []
    for stream in (out, err):
        stream.seek(0)
        written.append(stream.buffer.read())
    return Captured(status, *written)


Write = Callable[[str, "str | bytes"], str]
Matches = Callable[[str, str], None]
