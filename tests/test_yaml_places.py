"""Where values of YAML stand. Invariant: a change that is offered makes the value that was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from chatml._errors import ParseError
from chatml.promptfiles import _yaml_places
from chatml.promptfiles._load_yaml import load_yaml
from chatml.promptfiles._places import Change
from chatml.promptfiles._yaml_places import YamlPlaces

WORDS = st.lists(
    st.sampled_from(["a", "bc", " ", "\n", "'", '"', "\\", ": ", "é", "\U0001f600", "#", "\t", "- "]), max_size=9
)
SAID = WORDS.map("".join)
TREES = st.recursive(
    SAID,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
STYLES = st.sampled_from([None, "'", '"', "|", ">"])


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths_in(inner, (*path, key))


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    if isinstance(value, dict):
        return {key: put(inner, path[1:], other) if key == path[0] else inner for key, inner in value.items()}
    return [put(inner, path[1:], other) if index == path[0] else inner for index, inner in enumerate(value)]


def dumped(value: Any, style: str | None, width: int, newline: str) -> str:
    text = yaml.safe_dump(value, default_style=style, width=width, allow_unicode=True, sort_keys=False)
    return re.sub("\n", newline, text)


def is_folded(written: str) -> bool:
    """Whether white space of a string stands in its source as other white space."""
    return written[:1] == ">" or ("\n" in written and written[:1] != "|")


def check_yaml_places(text: str, value: Any) -> None:
    """A character that is no white space stands where its place says."""
    read = load_yaml(text, "")
    assert read.value == value
    places = YamlPlaces(read)
    for path, inner in paths_in(value):
        start, end = places.span(path)
        assert 0 <= start <= end <= len(text)
        previous, behind = start, start
        for index, character in enumerate(inner if isinstance(inner, str) else ""):
            first, last = places.span(path, index, index + 1)
            assert previous <= first <= last <= len(text)
            is_escape = text[start] == '"' and text[first : first + 1] == "\\"
            if is_escape or (character.isspace() and is_folded(text[start:end])):
                continue
            assert text[first:last].replace("\r\n", "\n") in (character, character * 2)
            if text[start] == "|" and index and inner[index - 1] != "\n":
                assert first == behind, "a line of a block stands there as it is"
            previous, behind = first, last


@given(
    st.dictionaries(st.sampled_from("xyz"), TREES, min_size=1, max_size=3),
    STYLES,
    st.sampled_from([8, 80]),
    st.booleans(),
)
def test_places_of_yaml(value: Any, style: str | None, width: int, is_windows: bool) -> None:
    text = dumped(value, style, width, "\r\n" if is_windows else "\n")
    try:
        is_same = load_yaml(text, "").value == value
    except ParseError:
        is_same = False  # what the writer writes and the reader refuses is not the subject
    assume(is_same)
    check_yaml_places(text, value)


@given(
    st.dictionaries(st.sampled_from("xyz"), TREES, min_size=1, max_size=3),
    STYLES,
    st.sampled_from([8, 80]),
    SAID,
    st.data(),
)
def test_changes_of_yaml(value: Any, style: str | None, width: int, other: str, data: st.DataObject) -> None:
    text = dumped(value, style, width, "\n")
    try:
        read = load_yaml(text, "")
    except ParseError:
        assume(False)
        return
    assume(read.value == value)
    places = YamlPlaces(read)
    strings = [(path, inner) for path, inner in paths_in(value) if isinstance(inner, str)]
    assume(strings)
    path, inner = data.draw(st.sampled_from(strings))
    start = data.draw(st.integers(0, len(inner)))
    end = data.draw(st.integers(start, len(inner)))
    for change, wanted in (
        (places.change(path, other), other),
        (places.change(path, other, start, end), inner[:start] + other + inner[end:]),
    ):
        if change is not None:
            changed = text[: change.start] + change.text + text[change.end :]
            assert load_yaml(changed, "").value == put(value, path, wanted)
        else:
            assert text[places.span(path)[0]] in "|>"  # only blocks have no way to write everything


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("_indent", lambda *_: 0),
        ("_body", lambda _, node: (node.start_mark.index, node.end_mark.index)),
        ("_unit", lambda _, position, *__: (position, position + 1)),
    ],
)
def test_wrong_places_are_seen(name: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"x": "a\n  b: 'c'\n", "y": ['é "d" it\'s'], "z": " a"}

    def check() -> None:
        for style in (None, "'", '"', "|"):
            check_yaml_places(dumped(value, style, 80, "\n"), value)

    check()
    monkeypatch.setattr(_yaml_places, name, wrong)
    with pytest.raises((AssertionError, IndexError)):
        check()


def test_changes_that_cannot_be_written() -> None:
    text = "a: |\n  b\nc: >\n  d\ne: [1]\n"
    places = YamlPlaces(load_yaml(text, ""))
    assert places.change(("a",), "\u0001") is None
    assert places.change(("c",), "x") is None
    assert places.change(("e",), "x") is None
    assert places.change(("z",), "x") is None
    assert places.change(("a",), 5) is None
    assert places.change(("e", 0), "x", 0, 1) == Change(22, 23, '"x"')
    assert places.change(("e", 0), 2) == Change(22, 23, "2")
    empty = YamlPlaces(load_yaml("# nothing", ""))
    assert (empty.span(("a",)), empty.change(("a",), "x")) == ((0, 0), None)
