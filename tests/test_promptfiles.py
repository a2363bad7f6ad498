"""Prompt files. Invariant: every text is documents or a `ParseError` that says where and what."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatml.promptfiles
from chatml._errors import ParseError
from chatml.promptfiles import FORMATS, MAX_SIZE, Document, JsonPlaces, check_size, read_documents, scan_documents
from chatml.promptfiles._document import Form, Format
from chatml.promptfiles._forms import FORMS
from chatml.promptfiles._load import load_json

HI = {"role": "user", "content": "Hi"}
SAID = {"from": "human", "value": "Hi"}
SYSTEM = {"from": "system", "value": "Be brief."}
REQUEST = {"model": "gpt-4o", "tools": [{}], "functions": [], "tool_choice": "auto", "response_format": {}}
PROMPT = "<|im_start|>user\nHi<|im_end|>\n"


def plain(document: Document) -> Document:
    """A document less the places of its parts."""
    return document._replace(value=None, places=None, pointer=(), root=(), elsewhere=())


def one(text: str, source: str = "") -> Document:
    (document,) = read_documents(text, source=source)
    return plain(document)


def error_of(text: str, source: str = "a") -> str:
    with pytest.raises(ParseError) as caught:
        read_documents(text, source=source)
    return str(caught.value)


def test_tables_are_the_modules() -> None:
    folder = Path(chatml.promptfiles.__file__).parent
    helpers = {"__init__", "_document", "_forms", "_load", "_places", "_read", "_load_yaml", "_yaml_places"}
    helpers |= {"_front_matter", "_template", "_tags", "_jinja_tags", "_mustache_tags", "_other_tags"}
    modules = {path.stem for path in folder.glob("*.py")} - helpers
    found = set()
    for module in modules:
        namespace = vars(__import__(f"chatml.promptfiles.{module}", fromlist=["_"]))
        found |= {value.name for value in namespace.values() if isinstance(value, (Form, Format))}
    listed = [*(kind.name for kind in FORMATS), *(form.name for form in FORMS)]
    assert found == set(listed)
    assert len(found) == len(listed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], Document("messages")),
        ([HI], Document("messages", messages=(HI,))),
        ([{"sender": "user", "text": "Hi"}], Document("messages", messages=({"sender": "user", "text": "Hi"},))),
        ([SAID], Document("messages", messages=(SAID,))),
        ([1, HI], Document("messages", messages=(1, HI))),  # a fault of its messages, not of the file
        ({"messages": [HI]}, Document("request", messages=(HI,))),
        (
            {"messages": [HI], **REQUEST, "n": 2},
            Document("request", messages=(HI,), request=REQUEST),
        ),
        ({"messages": [HI], "model": None, "tools": None}, Document("request", messages=(HI,))),
        ({"conversations": [SAID]}, Document("sharegpt", messages=(SAID,))),
        (
            {"conversations": [SAID], "system": "Be brief.", "tools": '[{"name": "f"}]'},
            Document("sharegpt", messages=(SYSTEM, SAID), request={"tools": [{"name": "f"}]}),
        ),
        ({"conversations": [SAID], "system": "", "tools": ""}, Document("sharegpt", messages=(SAID,))),
    ],
)  # fmt: skip
def test_forms(value: Any, expected: Document) -> None:
    for indent in (None, 2):
        assert one(json.dumps(value, indent=indent)) == expected
    line = json.dumps(value)
    assert tuple(map(plain, read_documents(f"{line}\r\n\n{line}\n"))) == (
        expected._replace(container="jsonl"),
        expected._replace(container="jsonl", line=3),
    )


def test_array_of_conversations() -> None:
    text = '[\n  {"messages": []},\n\n  {"conversations":\n []}, {"messages": []}]\n'
    lines = [(document.format, document.line, document.container) for document in read_documents(text)]
    assert lines == [("request", 2, "array"), ("sharegpt", 4, "array"), ("request", 5, "array")]


def test_text() -> None:
    assert one(PROMPT) == Document("chatml", text=PROMPT)
    assert one("Answer briefly.") == Document("text", text="Answer briefly.")
    assert one("\ufeffHi") == Document("text", text="Hi")
    assert one("Hi", "a.chatml") == Document("chatml", text="Hi")


@pytest.mark.parametrize(
    ("text", "source", "form", "container"),
    [
        (json.dumps([{"role": "user", "content": PROMPT}]), "", "messages", ""),  # content that spells markers
        (json.dumps([{"role": "user", "content": PROMPT}]), "a.txt", "messages", ""),
        (PROMPT, "a.json.txt", "chatml", ""),
        (PROMPT, "a.json", "chatml", ""),  # content decides, not the name
        ('{"messages": []}', "a.jsonl", "request", "jsonl"),
        ('{"messages": []}', "a.NDJSON", "request", "jsonl"),
        ('{"messages": []}', "a.json", "request", ""),
        ('{"messages": []}', "", "request", ""),
        ('{"messages": []}\n{"messages": []}', "a.json", "request", "jsonl"),
        ("{} " + PROMPT, "a.chatml", "chatml", ""),  # the name breaks the tie
        ('[\n{"role": "user", "content": "Hi"}\n]', "", "messages", ""),
        ("[]\n[]", "", "messages", "jsonl"),
    ],
)
def test_found_by_content(text: str, source: str, form: str, container: str) -> None:
    document = read_documents(text, source=source)[0]
    assert (document.format, document.container) == (form, container)


NOT_JSON = "this is not valid JSON:"
CUT = f"{NOT_JSON} a comma or a closing bracket is expected, found the end of the text"
EXPECTED = "expected a list of messages, or an object with 'messages' or 'conversations'"
NO_NUMBER = "which is not valid JSON; a number or null is expected"
TOO_DEEP = "the JSON is nested more than 64 levels deep"
A_PAIR = r"expected a pair such as \ud83d\ude00"
NESTED = "1:1: 'tools' is a string, and not one of JSON: line 1, column"
TWO_LINES = '{"messages": []}\r\n\n'
SENTENCES = {
    "": "1:1: the file is empty; expected ChatML text, or messages as JSON",
    " \n": "1:1: the file is empty but for white space; expected ChatML text, or messages as JSON",
    '[{"role": "user",}]': f"1:18: {NOT_JSON} a key in double quotes is expected, found '}}'",
    "[1 2]": f"1:4: {NOT_JSON} a comma or a closing bracket is expected, found '2'",
    '{"a" 1}': f"1:6: {NOT_JSON} a colon is expected, found '1'",
    '["a': f"1:2: {NOT_JSON} a string begins that does not end, found '\"'",
    '["a\nb"]': f"1:4: {NOT_JSON} a string holds a control character that is not written as an escape, found '\\n'",
    "[] x": f"1:4: {NOT_JSON} more text stands behind the end of the value, found 'x'",
    "[1": f"1:3: {CUT}",
    "[NaN]": f"1:2: found NaN, {NO_NUMBER}",
    '["NaN", {"a": Infinity}]': f"1:15: found Infinity, {NO_NUMBER}",
    '{"a": [[{"b":\n [-Infinity]}]]}': f"2:3: found -Infinity, {NO_NUMBER}",
    f'{TWO_LINES}{{"a": [[{{"b": [NaN]}}]]}}': f"3:16: found NaN, {NO_NUMBER}",
    "[1e308,\n -1e309]": "2:2: found -1e309, which is more than a number can be",
    "[" + "9" * 400 + ", " + "9" * 400 + ".0]": f"1:404: found {'9' * 40}, which is more than a number can be",
    '[{"a": 1, "b": {"a": 1},\n"\\u0061": 2}]': "2:1: the key 'a' occurs twice in one object",
    '{"": 1, "b": {}, "": 1}': "1:18: the key '' occurs twice in one object",
    '{"\\"": 1, "\\u0022": 1}': "1:11: the key '\"' occurs twice in one object",
    f'{TWO_LINES}{{"x": {{"é": 1, "\\u00E9" : 2}}}}': r"3:16: the key '\xe9' occurs twice in one object",
    "[" * 65 + "]" * 65: f"1:65: {TOO_DEEP}",
    '{"a":' * 65 + "1" + "}" * 65: f"1:321: {TOO_DEEP}",
    TWO_LINES + '{"a":[' * 32 + "{}" + "]}" * 32: f"3:193: {TOO_DEEP}",
    "[" * 65 + "NaN" + "]" * 65: f"1:65: {TOO_DEEP}",
    "[" + "-" + "1" * 5000 + "]": "1:2: found a number of 5000 digits, which is more than can be read",
    "[-" + "1" * 4300 + ", NaN]": f"1:4305: found NaN, {NO_NUMBER}",
    r'["\ud83d\ude00 \ud800"]': rf"1:16: found the lone surrogate \ud800, {A_PAIR}",
    r'["a", "\udc00"]': rf"1:8: found the lone surrogate \udc00, {A_PAIR}",
    r'["\uD83D\uD83D\uDE00"]': rf"1:3: found the lone surrogate \uD83D, {A_PAIR}",
    r'["\ud83d\u0041"]': rf"1:3: found the lone surrogate \ud83d, {A_PAIR}",
    r'["\ud83d\\ude00"]': rf"1:3: found the lone surrogate \ud83d, {A_PAIR}",
    r'["\\\ud800"]': rf"1:5: found the lone surrogate \ud800, {A_PAIR}",
    r'{"a": {"\ud800": 1}}': rf"1:9: found the lone surrogate \ud800, {A_PAIR}",
    '["\\ud83d\ude00"]': rf"1:3: found the lone surrogate \ud83d, {A_PAIR}",
    '["é\ud83d\ude00"]': rf"1:4: found the lone surrogate \ud83d, {A_PAIR}",
    TWO_LINES
    + r'{"messages": [{"role": "user", "content": "\udbff"}]}': rf"3:44: found the lone surrogate \udbff, {A_PAIR}",
    '{"a": 1}': f"1:1: found an object with 'a', {EXPECTED}",
    "{}": f"1:1: found an object, {EXPECTED}",
    '[{"text": "Hi"}]': f"1:1: found a list that begins with an object without a role, {EXPECTED}",
    "[null]": f"1:1: found a list that begins with null, {EXPECTED}",
    '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}': f"1:1: found an object with 'a', 'b', 'c', 'd', 'e' and more, {EXPECTED}",
    '{"messages": {}}': "1:1: found an object as 'messages', expected a list of messages",
    '{"messages": [], "tools": {}}': "1:1: found an object as 'tools', expected a list of objects",
    '{"messages": [], "tools": [1]}': "1:1: found a list as 'tools', expected a list of objects",
    '{"messages": [], "model": 4}': "1:1: found a number as 'model', expected a string",
    '{"messages": [], "tool_choice": true}': "1:1: found a boolean as 'tool_choice', expected a string or an object",
    '{"messages": [], "response_format": ""}': "1:1: found a string as 'response_format', expected an object",
    '{"messages": [], "system": 1}': "1:1: found a number as 'system', expected a string or a list of objects",
    '{"conversations": [], "system": 1}': "1:1: found a number as 'system', expected a string",
    '{"conversations": [], "tools": "[1"}': f"{NESTED} 3: {CUT}",
    r'{"conversations": [], "tools": "{\"a\":1,\"\\u0061\":2}"}': f"{NESTED} 8: the key 'a' occurs twice in one object",
    r'{"conversations": [], "tools": "[{\"a\": NaN}]"}': f"{NESTED} 8: found NaN, {NO_NUMBER}",
    r'{"conversations": [], "tools": "[\"\\ud800\"]"}': rf"{NESTED} 3: found the lone surrogate \ud800, {A_PAIR}",
    f'{{"conversations": [], "tools": "{"[" * 65}{"]" * 65}"}}': f"{NESTED} 65: {TOO_DEEP}",
    '{"messages": []}\n{"messages": []}\n[1': f"3:3: {CUT}",
    '{"messages": []}\n{"messages": []}\n{"x": 1}': f"3:1: found an object with 'x', {EXPECTED}",
}


@pytest.mark.parametrize("text", SENTENCES, ids=lambda text: text[:40])
def test_sentences(text: str) -> None:
    assert error_of(text) == f"a:{SENTENCES[text]}"


def test_errors_are_values() -> None:
    with pytest.raises(ParseError) as caught:
        read_documents('{"messages": []}\n{"messages": [}', source="a.jsonl")
    error = caught.value
    assert (error.source, error.code, error.line, error.column, error.start) == ("a.jsonl", "json", 2, 15, 31)
    assert '{"messages": []}\n{"messages": [}'[error.start] == "}"
    for text, code in (("", "empty-file"), ("{}", "no-prompt"), ("[", "json")):
        with pytest.raises(ParseError) as caught:
            read_documents(text)
        assert caught.value.code == code


def test_jsonl_of_one_broken_line() -> None:
    assert (
        error_of("{\n}", "a.jsonl")
        == "a.jsonl:1:2: this is not valid JSON: a key in double quotes is expected, found the end of the text"
    )


def test_what_json_can_hold() -> None:
    said = one(r'[{"role": "user", "content": "\ud83d\ude00 \uD83D\uDE00 \\ud800 \ud7ff \ue000"}]').messages[0]
    assert said["content"] == "\U0001f600 \U0001f600 \\ud800 \ud7ff \ue000"
    for deep in ("[" * 63 + "]" * 63, '{"a":' * 63 + "1" + "}" * 63):  # with what is around it 64
        assert one(f'{{"messages": [], "a": {deep}}}').format == "request"
        assert one(f'[{{"role": "user"}}, {deep}]').format == "messages"
        assert len(read_documents(f'{{"messages": []}}\n[{{"role": "user"}}, {deep}]')) == 2
    assert one(f'[{{"role": "user", "weight": {"9" * 4300}, "x": -1e308}}]').messages[0]["x"] == -1e308
    with_separator = '{"messages": [{"role": "user", "content": "a\u2028b"}]}'
    assert len(read_documents(f"{with_separator}\n{with_separator}")) == 2


SIZES = {
    # text, name of the file, largest size that is refused -> what is said
    (PROMPT, "a.chatml", 29): "1:1: the document has more than 29 bytes",
    ("x" * 30, "a.txt", 29): "1:1: the document has more than 29 bytes",
    ("é" * 15, "a.txt", 29): "1:1: the document has more than 29 bytes",
    ("\ufeff" + "\U0001f600" * 3, "a.txt", 11): "1:1: the document has more than 11 bytes",
    ("\ud800" * 3, "a.txt", 8): "1:1: the document has more than 8 bytes",
    ('[{"messages": []}, {"messages": []}]', "a.json", 35): "1:1: the document has more than 35 bytes",
    ('{"messages": [],\n\n "a": 1}', "a.json", 25): "1:1: the document has more than 25 bytes",
    ('{"messages": []}\n{"messages": [ ]}\r\n', "a.json", 17): "2:1: the line has more than 17 bytes",
    ('{"messages": []}\n\n{"messages": ["é"]}', "a.jsonl", 19): "3:1: the line has more than 19 bytes",
    ('{"messages": []}', "a.jsonl", 15): "1:1: the line has more than 15 bytes",
}


@pytest.mark.parametrize(("text", "source", "size"), SIZES, ids=ascii)
def test_size(text: str, source: str, size: int) -> None:
    with pytest.raises(ParseError) as caught:
        read_documents(text, source=source, max_size=size)
    assert str(caught.value) == f"{source}:{SIZES[text, source, size]}; pass a larger max_size"
    assert (caught.value.code, caught.value.start) == ("too-large", text.rindex("{") if caught.value.line > 1 else 0)
    assert read_documents(text, source=source, max_size=size + 1)
    check_size(text, source=source, max_size=size + 1)


def test_size_by_default() -> None:
    assert MAX_SIZE == 16 * 2**20 == inspect.signature(read_documents).parameters["max_size"].default
    assert one("x" * MAX_SIZE).text == "x" * MAX_SIZE
    assert (
        error_of("x" * (MAX_SIZE + 1)) == "a:1:1: the document has more than 16,777,216 bytes; pass a larger max_size"
    )


@pytest.mark.parametrize(
    ("beginning", "source", "what"),
    [
        ("x" * 41, "a.txt", "document"),
        (PROMPT + "x" * 11, "a.jsonl", "document"),  # content decides, not the name
        ('[{"role": "user",\n  "content": "Hi, I am al', "a.json", "document"),
        ('[{"role": "user", "content": "Hi, I am al', "a.json", "document"),
        ('[{"role": "user", "content": "Hi, I am al', "a.jsonl", "line"),
    ],
)
def test_size_is_seen_at_the_beginning(beginning: str, source: str, what: str) -> None:
    with pytest.raises(ParseError) as caught:
        check_size(beginning, source=source, max_size=40)
    assert str(caught.value) == f"{source}:1:1: the {what} has more than 40 bytes; pass a larger max_size"


def test_lines_are_not_added_up() -> None:
    lines = '{"messages": []}\n' * 10
    assert len(read_documents(lines, source="a.json", max_size=40)) == 10
    for size in range(41, len(lines)):
        check_size(lines[:size], source="a.json", max_size=40)


def test_documents_are_frozen() -> None:
    document = one(PROMPT)
    with pytest.raises(AttributeError):
        document.text = ""  # type: ignore[misc]
    with pytest.raises(TypeError):
        document.request["model"] = "x"  # type: ignore[index]


JSON_LIKE = st.lists(
    st.sampled_from(
        [*'[]{}":,\\\n 1-', "null", "NaN", '"role"', '"messages":', '"conversations":', '"\\ud83d', "\\ude00", "\ud800"]
    ),
    max_size=30,
).map("".join)


@given(
    JSON_LIKE | st.text(st.characters(exclude_categories=())),
    st.sampled_from(["", "a.json", "a.jsonl", "a.chatml", "a.txt"]),
)
def test_every_text_is_read_or_refused(text: str, source: str) -> None:
    documents: tuple[Document, ...] = ()
    error: ParseError | None = None
    try:
        documents = read_documents(text, source=source)
    except ParseError as found:
        error = found
    assert bool(documents) != bool(error)
    assert error is None or (error.source == source and 0 <= error.start <= len(text))
    for document in documents:
        assert (document.text is None) == (document.format not in ("chatml", "text"))
        json.dumps([document.messages, dict(document.request)], ensure_ascii=False).encode()  # no lone surrogate


IN_STRINGS = st.sampled_from(
    [r"\ud83d", r"\uDE00", r"\\", r"\u0041", r"\uD7ff", r"\n", "u", "d83d", "é", "\ud83d", "\ude00", "\U0001f600"]
)


@given(st.lists(IN_STRINGS, max_size=8).map("".join), st.booleans())
def test_lone_surrogates_are_those_that_python_reads(string: str, is_key: bool) -> None:
    text = f'{{"{string}": 1}}' if is_key else f'["{string}"]'
    value = json.loads(text)
    if not any("\ud800" <= character <= "\udfff" for one in value for character in one):
        assert load_json(text, "") == value
        return
    with pytest.raises(ParseError, match="found the lone surrogate") as caught:
        load_json(text, "")
    start = caught.value.start
    assert not any("\ud800" <= character <= "\udfff" for character in json.loads(f'"{string[: start - 2]}"'))
    assert text[start : start + 2] == r"\u" or "\ud800" <= text[start] <= "\udfff"


@given(
    st.text(min_size=1).filter(
        lambda text: (
            not text.isspace() and text.lstrip(" \t\r\n")[:1] not in ("", "[", "{") and "\ufeff" not in text[:1]
        )
    )
)
def test_a_text_is_kept_as_it_is(text: str) -> None:
    assert one(text).text == text


# Places


SPELLED = st.text('a"\\\n\u00e9\U0001f600\x00', max_size=6)  # strings that need escapes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | SPELLED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SPELLED, inner, max_size=3),
    max_leaves=12,
)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths_in(inner, (*path, key))


@given(VALUES, st.booleans(), st.sampled_from([None, 1]), SPELLED)
def test_places_of_json(value: Any, is_ascii: bool, indent: int | None, other: str) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    places = JsonPlaces("  " + text, 2, 100)
    for path, inner in paths_in(value):
        start, end = places.span(path)
        assert json.loads(text[start - 102 : end - 102]) == inner
        change = places.change(path, other)
        assert change is not None
        assert json.loads(text[: change.start - 102] + change.text + text[change.end - 102 :]) == put(
            value, path, other
        )
        if isinstance(inner, str):
            for index in range(len(inner)):
                start, end = places.span(path, index, index + 1)
                assert json.loads(f'"{text[start - 102 : end - 102]}"') == inner[index]
                cut = places.change(path, other, index, index + 1)
                assert cut is not None
                changed = text[: cut.start - 102] + cut.text + text[cut.end - 102 :]
                assert json.loads(changed) == put(value, path, inner[:index] + other + inner[index + 1 :])


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A value with another one at a path."""
    if not path:
        return other
    if isinstance(value, dict):
        return {key: put(inner, path[1:], other) if key == path[0] else inner for key, inner in value.items()}
    return [put(inner, path[1:], other) if index == path[0] else inner for index, inner in enumerate(value)]


