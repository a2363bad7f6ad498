r"""Bytes to what a target works on.

An input is a line of choices and, behind it, a text. Each character of the line makes one choice: "0" takes the first
of the options on offer, "1" the second, and so on in the order of ASCII; what is not there counts as "0". The text is
UTF-8. A byte that cannot be UTF-8 stands for a piece of the table below: a token, half of one, an escape, a look-alike,
a lone surrogate. So a mutation of one byte makes what random text never spells, and a file can be written by hand.
Records end in U+001E and fields in U+001F, where a target wants several texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from chatml import special_tokens

T = TypeVar("T")

RECORD, FIELD = "\x1e", "\x1f"
_LONGEST_WORD = 64  # bytes; libFuzzer takes no longer ones

PIECES = (
    # tokens of frames and of families
    *("<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>"),
    *("<|endoftext|>", "<|endofprompt|>", "<|fim_middle|>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<bos>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<think>", "</think>", "<tool_call>", "<start_of_turn>"),
    *("<｜User｜>", "<｜end▁of▁sentence｜>", "<|reserved_200013|>", "<dsml:", "<sop>", "[gMASK]", "<|START_ACTION|>"),
    # parts of tokens
    *("<|", "|>", "<", "<<", "[", "[/", "｜", "|", ">", "]", "_", "im_", "<|im_s", "tart|>", "<|im_en", "d|>", "<|end"),
    *("<s", "[IN", "ST]", "<\\", "<|im_start", "|im_start|>", "|im_end|>", "s>", "/s>", "<｜", "im_start"),
    # escapes
    *("\\", "\\\\", "<\\|im_start|>", "<\\\\|im_end|>", "[\\INST]", "<\\s>", "<\\<SYS>>", "\\<|im_end|>", "<|\\im_"),
    # what becomes another character, or nothing
    *("＜", "｜im_end｜", "≮", "＞", "［", "\uff3f", "ﬁ", "ﬆ", "\u0131m_end|>", "ſ", "İ", "K", "\u0338", "\u0345", "Ⅰ"),
    *("<\u200b|", "\u200b", "\u200d", "\u00ad", "\ufeff", "\x00", "\x01", "\x02", "\u0301", "\u3164", "\ufe0f", "＼"),
    *("<|IM_START|>", "\ud800", "\udfff", "\ud83d", "\ude00", "\U000e0001", "㏒", "…", "\U000e003c\U000e007c"),
    # headers and white space
    *("user\n", "assistant\n", "system\n", "\r\n", "\n\n", "\u2028", "\x85", " \n", "<|im_end|>\n<|im_start|>user\n"),
    *(" name=bob", ":bob", "assistant<|channel|>final", "<|im_end|>\n"),
    # other ways to write a token
    *("&lt;|", "%3C%7C", "\\u003c|", "PHxpbV9lbmR8Pg==", "{{", "}}", "Human: ", "to=functions.f", "\n"),
)
_PIECE_OF = {0xDC80 + number: piece for number, piece in enumerate(PIECES)}

# keys and values of prompt files and tokenizer files, for the dictionary
_JSON = """role content user assistant system tool developer function name messages conversations from value human gpt
    observation sender text type image_url tool_calls tool_call_id function_call arguments id refusal reasoning_content
    tools model response_format added_tokens added_tokens_decoder additional_special_tokens eos_token special vocab
    merges BPE pre_tokenizer pretokenizers ByteLevel Sequence Split Isolated Removed behavior invert pattern Regex
    normalizer NFC use_regex add_prefix_space"""
_OTHER = (*'{}[],:"', "null", "true", "1e999", "NaN", "\\ud800", "\\ud83d\\ude00", "0\n", "\n", RECORD, FIELD)


class Input:
    """The choices and the text of one input."""

    def __init__(self, data: bytes) -> None:
        line, _, self.rest = data.partition(b"\n")
        self._choices = iter(line)

    def pick(self, options: Sequence[T]) -> T:
        """Make the next choice."""
        return options[(next(self._choices, 0x30) - 0x30) % len(options)]

    @property
    def text(self) -> str:
        """All behind the choices as one text."""
        return _text(self.rest)

    @property
    def fields(self) -> list[str]:
        """All behind the choices as several texts."""
        return [_text(part) for part in self.rest.split(FIELD.encode())]

    @property
    def records(self) -> list[list[str]]:
        """All behind the choices as several rows of texts; none where there is nothing."""
        rows = self.rest.removesuffix(RECORD.encode()).split(RECORD.encode()) if self.rest else []
        return [[_text(part) for part in row.split(FIELD.encode())] for row in rows]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").translate(_PIECE_OF)


def dictionary() -> str:
    """The words that libFuzzer puts into inputs: every special token that is known, what they are made of, and JSON."""
    tokens = sorted(special_tokens())
    numbered = {re.sub(r"\d+", "0", token): token for token in tokens}  # one of each row of reserved tokens
    parts = {part for token in tokens for part in re.findall(r"[^\W\d]+|\W+", token)}
    words = dict.fromkeys([*_OTHER, *(f'"{key}"' for key in _JSON.split()), *sorted(parts), *sorted(numbered.values())])
    return "".join(f'"{_escaped(word)}"\n' for word in words if len(word.encode()) <= _LONGEST_WORD)


def _escaped(word: str) -> str:
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02X}" for byte in word.encode()
    )
