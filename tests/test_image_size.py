"""Sizes from headers. Invariant: the size that was written, or None; never another one, and never an error."""

from __future__ import annotations

import base64
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatml._errors import FileError
from chatml._image_size import ImageSize, image_size, read_image_size

MIB = 2**20


# Images by hand


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def frame(marker: int, width: int, height: int) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 3) + bytes(9))


def jpeg(width: int, height: int, *, before: bytes = b"", marker: int = 0xC0) -> bytes:
    return b"\xff\xd8" + before + frame(marker, width, height) + segment(0xDA, bytes(10)) + b"pixels\xff\xd9"


def gif(width: int, height: int, version: bytes = b"89a") -> bytes:
    return b"GIF" + version + struct.pack("<HHBBB", width, height, 0, 0, 0) + b";"


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8(width: int, height: int, *, scale: int = 0, tag: int = 0x10) -> bytes:
    sides = struct.pack("<HH", width | scale << 14, height | scale << 14)
    return webp(b"VP8 ", bytes((tag, 2, 0)) + b"\x9d\x01\x2a" + sides + bytes(5))


def vp8l(width: int, height: int, *, version: int = 0) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14 | 1 << 28 | version << 29) + bytes(5))


def vp8x(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes((0x10, 0, 0, 0)) + sides)


FORMATS: dict[str, tuple[Callable[[int, int], bytes], int]] = {
    "png": (png, 2**31 - 1),
    "jpeg": (jpeg, 2**16 - 1),
    "gif": (gif, 2**16 - 1),
    "vp8": (vp8, 2**14 - 1),
    "vp8l": (vp8l, 2**14),
    "vp8x": (vp8x, 2**24),
}

# What stands before the frame of a JPEG: metadata that spells frames, fill bytes, markers without a segment
fake_frames = st.builds(frame, st.sampled_from([0xC0, 0xC2]), st.integers(1, 999), st.integers(1, 999))
segment_data = st.one_of(st.binary(max_size=20), fake_frames, st.just(gif(9, 9)))
others = st.sampled_from([*range(0xE0, 0xF0), 0xFE, 0xDB, 0xC4, 0xC8, 0xCC, 0xDD, 0xDE])
pieces = st.one_of(
    st.builds(segment, others, segment_data), st.sampled_from([b"\xff", b"\xff\xff", b"\xff\x01", b"\xff\xd0"])
)
stuffing = st.lists(pieces, max_size=4).map(b"".join)


@st.composite
def images(draw: st.DrawFn) -> tuple[bytes, ImageSize]:
    make, longest = FORMATS[draw(st.sampled_from(sorted(FORMATS)))]
    sides = st.one_of(st.integers(1, longest), st.sampled_from([1, 2, 255, 256, longest]))
    size = ImageSize(draw(sides), draw(sides))
    if make is jpeg:
        return jpeg(*size, before=draw(stuffing), marker=draw(st.sampled_from([0xC0, 0xC1, 0xC2, 0xCF]))), size
    return make(*size), size


