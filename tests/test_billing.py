"""Counts of requests with tools, calls, schemas and images: by hand from the documented rules, piece by piece."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from test_tool_text import WEATHER

import chatml
from chatml import CountError, Status
from chatml._billing import links
from chatml._messages import read_messages
from chatml._tool_text import CURRENT, JUNE_2023, schema_text, tools_text

SYSTEM = {
    "role": "system",
    "content": "You are a helpful assistant that can answer to questions about the weather.",
}
USER = {"role": "user", "content": "What's the weather like in San Francisco?"}
TOOLS = [{"type": "function", "function": WEATHER}]


def n(text: str, model: str = "gpt-4o") -> int:
    """The ordinary tokens of a text."""
    return len(chatml.get_encoding(chatml.get_model(model).encoding).encode_ordinary(text))


def call(name: str = "get_weather", arguments: Any = '{"city":"Paris"}', number: str = "c1") -> dict[str, Any]:
    return {"type": "function", "id": number, "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(made)}


def result(content: str = '{"temp": 22}', number: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": number, "content": content}


# The worked example of the facts: openai-cookbook, section 7, as billed


@pytest.mark.parametrize(
    ("model", "with_system", "without"), [("gpt-3.5-turbo", 105, 91), ("gpt-4", 105, 91), ("gpt-4o", 101, 87)]
)
def test_the_worked_example(model: str, with_system: int, without: int) -> None:
    assert chatml.count([SYSTEM, USER], model=model, tools=TOOLS) == with_system
    assert chatml.count([USER], model=model, tools=TOOLS) == without
    assert chatml.count([USER], model=model, functions=[WEATHER]) == without


@pytest.mark.parametrize(
    ("choice", "more"),
    [
        ("auto", 0), ("required", 0), ("none", 1),
        ({"type": "function", "function": {"name": "get_current_weather"}}, 7 + 3),
        ({"name": "get_current_weather"}, 4 + 3),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, 0),
    ],
)  # fmt: skip
def test_a_choice(choice: Any, more: int) -> None:
    assert n("get_current_weather") == 3
    assert chatml.count([USER], model="gpt-4o", tools=TOOLS, tool_choice=choice) == 87 + more
    without = chatml.count([USER], model="gpt-5", tools=TOOLS)
    assert chatml.count([USER], model="gpt-5", tools=TOOLS, tool_choice=choice) == without  # is billed as nothing


def test_the_first_system_or_developer_message_takes_the_tools() -> None:
    text = tools_text([WEATHER])
    messages = [USER, {"role": "developer", "content": "Be brief"}, SYSTEM]
    plain = chatml.count(messages, model="gpt-4o")
    joined = n("Be brief\n\n" + text) - n("Be brief")
    assert chatml.count(messages, model="gpt-4o", tools=TOOLS) == plain + joined - 1


@pytest.mark.parametrize(
    ("model", "api", "more"),
    [("gpt-4o", "responses", -3), ("gpt-5", "responses", 3), ("gpt-5", "chat", 85), ("o3", "chat", 3)],
)
def test_tools_that_stand_apart(model: str, api: Any, more: int) -> None:
    for messages in ([USER], [SYSTEM, USER]):
        plain = chatml.count(messages, model=model, api=api)
        found = chatml.count(messages, model=model, api=api, tools=TOOLS)
        assert found == plain + n(tools_text([WEATHER]), model) + more


def test_a_first_function_without_a_description_on_harmony() -> None:
    bare = [{"type": "function", "function": {"name": "now"}}]
    plain = chatml.count([USER], model="gpt-5-mini")
    assert chatml.count([USER], model="gpt-5-mini", tools=bare) == plain + n(tools_text([{"name": "now"}])) + 84


def test_models_of_june_2023_get_their_own_notation() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string", "description": "gone"}}}
    function = {"name": "f", "parameters": {"type": "object", "properties": {"x": inner}}}
    for model, notation in [("gpt-4-0613", JUNE_2023), ("gpt-4", JUNE_2023), ("gpt-3.5-turbo-0125", CURRENT)]:
        text = tools_text([function], notation)
        assert chatml.count([SYSTEM], model=model, functions=[function]) == 3 + 3 + 1 - 1 + n(
            f"{SYSTEM['content']}\n\n{text}", model
        )
    assert tools_text([function], JUNE_2023) != tools_text([function], CURRENT)


# Calls and results


@pytest.mark.parametrize(("model", "frame"), [("gpt-4o", 12), ("gpt-3.5-turbo", 12), ("gpt-5", 18)])
def test_one_call_and_its_result(model: str, frame: int) -> None:
    plain = chatml.count([USER], model=model)
    names = n("get_weather", model) + n("functions.get_weather", model)
    texts = n('{"city":"Paris"}', model) + n('{"temp": 22}', model)
    assert names + texts == 16  # 2 + 3 + 5 + 6 in both vocabularies
    expected = plain + frame + names + texts
    assert chatml.count([USER, calls(call()), result()], model=model) == expected
    for spelled in ('{"city": "Paris"}', '{\n  "city": "Paris"\n}', {"city": "Paris"}):
        assert chatml.count([USER, calls(call(arguments=spelled)), result()], model=model) == expected


def test_text_beside_a_call_is_a_message_of_its_own() -> None:
    silent, spoken = ([USER, calls(call(), content=text), result()] for text in (None, "I look."))
    assert chatml.count(spoken, model="gpt-4o") == chatml.count(silent, model="gpt-4o") + 3 + 1 + n("I look.")


def test_arguments_that_are_no_json_count_as_they_are() -> None:
    odd = chatml.count([USER, calls(call(arguments="{'city': 1")), result()], model="gpt-4o")
    assert odd == chatml.count([USER, calls(call(arguments="")), result()], model="gpt-4o") + n("{'city': 1")


def test_calls_at_once_are_one_call_of_another_tool() -> None:
    made = calls(call(number="a"), call("get_time", "{}", number="b"))
    uses = (
        '{"tool_uses":[{"recipient_name":"functions.get_weather","parameters":{"city":"Paris"}},'
        '{"recipient_name":"functions.get_time","parameters":{}}]}'
    )
    messages = [USER, made, result("sunny", "a"), result("Good!", "b")]
    found = chatml.measure(messages, model="gpt-4o")
    # the results stand in one text: a line break after "sunny" is a token, one after "!" is part of the token "!\n\n"
    assert found.total == chatml.count([USER], model="gpt-4o") + 22 + n(uses) + n("sunny\n\n") + n("Good!\n\n")
    assert (found.status, found.share) == (Status.FITTED, 1.0)
    three = calls(*(call(number=number) for number in "abc"))
    assert chatml.measure([USER, three], model="gpt-4o").status is Status.ESTIMATE


def test_the_legacy_form() -> None:
    model = "gpt-3.5-turbo-0613"
    made = {"role": "assistant", "content": "", "function_call": {"name": "do_stuff", "arguments": '{"a": 1}'}}
    answer = {"role": "function", "name": "do_stuff", "content": "done"}
    plain = chatml.count([USER], model=model)
    assert chatml.count([USER, made], model=model) == plain + 7 + n("do_stuff", model) + n('{"a": 1}', model)
    assert chatml.count([USER, answer], model=model) == plain + 3 + n("do_stuff", model) + n("done", model)


def link(messages: list[dict[str, Any]]) -> list[Any]:
    return [None if one is None else (one.name, one.parallel) for one in links(read_messages(messages))]


def test_which_result_answers_which_call() -> None:
    made = calls(call("f", "{}", "a"), call("g", "{}", "b"))
    assert link([made, result("1", "b"), result("2", "a")]) == [None, ("g", True), ("f", True)]
    assert link([made, result("1", "a"), result("2", "a")]) == [None, ("f", True), None]
    assert link([result("1", "a"), made]) == [None, None]
    nameless = {"role": "tool", "content": "1"}
    assert link([made, nameless, nameless, nameless]) == [None, ("f", True), ("g", True), None]
    assert link([calls(call("f", "{}", "a")), result("1", "a"), calls(call("g", "{}", "a")), result("2", "a")]) == [
        None, ("f", False), None, ("g", False),
    ]  # fmt: skip


def test_a_result_without_a_call_is_an_estimate() -> None:
    found = chatml.measure([USER, result()], model="gpt-4o")
    assert (found.status, found.bound) == (Status.ESTIMATE, 8)


# Response formats

ANSWER = {"name": "answer_format", "strict": True, "schema": {"type": "object", "properties": {"a": {"type": "null"}}}}
FORMAT = {"type": "json_schema", "json_schema": ANSWER}


def test_a_response_schema() -> None:
    text = schema_text(ANSWER)
    reply = 2 + n("answer_format")
    plain = chatml.count([USER], model="gpt-4o")
    assert chatml.count([USER], model="gpt-4o", response_format=FORMAT) == plain + 4 + n(text) + reply
    joined = n(f"{SYSTEM['content']}\n\n{text}") - n(str(SYSTEM["content"]))
    both = chatml.count([SYSTEM, USER], model="gpt-4o")
    assert chatml.count([SYSTEM, USER], model="gpt-4o", response_format=FORMAT) == both + joined + reply
    turns = [USER, {"role": "assistant", "content": "{}"}, USER]
    more = chatml.count(turns, model="gpt-4o", response_format=FORMAT) - chatml.count(turns, model="gpt-4o")
    assert more == 4 + n(text) + 2 * reply


def test_a_response_schema_with_tools_and_on_other_apis() -> None:
    text = schema_text(ANSWER)
    both = chatml.count([USER], model="gpt-4o", tools=TOOLS, response_format=FORMAT)
    assert both == 87 + 1 + n(text)
    flat = {"type": "json_schema", **ANSWER}
    for model, more in (("gpt-4o", 1), ("gpt-5", 0)):
        plain = chatml.count([USER], model=model, api="responses")
        assert chatml.count([USER], model=model, api="responses", response_format=flat) == plain + n(text) + more


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_other_response_formats_cost_nothing(kind: str) -> None:
    found = chatml.measure([USER], model="gpt-4o", response_format={"type": kind})
    assert (found.total, found.status) == (chatml.count([USER], model="gpt-4o"), Status.EXACT)


# Images and other parts


def png(width: int, height: int) -> str:
    head = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
        + struct.pack(">II", width, height)
        + b"\x08\x02\x00\x00\x00\x00\x00\x00\x00"
    )
    return "data:image/png;base64," + base64.b64encode(head).decode()


def image(url: str, detail: str | None = None) -> dict[str, Any]:
    inner = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": inner}]}


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-4o", (1126, 488), None, 595), ("gpt-4o", (3008, 2000), "auto", 1105), ("gpt-4o", (640, 480), "high", 425),
        ("gpt-4o", (512, 512), None, 255), ("gpt-4o", (3008, 2000), "low", 85),
        ("gpt-4o-mini", (512, 512), None, 8500), ("gpt-4o-mini", (640, 480), None, 14167),
        ("gpt-4o-mini", (1126, 488), None, 19834), ("o4-mini", (640, 480), None, 517),
    ],
)  # fmt: skip
def test_an_image(model: str, size: tuple[int, int], detail: str | None, tokens: int) -> None:
    plain = chatml.count([{"role": "user", "content": "Look"}], model=model)
    found = chatml.measure([image(png(*size), detail)], model=model)
    assert found.total == plain + tokens
    assert found.messages[0].media == tokens
    assert found.status is Status.FITTED


def test_an_image_of_unknown_size_has_a_bound() -> None:
    found = chatml.measure([image("https://example.org/a.png")], model="gpt-4o")
    assert found.messages[0].media == 765  # as if it had 1024 x 1024 pixels
    assert (found.status, found.bound) == (Status.ESTIMATE, 680)  # 255 to 1,445 tokens
    low = chatml.measure([image("https://example.org/a.png", "low")], model="gpt-4o")
    assert (low.messages[0].media, low.bound) == (85, 0)


PARTS = [
    ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "gpt-4o", "a part of type 'input_audio'"),
    ({"type": "file", "file": {"file_id": "f"}}, "gpt-4o", "a part of type 'file'"),
]


@pytest.mark.parametrize(("part", "model", "what"), PARTS)
def test_what_cannot_be_counted(part: dict[str, Any], model: str, what: str) -> None:
    messages = [USER, {"role": "user", "content": [part]}]
    with pytest.raises(CountError) as caught:
        chatml.count(messages, model=model)
    assert str(caught.value) == (
        f"messages[1].content[0]: found {what}, and no rule is known for what it costs; pass allow_estimate=True "
        "to count it as 0 and have the total called an estimate"
    )
    found = chatml.measure(messages, model=model, allow_estimate=True)
    assert (found.status, found.bound) == (Status.ESTIMATE, None)


def test_an_image_for_a_model_without_a_rule() -> None:
    with pytest.raises(CountError) as caught:
        chatml.count([image(png(1, 1))], model="gpt-3.5-turbo")
    assert str(caught.value) == (
        "messages[0].content[1]: found an image, and no rule is known for what one costs with model gpt-3.5-turbo; "
        "pass allow_estimate=True to count it as 765 and have the total called an estimate"
    )
    assert chatml.measure([image(png(1, 1))], model="gpt-3.5-turbo", allow_estimate=True).status is Status.ESTIMATE


def test_built_in_tools_cannot_be_counted() -> None:
    with pytest.raises(CountError) as caught:
        chatml.count([USER], model="gpt-4o", tools=[{"type": "web_search"}])
    assert str(caught.value) == (
        "tools: found a tool of type 'web_search', and no rule is known for what it costs; "
        "pass allow_estimate=True to count it as 0 and have an estimate"
    )
    found = chatml.measure([USER], model="gpt-4o", tools=[{"type": "web_search"}], allow_estimate=True)
    assert (found.parts[-1].name, found.status) == ("built-in tools", Status.ESTIMATE)


# Statuses


@pytest.mark.parametrize(
    ("model", "request_", "status"),
    [
        ("gpt-4o", {}, Status.EXACT),
        ("gpt-4o", {"tools": TOOLS}, Status.FITTED),
        ("gpt-4o", {"response_format": FORMAT}, Status.FITTED),
        ("gpt-5", {"tools": TOOLS}, Status.FITTED),
        ("o3", {"tools": TOOLS}, Status.ESTIMATE),
        ("gpt-4o", {"tools": TOOLS, "api": "responses"}, Status.FITTED),
        ("gpt-5", {"response_format": FORMAT}, Status.ESTIMATE),
    ],
)
def test_the_status_of_a_request(model: str, request_: dict[str, Any], status: Status) -> None:
    found = chatml.measure([USER], model=model, **request_)
    assert found.status is status
    assert (found.share is not None) == (status is Status.FITTED)
    assert found.total == sum(one.total for one in found.messages) + sum(part.tokens for part in found.parts)


def test_the_only_function_is_named_where_one_is_required_on_responses() -> None:
    without = chatml.count([USER], model="gpt-4o", api="responses", tools=TOOLS)
    alone = chatml.count([USER], model="gpt-4o", api="responses", tools=TOOLS, tool_choice="required")
    assert alone == without + 7 + n("get_current_weather")
    two = [*TOOLS, {"type": "function", "function": {"name": "now"}}]
    assert chatml.count([USER], model="gpt-4o", api="responses", tools=two, tool_choice="required") == chatml.count(
        [USER], model="gpt-4o", api="responses", tools=two
    )
