"""What is longer than the screen goes through a pager, and nothing is lost whatever the pager does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_process import Run, Write, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals")

ROWS = 24
READS = (
    f'{shlex.quote(sys.executable)} -c \'import sys; text = sys.stdin.read(); print("PAGED", "LASTWORD"[:4] in text)\''
)


class Seen(NamedTuple):
    """What a terminal got, and the status."""

    text: str
    status: int


def on_terminal(
    cwd: Path, *arguments: str, rows: int = ROWS, keys: bytes = b"", wait_for: bytes = b"", **changes: str
) -> Seen:
    """Run `chatml` with a terminal of `rows` lines; once it shows `wait_for`, type `keys`."""
    import fcntl
    import pty
    import termios

    kept = {key: value for key, value in environment(**{"TERM": "xterm", **changes}).items() if key != "LINES"}
    for name in {"PAGER", "CHATML_PAGER", "LESS"} - changes.keys():
        kept.pop(name, None)
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "chatml", *arguments], cwd=cwd, env=kept, stdin=follower, stdout=follower,
        stderr=follower, start_new_session=True, preexec_fn=_own_terminal,
    ) as process:  # fmt: skip
        os.close(follower)
        data = b""
        try:
            while chunk := os.read(leader, 4096):
                data += chunk
                if keys and wait_for in data:
                    time.sleep(0.2)  # until the pager reads keys
                    os.write(leader, keys)
                    keys = b""
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(leader)
        return Seen(data.decode(errors="replace").replace("\r\n", "\n"), process.wait(20))


def _own_terminal() -> None:
    """Make the terminal the one that Ctrl-C is typed at."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def long_file(write: Write) -> str:
    """A file of which the view has more lines than the screen; the last word of the prompt is LASTWORD."""
    return write("long.json", json.dumps([{"role": "user", "content": "line\n" * 100 + "LASTWORD"}]))


def test_long_output_is_paged(tmp_path: Path, long_file: str) -> None:
    seen = on_terminal(tmp_path, "inspect", long_file, PAGER=READS)
    assert seen == Seen("PAGED True\n", 0)


def test_own_variable_comes_first(tmp_path: Path, long_file: str) -> None:
    assert on_terminal(tmp_path, "inspect", long_file, PAGER="false", CHATML_PAGER=READS).text == "PAGED True\n"


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (("--no-pager",), {}),
        ((), {"TERM": "dumb"}),
        ((), {"CI": "true"}),
        ((), {"PAGER": ""}),
        ((), {"PAGER": "cat"}),
        ((), {"CHATML_PAGER": "", "PAGER": READS}),
        (("--format", "json"), {}),
    ],
)
def test_where_there_is_none(tmp_path: Path, long_file: str, options: tuple[str, ...], changes: dict[str, str]) -> None:
    seen = on_terminal(tmp_path, "inspect", long_file, *options, **{"PAGER": READS, **changes})
    assert "PAGED" not in seen.text
    assert "LASTWORD" in seen.text
    assert seen.status == 0


def test_differences_are_paged(tmp_path: Path, long_file: str, write: Write) -> None:
    write("none.json", "[]")
    command = ("diff", "none.json", long_file, "--all")
    assert on_terminal(tmp_path, *command, PAGER=READS) == Seen("PAGED True\n", 1)
    assert "PAGED" not in on_terminal(tmp_path, *command, "--no-pager", PAGER=READS).text


def test_short_output_is_not_paged(tmp_path: Path, long_file: str) -> None:
    assert "PAGED" not in on_terminal(tmp_path, "inspect", long_file, PAGER=READS, rows=300).text


def test_a_pipe_is_not_paged(run: Run, long_file: str) -> None:
    assert "PAGED" not in run("inspect", long_file, PAGER=READS, TERM="xterm").out


@pytest.mark.parametrize("pager", ["no-such-pager", "'", "false", "sh -c 'kill -SEGV $$'", "/"])
def test_a_pager_that_fails_loses_nothing(tmp_path: Path, long_file: str, pager: str) -> None:
    seen = on_terminal(tmp_path, "inspect", long_file, PAGER=pager)
    assert seen.text.count("line") >= 100
    assert "LASTWORD" in seen.text
    assert seen.status == 0


@pytest.mark.parametrize("pager", ["true", "head -n 3", "sh -c 'exit 130'", "sh -c 'kill -INT $$'"])
def test_who_quits_early_has_seen_enough(tmp_path: Path, long_file: str, pager: str) -> None:
    seen = on_terminal(tmp_path, "inspect", long_file, PAGER=pager)
    assert "LASTWORD" not in seen.text
    assert seen.status == 0


def test_less_by_default(tmp_path: Path, long_file: str) -> None:
    seen = on_terminal(tmp_path, "inspect", long_file, keys=b"q", wait_for=b"line")
    assert "\x1b[1m" in seen.text  # colours pass
    assert "LASTWORD" not in seen.text
    assert seen.status == 0


def test_ctrl_c_is_the_pager_s(tmp_path: Path, long_file: str) -> None:
    # a pager that Ctrl-C ends
    pager = f"{shlex.quote(sys.executable)} -c 'import sys, time, signal; signal.signal(2, signal.SIG_DFL); print(\"READY\", flush=True); time.sleep(20)'"  # noqa: E501 - a command
    seen = on_terminal(tmp_path, "inspect", long_file, PAGER=pager, keys=b"\x03", wait_for=b"READY")
    assert "LASTWORD" not in seen.text
    assert "Traceback" not in seen.text
    assert seen.status == 0


def test_settings_of_the_user_stand(tmp_path: Path, long_file: str) -> None:
    shows = f"{shlex.quote(sys.executable)} -c 'import os, sys; sys.stdin.read(); print(os.environ[\"LESS\"])'"
    assert on_terminal(tmp_path, "inspect", long_file, PAGER=shows).text == "FRX\n"
    assert on_terminal(tmp_path, "inspect", long_file, PAGER=shows, LESS="-i").text == "-i\n"


def test_nothing_dangerous_goes_through(tmp_path: Path, write: Write) -> None:
    hostile = "::error::x\n\x1b]0;title\x07\n##[group]\n" * 40
    write("hostile.json", json.dumps([{"role": "user", "content": hostile}]))
    copies = f"{shlex.quote(sys.executable)} -c 'import sys; sys.stdout.write(sys.stdin.read())'"
    for options in ((), ("--tokens",), ("--tokens", "--ids")):
        text = on_terminal(tmp_path, "inspect", "hostile.json", *options, "--color", "never", PAGER=copies).text
        assert "error" in text
        assert not set(text) & {"\x1b", "\x07"}
        assert "##[" not in text


def test_interrupts_are_heard_again() -> None:
    from chatml.cli import _pager

    before = signal.getsignal(signal.SIGINT)
    assert _pager._run(["true"], "text\n")
    assert signal.getsignal(signal.SIGINT) is before
