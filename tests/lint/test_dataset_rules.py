"""Rules about rows of training data, and about all rows of a set together."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_findings import BY_CODE, call, calls, chat, contexts, found, found_by, places, result, said, texts
from strategies import catches

from chatml.lint._rule import Context, DatasetRule, Fact
from chatml.lint.rules import _digests
from chatml.lint.rules._digests import digest_of, split_digests
from chatml.lint.rules._rows import split_of

HI, HO, BRIEF = said("user", "hi"), said("assistant", "ho"), said("system", "Be brief.")
ROW = chat(HI, HO) + "\n"
OTHER = chat(HI, said("assistant", "no")) + "\n"
WITH_SYSTEM = chat(BRIEF, HI, HO) + "\n"


def rows(*lines: str) -> str:
    return "".join(line.rstrip("\n") + "\n" for line in lines)


def sharegpt(*turns: tuple[str, str], **more: Any) -> str:
    return json.dumps({"conversations": [{"from": role, "value": text} for role, text in turns], **more}) + "\n"


SHAREGPT = sharegpt(("human", "hi"), ("gpt", "ho"))

# ------------------------------------------------------------------------------------------------ one row


def test_lines_that_cannot_be_read() -> None:
    broken = rows(ROW, '{"messages": [', "", ROW, '{"input": "hi"}', "5")
    assert [(one.line, one.code) for one in found_by(["DAT001", "DAT002"], {"train.jsonl": broken})] == [
        (2, "DAT001"), (5, "DAT002"), (6, "DAT002"),
    ]  # fmt: skip
    laid_out = json.dumps(json.loads(ROW), indent=2)
    assert {one.code for one in found_by(["DAT001", "DAT002"], {"train.jsonl": laid_out})} == {"DAT001"}
    assert found_by(["DAT001", "DAT002"], {"chat.json": laid_out}) == []


@pytest.mark.parametrize("key", ["chosen", "rejected", "completion", "preferred_output"])
@pytest.mark.parametrize(("code", "messages"), [("DAT003", [HI]), ("DAT004", [HI, HO, HI])])
def test_answers_that_stand_elsewhere(code: str, messages: list[dict[str, Any]], key: str) -> None:
    assert len(found(code, chat(*messages), "train.jsonl")) == 1
    assert texts(code, chat(*messages, **{key: "ho"}), "train.jsonl") == []
    assert texts(code, chat(*messages), "chat.json") == []


def test_rows_of_any_file_can_be_training_data() -> None:
    assert texts("DAT003", chat(HI), "chat.json", kinds={"*.json": "training"}) == [
        "the row has no message of the assistant"
    ]
    assert texts("DAT003", chat(HI), "chat.jsonl", kinds={"*": "prompt"}) == []


@pytest.mark.parametrize(
    ("messages", "last"),
    [([HI, HO, HI], "user"), ([HI, calls(call()), result()], "tool"), ([HI, HO, BRIEF], "system")],
)
def test_the_last_message(messages: list[dict[str, Any]], last: str) -> None:
    text = chat(*messages)
    assert texts("DAT004", text, "train.jsonl") == [f"the row ends with a message of role {last!r}"]
    assert places("DAT004", text, "train.jsonl") == [json.dumps(messages[-1])]
    assert texts("DAT004", sharegpt(("human", "a"), ("gpt", "b"), ("human", "c")), "train.jsonl") == [
        "the row ends with a message of role 'human'"
    ]


@pytest.mark.parametrize(
    ("weight", "problem"),
    [
        (0, None), (1, None), (None, None), (1.0, None), (2, "found 2 as the weight, expected 0 or 1"),
        (0.5, "found 0.5 as the weight, expected 0 or 1"), (True, "found True as the weight, expected 0 or 1"),
        ("1", "found '1' as the weight, expected 0 or 1"), ([], "found [] as the weight, expected 0 or 1"),
    ],
)  # fmt: skip
def test_weights(weight: Any, problem: str | None) -> None:
    text = chat(HI, {**HO, "weight": weight}, HI, HO)
    assert texts("DAT005", text, "train.jsonl") == ([] if problem is None else [problem])
    others = texts("DAT005", chat({**HI, "weight": weight}, HO), "train.jsonl")
    assert others == ([] if weight is None else [problem or "a message of role 'user' has a weight"])


@pytest.mark.parametrize(
    ("weights", "count"), [([0, 0], 1), ([0, 1], 0), ([0, None], 0), ([0, 2], 0), ([False], 0), ([0.0], 1), ([], 0)]
)
def test_rows_that_teach_nothing(weights: list[Any], count: int) -> None:
    messages = [one for weight in weights for one in (HI, {**HO, "weight": weight})]
    assert len(found("DAT009", chat(*messages), "train.jsonl")) == count


# ------------------------------------------------------------------------------------------------ user and system


@pytest.mark.parametrize(
    ("lines", "reported"),
    [
        ([WITH_SYSTEM] * 3 + [ROW], [4]),
        ([ROW] + [WITH_SYSTEM] * 7 + [ROW], [1, 9]),
        ([WITH_SYSTEM] * 2 + [ROW], []),
        ([ROW] * 5, []),
        ([WITH_SYSTEM] * 5, []),
    ],
)
def test_rows_without_a_system_message(lines: list[str], reported: list[int]) -> None:
    text, rules = rows(*lines), {"DAT006": {"system": "never"}}
    share = f"{len(lines) - len(reported)} of {len(lines)}"
    assert [(one.line, one.message) for one in found("DAT006", text, "train.jsonl")] == [
        (line, f"the row has no system message, {share} have one") for line in reported
    ]
    assert found("DAT006", text, "train.jsonl", rules=rules) == []
    rules = {"DAT006": {"system": "always"}}
    assert len(found("DAT006", text, "train.jsonl", rules=rules)) == lines.count(ROW)


def test_files_are_judged_on_their_own() -> None:
    files = {"a.jsonl": rows(*[WITH_SYSTEM] * 9), "b.jsonl": rows(*[ROW] * 3)}
    assert found_by(["DAT006"], files) == []


def test_a_row_in_an_array_is_named() -> None:
    array = f"[{','.join([WITH_SYSTEM] * 3 + [ROW])}]"
    assert [one.pointer for one in found("DAT006", array, "train.json", kinds={"*": "training"})] == ["/3"]


def test_rows_without_a_user() -> None:
    text = rows(chat(BRIEF, HO), WITH_SYSTEM, chat(said("developer", "x"), HI, HO))
    assert [(one.line, one.message) for one in found("DAT006", text, "train.jsonl")] == [
        (1, "the row has no message of the user")
    ]


# ------------------------------------------------------------------------------------------------ duplicates

contents = st.sampled_from(
    ["", "a", "b", "ab", "1 1", "a0 ", "\ud7ff", [{"type": "text", "text": "a"}], [{"type": "x"}], None]
)
small_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": contents},
    optional={
        "name": st.sampled_from(["a", "b"]),
        "weight": st.just(1),
        "tool_calls": st.sampled_from([[], [call("f")]]),
    },
)
small_rows = st.fixed_dictionaries(
    {"messages": st.lists(small_messages, min_size=1, max_size=2)},
    optional={"tools": st.sampled_from([[], [{"name": "f"}]]), "id": st.integers(0, 1)},
)


def meaning(row: dict[str, Any]) -> str:
    """The definition of sameness, written out."""

    def of_content(content: Any) -> Any:
        if content is None or isinstance(content, str):
            return content or ""
        return "".join(part["text"] for part in content) if all(part["type"] == "text" for part in content) else content

    messages = [
        (one["role"], of_content(one["content"]), {key: one[key] for key in ("name", "tool_calls") if one.get(key)})
        for one in row["messages"]
    ]
    return json.dumps([messages, row.get("tools") or []], sort_keys=True)


def check_names(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    names = [digest_of(contexts(json.dumps(row))[0]) for row in pair]
    assert (names[0] == names[1]) == (meaning(pair[0]) == meaning(pair[1]))


@given(st.tuples(small_rows, small_rows))
def test_rows_have_one_name_if_they_say_the_same(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    check_names(pair)


def test_names_without_lengths_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A negative control: texts that are only put in a row are the same in many ways."""

    def joined(_: Context, turns: tuple[Any, ...]) -> bytes:
        return blake2b("".join(turn.text for turn in turns).encode(), digest_size=16).digest()

    monkeypatch.setattr(_digests, "_digest", joined)
    assert catches(check_names, st.tuples(small_rows, small_rows))


