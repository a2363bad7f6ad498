"""The sanitizer: its speed on ordinary text beside peers, and the most that hostile text can make it cost.

    python benchmarks/sanitizer.py [--quick]

Without `--quick`, which stops at 256 KiB, it takes a quarter of an hour. Times are processor time, because what else
runs on a machine shows less in it than in wall time; the cyclic collector is off. What misses a goal is measured a
second time, and of each size the better time counts: noise only adds.
"""

from __future__ import annotations

import argparse
import gc
import html
import importlib
import math
import platform
import pydoc
import statistics
import sys
import sysconfig
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from corpus import conversation
from measuring import Action, table

from chatml import Sanitizer, escape, sanitize, scan, unescape

KIB = 1024
SIZES = [64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB, 16384 * KIB]
QUICK_SIZES = [64 * KIB, 128 * KIB, 256 * KIB]
SHORT = 1024 * KIB  # what makes a finding, a chunk or a state for every character stops here
MEMORY_SIZE = 1024 * KIB
CODE_SIZE = 8 * KIB * KIB

FASTEST = 200  # MB/s, the goal of exact escape on code and prompts
DEAREST = {"exact": 0.15, "hardened": 0.5}  # µs per character
STEEPEST = 1.15
LARGEST = 32  # bytes per character


# -------------------------------------------------------------------------------------------------------------- times


@contextmanager
def _collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def calibration() -> str:
    """How fast this machine is, for readers who compare numbers with theirs."""
    begin = time.process_time()
    for _ in range(10_000_000):
        pass
    seconds = time.process_time() - begin
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return f"Calibration: an empty loop of 10 million turns takes {seconds:.2f} s of processor time here ({version})."