def url_of(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


# What is read


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    make, longest = FORMATS[name]
    for size in [(1, 1), (640, 480), (1, longest), (longest, 1), (longest, longest)]:
        assert image_size(make(*size)) == ImageSize(*size)


@given(images())
def test_the_size_that_was_written(image: tuple[bytes, ImageSize]) -> None:
    data, size = image
    assert image_size(data) == image_size(bytearray(data)) == image_size(memoryview(data)) == size
    assert image_size(url_of(data)) == size


@given(images(), st.data())
def test_a_truncated_image_has_its_size_or_none(image: tuple[bytes, ImageSize], data: st.DataObject) -> None:
    whole, size = image
    for end in range(len(whole)):
        assert image_size(whole[:end]) in (size, None)
    url = data.draw(st.sampled_from([url_of(whole), "data:," + quote_from_bytes(whole, safe="")]))
    for end in range(len(url)):
        assert image_size(url[:end]) in (size, None)


def test_a_reader_that_does_not_walk_is_caught() -> None:
    """Negative control: searching for a frame finds the one that the metadata spell."""

    def searched(data: bytes) -> tuple[int, ...]:
        return struct.unpack_from(">HH", data, data.index(b"\xff\xc0") + 5)[::-1]

    plain, stuffed = jpeg(640, 480), jpeg(640, 480, before=segment(0xE1, frame(0xC0, 160, 120)))
    assert searched(plain) == image_size(plain) == (640, 480)
    assert searched(stuffed) == (160, 120)
    assert image_size(stuffed) == (640, 480)


def test_a_reader_that_pads_is_caught() -> None:
    """Negative control: a slice that is too short still makes a number."""
    cut = gif(300, 300)[:9]
    assert int.from_bytes(cut[8:10], "little") == 300 % 256
    assert image_size(cut) is None


@pytest.mark.parametrize("marker", range(0xC0, 0xD0))
def test_frames_of_a_jpeg(marker: int) -> None:
    is_frame = marker not in (0xC4, 0xC8, 0xCC)
    found = image_size(jpeg(7, 5, before=frame(marker, 40, 30)))
    assert found == ((40, 30) if is_frame else (7, 5))


def test_gif_versions_and_vp8_scale() -> None:
    assert image_size(gif(3, 4, b"87a")) == (3, 4)
    assert image_size(gif(3, 4, b"88a")) is None
    assert image_size(vp8(300, 200, scale=2)) == (300, 200)


def test_odd_memoryviews() -> None:
    data = gif(10, 20)
    twice = bytes(byte for byte in data for _ in range(2))
    flat = png(10, 20)[:64]
    assert image_size(memoryview(twice)[::2]) == (10, 20)
    assert image_size(memoryview(data).cast("b")) == (10, 20)
    assert image_size(memoryview(flat).cast("B", (8, 8))) == (10, 20)
    assert image_size(memoryview(b"")) is None


def test_a_bytearray_is_not_held() -> None:
    data = bytearray(gif(10, 20))
    assert image_size(data) == (10, 20)
    data.append(0)  # BufferError while a view of it is alive


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(0, 5),
        png(5, 0),
        png(2**31, 5),
        png(5, 2**32 - 1),
        png(5, 5).replace(b"IHDR", b"CgBI"),
        png(5, 5).replace(b"\0\0\0\rIHDR", b"\0\0\0\x0eIHDR"),
        jpeg(5, 0),
        jpeg(0, 5),
        b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 5, 5, 3)),  # three components, and no room for them
        jpeg(5, 5, before=b"\xff\xe0\x00\x01"),
        jpeg(5, 5, before=b"\xff\xe0\x00\x00"),
        jpeg(5, 5, before=b"\xff\xd9"),
        jpeg(5, 5, before=b"\xff\xd8"),
        jpeg(5, 5, before=b"\xff\x00"),
        jpeg(5, 5, before=segment(0xDA, b"")),
        jpeg(5, 5, before=segment(0xE0, b"") + b"between"),
        jpeg(5, 5, before=b"\xff\xe1\xff\xff"),
        jpeg(5, 5, before=b"\xff" * 100_000),
        gif(0, 5),
        gif(5, 0),
        vp8(5, 5, tag=0x11),
        vp8(5, 5).replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
        vp8(0, 5),
        vp8l(5, 5, version=1),
        vp8l(5, 5).replace(b"\x2f", b"\x2e"),
        webp(b"ALPH", bytes(20)),
        webp(b"VP8 ", bytes(20)).replace(b"WEBP", b"WAVE"),
        b"BM" + bytes(60),
        b"<svg width='5' height='5'/>",
    ],
)
def test_what_states_no_size(data: bytes) -> None:
    assert image_size(data) is None
    assert image_size(url_of(data)) is None


def test_much_metadata() -> None:
    data = jpeg(640, 480, before=segment(0xE2, bytes(65_000)) * 40)
    assert len(data) > 2 * MIB
    assert image_size(data) == (640, 480)
    assert image_size(url_of(data)) is None
    assert image_size(url_of(jpeg(640, 480, before=segment(0xE2, bytes(65_000)) * 10))) == (640, 480)


# Data URLs


JPEG_64 = base64.b64encode(jpeg(640, 480)).decode()


@pytest.mark.parametrize(
    "url",
    [
        "data:image/jpeg;base64," + JPEG_64,
        "DATA:IMAGE/JPEG;BASE64," + JPEG_64,
        " \n\tdata:image/jpeg;base64," + JPEG_64,
        "data:image/jpeg;name=a.jpg;charset=utf-8;base64," + JPEG_64,
        "data:image/jpeg; base64 ," + JPEG_64,
        "data:;base64," + JPEG_64,
        "data:image/png;base64," + JPEG_64,
        "data:image/jpeg;base64," + JPEG_64.rstrip("="),
        "data:image/jpeg;base64," + JPEG_64.replace("+", "-").replace("/", "_"),
        "data:image/jpeg;base64," + "\r\n ".join(JPEG_64[start : start + 9] for start in range(0, len(JPEG_64), 9)),
        "data:image/jpeg;base64," + " " * 5000 + JPEG_64,
        "data:image/jpeg;base64," + JPEG_64.replace("/", "%2F").replace("=", "%3d"),
        "data:image/jpeg," + quote_from_bytes(jpeg(640, 480)),
        "data:," + "".join(f"%{byte:02x}" for byte in jpeg(640, 480)),
    ],
)
def test_data_urls(url: str) -> None:
    assert "/" in JPEG_64
    assert image_size(url) == (640, 480)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:",
        "data:image/jpeg;base64",
        "data:image/jpeg;base64,",
        "data:base64," + JPEG_64,
        "data:image/jpeg;base32," + JPEG_64,
        "data:image/jpeg;base64,=" + JPEG_64,
        "data:image/jpeg;base64,/9j/4A==" + JPEG_64,
        "data:image/jpeg;base64,é" + JPEG_64,
        "data:image/jpeg;base64,\ud800" + JPEG_64,
        "data:image/jpeg;base64,!" + JPEG_64,
        "data:" + "x" * 5000 + ";base64," + JPEG_64,
        "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7" * 900).decode(),
        "data:,%FF%D8%FF%",
        "data:,\ud800%FF",
        "https://example.com/a.png",
        "http://example.com/data:image/jpeg;base64," + JPEG_64,
        "file:///etc/passwd",
        "blob:data:image/jpeg;base64," + JPEG_64,
        JPEG_64,
    ],
)
def test_urls_of_no_known_size(url: str) -> None:
    assert image_size(url) is None


