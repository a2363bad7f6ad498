"""Encodings from tokenizer.json: equal to the tokenizers library, or refused with the reason."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from enc_texts import FIND, FRAGMENTS
from hypothesis import find, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

from chatml import EncodingError
from chatml.encodings import _patterns, _tokenizer_json, decode_bytes, encode_ordinary, load_encoding
from chatml.encodings._regex_dialect import first_unportable

CORPUS = [
    *Path(__file__).read_text("utf-8").splitlines(keepends=True),
    *("The quick brown fox, isn't it? " * 3, "中文字 日本語です 한국어 имя été straße\n\n\n" * 3, "I'LL 1234567 " * 5),
    *FRAGMENTS * 3,
]
MARKERS = ["<|x_start|>", "<|x_end|>"]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join)


def byte_level(*, use_regex: bool) -> Any:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern: str, behavior: str = "isolated", *, invert: bool = False) -> Any:
    step = pre_tokenizers.Split(Regex(pattern), behavior, invert)
    return pre_tokenizers.Sequence([step, byte_level(use_regex=False)])


KINDS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: byte_level(use_regex=True),
    "sequence of one": lambda: pre_tokenizers.Sequence([byte_level(use_regex=True)]),
    "llama3": lambda: split(_patterns.LLAMA3),
    "qwen2": lambda: split(_patterns.QWEN2),
    "o200k": lambda: split(_patterns.O200K),
    "o200k inverted": lambda: split(_patterns.O200K, "removed", invert=True),
    "own pattern": lambda: split(r"\s?[^\s\p{P}]++|\p{P}|\s+"),
}


@functools.cache
def trained(kind: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = KINDS[kind]()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=alphabet, special_tokens=MARKERS, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([AddedToken("<tool>", special=False), AddedToken("<|x_more|>", special=True)])
    return tokenizer


@pytest.fixture(scope="module", params=KINDS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, tiktoken.Encoding]:
    path = tmp_path_factory.mktemp("json") / "tokenizer.json"
    trained(request.param).save(str(path))
    return trained(request.param), load_encoding(path)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_ids_equal_those_of_the_library(pair: tuple[Tokenizer, tiktoken.Encoding], text: str) -> None:
    tokenizer, encoding = pair
    ids = encode_ordinary(encoding, text)
    assert ids == tokenizer.encode(text, add_special_tokens=False).ids
    assert decode_bytes(encoding, ids) == text.encode()


def test_added_tokens_have_the_ids_of_the_library(pair: tuple[Tokenizer, tiktoken.Encoding]) -> None:
    tokenizer, encoding = pair
    assert encoding._special_tokens == {
        token: tokenizer.token_to_id(token) for token in (*MARKERS, "<tool>", "<|x_more|>")
    }
    text = "<|x_start|>user\nHello <tool>x<|x_end|>"
    assert encoding.encode(text, allowed_special="all") == tokenizer.encode(text, add_special_tokens=False).ids
    assert encode_ordinary(encoding, text) != tokenizer.encode(text, add_special_tokens=False).ids


def test_the_property_would_catch_another_pattern(tmp_path: Path) -> None:
    trained("llama3").save(str(tmp_path / "tokenizer.json"))
    encoding = load_encoding(tmp_path / "tokenizer.json")
    ids = trained("qwen2").encode
    find(texts, lambda text: ids(text, add_special_tokens=False).ids != encode_ordinary(encoding, text), settings=FIND)


@functools.cache
def alphabet() -> tuple[str, ...]:
    """GPT-2's, by byte."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(256))


def test_the_byte_alphabet() -> None:
    assert sorted(pre_tokenizers.ByteLevel.alphabet()) == sorted(alphabet())
    for byte, letter in enumerate(alphabet()):
        assert _tokenizer_json.token_bytes(letter) == bytes((byte,))
    assert [_tokenizer_json.token_bytes(token) for token in ("Ġhi", "", "hi there", "中", "\ud800")] == [
        b" hi", b"", None, None, None,
    ]  # fmt: skip


