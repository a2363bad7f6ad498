"""The width and height that the header of an image states: PNG, JPEG, GIF and WebP, which is what models take.

No pixel is decoded, and no more is read than it takes to find the header. What a media type or the name of a file says
is not asked: the first bytes decide.

The orientation that EXIF gives a JPEG is not applied. It can only swap the sides, and the rules for tokens give the
same for both.
"""

from __future__ import annotations

import binascii
import os
import stat
import struct
from struct import unpack_from
from typing import NamedTuple

from chatml._errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 2**31 - 1  # pixels of a side, the most that PNG allows; the others can state no more than 2**24
_MOST = 2**20  # bytes of a file, characters of a data URL: a JPEG may begin with much metadata
_PREFIXES = (2**12, 2**16, _MOST)  # characters of a data URL that are decoded one after the other
_LONGEST_MEDIA_TYPE = 2**12
_MOST_MARKERS = 2**12  # of a JPEG: metadata comes in segments of up to 64 KiB, so even megabytes need but few

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_WHITE = b"\t\n\f\r "

_UNKNOWN = 0, 0


class ImageSize(NamedTuple):
    """The size of an image in pixels."""

    width: int
    height: int


def image_size(source: bytes | bytearray | memoryview | str) -> ImageSize | None:
    """Return the size of an image that is given as bytes or as a data URL, or None where it is not known.

    Any other URL is not known, because nothing is fetched; neither is an image that is cut off before its size, or
    that states none that can be. Of a data URL at most 1 MiB is looked at. No `str` and no bytes raise an error.

    >>> image_size("data:image/gif;base64,R0lGODlhCgAUAIAAAAUEBA==")
    ImageSize(width=10, height=20)
    >>> image_size("https://example.com/cat.png") is None
    True
    """
    if isinstance(source, str):
        return _size_in_url(source.lstrip())
    try:
        return _stated_size(_flat(source))
    except struct.error:
        return None


def read_image_size(path: str | os.PathLike[str]) -> ImageSize | None:
    """Return the size of the image in a file, or None where it is not known: see `image_size`.

    At most the first MiB is read. Raises `FileError` for what is no regular file or cannot be read.
    """
    try:
        place = os.fsdecode(path)
    except TypeError:
        raise FileError(f"found {type(path).__name__}, expected a path", path="") from None
    return image_size(_beginning(place))


def _beginning(path: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a device may never end, a FIFO may never begin
            raise FileError("this is not a regular file", path=path, hint="name a PNG, JPEG, GIF or WebP file")
        with open(path, "rb") as file:
            return file.read(_MOST)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"it cannot be read: {reason}", path=path) from error


def _flat(source: object) -> memoryview:
    """The bytes of `source`, none for what is no bytes at all. Only an odd memoryview is copied."""
    view = memoryview(source if isinstance(source, (bytes, bytearray, memoryview)) else b"")
    if view.ndim == 1 and view.format == "B" and view.c_contiguous:
        return view
    return memoryview(view.tobytes())


# Data URLs


def _size_in_url(url: str) -> ImageSize | None:
    """Decode a little first, and more only while the size is further on."""
    header, comma, _ = url[:_LONGEST_MEDIA_TYPE].partition(",")
    if not comma or header[:5].lower() != "data:":
        return None
    _, semicolon, coding = header.rpartition(";")
    is_base64 = bool(semicolon) and coding.strip().lower() == "base64"
    start = len(header) + 1
    for most in _PREFIXES:
        try:
            return _stated_size(memoryview(_decoded(url[start : start + most], is_base64)))
        except struct.error:
            if start + most >= len(url):
                break
        except binascii.Error:
            break
    return None


def _decoded(text: str, is_base64: bool) -> bytes:
    """The bytes that the beginning of a data URL's data stands for; what the cut leaves of an escape is left out."""
    data = text.encode("utf-8", "replace")
    if b"%" in data:
        from urllib.parse import unquote_to_bytes  # hardly ever needed, and slow to import

        cut = data.rfind(b"%", -2)
        data = unquote_to_bytes(data if cut < 0 else data[:cut])
    if not is_base64:
        return data
    data = data.translate(_URL_SAFE, _WHITE).rstrip(b"=")
    data = data[: len(data) - (len(data) % 4 == 1)]  # one character alone is less than a byte
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)


# Headers. A reader returns width and height, or `_UNKNOWN`; where the data ends too early, `struct.error` goes up.


def _stated_size(data: memoryview) -> ImageSize | None:
    (beginning,) = unpack_from("8s", data)
    for signature, read in _READERS:
        if beginning.startswith(signature):
            width, height = read(data)
            return ImageSize(width, height) if 0 < width <= _LONGEST and 0 < height <= _LONGEST else None
    return None


def _png_size(data: memoryview) -> tuple[int, int]:
    length, kind, width, height = unpack_from(">I4sII", data, 8)
    return (width, height) if (length, kind) == (13, b"IHDR") else _UNKNOWN


def _gif_size(data: memoryview) -> tuple[int, int]:
    width, height = unpack_from("<HH", data, 6)
    return width, height


_FILL = 0xFF
_BARE = frozenset((0x01, *range(0xD0, 0xD8)))  # TEM and RST: no segment follows
_NO_HEADER = frozenset((0x00, 0xD8, 0xD9, 0xDA))  # no marker, a second start, the end, the pixels
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF, but for DHT, JPG and DAC


def _jpeg_size(data: memoryview) -> tuple[int, int]:
    """Walk from marker to marker up to the header of the frame."""
    place = 2
    for _ in range(_MOST_MARKERS):
        lead, marker = unpack_from("BB", data, place)
        if lead != _FILL or marker in _NO_HEADER:
            break
        if marker == _FILL:
            place += 1
        elif marker in _BARE:
            place += 2
        elif marker in _FRAMES:
            length, height, width, components = unpack_from(">HxHHB", data, place + 2)
            return (width, height) if length == 8 + 3 * components else _UNKNOWN
        else:
            (length,) = unpack_from(">H", data, place + 2)
            if length < 2:
                break
            place += 2 + length
    return _UNKNOWN


def _webp_size(data: memoryview) -> tuple[int, int]:
    form, kind = unpack_from("8x4s4s", data)
    read = _WEBP_READERS.get(kind) if form == b"WEBP" else None
    return read(data) if read else _UNKNOWN


def _vp8_size(data: memoryview) -> tuple[int, int]:
    tag, code, width, height = unpack_from("<Bxx3sHH", data, 20)
    is_key_frame = not tag & 1
    return (width & 0x3FFF, height & 0x3FFF) if is_key_frame and code == b"\x9d\x01\x2a" else _UNKNOWN


def _vp8l_size(data: memoryview) -> tuple[int, int]:
    signature, bits = unpack_from("<BI", data, 20)
    version = bits >> 29
    return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if (signature, version) == (0x2F, 0) else _UNKNOWN


def _vp8x_size(data: memoryview) -> tuple[int, int]:
    width, width_high, height, height_high = unpack_from("<4xHBHB", data, 20)
    return (width_high << 16 | width) + 1, (height_high << 16 | height) + 1


_WEBP_READERS = {b"VP8 ": _vp8_size, b"VP8L": _vp8l_size, b"VP8X": _vp8x_size}
_READERS: tuple[tuple[bytes, Callable[[memoryview], tuple[int, int]]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png_size),
    (b"\xff\xd8\xff", _jpeg_size),
    (b"GIF87a", _gif_size),
    (b"GIF89a", _gif_size),
    (b"RIFF", _webp_size),
)
