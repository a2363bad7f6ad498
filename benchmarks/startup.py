"""Whole processes: start-up of the library and the command, beside bare Python and tiktoken with a warm cache."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from measuring import processes, python, table

from chatml.encodings import get_encoding

EXAMPLE = Path(__file__).parent.parent / "examples" / "support.json"
_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_TIKTOKEN = "import tiktoken; tiktoken.get_encoding('{}').encode('hello')"


def _command(*arguments: str) -> list[str]:
    """The command as it is installed beside this interpreter, or else as a module."""
    script = Path(sys.executable).parent / "chatml"
    return [str(script), *arguments] if script.exists() else python("-m", "chatml", *arguments)


def _warm_cache(folder: str) -> None:
    """What tiktoken would have downloaded, under the names it looks for."""
    for name in ("cl100k_base", "o200k_base"):
        ranks = get_encoding(name)._mergeable_ranks
        lines = [base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()]
        Path(folder, hashlib.sha1(_URL.format(name).encode()).hexdigest()).write_bytes(b"".join(lines))


def startup() -> str:
    """Ratios to the peer of each command."""
    with tempfile.TemporaryDirectory() as folder:
        _warm_cache(folder)
        times = processes(
            {
                "bare": python("-c", "pass"),
                "import": python("-c", "import chatml"),
                "version": _command("--version"),
                "help": _command("--help"),
                "tiktoken cl100k": python("-c", _TIKTOKEN.format("cl100k_base")),
                "tiktoken o200k": python("-c", _TIKTOKEN.format("o200k_base")),
                "count cl100k": _command("count", "--model", "gpt-4", str(EXAMPLE)),
                "count o200k": _command("count", "--model", "gpt-4o", str(EXAMPLE)),
            },
            env={**os.environ, "TIKTOKEN_CACHE_DIR": folder},
        )
    bare, added = times["bare"], (times["import"] - times["bare"]) * 1000
    rows = [
        ["import chatml", "bare Python", f"{added:+.1f} ms", "+5 ms"],
        ["chatml --version", "bare Python", f"{times['version'] / bare:.2f}", "2"],
        ["chatml --help", "bare Python", f"{times['help'] / bare:.2f}", ""],
        [
            "chatml count, gpt-4",
            "tiktoken cl100k_base",
            f"{times['count cl100k'] / times['tiktoken cl100k']:.2f}",
            "0.5",
        ],
        ["chatml count, gpt-4o", "tiktoken o200k_base", f"{times['count o200k'] / times['tiktoken o200k']:.2f}", "0.5"],
    ]
    title = f"Whole processes, small file; bare Python takes {bare * 1000:.0f} ms here, tiktoken's cache is warm"
    return table(title, ["", "beside", "ratio", "at most"], rows)


if __name__ == "__main__":
    print(startup())
