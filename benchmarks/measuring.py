"""Times as medians of runs in turn, so that a machine that slows down slows down everything."""

from __future__ import annotations

import gc
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

Action = Callable[[], object]


def medians(actions: Mapping[str, Action], runs: int = 15) -> dict[str, float]:
    """The median time of each action, in seconds; one run of every action after the other, `runs` times."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(runs):
        for name, action in actions.items():
            begin = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def processes(commands: Mapping[str, Sequence[str]], runs: int = 15, **options: object) -> dict[str, float]:
    """The median wall time of each command as a whole process, in seconds."""

    def run(command: Sequence[str]) -> Action:
        return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]

    return medians({name: run(command) for name, command in commands.items()}, runs)


def slope(sizes: Sequence[int], make: Callable[[int], Action], runs: int = 3) -> float:
    """The exponent of growth: the slope of log time over log size. Linear is 1. The cyclic collector is off."""
    points = []
    gc.collect()
    gc.disable()
    try:
        for size in sizes:
            action = make(size)
            best = math.inf
            for _ in range(runs):
                begin = time.perf_counter()
                action()
                best = min(best, time.perf_counter() - begin)
            points.append((math.log(size), math.log(best)))
    finally:
        gc.enable()
    mean_x, mean_y = (statistics.fmean(axis) for axis in zip(*points, strict=True))
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return rise / sum((x - mean_x) ** 2 for x, _ in points)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, with columns of one width."""
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"**{title}**", "", line(header), rule, *map(line, rows)])


def python(*arguments: str) -> list[str]:
    """A command that runs this interpreter."""
    return [sys.executable, *arguments]