def cpu_medians(actions: Mapping[str, Action], runs: int = 15, least: float = 0.02) -> dict[str, float]:
    """The median processor time of each action in seconds, in turn. Short ones are repeated up to `least` seconds."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    with _collector_off():
        turns = {name: max(1, round(least / max(_seconds(action), 1e-7))) for name, action in actions.items()}
        for _ in range(runs):
            for name, action in actions.items():
                times[name].append(_seconds(action, turns[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def _seconds(action: Action, turns: int = 1) -> float:
    begin = time.process_time()
    for _ in range(turns):
        action()
    return (time.process_time() - begin) / turns


def _best(action: Action) -> float:
    """The best of three runs, or of as many as begin within 0.3 seconds. Runs of microseconds are repeated."""
    best, spent = math.inf, 0.0
    for _ in range(3):
        seconds = _seconds(action)
        if seconds < 0.001:
            seconds = _seconds(action, 20)
        best, spent = min(best, seconds), spent + seconds
        if spent > 0.3:
            break
    return best


# ------------------------------------------------------------------------------------------------------ ordinary text


@lru_cache(maxsize=1)
def code(most: int = CODE_SIZE) -> list[str]:
    """Files of the standard library of this Python, up to `most` characters."""
    folder, files, size = Path(sysconfig.get_path("stdlib")), list[str](), 0
    for path in sorted(folder.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        files.append(text)
        size += len(text)
        if size > most:
            break
    return files


def _html() -> list[str]:
    """Pages that pydoc makes of modules: a tag every few words."""
    names = ("argparse", "email.message", "http.client", "json", "logging", "os", "re", "typing", "unittest.mock")
    maker = pydoc.HTMLDoc()
    return [maker.document(importlib.import_module(name)) for name in names]


def _markdown() -> list[str]:
    """The pages of this repository, which spell many markers."""
    root = Path(__file__).parent.parent
    return [path.read_text(encoding="utf-8") for path in (*sorted(root.glob("*.md")), *sorted(root.glob("docs/*.md")))]


def _zero_width(text: str) -> str:
    return text.replace("<|", "<\u200b|")


def _hardened(text: str) -> str:
    return escape(text, profile="hardened")


def speed() -> str:
    """Megabytes per second on ordinary text, and the ratios of times to those of peers."""
    messages = [message["content"] for message in conversation(2_000)]
    corpora = {
        "code, file by file": code(),
        "prompts, one text": ["\n\n".join(messages)],
        "prompts, messages of 100 to 500": messages,
        "HTML": _html(),
        "Markdown that spells markers": _markdown(),
    }
    rows = [[name, *_speed_of(texts)] for name, texts in corpora.items()]
    header = ["text", "MB", "exact", "hardened", "html.escape", "replace", "count", "exact / html.escape",
              "hardened / html.escape", "exact / replace"]  # fmt: skip
    title = (
        f"escape on ordinary text, MB/s (goal: exact at least {FASTEST} on code and prompts), and ratios of times; "
        'replace: text.replace("<|", "<\\u200b|"), count: text.count("<"), which only looks'
    )
    return table(title, header, rows)


def _speed_of(texts: Sequence[str]) -> list[str]:
    size = sum(len(text.encode()) for text in texts)
    functions: dict[str, Callable[[str], object]] = {
        "exact": escape,
        "hardened": _hardened,
        "html.escape": html.escape,
        "replace": _zero_width,
        "count": lambda text: text.count("<"),
    }

    def on_all(function: Callable[[str], object]) -> Action:
        def action() -> None:
            for text in texts:
                function(text)

        return action

    times = cpu_medians({name: on_all(function) for name, function in functions.items()})
    speeds = [f"{size / 1e6 / times[name]:,.0f}" for name in functions]
    pairs = (("exact", "html.escape"), ("hardened", "html.escape"), ("exact", "replace"))
    return [f"{size / 1e6:.2f}", *speeds, *(f"{times[ours] / times[peer]:.2f}" for ours, peer in pairs)]


# ------------------------------------------------------------------------------------------------------- hostile text

_PRIVATE = [*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE)]  # more than any cache of ours holds
_IDEOGRAPHS = [*range(0x4E00, 0xA000), *range(0x20000, 0x2A6E0)]
_MATHEMATICAL = range(0x1D400, 0x1D7CC)
_EVERY = [code for code in range(0x80, 0x30000) if not 0xD800 <= code < 0xE000]


def filled(text: str, size: int) -> str:
    """`text` again and again, up to `size` characters."""
    return (text * (size // len(text) + 1))[:size]


def _again(text: str) -> Callable[[int], str]:
    return lambda size: filled(text, size)


def _behind_one(opener: str, text: str) -> Callable[[int], str]:
    return lambda size: opener + filled(text, size - len(opener))


def _characters(codes: Sequence[int], before: str = "") -> str:
    return "".join(before + chr(code) for code in codes)


SHAPES: dict[str, Callable[[int], str]] = {
    "<": _again("<"),
    "<|": _again("<|"),
    "<|im_start": _again("<|im_start"),
    "<\\": _again("<\\"),
    "one <, then backslashes": _behind_one("<", "\\"),
    "<|im_start|>": _again("<|im_start|>"),
    "<s>": _again("<s>"),
    "<s＞, full-width": _again("<s\uff1e"),
    "[": _again("["),
    "＜, full-width": _again("\uff1c"),
    "< and ZWSP": _again("<\u200b"),
    "<|im_start|>, ZWSP between": _again("\u200b".join("<|im_start|>") + "\u200b"),
    "U+0301": _again("\u0301"),
    "one <, then U+0301": _behind_one("<", "\u0301"),
    "U+FDFA": _again("\ufdfa"),
    "one <, then U+FDFA": _behind_one("<", "\ufdfa"),
    "< and U+FDFA": _again("<\ufdfa"),
    "distinct private-use": _again(_characters(_PRIVATE)),
    "one <, then distinct private-use": _behind_one("<", _characters(_PRIVATE)),
    "< and distinct private-use": _again(_characters(_PRIVATE, "<")),
    "one <, then all of Unicode": _behind_one("<", _characters(_EVERY)),
    "< and distinct CJK": _again(_characters(_IDEOGRAPHS, "<")),
    "<ﬁ": _again("<\ufb01"),
    "<|ﬁ": _again("<|\ufb01"),
    "<<ﬁ": _again("<<\ufb01"),
    "mathematical letters": _again(_characters(_MATHEMATICAL)),
    "one <, then mathematical letters": _behind_one("<", _characters(_MATHEMATICAL)),
    "spaces": _again(" "),
    "newlines": _again("\n"),
    "{{": _again("{{"),
    "a": _again("a"),
}


class Operation(NamedTuple):
    """What is measured: an action made for a text, the goal in µs per character, and the largest text."""

    make: Callable[[str], Action]
    dearest: float | None = None
    largest: int = SIZES[-1]


def _unescape(profile: str) -> Callable[[str], Action]:
    def make(text: str) -> Action:
        escaped = escape(text, profile=profile)  # type: ignore[arg-type]
        return lambda: unescape(escaped, profile=profile)  # type: ignore[arg-type]

    return make


def _stream(profile: str) -> Callable[[str], Action]:
    def make(text: str) -> Action:
        def action() -> None:
            sanitizer = Sanitizer(profile=profile)  # type: ignore[arg-type]
            for start in range(0, len(text), 16):
                sanitizer.feed(text[start : start + 16])
            sanitizer.close()

        return action

    return make


ESCAPES: dict[str, Operation] = {
    "escape": Operation(lambda text: lambda: escape(text), DEAREST["exact"]),
    "unescape": Operation(_unescape("exact"), DEAREST["exact"]),
    "escape, hardened": Operation(lambda text: lambda: _hardened(text), DEAREST["hardened"]),
    "unescape, hardened": Operation(_unescape("hardened"), DEAREST["hardened"]),
}
OPERATIONS: dict[str, Operation] = {
    **ESCAPES,
    "strip": Operation(lambda text: lambda: sanitize(text, policy="strip")),
    "strip, hardened": Operation(
        lambda text: lambda: sanitize(text, policy="strip", profile="hardened"), largest=SHORT
    ),
    "scan": Operation(lambda text: lambda: scan(text), largest=SHORT),
    "stream": Operation(_stream("exact"), largest=SHORT),
    "stream, hardened": Operation(_stream("hardened"), largest=SHORT),
    "str.count": Operation(lambda text: lambda: text.count("<")),
}


class Cost(NamedTuple):
    """What one operation costs on one shape: µs per character at the dearest size, and the exponent of growth."""

    dearest: float
    slope: float


def _cost(operation: Operation, shape: Callable[[int], str], sizes: Sequence[int]) -> Cost:
    sizes = [size for size in sizes if size <= operation.largest]

    def times() -> list[float]:
        with _collector_off():
            return [max(_best(operation.make(shape(size))), 1e-9) for size in sizes]

    first = times()
    cost = _of(sizes, first)
    if cost.slope <= STEEPEST and cost.dearest <= (operation.dearest or math.inf):
        return cost
    return _of(sizes, [min(pair) for pair in zip(first, times(), strict=True)])


def _of(sizes: Sequence[int], times: Sequence[float]) -> Cost:
    slope = statistics.linear_regression([math.log(size) for size in sizes], [math.log(one) for one in times]).slope
    return Cost(max(seconds / size for size, seconds in zip(sizes, times, strict=True)) * 1e6, slope)


def _peak(action: Action, size: int) -> float:
    """The most memory that an action has at one time, in bytes per character; its input is not counted."""
    with _collector_off():
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        action()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return (peak - before) / size


def _memory_size(quick: bool) -> int:
    return 128 * KIB if quick else MEMORY_SIZE


Costs = dict[str, dict[str, float]]  # by shape and operation


@lru_cache(maxsize=2)
def measure(*, quick: bool = False) -> tuple[Costs, Costs, Costs]:
    """µs per character, slopes, and bytes per character, of every operation on every shape."""
    sizes, memory_size = QUICK_SIZES if quick else SIZES, _memory_size(quick)
    for operation in OPERATIONS.values():
        operation.make("<|im_start|><\ufb01\uff1c[")()  # builds the patterns
    times: Costs = {}
    slopes: Costs = {}
    memory: Costs = {}
    for number, (name, shape) in enumerate(SHAPES.items(), 1):
        print(f"{number} of {len(SHAPES)}: {name}", file=sys.stderr)
        costs = {key: _cost(operation, shape, sizes) for key, operation in OPERATIONS.items()}
        times[name] = {key: cost.dearest for key, cost in costs.items()}
        slopes[name] = {key: cost.slope for key, cost in costs.items()}
        memory[name] = {
            key: _peak(operation.make(shape(memory_size)), memory_size) for key, operation in ESCAPES.items()
        }
    return times, slopes, memory


def _grid(title: str, costs: Costs, form: str, goals: Mapping[str, float | None]) -> str:
    names = list(next(iter(costs.values())))
    rows = [[shape, *(format(row[name], form) for name in names)] for shape, row in costs.items()]
    rows.append(["worst", *(format(max(row[name] for row in costs.values()), form) for name in names)])
    rows.append(["goal: at most", *("" if goals[name] is None else f"{goals[name]}" for name in names)])
    return table(title, ["text", *names], rows)


def hostile(*, quick: bool = False) -> str:
    """Every cost on every shape."""
    times, slopes, memory = measure(quick=quick)
    sizes = "64 KiB to 256 KiB" if quick else "64 KiB to 16 MiB (hardened strip, scan and streams: to 1 MiB)"
    of_time = {name: operation.dearest for name, operation in OPERATIONS.items()}
    of_slope: dict[str, float | None] = {**dict.fromkeys(OPERATIONS, STEEPEST), "str.count": None}
    of_memory = dict.fromkeys(ESCAPES, LARGEST)
    return "\n\n".join(
        [
            _grid(f"Hostile text, µs per character at the dearest size from {sizes}", times, ".4f", of_time),
            _grid("Growth: slope of log time over log size, over the same sizes", slopes, ".2f", of_slope),
            _grid(f"Peak memory, bytes per character of {_memory_size(quick) // KIB} Ki", memory, ".1f", of_memory),
        ]
    )


def worst() -> str:
    """For each operation the shape on which it is at its worst."""
    times, slopes, memory = measure()
    rows = []
    for name, operation in OPERATIONS.items():
        if name != "str.count":
            cells = [_most(times, name, ".2f"), str(operation.dearest or ""), _most(slopes, name, ".2f")]
            rows.append([name, *cells, _most(memory, name, ".0f") if name in ESCAPES else ""])
    header = ["", "µs per character", "at most", "slope", "bytes per character"]
    title = (
        f"The sanitizer on the worst of {len(SHAPES)} hostile shapes, 64 KiB to 16 MiB; "
        f"slopes at most {STEEPEST}, memory at most {LARGEST}"
    )
    return table(title, header, rows)


def _most(costs: Costs, name: str, form: str) -> str:
    shape = max(costs, key=lambda shape: costs[shape][name])
    return f"{costs[shape][name]:{form}} ({shape})"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="Measure the sanitizer on ordinary and on hostile text.")
    parser.add_argument("--quick", action="store_true", help="stop at 256 KiB")
    options = parser.parse_args()
    print(calibration(), speed(), "", sep="\n\n", flush=True)
    print(hostile(quick=options.quick))


if __name__ == "__main__":
    main()
