"""`chatml count --check-usage`: logs with bills, what agrees, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import Matches, Result, Run, Write, run_here

import chatml
from chatml._visible import first_obeyed
from chatml.cli import _usage

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PICTURE = [{"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}]


def row(billed: int, **changes: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-2024-08-06", "messages": HELLO, "usage": {"prompt_tokens": billed}, **changes}


def lines(*rows: Any) -> str:
    return "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in rows)


TOOLS = chatml.count(HELLO, model="gpt-4o", tools=[WEATHER])
GOOD = [
    row(8),
    row(8, model="gpt-4o"),
    *(row(TOOLS + more, tools=[WEATHER]) for more in (4, 4, 0)),
    row(TOOLS, tools=[WEATHER], messages=[{"role": "user", "content": "one two three four five"}]),
    row(300, messages=[{"role": "user", "content": PICTURE}]),
    row(9_000, messages=[{"role": "user", "content": PICTURE}]),
    {"request": {"input": "hello"}, "response": {"model": "gpt-5-mini-2025-08-07", "usage": {"input_tokens": 7}}},
    row(8, model="claude-3-opus"),
    row(50, messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]),
    row(0),
]


def test_agreement(run: Run, write: Write, matches: Matches) -> None:
    write("log.jsonl", lines(*GOOD))
    result = run("count", "--check-usage", "log.jsonl", COLUMNS="100")
    assert result._replace(out="") == Result(0, "", "chatml: note: 1 row passed over: nothing was billed\n")
    matches(result.out, "usage")


def test_rows_that_are_called_exact_and_are_wrong_come_first(run: Run, write: Write, matches: Matches) -> None:
    write("log.jsonl", lines(row(8), row(9), row(7, model="gpt-4")))
    result = run("count", "--check-usage", "log.jsonl", "--color", "always")
    assert (result.status, result.err) == (1, "")
    matches(result.out, "usage-wrong")
    write("log.jsonl", lines(row(8), row(9)))
    out = run("count", "--check-usage", "log.jsonl").out
    assert out.startswith(
        "A row that is called exact is wrong. If the log holds all that was sent: please report this.\n"
    )


def test_json(run: Run, write: Write) -> None:
    write("log.jsonl", lines(*GOOD, row(11)))
    result = run("count", "--check-usage", "log.jsonl", "--format", "json")
    value = json.loads(result.out)
    assert result.status == 1
    assert {key: part for key, part in value.items() if not isinstance(part, list)} == {
        "rows": 12, "refused": 2, "exact": 4, "within_one": 4, "within_two_percent": 4,
        "median_error": value["median_error"], "called_exact": 3, "called_fitted": 5, "called_estimate": 2,
        "wrong_rows": 1, "beyond_bound": 1, "unbilled_rows": 1, "errors": 0,
    }  # fmt: skip
    assert value["wrong"] == [
        {
            "place": "log.jsonl:13", "model": "gpt-4o-2024-08-06", "api": "chat", "feature": "text", "counted": 8,
            "billed": 11, "difference": -3, "status": "exact", "share": None, "bound": None,
        }
    ]  # fmt: skip
    assert value["corrections"] == [
        {"model": "gpt-4o", "api": "chat", "feature": "tools", "tokens": 4, "corrected": 2, "exact": 1, "rows": 4}
    ]
    assert [(group["model"], group["feature"], group["rows"]) for group in value["groups"]] == [
        ("gpt-4o", "text", 3), ("gpt-4o", "tools", 4), ("gpt-4o", "images", 2), ("gpt-4o", "files and audio", 1),
        ("gpt-5-mini", "text", 1), ("unknown model", "text", 1),
    ]  # fmt: skip
    assert [one["rows"] for one in value["refusals"]] == [1, 1]
    assert value["worst"][0]["place"] == "log.jsonl:8"


BAD_LINES = lines(
    row(8),
    '{"model": \n',
    "[]\n",
    row(8, messages=[{"role": "User", "content": "hi"}]),
    "\n",
    row(8, tools="none"),
    {"messages": HELLO, "prompt_tokens": 8},
    row(8),
)
ERRORS = (
    "log.jsonl:2:11: this is not valid JSON: a value is expected, found the end of the text",
    "log.jsonl:3:1: found list, expected an object: a request and its usage",
    "log.jsonl:4: messages[0].role: found 'User', expected a role of the form [a-z][a-z0-9_-]{0,63}; write 'user'",
    "log.jsonl:6: tools: found str, expected a list of mappings",
    "log.jsonl:7:1: no model is named; write it under model, or name one for all rows",
)


def test_a_bad_line_does_not_stop_the_others(run: Run, write: Write) -> None:
    write("log.jsonl", BAD_LINES)
    result = run("count", "--check-usage", "log.jsonl", "--format", "json")
    assert (result.status, result.err) == (2, "".join(f"chatml: error: {error}\n" for error in ERRORS))
    value = json.loads(result.out)
    assert (value["rows"], value["exact"], value["errors"]) == (2, 2, 5)


def test_many_bad_lines_are_not_all_shown(run: Run, write: Write) -> None:
    write("log.jsonl", "x\n" * 25)
    result = run("count", "--check-usage", "log.jsonl")
    assert (result.status, result.out) == (2, "")
    assert len(result.err.splitlines()) == 21
    assert result.err.endswith("chatml: note: 5 more errors are not shown\n")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "log.jsonl: the file is empty, expected a request and its usage on each line"),
        ("\n \n", "log.jsonl: the file is empty, expected a request and its usage on each line"),
        (b"\xff\xfe{\x00", "log.jsonl:1:1: found byte 0xff, which is not UTF-8; save the file as UTF-8"),
        (b'\n{"model": "\xe9"}', "log.jsonl:2:12: found byte 0xe9, which is not UTF-8; save the file as UTF-8"),
    ],
)
def test_files_that_are_no_log(run: Run, write: Write, content: str | bytes, error: str) -> None:
    write("log.jsonl", content)
    assert run("count", "--check-usage", "log.jsonl") == Result(2, "", f"chatml: error: {error}\n")


def test_files_that_cannot_be_read(run: Run, write: Write, tmp_path: Path) -> None:
    write("log.jsonl", lines(row(8)))
    (tmp_path / "logs").mkdir()
    result = run("count", "--check-usage", "none.jsonl", "logs", "log.jsonl")
    assert result.status == 2
    assert result.err == (
        "chatml: error: none.jsonl: there is no such file or folder; check the name; - is standard input\n"
        "chatml: error: logs: this is a folder, expected a log; name the files in it\n"
    )
    assert "100.0%" in result.out


def test_a_line_that_is_too_long(run: Run, write: Write) -> None:
    long = row(8, user="x" * 3 * 2**20)
    write("log.jsonl", lines(long, row(8), long).removesuffix("\n"))
    result = run("count", "--check-usage", "log.jsonl", "--max-size", "1", "--format", "json")
    assert result.err == "".join(
        f"chatml: error: log.jsonl:{line}:1: the line has more than 1,048,576 bytes; "
        "--max-size raises the limit of 1 MiB\n"
        for line in (1, 3)
    )
    assert (result.status, json.loads(result.out)["rows"]) == (2, 1)


def test_lines(tmp_path: Path) -> None:
    """Every line is there with its number, whatever its length is beside the limit."""
    path = tmp_path / "log.jsonl"
    for end in (b"", b"\n"):
        given = [b"", b"a", b"ab", b"abc", b"abcd", b"abcde" * 500_000, b"\r", b"z"]
        path.write_bytes(b"\n".join(given) + end)
        found = list(_usage._lines(str(path), 3))
        assert [line for line, _ in found] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert [None if data is None else data.rstrip(b"\n") for _, data in found] == [
            one if len(one) <= 3 else None for one in given
        ]


def test_standard_input_and_several_files(run: Run, write: Write) -> None:
    write("a.jsonl", "\ufeff" + lines(row(8)))
    result = run("count", "--check-usage", "a.jsonl", "-", "--format", "json", stdin=lines(row(9)).encode())
    value = json.loads(result.out)
    assert (value["rows"], value["wrong"][0]["place"]) == (2, "<stdin>:1")


def test_options_for_all_rows(run: Run, write: Write) -> None:
    write(
        "log.jsonl",
        lines(row(8, model="my-deployment"), row(50, messages=[{"role": "user", "content": [{"type": "x"}]}])),
    )
    result = run(
        "count", "--check-usage", "log.jsonl", "--model", "gpt-4o", "--allow-estimate", "--api", "responses",
        "--format", "json",
    )  # fmt: skip
    value = json.loads(result.out)
    assert (value["rows"], value["refused"]) == (2, 0)
    assert {(group["model"], group["api"]) for group in value["groups"]} == {("gpt-4o", "responses")}
    write("own.toml", '[models.my-deployment]\nlike = "gpt-4o"\n')
    value = json.loads(run("count", "--check-usage", "log.jsonl", "--models", "own.toml", "--format", "json").out)
    assert value["groups"][-1]["model"] == "my-deployment"


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--dialect", ("--dialect", "qwen2")),
        ("--lossy", ("--lossy",)),
        ("--cost", ("--cost",)),
        ("--max-tokens", ("--max-tokens", "9")),
    ],
)
def test_options_that_have_no_meaning(run: Run, write: Write, option: str, arguments: tuple[str, ...]) -> None:
    write("log.jsonl", lines(row(8)))
    problem = "this has no meaning with --check-usage; leave one of the two out"
    assert run("count", "--check-usage", "log.jsonl", *arguments) == Result(
        2, "", f"chatml: error: {option}: {problem}\n"
    )


def test_more_rows_with_v(run: Run, write: Write) -> None:
    write("log.jsonl", lines(*(row(9 + place) for place in range(30))))
    shown = {
        arguments: len(
            json.loads(run("count", "--check-usage", "log.jsonl", "--format", "json", *arguments).out)["worst"]
        )
        for arguments in ((), ("-v",))
    }
    assert shown == {(): 10, ("-v",): 30}


def test_nothing_in_a_log_reaches_the_terminal_as_it_is(write: Write, tmp_path: Path) -> None:
    name = "::error::\x1b]0;x\x07##[group]\u202e"
    part = {"role": "user", "content": [{"type": name}]}
    path = tmp_path / write("log\x1b.jsonl", lines(row(8, model=name), row(9), row(9, messages=[part]), name))
    for form in ("text", "json"):
        result = run_here("count", "--check-usage", str(path), "--format", form)
        text = (result.out + result.err).decode()
        assert result.status == 2
        assert first_obeyed(text) is None