def test_names_do_not_depend_on_the_form() -> None:
    assert digest_of(contexts(ROW)[0]) == digest_of(contexts(SHAREGPT)[0])
    assert digest_of(contexts(chat("a", "b"))[0]) != digest_of(contexts(chat("a", "c"))[0])


def test_facts_are_small() -> None:
    [context] = contexts(chat(*[said("user", "x" * 10_000)] * 9, HO))
    for code, size in (("DAT007", 17), ("DAT008", 17), ("DAT011", 32)):
        rule = BY_CODE[code]()
        assert isinstance(rule, DatasetRule)
        fact = rule.fact(context)
        assert isinstance(fact, bytes)
        assert len(fact) == size


def test_duplicates() -> None:
    files = {
        "train.jsonl": rows(ROW, OTHER, SHAREGPT, chat(HI, HO, id=7), WITH_SYSTEM),
        "more.jsonl": rows(OTHER, ROW),
        "train2.jsonl": rows(OTHER),
        "empty.jsonl": rows(chat(), chat()),
    }
    assert [(one.path, one.line, one.message) for one in found_by(["DAT007"], files)] == [
        ("train.jsonl", 3, "the same conversation as in line 1"),
        ("train.jsonl", 4, "the same conversation as in line 1"),
        ("train2.jsonl", 1, "the same conversation as in train.jsonl:2"),
    ]
    assert found_by(["DAT007"], {"chat.json": f"[{ROW},{ROW}]"}) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=20))
