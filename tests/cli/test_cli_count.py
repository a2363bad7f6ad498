"""`chatml count`: parts with their status, limits, prices, and what cannot be counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli_process import Matches, Result, Run, Write

import chatml

NAMED = "chatml: note: {} is counted as gpt-4o, the model that it names\n"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
REQUEST: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You are a weather service."},
        {"role": "user", "content": "Is it warm in Paris and in Rome?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}},
                {"id": "2", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": '{"celsius": 22}'},
        {"role": "tool", "tool_call_id": "2", "content": '{"celsius": 25}'},
    ],
    "tools": [WEATHER],
    "tool_choice": "none",
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
}
AUDIO = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}],
}


def test_parts_of_a_request(run: Run, write: Write, matches: Matches) -> None:
    write("request.json", json.dumps(REQUEST))
    result = run("count", "-v", "request.json")
    assert (result.status, result.err) == (0, NAMED.format("request.json"))
    matches(result.out, "count-request")


def test_the_request_is_the_one_of_the_library(run: Run, write: Write) -> None:
    write("request.json", json.dumps(REQUEST))
    value = json.loads(run("count", "-v", "request.json", "--format", "json").out)
    found = chatml.measure(**REQUEST)
    document = value["files"][0]["documents"][0]
    assert (value["total"], value["status"]) == (found.total, found.status)
    assert document["parts"] == [part._asdict() for part in found.parts]
    assert [one["total"] for one in document["messages"]] == [one.total for one in found.messages]
    on_responses = json.loads(run("count", "request.json", "--api", "responses", "--format", "json").out)
    assert on_responses["total"] == chatml.count(**REQUEST, api="responses") != found.total


def test_the_legacy_choice_is_read(run: Run, write: Write) -> None:
    request = {"model": "gpt-4o", "messages": [], "functions": [WEATHER["function"]]}
    write("legacy.json", json.dumps({**request, "function_call": {"name": "get_weather"}}))
    expected = chatml.count(**request, tool_choice={"name": "get_weather"})  # type: ignore[arg-type]
    assert json.loads(run("count", "legacy.json", "--format", "json").out)["total"] == expected


def test_a_limit(run: Run, write: Write) -> None:
    write("short.json", '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}')
    note = NAMED.format("short.json")
    assert run("count", "short.json", "--max-tokens", "8") == Result(
        0, "tokens  status  file\n     8  exact   short.json\n", note
    )
    over = "chatml: short.json has 8 tokens, 1 more than the 7 of --max-tokens\n"
    result = run("count", "short.json", "--max-tokens", "7")
    assert result == Result(1, "tokens  status  file\n     8  exact   short.json\n", note + over)


def test_a_limit_holds_for_each_conversation(run: Run, write: Write) -> None:
    rows = [{"messages": [{"role": "user", "content": "word " * times}]} for times in (1, 50, 2, 60)]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    result = run("count", "rows.jsonl", "--max-tokens", "40", "--model", "gpt-4o")
    assert result.status == 1
    assert result.err == (
        "chatml: rows.jsonl:2 has 58 tokens, 18 more than the 40 of --max-tokens\n"
        "chatml: rows.jsonl:4 has 68 tokens, 28 more than the 40 of --max-tokens\n"
    )


def test_an_error_is_more_than_a_limit(run: Run, write: Write) -> None:
    write("short.json", '[{"role": "user", "content": "Hi"}]')
    assert run("count", "short.json", "gone.json", "--max-tokens", "1", "--model", "gpt-4o").status == 2


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", ""])
def test_a_limit_that_is_no_number(run: Run, value: str) -> None:
    result = run("count", "x.json", f"--max-tokens={value}")
    assert result.status == 2
    assert f"argument --max-tokens: found {value!r}, expected a number from 1 on" in result.err


def test_prices(run: Run, write: Write) -> None:
    write("mine.toml", '[models."gpt-4o"]\ninput_price = 2.5\noutput_price = 10\n')
    write("short.json", '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}')
    note = NAMED.format("short.json")
    result = run("count", "short.json", "--cost", "--models", "mine.toml")
    assert result == Result(0, "tokens      cost  status  file\n     8  $0.00002  exact   short.json\n", note)
    value = json.loads(run("count", "short.json", "--cost", "--models", "mine.toml", "--format", "json").out)
    assert (value["cost"], value["files"][0]["cost"]) == ("0.00002", "0.00002")


def test_no_price(run: Run, write: Write) -> None:
    write("short.json", '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}')
    result = run("count", "short.json", "--cost")
    assert result.out == "tokens       cost  status  file\n     8  not known  exact   short.json\n"
    hint = "chatml: note: no price is known for model gpt-4o: name a file with prices by --models\n"
    assert result == Result(0, result.out, NAMED.format("short.json") + hint)
    assert json.loads(run("count", "short.json", "--cost", "--format", "json").out)["cost"] is None


def test_what_cannot_be_counted(run: Run, write: Write) -> None:
    write("audio.json", json.dumps(AUDIO))
    problem = (
        "chatml: error: audio.json: messages[0].content[0]: found a part of type 'input_audio', and no rule is known"
        " for what it costs; pass --allow-estimate to count it as 0 and have the total called an estimate\n"
    )
    assert run("count", "audio.json") == Result(2, "", problem)
    result = run("count", "audio.json", "--allow-estimate")
    assert result == Result(0, "tokens  status    file\n     7  estimate  audio.json\n", NAMED.format("audio.json"))


def test_text_outside_of_messages_is_not_silently_left_out(run: Run, write: Write) -> None:
    write("stray.chatml", "Be brief.\n<|im_start|>user\nHi<|im_end|>\n")
    note = "chatml: note: stray.chatml: 10 characters stand outside of messages and are not counted"
    result = run("count", "stray.chatml", "--model", "gpt-4o")
    assert (result.status, result.err) == (0, f"{note}; without --model all of the text is\n")
    assert run("count", "stray.chatml").err == ""
