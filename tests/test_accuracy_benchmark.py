"""The accuracy benchmark on rows written by hand: tables, stand-ins for image data, the formula of the cookbook."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import tiktoken.registry

import chatml
from chatml._image_size import image_size

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
accuracy: Any = importlib.import_module("accuracy")
counters: Any = importlib.import_module("counters")

HELLO = [{"role": "user", "content": "hello"}]
# openai-cookbook, How_to_count_tokens_with_tiktoken, section 7, as billed
WEATHER = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {
                "type": "string",
                "description": "The unit of temperature to return",
                "enum": ["celsius", "fahrenheit"],
            },
        },
        "required": ["location"],
    },
}
QUESTION = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]


def row(billed: int, source: str = "one/repo:file.yaml", **changes: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-2024-08-06", "messages": HELLO, "prompt_tokens": billed, "source": source, **changes}


ROWS = [
    row(8),
    row(9, "two/repo@abc:file.yaml"),
    row(7, "An old guide", model="gpt-5-2025-08-07"),
    row(0),
    row(101, messages=QUESTION, tools=[{"type": "function", "function": WEATHER}]),
    row(50, messages=[{"role": "user", "content": [{"type": "file"}]}]),
]


def cases(rows: list[dict[str, Any]]) -> list[Any]:
    return list(accuracy.read_cases(map(json.dumps, rows)))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows_of(text: str, title: str) -> dict[str, list[str]]:
    """The lines of a table, by their first cells."""
    body = text.split(f"**{title}**")[1].split("**")[0]
    lines = [cells(line) for line in body.splitlines() if line.startswith("|")]
    return {first: rest for first, *rest in lines}


def test_tables() -> None:
    def knows_one(recorded: Any) -> int:
        if recorded.models[0] != "gpt-4o-2024-08-06":
            raise KeyError(recorded.models[0])
        return 8

    peers = {
        "one": counters.Peer("one 1.0", knows_one),
        "none": counters.Peer("none (not installed)", None),
    }
    text = accuracy.tables(accuracy.compare(cases(ROWS), peers), split=True)
    assert "on 5 requests" in text
    assert "Of 3 rows called exact 1 are wrong." in text
    assert "Left out: none (not installed)." in text
    own = rows_of(text, "Agreement of `measure` with the bills, by what the request has")
    assert own["chat: text"] == ["2", "2", "50 %", "100 %", "50 %", "5.6 %", "0", "2 exact"]
    assert own["chat: text (reasoning models)"] == ["1", "1", "100 %", "100 %", "100 %", "0.0 %", "0", "1 exact"]
    assert own["chat: files and audio"] == ["1", "1", "0 %", "0 %", "0 %", "-", "1", ""]
    assert own["all"] == ["5", "3", "60 %", "80 %", "60 %", "0.0 %", "1", "3 exact, 1 fitted"]
    assert list(own)[2:] == [
        "chat: text", "chat: tools", "chat: files and audio", "chat: text (reasoning models)", "all"
    ]  # fmt: skip
    side = rows_of(text, "Counters, by what the request has")
    assert side["requests"] == ["rows", "chatml", "one 1.0"]
    assert side["chat: text"] == ["2", "50 / 100 / 50 / 5.6", "50 / 100 / 50 / 5.6"]
    assert side["chat: text (reasoning models)"] == ["1", "100 / 100 / 100 / 0.0", "0 / 0 / 0 / - (1)"]
    assert rows_of(text, "Counters, by model")["gpt-5"][:2] == ["1", "100 / 100 / 100 / 0.0"]
    split = rows_of(text, "Exact rows of all rows, by the repository that they were recorded in")
    assert split["one/repo"][:3] == ["1/1", "", "1/1"]
    assert split["two/repo"][:3] == ["0/1", "", ""]
    assert split["documents"][:3] == ["1/1", "", ""]
    assert split["all"][:3] == ["2/3", "", "1/1"]


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (3008, 2000)])
def test_a_stand_in_for_an_image(size: tuple[int, int]) -> None:
    omitted = {"omitted_base64": True, "dims": list(size), "mime": "image/jpeg"}
    part = accuracy.restored([{"type": "image_url", "image_url": {"url": omitted}}])
    assert image_size(part[0]["image_url"]["url"]) == size


def test_a_stand_in_for_other_data() -> None:
    omitted = {"omitted_base64": True, "chars": 11, "mime": "application/pdf"}
    found = accuracy.restored({"file": {"file_data": omitted}, "input_audio": {"data": omitted}})
    assert found == {"file": {"file_data": "data:application/pdf;base64,AAAAAAAA"}, "input_audio": {"data": "AAAAAAAA"}}
    assert base64.b64decode("AAAAAAAA") == bytes(6)


@pytest.mark.parametrize(
    ("model", "billed"), [("gpt-3.5-turbo", 105), ("gpt-4", 105), ("gpt-4o", 101), ("gpt-4o-mini", 101)]
)
def test_the_formula_of_the_cookbook(model: str, billed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cookbook itself prints for its example with a tool, and for names."""
    for name, encoding in counters.vocabularies().items():
        monkeypatch.setitem(tiktoken.registry.ENCODINGS, name, encoding)
    count = counters.cookbook_counter()
    (case,) = cases([row(billed, model=model, messages=QUESTION, tools=[{"type": "function", "function": WEATHER}])])
    assert accuracy.peer_difference(count, case) == 0
    flat = {"type": "function", **WEATHER}
    (case,) = cases([row(billed, model=model, messages=QUESTION, tools=[flat])])
    assert accuracy.peer_difference(count, case) == 0
    named = [{"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."}]
    (case,) = cases([row(20, model="gpt-3.5-turbo-0613", messages=named)])
    assert accuracy.peer_difference(count, case) == 0
    (case,) = cases([row(9, messages=[{"role": "user", "content": None}])])
    assert accuracy.peer_difference(count, case) is None


def test_peers_that_are_not_installed() -> None:
    def missing() -> Any:
        raise ModuleNotFoundError("no_such_counter")

    found = counters.load_peers({"no_such_counter": missing, "cookbook": lambda: chatml.count})
    assert found["no_such_counter"] == counters.Peer("no_such_counter (not installed)", None)
    assert found["cookbook"].title == "cookbook"


def test_the_page_has_a_place_for_the_tables() -> None:
    page = accuracy.DOC.read_text(encoding="utf-8")
    assert page.count(accuracy.BEGIN) == page.count(accuracy.END) == 1
    for title in ("Agreement of `measure`", "Counters, by model", "Exact rows of all rows"):
        assert title in page.split(accuracy.BEGIN)[1].split(accuracy.END)[0]
