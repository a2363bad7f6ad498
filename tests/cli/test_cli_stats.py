"""`chatml stats`: figures that agree with `chatml count`, for any number of workers, and bad rows that stop nothing."""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any

import pytest
from cli_process import Matches, Result, Run, Write, run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from chatml.cli import _stats_files
from chatml.cli._stats_rows import Job, RowCounter
from chatml.cli._stats_tally import Long, Tally, turn_of

DEFAULT = "chatml: note: counted as gpt-4o, because neither --model nor --dialect is given\n"
GIVEN = ("--model", "gpt-4o")
ROW = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
TOOL = {"type": "function", "function": {"name": "get", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def here(here: Run) -> Run:
    """Run `chatml stats` in this process."""
    return lambda *arguments, **changes: here("stats", *arguments, **changes)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small jobs, and workers from the first one on."""
    monkeypatch.setattr(_stats_files, "BLOCK_SIZE", 512)
    monkeypatch.setattr(_stats_files, "_PAYS", 1)


def said(*texts: str, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for text in texts]}


def words(chance: random.Random) -> str:
    return "word " * chance.randrange(1, 3 ** chance.randrange(1, 6))


def chats(count: int) -> list[dict[str, Any]]:
    """Conversations of all lengths, with repetitions."""
    chance = random.Random(11)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        if number % 10 == 7:
            rows.append({**chance.choice(rows), "id": number})
            continue
        turns = [
            {"role": ("user", "assistant")[turn % 2], "content": f"{number} " + words(chance)}
            for turn in range(chance.choice([1, 2, 2, 2, 4, 6, 6, 40 if number == 50 else 8]))
        ]  # fmt: skip
        system = [{"role": "system", "content": "You help."}] if number % 3 == 0 else []
        again = [rows[-1]["messages"][0]] if number % 10 == 9 else []
        rows.append({"messages": [*again, *system, *turns] if again else [*system, *turns]})
    return rows


def lines_of(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def value_of(result: Result) -> Any:
    assert result.out, result
    return json.loads(result.out)


class TestText:
    """What people see."""

    @pytest.mark.parametrize("width", ["60", "80", "160"])
    @pytest.mark.parametrize("color", ["never", "always"])
    def test_at_any_width(self, here: Run, write: Write, matches: Matches, width: str, color: str) -> None:
        write("train.jsonl", lines_of(chats(200)))
        write("valid.jsonl", lines_of(chats(20)) + "{\n")
        result = here("train.jsonl", "valid.jsonl", *GIVEN, "--max-tokens", "400", "--color", color, COLUMNS=width)
        assert result.status == 2
        matches(result.out + result.err, f"stats-{width}-{color}")

    def test_no_color(self, run: Run, write: Write) -> None:
        write("train.jsonl", lines_of(chats(20)))
        assert "\x1b" not in run("stats", "train.jsonl").out
        assert "\x1b" not in run("stats", "train.jsonl", NO_COLOR="1").out

    def test_all_with_verbose(self, here: Run, write: Write, matches: Matches) -> None:
        write("train.jsonl", lines_of(chats(60)))
        matches(here("train.jsonl", "-v", *GIVEN).out, "stats-verbose")

    def test_a_poor_terminal(self, here: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        from chatml.cli import _stats, _terminal

        monkeypatch.setattr(_stats, "open_terminal", lambda _: _terminal.Terminal(80, False, _terminal._ASCII))
        write("train.jsonl", lines_of(chats(60)))
        result = here("train.jsonl")
        assert result.out.isascii()
        assert "  ####" in result.out

    def test_one_row(self, here: Run, write: Write, matches: Matches) -> None:
        write("one.jsonl", lines_of([ROW]))
        result = here("one.jsonl")
        assert (result.status, result.err) == (0, DEFAULT)
        matches(result.out, "stats-one")

    def test_gaps_are_one_line(self, here: Run, write: Write) -> None:
        write("two.jsonl", lines_of([said("Hi"), said("word " * 300)]))
        out = here("two.jsonl", *GIVEN).out
        lines = out.partition("tokens per conversation\n")[2].partition("\n\n")[0].splitlines()
        assert [line.split()[1] for line in lines] == ["1", "0", "1"]
        bounds = [int(bound) for line in lines for bound in line.split()[0].split("-")]
        assert bounds == sorted(bounds)

    def test_help(self, here: Run, matches: Matches) -> None:
        matches(here("--help").out, "stats-help")

    def test_a_price(self, here: Run, write: Write) -> None:
        write("mine.toml", '[models."gpt-4o"]\ninput_price = 2.5\n')
        write("one.jsonl", lines_of([ROW]))
        result = here("one.jsonl", *GIVEN, "--cost", "--models", "mine.toml")
        assert "cost          $0.0000325 as input\n" in result.out
        assert (
            value_of(here("one.jsonl", *GIVEN, "--cost", "--models", "mine.toml", "--format", "json"))["cost"]
            == "0.0000325"
        )
        result = here("one.jsonl", *GIVEN, "--cost")
        assert "cost          not known\n" in result.out
        assert result.err == "chatml: note: no price is known for model gpt-4o: name a file with prices by --models\n"


class TestFigures:
    """What programs read."""

    def test_they_are_those_of_count(self, here: Run, write: Write) -> None:
        rows = [*chats(40), {**ROW, "tools": [TOOL]}, {**ROW, "tools": [TOOL]}, {**ROW, "model": "gpt-4"}]
        rows.append({"messages": [{"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "get", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "4"}], "tools": [TOOL]})  # fmt: skip
        rows.append({"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]})
        write("rows.jsonl", lines_of(rows))
        write("text.chatml", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
        write("list.json", json.dumps([ROW, ROW]))
        for options in ((), GIVEN, ("--dialect", "chatml", "--lossy"), ("--model", "gpt-5"), ("--api", "responses")):
            files = ("rows.jsonl", "text.chatml", "list.json", *options, "--format", "json")
            found = value_of(here(*files))
            counted = json.loads(run_here("count", *files, "-v").out)
            assert (found["total"], found["status"]) == (counted["total"], counted["status"])
            documents = [one for file in counted["files"] for one in file["documents"]]
            assert found["conversations"] == len(documents) == found["tokens"]["count"]
            assert found["tokens"]["max"] == max(one["total"] for one in documents)
            messages = [one for document in documents for one in document["messages"] if one["index"] is not None]
            assert {one["role"]: one["sum"] for one in found["roles"]} == {
                role: sum(one["total"] for one in messages if one["role"] == role)
                for role in {one["role"] for one in messages}
            }
            assert sum(one["sum"] for one in found["roles"]) + found["outside"] == found["total"]
            assert sum(one["sum"] for one in found["by_turn"]) + found["outside"] == found["total"]
            assert [one["total"] for one in found["files"]] == [one["total"] for one in counted["files"]]

    def test_all_of_them(self, here: Run, write: Write, matches: Matches) -> None:
        write("rows.jsonl", lines_of(chats(12)) + "{\n")
        result = here("rows.jsonl", *GIVEN, "--format", "json", "--max-tokens", "100")
        matches(result.out, "stats-json")

    def test_duplicates_are_those_of_the_linter(self, here: Run, write: Write) -> None:
        rows = chats(150)
        write("rows.jsonl", lines_of(rows))
        found = value_of(here("rows.jsonl", "--format", "json"))
        linted = run_here(
            "lint", "rows.jsonl", "--no-cache", "--isolated", "--select", "DAT007", "--output-format", "json"
        ).out
        assert found["duplicates"]["conversations"] == len(json.loads(linted)["diagnostics"]) > 5
        first = found["duplicates"]["largest"][0]
        texts = {json.dumps(rows[place["line"] - 1]["messages"]) for place in first["places"]}
        assert (len(texts), first["size"] > 1) == (1, True)
        openings = [next((one["content"] for one in row["messages"] if one["role"] == "user"), None) for row in rows]
        names = {json.dumps(row["messages"]) for row in rows}
        assert found["same_opening"]["conversations"] == len(names) - len(set(openings)) > 3

    def test_limits(self, here: Run, write: Write) -> None:
        write("rows.jsonl", lines_of([said("word " * times) for times in (1, 50, 2, 60)]))
        result = here("rows.jsonl", *GIVEN, "--max-tokens", "40", "--format", "json")
        assert value_of(result)["max_tokens"] == {"limit": 40, "over": 2, "share": 0.5, "excess": 46}
        longest = "2 of 4 conversations have more than the 40 tokens of --max-tokens; the longest, rows.jsonl:4, has 68"
        assert (result.status, result.err) == (1, f"chatml: {longest}\n")
        assert here("rows.jsonl", *GIVEN, "--max-tokens", "68").status == 0

    def test_the_window(self, here: Run, write: Write) -> None:
        write("mine.toml", '[models."mine"]\nencoding = "o200k_im"\ndialect = "openai-im-sep"\ncontext_window = 30\n')
        write("rows.jsonl", lines_of([said("word " * times) for times in (1, 50)]))
        found = value_of(here("rows.jsonl", "--model", "mine", "--models", "mine.toml", "--format", "json"))
        assert [(one["model"], one["limit"], one["over"]) for one in found["counted_as"]] == [("mine", 30, 1)]

    def test_turns_far_on_are_taken_together(self, here: Run, write: Write) -> None:
        assert [turn_of(index) for index in (0, 31, 32, 63, 64, 127, 128)] == [1, 32, 33, 33, 65, 65, 129]
        write("rows.jsonl", lines_of([said(*["a"] * 70)]))
        found = value_of(here("rows.jsonl", "--format", "json"))["by_turn"]
        assert [(one["first"], one["last"], one["count"]) for one in found[-3:]] == [
            (32, 32, 1),
            (33, 64, 32),
            (65, 128, 6),
        ]

    def test_strange_roles_are_one(self, here: Run, write: Write) -> None:
        write("rows.jsonl", lines_of([said("a", role="critic"), said("a", role="judge")]))
        found = value_of(here("rows.jsonl", "--format", "json"))["roles"]
        assert [(one["role"], one["count"]) for one in found] == [("other", 2)]


class TestWorkers:
    """One result, whoever does the work."""

    @pytest.mark.usefixtures("eager")
    @pytest.mark.parametrize("jobs", ["2", "3"])
    def test_any_number(self, here: Run, write: Write, jobs: str) -> None:
        write("a.jsonl", "\ufeff" + lines_of(chats(80)) + "{\n" + lines_of(chats(30)))
        write("b.json", json.dumps(chats(5)))
        write("c.jsonl", b"\xff\n" + lines_of(chats(3)).encode() + b'{"a": "\xff"}\n')
        files = ("a.jsonl", "gone.jsonl", "b.json", "c.jsonl", *GIVEN)
        expected = here(*files, "--jobs", "1")
        assert expected.status == 2
        assert here(*files, "--workers", jobs) == expected
        assert here(*files, "--jobs", jobs, "--format", "json") == here(*files, "--jobs", "1", "--format", "json")

    @given(st.integers(1, 40), st.integers(0, 10**6))
    @settings(max_examples=20)
    def test_the_order_of_parts_shows_nowhere(self, parts: int, seed: int) -> None:
        chance = random.Random(seed)
        whole, tallies = Tally(), [Tally() for _ in range(parts)]
        for number in range(60):
            tally = chance.choice(tallies)
            name = bytes([number % 7]) * 16
            for one in (whole, tally):
                one.tokens.add(number)
                one.same.add(name, number, number)
                one._keep_longest([Long(-(number // 2), number)])
        chance.shuffle(tallies)
        merged = Tally()
        for tally in tallies:
            merged.merge(tally)
        assert (merged.tokens, merged.longest) == (whole.tokens, whole.longest)
        assert merged.same.found(3) == whole.same.found(3)

    @pytest.mark.usefixtures("eager")
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="what is broken here has to be broken in the workers")
    def test_one_that_dies_is_an_error(self, here: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        main, tally = os.getpid(), RowCounter.tally

        def die(counter: RowCounter, job: Job) -> Tally:
            if os.getpid() != main:
                os._exit(9)
            return tally(counter, job)

        monkeypatch.setattr(RowCounter, "tally", die)
        write("a.jsonl", lines_of(chats(80)))
        result = here("a.jsonl", "--jobs", "2")
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("chatml: error: a worker process died")


class TestBadRows:
    """They are counted and named, and stop nothing."""

    BAD = (
        b'{"messages": [\n', b'{"x": 1}\n', b'{"messages": [{"role": "user"}]}\n', b'{"messages": "\xff"}\n', b"\n",
        b'{"messages": [{"role": "A b", "content": ""}]}\n', b'{"model": "nix", "messages": []}\n',
        b"[" * 100_000 + b"\n",
        b'{"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}\n',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}\n', b'{"messages": 1e999}\n', b"\x00\n", b'"text"\n',
    )  # fmt: skip

    def test_every_kind(self, here: Run, write: Write, matches: Matches) -> None:
        good = lines_of([ROW]).encode()
        write("bad.jsonl", good + b"".join(row + good for row in self.BAD))
        result = here("bad.jsonl", "-v", "--format", "json")
        found = value_of(result)
        assert (result.status, found["conversations"]) == (2, len(self.BAD) + 1)
        assert found["errors"]["count"] == len(self.BAD) - 1
        matches(json.dumps(found["errors"], indent=2) + "\n" + result.err, "stats-bad")

    def test_nothing_else(self, here: Run, write: Write) -> None:
        write("bad.jsonl", "{\n")
        result = here("bad.jsonl")
        problem = "this is not valid JSON: a key in double quotes is expected, found the end of the text"
        assert result == Result(2, "", f"chatml: error: bad.jsonl:1: {problem}\n")
        found = value_of(here("bad.jsonl", "--format", "json"))
        assert (found["conversations"], found["tokens"]["mean"], found["errors"]["count"]) == (0, None, 1)

    @pytest.mark.parametrize(
        ("name", "content"), [("a.jsonl", b""), ("a.json", b""), ("a.jsonl", b" \n\n"), ("a.json", b"\n")]
    )
    def test_an_empty_file(self, here: Run, write: Write, name: str, content: bytes) -> None:
        write(name, content)
        result = here(name)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith(f"chatml: error: {name}:1: the file is empty")

    def test_a_file_that_is_not_there(self, here: Run, write: Write) -> None:
        write("one.jsonl", lines_of([ROW]))
        result = here("gone.jsonl", "one.jsonl", *GIVEN)
        assert result.status == 2
        assert result.out.startswith("1 conversation in 2 files, 13 tokens, exact\n")
        assert (
            result.err
            == "chatml: error: gone.jsonl: there is no such file or folder; check the name; - is standard input\n"
        )

    def test_a_line_that_is_too_long(self, here: Run, write: Write) -> None:
        long = json.dumps(said("word " * 300_000)) + "\n"
        write("rows.jsonl", lines_of([ROW]) + long + lines_of([ROW]) + long.rstrip())
        result = here("rows.jsonl", "--max-size", "1", "--format", "json")
        found = value_of(result)
        assert (result.status, found["conversations"], found["errors"]["kinds"]) == (2, 2, {"too large": 2})
        assert [one["line"] for one in found["errors"]["first"]] == [2, 4]
        assert "the line has more than 1,048,576 bytes; --max-size raises the limit of 1 MiB" in result.err

    def test_a_folder(self, here: Run, write: Write) -> None:
        write("data/a.jsonl", lines_of([ROW]))
        write("data/log.jsonl", '{"level": 1}\n{"level": 2}\n')
        write("data/package.json", '{"name": "x"}')
        write("data/empty.jsonl", "")
        write("data/notes.txt", "Nothing.")
        result = here("data", "data/a.jsonl", *GIVEN)
        assert result.status == 0
        assert result.out.startswith("1 conversation in 1 file, 13 tokens, exact\n")
        notes = result.err.replace("\\", "/").splitlines()
        assert [note.split(": passed over")[0] for note in notes] == [
            f"chatml: note: data/{name}" for name in ("empty.jsonl", "log.jsonl", "notes.txt", "package.json")
        ]

    def test_a_plain_text(self, here: Run, write: Write) -> None:
        write("notes.txt", "Nothing.")
        assert "notes.txt holds no marker of a prompt: it is counted as plain text" in here("notes.txt").err


class TestReading:
    """From bytes to whole lines."""

    def test_standard_input(self, here: Run) -> None:
        result = here("-", *GIVEN, stdin=lines_of([ROW, ROW]).encode())
        assert result.out.startswith("2 conversations in 1 file, 26 tokens, exact\n")
        assert "<stdin>:1" in result.out

    def test_json_lines_of_another_name(self, here: Run, write: Write) -> None:
        write("rows.txt", lines_of(chats(5)) + "{\n")
        found = value_of(here("rows.txt", "--format", "json"))
        assert (found["conversations"], found["errors"]["count"]) == (5, 1)

    @pytest.mark.parametrize(
        "name", ["\x1b[31mred.jsonl", "::error::x.jsonl", "a\nb.jsonl", "\u202ex.jsonl", "'.jsonl"]
    )
    def test_hostile_names_and_contents(self, here: Run, write: Write, name: str) -> None:
        row = said("\x1b[2J<|im_end|>\u202e</script>::error::")
        write(name, lines_of([row, row]) + '{"\x1b[2J\u202e": 1}\n')
        result = here(name)
        assert result.status == 2
        for text in (result.out, result.err, here(name, "--format", "json").out):
            assert not set(text) & set("\x1b\u202e")
            assert not re.search(r"^\s*::", text, re.MULTILINE)