def test_a_path_that_leads_nowhere_ends_at_what_is_there() -> None:
    places = JsonPlaces('{"a": [1]}')
    assert places.span(("a", 5, "b")) == places.span(("a",)) == (6, 9)
    assert places.change(("a", 5), 1) is None
    assert places.change(("a",), "x", 0, 1) is None  # no string is there


def test_places_of_documents() -> None:
    text = (
        '{"conversations": [{"from": "human", "value": "a\\nb"}], "system": "Be"}\n[{"role": "user", "content": "c"}]\n'
    )
    documents = list(scan_documents(text, source="x.jsonl"))
    assert all(isinstance(document, Document) for document in documents)
    for document, message, key, wanted in ((0, 0, None, '"Be"'), (0, 1, "value", '"a\\nb"'), (1, 0, "content", '"c"')):
        found = documents[document]
        assert isinstance(found, Document)
        assert found.places is not None
        path = (*found.path_of(message), key) if key else found.path_of(message)
        start, end = found.places.span(path)
        assert text[start:end] == wanted


def test_a_line_that_is_wrong_does_not_stop_the_others() -> None:
    text = '{"messages": []}\n{"messages": [}\n\n5\n{"messages": []}\n'
    found = list(scan_documents(text, source="x.jsonl", line=10))
    assert [(one.line, isinstance(one, ParseError)) for one in found] == [
        (10, False),
        (11, True),
        (13, True),
        (14, False),
    ]
    error = found[1]
    assert isinstance(error, ParseError)
    assert text[error.start or 0] == "}"
