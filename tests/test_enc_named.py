"""The named encodings give tiktoken's ids. The reference is tiktoken's class with literals from tiktoken 0.14.0."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiktoken
from enc_texts import FIND, any_texts
from hypothesis import find, given, settings
from hypothesis import strategies as st

from chatml import EncodingError
from chatml.encodings import (
    _registry,
    decode_bytes,
    encode_ordinary,
    encoding_names,
    get_encoding,
    load_encoding,
    small_encoding,
    special_tokens,
)
from chatml.encodings._embedded import read_vocabulary
from tiktoken_ext import chatml_plugin

ROOT = Path(__file__).parents[1]

CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K_BASE = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}
O200K_BASE = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
HARMONY = {
    **O200K_BASE,
    "<|startoftext|>": 199998,
    "<|reserved_200000|>": 200000,
    "<|reserved_200001|>": 200001,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|reserved_200004|>": 200004,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|reserved_200009|>": 200009,
    "<|reserved_200010|>": 200010,
    "<|reserved_200011|>": 200011,
    "<|call|>": 200012,
    **{f"<|reserved_{number}|>": number for number in range(200013, 201088)},
}
EXPECTED = {
    "cl100k_base": (CL100K_PATTERN, CL100K_BASE),
    "cl100k_im": (CL100K_PATTERN, CL100K_BASE | {"<|im_start|>": 100264, "<|im_end|>": 100265, "<|im_sep|>": 100266}),
    "o200k_base": (O200K_PATTERN, O200K_BASE),
    "o200k_harmony": (O200K_PATTERN, HARMONY),
    "o200k_im": (O200K_PATTERN, O200K_BASE | {"<|im_start|>": 200264, "<|im_end|>": 200265, "<|im_sep|>": 200266}),
}


@functools.cache
def reference(name: str, pattern: str | None = None) -> tiktoken.Encoding:
    ranks = {token: rank for rank, token in enumerate(read_vocabulary(name.split("_")[0] + "_base"))}
    own, special = EXPECTED[name]
    return tiktoken.Encoding(name, pat_str=pattern or own, mergeable_ranks=ranks, special_tokens=special)


def run_python(code: str, **environment: str) -> str:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("name", EXPECTED)
def test_the_parts_are_those_of_tiktoken(name: str) -> None:
    pattern, special = EXPECTED[name]
    encoding = get_encoding(name)
    assert isinstance(encoding, tiktoken.Encoding)
    assert (encoding.name, encoding._pat_str) == (name, pattern)
    assert list(encoding._special_tokens.items()) == list(special.items())  # tiktoken decodes 200018 by their order
    assert dict(special_tokens(name)) == special
    assert (encoding.max_token_value, encoding.n_vocab) == (max(special.values()), max(special.values()) + 1)
    for token, number in special.items():
        assert encoding.encode(token, allowed_special="all") == [number]
        assert encoding.decode([number]) == reference(name).decode([number])


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("cl100k_base", "ChatGPT is great!", [16047, 38, 2898, 374, 2294, 0]),
        ("o200k_base", "ChatGPT is great!", [14065, 162016, 382, 2212, 0]),
        (
            "cl100k_im",
            "<|im_start|>user\nHello<|im_end|><|im_start|>assistant",
            [100264, 882, 198, 9906, 100265, 100264, 78191],
        ),
        ("cl100k_im", "<|im_start|>Hello ⭐ World<|im_end|>", [100264, 9906, 2928, 99834, 4435, 100265]),
        ("o200k_harmony", "<|start|>", [200006]),
        ("o200k_harmony", "<|endofprompt|><|reserved_200018|><|reserved_201087|>", [200018, 200018, 201087]),
    ],
)
def test_published_ids(name: str, text: str, ids: list[int]) -> None:
    assert get_encoding(name).encode(text, allowed_special="all") == ids


@pytest.mark.parametrize("name", ["cl100k_im", "o200k_harmony"])
@given(text=any_texts)
@settings(max_examples=200, deadline=None)
def test_ids_equal_those_of_the_reference(name: str, text: str) -> None:
    encoding = get_encoding(name)
    ids = encoding.encode_ordinary(text)
    assert ids == encode_ordinary(encoding, text) == reference(name).encode_ordinary(text)
    assert encoding.encode(text, allowed_special="all") == reference(name).encode(text, allowed_special="all")
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert decode_bytes(encoding, ids) == valid.encode()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("cl100k_im", CL100K_PATTERN.replace(r"|\s*[\r\n]", "")),
        ("cl100k_im", CL100K_PATTERN.replace(r"\s+(?!\S)|", "")),
        ("cl100k_im", CL100K_PATTERN.replace(r"[\r\n]*+|", "|")),
        ("o200k_im", O200K_PATTERN.replace(r"[\r\n/]*", r"[\r\n]*")),
        ("o200k_im", O200K_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}{1,2}")),
    ],
)
def test_the_property_would_catch_a_wrong_pattern(name: str, wrong: str) -> None:
    broken = reference(name, wrong)
    find(
        any_texts,
        lambda text: broken.encode_ordinary(text) != get_encoding(name).encode_ordinary(text),
        settings=FIND,
    )


def test_names() -> None:
    assert encoding_names() == ("cl100k_base", "cl100k_im", "o200k_base", "o200k_harmony", "o200k_im")


@pytest.mark.parametrize("function", [get_encoding, special_tokens, lambda name: small_encoding(name, "")])
def test_an_unknown_name_is_an_error(function) -> None:
    hint = "load_encoding() reads other vocabularies from a .tiktoken or tokenizer.json file"
    with pytest.raises(EncodingError) as caught:
        function("cl100k")
    assert str(caught.value) == (f"unknown encoding 'cl100k', the nearest known are cl100k_im, cl100k_base; {hint}")
    with pytest.raises(EncodingError) as caught:
        function("gpt-4o")
    names = "cl100k_base, cl100k_im, o200k_base, o200k_harmony, o200k_im"
    assert str(caught.value) == f"unknown encoding 'gpt-4o', known are {names}; {hint}"


def test_special_tokens_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        special_tokens("cl100k_im")["<|x|>"] = 1  # type: ignore[index] # that it fails is the point


@pytest.mark.parametrize("name", EXPECTED)
def test_copies_and_pickles(name: str) -> None:
    encoding = get_encoding(name)
    assert get_encoding(name) is encoding
    assert copy.copy(encoding) is encoding
    assert copy.deepcopy([encoding])[0] is encoding
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(encoding, protocol)
        assert len(pickled) < 1000
        assert pickle.loads(pickled) is encoding


def test_a_pickle_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(pickle.dumps(get_encoding("cl100k_im")))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'pickle')!r}, 'rb')).encode_ordinary('hello world'))"
    assert run_python(code, TIKTOKEN_CACHE_DIR=str(tmp_path / "none")) == "[15339, 1917]\n"


def test_one_vocabulary_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    monkeypatch.setattr(_registry, "_built", {})
    monkeypatch.setattr(_registry, "_ranks", {})
    monkeypatch.setattr(_registry, "read_vocabulary", lambda name: reads.append(name) or read_vocabulary(name))
    found: list[tiktoken.Encoding] = []
    names = ["cl100k_im", "cl100k_base"] * 4
    threads = [threading.Thread(target=lambda name=name: found.append(get_encoding(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == ["cl100k_base"]
    assert len(found) == 8
    assert len({id(encoding) for encoding in found}) == 2


def test_tiktoken_finds_our_encodings_without_network(tmp_path: Path) -> None:
    code = (
        "import tiktoken; print(tiktoken.get_encoding('cl100k_im').encode('<|im_start|>user', allowed_special='all'),"
        "tiktoken.get_encoding('o200k_im').encode('<|im_end|>', allowed_special='all'))"
    )
    assert run_python(code, TIKTOKEN_CACHE_DIR=str(tmp_path / "none")) == "[100264, 882] [200265]\n"


def test_the_plugin() -> None:
    assert list(chatml_plugin.ENCODING_CONSTRUCTORS) == ["cl100k_im", "o200k_im"]
    for name, constructor in chatml_plugin.ENCODING_CONSTRUCTORS.items():
        pattern, special = EXPECTED[name]
        arguments = constructor()
        assert arguments.pop("mergeable_ranks") is get_encoding(name)._mergeable_ranks
        assert arguments == {"name": name, "pat_str": pattern, "special_tokens": special}


def test_imports_are_late() -> None:
    code = (
        "import sys; before = set(sys.modules);"  # an editable installation has imported pathlib by now
        "import tiktoken_ext.chatml_plugin; print('chatml' in sys.modules); import chatml.encodings as e;"
        "e.encoding_names(); e.special_tokens('o200k_harmony'); heavy = {'tiktoken', 'json', 'hashlib', 'regex'};"
        "print(sorted((heavy | {'dataclasses', 'pathlib'}) & (set(sys.modules) - before)))"
    )
    assert run_python(code) == "False\n[]\n"


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        ([882, -1], "token id -1 at position 1 is not in the vocabulary"),
        ([100256], "token id 100256 at position 0 is not in the vocabulary"),
        ([100277], "token id 100277 at position 0 is not in the vocabulary"),
        ([0, 0, 2**32], "token id 4294967296 at position 2 is not in the vocabulary"),
        ([2**100], f"token id {2**100} at position 0 is not in the vocabulary"),
        ((1, True), "token id True at position 1 is not an integer"),
        ([1.0], "token id 1.0 at position 0 is not an integer"),
        ([None], "token id None at position 0 is not an integer"),
        (["882"], "token id '882' at position 0 is not an integer"),
        ("8", "token id '8' at position 0 is not an integer"),
        (iter([100256]), "token id 100256 at position 0 is not in the vocabulary"),
    ],
)
def test_ids_that_are_none(ids, problem: str) -> None:
    with pytest.raises(EncodingError) as caught:
        decode_bytes(get_encoding("cl100k_im"), ids)
    assert str(caught.value) == f"cl100k_im: {problem}; ids go from 0 to 100276, some are not in use"


def test_ids_that_tiktoken_refuses_without_a_reason() -> None:
    def fail(ids: list[int]) -> bytes:
        raise KeyError(ids)

    strange = SimpleNamespace(name="x", max_token_value=5, decode_bytes=fail, decode_single_token_bytes=bytes)
    with pytest.raises(EncodingError) as caught:
        decode_bytes(strange, [1])
    assert str(caught.value) == "x: tiktoken cannot decode these token ids; ids go from 0 to 5, some are not in use"


def test_decoding() -> None:
    encoding = get_encoding("cl100k_im")
    assert decode_bytes(encoding, []) == b""
    assert decode_bytes(encoding, [100264, 882, 198]) == b"<|im_start|>user\n"
    assert decode_bytes(encoding, range(882, 884)) == encoding.decode_bytes([882, 883])
    assert decode_bytes(encoding, [2928]) == " ⭐".encode()[:2]  # a part of a character


@given(st.lists(st.integers(-5, 100300), max_size=8))
@settings(max_examples=200, deadline=None)
def test_decoding_fails_only_as_promised(ids: list[int]) -> None:
    encoding = get_encoding("cl100k_im")
    known = {*range(100256), *special_tokens("cl100k_im").values()}
    wrong = [(place, number) for place, number in enumerate(ids) if number not in known]
    if wrong:
        with pytest.raises(EncodingError) as caught:
            decode_bytes(encoding, ids)
        assert caught.value.problem == f"token id {wrong[0][1]} at position {wrong[0][0]} is not in the vocabulary"
    else:
        expected = b"".join(encoding.decode_single_token_bytes(number) for number in ids)
        assert decode_bytes(encoding, ids) == expected


def test_a_known_file_is_the_named_encoding(tmp_path: Path) -> None:
    import base64

    path = tmp_path / "cl100k_base.tiktoken"
    tokens = read_vocabulary("cl100k_base")
    path.write_bytes(b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens)))
    loaded = load_encoding(path)
    named = get_encoding("cl100k_base")
    for field in ("name", "_pat_str", "_special_tokens", "_mergeable_ranks"):
        assert getattr(loaded, field) == getattr(named, field)
    assert load_encoding(path, special_tokens={}, pattern="o200k_base", name="mine")._pat_str == O200K_PATTERN
