"""Encodings: text to token ids and back, for named vocabularies (embedded) and for those in files.

This package alone imports tiktoken, and not before an encoding is built.
"""

from chatml.encodings._load import load_encoding
from chatml.encodings._names import encoding_names, special_tokens
from chatml.encodings._registry import get_encoding
from chatml.encodings._small import small_encoding
from chatml.encodings._text import decode_bytes, encode_ordinary

__all__ = [
    "decode_bytes",
    "encode_ordinary",
    "encoding_names",
    "get_encoding",
    "load_encoding",
    "small_encoding",
    "special_tokens",
]