def test_all_but_the_first_are_duplicates(names: list[tuple[str, int]]) -> None:
    """Against the definition, with facts made by hand."""
    facts = [Fact(f"{path}.jsonl", line, (), bytes([45, name])) for line, (path, name) in enumerate(names, 1)]
    rule = BY_CODE["DAT007"]()
    assert isinstance(rule, DatasetRule)
    expected = [fact.line for index, fact in enumerate(facts) if fact.fact in {one.fact for one in facts[:index]}]
    assert [fact.line for fact, _ in rule.judge(iter(facts))] == expected


# ------------------------------------------------------------------------------------------------ splits


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.jsonl", "train"), ("data/my-training_set.jsonl", "train"), ("validation.jsonl", "validation"),
        ("a\\val\\b.jsonl", "validation"), ("dev.jsonl", "validation"), ("test_1.jsonl", "test"),
        ("eval.jsonl", "evaluation"),
        ("tests/x.jsonl", ""), ("test/train2.jsonl", "train"), ("train/test.jsonl", "test"), ("latest.jsonl", ""),
        ("train-test.jsonl", ""), ("train/x.jsonl", "train"), ("TRAIN.JSONL", "train"),
        ("pretraining.jsonl", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_split_of_a_file(path: str, split: str) -> None:
    assert split_of(path) == split


SPLITS = {
    "train.jsonl": rows(ROW, OTHER, ROW),
    "valid.jsonl": rows(WITH_SYSTEM, ROW),
    "test.jsonl": rows(ROW, WITH_SYSTEM),
}
LEAKS = [
    ("test.jsonl", 1, "the same conversation as in train.jsonl:1, which is of another split"),
    ("valid.jsonl", 2, "the same conversation as in train.jsonl:1, which is of another split"),
]


@pytest.mark.parametrize(
    "order", [["train.jsonl", "valid.jsonl", "test.jsonl"], ["test.jsonl", "valid.jsonl", "train.jsonl"]]
)
def test_leaks_are_found_in_any_order(order: list[str]) -> None:
    between = ("test.jsonl", 2, "the same conversation as in valid.jsonl:1, which is of another split")
    if order[0] == "test.jsonl":
        between = ("valid.jsonl", 1, "the same conversation as in test.jsonl:2, which is of another split")
    leaks = found_by(["DAT008"], {path: SPLITS[path] for path in order})
    assert sorted((one.path, one.line, one.message) for one in leaks) == sorted([*LEAKS, between])


def test_no_leaks() -> None:
    assert found_by(["DAT008"], {"a.jsonl": ROW, "b.jsonl": ROW}) == []
    assert found_by(["DAT008"], {"train.jsonl": rows(ROW, ROW), "train-2.jsonl": ROW}) == []
    assert found_by(["DAT008"], {"val.jsonl": ROW, "dev.jsonl": ROW}) == []
    shared = {"train.jsonl": WITH_SYSTEM, "test.jsonl": chat(BRIEF, said("user", "so?"), HO)}
    assert found_by(["DAT008"], shared) == []


def test_a_row_can_say_its_split() -> None:
    text = rows(chat(HI, HO, split="train"), chat(HI, HO, split="validation"), chat(HI, HO, split=5))
    assert [one.line for one in found("DAT008", text, "rows.jsonl")] == [2]
    assert found("DAT007", text, "rows.jsonl") == []


# ------------------------------------------------------------------------------------------------ forms and answers


def test_mixed_forms() -> None:
    text = rows(ROW, SHAREGPT, json.dumps([HI, HO]), SHAREGPT, ROW)
    assert [(one.line, one.message) for one in found("DAT010", text, "train.jsonl")] == [
        (2, "found 'conversations', and in line 1 'messages'"),
        (3, "found a bare list of messages, and in line 1 'messages'"),
    ]
    assert found_by(["DAT010"], {"a.jsonl": ROW, "b.jsonl": SHAREGPT}) == []


def test_conflicting_answers() -> None:
    files = {"a.jsonl": rows(ROW, OTHER, ROW, WITH_SYSTEM), "b.jsonl": rows(OTHER, chat(HI), chat(HO))}
    assert [(one.path, one.line, one.message) for one in found_by(["DAT011"], files)] == [
        ("a.jsonl", 2, "another answer than in line 1 to the same messages"),
        ("b.jsonl", 1, "another answer than in a.jsonl:1 to the same messages"),
    ]
    assert split_digests(contexts(chat(HI))[0]) is None
