"""What `inspect` shows, and what terminals get. Views are compared with snapshots, see `conftest.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, environment
from cli_samples import BAD, CHAT, TOOLS

import chatml

TITLES = "tokens  status  file\n"


class TestInspect:
    @pytest.mark.parametrize(
        ("name", "arguments", "columns"),
        [
            ("inspect-messages", ("support.json", "--model", "gpt-4o"), "80"),
            ("inspect-messages-60", ("support.json",), "60"),
            ("inspect-messages-160", ("support.json",), "160"),
            ("inspect-messages-60-colour", ("support.json", "--color", "always"), "60"),
            ("inspect-messages-160-colour", ("support.json", "--color", "always"), "160"),
            ("inspect-reserve", ("support.json", "--reserve", "40000", "--model", "gpt-4o"), "80"),
            ("inspect-reserve-too-long", ("support.json", "--reserve", "8000", "--model", "gpt-4"), "80"),
            ("inspect-reserve-no-window", ("support.chatml", "--reserve", "8000"), "80"),
            ("inspect-message", ("support.json", "--message", "5", "--ids"), "80"),
            ("inspect-bad-as-model", ("bad.chatml", "--model", "gpt-4", "--encoding", "o200k_im"), "80"),
            ("inspect-tools-60", ("tools.json",), "60"),
            ("inspect-tools-160", ("tools.json",), "160"),
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

    def test_many_findings_and_problems(self, run: Run, write: Write) -> None:
        content = "<|im_end|>\n" * 25
        write("many.json", json.dumps([{"role": "user", "content": content, **{f"x{n}": 1 for n in range(25)}}]))
        out = run("inspect", "many.json").out
        assert out.count("error literal") == out.count("is not part of a prompt") == 20
        assert out.count("\n  and 5 more\n") == 2

    @pytest.mark.parametrize(
        ("role", "content", "findings"),
        [
            ("system", "Fill in {{ config.name }} and {{ x.__class__ }}.\n\nHuman: hi\n## Instruction: <think>", 0),
            ("assistant", "user name=bob\n", 0),
            ("user", "Fill in {{ name }} and ${HOME}.\n\nHuman: hi\n### Instruction: go, a < b and [x]", 0),
            ("user", "user name=bob\n", 1),
            ("user", "&lt;|im_end|&gt; %3C|im_end|%3E <\uff5cim_end|>", 3),
            ("system", "<|im_end|>", 1),
            ("assistant", "<think></think>", 0),
            ("tool", "<think></think>", 2),
        ],
    )
    def test_what_is_a_finding(self, run: Run, write: Write, role: str, content: str, findings: int) -> None:
        write("one.json", json.dumps([{"role": role, "content": content}]))
        found = json.loads(run("inspect", "one.json", "--format", "json").out)["findings"]
        assert len(found) == findings
        assert all(one["message"] == 0 and one["field"] == "content" for one in found)
        assert all(content[one["start"] : one["end"]] == one["spelling"] for one in found)
        assert ("\nFindings\n" in run("inspect", "one.json").out) == bool(findings)

    def test_fields_that_are_scanned(self, run: Run, write: Write) -> None:
        end = "<|im_end|>"
        call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": json.dumps({"a": end})}}
        message = {"role": "assistant", "content": None, "refusal": end, "reasoning": "", "tool_calls": [call]}
        write("fields.json", json.dumps([{"role": "user", "content": "Hi"}, message]))
        out = run("inspect", "fields.json").out
        assert "  messages[1].refusal:1:1: error literal: '<|im_end|>', read as the end of a\n" in out
        assert "  messages[1].tool_calls[0].arguments:1:8: error literal: '<|im_end|>', read\n" in out
        assert "chatml render" not in out  # in the prompt is neither

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("--message", "2"), "two.json: --message: there is no message 2, they are numbered 0 to 1"),
            (("--message", "x"), "argument --message: found 'x', expected a number from 0 on"),
            (("--reserve", "0"), "argument --reserve: found '0', expected a number from 1 on"),
            (
                ("--tokens", "--format", "json"),
                "--tokens: this is for the view in a terminal, found it with --format json",
            ),
            (
                ("--message", "0", "--html", "x.html"),
                "--message: this is for the view in a terminal, found it with --html",
            ),
            (
                ("--whitespace", "--html", "x.html"),
                "--whitespace: this is for the view in a terminal, found it with --html",
            ),
        ],
    )
    def test_wrong_options(self, run: Run, write: Write, arguments: tuple[str, ...], problem: str) -> None:
        write("two.json", json.dumps([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}]))
        hints = {
            "there is no": "the numbers are those of the table",
            "argument": "`chatml inspect --help` lists the options",
            "--html": "leave it out: --html has everything",
            "json": "leave it out: --format json has everything",
        }
        hint = next(hint for part, hint in hints.items() if part in problem)
        assert run("inspect", "two.json", *arguments) == Result(2, "", f"chatml: error: {problem}; {hint}\n")

    def test_the_only_message(self, run: Run, write: Write) -> None:
        write("one.json", CHAT)
        problem = (
            "one.json: --message: there is no message 1, the only one is number 0; the numbers are those of the table"
        )
        assert run("inspect", "one.json", "--message", "1") == Result(2, "", f"chatml: error: {problem}\n")

    @pytest.mark.parametrize("options", [(), ("--tokens",), ("--tokens", "--ids"), ("--whitespace",)])
    def test_odd_sizes(self, run: Run, write: Write, options: tuple[str, ...]) -> None:
        write("short.chatml", "<|im_start|>")
        write("blank.json", json.dumps([{"role": "user", "content": ""}]))
        write("huge.json", json.dumps([{"role": "user", "content": "ab" * 2**19}]))
        for name in ("short.chatml", "blank.json", "huge.json"):
            result = run("inspect", name, *options)
            assert (result.status, result.err) == (0, "")
            assert max(map(len, result.out.split("\n"))) <= 80

    @pytest.mark.usefixtures("examples")
    def test_several_conversations(self, run: Run) -> None:
        problem = "conversations.jsonl holds 3 conversations; choose one with --line N"
        assert run("inspect", "conversations.jsonl") == Result(2, "", f"chatml: error: {problem}\n")

    def test_a_faulty_row_hides_no_other(self, run: Run, write: Write) -> None:
        write("rows.jsonl", '[{"role": "user", "content": "Hi"}]\n{"messages": [\n\n[]\n{"x": 1}\n')
        assert "(on line 1 of JSONL)" in run("inspect", "rows.jsonl", "--line", "1").out
        assert "(on line 4 of JSONL)" in run("inspect", "rows.jsonl", "--line", "4").out
        errors = {line: run("inspect", "rows.jsonl", "--line", line).err for line in ("2", "3", "5")}
        assert errors["2"].startswith("chatml: error: rows.jsonl:2:15: this is not valid JSON")
        assert errors["3"].endswith("no conversation of rows.jsonl begins on line 3, they begin on 1, 4\n")
        assert errors["5"].startswith("chatml: error: rows.jsonl:5:1: found an object with 'x'")
        assert "rows.jsonl:2:15: this is not valid JSON" in run("inspect", "rows.jsonl").err
        write("bad.json", "[\n")
        assert "this is not valid JSON" in run("inspect", "bad.json", "--line", "1").err

    @pytest.mark.parametrize("options", [(), ("--encoding", "cl100k_im")])
    def test_plain_text_for_a_model(self, run: Run, write: Write, options: tuple[str, ...]) -> None:
        text = "Bonjour, ça va ? <|endoftext|>"
        write("note.txt", text)
        shown = json.loads(run("inspect", "note.txt", "--model", "gpt-4o", "--format", "json", *options).out)
        name = options[-1] if options else "o200k_im"
        total = len(chatml.get_encoding(name).encode_ordinary(text))
        assert (shown["model"], shown["encoding"], shown["total"], shown["window"]) == ("gpt-4o", name, total, 128_000)
        for command in ("count", "stats"):
            assert json.dumps(total) in run(command, "note.txt", "--model", "gpt-4o", "--format", "json", *options).out

    def test_what_costs_nothing_takes_no_room(self, run: Run, write: Write) -> None:
        function = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
        call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
        messages = [{"role": "system", "content": "Be kind."}, {"role": "assistant", "tool_calls": [call]}]
        write("tools.json", json.dumps({"messages": messages, "tools": [function]}))
        out = run("inspect", "tools.json").out
        assert "tools in a system message" not in out
        assert "[call] look(" in out

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
