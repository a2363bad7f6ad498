"""Rules about tokens. Invariant: nothing is said at a limit, and something one token above it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_findings import chat, contexts, fixed, found, places, said, texts

import chatml
from chatml.lint.rules._counts import is_first, number_of
from chatml.lint.rules._counts import said as spoken

TALK = [said("system", "Be brief."), said("user", "Count to ten, please.")]
TEXT = chat(*TALK)
TOTAL = chatml.count(TALK, model="gpt-4o")
RAW = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_the_window() -> None:
    window = chatml.get_model("gpt-4").context_window
    total = chatml.count(TALK, model="gpt-4")
    assert window is not None
    assert texts("TOK001", TEXT, model="gpt-4", reserve=window - total) == []
    above = {"model": "gpt-4", "reserve": window - total + 1}
    assert texts("TOK001", TEXT, **above) == [
        f"the prompt has {total} tokens and {window - total + 1:,} for the reply, the window of gpt-4 has {window:,}"
    ]
    assert texts("TOK001", chat(*TALK, model="gpt-4"), reserve=window) != []
    assert texts("TOK001", TEXT, reserve=10**9) == []
    assert texts("TOK001", chat(*TALK, model="nobody/knows"), reserve=10**9) == []
    assert texts("TOK001", TEXT + "\n" + TEXT, "train.jsonl", **above) == []
    (of_raw,) = found("TOK001", RAW, "a.chatml", model="gpt-4", reserve=window)
    assert (of_raw.line, of_raw.column) == (1, 1)


@given(st.integers(-3, 3))
def test_the_budget_of_a_file(more: int) -> None:
    budgets = {"*.json": TOTAL + more}
    expected = [f"the prompt has {TOTAL} tokens, its budget is {TOTAL + more}"] if more < 0 else []
    assert texts("TOK002", TEXT, model="gpt-4o", budgets=budgets) == expected


def test_the_budget_of_a_file_is_by_glob() -> None:
    assert texts("TOK002", TEXT, "a/b.json", model="gpt-4o", budgets={"*.json": 1, "a/*": 1_000}) == []
    assert texts("TOK002", TEXT, "c/b.json", model="gpt-4o", budgets={"*.json": 1, "a/*": 1_000}) != []
    assert texts("TOK002", RAW, "a.chatml", budgets={"*": 9}) == []
    assert texts("TOK002", RAW, "a.chatml", budgets={"*": 8}) == ["the prompt has 9 tokens, its budget is 8"]


@pytest.mark.parametrize(
    ("options", "pointed"),
    [
        ({"message": 1}, ["Be brief.", "Count to ten, please."]),
        ({"roles": {"user": 1}}, ["Count to ten, please."]),
        ({"roles": {"system": 1, "user": 100}, "message": 1}, ["Be brief."]),
        ({"roles": {"system": 0, "user": "many"}, "message": 0}, []),
        ({"roles": {}, "message": 100}, []),
        ({"roles": 5, "message": "x"}, []),
    ],
)
def test_the_budget_of_messages(options: dict[str, Any], pointed: list[str]) -> None:
    shown = places("TOK002", TEXT, model="gpt-4o", rules={"TOK002": options})
    assert [json.loads(one)["content"] for one in shown] == pointed


def test_what_is_said_of_a_message() -> None:
    cost = chatml.measure(TALK, model="gpt-4o").messages[1].total
    (message,) = texts("TOK002", TEXT, model="gpt-4o", rules={"TOK002": {"roles": {"user": 1}}})
    assert message == f"the message (user) has {cost} tokens, its budget is 1"


def test_growth() -> None:
    def grown(**options: Any) -> list[str]:
        return texts("TOK003", TEXT, model="gpt-4o", rules={"TOK003": options})

    assert grown(tokens={"chat.json": TOTAL}) == []
    assert grown(tokens={"chat.json": TOTAL}, percent=0) == []
    assert grown(tokens={"chat.json": TOTAL - 1}, percent=0) == [
        f"the file has {TOTAL} tokens, {100 / (TOTAL - 1):.0f} % more than the {TOTAL - 1} that were recorded"
    ]
    assert grown(tokens={"chat.json": 1_000}) == []
    for tokens in ({}, {"chat.json": 0}, {"chat.json": "10"}, {"other.json": 1}, 5):
        assert grown(tokens=tokens) == []
    assert grown(tokens={"chat.json": 1}, percent="ten") == []


def test_rows_that_are_cut() -> None:
    rows = TEXT + "\n" + chat(*TALK, said("assistant", "1 2 3 4 5 6 7 8 9 10")) + "\n"
    total = chatml.count(TALK, dialect="chatml")
    for limit, lines in ((total - 1, [1, 2]), (total, [2]), (1_000, []), (0, [])):
        counted = found("TOK004", rows, "train.jsonl", rules={"TOK004": {"limit": limit}})
        assert [one.line for one in counted] == lines
    assert texts("TOK004", TEXT, rules={"TOK004": {"limit": 1}}) == []
    long = chat(*TALK, said("assistant", "word " * 9_000))
    assert texts("TOK004", long + "\n" + long, "train.jsonl", model="gpt-4") != []
    assert texts("TOK004", chat(*TALK, said("assistant", "word " * 9_000), model="gpt-4"), "train.jsonl") == []


def test_approximate_counts() -> None:
    assert texts("TOK005", TEXT, model="gpt-4o") == []
    assert texts("TOK005", TEXT) == []
    assert texts("TOK005", chat(*TALK, model="nobody/knows")) == []
    assert texts("TOK005", TEXT, model="nobody/knows") == ["tokens cannot be counted for 'nobody/knows'"]
    rows = found("TOK005", f"{TEXT}\n{TEXT}\n", "train.jsonl", model="nobody/knows")
    assert [one.line for one in rows] == [1]
    array = found("TOK005", f"[{TEXT},\n{TEXT}]", model="nobody/knows")
    assert [one.line for one in array] == [1]
    assert texts("TOK005", "plain text", "a.txt", model="nobody/knows") == []


def test_an_estimate_is_said_to_be_one() -> None:
    (context,) = contexts(TEXT, "chat.json", model="gpt-4o")
    tokens = context.count()
    assert tokens is not None
    assert spoken(tokens) == f"{TOTAL} tokens"
    assert spoken(tokens._replace(total=1)) == "1 token"
    assert spoken(tokens._replace(status="estimate"), 1_200) == "about 1,200 tokens"
    assert is_first(context)
    assert [number_of(one) for one in (5, 0, -1, True, "5", None, 1.5)] == [5, 0, 0, 0, 0, 0, 0]


LONG = "You answer questions about cooking. " * 130
SHORT = {"TOK006": {"least": 0}}


@pytest.mark.parametrize(
    ("text", "pointed"),
    [
        ("Now: {{now}}. Be brief.", ["{{now}}"]),
        ("Today is {current_date}.", ["{current_date}"]),
        ("At {{ utcTime | date('h') }}: hi", ["{{ utcTime | date('h') }}"]),
        ("Session {{ request.sessionId }}", ["{{ request.sessionId }}"]),
        ("Id 0b8f1e9a-93f4-4b6f-8c39-1d6f2f0a7c55", ["0b8f1e9a-93f4-4b6f-8c39-1d6f2f0a7c55"]),
        ("It is 2026-01-31T10:15", ["2026-01-31T10:15"]),
        ("{{name}} asks at {{time}}", ["{{time}}"]),
        ("Times in {{time_zone}}, {{update}}, {{dateFormat}}, {{session}}, {date of birth}", []),
        ("The cutoff is 2024-06.", []),
        ("x" * 200 + "{{now}}", []),
        ('Answer as {"time": 1}', []),
    ],
)
def test_volatile_beginnings(text: str, pointed: list[str]) -> None:
    messages = chat(said("system", text), said("user", "{{now}}"))
    assert places("TOK006", messages, rules=SHORT) == pointed
    assert places("TOK006", chat(said("system", text), said("user", LONG))) == pointed
    assert places("TOK006", chat(said("user", text)), rules=SHORT) == []
    assert places("TOK006", messages) == []


def test_options_of_volatile_beginnings() -> None:
    text = chat(said("system", "Hi {{shopper}}, it is {{now}}"))
    assert places("TOK006", text, rules={"TOK006": {"least": 0, "names": ["shopper"]}}) == ["{{shopper}}"]
    assert places("TOK006", text, rules={"TOK006": {"least": 0, "head": 10}}) == []
    assert places("TOK006", chat(), rules=SHORT) == []


def waste(text: str, **options: Any) -> list[str]:
    return texts("TOK007", chat(said("user", text)), rules={"TOK007": options})


def test_waste() -> None:
    identity = "0b8f1e9a-93f4-4b6f-8c39-1d6f2f0a7c55"
    assert waste(f"{identity} " * 3) == []
    assert waste(f"{identity} " * 4) == ["found 4 UUIDs, some 25 tokens each"]
    assert waste("aB3+" * 50) == ["found 200 characters of base64"]
    assert waste("aB3+" * 49) == []
    block = "Say it twice. " * 15
    assert waste(f"{block}\n\nx\n\n{block}") == ["a paragraph of 210 characters stands here a second time"]
    assert waste(f"{block}\n\nx\n\n{block}", block=0) == []
    assert waste(json.dumps({"a": list(range(30))}, indent=2)) != []
    assert waste("{\n" * 30) == []
    assert waste("[" * 100_000 + "\n" * 30) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a "\\\n:{', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a \n", max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, st.booleans())
def test_json_on_one_line_says_the_same(value: Any, is_fenced: bool) -> None:
    pretty = json.dumps({"value": value, "more": [1, 2, 3]}, indent=2)
    text = f"Look:\n```json\n{pretty}\n```\n" if is_fenced else f"\n{pretty} "
    after = json.loads(fixed("TOK007", chat(said("user", text)), rules={"TOK007": {"lines": 1, "ids": 0, "block": 0}}))
    content = after["messages"][0]["content"]
    line = content.removeprefix("Look:\n```json\n").removesuffix("\n```\n") if is_fenced else content.strip()
    assert json.loads(line) == json.loads(pretty)
    assert "\n" not in line
    assert len(content) < len(text)
