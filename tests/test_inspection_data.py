"""Invariant: the data of a page gives the prompt, its string, its ids and its messages back, for all messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatml import Prompt, render
from chatml._messages import read_messages
from chatml.cli._inspecting import inspect
from chatml.cli._inspection_data import inspection_data
from chatml.cli._subject import Choices, subject_of
from chatml.dialects import dialect_names, get_dialect
from chatml.promptfiles import Document

PIECES = (
    "a",
    "<|im_",
    "end|>",
    "<|im_start|>",
    "\\",
    "\n",
    " ",
    "\N{SQUID}",
    "é",
    "\x1b",
    "<s>",
    "[INST]",
    "\u202e",
    "1",
)
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("system", "user", "assistant")), "content": texts},
        optional={"name": st.just("bob"), "weight": st.just(1)},
    ),
    max_size=5,
)


def data_of(given_messages: list[dict[str, Any]], **choices: Any) -> dict[str, Any]:
    document = Document("messages", messages=given_messages)
    chosen = Choices(**{"dialect": None, "model": None, "encoding": None, **choices})
    data = inspection_data(inspect("x.json", subject_of(document, chosen), chosen))
    loaded: dict[str, Any] = json.loads(json.dumps(data))
    return loaded


def units(text: str) -> list[str]:
    """Text in units of UTF-16."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return [raw[place : place + 2].decode("utf-16-le", "surrogatepass") for place in range(0, len(raw), 2)]


def text_of(found: list[str]) -> str:
    return "".join(found).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def segments_of(data: dict[str, Any]) -> list[tuple[str, str, int | None, bool]]:
    """The segments of a prompt from the data of its page, as the page reads them."""
    text, found = units(data["text"]), list[tuple[str, str, int | None, bool]]()
    last, message, start = -1, None, 0
    for letter in data["segments"]:
        if letter in "|_^":
            last += letter == "|"
            message = None if letter == "_" else last
            continue
        end = start + data["sizes"][len(found)]
        found.append((data["kinds"][letter.lower()], text_of(text[start:end]), message, letter.isupper()))
        start = end
    assert start == len(text)
    return found


@pytest.mark.parametrize("dialect", dialect_names())
@settings(max_examples=20)
@given(given_messages=messages)
def test_the_prompt_comes_back(dialect: str, given_messages: list[dict[str, Any]]) -> None:
    data = data_of(given_messages, dialect=get_dialect(dialect))
    options = {"dialect": dialect, "add_generation_prompt": True, "lossy": True}
    prompt = Prompt.from_messages(given_messages, **options)
    assert segments_of(data) == [(one.kind, one.text, one.message, one.special) for one in prompt.segments]
    text = units(data["text"])
    for place in reversed(data["escapes"]):
        text.insert(place, "\\")
    assert text_of(text) == render(given_messages, **options)
    assert data["ids"] == prompt.token_ids()
    assert sum(ord(letter) - 47 for letter in data["lengths"]) == len(data["text"].encode())
    for start, end, token in data["forged"]:
        assert text_of(units(data["text"])[start:end]) == token


@given(given_messages=messages)
def test_messages_come_back_and_content_stands_there_once(given_messages: list[dict[str, Any]]) -> None:
    given_messages = [
        {**one, "content": f"{one['content']} unlike others {place}"} for place, one in enumerate(given_messages)
    ]
    data = data_of(given_messages)
    written = json.dumps(data)
    wire = data["indexes"] or list(range(len(data["roles"])))
    contents: dict[int, str] = {}
    for kind, text, message, _ in segments_of(data):
        if message is not None and kind == "content":
            contents[wire[message]] = contents.get(wire[message], "") + text
    for index, message in enumerate(read_messages(given_messages)):
        source = data["sources"].get(str(index), {"role": message.role})
        assert {"content": contents.get(index), **source} == message.to_mapping()
        assert written.count(f" unlike others {index}") == 1


def test_messages_with_numbers_that_a_script_rounds_stand_there_as_json() -> None:
    rounded = [{"role": "user", "content": "é", "ids": [{"id": number}]} for number in (2**53, -(2**70))]
    kept = [{"role": "user", "content": "a", "id": value} for value in (2**53 - 1, True, 1e300, "1" * 20, None)]
    data = data_of([*kept, *rounded])
    assert [json.loads(text) for text in data["exact"].values()] == rounded
    assert list(data["exact"]) == ["5", "6"]


def test_thousands_of_messages_take_little_room() -> None:
    data = data_of([{"role": ("user", "assistant")[place % 2], "content": "Yes"} for place in range(1000)])
    known = {name: len(json.dumps(data[name])) for name in ("text", "ids")}
    assert len(json.dumps(data, separators=(",", ":"))) - sum(known.values()) < 60 * 1000
    assert data["indexes"] is None
    assert data["sources"] == {}
