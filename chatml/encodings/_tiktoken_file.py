"""The .tiktoken format: one token a line, in base64, a space and its rank in decimal."""

from __future__ import annotations

import binascii

from chatml._errors import EncodingError
from chatml.encodings._tokenizer_json import MOST_ID, check_bytes


def read_ranks(content: bytes) -> dict[bytes, int]:
    """Read a .tiktoken file. Raises `EncodingError` with the number of the first line that is wrong."""
    ranks: dict[bytes, int] = {}
    lines: dict[int, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line:
            continue
        token, rank = _entry(line, number)
        if token in ranks:
            raise EncodingError(f"line {number}: the token {token!r} is also on line {lines[ranks[token]]}")
        if rank in lines:
            raise EncodingError(f"line {number}: the rank {rank} is also on line {lines[rank]}")
        ranks[token] = rank
        lines[rank] = number
    check_bytes(ranks)
    return ranks


def _entry(line: bytes, number: int) -> tuple[bytes, int]:
    encoded, _, rank = line.partition(b" ")
    try:
        token = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        token = b""
    if not token or not rank.isdigit() or len(rank) > 10:
        raise EncodingError(f"line {number}: expected a token in base64, a space and a rank, found {line[:40]!r}")
    if int(rank) > MOST_ID:
        raise EncodingError(f"line {number}: the rank {int(rank)} is above {MOST_ID}")
    return token, int(rank)
