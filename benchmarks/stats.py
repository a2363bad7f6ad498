"""`chatml stats` on training data: beside tiktoken alone, beside `chatml count`, how it grows, and its memory.

    python benchmarks/stats.py [--mebibytes 20]

The first table is measured in this process, with one worker: all that is read, parsed, counted and added up, by the
time that tiktoken takes to encode the contents and nothing else. The second one is of whole processes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from lint import measured, write_rows
from measuring import medians, python, slope, table

import chatml
from chatml.cli import main as chatml_main

_MODEL = ("--model", "gpt-4o")


def _stats(path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        status = chatml_main(["stats", str(path), *_MODEL, "--jobs", "1", "--format", "json"])
    if status:
        raise SystemExit(f"chatml stats ended with {status}")


def ratio(folder: Path, mebibytes: int = 4) -> str:
    """Beside plain tiktoken in this process."""
    path = folder / "rows.jsonl"
    write_rows(path, mebibytes)
    rows = [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]
    contents = [message["content"] for row in rows for message in row]
    encode = chatml.get_encoding("o200k_base").encode_ordinary
    times = medians({"tiktoken": lambda: [encode(one) for one in contents], "stats": lambda: _stats(path)}, 3)
    sizes = (2, 4, 8)
    for size in sizes:
        write_rows(folder / f"{size}.jsonl", size)
    growth = slope(sizes, lambda size: lambda: _stats(folder / f"{size}.jsonl"), 2)
    line = [f"{len(rows):,}", f"{times['stats'] / times['tiktoken']:.1f}", "4", f"{growth:.2f}", "1.1"]
    header = ["conversations", "times tiktoken alone", "at most", "growth (1 is linear)", "at most"]
    return table(f"`chatml stats` in one process, {mebibytes} MiB", header, [line])


def large(folder: Path, mebibytes: int) -> str:
    """Beside `chatml count`, as processes."""
    path = folder / "large.jsonl"
    write_rows(path, mebibytes)
    rows = []
    for name, options in (("stats", ()), ("stats", ("--jobs", "1")), ("count", ())):
        seconds, memory = measured(python("-m", "chatml", name, *_MODEL, *options, path.name), folder)
        rows.append([" ".join(["chatml", name, *options]), f"{seconds:.1f} s", f"{memory:.0f} MiB"])
    return table(f"JSON Lines of {mebibytes} MiB", ["", "time", "memory"], rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure chatml stats.")
    parser.add_argument("--mebibytes", type=int, default=20, help="the size of the large file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(ratio(Path(name)), large(Path(name), options.mebibytes), sep="\n\n")


if __name__ == "__main__":
    sys.exit(main())