Document = dict[str, Any]
SPLIT = {"type": "Split", "pattern": {"Regex": _patterns.QWEN2}, "behavior": "Isolated", "invert": False}
PLAIN = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def document() -> Document:
    """A file with two merges and one added token."""
    vocabulary = {letter: byte for byte, letter in enumerate(alphabet())} | {"th": 256, "Ġth": 257}
    made = {
        "version": "1.0",
        "added_tokens": [{"id": 258, "content": "<|end|>", "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, PLAIN]},
        "post_processor": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["t h", ["Ġ", "th"]]},
    }
    return copy.deepcopy(made)


def load(tmp_path: Path, content: Any, **options: Any) -> tiktoken.Encoding:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return load_encoding(path, **options)


def test_a_hand_made_file(tmp_path: Path) -> None:
    encoding = load(tmp_path, document())
    assert encoding.name == "tokenizer"
    assert encoding.encode("th th<|end|>", allowed_special="all") == [256, 257, 258]
    assert load(tmp_path, document(), name="mine").name == "mine"
    assert load(tmp_path, document(), special_tokens={"<|mine|>": 300})._special_tokens == {"<|mine|>": 300}
    loaded = pickle.loads(pickle.dumps(encoding))
    assert (loaded.name, loaded.encode_ordinary("th th")) == ("tokenizer", [256, 257])


def changed(path: str, value: Any) -> Document:
    """The document with one place changed; `...` takes it out."""
    made = document()
    *parents, last = path.split(".")
    place: Any = made
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return made


def split_by(**fields: Any) -> Document:
    return changed("pre_tokenizer.pretokenizers", [SPLIT | fields, PLAIN])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf " + json.dumps(document()).encode(),
        changed("normalizer", {"type": "Sequence", "normalizers": []}),
        changed("model.type", ...),
        changed("model.dropout", 0.0),
        changed("model.unk_token", "<unk>"),
        changed("model.byte_fallback", True),
        changed("model.ignore_merges", True),
        changed("model.end_of_word_suffix", ""),
        changed("added_tokens", None),
        changed("added_tokens", [{"id": 256, "content": "th"}]),
        changed("added_tokens", [{"id": 33, "content": "!"}]),
        changed("model.vocab.<|end|>", 258),
        changed("model.vocab.<｜end｜>", 258) | {"added_tokens": [{"id": 258, "content": "<｜end｜>"}]},
    ],
)
def test_what_does_not_matter(tmp_path: Path, content: Any) -> None:
    assert load(tmp_path, content).encode_ordinary("th th! <|end|>") == load(tmp_path, document()).encode_ordinary(
        "th th! <|end|>"
    )


NO_FORM = "which has no tiktoken form"
ID_RANGE = "expected a whole number from 0 to 4294967294"
FORMATS = "; expected a .tiktoken file or a tokenizer.json"

