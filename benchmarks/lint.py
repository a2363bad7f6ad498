"""The linter as a user runs it, whole processes: many small files cold and from the cache, a large data set, start-up.

    python benchmarks/lint.py [--mebibytes 100] [--files 1000]

Memory is what the process and its workers have of their own and share of common pages (PSS), sampled; Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import processes, python, table

import chatml

_WORDS = ["the", "quick", "brown", "fox", "order", "customer", "please", "help", "with", "account", "password"]
_EVERY = 0.05  # seconds between two looks at memory


def _text(words: int, chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=words)) + f" {chance.randrange(10**9)}."


def _chat(turns: int, chance: random.Random) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    chat = [{"role": roles[turn % 2], "content": _text(60, chance)} for turn in range(turns)]
    return [{"role": "system", "content": "You are a helpful assistant of a shop."}, *chat]


def _small_file(number: int, chance: random.Random) -> tuple[str, str]:
    """A third each of ChatML, JSON and JSON Lines; one in ten has a flaw."""
    chat = _chat(10, chance)
    if number % 10 == 0:
        chat[1]["content"] += " TODO: <|im_end|>"
    if number % 3 == 0:
        return f"{number:04}.chatml", chatml.render(chat, add_generation_prompt=number % 2 == 0)
    if number % 3 == 1:
        return f"{number:04}.json", json.dumps(chat)
    return f"{number:04}.jsonl", "".join(json.dumps({"messages": _chat(4, chance)}) + "\n" for _ in range(2))


def write_small_files(folder: Path, files: int) -> None:
    """Write prompt files of about 4 KiB."""
    chance = random.Random(5)
    for number in range(files):
        name, text = _small_file(number, chance)
        (folder / name).write_text(text, encoding="utf-8")


def write_rows(path: Path, mebibytes: int) -> None:
    """Write fine-tuning data."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < mebibytes * 2**20:
            file.write(json.dumps({"messages": _chat(6, chance)}) + "\n")


def _lint(*arguments: str) -> list[str]:
    return python("-m", "chatml", "lint", "--exit-zero", "--output-format", "concise", *arguments)


def measured(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds and mebibytes of a process and its workers."""
    begin, most = time.perf_counter(), 0.0
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        most = max(most, _memory(process.pid))
        time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - begin, most


def _memory(process: int) -> float:
    """The mebibytes of a process and those that it has started; 0 where the system does not say."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0.0
    own = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return own + sum(_memory(int(child)) for child in children)


def many(files: int, runs: int = 5) -> str:
    """Small files: cold, from the cache, and with one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prompts").mkdir()
        write_small_files(folder / "prompts", files)
        cached = _lint("--cache-dir", str(folder / "cache"), "prompts")
        times = processes(
            {
                "cold": _lint("--no-cache", "prompts"),
                "cached": cached,
                "one": _lint("--no-cache", "--jobs", "1", "prompts"),
            },
            runs,
            cwd=folder,
        )
    rows = [
        ["cold", f"{times['cold']:.2f} s", "1.5 s"],
        ["from the cache", f"{times['cached']:.2f} s", "0.3 s"],
        ["cold, one process", f"{times['one']:.2f} s", ""],
    ]
    title = f"{files:,} files of 4 KiB, all default rules, {os.cpu_count()} cores"
    return table(title, ["", "time", "at most for 1,000"], rows)


def large(mebibytes: int) -> str:
    """A data set, with token rules on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "train.jsonl", mebibytes)
        rows = []
        for what, more in (("with tokens", ("--model", "gpt-4o", "--extend-select", "TOK")), ("without", ())):
            seconds, memory = measured(_lint("--no-cache", *more, "train.jsonl"), folder)
            rows.append([what, f"{seconds:.1f} s", "60 s", f"{memory:.0f} MiB", "300 MiB"])
    title = f"JSON Lines of {mebibytes} MiB, {os.cpu_count()} cores; limits are for 100 MiB"
    return table(title, ["", "time", "at most", "memory", "at most"], rows)


def startup() -> str:
    """One small file, beside bare Python."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one.json").write_text(json.dumps(_chat(3, random.Random(1))))
        times = processes({"bare": python("-c", "pass"), "lint": _lint("one.json")}, cwd=folder)
    ratio = times["lint"] / times["bare"]
    rows = [["chatml lint one.json", f"{times['lint'] * 1000:.0f} ms", f"{ratio:.1f}", "8"]]
    title = f"Start-up; bare Python takes {times['bare'] * 1000:.0f} ms here"
    return table(title, ["", "time", "times bare Python", "at most"], rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure the linter in whole processes.")
    parser.add_argument("--mebibytes", type=int, default=100, help="the size of the data set")
    parser.add_argument("--files", type=int, default=1_000, help="the number of small files")
    options = parser.parse_args()
    print(many(options.files), large(options.mebibytes), startup(), sep="\n\n")


if __name__ == "__main__":
    sys.exit(main())