def test_only_the_beginning_is_decoded() -> None:
    """What follows is no base64, which would be seen if it were decoded."""
    head = base64.b64encode(png(640, 480) + bytes(6000)).decode()
    assert image_size("data:image/png;base64," + head + "!" * 100) == (640, 480)
    assert image_size("data:image/png;base64," + head[:1000] + "!" * 100) is None


@pytest.mark.parametrize("around", [2**12, 2**16])
def test_a_cut_within_an_escape(around: int) -> None:
    """The parts that are decoded end anywhere, in the frame as well."""
    for fill in range(around // 3 - 35, around // 3 - 15):
        filled = b"".join(segment(0xE2, bytes(60_000)) for _ in range(fill // 60_004))
        rest = fill - len(filled)
        data = jpeg(258, 515, before=filled + segment(0xE2, bytes(max(rest - 4, 0))))
        url = "data:," + "".join(f"%{byte:02X}" for byte in data)
        assert image_size(url) == (258, 515)


@pytest.mark.parametrize("value", [None, 5, 1.5, [], {}, object(), b"GIF89a".decode])
def test_what_is_no_source(value: Any) -> None:
    assert image_size(value) is None


# Total


signatures = st.sampled_from(
    [*(make(3, 3)[:cut] for make, _ in FORMATS.values() for cut in (4, 8, 12, 16, 21)), b"\xff\xd8\xff"]
)
headers = st.sampled_from(
    ["data:;base64,", "data:,", "data:image/png;base64,", "DATA:", "data:;base64,/9j/", "https://"]
)


@given(st.one_of(st.binary(), st.builds(bytes.__add__, signatures, st.binary(max_size=40))))
@example(b"\xff\xd8\xff")
@example(b"\xff\xd8" + b"\xff" * 9000)
def test_any_bytes(data: bytes) -> None:
    for source in (data, memoryview(data), url_of(data), "data:," + quote_from_bytes(data, safe="")):
        found = image_size(source)
        assert found is None or all(0 < side < 2**31 for side in found)


@given(st.one_of(st.text(), st.builds(str.__add__, headers, st.text("/9j+AZ%=\n \ud800é-_2F", max_size=40))))
@example("data:;base64,A")
@example("data:;base64,=")
@example("data:,%")
@example("data:,%%%F")
def test_any_text(text: str) -> None:
    assert image_size(text) is None or text.lstrip()[:5].lower() == "data:"


# Files


def error_of(path: Any) -> FileError:
    with pytest.raises(FileError) as caught:
        read_image_size(path)
    return caught.value


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for data, size in [(png(640, 480), (640, 480)), (b"", None), (b"no image", None), (jpeg(7, 5), (7, 5))]:
        path.write_bytes(data)
        spellings: tuple[Any, ...] = (path, str(path), os.fsencode(path))
        assert [read_image_size(one) for one in spellings] == [size] * 3
    (tmp_path / "link").symlink_to(path)
    assert read_image_size(tmp_path / "link") == (7, 5)


def test_a_file_is_read_up_to_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    for segments, size in [(16, (7, 5)), (17, None)]:
        path.write_bytes(jpeg(7, 5, before=segment(0xE2, bytes(65_000)) * segments))
        assert read_image_size(path) == size


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    assert str(error_of(missing)) == f"{missing}: it cannot be read: No such file or directory"
    assert str(error_of("a\0b")).startswith("a\\x00b: it cannot be read: embedded null")
    assert str(error_of(5)) == "found int, expected a path"
    assert str(error_of(None)) == "found NoneType, expected a path"
    assert error_of(missing).path == str(missing)
    assert str(pickle.loads(pickle.dumps(error_of(missing)))) == str(error_of(missing))


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    refused = [tmp_path, Path("/dev/zero")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo")
        refused.append(tmp_path / "fifo")
    for path in refused:
        if path.exists():
            expected = f"{path}: this is not a regular file; name a PNG, JPEG, GIF or WebP file"
            assert str(error_of(path)) == expected
