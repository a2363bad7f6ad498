"""Which tokens to guard against: of families, dialects, encodings and tokenizer files, and what such files may hold."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_like
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

import chatml
from chatml import (
    ChatMLError,
    ConfigError,
    EncodingError,
    dialect_names,
    encoding_names,
    escape,
    get_dialect,
    get_encoding,
    load_encoding,
    sanitize,
    sanitize_messages,
    scan,
    special_tokens,
    unescape,
)

S, E = "<|im_start|>", "<|im_end|>"
ADDED = "<｜User｜>"
FACTS = {
    "chatml": {S, E, "<|im_sep|>"},
    "openai": {"<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>"},
    "llama2": {"<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"},
    "bielik": {"<|function_list|>", "<|function_output|>"},
}


# Families


def test_everything_that_is_known() -> None:
    every = special_tokens()
    assert isinstance(every, frozenset)
    assert every > special_tokens(family=["chatml", "harmony", "deepseek"])
    assert {S, "[INST]", ADDED, "<start_of_turn>", "<|reserved_200013|>", "<think>"} < every
    assert all(len(token) > 1 and token.strip() == token and "\\" not in token for token in every)


@pytest.mark.parametrize("family", FACTS)
def test_one_family(family: str) -> None:
    assert special_tokens(family=family) >= FACTS[family]
    assert special_tokens(family=[family]) == special_tokens(family=family)


def test_several_families_together() -> None:
    both = special_tokens(family=("llama2", "chatml"))
    assert both == FACTS["llama2"] | FACTS["chatml"]
    assert special_tokens(family=iter(["llama2"])) == FACTS["llama2"]
    assert special_tokens(family=[]) == frozenset()


FAMILIES = (
    "families are chatml, openai, harmony, qwen, llama2, llama3, llama4, mistral, gemma, phi, kimi, deepseek, cohere, "
    "anthropic, deepseek_placeholders, hunyuan, granite, lfm, minicpm, internlm, bielik, glm, seed, megrez, baichuan, "
    "struq, olmo3, hf_generic, falcon_h1, yi, multimodal_markers, other_chat_templates"
)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("lama2", "unknown family 'lama2', the nearest are llama2, llama4, llama3"),
        ("Qwen", "unknown family 'Qwen', the nearest are qwen"),
        ("?", "unknown family '?'"),
        ("", "unknown family ''"),
        (["chatml", "deepsek"], "unknown family 'deepsek', the nearest are deepseek"),
        (5, "unknown family 5"),
        ([5], "unknown family 5"),
        ([["chatml"]], "unknown family ['chatml'], the nearest are chatml"),
        (b"chatml", "unknown family 99"),
    ],
)
def test_an_unknown_family(family: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        special_tokens(family=family)
    assert str(caught.value) == f"family: {message}; {FAMILIES}"
    assert caught.value.option == "family"


# Dialects and encodings


@pytest.mark.parametrize("name", dialect_names())
def test_a_dialect(name: str) -> None:
    dialect = get_dialect(name)
    found = special_tokens(dialect=name)
    assert found >= {*dialect.markers, *special_tokens(tokenizer=dialect.encoding)}
    assert found >= {token for token in (dialect.bos, dialect.eos) if token}
    assert special_tokens(dialect=dialect) == found
    assert "[INST]" not in found


def test_a_dialect_has_the_tokens_of_its_models() -> None:
    assert "<|eot_id|>" in special_tokens(dialect="hermes3")
    assert "<|eot_id|>" not in special_tokens(dialect="chatml")


def test_an_unknown_dialect() -> None:
    with pytest.raises(ConfigError) as caught:
        special_tokens(dialect="chatlm")
    assert str(caught.value) == "dialect: unknown dialect 'chatlm'; the nearest are chatml, chatml-bos, azure-chatml"


@pytest.mark.parametrize("name", encoding_names())
def test_an_encoding_by_name_and_as_an_object(name: str) -> None:
    encoding = get_encoding(name)
    assert special_tokens(tokenizer=name) == encoding.special_tokens_set == special_tokens(tokenizer=encoding)


def test_an_encoding_of_your_own() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)}
    special = {"@@": 300, "<x>": 301, "  ": 302, "\n": 303, "\u3000": 304}
    encoding = tiktoken.Encoding("own", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens=special)
    assert special_tokens(tokenizer=encoding) == {"@@", "<x>"}


def test_all_that_is_named_counts_together() -> None:
    found = special_tokens(family="llama2", dialect="chatml", tokenizer="o200k_base")
    assert found == special_tokens(family="llama2") | special_tokens(dialect="chatml") | {
        "<|endoftext|>", "<|endofprompt|>",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tokenizer", "kind"), [(5, "int"), ([], "list"), (b"cl100k_im", "bytes"), ({}, "dict"), (True, "bool")]
)
def test_what_is_no_tokenizer(tokenizer: Any, kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        special_tokens(tokenizer=tokenizer)
    assert str(caught.value) == f"tokenizer: found {kind}, expected a path, a name or a tiktoken.Encoding"


# Files

Write = Callable[[str, Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, content: Any) -> Path:
        path = tmp_path / name
        data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        path.write_bytes(data)
        return path

    return write_file


TOKENIZER = {
    "version": "1.0",
    "added_tokens": [
        {"id": 0, "content": "<s>", "special": True},
        {"id": 5, "content": ADDED, "special": False},
        {"id": 6, "content": "   ", "special": False},
        {"id": 7, "content": "\n\t", "special": True},
        {"id": 8, "content": " <pad> ", "special": True},
    ],
    "model": {"type": "WordPiece", "vocab": {"[CLS]": 1, "<not_added>": 2}},
}
CONFIG = {
    "added_tokens_decoder": {"0": {"content": "<a>", "special": True}, "1": {"content": "<b>", "special": False}},
    "additional_special_tokens": ["<c>", {"content": "<d>"}, 5, None, "  "],
    "extra_special_tokens": {"image": "<e>", "audio": {"content": "<f>"}},
    "bos_token": "<g>", "eos_token": {"content": "<h>", "lstrip": False}, "pad_token": None, "image_token": "<i>",
    "add_bos_token": True, "chat_template": "{{ '<|not_a_token|>' }}", "model_max_length": 10**30, "unk_token": "",
}  # fmt: skip
MAP = {"eos_token": "</s>", "additional_special_tokens": ["<x>"], "cls_token": {"content": "[CLS]"}}


def test_a_tokenizer_json(write: Write) -> None:
    path = write("tokenizer.json", TOKENIZER)
    assert special_tokens(tokenizer=path) == {"<s>", ADDED, " <pad> "}
    assert special_tokens(tokenizer=str(path)) == special_tokens(tokenizer=path)


def test_single_characters_count_when_they_are_special(write: Write) -> None:
    entries = [{"content": "é"}, {"content": "ñ", "special": False}, {"content": "ß", "special": True}]
    document = {"added_tokens": [*entries, {"content": "<s>"}], "added_tokens_decoder": dict(enumerate(entries))}
    assert special_tokens(tokenizer=write("tokenizer.json", document)) == {"ß", "<s>"}


def test_a_tokenizer_config_json(write: Write) -> None:
    found = special_tokens(tokenizer=write("tokenizer_config.json", CONFIG))
    assert found == {"<a>", "<b>", "<c>", "<d>", "<e>", "<f>", "<g>", "<h>", "<i>"}


def test_a_special_tokens_map_json(write: Write) -> None:
    assert special_tokens(tokenizer=write("special_tokens_map.json", MAP)) == {"</s>", "<x>", "[CLS]"}
    extra = {"extra_special_tokens": ["<y>", {"content": "<z>"}]}
    assert special_tokens(tokenizer=write("any name", extra)) == {"<y>", "<z>"}


def test_a_folder_with_any_of_them(write: Write, tmp_path: Path) -> None:
    write("special_tokens_map.json", MAP)
    write("vocab.json", {"eos_token": "<not_read>"})
    assert special_tokens(tokenizer=tmp_path) == {"</s>", "<x>", "[CLS]"}
    write("tokenizer.json", TOKENIZER)
    assert special_tokens(tokenizer=f"{tmp_path}/") == {"</s>", "<x>", "[CLS]", "<s>", ADDED, " <pad> "}
    write("tokenizer_config.json", {"model_max_length": 5})
    assert special_tokens(tokenizer=tmp_path) == {"</s>", "<x>", "[CLS]", "<s>", ADDED, " <pad> "}


def test_a_name_is_an_encoding_before_it_is_a_path(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("cl100k_im", TOKENIZER)
    monkeypatch.chdir(path.parent)
    assert E in special_tokens(tokenizer="cl100k_im")
    assert special_tokens(tokenizer="./cl100k_im") == {"<s>", ADDED, " <pad> "}


def test_a_byte_order_mark_is_no_error(write: Write) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(MAP).encode()
    assert special_tokens(tokenizer=write("x.json", content)) == {"</s>", "<x>", "[CLS]"}


FILES = "expected one of tokenizer.json, tokenizer_config.json, special_tokens_map.json"
NO_FILE = "this is no tokenizer file: "
NO_TOKEN = f"the file names no added token; {FILES}"
NO_UTF8 = "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"the file is empty; {FILES}"),
        (b" \n\t", f"the file is empty; {FILES}"),
        (b"{", f"{NO_FILE}Expecting property name enclosed in double quotes: line 1 column 2 (char 1); expected JSON"),
        (b'{"a": 1} x', f"{NO_FILE}Extra data: line 1 column 10 (char 9); expected JSON"),
        (b"IQ== 0\nIg== 1\n", f"{NO_FILE}Expecting value: line 1 column 1 (char 0); expected JSON"),
        (b'{"a": "\xff"}', f"{NO_FILE}{NO_UTF8}; expected JSON"),
        (b"[" * 100_000, f"{NO_FILE}it is nested too deeply; expected JSON"),
        (b'{"a":' * 100_000, f"{NO_FILE}it is nested too deeply; expected JSON"),
        (b"[]", f"{NO_FILE}it is no JSON object"),
        (b'"<s>"', f"{NO_FILE}it is no JSON object"),
        (b"null", f"{NO_FILE}it is no JSON object"),
        (b"{}", NO_TOKEN),
        (b'{"added_tokens": []}', NO_TOKEN),
        (b'{"added_tokens": [{"content": "  "}]}', NO_TOKEN),
        (b'{"added_tokens": {"content": "<s>"}}', NO_TOKEN),
        (b'{"added_tokens": ["<s>", 5, null, {"content": 5}]}', NO_TOKEN),
        (b'{"added_tokens_decoder": [{"content": "<s>"}]}', NO_TOKEN),
        (b'{"bos_token": 5, "eos_token": [], "additional_special_tokens": 5}', NO_TOKEN),
        (b'{"bos_token": {"content": {"a": 1}}}', NO_TOKEN),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_file_that_holds_something_else(write: Write, content: bytes, message: str) -> None:
    path = write("tokenizer.json", content)
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=path)
    assert str(caught.value) == f"{path}: {message}"
    assert caught.value.encoding == str(path)


def test_a_number_with_too_many_digits(write: Write) -> None:
    path = write("tokenizer.json", b'{"added_tokens": [{"id": ' + b"9" * 5_000 + b"}]}")
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=path)
    assert str(caught.value).startswith(f"{path}: {NO_FILE}Exceeds the limit (4300 digits)")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nothing.json"
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=path)
    assert str(caught.value) == f"{path}: cannot read the file: No such file or directory; {FILES}"
    for name in ("a\0b", "\ud800"):
        with pytest.raises(EncodingError) as caught:
            special_tokens(tokenizer=name)
        assert "cannot read the file: " in str(caught.value)


def test_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: the folder has none of tokenizer.json, tokenizer_config.json, special_tokens_map.json"
    )
    (tmp_path / "tokenizer.json").mkdir()
    with pytest.raises(EncodingError):
        special_tokens(tokenizer=tmp_path)


def test_a_broken_file_in_a_folder_is_named(write: Write, tmp_path: Path) -> None:
    write("tokenizer.json", TOKENIZER)
    broken = write("tokenizer_config.json", b"{")
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=tmp_path)
    assert caught.value.encoding == str(broken)


def test_a_folder_that_names_no_token(write: Write, tmp_path: Path) -> None:
    write("tokenizer.json", {})
    write("special_tokens_map.json", {"bos_token": " "})
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=tmp_path)
    assert str(caught.value) == f"{tmp_path}: {NO_TOKEN}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    os.mkfifo(path)
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=path)
    assert str(caught.value) == f"{path}: this is not a regular file; {FILES}"
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer=tmp_path)
    assert "the folder has none of" in str(caught.value)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no such device here")
def test_a_device_without_end_is_not_read() -> None:
    with pytest.raises(EncodingError) as caught:
        special_tokens(tokenizer="/dev/zero")
    assert str(caught.value) == f"/dev/zero: this is not a regular file; {FILES}"


_KEYS = ["added_tokens", "added_tokens_decoder", "bos_token", "additional_special_tokens", "extra_special_tokens", "x"]
documents = st.dictionaries(st.sampled_from(_KEYS), st.one_of(json_like, st.lists(json_like, max_size=3)), max_size=4)


@given(st.one_of(documents, json_like))
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    try:
        path.write_text(json.dumps(document))
    except TypeError:
        return
    try:
        found = special_tokens(tokenizer=path)
    except EncodingError as error:
        assert error.encoding == str(path)  # noqa: PT017
        return
    assert found
    assert all(isinstance(token, str) and token.strip() for token in found)


# Put to use


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[S, E], show_progress=False
    )
    tokenizer.train_from_iterator(["user assistant " * 3], trainer)
    tokenizer.add_tokens([AddedToken(ADDED, special=False), AddedToken("@@tool@@", special=False), AddedToken("\n\n")])
    path = tmp_path_factory.mktemp("sets") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_tokens_of_a_loaded_tokenizer_are_those_of_its_file(tokenizer_path: Path) -> None:
    expected = {S, E, ADDED, "@@tool@@"}
    assert special_tokens(tokenizer=tokenizer_path) == expected
    assert special_tokens(tokenizer=load_encoding(tokenizer_path)) == expected


def test_an_added_token_that_is_not_special_is_neutralized(tokenizer_path: Path) -> None:
    tokens = special_tokens(tokenizer=load_encoding(tokenizer_path))
    text = f"a {ADDED} b @@tool@@ c [INST]"
    safe = escape(text, tokens=tokens)
    assert safe == "a <\\｜User｜> b @\\@tool@@ c [INST]"
    assert unescape(safe, tokens=tokens) == text
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    added = {tokenizer.token_to_id(token) for token in tokens}
    assert added & set(tokenizer.encode(text, add_special_tokens=False).ids)
    assert not added & set(tokenizer.encode(safe, add_special_tokens=False).ids)
    assert [one.token for one in scan(text, tokens=tokens)] == [ADDED, "@@tool@@"]
    assert sanitize([text], policy="strip", tokens=tokens) == ["a  b  c [INST]"]
    message = {"role": "assistant", "content": text}
    assert sanitize_messages([message], tokens=tokens) == [message | {"content": safe}]
    assert sanitize_messages([message]) == [message], "no token of the frame"


# Tokens with which the scheme cannot work

TWO = (
    "expected at least 2 characters: the marker stands behind the first; leave it out, or delete it with policy='strip'"
)


@pytest.mark.parametrize("call", [escape, unescape, chatml.is_escaped, sanitize])
def test_tokens_of_one_character_cannot_be_escaped(call: Any) -> None:
    for token in ("x", "\u2581", "\ud800"):
        with pytest.raises(ConfigError) as caught:
            call("text", tokens=["<s>", token])
        assert str(caught.value) == f"tokens: found {token!a}, {TWO}"
        assert caught.value.option == "tokens"


def test_tokens_of_one_character_can_be_deleted() -> None:
    assert sanitize("a\u2581b<s>", policy="strip", tokens=["<s>", "\u2581"]) == "ab"
    assert sanitize("<\u2581s>", policy="strip", tokens=["<s>", "\u2581"]) == ""


def test_scan_takes_any_tokens() -> None:
    assert [one.token for one in scan("axb<s>", tokens=["x", "<s>"])] == ["<s>"]
    for token in ("<\\s>", "fix", "...", "\ud800x", "!\\~"):
        (one,) = scan(f"a {token} b", tokens=[token])
        assert (one.kind, one.token, one.start, one.end) == ("literal", token, 2, 2 + len(token))


def test_a_token_may_have_200_characters() -> None:
    token = f"<{'x' * 198}>"
    assert unescape(escape(token, tokens=[token]), tokens=[token]) == token
    for call in (escape, scan):
        with pytest.raises(ConfigError) as caught:
            call("text", tokens=[f"{token}>"])
        assert str(caught.value) == (
            f"tokens: found a token of 201 characters, '<{'x' * 19}...', expected at most 200; "
            "leave it out, as in special_tokens(...) - {token}"
        )  # fmt: skip


@pytest.mark.parametrize(("token", "marker"), [("<\\s>", "\\"), ("<!doctype>", "!"), ("<|im_end|>", "|")])
def test_tokens_that_hold_the_marker_cannot_be_escaped(token: str, marker: str) -> None:
    for call in (escape, unescape, chatml.is_escaped, sanitize):
        with pytest.raises(ConfigError) as caught:
            call("text", tokens=[token], marker=marker)
        assert str(caught.value) == (
            f"marker: found {marker!a}, which is part of the token {token!a}; choose a character that no token has"
        )
        assert caught.value.option == "marker"
    assert escape("<\\s>", tokens=["<\\s>"], marker="!") == "<!\\s>"


def test_what_the_hardened_profile_cannot_cover() -> None:
    with pytest.raises(ConfigError) as caught:
        escape("text", tokens=["fix"], profile="hardened")
    assert str(caught.value) == (
        "tokens: the hardened profile cannot cover 'fix': '\\ufb01' becomes its beginning; use the exact profile for it"
    )
    assert escape("a fix", tokens=["fix"]) == "a f\\ix"


@given(st.frozensets(st.text(max_size=4), max_size=3), st.text(max_size=8))
def test_any_tokens_work_or_are_refused(tokens: frozenset[str], text: str) -> None:
    try:
        safe = escape(text, tokens=tokens)
    except ChatMLError:
        assert any(len(token) < 2 or "\\" in token for token in tokens)
        return
    assert unescape(safe, tokens=tokens) == text
    assert not [token for token in tokens if token in safe]
