"""What `diff` shows, says and returns. Views are compared with snapshots, see `conftest.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import ROOT, Matches, Result, Run, Write
from cli_samples import BAD, TOOLS

OWN = "[models.gpt-4o]\ninput_price = 2.5\ncached_input_price = 1.25\n"
NO_FILE = "none.json: there is no such file or folder; check the name; - is standard input"
PRICELESS = "chatml: note: no price is known for {}: name a file with prices by --models\n"
BEFORE = [
    {"role": "system", "content": "You sell shoes. Refunds within 30 days.\nBe brief.\n" + "Never guess. " * 20},
    {"role": "user", "content": "Hi! 見つかりました、ありがとう!"},
    {"role": "assistant", "content": "Hello! How may I help?"},
    {"role": "user", "content": "What is <|im_start|>?"},
    {"role": "assistant", "content": "A marker."},
    {"role": "user", "content": "Thanks"},
]
AFTER = [
    {**BEFORE[0], "content": BEFORE[0]["content"].replace("30", "14").replace("guess. Never", "guess, never", 1)},
    BEFORE[1],
    {**BEFORE[2], "name": "bob"},
    BEFORE[4],
    {"role": "user", "content": "Bye\nnow"},
]


@pytest.fixture
def files(write: Write) -> None:
    """The files that most tests compare."""
    write("before.json", json.dumps(BEFORE))
    write("after.json", json.dumps({"model": "gpt-4o", "messages": AFTER}))
    write("own.toml", OWN)
    long = [{"role": role, "content": f"{role} {turn}"} for turn in range(9) for role in ("user", "assistant")]
    write("long.json", json.dumps(long))
    write("longer.json", json.dumps([*long[:9], {"role": "assistant", "content": "other"}, *long[10:]]))
    write("tools.json", json.dumps(TOOLS))
    write("fewer.json", json.dumps({**TOOLS, "tools": []}))
    calls = json.loads(json.dumps(TOOLS))
    calls["messages"][1]["tool_calls"][0]["function"]["arguments"] = '{"where": "there"}'
    calls["model"] = "gpt-4o"
    write("calls.json", json.dumps(calls))
    write("chat.chatml", "<|im_start|>user\nHi<|im_end|>\n")
    write("spaces.chatml", "<|im_start|>user \nHi<|im_end|>\n<|im_start|>assistant\n")
    write("phi.chatml", "<|im_start|>user<|im_sep|>Hi<|im_end|>")
    write("other.chatml", "<|im_start|>user<|im_sep|>Hi there<|im_end|>")
    write("empty.json", "[]")


@pytest.mark.usefixtures("files")
class TestViews:
    @pytest.mark.parametrize(
        ("name", "arguments", "columns"),
        [
            ("diff-60", ("before.json", "after.json"), "60"),
            ("diff-80", ("before.json", "after.json", "--cost", "--models", "own.toml"), "80"),
            ("diff-160", ("before.json", "after.json"), "160"),
            ("diff-60-colour", ("before.json", "after.json", "--color", "always"), "60"),
            ("diff-80-colour", ("before.json", "after.json", "--color", "always"), "80"),
            ("diff-160-colour", ("before.json", "after.json", "--color", "always"), "160"),
            ("diff-all", ("before.json", "after.json", "--all"), "80"),
            ("diff-json", ("before.json", "after.json", "--format", "json", "--cost", "--models", "own.toml"), "80"),
            ("diff-long", ("long.json", "longer.json"), "80"),
            ("diff-context", ("long.json", "longer.json", "--context", "3"), "80"),
            ("diff-context-0", ("long.json", "longer.json", "--context", "0"), "80"),
            ("diff-tools", ("tools.json", "fewer.json"), "80"),
            ("diff-calls", ("tools.json", "calls.json"), "80"),
            ("diff-dropped", ("tools.json", "calls.json", "--dialect", "chatml"), "80"),
            ("diff-texts", ("chat.chatml", "spaces.chatml"), "80"),
            ("diff-texts-of-two-dialects", ("chat.chatml", "other.chatml"), "80"),
            ("diff-text-and-messages", ("long.json", "chat.chatml"), "80"),
            ("diff-text-as-model", ("chat.chatml", "long.json", "--model", "gpt-5"), "80"),
            ("diff-foreign", ("chat.chatml", "long.json", "--dialect", "qwen2"), "80"),
            ("diff-empty", ("empty.json", "long.json"), "80"),
            ("diff-emptied", ("long.json", "empty.json", "--context", "0"), "80"),
        ],
    )
    def test_views(self, run: Run, matches: Matches, name: str, arguments: tuple[str, ...], columns: str) -> None:
        result = run("diff", *arguments, COLUMNS=columns)
        assert result._replace(out="") == Result(1, "", "")
        matches(result.out, name)

    def test_bad_texts(self, run: Run, write: Write, matches: Matches) -> None:
        write("bad.chatml", BAD)
        write("worse.chatml", BAD.replace("ok", "no").replace("between", "betwixt"))
        result = run("diff", "bad.chatml", "worse.chatml")
        assert result._replace(out="") == Result(1, "", "")
        matches(result.out, "diff-bad")

    @pytest.mark.parametrize("name", ["before.json", "chat.chatml", "tools.json", "empty.json"])
    def test_equal(self, run: Run, name: str) -> None:
        result = run("diff", name, name)
        assert (result.status, result.err) == (0, "")
        assert "\nEqual     all " in result.out
        assert json.loads(run("diff", name, name, "--format", "json").out)["equal"] is True

    def test_texts_of_two_dialects_may_be_equal(self, run: Run) -> None:
        assert run("diff", "chat.chatml", "phi.chatml").status == 0

    def test_no_line_is_wider_than_the_screen(self, run: Run) -> None:
        for columns in (40, 60, 80):
            shown = run("diff", "long.json", "longer.json", COLUMNS=str(columns)).out
            assert [line for line in shown.splitlines() if len(line) > columns] == []

    def test_ascii(self, run: Run) -> None:
        shown = run("diff", "long.json", "longer.json", NO_COLOR="1").out
        assert "\x1b" not in shown

    def test_standard_input(self, run: Run) -> None:
        result = run("diff", "-", "before.json", stdin=json.dumps(BEFORE).encode())
        assert (result.status, result.err) == (0, "")
        assert result.out.startswith("Before    <stdin>\n")

    def test_lines(self, run: Run, write: Write) -> None:
        write("two.jsonl", f"{json.dumps(BEFORE[:1])}\n{json.dumps(BEFORE[:2])}\n")
        result = run("diff", "two.jsonl", "two.jsonl", "--line", "1", "--line-after", "2")
        assert result.status == 1
        assert result.out.startswith("Before    two.jsonl:1\nAfter     two.jsonl:2\n")
        assert run("diff", "two.jsonl", "two.jsonl", "--line", "2").status == 0

    def test_the_guide_shows_what_comes_out(self, run: Run, write: Write) -> None:
        guide = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
        support = (ROOT / "examples" / "support.json").read_text(encoding="utf-8")
        write("examples/support.json", support)
        write("new.json", support.replace("at most three", "at most two"))
        shown = run("diff", "examples/support.json", "new.json")
        assert f"$ chatml diff examples/support.json new.json\n{shown.out}```\n" in guide

    def test_two_models(self, run: Run, write: Write) -> None:
        for model in ("gpt-4", "gpt-4o"):
            write(f"{model}.json", json.dumps({"model": model, "messages": BEFORE}))
        result = run("diff", "gpt-4.json", "gpt-4o.json", COLUMNS="200")
        assert result.status == 0
        note = (
            "gpt-4.json names the model gpt-4, gpt-4o.json gpt-4o: both are counted as gpt-4o, and no cache serves two"
        )
        assert f"Note      {note} models\n" in result.out

    def test_without_a_price(self, run: Run) -> None:
        result = run("diff", "before.json", "after.json", "--cost")
        assert (result.status, result.err) == (1, PRICELESS.format("model gpt-4o"))
        assert "\nCost      not known\n" in result.out
        result = run("diff", "chat.chatml", "chat.chatml", "--cost", "--format", "json")
        assert (result.status, result.err) == (0, PRICELESS.format("a dialect"))
        assert json.loads(result.out)["cost"] == {"before": None, "after": None, "after_cached": None}

    def test_a_page(self, run: Run, tmp_path: Path) -> None:
        assert run("diff", "before.json", "after.json", "--html", "d.html") == Result(1, "", "")
        page = (tmp_path / "d.html").read_text(encoding="utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert "<title>before.json and after.json - chatml</title>" in page

    def test_totals_are_those_of_count(self, run: Run) -> None:
        shown = json.loads(run("diff", "before.json", "after.json", "--format", "json").out)
        for side in ("before", "after"):
            counted = json.loads(run("count", f"{side}.json", "--format", "json", "-v").out)
            assert shown[side]["total"] == counted["total"]


@pytest.mark.usefixtures("files")
class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("-", "-"), "found - twice, but standard input can be read once; give the other one as a file"),
            (("before.json",), "the following arguments are required: AFTER; `chatml diff --help` lists the options"),
            (("none.json", "before.json"), NO_FILE),
            (("before.json", "none.json"), NO_FILE),
            (("before.json", "two.jsonl"), "two.jsonl holds 2 conversations; choose one with --line-after N"),
            (("two.jsonl", "before.json"), "two.jsonl holds 2 conversations; choose one with --line N"),
            (
                ("before.json", "before.json", "--line-after", "3"),
                "--line-after: no conversation of before.json begins on line 3, they begin on 1",
            ),
            (
                ("before.json", "after.json", "--context", "-1"),
                "argument --context: found '-1', expected a number from 0 on; `chatml diff --help` lists the options",
            ),
            (
                ("before.json", "after.json", "--context", "x"),
                "argument --context: found 'x', expected a number from 0 on; `chatml diff --help` lists the options",
            ),
            (("before.json", "roles.json"), "roles.json: messages[0].role: found 'No', expected a role of the form "
             "[a-z][a-z0-9_-]{0,63}; write 'no'"),
            (("before.json", "after.json", "--html", "no/d.html"),
             "no/d.html: there is no such folder; check the name, or make the folder first"),
        ],
    )  # fmt: skip
    def test_errors(self, run: Run, write: Write, arguments: tuple[str, ...], problem: str) -> None:
        write("two.jsonl", "[]\n[]\n")
        write("roles.json", json.dumps([{"role": "No", "content": ""}]))
        assert run("diff", *arguments) == Result(2, "", f"chatml: error: {problem}\n")


class TestHostile:
    CHARACTERS = "".join(
        map(chr, [*range(32), 127, *range(0x80, 0xA0), 0x200B, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE0041])
    )

    def changes(self) -> list[tuple[Any, Any]]:
        hostile = self.CHARACTERS
        return [
            ([{"role": "user", "content": hostile}], [{"role": "user", "content": "x" + hostile[::-1]}]),
            ([{"role": "user", "content": f"a {hostile} b"}], [{"role": "user", "content": f"a {hostile} c"}]),
            ([{"role": "user", "content": hostile}], []),
            ([], [{"role": "user", "content": hostile, hostile: 1}]),
            (
                [{"role": "user", "content": [{"type": hostile}]}],
                [{"role": "user", "content": "::error::\n##[error]x"}],
            ),
        ]

    def test_nothing_dangerous_comes_out(self, run: Run, write: Write) -> None:
        for before, after in self.changes():
            write("a.json", json.dumps(before))
            write("b.json", json.dumps(after))
            for options in ((), ("--format", "json"), ("--all",)):
                result = run("diff", "a.json", "b.json", *options)
                assert result.status == 1
                assert not set(result.out + result.err) & set(self.CHARACTERS) - {"\n"}
                assert "##[" not in result.out
                assert not any(line.strip().startswith("::") for line in result.out.splitlines())

    def test_texts(self, run: Run, write: Write) -> None:
        write("a.chatml", f"<|im_start|>{self.CHARACTERS}\n{self.CHARACTERS}<|im_end|>{self.CHARACTERS}")
        write("b.chatml", f"<|im_start|>{self.CHARACTERS}\n{self.CHARACTERS}x<|im_end|>{self.CHARACTERS}")
        result = run("diff", "a.chatml", "b.chatml")
        assert result.status == 1
        assert not set(result.out + result.err) & set(self.CHARACTERS) - {"\n"}

    def test_a_huge_message(self, run: Run, write: Write) -> None:
        text = "".join(f"word{n} " for n in range(100_000))
        write("a.json", json.dumps([{"role": "user", "content": text}]))
        write("b.json", json.dumps([{"role": "user", "content": text.replace("word50000", "other")}]))
        result = run("diff", "a.json", "b.json")
        assert result.status == 1
        assert "[-word50000-]" in result.out
        assert len(result.out) < 2_000

    def test_many_lines(self, run: Run, write: Write) -> None:
        write("a.json", json.dumps([{"role": "user", "content": "\n" * 10_000}]))
        write("b.json", json.dumps([{"role": "user", "content": "a\n" * 10_000}]))
        out = run("diff", "a.json", "b.json").out
        assert out.count("more characters") == 2
        assert len(out.splitlines()) < 80
        assert len(run("diff", "a.json", "b.json", "--all").out.splitlines()) > 20_000

    def test_many_changes_of_a_message(self, run: Run, write: Write) -> None:
        words = [f"word{n}" for n in range(10_000)]
        write("a.json", json.dumps([{"role": "user", "content": " ".join(words)}]))
        words[::50] = ["x"] * 200
        write("b.json", json.dumps([{"role": "user", "content": " ".join(words)}]))
        out = run("diff", "a.json", "b.json").out
        assert out.endswith(" more lines: --all shows them\n")
        assert len(out.splitlines()) < 100
        assert "{+x+} word9951" in run("diff", "a.json", "b.json", "--all").out.replace("\n  ~ │", "")
