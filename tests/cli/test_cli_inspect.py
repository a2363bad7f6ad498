"""What `inspect` shows, and what terminals get. Views are compared with snapshots, see `conftest.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, environment
from cli_samples import BAD, TOOLS

TITLES = "tokens  status  file\n"


class TestInspect:
    @pytest.mark.parametrize(
        ("name", "arguments", "columns"),
        [
            ("inspect-messages", ("support.json", "--model", "gpt-4o"), "80"),
            ("inspect-messages-60", ("support.json",), "60"),
            ("inspect-messages-colour", ("support.json", "--color", "always"), "80"),
            ("inspect-harmony", ("support.json", "--model", "gpt-5"), "80"),
            ("inspect-text", ("support.chatml", "--ids"), "80"),
            ("inspect-text-as-model", ("support.chatml", "--model", "gpt-4"), "80"),
            ("inspect-line", ("conversations.jsonl", "--line", "2", "--dialect", "qwen2"), "80"),
            ("inspect-bad", ("bad.chatml",), "80"),
            ("inspect-bad-colour", ("bad.chatml", "--color", "always"), "80"),
            ("inspect-tools", ("tools.json",), "80"),
            ("inspect-tools-in-dialect", ("tools.json", "--dialect", "hermes3"), "80"),
            ("inspect-full-window", ("full.json", "--model", "gpt-3.5-turbo"), "80"),
            ("inspect-json", ("support.chatml", "--format", "json", "--ids"), "80"),
            ("inspect-json-tools", ("tools.json", "--format", "json"), "80"),
        ],
    )
    @pytest.mark.usefixtures("examples")
    def test_views(
        self,
        run: Run,
        write: Write,
        matches: Matches,
        name: str,
        arguments: tuple[str, ...],
        columns: str,
    ) -> None:
        write("bad.chatml", BAD)
        write("tools.json", json.dumps(TOOLS))
        write("full.json", json.dumps([{"role": "user", "content": "no " * 17_000}]))
        result = run("inspect", *arguments, COLUMNS=columns)
        assert result._replace(out="") == Result(0, "", "")
        if name == "inspect-full-window":
            result = result._replace(out=result.out.partition("Prompt")[0])
        matches(result.out, name)

    @pytest.mark.usefixtures("examples")
    def test_several_conversations(self, run: Run) -> None:
        problem = "conversations.jsonl holds 3 conversations; choose one with --line N"
        assert run("inspect", "conversations.jsonl") == Result(2, "", f"chatml: error: {problem}\n")

    def test_nothing_dangerous_comes_out(self, run: Run, write: Write) -> None:
        hostile = "".join(
            map(chr, [*range(32), 127, *range(0x80, 0xA0), 0x200B, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE0041])
        )
        write(
            "hostile.json",
            json.dumps([{"role": "user", "content": hostile, hostile: 1}, {"role": "x" + hostile[:0], "content": ""}]),
        )
        write("hostile.chatml", f"<|im_start|>{hostile}\n{hostile}<|im_end|>{hostile}")
        for name in ("hostile.json", "hostile.chatml"):
            for arguments in (("inspect", name), ("inspect", name, "--format", "json"), ("count", "-v", name)):
                result = run(*arguments)
                assert result.status == 0
                assert not set(result.out + result.err) & set(hostile) - {"\n"}


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals")
class TestTerminal:
    def output(self, cwd: Path, *arguments: str, **changes: str) -> str:
        import pty

        leader, follower = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "chatml", *arguments],
            cwd=cwd,
            env=environment(TERM="xterm", **changes),
            stdout=follower,
        ) as process:
            os.close(follower)
            data = b""
            try:
                while chunk := os.read(leader, 4096):
                    data += chunk
            except OSError:  # how Linux says that the other end is closed
                pass
            os.close(leader)
            assert process.wait(10) == 0
        return data.decode().replace("\r\n", "\n")

    def test_render_shows_controls(self, tmp_path: Path, write: Write) -> None:
        write("hostile.json", json.dumps([{"role": "user", "content": "a\x1b[2J\tb\u202e\n"}]))
        shown = "<|im_start|>user\na\\x1b[2J\tb<U+202E>\n<|im_end|>\n"
        assert self.output(tmp_path, "render", "hostile.json").replace("        ", "\t") == shown

    def test_colour_is_for_terminals(self, tmp_path: Path, write: Write) -> None:
        write("chat.chatml", "<|im_start|>user\nHi<|im_end|>\n")
        assert "\x1b[32mexact\x1b[0m" in self.output(tmp_path, "count", "chat.chatml")
        plain = f"{TITLES}     6  exact   chat.chatml\n"
        assert self.output(tmp_path, "count", "chat.chatml", NO_COLOR="1") == plain
        assert self.output(tmp_path, "count", "chat.chatml", "--color", "never") == plain

    def test_poor_terminal(self, tmp_path: Path, write: Write) -> None:
        write("chat.json", json.dumps([{"role": "user", "content": "é 漢"}]))
        shown = self.output(tmp_path, "inspect", "chat.json", NO_COLOR="1", PYTHONIOENCODING="ascii")
        assert shown.isascii()
        assert "    0 | <|im_start|>user<|im_sep|>\\xe9 \\u6f22<|im_end|>" in shown
        assert "#....." in shown
