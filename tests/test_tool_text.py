"""The text of tools and response schemas, in both notations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml import ChatMLError, ConfigError
from chatml._tool_text import CURRENT, JUNE_2023, functions_of, schema_text, tools_text

WEATHER = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {
                "type": "string",
                "enum": ["celsius", "fahrenheit"],
                "description": "The unit of temperature to return",
            },
        },
        "required": ["location"],
    },
}
WEATHER_TEXT = """\
# Tools

## functions

namespace functions {

// Get the current weather in a given location
type get_current_weather = (_: {
// The city and state, e.g. San Francisco, CA
location: string,
// The unit of temperature to return
unit?: "celsius" | "fahrenheit",
}) => any;

} // namespace functions"""


def body(parameters: Any, notation: Any = CURRENT, description: Any = None) -> str:
    """The lines of one function `f`, without what stands around all functions."""
    text = tools_text([{"name": "f", "description": description, "parameters": parameters}], notation)
    return text.partition("{\n\n")[2].rpartition("\n\n}")[0]


def test_the_worked_example() -> None:
    assert tools_text([WEATHER]) == tools_text([WEATHER], JUNE_2023) == WEATHER_TEXT


def properties(required: tuple[str, ...] = (), /, **schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": schemas, "required": list(required)}


LEG = properties(("a",), a={"type": "string", "description": "origin"}, b={"type": "integer", "default": 1})
PLAIN_LEG = properties(("a",), a={"type": "string"}, b={"type": "integer"})
BOTH = [
    (None, "type f = () => any;"),
    ({}, "type f = () => any;"),
    ({"properties": {}}, "type f = () => any;"),
    ({"properties": {"a": {"enum": ["x", 3, None, True]}}}, 'a?: "x" | 3 | null | true'),
    ({"properties": {"a": {"type": "array"}}}, "a?: any[]"),
    ({"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}, "a?: number[]"),
    ({"properties": {"a": {"type": "object"}}}, "a?: object"),
    ({"properties": {"a": {"type": ["string", "null"]}}}, "a?: string | null"),
    ({"properties": {"a": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}, "a?: number | null"),
    ({"properties": {"a": {"oneOf": [{"type": "boolean"}, {}]}}}, "a?: boolean | any"),
    ({"properties": {"a": {"type": "odd"}}}, "a?: any"),
    ({"properties": {"a": "odd"}}, "a?: any"),
]


@pytest.mark.parametrize(("parameters", "inner"), BOTH)
def test_types(parameters: Any, inner: str) -> None:
    whole = inner.startswith("type")
    assert body(parameters) == (inner if whole else f"type f = (_: {{ {inner} }}) => any;")
    assert body(parameters, JUNE_2023) == (inner if whole else f"type f = (_: {{\n{inner},\n}}) => any;")


CURRENT_ONLY = [
    (properties(("a",), a={"type": "number"}, b={"type": "number"}), "{ a: number, b?: number }"),
    (properties(leg=PLAIN_LEG), "{ leg?: { a: string, b?: number } }"),
    (properties(leg=LEG), "{ leg?: {\n// origin\na: string,\nb?: number, // default: 1\n} }"),
    (properties(legs={"type": "array", "items": PLAIN_LEG}), "{ legs?: { a: string, b?: number }[] }"),
    (properties(a={"type": "string", "default": "é\n"}), '{\na?: string, // default: "é\\n"\n}'),
    (
        properties(a={"type": "string", "title": "A", "description": " in\n\n euro "}),
        "{\n// A\n//\n// in\n//\n// euro\na?: string,\n}",
    ),
    ({**properties(a={"type": "string"}), "title": "Args"}, "// Args\n{ a?: string }"),
    (
        {**properties(a={"$ref": "#/$defs/Leg"}), "$defs": {"Leg": {**PLAIN_LEG, "title": "Leg"}}},
        "{\n// Leg\na?: { a: string, b?: number },\n}",
    ),
    ({**properties(a={"$ref": "#/$defs/Gone"})}, "{ a?: any }"),
]


@pytest.mark.parametrize(("parameters", "inner"), CURRENT_ONLY)
def test_the_current_notation(parameters: Any, inner: str) -> None:
    assert body(parameters) == f"type f = (_: {inner}) => any;"


JUNE_ONLY = [
    (properties(leg=LEG), "{\nleg?: {\n  a: string,\n  b?: number,\n},\n}"),
    (properties(legs={"type": "array", "items": PLAIN_LEG}), "{\nlegs?: {\n  a: string,\n  b?: number,\n}[],\n}"),
    ({**properties(a={"type": "string"}), "description": "Args"}, "{\na?: string,\n}"),
    (properties(a={"type": "string", "default": 1}), "{\na?: string, // default: 1\n}"),
]


@pytest.mark.parametrize(("parameters", "inner"), JUNE_ONLY)
def test_the_notation_of_june_2023(parameters: Any, inner: str) -> None:
    assert body(parameters, JUNE_2023) == f"type f = (_: {inner}) => any;"


def test_a_description_is_stripped_line_by_line() -> None:
    assert body(None, description="\n Add.\n\n   Args: none\n ") == "// Add.\n//\n// Args: none\ntype f = () => any;"
    assert body(None, description="  \n ") == "type f = () => any;"


def test_functions_come_with_an_empty_line_between() -> None:
    text = tools_text([{"name": "a"}, {"name": "b"}])
    assert text.endswith(
        "namespace functions {\n\ntype a = () => any;\n\ntype b = () => any;\n\n} // namespace functions"
    )


def test_the_text_of_a_response_schema() -> None:
    schema = properties(("required",), required={"type": "string"}, additionalProperties={"type": "null"})
    text = schema_text({"name": "answer", "schema": {**schema, "additionalProperties": False}})
    inner = '{"type":"object","properties":{"required":{"type":"string"},"additionalProperties":{"type":"null"}}}'
    assert text == f"# Response Formats\n\n## answer\n\n{inner}"
    assert schema_text({"name": "a", "description": "d"}) == "# Response Formats\n\n## a\n\n// d\n{}"


def test_both_forms_of_a_tool_are_read() -> None:
    chat, responses = {"type": "function", "function": {"name": "a"}}, {"type": "function", "name": "b"}
    found, others = functions_of([chat, responses, {"type": "web_search"}], [{"name": "c"}])
    assert [one["name"] for one in found] == ["a", "b", "c"]
    assert others == [{"type": "web_search"}]


@pytest.mark.parametrize(
    ("functions", "text"),
    [
        ([{}], "tools[0].name: found NoneType, expected a string"),
        ([{"name": "a"}, {"name": 5}], "tools[1].name: found int, expected a string"),
        ([{"name": "a", "description": 5}], "tools[0].description: found int, expected a string"),
        ([{"name": "a", "parameters": 5}], "tools[0].parameters: found int, expected a mapping"),
    ],
)
def test_errors(functions: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tools_text(functions)
    assert str(caught.value) == text


def test_schemas_that_refer_to_themselves() -> None:
    once = {**properties(next={"$ref": "#"})}
    assert body(once).count("next?:") == 65  # the depth at which it ends
    twice = {**properties(a={"$ref": "#"}, b={"$ref": "#"})}
    with pytest.raises(ConfigError) as caught:
        body(twice)
    assert str(caught.value) == (
        "tools[0]: the text of the tools has more than 1,000,000 characters; "
        "a schema that refers to itself more than once grows without end"
    )
    unions = {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 2}}}
    with pytest.raises(ConfigError):
        body(unions)
    around = {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert body(around) == "type f = (_: { a?: any }) => any;"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a\n\ud800<|im_start|>", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "properties", "items", "enum", "anyOf", "$ref", "default", "description", "required",
                         "title", "$defs", "a", "b"]) | st.text(max_size=3),
        inner | st.sampled_from(["object", "array", "#/$defs/a", "#", "string"]), max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from([CURRENT, JUNE_2023]))
def test_any_schema_gives_text_or_a_typed_error(schema: Any, notation: Any) -> None:
    try:
        text = tools_text([{"name": "f", "parameters": schema}], notation)
        schema_text({"name": "f", "schema": schema})
    except ChatMLError:
        return
    assert text.startswith("# Tools\n")
    assert text.endswith("} // namespace functions")
