"""Prompt files. Invariant: every text is documents or a `ParseError` that says where and what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatml.promptfiles
from chatml._errors import ParseError
from chatml.promptfiles import FORMATS, Document, read_documents
from chatml.promptfiles._document import Form, Format
from chatml.promptfiles._forms import FORMS

HI = {"role": "user", "content": "Hi"}
SAID = {"from": "human", "value": "Hi"}
SYSTEM = {"from": "system", "value": "Be brief."}
REQUEST = {"model": "gpt-4o", "tools": [{}], "functions": [], "tool_choice": "auto", "response_format": {}}
PROMPT = "<|im_start|>user\nHi<|im_end|>\n"


def one(text: str, source: str = "") -> Document:
    (document,) = read_documents(text, source=source)
    return document


def error_of(text: str, source: str = "a") -> str:
    with pytest.raises(ParseError) as caught:
        read_documents(text, source=source)
    return str(caught.value)


def test_tables_are_the_modules() -> None:
    folder = Path(chatml.promptfiles.__file__).parent
    helpers = {"__init__", "_document", "_forms", "_load", "_read"}
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
    assert read_documents(f"{line}\r\n\n{line}\n") == (
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
    "[NaN]": "1:2: found NaN, which is not valid JSON; a number or null is expected",
    '["NaN", {"a": Infinity}]': "1:15: found Infinity, which is not valid JSON; a number or null is expected",
    '[{"a": 1, "b": {"a": 1},\n"\\u0061": 2}]': "2:1: the key 'a' occurs twice in one object",
    "[" * 65 + "]" * 65: "1:65: the JSON is nested more than 64 levels deep",
    "[" + "-" + "1" * 5000 + "]": "1:2: found a number of 5000 digits, which is more than can be read",
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
    '{"messages": [], "system": "x"}': "1:1: found 'system' beside 'messages', which is how Anthropic writes requests;"
    " that form is not read yet; write it as the first message, with the role system",
    '{"conversations": [], "system": 1}': "1:1: found a number as 'system', expected a string",
    '{"conversations": [], "tools": "[1"}': f"1:1: 'tools' is a string, and not one of JSON: {CUT}",
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
    assert one('[{"role": "user", "content": "\\ud800"}]').messages[0]["content"] == "\ud800"
    assert one("[" + "[" * 62 + "]" * 62 + ', {"role": "user"}]').format == "messages"
    with_separator = '{"messages": [{"role": "user", "content": "a\u2028b"}]}'
    assert len(read_documents(f"{with_separator}\n{with_separator}")) == 2


def test_documents_are_frozen() -> None:
    document = one(PROMPT)
    with pytest.raises(AttributeError):
        document.text = ""  # type: ignore[misc]
    with pytest.raises(TypeError):
        document.request["model"] = "x"  # type: ignore[index]


JSON_LIKE = st.lists(
    st.sampled_from([*'[]{}":,\\\n 1-', "null", "NaN", '"role"', '"messages":', '"conversations":']), max_size=30
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


@given(
    st.text(min_size=1).filter(
        lambda text: (
            not text.isspace() and text.lstrip(" \t\r\n")[:1] not in ("", "[", "{") and "\ufeff" not in text[:1]
        )
    )
)
def test_a_text_is_kept_as_it_is(text: str) -> None:
    assert one(text).text == text
