"""What changed between two prompts: hand-made cases, and properties against slow references."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

import chatml
import chatml.comparison._compare
from chatml import ChangeKind, Comparison, compare
from chatml.comparison._align import Pair

Messages = list[dict[str, Any]]

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}


def talk(*contents: str) -> Messages:
    """A conversation: a system message, then the user and the assistant in turn."""
    roles = ["system", *(["user", "assistant"] * len(contents))]
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]


def kinds(comparison: Comparison) -> str:
    return " ".join(str(one.kind) for one in comparison.messages)


def places(comparison: Comparison) -> list[tuple[str, int | None, int | None]]:
    return [
        (str(one.kind), one.before.source if one.before else None, one.after.source if one.after else None)
        for one in comparison.messages
    ]


class TestMessages:
    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (talk(), talk(), []),
            (talk("s", "q"), talk("s", "q"), [("kept", 0, 0), ("kept", 1, 1)]),
            (talk("s", "q"), talk("s", "q", "a"), [("kept", 0, 0), ("kept", 1, 1), ("added", None, 2)]),
            (talk("s", "q"), talk("s"), [("kept", 0, 0), ("removed", 1, None)]),
            (talk("s", "q"), talk("t", "q"), [("changed", 0, 0), ("kept", 1, 1)]),
            (
                talk("s", "q1", "a1", "q2", "a2"),
                [talk("s")[0], *talk("s", "q1", "a1", "q2", "a2")[3:]],
                [("kept", 0, 0), ("removed", 1, None), ("removed", 2, None), ("kept", 3, 1), ("kept", 4, 2)],
            ),
            (
                [{"role": "user", "content": text} for text in "abc"],
                [{"role": "user", "content": text} for text in "bca"],
                [("kept", 1, 0), ("kept", 2, 1), ("moved", 0, 2)],
            ),
            (
                [{"role": "user", "content": "the cat sat"}, {"role": "user", "content": "blue sky today"}],
                [{"role": "user", "content": "blue sky tomorrow"}],
                [("removed", 0, None), ("changed", 1, 0)],
            ),
            (
                [{"role": "system", "content": "Be kind"}],
                [{"role": "developer", "content": "Be kind"}],
                [("changed", 0, 0)],
            ),
            (
                [{"role": "user", "content": "a"}],
                [{"role": "assistant", "content": "b"}],
                [("added", None, 0), ("removed", 0, None)],
            ),
        ],
    )
    def test_what_became_of_each(self, before: Messages, after: Messages, expected: list[tuple[Any, ...]]) -> None:
        assert places(compare(before, after, model="gpt-4o")) == expected

    def test_fields(self) -> None:
        before = [{"role": "assistant", "content": "x", "name": "a", "tool_calls": [CALL], "reasoning": "hm"}]
        after = copy.deepcopy(before)
        after[0] |= {"role": "user", "name": "b", "reasoning": "oh", "refusal": "no"}
        after[0]["tool_calls"][0]["function"]["arguments"] = '{"x":1}'  # type: ignore[index]
        (changed,) = compare(before, after, model="gpt-4o").messages
        assert changed.fields == ("role", "name", "reasoning", "tool_calls", "refusal")
        assert changed.before_text == "x\n[reasoning] hm\n[call] look({})"
        assert changed.after_text == 'x\n[reasoning] oh\n[refusal] no\n[call] look({"x":1})'

    def test_ids_of_calls_are_references(self) -> None:
        before: Messages = [{"role": "assistant", "content": None, "tool_calls": [CALL]},
                            {"role": "tool", "tool_call_id": "a", "name": "look", "content": "r"}]  # fmt: skip
        after = json.loads(json.dumps(before).replace('"a"', '"b"'))
        assert compare(before, after, model="gpt-4o").is_equal

    def test_the_default_system_message_is_a_message(self) -> None:
        given = [{"role": "user", "content": "Hi"}]
        comparison = compare(given, [{"role": "system", "content": "Own"}, *given], dialect="qwen2")
        assert places(comparison) == [("changed", None, 0), ("kept", 0, 1)]

    def test_many_in_one_gap(self) -> None:
        """Where words are not compared, roles decide."""
        before = [{"role": role, "content": f"{role} {n}"} for n in range(40) for role in ("user", "assistant")]
        after = [{**one, "content": f"other {one['content']}"} for one in before]
        found = compare(before, after, model="gpt-4o")
        assert places(found) == [("changed", place, place) for place in range(80)]


class TestPrefix:
    def test_the_place(self) -> None:
        before, after = talk("Be kind", "Pay within 30 days"), talk("Be kind", "Pay within 14 days")
        prefix = compare(before, after, model="gpt-4o").prefix
        assert prefix.before is not None
        assert prefix.after is not None
        assert prefix.before[:3] == prefix.after[:3] == (1, "content", 11)
        assert (prefix.before.text, prefix.after.text) == ("30", "14")
        assert prefix.is_exact

    def test_what_is_lost(self) -> None:
        before, after = talk("one", "q", "a"), talk("two", "q", "a")
        found = compare(before, after, model="gpt-4o")
        assert found.prefix.lost == sum(one.total for one in found.after.messages[1:])
        assert found.new_tokens == found.after.total - 3

    def test_more_of_the_same(self) -> None:
        """What asked for the reply is the header of the reply that came."""
        before = talk("s", "q")
        found = compare(before, talk("s", "q", "a"), model="gpt-4o")
        assert (found.prefix.tokens, found.prefix.before, found.prefix.lost) == (found.before.total, None, 0)
        assert found.prefix.after is not None
        assert found.prefix.after[:3] == (2, "content", 0)

    def test_tools_stand_before_all(self) -> None:
        given = talk("s", "q")
        found = compare(given, {"messages": given, "tools": TOOLS}, model="gpt-4o")
        assert found.prefix.tokens == 0
        assert found.prefix.after is not None
        assert found.prefix.after.part == "tools"
        assert found.prefix.lost == sum(one.total for one in found.after.messages)
        assert not found.is_equal
        assert kinds(found) == "kept kept"

    def test_equal_tools_are_kept(self) -> None:
        found = compare(talk("s", "q"), talk("s", "r"), model="gpt-4o", tools=TOOLS)
        names = {part.name: part.after for part in found.parts}
        assert found.prefix.tokens > names["tools"]
        assert not found.prefix.is_exact

    @pytest.mark.parametrize("change", [{"content": "other"}, {"content": [{"type": "text", "text": "r"}, IMAGE]}])
    def test_what_has_no_known_ids(self, change: dict[str, Any]) -> None:
        before: Messages = [*talk("s", "q"), {"role": "assistant", "content": None, "tool_calls": [CALL]},
                  {"role": "tool", "tool_call_id": "a", "content": "r"}, *talk("", "more")[1:]]  # fmt: skip
        after = [*before[:3], {**before[3], **change}, *before[4:]]
        found = compare(before, after, model="gpt-4o", tools=TOOLS, allow_estimate=True)
        assert found.prefix.after is not None
        assert (found.prefix.after.message, found.prefix.after.id) == (3, None)
        before_it = sum(one.total for one in found.after.messages[:3])
        beside = sum(part.after for part in found.parts if part.name != "reply priming")
        assert found.prefix.tokens == before_it + beside

    def test_tokens_differ_before_characters_do(self) -> None:
        """What differs is the token, which may begin before the first other character."""
        prefix = compare(talk("s", "counter"), talk("s", "counts"), model="gpt-4o").prefix
        assert prefix.after is not None
        assert prefix.after.character == 0

    def test_characters_of_several_bytes(self) -> None:
        prefix = compare(talk("é漢😀 a"), talk("é漢😀 b"), model="gpt-4o").prefix
        assert prefix.after is not None
        assert prefix.after.character == 3

    def test_lone_surrogates(self) -> None:
        """As ids they are U+FFFD: the texts differ, no id does."""
        found = compare(talk("s", "a\ud800b"), talk("s", "a\ud801b"), model="gpt-4o")
        assert kinds(found) == "kept changed"
        assert found.prefix.tokens == found.after.total
        assert found.prefix.after is None
        assert not found.is_equal


class TestRequests:
    def test_the_model_that_after_names(self) -> None:
        found = compare({"messages": talk("s"), "model": "gpt-4"}, {"messages": talk("s"), "model": "gpt-4o"})
        assert found.after.model == found.before.model == "gpt-4o"
        assert compare({"messages": talk("s"), "model": "gpt-4"}, talk("s")).after.model == "gpt-4"

    def test_no_tools_are_no_tools(self) -> None:
        assert compare({"messages": talk("s"), "tools": []}, talk("s"), model="gpt-4o").is_equal

    def test_a_request_goes_before_keywords(self) -> None:
        found = compare({"messages": talk("s"), "tools": []}, talk("s"), model="gpt-4o", tools=TOOLS)
        assert {part.name: part.before for part in found.parts}["tools"] == 0

    def test_costs(self) -> None:
        info = replace(chatml.get_model("gpt-4o"), input_price=2, cached_input_price=1)
        found = compare(talk("s" * 50), talk("s" * 50, "more"), model=info)
        before, after, cached = found.costs()
        assert before == Decimal(found.before.total) * 2 / 1_000_000
        assert after == Decimal(found.after.total) * 2 / 1_000_000
        assert cached == (Decimal(found.after.total) * 2 - found.prefix.tokens) / 1_000_000
        assert compare(talk("s"), talk("s"), model="gpt-4o").costs() == (None, None, None)
        assert compare(talk("s"), talk("s"), model=replace(info, cached_input_price=None)).costs()[2] is None

    @pytest.mark.parametrize(
        ("before", "problem"),
        [
            ("text", "messages: found a value of type str, expected a list of messages"),
            ({"tools": []}, "messages: found a value of type dict, expected a list of messages"),
            ([{"role": "user"}], "messages[0].content: the key is missing; only a message with tool_calls or a refusal "
             "may leave it out"),
        ],
    )  # fmt: skip
    def test_errors(self, before: Any, problem: str) -> None:
        with pytest.raises(chatml.RenderError) as caught:
            compare(before, [], model="gpt-4o")
        assert str(caught.value) == problem

    def test_a_value_that_holds_itself(self) -> None:
        data: dict[str, Any] = {"type": "image_url"}
        data["image_url"] = data
        with pytest.raises(chatml.RenderError):
            compare([{"role": "user", "content": [data]}], [], model="gpt-4o", allow_estimate=True)


# Properties

roles = st.sampled_from(["system", "user", "assistant"])
plain = st.fixed_dictionaries({"role": roles, "content": st.one_of(st.sampled_from(["", "a", "b b", "ok"]), texts)})
conversations = st.lists(plain, max_size=7)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Messages, Messages]:
    """A conversation and one that was made of it: messages left out, put in, changed, moved."""
    before = draw(conversations)
    after = list(before)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(after)))
        action = draw(st.integers(0, 3))
        if action == 0 and place < len(after):
            del after[place]
        elif action == 1:
            after.insert(place, draw(plain))
        elif place < len(after) and action == 2:
            content = after[place]["content"]
            cut = draw(st.integers(0, len(content)))
            after[place] = {**after[place], "content": content[:cut] + draw(texts) + content[cut:]}
        elif place < len(after):
            after.append(after.pop(place))
    return before, after


targets = st.sampled_from(
    [{"model": "gpt-4o"}, {"model": "gpt-5"}, {"model": "gpt-4"}, {"dialect": "chatml"}, {"dialect": "qwen2"}]
)


@given(pairs(), targets)
def test_applying_the_changes_gives_the_other(pair: tuple[Messages, Messages], target: dict[str, Any]) -> None:
    before, after = pair
    found = compare(before, after, **target, lossy=True)
    built = []
    for one in found.messages:
        if one.after is not None and one.after.source is not None:
            source = one.after.source
            if one.kind in (ChangeKind.KEPT, ChangeKind.MOVED):
                assert one.before is not None
                assert one.before.source is not None
                built.append(before[one.before.source])
            else:
                built.append(after[source])
            assert source == len(built) - 1
    assert built == after
    used = [one.before.source for one in found.messages if one.before and one.before.source is not None]
    assert sorted(used) == list(range(len(before)))


@given(pairs(), targets)
def test_totals_are_those_of_count(pair: tuple[Messages, Messages], target: dict[str, Any]) -> None:
    found = compare(*pair, **target, lossy=True)
    totals = tuple(chatml.count(one, **target, lossy=True) for one in pair)
    assert (found.before.total, found.after.total) == totals
    changes = sum(one.delta for one in found.messages) + sum(part.delta for part in found.parts)
    assert changes == found.delta == totals[1] - totals[0]


@given(pairs(), targets)
@settings(max_examples=300)
def test_the_prefix_is_that_of_the_ids(pair: tuple[Messages, Messages], target: dict[str, Any]) -> None:
    found = compare(*pair, **target, lossy=True)
    dialect = target.get("dialect") or chatml.get_model(target["model"]).dialect
    options: dict[str, Any] = {"dialect": dialect, "add_generation_prompt": True, "lossy": True}
    before, after = (chatml.encode(one, **options, encoding=found.after.encoding) for one in pair)
    slow = next((place for place, two in enumerate(zip(before, after, strict=False)) if two[0] != two[1]),
                min(len(before), len(after)))  # fmt: skip
    assert found.prefix.tokens == slow
    ends = [(found.prefix.before, before), (found.prefix.after, after)]
    for end, ids in ends:
        assert (end.id if end else None) == (ids[slow] if slow < len(ids) else None)
        if end is not None and end.part == "content" and end.message is not None:
            given_text = (pair[0] if ids is before else pair[1])[end.message]["content"]
            assert 0 <= end.character <= len(given_text)
    assert found.is_equal == (found.prefix.before is found.prefix.after is None and pair[0] == pair[1])


@given(pairs(), targets)
def test_swapping_both_swaps_the_changes(pair: tuple[Messages, Messages], target: dict[str, Any]) -> None:
    opposite = {ChangeKind.ADDED: ChangeKind.REMOVED, ChangeKind.REMOVED: ChangeKind.ADDED}
    found, other = compare(*pair, **target, lossy=True), compare(*pair[::-1], **target, lossy=True)
    swapped = [(opposite.get(one.kind, one.kind), one.after, one.before) for one in found.messages]
    assert sorted(map(repr, swapped)) == sorted(repr((one.kind, one.before, one.after)) for one in other.messages)
    assert (found.prefix.tokens, found.prefix.before) == (other.prefix.tokens, other.prefix.after)


@given(conversations, st.booleans())
def test_a_request_equals_itself(messages: Messages, with_tools: bool) -> None:
    given_messages = [*messages, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                      {"role": "tool", "tool_call_id": "a", "content": "r"},
                      {"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]}]  # fmt: skip
    found = compare(given_messages, copy.deepcopy(given_messages), model="gpt-4o", tools=TOOLS if with_tools else None)
    assert found.is_equal
    assert found.prefix.tokens == found.after.total
    assert not found.prefix.lost


called: st.SearchStrategy[Messages] = st.sampled_from(["{}", '{"q":1}', ""]).map(
    lambda arguments: [
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "a", "content": f"result {arguments}"},
    ]
)  # fmt: skip
seen: st.SearchStrategy[Messages] = st.sampled_from(["a", "b"]).map(
    lambda text: [{"role": "user", "content": [{"type": "text", "text": text}, IMAGE]}]
)
requests = st.fixed_dictionaries(
    {
        "messages": st.lists(st.one_of(plain.map(lambda one: [one]), called, seen), max_size=5).map(
            lambda groups: [one for group in groups for one in group]
        ),
        "tools": st.sampled_from([None, TOOLS]),
    }
)


@given(requests, requests, st.integers(0, 5))
def test_requests_with_what_has_no_known_ids(before: dict[str, Any], other: dict[str, Any], shared: int) -> None:
    common = [one for one in before["messages"][:shared] if not one.get("tool_calls") and one["role"] != "tool"]
    after = {"messages": [*common, *other["messages"]], "tools": other["tools"]}
    found = compare(before, after, model="gpt-4o")
    for measure, request in ((found.before, before), (found.after, after)):
        assert measure.total == chatml.count(request["messages"], model="gpt-4o", tools=request["tools"])
    assert found.prefix.tokens <= min(found.before.total, found.after.total)
    assert found.prefix.lost <= found.new_tokens
    assert found.is_equal == (before == after)


def test_a_wrong_alignment_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A negative control: with pairs that are not equal, applying the changes gives another conversation."""
    monkeypatch.setattr(chatml.comparison._compare, "align", lambda *_: [Pair(0, 0)])
    with pytest.raises(AssertionError):
        test_applying_the_changes_gives_the_other.hypothesis.inner_test(  # type: ignore[attr-defined]
            (talk("a", "b"), talk("x", "b")), {"model": "gpt-4o"}
        )
