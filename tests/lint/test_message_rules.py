"""Rules about roles, their order, and tools: what they see, what they leave alone, and what their fixes make."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rule_findings import (
    Messages,
    call,
    calls,
    chat,
    fixed,
    found,
    found_by,
    places,
    result,
    said,
    texts,
    tool,
)
from strategies import catches

from chatml.lint._rule import Rule
from chatml.lint.rules import RULES
from chatml.lint.rules.rol001_unknown_role import _is_slip

HI = said("user", "hi")
HO = said("assistant", "ho")
BRIEF = said("system", "Be brief.")
MESSAGE_RULES = [rule.code for rule in RULES if rule.code.startswith(("ROL", "TLC")) and rule.is_on]

# ------------------------------------------------------------------------------------------------ correct conversations

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc")), min_size=1, max_size=8)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)


@st.composite
def rounds(draw: st.DrawFn, number: int) -> Messages:
    """What the user says, some calls with their results, and an answer."""
    made = [call(draw(names), f"c{number}_{index}", draw(st.sampled_from(["{}", '{"a": 1}', {"a": [1]}])))
            for index in range(draw(st.integers(0, 3)))]  # fmt: skip
    results = draw(st.permutations([result(one["id"], draw(words)) for one in made]))
    turn = [said("user", draw(words)), *([calls(*made), *results] if made else [])]
    return [*turn, said("assistant", draw(words))]


@st.composite
def conversations(draw: st.DrawFn) -> Messages:
    """Conversations that every API takes."""
    first = [said(draw(st.sampled_from(["system", "developer"])), draw(words))] if draw(st.booleans()) else []
    middle = [message for number in range(draw(st.integers(1, 3))) for message in draw(rounds(number))]
    last = draw(st.sampled_from([[], [HI], [HI, calls(call("g", "last"))]]))
    return [*first, *middle, *last]


@given(conversations(), st.booleans())
def test_correct_conversations_are_left_alone(messages: Messages, has_tools: bool) -> None:
    made = {one["function"]["name"] for message in messages for one in message.get("tool_calls", ())}
    request = {"tools": [tool(name) for name in sorted(made)]} if has_tools else {}
    assert found_by(MESSAGE_RULES, {"chat.json": chat(*messages, **request)}) == []


@given(conversations())
def test_correct_training_data_is_left_alone(messages: Messages) -> None:
    assert found_by(MESSAGE_RULES, {"train.jsonl": chat(*messages) + "\n"}) == []


def drop(messages: Messages, index: int) -> Messages:
    return [*messages[:index], *messages[index + 1 :]]


@given(conversations(), st.data())
def test_a_result_that_is_missing_is_seen(messages: Messages, data: st.DataObject) -> None:
    results = [index for index, one in enumerate(messages) if one["role"] == "tool"]
    assume(results)
    index = data.draw(st.sampled_from(results))
    text = chat(*drop(messages, index))
    name = next(
        one["function"]["name"]
        for message in messages
        for one in message.get("tool_calls", ())
        if one["id"] == messages[index]["tool_call_id"]
    )
    assert texts("TLC001", text) == [f"no result for the call of {name!r}"]


@given(conversations(), st.data())
def test_a_call_that_is_missing_is_seen(messages: Messages, data: st.DataObject) -> None:
    callers = [index for index, one in enumerate(messages) if "tool_calls" in one and index < len(messages) - 1]
    assume(callers)
    index = data.draw(st.sampled_from(callers))
    text = chat(*drop(messages, index))
    orphans = [one["id"] for one in messages[index]["tool_calls"]]
    assert {one.pointer.rpartition("/")[2] for one in found("TLC002", text)} == {"tool_call_id"}
    assert len(found("TLC002", text)) == len(orphans)


def test_a_rule_that_misses_a_call_is_caught() -> None:
    """A negative control: looking at the next message only, and not at all results, is not enough."""

    def next_message_only(messages: Messages) -> None:
        for message, after in pairwise(messages):
            for one in message.get("tool_calls", ()):
                assert after.get("tool_call_id") == one["id"]

    assert catches(next_message_only, conversations())


# ------------------------------------------------------------------------------------------------ roles


@pytest.mark.parametrize(
    ("role", "meant"),
    [("human", "user"), ("gpt", "assistant"), ("User", "user"), ("assitant", "assistant"), ("asistant", "assistant"),
     ("usre", "user"), ("systme", "system"), (" user", "user"), ("assistant:", "assistant"), ("bot", "assistant")],
)  # fmt: skip
def test_names_and_slips_of_roles(role: str, meant: str) -> None:
    text = chat(said(role, "hi"))
    assert texts("ROL001", text) == [f"found the role {role!r}, which Chat Completions does not have"]
    assert fixed("ROL001", text) == chat(said(meant, "hi"))
    raw = f"<|im_start|>{role}\nhi<|im_end|>\n"
    if role.isalpha():
        assert texts("ROL001", raw, "p.chatml", dialect="chatml") == [
            f"found the role {role!r}, which looks like a slip"
        ]


@pytest.mark.parametrize("role", ["environment", "critic", "narrator", "use", "tools-2", "cat", "ipython"])
def test_a_raw_prompt_may_have_roles_of_its_own(role: str) -> None:
    raw = f"<|im_start|>{role}\nhi<|im_end|>\n"
    assert bool(found("ROL001", raw, "p.chatml", dialect="chatml")) == (role == "use")
    assert [one.help for one in found("ROL001", chat(said("critic", "hi")))] == [
        "expected one of system, developer, user, assistant, tool"
    ]


def test_a_dialect_that_has_few_roles() -> None:
    text = chat(said("tool", "hi"))
    assert texts("ROL001", text, dialect="phi4") == ["found the role 'tool', which dialect phi4 does not have"]
    assert texts("ROL001", text, dialect="chatml") == []
    rows = json.dumps({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]})
    assert texts("ROL001", rows, dialect="phi4") == []


def test_roles_of_sharegpt() -> None:
    rows = [{"from": role, "value": "x"} for role in ("system", "human", "gpt", "function_call", "observation", "Gpt")]
    assert places("ROL001", json.dumps({"conversations": rows})) == ['"Gpt"']


@pytest.mark.parametrize("known", ["system", "user", "assistant", "developer"])
@given(data=st.data())
def test_a_slip_is_one_step_away(known: str, data: st.DataObject) -> None:
    """Against the definition: all words that one step makes, but for the first letter."""
    alphabet = "aeinrstuxy"
    steps = {known[:i] + known[i + 1 :] for i in range(1, len(known))}
    steps |= {known[:i] + letter + known[i + 1 :] for i in range(1, len(known)) for letter in alphabet}
    steps |= {known[:i] + letter + known[i:] for i in range(1, len(known) + 1) for letter in alphabet}
    steps |= {known[:i] + known[i + 1] + known[i] + known[i + 2 :] for i in range(1, len(known) - 1)}
    word = data.draw(st.sampled_from(sorted(steps)) | st.text(alphabet, max_size=9).map(lambda text: known[0] + text))
    assert _is_slip(word, known) == (word in steps)


QWEN, GEMMA = "Qwen/Qwen3.5-35B-A3B", "google/gemma-2-9b-it"


@pytest.mark.parametrize("code", ["ROL002", "ROL003", "ROL004", "ROL006", "ROL010"])
def test_rules_for_targets_are_silent_without_one(code: str) -> None:
    everything = [BRIEF, BRIEF, HO, HI, HI, BRIEF, HO]
    raw = "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in everything)
    for model in ({}, {"model": "gpt-4o"}, {"model": "qwen2.5-7b"}, {"model": "my-own-model"}):
        assert texts(code, chat(*everything, **model)) == []
    assert texts(code, raw, "p.chatml") == []
    assert texts(code, raw, "p.chatml", dialect="qwen1.5") == []


@pytest.mark.parametrize(
    ("code", "model", "messages", "count"),
    [
        ("ROL002", QWEN, [BRIEF, HI, BRIEF], 1),
        ("ROL002", "qwen3.6-max", [HI, BRIEF, BRIEF], 2),
        ("ROL002", QWEN, [BRIEF, BRIEF, HI], 0),
        ("ROL002", QWEN, [BRIEF, BRIEF], 0),
        ("ROL002", "qwen3-8b", [HI, BRIEF], 0),
        ("ROL003", GEMMA, [HI, HI, HO, HO], 2),
        ("ROL003", GEMMA, [HO, HI], 1),
        ("ROL003", GEMMA, [BRIEF, HI, HO, HI], 0),
        ("ROL003", "mistral-large-latest", [HI, calls(call()), result(), HO], 0),
        ("ROL004", QWEN, [BRIEF, BRIEF, BRIEF, HI], 2),
        ("ROL004", QWEN, [BRIEF, {**BRIEF, "name": "plugin"}, HI], 0),
        ("ROL004", QWEN, [BRIEF, HI, BRIEF, BRIEF], 0),
        ("ROL006", "anthropic.claude-opus-4-7-v1", [HI, HO], 1),
        ("ROL006", "claude-sonnet-4.6", [HI, HO], 1),
        ("ROL006", "claude-sonnet-4-5", [HI, HO], 0),
        ("ROL006", "claude-3-7-sonnet-latest", [HI, HO], 0),
        ("ROL006", "claude-opus-4-6", [HI, calls(call())], 0),
        ("ROL010", "o3-mini-2025-01-31", [BRIEF, HI], 1),
        ("ROL010", "gpt-5", [BRIEF, HI], 1),
        ("ROL010", "o1-mini", [BRIEF, HI], 0),
    ],
)
def test_rules_for_targets(code: str, model: str, messages: Messages, count: int) -> None:
    assert len(found(code, chat(*messages, model=model))) == count
    assert len(found(code, chat(*messages), model=model)) == count
    assert len(found(code, chat(*messages, model=model), rules={code: {"targets": []}})) == 0


@pytest.mark.parametrize(("code", "messages"), [("ROL003", [HI, HI]), ("ROL002", [HI, BRIEF]), ("ROL006", [HI, HO])])
def test_all_can_be_a_target(code: str, messages: Messages) -> None:
    assert len(found(code, chat(*messages), rules={code: {"targets": ["*"]}})) == 1
    assert len(found(code, chat(*messages), rules={code: {"targets": "chatml"}})) == 1
    assert found(code, chat(*messages), rules={code: {"targets": 5}}) == []


def test_a_dialect_can_ask_for_one_system_message() -> None:
    assert texts("ROL002", chat(HI, BRIEF), dialect="yi-coder") == [
        "a system message stands behind other messages, which the target refuses"
    ]
    assert texts("ROL004", chat(BRIEF, BRIEF, HI), dialect="yi-coder") == [
        "more than one system message, and the target takes one"
    ]


@pytest.mark.parametrize(("code", "role", "path"), [("ROL003", "user", "p.chatml"), ("ROL004", "system", "p.chatml")])
def test_neighbours_are_joined(code: str, role: str, path: str) -> None:
    rules = {code: {"targets": ["*"]}}
    raw = f"<|im_start|>{role}\na<|im_end|>\n<|im_start|>{role}\nb<|im_end|>\n<|im_start|>{role}\nc<|im_end|>\n"
    assert fixed(code, raw, path, rules=rules) == f"<|im_start|>{role}\na\n\nb\n\nc<|im_end|>\n"
    text = chat(said(role, "a"), said(role, "b"), said(role, "c"))
    assert fixed(code, text, rules=rules) == chat(said(role, "a\n\nb\n\nc"))
    kept = chat(said(role, "a", name="x"), said(role, "b"))  # who says it would be lost
    assert fixed(code, kept, rules=rules) == kept
    laid_out = json.dumps(json.loads(text), indent=2)  # and here the layout
    assert fixed(code, laid_out, rules=rules) == laid_out


@pytest.mark.parametrize(
    ("messages", "count"),
    [([BRIEF, HO], 1), ([HO], 1), ([BRIEF], 0), ([], 0), ([HI], 0), ([BRIEF, result(None)], 0),
     ([BRIEF, {**BRIEF, "name": "example_user"}, HO], 0), ([{"content": "hi"}, HO], 0)],
)  # fmt: skip
def test_no_user(messages: Messages, count: int) -> None:
    assert len(found("ROL005", json.dumps(messages))) == count
    assert found("ROL005", chat(*messages) + "\n", "train.jsonl") == []


# ------------------------------------------------------------------------------------------------ content and keys


@pytest.mark.parametrize(
    "content", ["", " \n", None, [], [""], [{"type": "text", "text": " "}], [" ", {"type": "text"}]]
)
def test_content_that_says_nothing(content: Any) -> None:
    is_blank = bool("".join(part if isinstance(part, str) else part.get("text", "") for part in content or ()))
    what = "white space alone" if is_blank else "empty"
    assert texts("ROL007", chat(HI, said("user", content))) == [f"the content is {what}"]
    assert fixed("ROL007", chat(HI, said("user", content), HO)) == chat(HI, HO)


@pytest.mark.parametrize(
    "message",
    [
        calls(call()) | {"content": None},
        said("assistant", None, function_call={"name": "f"}),
        said("assistant", None, refusal="no"),
        said("assistant", "", reasoning_content="hm"),
        said("tool", ""),
        said("function", None, name="f"),
        said("user", 5),
        said("user", [{"type": "image_url", "image_url": {"url": "x"}}]),
        said("user", [{"type": "text", "value": "x"}]),
        {"role": "user"},
    ],
)
def test_content_that_may_be_empty(message: dict[str, Any]) -> None:
    assert texts("ROL007", chat(HI, message)) == []


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        ("<|im_start|>user\n<|im_end|>\n", 1),
        ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", 0),
        ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n ", 0),
        ("<|im_start|>user\n{{ question }}<|im_end|>\n", 0),
        ("<|im_start|>tool\n<|im_end|>\n", 0),
    ],
)
def test_raw_content_that_says_nothing(raw: str, count: int) -> None:
    assert len(found("ROL007", raw, "p.chatml", dialect="chatml")) == count


@pytest.mark.parametrize(
    ("message", "problems"),
    [
        ({"content": "hi"}, ["the message has no role"]),
        ({}, ["the message has no role"]),
        ({"role": 5, "content": "hi"}, ["the role of the message is not a string"]),
        ({"role": None, "content": "hi"}, ["the role of the message is not a string"]),
        ({"role": "user"}, ["the message has no 'content'"]),
        ({"from": "human", "text": "hi"}, ["the message has no 'value'"]),
        ("hi", ["the message is not an object"]),
        ({"role": "assistant", "refusal": "no"}, []),
        ({"role": "assistant", "tool_calls": None}, ["the message has no 'content'"]),
        ({"role": "user", "content": None}, []),
        ({"type": "function_call_output", "output": "1"}, []),
    ],
)
def test_keys_that_are_needed(message: Any, problems: list[str]) -> None:
    assert texts("ROL008", json.dumps({"messages": [HI, message]})) == problems


def test_the_system_text_of_sharegpt_is_no_message() -> None:
    text = json.dumps({"system": "Be brief.", "conversations": [{"from": "human", "value": "hi"}]})
    assert found_by(["ROL001", "ROL007", "ROL008"], {"chat.json": text}) == []


def test_functions_become_tools() -> None:
    old = [
        HI,
        said("assistant", None, function_call={"name": "f", "arguments": "{}"}),
        said("function", "4", name="f"),
        said("assistant", None, function_call={"name": "g", "arguments": "{}"}),
        said("function", "5", name="g"),
    ]
    new = json.loads(fixed("ROL009", chat(*old)))["messages"]
    assert [one.get("tool_call_id") or one["tool_calls"][0]["id"] for one in new[1:]] == ["call_1"] * 2 + ["call_3"] * 2
    assert found_by(["ROL008", "ROL009", "TLC001", "TLC002"], {"chat.json": chat(*new)}) == []
    lone = chat(HI, said("function", "4", name="f"))
    assert fixed("ROL009", lone) == lone


# ------------------------------------------------------------------------------------------------ any values

KEYS = [
    *("role", "content", "from", "value", "tool_calls", "function", "name", "arguments", "id", "type", "tool_call_id"),
    *("function_call", "weight", "parameters", "properties", "required", "items", "text"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=4), st.lists(st.dictionaries(st.sampled_from(["type", "function", "name"]), JSON)))
def test_no_rule_falls_over(messages: list[Any], tools: list[Any]) -> None:
    rules: list[Callable[[], Rule]] = list(RULES)
    codes = [rule().code for rule in rules]
    text = json.dumps({"messages": messages, "tools": tools, "model": QWEN})
    for path in ("chat.json", "train.jsonl"):
        for one in found_by(codes, {path: text}, rules={"ROL003": {"targets": ["*"]}}):
            assert 0 <= one.start <= one.end <= len(text)
            assert "could not look" not in one.message