REFUSED: list[tuple[Any, str]] = [
    (b'{"model": ', f"the file is not JSON in UTF-8: Expecting value: line 1 column 11 (char 10){FORMATS}"),
    (
        b'{"\xff": 1}',
        "the file is not JSON in UTF-8: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte"
        + FORMATS,
    ),
    (b'{"a":' + b"[" * 200_000, "the file is not JSON that can be read: it is nested too deeply"),
    (b'{"a": ' + b"9" * 5000 + b"}", None),
    ({}, "pre_tokenizer is nothing, and only ByteLevel or Split, ByteLevel has a tiktoken form"),
    (changed("model", ...), "model is nothing, expected an object"),
    (changed("model", []), "model is an array, expected an object"),
    (changed("model", 7), "model is 7, expected an object"),
    (changed("model.type", "WordPiece"), "model.type is 'WordPiece', and only 'BPE' has a tiktoken form"),
    (changed("model.dropout", 0.1), "model.dropout is 0.1: its ids are random"),
    (changed("model.end_of_word_suffix", "</w>"), f"model.end_of_word_suffix is '</w>', {NO_FORM}"),
    (changed("model.continuing_subword_prefix", "##"), f"model.continuing_subword_prefix is '##', {NO_FORM}"),
    (
        changed("normalizer", {"type": "NFC"}),
        "the file has a normalizer of type NFC, and tiktoken does not change text; "
        "normalize your text to NFC yourself and pass allow_normalizer=True",
    ),
    (
        changed("normalizer", {"type": "Lowercase"}),
        "the file has a normalizer of type Lowercase, and tiktoken does not change text",
    ),
    (changed("normalizer", "NFC"), "normalizer is a string, expected an object"),
    (changed("normalizer", {}), "normalizer.type is nothing, expected a string"),
    (changed("pre_tokenizer", "x"), "pre_tokenizer is a string, expected an object"),
    (changed("pre_tokenizer.pretokenizers", {}), "pre_tokenizer.pretokenizers is an object, expected an array"),
    (changed("pre_tokenizer.pretokenizers.0", 1), "pre_tokenizer.pretokenizers[] is 1, expected an object"),
    (
        changed("pre_tokenizer", {"type": "Metaspace"}),
        "pre_tokenizer is Metaspace, and only ByteLevel or Split, ByteLevel has a tiktoken form",
    ),
    (
        changed("pre_tokenizer.pretokenizers", [SPLIT, SPLIT, PLAIN]),
        "pre_tokenizer is Split, Split, ByteLevel, and only ByteLevel or Split, ByteLevel has a tiktoken form",
    ),
    (
        changed("pre_tokenizer.pretokenizers.1", PLAIN | {"add_prefix_space": True}),
        "pre_tokenizer adds a space before the text, which tiktoken does not",
    ),
    (
        changed("pre_tokenizer.pretokenizers.1", PLAIN | {"use_regex": True}),
        f"pre_tokenizer is Split, ByteLevel with use_regex True, {NO_FORM}",
    ),
    (changed("pre_tokenizer", PLAIN), f"pre_tokenizer is ByteLevel with use_regex False, {NO_FORM}"),
    (
        split_by(behavior="Removed"),
        f"pre_tokenizer splits with behavior and invert ('Removed', False), {NO_FORM}; "
        "('Isolated', False) and ('Removed', True) have one",
    ),
    (split_by(pattern={"String": " "}), "pre_tokenizer.pattern.Regex is nothing, expected a string"),
    (split_by(pattern=" "), "pre_tokenizer.pattern is a string, expected an object"),
    *(
        (
            split_by(pattern={"Regex": pattern}),
            f"the split pattern holds {held!r} at offset {offset}, "
            "which tiktoken may not read as the file's own tokenizer does",
        )
        for pattern, offset, held in [
            (_patterns.CL100K, 54, "{1,3}+| "),
            (r"\s+$|.", 3, "$|."),
            (r"^a", 0, "^a"),
            (r"[a&&b]", 0, "[a&&b]"),
            (r"(?x)a", 0, "(?x)a"),
            (r"(?<n>a)", 0, "(?<n>a)"),
            (r"(a)\1", 3, r"\1"),
            (r"\w+", 0, r"\w+"),
            (r"(?i:ss)", 0, r"(?i:ss)"),
            (r"(?i:'s|st)", 0, r"(?i:'s|s"),
            (r" ?[^\s", 2, r"[^\s"),
        ]
    ),
    (
        split_by(pattern={"Regex": r"\p{L}+|\p{N}|\s+"}),
        "the split pattern does not match '\\x00' in '\\x00'; tiktoken drops what the pattern does not match",
    ),
    (changed("model.vocab", ...), "model.vocab is nothing, expected an object"),
    (changed("model.vocab.th", "256"), f"model.vocab['th'] has '256' for an id, {ID_RANGE}"),
    (changed("model.vocab.th", True), f"model.vocab['th'] has True for an id, {ID_RANGE}"),
    (changed("model.vocab.th", -1), f"model.vocab['th'] has -1 for an id, {ID_RANGE}"),
    (changed("model.vocab.th", 2**32 - 1), f"model.vocab['th'] has 4294967295 for an id, {ID_RANGE}"),
    (changed("model.vocab.th", 257), "model.vocab gives the id 257 to 'th' and to 'Ġth'"),
    (
        changed("model.vocab.!", ...) | {"added_tokens": []},
        "1 of the 256 single bytes are not tokens, the first is 0x21",
    ),
    (changed("model.vocab.中", 258), None),
    (
        changed("model.vocab.", 258) | {"added_tokens": []},
        "the token '' in model.vocab is not written in the byte-level alphabet",
    ),
    (
        changed("model.vocab.中", 258) | {"added_tokens": []},
        "the token '中' in model.vocab is not written in the byte-level alphabet",
    ),
    (
        changed("model.vocab.hi", 258) | {"added_tokens": []},
        "the token b'hi' with id 258 is not what model.merges makes of its bytes; "
        "tiktoken would use it where the file's own tokenizer does not",
    ),
    (changed("model.merges", {}), "model.merges is an object, expected an array"),
    *(
        (
            changed("model.merges.1", merge),
            f"model.merges[1] is {merge!r}, expected two byte-level tokens of model.vocab",
        )
        for merge in ["Ġ", "Ġ t h", ["Ġ"], ["Ġ", 1], 5, None, "Ġ the"]
    ),
    (changed("model.merges.1", "h t"), "model.merges[1] needs b'ht', which is not a token of model.vocab"),
    (
        changed("model.merges", ["Ġ t", "t h"]) | {},
        "model.merges[0] needs b' t', which is not a token of model.vocab",
    ),
    (
        changed("model.vocab", document()["model"]["vocab"] | {"th": 258, "Ġth": 257}),
        "model.merges[1] makes the token b' th' with id 257 after one with id 258; "
        "tiktoken merges in the order of ids, so this vocabulary has no tiktoken form",
    ),
    (changed("added_tokens.0", 1), "added_tokens[] is 1, expected an object"),
    (changed("added_tokens", 5), "added_tokens is 5, expected an array"),
    (changed("added_tokens.0", {"id": 258}), "added_tokens[].content is nothing, expected a string"),
    (changed("added_tokens.0.id", 1.5), f"the added token '<|end|>' has 1.5 for an id, {ID_RANGE}"),
    (
        changed("added_tokens.0.id", 300),
        "the added token '<|end|>' has id 300, but the file's own tokenizer would give it 258",
    ),
    (
        changed("added_tokens.0", {"id": 3, "content": "th"}),
        "the added token 'th' has id 3, but the file's own tokenizer would give it 256",
    ),
    (changed("added_tokens.0", {"id": 258, "content": ""}), "the special token with id 258 is empty"),
    (
        changed("added_tokens.0", {"id": 258, "content": "\ud800"}),
        "the special token '\\ud800' is not valid Unicode",
    ),
    (
        changed("added_tokens.0", {"id": 257, "content": "Ġth"}),
        "the special token 'Ġth' has the id 257 of the token b' th'",
    ),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_refusals(tmp_path: Path, content: Any, message: str | None) -> None:
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, content)
    assert caught.value.encoding == str(tmp_path / "tokenizer.json")
    if message is not None:
        assert str(caught.value) == f"{tmp_path / 'tokenizer.json'}: {message}"


