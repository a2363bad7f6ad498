"""Invariants of costs: a request is a constant plus the costs of its messages, however it is cut into groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Messages, texts

import chatml
from chatml import Message, get_encoding, get_model
from chatml._messages import read_messages
from chatml._meter import Meter, meter_for
from chatml._tool_text import tools_text

MODELS = st.sampled_from(["gpt-4o", "gpt-4-0613", "gpt-5-mini", "o3", "gpt-3.5-turbo-0301"])
APIS = st.sampled_from(["chat", "responses"])
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "null"}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
NAMES = st.sampled_from(["f", "get_weather", "a-b", "x" * 64])
ARGUMENTS = st.sampled_from(["{}", "", '{"a": 1}', '{"a":\n[1e999, "\\ud800"]}', "no JSON", '{"a": 1'])
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.sampled_from([[], [{"type": "function", "function": FUNCTION}], [{"type": "web_search"}]]),
        "functions": st.just([FUNCTION]),
        "tool_choice": st.sampled_from(["none", "auto", {"name": "f"}, {"type": "function", "function": FUNCTION}]),
        "response_format": st.sampled_from([{"type": "text"}, SCHEMA]),
    },
)


@st.composite
def groups(draw: st.DrawFn) -> Messages:
    """A message, or a call with some of its results."""
    text = draw(texts)
    kind = draw(st.sampled_from(["turn", "turn", "calls", "legacy", "orphan", "image"]))
    if kind == "turn":
        return [
            {"role": draw(st.sampled_from(["system", "developer", "user", "assistant", "critic"])), "content": text}
        ]
    if kind == "orphan":
        return [{"role": "tool", "tool_call_id": "nobody", "content": text}]
    if kind == "image":
        url = draw(st.sampled_from(["https://example.org/a.png", "data:image/gif;base64,R0lGODdhAQABAAAA", "odd"]))
        return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    if kind == "legacy":
        call = {"name": draw(NAMES), "arguments": draw(ARGUMENTS)}
        return [
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": call["name"], "content": text},
        ]
    made = draw(st.lists(st.tuples(NAMES, ARGUMENTS), min_size=1, max_size=3))
    calls = [
        {"type": "function", "id": str(place), "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(made)
    ]
    answers = draw(st.permutations([str(place) for place in range(len(made))]))
    kept = answers[: draw(st.integers(0, len(made)))]
    spoken = draw(st.sampled_from([None, "", text]))
    return [
        {"role": "assistant", "content": spoken, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": answer, "content": text} for answer in kept),
    ]


CONVERSATIONS = st.lists(groups(), max_size=6)


def check_sum(made: Sequence[Messages], meter: Meter) -> None:
    """The costs of groups, each asked for alone, and the constant are the total."""
    parts = [read_messages(group) for group in made]
    whole = tuple(message for part in parts for message in part)
    alone = [cost for part in parts for cost in meter.costs(part)]
    assert meter.costs(whole) == alone
    assert meter.base(whole) + sum(alone) == meter.total(whole)


@given(CONVERSATIONS, MODELS, APIS, REQUESTS)
def test_costs_add_up(made: list[Messages], model: str, api: Any, request: dict[str, Any]) -> None:
    check_sum(made, meter_for(model=model, api=api, allow_estimate=True, **request))


@given(CONVERSATIONS, MODELS, APIS, REQUESTS)
def test_a_measure_says_what_a_count_says(made: list[Messages], model: str, api: Any, request: dict[str, Any]) -> None:
    messages = [message for group in made for message in group]
    options: dict[str, Any] = {"model": model, "api": api, "allow_estimate": True, **request}
    found = chatml.measure(messages, **options)
    meter = meter_for(**options)
    read = read_messages(messages)
    assert found.total == chatml.count(messages, **options) == meter.total(read)
    assert found.total == sum(one.total for one in found.messages) + sum(part.tokens for part in found.parts)
    assert [one.source for one in found.messages] == list(range(len(messages)))
    assert [one.total for one in found.messages] == meter.costs(read)
    assert meter.status(read) == found.status


# The same by a slow and obvious reference: the formulas of the facts, for text and single calls on gpt-4o


def reference(made: Sequence[Messages], model: str = "gpt-4o", tools: bool = False) -> int:
    encoding = get_encoding(get_model(model).encoding)

    def n(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    total = 3
    block = "\n\n" + tools_text([FUNCTION]) if tools else ""
    if tools and not any(message["role"] in ("system", "developer") for group in made for message in group):
        total += 3 + 1 + n(block.strip())
        block = ""
    for message in (message for group in made for message in group):
        joins = message["role"] in ("system", "developer")
        total += 3 + n(message["role"]) + n(message["content"] + (block if joins else ""))
        block = "" if joins else block
    return total - tools


TURNS = st.lists(groups().filter(lambda group: group[0].get("content") and group[0]["role"] in ROLES), max_size=5)
ROLES = ("system", "developer", "user", "assistant")


@given(TURNS, st.booleans())
def test_text_and_tools_by_the_formula(made: list[Messages], tools: bool) -> None:
    made = [group for group in made if isinstance(group[0]["content"], str) and "tool_calls" not in group[0]]
    made = [group for group in made if "function_call" not in group[0]]
    messages = [message for group in made for message in group]
    asked = [{"type": "function", "function": FUNCTION}] if tools else None
    assert chatml.count(messages, model="gpt-4o", tools=asked) == reference(made, tools=tools)


# Negative controls


class CountsResultsApart(Meter):
    """Forgets that results of several calls stand in one text."""

    def costs(self, messages: Sequence[Message], first: int = 0) -> list[int]:
        return [cost for message in messages for cost in super(CountsResultsApart, self).costs([message], first)]

    def total(self, messages: Sequence[Message]) -> int:
        return self.base(messages) + sum(Meter.costs(self, messages))


def test_the_properties_catch_a_meter_that_is_wrong() -> None:
    made = [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": str(place), "function": {"name": "f", "arguments": json.dumps({"a": place})}} for place in range(2)
        ]},
        *({"role": "tool", "tool_call_id": str(place), "content": "x"} for place in range(2)),
    ]  # fmt: skip
    right = meter_for(model="gpt-4o")
    broken = CountsResultsApart.__new__(CountsResultsApart)
    broken.__dict__.update(right.__dict__)
    check_sum([made], right)
    with pytest.raises(AssertionError):
        check_sum([made], broken)
