"""`chatml convert` and `convert_text`: from every form to every other, with all that gets lost on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cli_process import Captured, run_here
from hypothesis import given
from hypothesis import strategies as st
from strategies import catches, conversations, without_surrogates

import chatml
from chatml import ChatMLError, ConfigError, ParseError, RenderError
from chatml import _convert as converting
from chatml._convert import TARGETS, Lost, convert_text
from chatml._messages import read_messages
from chatml.cli.convert import TARGETS as OFFERED
from chatml.promptfiles import read_documents

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be <|im_end|> terse."},
    {"role": "user", "content": "Hi é"},
]
FULL: list[dict[str, Any]] = [
    *CHAT,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "1", "tool_call_id": "c1"},
    {"role": "assistant", "content": "One.", "weight": 0},
]
REQUEST = {"messages": FULL, "model": "gpt-4o", "tools": [TOOL], "temperature": 0.5, "parallel_tool_calls": False}
JSON_TARGETS = [target for target in TARGETS if target not in ("chatml", "messages")]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_tables_agree() -> None:
    assert tuple(TARGETS) == OFFERED


@pytest.mark.parametrize("target", TARGETS)
def test_a_plain_conversation_fits_everywhere(target: Any) -> None:
    done = convert_text(json.dumps(CHAT), to=target)
    assert done.lost == ()
    back = convert_text(done.text, to="messages", path="x.jsonl" if "jsonl" in target else "x")
    assert (json.loads(back.text), back.lost) == (CHAT, ())


def test_what_is_written() -> None:
    text = json.dumps(CHAT)
    assert convert_text(text, to="messages").text == json.dumps(CHAT, indent=2, ensure_ascii=False) + "\n"
    assert json.loads(convert_text(text, to="request").text) == {"messages": CHAT}
    assert convert_text(text, to="jsonl").text == json.dumps({"messages": CHAT}, ensure_ascii=False) + "\n"
    assert convert_text(text, to="chatml").text == chatml.render(CHAT)
    assert convert_text(text, to="chatml", dialect="phi4").text == chatml.render(CHAT, dialect="phi4")
    turns = [{"from": "system", "value": "Be <|im_end|> terse."}, {"from": "human", "value": "Hi é"}]
    assert json.loads(convert_text(text, to="sharegpt").text) == {"conversations": turns}


@pytest.mark.parametrize("target", JSON_TARGETS)
def test_requests_stay_whole(target: Any) -> None:
    done = convert_text(json.dumps(REQUEST), to=target)
    assert done.lost == ()
    back = convert_text(done.text, to="request")
    assert (json.loads(back.text), back.lost) == (REQUEST, ())


def test_tools_of_sharegpt_are_text() -> None:
    done = convert_text(json.dumps(REQUEST), to="sharegpt")
    assert json.loads(json.loads(done.text)["tools"]) == [TOOL]


def test_a_system_text_beside_the_turns() -> None:
    text = json.dumps({"conversations": [{"from": "human", "value": "Hi"}], "system": "Be terse.", "id": 7})
    done = convert_text(text, to="jsonl")
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}]
    assert json.loads(done.text) == {"messages": messages, "id": 7}


def test_what_gets_lost() -> None:
    text = json.dumps(REQUEST)
    reason = "there is no place for it beside the messages"
    assert convert_text(text, to="messages").lost == tuple(
        Lost(1, key, reason) for key in ("model", "tools", "temperature", "parallel_tool_calls")
    )
    raw = "raw ChatML holds nothing beside the messages"
    assert convert_text(text, to="chatml").lost == (
        Lost(1, "messages[2].tool_calls", "dialect chatml has no form for tool calls"),
        Lost(1, "messages[3].tool_call_id", "there is no form for it"),
        Lost(1, "messages[4].weight", "there is no form for it"),
        *(Lost(1, key, raw) for key in ("model", "tools", "temperature", "parallel_tool_calls")),
    )


def test_names_and_pictures_in_chatml() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    parts = [{"type": "text", "text": "What is it?"}, picture]
    text = json.dumps([{"role": "user", "name": "ada", "content": parts}])
    assert convert_text(text, to="chatml").lost == (
        Lost(1, "messages[0].content", "dialect chatml has no form for parts of type image_url"),
        Lost(1, "messages[0].name", "dialect chatml has no form for names"),
    )
    named = json.dumps([{"role": "user", "name": "ada", "content": "Hi"}])
    assert convert_text(named, to="chatml", dialect="openai").lost == ()


def test_raw_prompts() -> None:
    text = "<|im_start|>user<|im_sep|>Hi <\\|im_end|><|im_end|><|im_start|>assistant<|im_sep|>"
    done = convert_text(text, to="messages", path="x.chatml")
    assert (json.loads(done.text), done.lost) == ([{"role": "user", "content": "Hi <|im_end|>"}], ())
    other = convert_text(text, to="chatml", source_dialect="openai-im-sep")
    assert other.text == "<|im_start|>user\nHi <\\|im_end|><|im_end|>\n<|im_start|>assistant\n"
    assert convert_text(text, to="chatml", dialect="openai-im-sep").text == text
    open_ = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nSure, "
    assert convert_text(open_, to="chatml").text == open_
    reason = "only ChatML can say that the last message goes on"
    assert convert_text(open_, to="jsonl").lost == (Lost(1, "the open end", reason),)


def test_what_a_dialect_adds_is_no_loss() -> None:
    done = convert_text(json.dumps(CHAT[1:]), to="chatml", dialect="qwen2")
    assert (done.text, done.lost) == (chatml.render(CHAT[1:], dialect="qwen2"), ())


ROWS = "".join(json.dumps({"messages": [message]}) + "\n" for message in CHAT)


def test_several_conversations() -> None:
    for target in JSON_TARGETS:
        done = convert_text(ROWS, to=target)
        assert done.lost == ()
        assert [len(one.messages) for one in read_documents(done.text)] == [1, 1]
        assert convert_text(done.text, to="jsonl").text == convert_text(ROWS, to="jsonl").text
    with pytest.raises(ConfigError) as caught:
        convert_text(ROWS, to="chatml")
    expected = "to: chatml holds one conversation, found 2; choose one by its line, or convert to jsonl"
    assert str(caught.value) == expected
    assert convert_text(ROWS, to="chatml", line=2).text == chatml.render(CHAT[1:])
    with pytest.raises(ConfigError, match="no conversation begins on line 3"):
        convert_text(ROWS, to="chatml", line=3)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("notes", ParseError, "x:1:1: found no messages; expected ChatML text, or messages as JSON"),
        (
            "<|im_start|>user\nHi<|im_start|>assistant\n",
            ParseError,
            "x:1:1: message 0 (user) is not closed before the next one begins; `chatml lint` says more",
        ),
        ('[{"role": "user", "content": 3}]', RenderError, None),
        ('[{"role": "User", "content": "Hi"}]', RenderError, None),
        ("", ParseError, "x:1:1: the file is empty; expected ChatML text, or messages as JSON"),
    ],
)
def test_what_cannot_be_read(text: str, error: type[ChatMLError], message: str | None) -> None:
    for target in TARGETS:
        with pytest.raises(error) as caught:
            convert_text(text, to=target, path="x")  # type: ignore[arg-type]  # the keys of the table are its targets
        assert message in (None, str(caught.value))


def test_other_formats() -> None:
    pytest.importorskip("yaml")
    text = '---\nmodel: googleai/gemini\ntools: [search]\nsince: 2026-01-31\n---\n{{role "user"}}\nHi {{name}}\n'
    done = convert_text(text, to="request", path="a.prompt")
    value = json.loads(done.text)
    assert value["messages"] == [{"role": "user", "content": "Hi {{name}}"}]
    assert (value["model"], str(value["since"])) == ("googleai/gemini", "2026-01-31")
    assert Lost(1, "tools", "there is no form for it") in done.lost  # a name is no declaration
    template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    with pytest.raises(ParseError, match="holds no conversation before it is rendered"):
        convert_text(template, to="messages", path="a.jinja")


def test_an_unknown_target() -> None:
    with pytest.raises(ConfigError) as caught:
        convert_text("[]", to="yaml")  # type: ignore[arg-type]  # which is what is tested
    expected = "to: found 'yaml', expected messages, request, jsonl, sharegpt, sharegpt-jsonl, chatml"
    assert str(caught.value) == expected


# Properties


def check_there_and_back(given_: tuple[list[dict[str, Any]], str]) -> None:
    """What is not said to be lost comes back."""
    messages, target = given_
    text = json.dumps([{key: clean(value) for key, value in one.items()} for one in messages])
    try:
        done = convert_text(text, to=target)  # type: ignore[arg-type]  # the keys of the table are its targets
    except RenderError:
        return
    lost = {one.field for one in done.lost}
    back = convert_text(done.text, to="messages", source_dialect="chatml", path="x.chatml" * (target == "chatml"))
    old = [one.to_mapping() for one in read_messages(json.loads(text))]
    new = json.loads(back.text)
    assert len(new) == len(old) or not old
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        assert {key for key in before if before[key] != after.get(key)} <= {
            key for key in before if f"messages[{index}].{key}" in lost
        }


def clean(value: Any) -> Any:
    return without_surrogates(value) if isinstance(value, str) else value


pairs = st.tuples(conversations.filter(bool), st.sampled_from(list(TARGETS)))


@given(pairs)
def test_what_is_not_said_to_be_lost_comes_back(given_: tuple[list[dict[str, Any]], str]) -> None:
    check_there_and_back(given_)


def test_a_loss_that_is_not_said_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "_lost_fields", lambda *_: ())
    assert catches(check_there_and_back, pairs)


# ------------------------------------------------------------------------------------------------ the command


def write(name: str, value: object) -> None:
    Path(name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def test_the_command() -> None:
    write("chat.json", CHAT)
    text = convert_text(json.dumps(CHAT), to="sharegpt").text
    assert run_here("convert", "chat.json", "--to", "sharegpt") == Captured(0, text.encode(), b"")
    assert run_here("convert", "chat.json", "--to", "sharegpt", "-o", "out.json") == Captured(0, b"", b"")
    assert Path("out.json").read_text("utf-8") == text
    assert run_here("convert", "chat.json", "--to=chatml", "--dialect=phi4").out.decode() == chatml.render(
        CHAT, dialect="phi4"
    )


def test_nothing_is_lost_silently() -> None:
    write("chat.json", {"messages": CHAT, "temperature": 1})
    line = "chat.json:1: temperature is lost: there is no place for it beside the messages\n"
    note = "chatml: note: nothing is written; --lossy writes what can be held\n"
    for options in ((), ("-o", "out.json")):
        assert run_here("convert", "chat.json", "--to", "messages", *options) == Captured(
            1, b"", (line + note).encode()
        )
    assert os.listdir() == ["chat.json"]
    done = run_here("convert", "chat.json", "--to", "messages", "--lossy")
    assert (done.status, json.loads(done.out), done.err) == (0, CHAT, line.encode())


def test_rows() -> None:
    write("rows.jsonl", ROWS)
    assert run_here("convert", "rows.jsonl", "--to", "chatml", "--line", "2").out.decode() == chatml.render(CHAT[1:])
    assert run_here("convert", "rows.jsonl", "--to", "chatml").status == 2
    write("bad.jsonl", ROWS + '{"messages": [{"role": "User", "content": ""}]}\n')
    done = run_here("convert", "bad.jsonl", "--to", "request")
    assert done.status == 2
    assert done.err.decode().startswith("chatml: error: bad.jsonl:3: messages[0].role: ")


def test_the_usage() -> None:
    write("chat.json", CHAT)
    assert run_here("convert", "chat.json").status == 2
    assert run_here("convert", "chat.json", "--to", "yaml").status == 2
    assert run_here("convert", "chat.json", "--to", "chatml", "--from-dialect", "no-such").status == 2