@pytest.mark.parametrize("place", ["dropout", "vocab", "type", "merges"])
def test_nesting_of_any_depth(tmp_path: Path, place: str) -> None:
    """What can be parsed may still be too deep to be shown."""
    before, after = json.dumps(changed(f"model.{place}", "HERE")).split('"HERE"')
    for depth in (*range(1, 1100, 9), *range(900, 1000), 100_000):
        nested = "[" * depth + "]" * depth
        with pytest.raises(EncodingError):
            load(tmp_path, (before + nested + after).encode())


def test_a_pattern_that_tiktoken_cannot_compile(tmp_path: Path) -> None:
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, split_by(pattern={"Regex": r"\p{Nonsense}"}))
    # what follows are the words of tiktoken's engine
    assert str(caught.value).startswith(f"{tmp_path / 'tokenizer.json'}: tiktoken cannot compile the split pattern: ")


@pytest.mark.parametrize("pattern", [_patterns.LLAMA3, _patterns.QWEN2, _patterns.O200K, _patterns.GPT2])
def test_known_patterns_are_portable(pattern: str) -> None:
    assert first_unportable(pattern) is None


def test_options(tmp_path: Path) -> None:
    content = changed("normalizer", {"type": "NFC"})
    assert load(tmp_path, content, allow_normalizer=True).encode_ordinary("th") == [256]
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, document(), pattern="gpt2")
    path = tmp_path / "tokenizer.json"
    assert str(caught.value) == f"{path}: a tokenizer.json has its own split pattern; leave out pattern"


PLACES = [
    "added_tokens",
    "added_tokens.0",
    "added_tokens.0.id",
    "added_tokens.0.content",
    "normalizer",
    "pre_tokenizer",
    "pre_tokenizer.type",
    "pre_tokenizer.pretokenizers",
    "pre_tokenizer.pretokenizers.0.pattern.Regex",
    "pre_tokenizer.pretokenizers.0.behavior",
    "pre_tokenizer.pretokenizers.1.use_regex",
    "model",
    "model.type",
    "model.vocab",
    "model.vocab.th",
    "model.merges",
    "model.merges.0",
    "model.dropout",
    "model.end_of_word_suffix",
]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=10,
    ),
    st.sampled_from(PLACES),
)
@settings(max_examples=600, deadline=None)
def test_no_other_exception(tmp_path_factory: pytest.TempPathFactory, value: Any, place: str) -> None:
    made = changed(place, value)
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_text(json.dumps(made), "utf-8")
    with contextlib.suppress(EncodingError):
        assert load_encoding(path).encode_ordinary("th") != []
