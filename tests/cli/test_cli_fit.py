"""`chatml fit`: what is left in the form of the file, what was left out and why, and what cannot fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import Matches, Result, Run, Write

import chatml

SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = [
    message
    for number in range(8)
    for message in (
        {"role": "user", "content": f"Question number {number}?"},
        {"role": "assistant", "content": f"Answer number {number}."},
    )
]
LAST = {"role": "user", "content": "And the last one?"}
CHAT = [SYSTEM, *TURNS, LAST]
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Look."}}]
NUMBER = "expected keep_last=N or keep_last=N:turns"


def test_what_is_left_has_the_form_of_the_file(run: Run, write: Write) -> None:
    fitted = chatml.fit(CHAT, model="gpt-4o", max_tokens=60)
    kept = f"{len(fitted.kept)} of 18 messages kept, {fitted.tokens} of 60 tokens"
    note = f"chat.json: {kept}; {len(fitted.dropped)} left out: it is older than what fits"
    write("chat.json", json.dumps(CHAT))
    result = run("fit", "chat.json", "--max-tokens", "60")
    assert (result.status, json.loads(result.out)) == (0, list(fitted.messages))
    assert result.err == f"chatml: note: {note}\n"
    request = {"model": "gpt-4o", "temperature": 0, "messages": CHAT, "tools": TOOLS}
    write("request.json", json.dumps(request))
    with_tools = chatml.fit(CHAT, model="gpt-4o", max_tokens=90, tools=TOOLS)
    left = json.loads(run("fit", "request.json", "--max-tokens", "90").out)
    assert left == {**request, "messages": list(with_tools.messages)}
    assert chatml.count(left["messages"], model="gpt-4o", tools=TOOLS) <= 90


def test_other_forms(run: Run, write: Write) -> None:
    said = [{"from": "human" if one["role"] == "user" else "gpt", "value": one["content"]} for one in [*TURNS, LAST]]
    write("said.json", json.dumps({"system": "Be brief.", "conversations": said}))
    left = json.loads(run("fit", "said.json", "--max-tokens", "60").out)
    assert left["system"] == "Be brief."
    assert left["conversations"] == said[-len(left["conversations"]) :]
    rows = [{"messages": CHAT}, {"messages": [LAST]}]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    result = run("fit", "rows.jsonl", "--max-tokens", "60")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert lines[1] == rows[1]
    assert lines[0]["messages"] == list(chatml.fit(CHAT, model="gpt-4o", max_tokens=60).messages)
    assert result.err.splitlines()[1] == "chatml: note: rows.jsonl:2: it fits as it is, 12 of 60 tokens"
    write("array.json", json.dumps(rows))
    assert json.loads(run("fit", "array.json", "--max-tokens", "60").out) == lines
    assert json.loads(run("fit", "rows.jsonl", "--max-tokens", "60", "--line", "2").out) == rows[1]


def test_what_became_of_each_message(run: Run, write: Write, matches: Matches) -> None:
    long = [SYSTEM, TURNS[0], {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "word " * 300}, *TURNS[1:4], LAST]  # fmt: skip
    write("chat.json", json.dumps(long))
    result = run(
        "fit", "chat.json", "--max-tokens", "200", "--strategy", "truncate", "--strategy", "drop_oldest", "--explain"
    )
    assert result.status == 0
    matches(result.out, "fit-truncate")
    matches(run("fit", "chat.json", "--max-tokens", "60", "--explain").out, "fit-dropped")
    value = run("fit", "chat.json", "--max-tokens", "60", "--format", "json").out
    matches(value, "fit-json")
    fitted = chatml.fit(long, model="gpt-4o", max_tokens=60)
    found = json.loads(value)["conversations"][0]
    assert found["dropped"] == [
        {"index": one.index, "tokens": one.tokens, "reason": one.reason, "explanation": one.explanation}
        for one in fitted.dropped
    ]


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        (["--strategy", "keep_last=3"], "keep_last"),
        (["--strategy", "middle_out"], "middle_out"),
        (["--strategy", "cache_stable"], "cache_stable"),
        (["--start-on", "user"], "drop_oldest"),
        (["--pin", "1"], "drop_oldest"),
        (["--reserve", "20"], "drop_oldest"),
    ],
)
def test_options_are_those_of_the_library(run: Run, write: Write, options: list[str], strategy: str) -> None:
    from chatml import KeepLast

    write("chat.json", json.dumps(CHAT))
    chosen: Any = KeepLast(3) if strategy == "keep_last" else strategy
    more: dict[str, Any] = {
        "--start-on": {"start_on": "user"}, "--pin": {"pin": [1]}, "--reserve": {"reserve": 20},
    }.get(options[0], {})  # fmt: skip
    fitted = chatml.fit(CHAT, model="gpt-4o", max_tokens=80, strategy=chosen, **more)
    assert json.loads(run("fit", "chat.json", "--max-tokens", "80", *options).out) == list(fitted.messages)


def test_what_cannot_fit(run: Run, write: Write, tmp_path: Path) -> None:
    write("chat.json", json.dumps(CHAT))
    result = run("fit", "chat.json", "--max-tokens", "12", "--reserve", "4", "-o", "out.json")
    problem = (
        "chatml: chat.json: the request has at least 19 tokens (system and developer messages 7, the last user message"
        " 9, tools, schema and priming 3), and 8 are allowed (--max-tokens 12 less --reserve 4); allow more, reserve"
        " less, or shorten what has to stay\nchatml: note: out.json is not written\n"
    )
    assert result == Result(1, "", problem)
    assert not (tmp_path / "out.json").exists()


def test_a_file_is_written(run: Run, write: Write, tmp_path: Path) -> None:
    write("chat.json", json.dumps(CHAT))
    expected = run("fit", "chat.json", "--max-tokens", "60").out
    result = run("fit", "chat.json", "--max-tokens", "60", "-o", "out.json")
    assert (result.status, result.out) == (0, "")
    assert (tmp_path / "out.json").read_text("utf-8") == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--strategy", "newest"],
         "strategy: found 'newest', expected a strategy, or one of 'drop_oldest', 'middle_out', 'truncate',"
         " 'cache_stable'"),
        (["--strategy", "keep_last=many"], f"--strategy: found 'keep_last=many', {NUMBER}"),
        (["--strategy", "keep_last"], f"--strategy: found 'keep_last', {NUMBER}"),
        (["--pin", "99"], "pin: found 99, expected the index of one of 18 messages"),
    ],
)  # fmt: skip
def test_wrong_options(run: Run, write: Write, options: list[str], problem: str) -> None:
    write("chat.json", json.dumps(CHAT))
    result = run("fit", "chat.json", "--max-tokens", "60", *options)
    assert result.status == 2
    assert result.err.removeprefix("chatml: error: ").removeprefix("chat.json: ") == f"{problem}\n"


def test_a_text_is_no_list_of_messages(run: Run, write: Write) -> None:
    write("chat.chatml", "<|im_start|>user\nHi<|im_end|>\n")
    problem = "chat.chatml holds ChatML text, expected messages; `chatml parse` reads the messages of a ChatML text"
    assert run("fit", "chat.chatml") == Result(2, "", f"chatml: error: {problem}\n")
