"""How costs grow from 64 KiB to 16 MiB: the slope of log time over log size, 1.00 being linear."""

from __future__ import annotations

from collections.abc import Callable

from corpus import conversation
from measuring import Action, slope, table

import chatml

KIB = 1024
SIZES = [64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB, 16384 * KIB]
ENCODED_SIZES = SIZES[:4]  # 16 MiB of text take tiktoken a second and more, and tell nothing new

_base = chatml.render(conversation(2_000))
TEXTS: dict[str, str] = {
    "conversation": _base,
    "unclosed markers": "<|im_start|>user\nhi",
    "start markers": "<|im_start|>",
    "end markers": "<|im_end|>",
    "runs of <|": "<|",
    "runs of <": "<",
    "half a marker": "<|im_start",
    "spaces": " ",
    "newlines": "\n",
    "backslashes": "<\\",
}


def filled(text: str, size: int) -> str:
    """`text` again and again, up to `size` characters."""
    return (text * (size // len(text) + 1))[:size]


def _render(text: str) -> Callable[[int], Action]:
    def make(size: int) -> Action:
        messages = [{"role": "user", "content": filled(text, size)}]
        return lambda: chatml.render(messages)

    return make


def _parse(text: str) -> Callable[[int], Action]:
    def make(size: int) -> Action:
        whole = filled(text, size)
        return lambda: chatml.parse(whole, strict=False)

    return make


def _stream(text: str) -> Callable[[int], Action]:
    def make(size: int) -> Action:
        whole = filled(text, size)

        def action() -> None:
            stream = chatml.StreamParser()
            for start in range(0, size, 16):
                stream.feed(whole[start : start + 16])
            stream.close()

        return action

    return make


def codec() -> str:
    """Slopes of render, parse and stream on ordinary and on hostile text."""
    rows = []
    for name, text in TEXTS.items():
        slopes = (
            slope(SIZES, _render(text)), slope(SIZES, _parse(text)), slope(SIZES[:4], _stream(text), runs=1),
        )  # fmt: skip
        rows.append([name, *(f"{value:.2f}" for value in slopes)])
    title = "Growth from 64 KiB to 16 MiB (stream: to 4 MiB, chunks of 16); linear is 1.00, at most 1.10"
    return table(title, ["text", "render", "parse", "stream"], rows)


def tokens() -> str:
    """Slopes of encode and count beside tiktoken's own."""
    rows = []
    for name in ("conversation", "spaces"):
        for encoding_name in ("cl100k_im", "o200k_im"):
            slopes = _token_slopes(TEXTS[name], encoding_name)
            rows.append([name, encoding_name, *(f"{value:.2f}" for value in slopes)])
    title = "Growth of encode and count from 64 KiB to 4 MiB, beside tiktoken's own on the same text"
    return table(title, ["text", "encoding", "tiktoken", "encode", "count"], rows)


def _token_slopes(text: str, name: str) -> tuple[float, float, float]:
    encoding = chatml.get_encoding(name)
    # tiktoken panics on a million spaces in o200k, so spaces stay below that
    sizes = [size // 8 for size in ENCODED_SIZES] if text.isspace() else ENCODED_SIZES

    def messages(size: int) -> list[dict[str, str]]:
        if text.isspace():
            return [{"role": "user", "content": filled(text, size)}]
        return conversation(size // 320)

    def tiktoken(size: int) -> Action:
        whole = chatml.render(messages(size))
        return lambda: encoding.encode(whole, allowed_special="all")

    def encode(size: int) -> Action:
        given = messages(size)
        return lambda: chatml.encode(given, encoding=name)

    def count(size: int) -> Action:
        given = messages(size)
        return lambda: chatml.count(given, dialect="chatml", encoding=name)

    return slope(sizes, tiktoken), slope(sizes, encode), slope(sizes, count)


if __name__ == "__main__":
    print(codec(), tokens(), sep="\n\n")
