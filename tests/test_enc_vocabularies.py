"""The embedded vocabulary files: complete, and never read wrongly."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatml import EncodingError
from chatml.encodings import _embedded, _names
from chatml.encodings._embedded import pack, read_vocabulary, unpack

DATA = Path(_embedded.__file__).parent / "data"
ROOT = Path(__file__).parents[1]
# Of the files that OpenAI publishes, as tiktoken checks them
SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
SMALL = [b"a", b"bc", b"", bytes(255), "中".encode()]


def original(name: str) -> bytes:
    tokens = read_vocabulary(name)
    return b"".join(base64.b64encode(token) + b" " + str(rank).encode() + b"\n" for rank, token in enumerate(tokens))


@pytest.mark.parametrize("name", SHA256)
def test_the_original_file_can_be_rebuilt(name: str) -> None:
    assert hashlib.sha256(original(name)).hexdigest() == SHA256[name]
    assert unpack((DATA / f"{name}.bin").read_bytes())[1] == SHA256[name]


def test_tables_and_folder_agree() -> None:
    assert {path.name for path in DATA.iterdir()} == {"NOTICE.md", *(f"{name}.bin" for name in SHA256)}
    assert _embedded.ORIGINAL_SHA256 == SHA256
    assert {spec.vocabulary for spec in _names.NAMED_ENCODINGS.values()} == set(SHA256)
    assert "Copyright (c) 2022 OpenAI, Shantanu Jain" in (DATA / "NOTICE.md").read_text("utf-8")


def test_the_script_writes_the_embedded_file(tmp_path: Path) -> None:
    (tmp_path / "in.tiktoken").write_bytes(original("cl100k_base"))
    command = [sys.executable, ROOT / "scripts/pack_vocabulary.py", "in.tiktoken", "out.bin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    packed = (tmp_path / "out.bin").read_bytes()
    assert packed == (DATA / "cl100k_base.bin").read_bytes()
    assert done.stdout == f"out.bin: 100256 tokens, {len(packed)} bytes\n"


def test_the_script_refuses_an_unknown_file(tmp_path: Path) -> None:
    (tmp_path / "in.tiktoken").write_bytes(b"YQ== 0\n")
    command = [sys.executable, ROOT / "scripts/pack_vocabulary.py", "in.tiktoken", "out.bin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    sha256 = hashlib.sha256(b"YQ== 0\n").hexdigest()
    assert f"in.tiktoken is not a known vocabulary, its SHA-256 is {sha256}" in done.stderr
    assert not (tmp_path / "out.bin").exists()


def test_pack_and_unpack() -> None:
    tokens, original_sha256 = unpack(pack(SMALL, SHA256["o200k_base"]))
    assert (list(tokens), original_sha256) == (SMALL, SHA256["o200k_base"])


@given(st.data())
@settings(max_examples=200)
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    packed = bytearray(pack(SMALL, SHA256["o200k_base"]))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EncodingError):
        unpack(bytes(packed))


def test_a_cut_or_longer_file_is_noticed() -> None:
    packed = pack(SMALL, SHA256["o200k_base"])
    for wrong in [*(packed[:size] for size in range(len(packed))), packed + b"\0"]:
        with pytest.raises(EncodingError):
            unpack(wrong)


def header(count: int, payload: bytes) -> bytes:
    """A file whose checksum is right, whatever else is wrong with it."""
    fields = (b"chatmlV2", count, bytes(32))
    return _embedded._HEADER.pack(*fields, _embedded._checksum(_embedded._HEADER.pack(*fields, 0), payload)) + payload


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file has 0 bytes, less than its header of 48"),
        (b"x" * 60, "the file starts with b'xxxxxxxx' where b'chatmlV2' is expected"),
        (pack(SMALL, SHA256["o200k_base"])[:-1], "the checksum of the file is wrong"),
        (header(2, b"\1\2ab"), "the file does not hold 2 tokens"),
        (header(2, b"\1\1abc"), "the file does not hold 2 tokens"),
        (header(5, b"\0\0"), "the file does not hold 5 tokens"),
    ],
)
def test_a_damaged_vocabulary_is_an_error(
    content: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "o200k_base.bin"
    path.write_bytes(content)
    monkeypatch.setattr(_embedded, "__file__", str(tmp_path / "_embedded.py"))
    with pytest.raises(EncodingError) as caught:
        read_vocabulary("o200k_base")
    assert str(caught.value) == f"o200k_base: {path} is damaged: {reason}; install the package again"


def test_a_missing_vocabulary_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_embedded, "__file__", str(tmp_path / "_embedded.py"))
    with pytest.raises(EncodingError) as caught:
        read_vocabulary("o200k_base")
    path = tmp_path / "data" / "o200k_base.bin"
    assert str(caught.value) == f"o200k_base: cannot read {path}: No such file or directory; install the package again"
