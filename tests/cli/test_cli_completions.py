"""`chatml completions`: scripts that know every command and option there is, and that shells can read."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_process import run_here

from chatml.cli._commands import COMMANDS
from chatml.cli._completion import Argument, Command, _bash, _fish, _zsh, commands, script
from chatml.dialects import dialect_names
from chatml.lint.reporters import REPORTERS


def bash_says(tmp_path: Path, *words: str, source: str | None = None) -> list[str]:
    """What bash offers for the last of some words."""
    (tmp_path / "chatml.bash").write_text(source or script("bash"), encoding="utf-8")
    line = " ".join(map(shlex.quote, words))
    asked = f'. ./chatml.bash; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _chatml; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@bash
def test_bash(tmp_path: Path) -> None:
    assert bash_says(tmp_path, "chatml", "") == [*COMMANDS, "--help", "--version"]
    assert bash_says(tmp_path, "chatml", "comp") == ["completions"]
    assert bash_says(tmp_path, "chatml", "fmt", "--d") == ["--diff", "--dialect"]
    assert bash_says(tmp_path, "chatml", "fmt", "x.json", "--ch") == ["--check"]
    assert bash_says(tmp_path, "chatml", "count", "--format", "") == ["text", "json"]
    assert bash_says(tmp_path, "chatml", "count", "--dialect", "") == list(dialect_names())
    assert bash_says(tmp_path, "chatml", "convert", "--to", "s") == ["sharegpt", "sharegpt-jsonl"]
    assert bash_says(tmp_path, "chatml", "render", "-o", "") == []  # bash then offers files
    assert bash_says(tmp_path, "chatml", "completions", "z") == ["zsh"]
    assert bash_says(tmp_path, "chatml", "explain", "CML001") == ["CML001"]
    assert bash_says(tmp_path, "chatml", "no-such", "x") == []
    if "lint" in COMMANDS:
        assert bash_says(tmp_path, "chatml", "lint", "--output-format", "") == list(REPORTERS)


def test_all_options_are_known() -> None:
    for command in commands():
        names = {name for one in command.options for name in one.names}
        for shell in ("bash", "zsh", "fish"):
            text = script(shell)
            assert command.name in text
            if shell != "fish":
                assert all(name in text for name in names)
        helped = run_here(command.name, "--help").out.decode()
        assert all(name in helped for name in names)
        assert {word.rstrip(",") for word in helped.split() if word.startswith("--") and word[2:].strip(",.;)")} >= {
            name for name in names if name.startswith("--")
        }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_read_it(shell: str, tmp_path: Path) -> None:
    done = run_here("completions", shell)
    assert (done.status, done.err) == (0, b"")
    assert done.out.decode() == script(shell)
    if shutil.which(shell):
        (tmp_path / "script").write_bytes(done.out)
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True, capture_output=True, timeout=30)


ODD = Command("odd", "it's 50%", (Argument(("--odd",), "don't [x]: \\", ("it's", "b"), True, False),))


@bash
def test_quotes() -> None:
    source = "".join(f"{line}\n" for line in _bash((ODD,)))
    subprocess.run(["bash", "-n"], input=source.encode(), check=True, timeout=30)
    assert "      'odd --odd') words='it'\\''s b' ;;" in source.splitlines()
    assert "      '*--odd[don'\\''t \\[x\\]\\: \\\\]:value:(it'\\''s b)' \\" in list(_zsh((ODD,)))
    assert list(_fish((ODD,)))[1:] == [
        "complete -c chatml -n __fish_use_subcommand -f -a odd -d 'it\\'s 50%'",
        "complete -c chatml -n '__fish_seen_subcommand_from odd' -l odd -x -a 'it\\'s b' -d 'don\\'t [x]: \\\\'",
    ]


def test_another_shell() -> None:
    done = run_here("completions", "tcsh")
    text = "argument bash|zsh|fish: found 'tcsh', expected bash, zsh or fish"
    hint = "`chatml completions --help` lists the options"
    assert (done.status, done.err.decode()) == (2, f"chatml: error: {text}; {hint}\n")
