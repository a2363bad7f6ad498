"""Logs of requests with their bills: the forms that are read, and how well counts agree, beside a slow reference."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import catches

from chatml._errors import ChatMLError, ParseError
from chatml._measure import Status
from chatml._messages import read_messages
from chatml._recorded import Recorded, read_recorded
from chatml._usage import (
    FEATURES,
    UNKNOWN_MODEL,
    Agreement,
    Correction,
    Group,
    Report,
    Row,
    Tally,
    UsageCheck,
    check_row,
    family_of,
    feature_of,
)
from chatml.models import ModelInfo, ModelTable, get_model

HELLO = [{"role": "user", "content": "hello"}]  # openai/openai-python#506: 8 tokens
FLAT = {"model": "gpt-3.5-turbo-0613", "messages": HELLO, "usage": {"prompt_tokens": 8, "completion_tokens": 9}}
NOW = {"type": "function", "function": {"name": "now"}}
NO_BILL = (
    "there is no number of billed tokens; it is read from usage.prompt_tokens, usage.input_tokens or prompt_tokens"
)
CALL = {"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def read(value: object, **options: Any) -> Recorded:
    found = read_recorded(value, **options)
    assert found is not None
    return found


def request(**changes: Any) -> Recorded:
    return read({**FLAT, **changes})


# Forms


@pytest.mark.parametrize(
    "value",
    [
        FLAT,
        {"model": "gpt-3.5-turbo-0613", "messages": HELLO, "prompt_tokens": 8},
        {"model": "gpt-3.5-turbo-0613", "messages": HELLO, "prompt_tokens": 8.0},
        {"request": {"messages": HELLO}, "response": {"model": "gpt-3.5-turbo-0613", "usage": {"prompt_tokens": 8}}},
        {"request": {"body": {"messages": HELLO, "model": "gpt-3.5-turbo-0613"}}, "usage": {"prompt_tokens": 8}},
        {
            "custom_id": "a", "url": "/v1/chat/completions", "body": {"messages": HELLO},
            "response": {"status_code": 200, "body": {"model": "gpt-3.5-turbo-0613", "usage": {"prompt_tokens": 8}}},
        },
        {
            "attributes": {
                "gen_ai.request.model": "gpt-3.5-turbo-0613", "gen_ai.usage.input_tokens": 8,
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}],
            }
        },
    ],
)  # fmt: skip
def test_forms_of_one_request(value: Any) -> None:
    found = read(value)
    assert (found.models, found.api, found.billed) == (("gpt-3.5-turbo-0613",), "chat", 8)
    assert [message.to_mapping() for message in read_messages(found.messages)] == HELLO
    assert check_row(found, place="1") == Row(
        "1", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-0613", "chat", "text", 8, 8, Status.EXACT
    )


def test_all_of_a_request() -> None:
    parts = {
        "tools": [NOW], "functions": [{"name": "f"}], "tool_choice": "none", "response_format": {"type": "text"},
    }  # fmt: skip
    for value in (
        {**FLAT, **parts},
        {**FLAT, "model_parameters": parts},  # LiteLLM
        {"request": {**FLAT, **parts}, "usage": {"prompt_tokens": 8}},
    ):
        found = read(value)
        assert {key: getattr(found, key) for key in parts} == parts
    assert request(function_call={"name": "f"}).tool_choice == {"name": "f"}
    assert request(function_call="none", tool_choice="auto").tool_choice == "auto"
    assert request(web_search_options={}).searches


def test_the_model_that_was_returned_wins() -> None:
    value = {**FLAT, "model": "gpt-4", "response": {"model": "gpt-4o-2024-08-06"}}
    assert read(value).models == ("gpt-4o-2024-08-06", "gpt-4")
    assert check_row(read(value), place="1").model == "gpt-4o-2024-08-06"
    deployment = read({**FLAT, "response": {"model": "my-deployment"}})
    row = check_row(deployment, place="1")
    assert (row.model, row.family, row.counted) == ("my-deployment", "gpt-3.5-turbo-0613", 8)
    own = ModelTable([ModelInfo("my-deployment", "cl100k_im", "openai-im-sep", status="estimate")])
    assert check_row(deployment, place="1", find=own.get_model).status is Status.ESTIMATE
    assert check_row(deployment, place="1", model=get_model("gpt-4o")).model == "gpt-4o"


@pytest.mark.parametrize(
    ("changes", "api"),
    [
        ({}, "chat"),
        ({"api": "responses"}, "responses"),
        ({"api": "chat", "usage": {"input_tokens": 8}}, "chat"),
        ({"api": "https://example.org", "usage": {"input_tokens": 8}}, "responses"),
        ({"messages": None, "input": "hello"}, "responses"),
        ({"response": {"object": "response"}}, "responses"),
        ({"response": {"object": "chat.completion"}, "usage": {"input_tokens": 8}}, "chat"),
        ({"call_type": "aresponses"}, "responses"),
        ({"openai.api.type": "responses"}, "responses"),
    ],
)
def test_which_api(changes: dict[str, Any], api: str) -> None:
    assert request(**changes).api == api


def test_rows_that_do_not_show_their_api() -> None:
    assert read(FLAT, api="responses").api == "responses"
    assert read({**FLAT, "api": "chat"}, api="responses").api == "chat"


def test_items_of_the_responses_api() -> None:
    items = [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "When is it?"}],
            "status": "done",
        },
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "id": "fc", "call_id": "1", "name": "now", "arguments": "{}"},
        {"type": "function_call", "id": "fd", "call_id": "2", "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "noon"},
        {"type": "function_call_output", "call_id": "2", "output": "one"},
        {"role": "user", "content": "Again"},
        {"type": "function_call", "call_id": "3", "name": "now", "arguments": "{}"},
    ]
    value = {"model": "gpt-4o", "instructions": "Be brief", "input": items, "tools": [NOW],
             "text": {"format": {"type": "json_schema", "name": "answer", "schema": {}}},
             "usage": {"input_tokens": 99}}  # fmt: skip
    found = read(value)
    assert found.response_format == value["text"]["format"]  # type: ignore[index]
    assert [message.to_mapping() for message in read_messages(found.messages)] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "When is it?"},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL}, {**CALL, "id": "2"}]},
        {"role": "tool", "content": "noon", "tool_call_id": "1"},
        {"role": "tool", "content": "one", "tool_call_id": "2"},
        {"role": "user", "content": "Again"},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "3"}]},
    ]
    assert read({**value, "instructions": [{"role": "developer", "content": "Be brief"}]}).messages[0] == {
        "role": "developer", "content": "Be brief"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"previous_response_id": "r"}, "the request goes on from messages that it does not hold"),
        ({"conversation": "c"}, "the request goes on from messages that it does not hold"),
        ({"prompt": {"id": "p"}}, "the request goes on from messages that it does not hold"),
        (
            {"input": [{"type": "web_search_call", "id": "w"}]},
            "found a part of type 'web_search_call', and no rule is known for what it costs",
        ),
    ],
)
def test_what_the_responses_api_knows_and_a_log_does_not(changes: dict[str, Any], problem: str) -> None:
    value = {"model": "gpt-4o", "input": "hello", "usage": {"input_tokens": 8}, **changes}
    row = check_row(read(value), place="1")
    assert (row.counted, row.status, row.problem) == (None, None, problem)


def test_messages_of_open_telemetry() -> None:
    messages = [
        {"role": "user", "name": "ann", "parts": [{"type": "text", "content": "When is it?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm"},
                {"type": "text", "content": "I look."},
                {"type": "tool_call", "id": "1", "name": "now", "arguments": {"zone": "UTC"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"hour": 12}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": "noon"}]},
        {"role": "assistant", "parts": []},
    ]
    value = {
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief"}],
        "gen_ai.input.messages": messages,
        "gen_ai.tool.definitions": [{"type": "function", "name": "now"}],
    }
    as_text = {key: json.dumps(part) if isinstance(part, list) else part for key, part in value.items()}
    for form in (value, as_text):
        found = read(form)
        assert (found.models, found.tools) == (("gpt-4o",), value["gen_ai.tool.definitions"])
        assert [message.to_mapping() for message in read_messages(found.messages)] == [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "When is it?", "name": "ann"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "now", "arguments": {"zone": "UTC"}}}
                ],
            },
            {"role": "tool", "content": '{"hour": 12}', "tool_call_id": "1"},
            {"role": "tool", "content": "noon", "tool_call_id": "1"},
            {"role": "assistant", "content": ""},
        ]


@pytest.mark.parametrize(
    "value",
    [
        {**FLAT, "usage": None},
        {**FLAT, "usage": {}},
        {**FLAT, "usage": {"prompt_tokens": 0}},
        {**FLAT, "usage": {"prompt_tokens": None}},
        {"model": "gpt-4o", "messages": HELLO, "error": {"message": "quota"}},
        {"request": {"messages": HELLO}, "response": {"error": "quota"}},
        {"request": {"messages": HELLO}, "response": {"usage": None}},
    ],
)
def test_what_was_not_billed(value: Any) -> None:
    assert read_recorded(value) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "found list, expected an object: a request and its usage"),
        (None, "found NoneType, expected an object: a request and its usage"),
        (
            {"model": "gpt-4o", "messages": HELLO},
            NO_BILL,
        ),
        (
            {**FLAT, "usage": {"total_tokens": 9}},
            NO_BILL,
        ),
        ({**FLAT, "usage": 8}, "usage: found int, expected an object"),
        ({"response": {"usage": []}}, "response.usage: found list, expected an object"),
        ({**FLAT, "usage": {"prompt_tokens": "8"}}, "usage.prompt_tokens: found '8', expected a number of tokens"),
        ({**FLAT, "usage": {"prompt_tokens": True}}, "usage.prompt_tokens: found True, expected a number of tokens"),
        ({**FLAT, "usage": {"prompt_tokens": -1}}, "usage.prompt_tokens: found -1, expected a number of tokens"),
        ({"prompt_tokens": 0.5}, "prompt_tokens: found 0.5, expected a number of tokens"),
        ({"prompt_tokens": 10**5000}, "prompt_tokens: found a number out of range, expected a number of tokens"),
        ({"prompt_tokens": 8}, "there are no messages; they are read from messages or input"),
        ({"prompt_tokens": 8, "gen_ai.input.messages": "["}, "gen_ai.input.messages: found text that is not JSON"),
        ({"prompt_tokens": 8, "gen_ai.input.messages": {}}, "gen_ai.input.messages: found dict, expected a list"),
    ],
)
def test_what_is_no_recorded_request(value: Any, problem: str) -> None:
    with pytest.raises(ParseError) as caught:
        read_recorded(value)
    assert str(caught.value) == f"line 1, column 1: {problem}"
    assert caught.value.code == "log"


def test_a_row_without_a_model() -> None:
    nameless = read({"messages": HELLO, "prompt_tokens": 8})
    with pytest.raises(ParseError) as caught:
        check_row(nameless, place="1")
    problem = "no model is named; write it under model, or name one for all rows"
    assert str(caught.value) == f"line 1, column 1: {problem}"
    assert check_row(nameless, place="1", model=get_model("gpt-4o")).difference == 0


KEYS = [
    *("model", "messages", "input", "instructions", "tools", "functions", "tool_choice", "function_call", "api"),
    *("response_format", "text", "usage", "prompt_tokens", "request", "response", "body", "attributes", "object"),
    *("model_parameters", "error", "gen_ai.input.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"),
    *("role", "content", "parts", "type", "name", "call_id", "output", "arguments", "format", "prompt", "response"),
]
WORDS = ["gpt-4o", "gpt-5", "user", "assistant", "tool", "system", "text", "function", "function_call", "tool_call",
         "tool_call_response", "json_schema", "responses", "hello", "[]", "{}", "", "required"]  # fmt: skip
SCALARS = st.sampled_from([*WORDS, None, True, 8, -1, 0, 0.5, 10**30])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)
ROWS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8).map(
    lambda row: {"model": "gpt-4o", "messages": HELLO, "usage": {"prompt_tokens": 8}, **row}
)


ONE_WRONG = st.tuples(st.sampled_from(KEYS), SCALARS | VALUES).map(lambda pair: {**FLAT, pair[0]: pair[1]})


@given(ROWS | ONE_WRONG | VALUES)
def test_no_row_escapes_the_errors_of_this_package(value: object) -> None:
    try:
        found = read_recorded(value)
        row = None if found is None else check_row(found, place="1", allow_estimate=True)
    except ChatMLError:
        return
    assert row is None or (row.counted is None) == bool(row.problem)


# Features and families


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({}, "text"),
        ({"messages": [{"role": "developer", "content": [{"type": "text", "text": "hi"}]}]}, "text"),
        ({"response_format": {"type": "json_object"}}, "text"),
        ({"tool_choice": "auto", "tools": []}, "text"),
        ({"messages": [{"role": "user", "name": "ann", "content": "hi"}]}, "names"),
        ({"tools": [NOW]}, "tools"),
        ({"functions": [{"name": "now"}]}, "functions"),
        ({"functions": [{"name": "now"}], "function_call": {"name": "now"}}, "tool choice"),
        ({"tools": [NOW], "tool_choice": "none"}, "tool choice"),
        ({"tools": [NOW], "tool_choice": "auto"}, "tools"),
        ({"response_format": {"type": "json_schema"}, "tools": [NOW]}, "response format"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]}, "tool history"),
        ({"messages": [{"role": "function", "name": "now", "content": "1"}]}, "tool history"),
        ({"messages": [{"role": "tool", "content": "1"}], "tools": [{"type": "web_search"}]}, "built-in tools"),
        ({"web_search_options": {}}, "built-in tools"),
        ({"messages": [{"role": "assistant", "content": "", "audio": {"id": "a"}}]}, "files and audio"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}, "Read it"]}]}, "files and audio"),
        ({"messages": [{"role": "user", "content": [{"type": "input_image"}, {"type": "file"}]}]}, "images"),
        ({"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]}, "text"),
    ],
)  # fmt: skip
def test_features(changes: dict[str, Any], feature: str) -> None:
    recorded = request(**changes)
    assert feature_of(recorded, read_messages(recorded.messages)) == feature
    assert feature in FEATURES


def test_families() -> None:
    names = ("gpt-4o-mini-2024-07-18", "gpt-3.5-turbo-0613", "ft:gpt-4o-2024-08-06:me::1", "azure/gpt-5-2025-08-07")
    assert [family_of(get_model(name)) for name in names] == ["gpt-4o-mini", "gpt-3.5-turbo-0613", "ft:gpt-4o", "gpt-5"]


def test_what_is_refused() -> None:
    unknown = check_row(request(model="claude-3-opus"), place="7")
    assert unknown == Row("7", "claude-3-opus", UNKNOWN_MODEL, "chat", "text", 8, None, problem=unknown.problem)
    assert unknown.problem.startswith("unknown model 'claude-3-opus'")
    file = request(messages=[{"role": "user", "content": [{"type": "file"}]}])
    assert check_row(file, place="1").problem == "found a part of type 'file', and no rule is known for what it costs"
    assert check_row(file, place="1", allow_estimate=True).status is Status.ESTIMATE


# Agreement

FAMILIES = ["gpt-4o", "gpt-5", UNKNOWN_MODEL]
PROBLEMS = [f"no rule {number}" for number in range(30)]
STATUSES = st.sampled_from(Status)
COUNTED = st.builds(
    lambda family, api, feature, billed, difference, status, bound: Row(
        "", family, family, api, feature, billed, max(billed + difference, 0), status, None, bound
    ),
    st.sampled_from(FAMILIES), st.sampled_from(["chat", "responses"]), st.sampled_from(FEATURES),
    st.integers(1, 200), st.sampled_from([0, 0, 0, 1, -1, 2, 4, 4, -7, 50]), STATUSES, st.sampled_from([None, 3]),
)  # fmt: skip
REFUSED = st.builds(
    lambda family, feature, problem: Row("", family, family, "chat", feature, 8, None, problem=problem),
    st.sampled_from(FAMILIES), st.sampled_from(FEATURES), st.sampled_from(PROBLEMS),
)  # fmt: skip
LOGS = st.lists(COUNTED | COUNTED | REFUSED, max_size=40).map(
    lambda rows: [row._replace(place=str(place)) for place, row in enumerate(rows)]
)


def slow_agreement(rows: list[Row]) -> Agreement:
    """By the definitions, over all rows at once."""
    counted = [row for row in rows if row.counted is not None]
    off = [abs(row.counted - row.billed) for row in counted if row.counted is not None]
    errors = [difference / row.billed for difference, row in zip(off, counted, strict=True)]
    return Agreement(
        len(rows), len(rows) - len(counted), off.count(0), off.count(0) + off.count(1),
        sum(50 * difference <= row.billed for difference, row in zip(off, counted, strict=True)),
        statistics.median(errors) if errors else None,
        *(sum(row.status is status for row in rows) for status in Status),
    )  # fmt: skip


def slow_correction(key: tuple[str, str, str], rows: list[Row]) -> list[Correction]:
    """Try every constant that puts a row right, the nearest to 0 first."""
    off = [row.billed - row.counted for row in rows if row.counted is not None]
    best, most = 0, max(off.count(0), 1)
    for constant in sorted(set(off), key=lambda one: (abs(one), one)):
        if off.count(constant) > most:
            best, most = constant, off.count(constant)
    return [Correction(*key, best, most, off.count(0), len(rows))] if best else []


def slow_report(rows: list[Row], most: int) -> Report:
    """The report, from rows that are all kept."""
    places = sorted(
        {(row.family, row.api, row.feature) for row in rows},
        key=lambda key: (key[0] == UNKNOWN_MODEL, key[0], key[1], FEATURES.index(key[2])),
    )
    groups = {key: [row for row in rows if (row.family, row.api, row.feature) == key] for key in places}
    corrections = []
    for family, api in dict.fromkeys(key[:2] for key in places):
        whole = slow_correction((family, api, ""), [row for row in rows if (row.family, row.api) == (family, api)])
        corrections += whole or [
            one for key in places if key[:2] == (family, api) for one in slow_correction(key, groups[key])
        ]
    off = [row for row in rows if row.counted not in (None, row.billed)]
    ranked = sorted(off, key=lambda row: (-beyond(row), -abs(row.difference)))
    wrong = [row for row in ranked if row.status is Status.EXACT]
    reasons = list(dict.fromkeys(row.problem for row in rows if row.problem))
    refusals = Counter(
        row.problem if row.problem in reasons[:20] else "other reasons" for row in rows if row.counted is None
    )
    return Report(
        slow_agreement(rows),
        tuple(Group(*key, slow_agreement(members)) for key, members in groups.items()),
        tuple(wrong[:most]), len(wrong), tuple(ranked[:most]), tuple(corrections), tuple(refusals.most_common()),
        sum(row.status is Status.ESTIMATE and beyond(row) > 0 for row in rows),
    )  # fmt: skip


def beyond(row: Row) -> int:
    if row.status is Status.ESTIMATE:
        return max(abs(row.difference) - row.bound, 0) if row.bound is not None else 0
    return abs(row.difference)


def check_report(rows: list[Row], make: Callable[..., UsageCheck] = UsageCheck, most: int = 4) -> None:
    usage = make(most=most)
    for row in rows:
        usage.add(row)
    assert usage.report() == slow_report(rows, most)


@given(LOGS)
def test_a_report_is_that_of_all_rows_at_once(rows: list[Row]) -> None:
    check_report(rows)


class KeepsTheFirst(UsageCheck):
    """Keeps the first rows that are wrong, whatever follows."""

    def _keep(self, heap: list[Any], row: Row) -> None:
        if len(heap) < self._most:
            super()._keep(heap, row)


class LeavesOutRefusals(UsageCheck):
    """Its shares are those of the rows that were counted."""

    def add(self, row: Row) -> None:
        if row.counted is not None:
            super().add(row)


class TrustsOneRow(UsageCheck):
    """Calls the last difference the constant."""

    def add(self, row: Row) -> None:
        super().add(row)
        if row.difference:
            self._tallies[row.family, row.api, row.feature].differences[row.difference] += 1


def test_broken_reports_are_caught() -> None:
    for broken in (KeepsTheFirst, LeavesOutRefusals, TrustsOneRow):
        assert catches(lambda rows, broken=broken: check_report(rows, broken), LOGS), broken


def test_no_row() -> None:
    assert UsageCheck().report() == Report(Agreement(), (), (), 0, (), (), (), 0)
    assert Tally().constant() is None


def tally(*differences: int | None) -> Tally:
    found = Tally()
    for difference in differences:
        found.add(difference, 100)
    return found


@pytest.mark.parametrize(
    ("differences", "constant"),
    [
        ((4, 4, 0), (-4, 2)),
        ((-216, -216, -216, 0, 0), (216, 3)),
        ((4, 4, 0, 0), None),  # as good as none
        ((4,), None),  # one row shows nothing
        ((0, 0), None),
        ((None, None), None),
        ((4, 4, -2, -2), (2, 2)),  # of equals the nearest to 0
        ((2, 2, -2, -2), (-2, 2)),
    ],
)  # fmt: skip
def test_the_constant_of_a_family(differences: tuple[int | None, ...], constant: tuple[int, int] | None) -> None:
    assert tally(*differences).constant() == constant


def test_the_borders_of_near() -> None:
    assert tally(1, 2, 3, -2).agreement()[2:6] == (0, 1, 3, 0.02)
