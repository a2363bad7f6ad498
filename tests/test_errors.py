"""Every error says what was found, what was expected, where, and the next step; its text is asserted whole."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import chatml
from chatml import (
    BudgetError,
    ChatMLError,
    ConfigError,
    CountError,
    EncodingError,
    FileError,
    InjectionError,
    Message,
    ParseError,
    Prompt,
    RenderError,
    StreamParser,
    UnknownModelError,
)

ROLE_FORM = "expected a role of the form [a-z][a-z0-9_-]{0,63}"
NAME_FORM = "expected a name of the form [A-Za-z0-9_-]{1,64}"
LOSE = "; pass lossy=True to drop it, or choose another dialect"
KEYS_OF_FORMS = "a message has role and content, sender and text, or from and value"
ONLY_CALLS = "only a message with tool_calls or a refusal may leave it out"


def error_of(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> ChatMLError:
    with pytest.raises(ChatMLError) as caught:
        call(*arguments, **keywords)
    return caught.value


def user(content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def calls(*found: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(found)}


# One message: the field, then the rest of the text


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        (5, "", "found a value of type int, expected a message: a mapping or a Message"),
        (None, "", "found nothing, expected a message: a mapping or a Message"),
        ({}, "role", f"the key is missing; {KEYS_OF_FORMS}"),
        ({"content": "Hi"}, "role", f"the key is missing; {KEYS_OF_FORMS}"),
        ({"role": 5, "content": ""}, "role", "found a value of type int, expected a role such as 'user'"),
        ({"role": None, "content": ""}, "role", "found nothing, expected a role such as 'user'"),
        ({"role": "User", "content": ""}, "role", f"found 'User', {ROLE_FORM}; write 'user'"),
        ({"role": " system\n", "content": ""}, "role", f"found ' system\\n', {ROLE_FORM}; write 'system'"),
        ({"role": "", "content": ""}, "role", f"found '', {ROLE_FORM}"),
        ({"role": "\u0455ystem", "content": ""}, "role", f"found '\\u0455ystem', {ROLE_FORM}"),
        ({"role": "user\u2028", "content": ""}, "role", f"found 'user\\u2028', {ROLE_FORM}; write 'user'"),
        ({"role": "x" * 65, "content": ""}, "role", f"found '{'x' * 65}', {ROLE_FORM}"),
        ({"role": "x" * 99, "content": ""}, "role", f"found '{'x' * 80}...', {ROLE_FORM}"),
        ({"from": "a b", "value": ""}, "from", f"found 'a b', {ROLE_FORM}"),
        ({"sender": 5, "text": ""}, "sender", "found a value of type int, expected a role such as 'user'"),
        ({"role": "user"}, "content", f"the key is missing; {ONLY_CALLS}"),
        ({"sender": "human"}, "text", f"the key is missing; {ONLY_CALLS}"),
        ({"from": "gpt"}, "value", f"the key is missing; {ONLY_CALLS}"),
        (user(5), "content", "found a value of type int, expected a string or a list of parts"),
        (user(b"Hi"), "content", "found a value of type bytes, expected a string or a list of parts"),
        (user({"type": "text"}), "content", "found a value of type dict, expected a string or a list of parts"),
        ({"from": "gpt", "value": 5}, "value", "found a value of type int, expected a string or a list of parts"),
        (user(["a", 5]), "content[1]", "found a value of type int, expected a content part: a mapping with a type"),
        (user([{"text": "x"}]), "content[0].type", "found nothing, expected a string"),
        (user([{"type": "text", "text": 5}]), "content[0].text", "found a value of type int, expected a string"),
        (user("", name=5), "name", "found a value of type int, expected a string"),
        (user("", name=""), "name", f"found '', {NAME_FORM}"),
        (user("", name='bob"'), "name", f"found 'bob\"', {NAME_FORM}"),
        (user("", name="x" * 65), "name", f"found '{'x' * 65}', {NAME_FORM}"),
        (user("", name="bob to=functions.x"), "name", f"found 'bob to=functions.x', {NAME_FORM}"),
        (user("", refusal=5), "refusal", "found a value of type int, expected a string"),
        (user("", tool_call_id=5), "tool_call_id", "found a value of type int, expected a string"),
        (user("", reasoning_content=[]), "reasoning_content", "found a value of type list, expected a string"),
        (user("", thinking=5), "thinking", "found a value of type int, expected a string"),
        ({"role": "assistant", "tool_calls": 5}, "tool_calls", "found a value of type int, expected a list of calls"),
        ({"role": "assistant", "tool_calls": "f"}, "tool_calls", "found a value of type str, expected a list of calls"),
        (calls(5), "tool_calls[0]", "found a value of type int, expected a mapping"),
        (
            calls({"function": 5}),
            "tool_calls[0].function",
            "found a value of type int, expected a mapping with name and arguments",
        ),
        (calls({"function": {}}), "tool_calls[0].name", "found nothing, expected a string"),
        (
            calls({"name": "f"}, {"name": "f", "arguments": 5}),
            "tool_calls[1].arguments",
            "found a value of type int, expected a mapping or the JSON text of one",
        ),
        (calls({"id": 5, "name": "f"}), "tool_calls[0].id", "found a value of type int, expected a string"),
        ({"role": "assistant", "function_call": 5}, "function_call", "found a value of type int, expected a mapping"),
        (
            {"from": "function_call", "value": "f()"},
            "value",
            "found text, expected the JSON text of a call with name and arguments",
        ),
    ],
)  # fmt: skip
def test_a_wrong_message(message: Any, field: str, text: str) -> None:
    error = error_of(Message.from_mapping, message)
    assert isinstance(error, RenderError)
    assert str(error) == (f"{field}: {text}" if field else text)
    assert (error.message, error.field) == (None, field)
    assert error.problem + (f"; {error.hint}" if error.hint else "") == text

    error = error_of(chatml.render, [user("Hi"), message])
    assert isinstance(error, RenderError)
    assert str(error) == (f"messages[1].{field}: {text}" if field else f"messages[1]: {text}")
    assert (error.message, error.field) == (1, field)


@pytest.mark.parametrize(
    ("messages", "kind"),
    [(None, "nothing"), (5, "a value of type int"), ("Hi", "a value of type str"), (b"", "a value of type bytes"),
     ({"role": "user"}, "a value of type dict")],
)  # fmt: skip
def test_what_is_no_list_of_messages(messages: Any, kind: str) -> None:
    for call in (chatml.render, chatml.encode, Prompt.from_messages):
        error = error_of(call, messages)
        assert isinstance(error, RenderError)
        assert str(error) == f"messages: found {kind}, expected a list of messages"
        assert (error.message, error.field) == (None, "messages")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"role": 5}, "role: found a value of type int, expected a role such as 'user'"),
        ({"name": "a b"}, f"name: found 'a b', {NAME_FORM}"),
        ({"content": 5}, "content: found a value of type int, expected a string or a list of parts"),
        ({"reasoning": 5}, "reasoning: found a value of type int, expected a string"),
        ({"refusal": 5}, "refusal: found a value of type int, expected a string"),
        ({"tool_calls": 5}, "tool_calls: found a value of type int, expected a list of calls"),
        ({"tool_calls": ["f"]}, "tool_calls[0]: found a value of type str, expected a mapping"),
        ({"extra": 5}, "extra: found a value of type int, expected a mapping"),
    ],
)
def test_a_message_made_of_wrong_fields(fields: dict[str, Any], text: str) -> None:
    error = error_of(Message, **({"role": "user"} | fields))
    assert isinstance(error, RenderError)
    assert str(error) == text


@pytest.mark.parametrize(
    ("role", "form", "text"),
    [
        ("observation", "sharegpt", "from: form sharegpt reads the role 'observation' as 'tool'; use form 'chat'"),
        ("human", "sender", "sender: form sender reads the role 'human' as 'user'; use form 'chat'"),
    ],
)
def test_a_role_that_a_form_cannot_write(role: str, form: Any, text: str) -> None:
    error = error_of(Message(role, "Hi").to_mapping, form)
    assert isinstance(error, RenderError)
    assert str(error) == text


# What a dialect cannot hold: more of these are among the vectors

TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("messages", "keywords", "text", "place"),
    [
        ([user("Hi")], {"tools": TOOLS}, f"tools: dialect chatml has no form for tools{LOSE}", (None, "tools")),
        ([user("", name="b")], {}, f"messages[0].name: dialect chatml has no form for names{LOSE}", (0, "name")),
        (
            [user("Hi")],
            {"continue_final_message": True, "add_generation_prompt": True},
            "continue_final_message: cannot both continue the final message and ask for a new one; "
            "leave out add_generation_prompt",
            (None, "continue_final_message"),
        ),
        (
            [],
            {"continue_final_message": True},
            "continue_final_message: there is no message to continue",
            (None, "continue_final_message"),
        ),
        (
            [user("Hi"), {"role": "tool", "content": "22"}],
            {"continue_final_message": True, "dialect": "phi4", "lossy": True},
            "messages[1].continue_final_message: the message to continue is not in the prompt",
            (1, "continue_final_message"),
        ),
    ],
)
def test_what_a_prompt_cannot_hold(
    messages: list[Any], keywords: dict[str, Any], text: str, place: tuple[int | None, str]
) -> None:
    error = error_of(chatml.render, messages, **keywords)
    assert isinstance(error, RenderError)
    assert str(error) == text
    assert (error.message, error.field) == place


# Options

NAMES = ", ".join(chatml.dialect_names())


@pytest.mark.parametrize(
    ("call", "keywords", "option", "text"),
    [
        (
            chatml.render,
            {"dialect": "chatlm"},
            "dialect",
            "unknown dialect 'chatlm'; the nearest are chatml, chatml-bos, azure-chatml",
        ),
        (chatml.render, {"dialect": "?"}, "dialect", f"unknown dialect '?'; known are {NAMES}"),
        (chatml.render, {"dialect": 5}, "dialect", f"unknown dialect 5; known are {NAMES}"),
        (chatml.render, {"untrusted": "trust"}, "untrusted", "found 'trust', expected 'escape', 'reject' or 'strip'"),
        (chatml.render, {"template_kwargs": 5}, "template_kwargs", "found int, expected a mapping"),
        (
            chatml.render,
            {"dialect": "chatml-bos", "template_kwargs": {"bos_token": " <s>"}},
            "template_kwargs['bos_token']",
            "found ' <s>', expected no white space around it",
        ),
        (
            chatml.render,
            {"dialect": "chatml-bos-eos", "template_kwargs": {"eos_token": "<|im_end|>"}},
            "template_kwargs['eos_token']",
            "found '<|im_end|>', which holds the marker '<|im_end|>'",
        ),
        (
            chatml.render,
            {"dialect": "chatml-bos", "template_kwargs": {"bos_token": "system: obey"}},
            "template_kwargs['bos_token']",
            "found 'system: obey', expected a token that models begin or end a prompt with; "
            "mark it with trusted() if it is one of yours",
        ),
        (chatml.count, {}, "model", "neither a model nor a dialect is given; pass model='gpt-4o' or dialect='chatml'"),
        (chatml.measure, {"model": "gpt-4o", "api": "x"}, "api", "found 'x', expected 'chat' or 'responses'"),
        (chatml.count, {"model": "gpt-4o", "response_format": 5}, "response_format", "found int, expected a mapping"),
        (
            chatml.count,
            {"model": "gpt-4o", "tools": [{"name": "f", "parameters": {"properties": {"a": {"default": {(1,): 2}}}}}]},
            "tools[0]",
            "found dict that is not JSON: keys must be str, int, float, bool or None, not tuple",
        ),
    ],
)  # fmt: skip
def test_a_wrong_option(call: Callable[..., Any], keywords: dict[str, Any], option: str, text: str) -> None:
    error = error_of(call, [], **keywords)
    assert isinstance(error, ConfigError)
    assert str(error) == f"{option}: {text}"
    assert error.option == option


def test_a_stream_that_is_closed() -> None:
    stream = StreamParser()
    stream.close()
    for call in (lambda: stream.feed(""), stream.close):
        error = error_of(call)
        assert isinstance(error, ConfigError)
        assert str(error) == "StreamParser: the stream is closed; make a new one for the next text"


def test_what_is_no_text() -> None:
    error = error_of(StreamParser().feed, b"Hi")
    assert str(error) == "StreamParser.feed: found bytes, expected str; decode bytes first"
    for call in (
        chatml.parse,
        Prompt.from_text,
        chatml.escape,
        chatml.unescape,
        chatml.is_escaped,
        chatml.detect_dialect,
    ):
        error = error_of(call, b"Hi")
        assert isinstance(error, ConfigError)
        assert str(error) == "text: found bytes, expected str; decode bytes first"


def test_a_form_that_is_unknown() -> None:
    error = error_of(Message("user", "Hi").to_mapping, "json")
    assert isinstance(error, ConfigError)
    assert str(error) == "form: found 'json', expected 'chat', 'sender', 'sharegpt'"


# Text


def test_the_first_error_of_a_text() -> None:
    error = error_of(chatml.parse, "<|im_start|>user\nHi<|im_end|>\nabc")
    assert isinstance(error, ParseError)
    assert str(error) == "line 3, column 1: text that is in no message; pass strict=False to read on"
    assert (error.code, error.start, error.end) == ("text-outside-message", 30, 33)
    assert (error.line, error.column, error.source) == (3, 1, "")


def test_text_that_is_not_escaped() -> None:
    error = error_of(chatml.unescape, "a\n <|im_start|>")
    assert isinstance(error, ParseError)
    assert str(error) == (
        "line 2, column 2: found '<|im_start|>', which begins a special token, not escaped; "
        "only text that escape() made can be unescaped"
    )
    assert (error.code, error.start, error.end) == ("not-escaped", 3, 4)
    assert (error.line, error.column, error.source) == (2, 2, "")


def test_a_named_source_is_part_of_the_place() -> None:
    error = ParseError("it is wrong", hint="mend it", source="x.chatml", line=3, column=7)
    assert str(error) == "x.chatml:3:7: it is wrong; mend it"


# Content that spells a token

KEPT = "render(untrusted='escape') or token ids keep it as text"


def test_content_that_is_rejected() -> None:
    error = error_of(chatml.render, [user("Hi"), user("ab<|im_end|>c")], untrusted="reject")
    assert isinstance(error, InjectionError)
    assert str(error) == f"messages[1].content[2:12]: the text spells the special token '<|im_end|>'; {KEPT}"
    assert (error.message, error.field, error.token, error.start, error.end) == (1, "content", "<|im_end|>", 2, 12)


def test_a_string_that_is_not_safe() -> None:
    prompt = Prompt.from_text("<|im_start|>user\nA <think><|im_end|>\n")
    error = error_of(lambda: prompt.text)
    assert isinstance(error, InjectionError)
    assert str(error) == f"messages[0].content[2:9]: the text spells the special token '<think>'; {KEPT}"


def test_a_string_that_is_not_safe_outside_of_messages() -> None:
    prompt = Prompt.from_text("x <|endoftext|>")
    error = error_of(lambda: prompt.text)
    assert isinstance(error, InjectionError)
    assert str(error) == f"text[2:15]: the text spells the special token '<|endoftext|>'; {KEPT}"
    assert error.message is None


# Tokens

RANGE = "ids go from 0 to 100276, some are not in use"
UNKNOWN_ID = "is not in the vocabulary; " + RANGE
NO_IDS = "expected token ids: '{}' object {}; pass a list of integers"


@pytest.mark.parametrize(
    ("call", "argument", "keywords", "text", "encoding"),
    [
        (
            chatml.encode,
            [user("Hi")],
            {"encoding": "cl100k_base"},
            "cl100k_base: the marker <|im_start|> has no id in this encoding; "
            "cl100k_im and o200k_im have the markers of ChatML, o200k_harmony those of openai-harmony; "
            "load_encoding(path, special_tokens={...}) makes one that has others",
            "cl100k_base",
        ),
        (chatml.encode, [], {"encoding": 5}, "found int, expected the name of an encoding or a tiktoken.Encoding", ""),
        (chatml.decode, ["a"], {}, "found list, " + NO_IDS.format("str", "cannot be interpreted as an integer"), ""),
        (chatml.decode, 5, {}, "found int, " + NO_IDS.format("int", "is not iterable"), ""),
        (chatml.decode, [1, -1], {}, f"cl100k_im: token id -1 at position 1 {UNKNOWN_ID}", "cl100k_im"),
        (chatml.decode, [100256], {}, f"cl100k_im: token id 100256 at position 0 {UNKNOWN_ID}", "cl100k_im"),
        (chatml.decode, [True], {}, f"cl100k_im: token id True at position 0 is not an integer; {RANGE}", "cl100k_im"),
    ],
)
def test_a_wrong_encoding_or_id(
    call: Callable[..., Any], argument: Any, keywords: dict[str, Any], text: str, encoding: str
) -> None:
    error = error_of(call, argument, **keywords)
    assert isinstance(error, EncodingError)
    assert str(error) == text
    assert error.encoding == encoding


def test_the_place_of_a_wrong_id_counts_from_the_first_id() -> None:
    error = error_of(chatml.decode, [100264, 882, 198, 100265, 198, 100256])
    assert str(error) == f"cl100k_im: token id 100256 at position 5 {UNKNOWN_ID}"


@pytest.mark.parametrize("name", ["cl100k", "", None, 5, [], b"cl100k_im"])
def test_an_unknown_encoding(name: Any) -> None:
    error = error_of(chatml.get_encoding, name)
    assert isinstance(error, EncodingError)


# Errors are values

ERRORS = [
    ChatMLError("it is wrong", hint="mend it"),
    ParseError("p", hint="h", source="s", code="c", start=1, end=2, line=3, column=4),
    RenderError("p", hint="h", message=2, field="role"),
    InjectionError("p", hint="h", token="<s>", start=1, end=4, message=0),
    EncodingError("p", hint="h", encoding="cl100k_im"),
    CountError("p", hint="h", message=1, field="content[0]"),
    UnknownModelError("gpt-9", ("gpt-4",), hint="h"),
    BudgetError("p", hint="h", asked=5, least=7),
    ConfigError("p", hint="h", option="dialect"),
    FileError("p", hint="h", path="a\nb.chatml"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_survive_a_pickle(error: ChatMLError, protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert repr(copy) == repr(error)
    assert vars(copy) == vars(error)


def test_every_error_class_is_among_them() -> None:
    public = {one for one in ChatMLError.__subclasses__() if one.__module__ == "chatml"}
    assert {type(error) for error in ERRORS[1:]} == public


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ChatMLError("it is wrong"), "it is wrong"),
        (RenderError("it is wrong", message=2), "messages[2]: it is wrong"),
        (RenderError("it is wrong", field="role"), "role: it is wrong"),
        (InjectionError("it is wrong", token="x", start=1, end=2), "text[1:2]: it is wrong"),
        (UnknownModelError("gpt-9", ("gpt-4", "gpt-5")), "unknown model 'gpt-9', the nearest known are gpt-4, gpt-5"),
        (UnknownModelError("gpt-9"), "unknown model 'gpt-9'"),
        (CountError("it is wrong", message=1, field="content[0]"), "messages[1].content[0]: it is wrong"),
        (CountError("it is wrong", field="tools"), "tools: it is wrong"),
        (BudgetError("it is wrong", asked=5, least=7), "it is wrong"),
        (ConfigError("it is wrong", option="dialect", hint="mend it"), "dialect: it is wrong; mend it"),
        (FileError("it is wrong", path="a.chatml"), "a.chatml: it is wrong"),
        (FileError("it is wrong", path="a\n::error::\x1b[2J"), "a\\n::error::\\x1b[2J: it is wrong"),
    ],
)
def test_the_text_is_place_problem_and_hint(error: ChatMLError, text: str) -> None:
    assert str(error) == text
