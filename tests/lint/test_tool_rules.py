"""Rules about tools: calls and results that belong together, and what a call says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_findings import Messages, call, calls, chat, contexts, fixed, found, places, result, said, texts, tool

from chatml.lint.rules._calls import calls_in, tools_of

HI = said("user", "hi")
HO = said("assistant", "ho")
BRIEF = said("system", "Be brief.")
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)

# ------------------------------------------------------------------------------------------------ calls and results


@pytest.mark.parametrize(
    ("messages", "unanswered"),
    [
        ([calls(call("f"), call("g", "c2")), result("c1"), HI], ["g"]),
        ([calls(call("f"), call("g", "c2")), result("c2"), HO], ["f"]),
        ([calls(call("f"), call("g", "c2")), result("c1")], ["g"]),
        ([calls(call("f")), HO], ["f"]),
        ([calls(call("f")), HI, result("c1")], ["f"]),
        ([calls(call("f"))], []),
        ([calls(call("f", None), call("g", None)), result(None), HI], []),
        ([calls(call("f", None)), HI], ["f"]),
        ([calls(call("f", None)), result("c7"), HI], []),
        ([calls(call("f")), result(None), HI], []),
        ([calls(call("f")), said("user", [{"type": "tool_result", "tool_use_id": "c1"}])], []),
        ([calls(call("f")), HO, result("c1")], []),
        ([said("assistant", None, function_call={"name": "f"}), HI], []),
    ],
)
def test_calls_without_results(messages: Messages, unanswered: list[str]) -> None:
    assert texts("TLC001", chat(*messages)) == [f"no result for the call of {name!r}" for name in unanswered]


def test_calls_of_sharegpt() -> None:
    made = {"from": "function_call", "value": '[{"name": "f", "arguments": {}}, {"name": "g"}]'}
    human, seen = {"from": "human", "value": "hi"}, {"from": "observation", "value": "4"}

    def rows(*conversations: dict[str, str]) -> str:
        return json.dumps({"conversations": conversations, "tools": '[{"name": "f", "description": "d"}]'})

    assert texts("TLC001", rows(human, made, human)) == [f"no result for the call of {name!r}" for name in "fg"]
    assert texts("TLC001", rows(human, made, seen, human)) == []
    assert texts("TLC001", rows(human, made)) == []
    assert texts("TLC001", rows(human, made, made)) == []
    assert texts("TLC002", rows(human, seen)) == ["a result without a call"]
    assert texts("TLC002", rows(human, made, seen, seen)) == []
    assert texts("TLC006", rows(human, made, seen)) == ["no tool 'g' is declared"]


@pytest.mark.parametrize(
    ("messages", "problems"),
    [
        ([result("c9")], ["no call has the id 'c9'"]),
        ([HI, result(None)], ["a result without a call"]),
        ([HI, BRIEF, result(None)], ["a result without a call"]),
        ([said("assistant", "<tool_call>"), result("c9"), result(None)], []),
        ([calls(call()), result(), HI, result()], []),
        ([calls(call()), result("c2")], ["no call has the id 'c2'"]),
        ([calls(call("f", None)), result("c2")], []),
        ([calls(call("f", None)), result("c2"), HI, result("c2")], ["a result without a call"]),
    ],
)
def test_results_without_calls(messages: Messages, problems: list[str]) -> None:
    assert texts("TLC002", chat(*messages)) == problems


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("get weather", "get_weather"),
        ("a.b/c", "a_b_c"),
        ("x" * 70, "x" * 64),
        ("größe", "gr_e"),
        ("", ""),
        ("天气", "天气"),
    ],
)
def test_names_that_are_none(name: str, new: str) -> None:
    messages = [HI, calls(call(name)), result()]
    text = chat(*messages, tools=[tool(name)])
    assert len(found("TLC003", text)) == 2
    renamed = chat(HI, calls(call(new)), result(), tools=[tool(new)])
    assert fixed("TLC003", text) == (text if name == new else renamed)


def test_a_tool_without_a_name() -> None:
    text = chat(HI, tools=[{"type": "function", "function": {"description": "d"}}, {"type": "web_search"}])
    assert texts("TLC003", text) == ["the tool has no name"]
    assert texts("TLC009", text) == []


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ("{}", []),
        ("", ["the arguments are not JSON: nothing"]),
        ("{'a': 1}", ["the arguments are not JSON: \"{'a': 1}\""]),
        ("null", ["the arguments are not a JSON object: 'null'"]),
        ("[" * 100_000, [f"the arguments are not JSON: '{'[' * 60}...'"]),
        ('"{}"', []),
        ('{"a": {{ a }}}', []),
        ({"a": 1}, []),
        (None, []),
        (5, []),
    ],
)
def test_arguments_that_are_not_json(arguments: Any, problems: list[str]) -> None:
    assert texts("TLC004", chat(HI, calls(call(arguments=arguments)))) == problems


@given(st.dictionaries(words, words | st.integers(), max_size=3), st.integers(0, 3))
def test_layers_of_encoding_are_taken_off(arguments: dict[str, Any], layers: int) -> None:
    once = json.dumps(arguments)
    text = once
    for _ in range(layers):
        text = json.dumps(text)
    file = chat(HI, calls(call(arguments=text)))
    assert len(found("TLC005", file)) == (layers > 0)
    assert fixed("TLC005", file) == chat(HI, calls(call(arguments=once)))
    assert texts("TLC004", file) == []


@pytest.mark.parametrize("arguments", ['"hi"', '"', '"{"', '"1"', '"[1]"'])
def test_strings_that_hold_no_object(arguments: str) -> None:
    assert texts("TLC005", chat(HI, calls(call(arguments=arguments)))) == []


def test_the_nearest_tool_is_named() -> None:
    text = chat(
        HI, calls(call("get_wether")), tools=[tool("get_weather"), {"type": "custom", "custom": {"name": "sql"}}]
    )
    assert [(one.message, one.help) for one in found("TLC006", text)] == [
        ("no tool 'get_wether' is declared", "the nearest is 'get_weather'")
    ]
    assert texts("TLC006", text.replace("get_wether", "sql")) == []


# ------------------------------------------------------------------------------------------------ schemas

CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "enum": [1, 2]}}}
WRONG = "the arguments of 'f' do not fit"


@pytest.mark.parametrize(
    ("schema", "arguments", "problems"),
    [
        ({**CITY, "required": ["city"]}, {}, [f"{WRONG}: 'city' is missing"]),
        (CITY, {"city": 5}, [f"{WRONG} at 'city': found 5, expected string"]),
        (CITY, {"city": True, "days": 3}, [f"{WRONG} at 'city': found True, expected string",
                                           f"{WRONG} at 'days': found 3, expected one of 1, 2"]),
        (CITY, {"days": 1.5}, [f"{WRONG} at 'days': found 1.5, expected integer"]),
        (CITY, {"days": 1.0}, []),
        (CITY, {"country": "FR"}, []),
        ({**CITY, "additionalProperties": False}, {"country": "FR"}, [f"{WRONG}: 'country' is not a parameter"]),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": None}, []),
        ({"properties": {"a": {"type": "string", "nullable": True}}}, {"a": None}, []),
        ({"properties": {"a": {"anyOf": [{"type": "string"}], "type": "null"}}}, {"a": 5}, []),
        ({"properties": {"a": {"items": {"type": "number"}}}}, {"a": [1, 2.5, "x", True]},
         [f"{WRONG} at 'a/2': found 'x', expected number", f"{WRONG} at 'a/3': found True, expected number"]),
        ({"properties": {"a": {"type": "whatever"}}}, {"a": 5}, []),
        ({"properties": {"a": {"type": "STRING"}}}, {"a": 5}, [f"{WRONG} at 'a': found 5, expected STRING"]),
        ({"properties": {"a": {"const": 1}}}, {"a": 2}, [f"{WRONG} at 'a': found 2, expected one of 1"]),
        ({"required": list("abcdef")}, {}, [f"{WRONG}: {name!r} is missing" for name in "abc"]),
        ({"required": [5], "properties": [], "type": 5}, {"a": 1}, []),
        ("no schema", {"a": 1}, []),
    ],
)  # fmt: skip
def test_arguments_and_schemas(schema: Any, arguments: Any, problems: list[str]) -> None:
    for shape in (arguments, json.dumps(arguments)):
        text = chat(HI, calls(call(arguments=shape)), tools=[tool(parameters=schema)])
        assert texts("TLC007", text) == problems


@pytest.mark.parametrize("arguments", ['{"days": NaN}', '{"days": Infinity}', '{"days": 1e400}'])
def test_numbers_that_are_none(arguments: str) -> None:
    text = chat(HI, calls(call(arguments=arguments)), tools=[tool(parameters=CITY)])
    assert len(found("TLC007", text)) == 1


def test_a_tool_that_is_declared_twice_has_no_schema() -> None:
    schema = {"required": ["a"]}
    twice = [tool(parameters=schema), tool(parameters={})]
    assert texts("TLC007", chat(HI, calls(call()), tools=twice)) == []


def test_a_problem_is_shown_where_it_is() -> None:
    text = chat(HI, calls(call(arguments={"city": 5})), tools=[tool(parameters=CITY)])
    assert places("TLC007", text) == ["5"]
    assert [one.pointer for one in found("TLC007", text)] == ["/messages/1/tool_calls/0/function/arguments/city"]


# ------------------------------------------------------------------------------------------------ ids


@given(st.lists(st.lists(st.sampled_from(["a", "b", "a_2"]), min_size=1, max_size=3), min_size=1, max_size=3))
def test_ids_become_unique_and_results_follow(ids: list[list[str]]) -> None:
    messages: Messages = [HI]
    for turn, row in enumerate(ids):
        messages.append(calls(*(call(f"f{turn}_{index}", one) for index, one in enumerate(row))))
        messages += [result(one, f"{turn}_{index}") for index, one in enumerate(row)]
    new = json.loads(fixed("TLC008", chat(*messages)))["messages"]
    by_id = {one["id"]: one["function"]["name"] for message in new for one in message.get("tool_calls", ())}
    assert len(by_id) == sum(map(len, ids))
    for message in new:
        if message["role"] == "tool":
            assert by_id[message["tool_call_id"]] == f"f{message['content']}"
    assert texts("TLC008", chat(*new)) == []


# ------------------------------------------------------------------------------------------------ shapes of calls


def test_calls_in_all_shapes() -> None:
    messages = [
        calls(call("f", "c1"), {"name": "g", "arguments": {}}, {"type": "custom", "custom": {"name": "h"}}, 5),
        said("assistant", None, function_call={"name": "i"}),
    ]
    [context] = contexts(chat(*messages), "chat.json")
    assert [(one.name, one.form, one.id, one.is_custom) for one in calls_in(context)] == [
        ("f", "tool_calls", "c1", False), ("g", "tool_calls", None, False), ("h", "tool_calls", None, True),
        ("i", "function_call", None, False),
    ]  # fmt: skip


def test_tools_in_all_shapes() -> None:
    tools = [tool("f"), {"name": "g"}, {"type": "function", "name": "h"}, {"type": "custom", "custom": {"name": "i"}}]
    [context] = contexts(chat(HI, tools=[*tools, {"type": "file_search"}], functions=[{"name": "j"}]), "chat.json")
    assert [(one.name, one.name_path) for one in tools_of(context)] == [
        ("f", ("tools", 0, "function", "name")), ("g", ("tools", 1, "name")), ("h", ("tools", 2, "name")),
        ("i", ("tools", 3, "custom", "name")), ("j", ("functions", 0, "name")),
    ]  # fmt: skip
