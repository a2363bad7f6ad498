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
    assert found == {form.name for form in (*FORMATS, *FORMS)}
    assert len({form.name for form in (*FORMATS, *FORMS)}) == len(FORMATS) + len(FORMS)


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
            {"model": "gpt-4o", "messages": [HI], "tools": [{}], "functions": [], "tool_choice": "auto", "response_format": {}, "n": 2},
            Document(
                "request",
                messages=(HI,),
                request={"model": "gpt-4o", "tools": [{}], "functions": [], "tool_choice": "auto", "response_format": {}},
            ),
        ),
        ({"messages": [HI], "model": None, "tools": None}, Document("request", messages=(HI,))),
        ({"conversations": [SAID]}, Document("sharegpt", messages=(SAID,))),
        (
            {"conversations": [SAID], "system": "Be brief.", "tools": '[{"name": "f"}]'},
            Document("sharegpt", messages=({"from": "system", "value": "Be brief."}, SAID), request={"tools": [{"name": "f"}]}),
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


SENTENCES = {
    "": "a:1:1: the file is empty; expected ChatML text, or messages as JSON",
    " \n": "a:1:1: the file is empty but for white space; expected ChatML text, or messages as JSON",
    '[{"role": "user",}]': "a:1:18: this is not valid JSON: a key in double quotes is expected, found '}'",
    "[1 2]": "a:1:4: this is not valid JSON: a comma or a closing bracket is expected, found '2'",
    '{"a" 1}': "a:1:6: this is not valid JSON: a colon is expected, found '1'",
    '["a': "a:1:2: this is not valid JSON: a string begins that does not end, found '\"'",
    '["a\nb"]': "a:1:4: this is not valid JSON: a string holds a control character that is not written as an escape, found '\\n'",
    "[] x": "a:1:4: this is not valid JSON: more text stands behind the end of the value, found 'x'",
    "[1": "a:1:3: this is not valid JSON: a comma or a closing bracket is expected, found the end of the text",
    "[NaN]": "a:1:2: found NaN, which is not valid JSON; a number or null is expected",
    '["NaN", {"a": Infinity}]': "a:1:15: found Infinity, which is not valid JSON; a number or null is expected",
    '[{"a": 1, "b": {"a": 1},\n"\\u0061": 2}]': "a:2:1: the key 'a' occurs twice in one object",
    "[" * 65 + "]" * 65: "a:1:65: the JSON is nested more than 64 levels deep",
    "[" + "-" + "1" * 5000 + "]": "a:1:2: found a number of 5000 digits, which is more than can be read",
    '{"a": 1}': "a:1:1: found an object with 'a', expected a list of messages, or an object with 'messages' or 'conversations'",
    "{}": "a:1:1: found an object, expected a list of messages, or an object with 'messages' or 'conversations'",
    '[{"text": "Hi"}]': "a:1:1: found a list that begins with an object without a role, expected a list of messages,"
    " or an object with 'messages' or 'conversations'",
    "[null]": "a:1:1: found a list that begins with null, expected a list of messages, or an object with 'messages' or 'conversations'",
    '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}': "a:1:1: found an object with 'a', 'b', 'c', 'd', 'e' and more, expected a list of messages,"
    " or an object with 'messages' or 'conversations'",
    '{"messages": {}}': "a:1:1: found an object as 'messages', expected a list of messages",
    '{"messages": [], "tools": {}}': "a:1:1: found an object as 'tools', expected a list of objects",
    '{"messages": [], "tools": [1]}': "a:1:1: found a list as 'tools', expected a list of objects",
    '{"messages": [], "model": 4}': "a:1:1: found a number as 'model', expected a string",
    '{"messages": [], "tool_choice": true}': "a:1:1: found a boolean as 'tool_choice', expected a string or an object",
    '{"messages": [], "response_format": "json"}': "a:1:1: found a string as 'response_format', expected an object",
    '{"messages": [], "system": "x"}': "a:1:1: found 'system' beside 'messages', which is how Anthropic writes requests; that form"
    " is not read yet; write it as the first message, with the role system",
    '{"conversations": [], "system": 1}': "a:1:1: found a number as 'system', expected a string",
    '{"conversations": [], "tools": "[1"}': "a:1:1: 'tools' is a string, and not one of JSON: this is not valid JSON:"
    " a comma or a closing bracket is expected, found the end of the text",
    '{"messages": []}\n{"messages": []}\n[1': "a:3:3: this is not valid JSON: a comma or a closing bracket is expected, found the end of the text",
    '{"messages": []}\n{"messages": []}\n{"x": 1}': "a:3:1: found an object with 'x', expected a list of messages,"
    " or an object with 'messages' or 'conversations'",
}  # fmt: skip


@pytest.mark.parametrize("text", SENTENCES, ids=lambda text: text[:40])
def test_sentences(text: str) -> None:
    assert error_of(text) == SENTENCES[text]


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
    try:
        documents = read_documents(text, source=source)
    except ParseError as error:
        assert error.source == source
        assert 0 <= error.start <= len(text)
        return
    assert documents
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
