"""Dispatch, start-up, exit statuses. Invariant: nothing but 0, 1, 2 and 130, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, environment, run_python

import chatml.cli
from chatml._version import __version__
from chatml.cli._commands import COMMANDS

HEAVY = (
    "dataclasses",
    "json",
    "regex",
    "tiktoken",
    "chatml._errors",
    "chatml._messages",
    "chatml._prompt",
    "chatml.encodings",
)
CHAT = '[{"role": "user", "content": "Hi"}]'


def test_commands_are_the_public_modules() -> None:
    folder = Path(chatml.cli.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert {module for module, _ in COMMANDS.values()} == {f"chatml.cli.{name}" for name in modules}
    assert all(module == f"chatml.cli.{name}" for name, (module, _) in COMMANDS.items())


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    run_it = f"from chatml.cli import main; main({list(arguments)!r})"
    code = f"import sys; before = set(sys.modules); {run_it}; print(*set(sys.modules) - before, file=sys.stderr)"
    return set(run_python("-c", code, cwd=tmp_path).err.split())


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(run: Run, tmp_path: Path, option: str) -> None:
    assert run(option) == Result(0, f"chatml {__version__}\n", "")
    assert not imported(tmp_path, option) & {*HEAVY, "argparse", "re", "typing"}


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(run: Run, tmp_path: Path, matches: Matches, option: str) -> None:
    result = run(option)
    assert result._replace(out="") == Result(0, "", "")
    matches(result.out, "help")
    assert not imported(tmp_path, option) & {*HEAVY, "argparse", "re", "typing"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(run: Run, tmp_path: Path, command: str) -> None:
    result = run(command, "--help")
    assert result._replace(out="") == Result(0, "", "")
    assert result.out.startswith(f"usage: chatml {command} [-h]")
    assert not imported(tmp_path, command, "--help") & {*HEAVY, "shutil", "typing"}


def test_counting_imports_nothing_needless(tmp_path: Path, write: Write) -> None:
    needless = {
        "difflib",
        "pathlib",
        "shutil",
        "tempfile",
        "traceback",
        "urllib",
        "urllib.parse",
        "html",
        "xml",
        "regex",
        "email",
    }
    names = imported(tmp_path, "count", write("chat.json", CHAT))
    alone = set(run_python("-c", "import sys, tiktoken; print(*sys.modules)", cwd=tmp_path).out.split())
    assert not names & needless - alone


MISUSED = {
    "count": "the following arguments are required: FILE",
    "count x --nope": "unrecognized arguments: --nope",
    "render x y": "unrecognized arguments: y",
    "count x --format xml": "argument --format: found 'xml', expected text or json",
    "count x --color x": "argument --color: found 'x', expected auto, always or never",
    "inspect x --line 0": "argument --line: found '0', expected a number from 1 on",
    "inspect x --line \u00b2": "argument --line: found '\u00b2', expected a number from 1 on",
    "parse x --form y": "argument --form: found 'y', expected chat, sender or sharegpt",
    "render x --untrusted y": "argument --untrusted: found 'y', expected escape, reject or strip",
}
NAMES = "known are cl100k_base, cl100k_im, o200k_base, o200k_harmony, o200k_im"
BY_PATH = "pass the path of a .tiktoken or tokenizer.json file"
UNKNOWN = {
    "": "no command is given; `chatml --help` lists the commands",
    "cuont": "unknown command 'cuont', the nearest is count; `chatml --help` lists the commands",
    "\x1b[2J": r"unknown command '\x1b[2J'; `chatml --help` lists the commands",
    "--color never": "unknown command '--color'; `chatml --help` lists the commands",
    "count x --dialect chatm": "dialect: unknown dialect 'chatm'; the nearest are chatml, chatml-bos, azure-chatml",
    "count x --model gpt-9": "unknown model 'gpt-9', the nearest known are gpt-5, gpt-4, gpt-4o;"
    " pass --dialect for a wire that you know, or run `chatml models` for all names",
    "count x --encoding cl100k_imm": "unknown encoding 'cl100k_imm', the nearest known are cl100k_im, o200k_im,"
    f" cl100k_base; {BY_PATH}",
    "count x --encoding .": f"unknown encoding '.', {NAMES}; {BY_PATH}",
    "count x --encoding a/b": "a/b: there is no such file or folder; check the name; - is standard input",
}


@pytest.mark.parametrize("line", MISUSED)
def test_misused_command(run: Run, line: str) -> None:
    problem = f"{MISUSED[line]}; `chatml {line.split()[0]} --help` lists the options"
    assert run(*line.split()) == Result(2, "", f"chatml: error: {problem}\n")


@pytest.mark.parametrize("line", UNKNOWN)
def test_unknown_names(run: Run, line: str) -> None:
    assert run(*line.split()) == Result(2, "", f"chatml: error: {UNKNOWN[line]}\n")


def test_options_between_files(run: Run, write: Write) -> None:
    one, two = write("a.json", CHAT), write("b.json", CHAT)
    assert run("count", one, "--format", "json", two) == run("count", "--format", "json", one, two)


def test_files_behind_two_dashes(run: Run, write: Write) -> None:
    write("-v", CHAT)
    write("--format", CHAT)
    result = run("count", "--model", "gpt-4o", "--", "-v", "--format")
    assert result == Result(
        0, "tokens  status  file\n     8  exact   ./-v\n     8  exact   ./--format\n    16  exact   total\n", ""
    )
    assert (
        run("count", "--model", "gpt-4o", "--", "-", stdin=CHAT.encode()).out
        == "tokens  status  file\n     8  exact   <stdin>\n"
    )


def test_internal_error_is_one_line(tmp_path: Path, write: Write) -> None:
    code = (
        "import chatml.cli, chatml.cli._counting as m\n"
        "def fail(arguments): raise KeyError('a\\nb\\x1b')\n"
        "m.count_files = fail\n"
        f"print(chatml.cli.main(['count', {write('a.json', CHAT)!r}]))"
    )
    line = "chatml: internal error: KeyError: 'a\\nb\\x1b'; please report this, with what CHATML_DEBUG=1 prints\n"
    assert run_python("-c", code, cwd=tmp_path) == Result(0, "2\n", line)
    debug = run_python("-c", code, cwd=tmp_path, CHATML_DEBUG="1")
    assert debug.err.startswith("Traceback (most recent call last):\n")
    assert debug.err.endswith(line)


def test_interrupt(tmp_path: Path) -> None:
    code = (
        "import sys, chatml.cli, chatml.cli._files as m\ndef stop(path): raise KeyboardInterrupt\nm.is_folder = stop\n"
    )
    assert run_python("-c", f"{code}sys.exit(chatml.cli.main(['count', 'x']))", cwd=tmp_path) == Result(130, "", "")


def _heed_interrupts() -> None:
    """What is started in the background ignores them, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_interrupt_by_signal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "chatml", "count", "nope", "-"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,
    ) as process:
        assert process.stderr is not None
        assert b"nope" in process.stderr.readline()  # then it waits for standard input
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_broken_pipe(tmp_path: Path, write: Write) -> None:
    write("big.json", '[{"role": "user", "content": "%s"}]' % ("x" * 2_000_000))
    with subprocess.Popen(
        [sys.executable, "-m", "chatml", "render", "big.json"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(12) == b"<|im_start|>"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(10) == 0


def shell(command: str, cwd: Path) -> Result:
    done = subprocess.run(
        ["sh", "-c", command.replace("chatml", f"{sys.executable} -m chatml")],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full")
@pytest.mark.parametrize("arguments", ["--version", "--help", "count --help", "models", "render chat.json"])
def test_full_disk(tmp_path: Path, write: Write, arguments: str) -> None:
    write("chat.json", CHAT)
    error = "chatml: error: standard output: cannot write: No space left on device\n"
    assert shell(f"chatml {arguments} > /dev/full", tmp_path) == Result(2, "", error)


@pytest.mark.skipif(os.name == "nt", reason="shell")
def test_closed_streams(tmp_path: Path, write: Write) -> None:
    write("chat.json", CHAT)
    assert shell("chatml render chat.json >&-", tmp_path) == Result(0, "", "")
    assert shell("chatml count nope 2>&-", tmp_path) == Result(2, "", "")
    error = "chatml: error: <stdin>: standard input is closed; name a file\n"
    assert shell("chatml render - <&-", tmp_path) == Result(2, "", error)
