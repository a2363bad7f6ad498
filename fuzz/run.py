"""Run fuzz targets under atheris, each in a process of its own, and print what came out.

    .venv/bin/pip install '.[fuzz]' && .venv/bin/python fuzz/run.py --seconds 60
    .venv/bin/python fuzz/run.py escape parse --seconds 600
    .venv/bin/python fuzz/run.py --replay fuzz/findings/parse/0123456789ab

A finding does not end a run: each kind, told by its type and by the line that raised it, is made as short as it gets
and saved under `fuzz/findings/<target>/`. The exit status is 1 when there is any. What a run adds to the corpus is
thrown away.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
DICTIONARY = HERE / "tokens.dict"
LIMITS = ("-timeout=20", "-rss_limit_mb=4096", "-max_len=2048")
_SHRINKING = 10  # seconds for each finding
_ROW = "{:<14} {:>9} {:>7} {:>6} {:>9}\n"


class Outcome(NamedTuple):
    """What came out of one target."""

    target: str
    runs: int
    seconds: int
    edges: int
    findings: list[Path]


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Run fuzz targets.")
    parser.add_argument("targets", nargs="*", help="names of targets; all without one")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="inputs in a folder named as the target")
    parser.add_argument("--write-dictionary", action="store_true", help="make tokens.dict anew from the registry")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(options.targets[0], options.seconds, options.worker)
    if options.write_dictionary:
        DICTIONARY.write_text(importlib.import_module("pieces").dictionary(), encoding="ascii")
        return 0
    targets = importlib.import_module("targets").TARGETS
    if options.replay:
        return replay(options.replay, targets)
    unknown = [name for name in options.targets if name not in targets]
    if unknown:
        parser.error(f"unknown target {unknown[0]}; there are {', '.join(targets)}")
    return fuzz_all(options.targets or list(targets), options.seconds)


def replay(paths: list[Path], targets: dict[str, Callable[[bytes], None]]) -> int:
    """Run inputs once, with the whole traceback."""
    failed = 0
    for path in paths:
        try:
            targets[path.resolve().parent.name](path.read_bytes())
        except BaseException:
            failed = 1
            sys.stdout.write(f"{path}\n{traceback.format_exc()}\n")
    return failed


def fuzz_all(names: list[str], seconds: int) -> int:
    """Run targets one after the other and print a table."""
    write(_ROW.format("target", "runs", "runs/s", "edges", "findings"))
    found: list[Path] = []
    for name in names:
        outcome = fuzz(name, seconds)
        speed = outcome.runs // max(outcome.seconds, 1)
        write(_ROW.format(name, outcome.runs, speed, outcome.edges, len(outcome.findings) or "-"))
        found += outcome.findings
    for path in found:
        write(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")
    if found:
        write("Look at one with --replay; when it is fixed, keep it under fuzz/regressions/.\n")
    return int(bool(found))


def write(text: str) -> None:
    """Print now, because a run takes long."""
    sys.stdout.write(text)
    sys.stdout.flush()


def fuzz(name: str, seconds: int) -> Outcome:
    """Run one target in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work_folder = Path(folder)
        for part in ("corpus", "findings"):
            (work_folder / part).mkdir()
        command = [sys.executable, __file__, name, "--seconds", str(seconds), "--worker", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        log = done.stdout.decode("utf-8", "replace")
        findings = [keep(path, name) for path in sorted((work_folder / "findings").iterdir())]
    ended = re.search(r"Done (\d+) runs in (\d+) second", log)
    if not findings and not ended:
        raise SystemExit(f"{name} did not run:\n{log[-3000:]}")
    runs = [int(number) for number in re.findall(r"^#(\d+)\t", log, re.MULTILINE)] or [0]
    edges = [int(number) for number in re.findall(r"cov: (\d+)", log)] or [0]
    sys.stdout.writelines(f"{line}\n" for line in log.splitlines() if line.startswith("FINDING "))
    return Outcome(name, int(ended[1]) if ended else runs[-1], int(ended[2]) if ended else seconds, edges[-1], findings)


def keep(path: Path, name: str) -> Path:
    """Move a finding to where it stays."""
    place = HERE / "findings" / name / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(path, place))


# ------------------------------------------------------------------------------------------- the process of one target


def work(name: str, seconds: int, folder: Path) -> None:
    """Fuzz until the time is over; libFuzzer ends the process."""
    import atheris  # type: ignore[import-untyped]  # has no types; tests do without it

    with atheris.instrument_imports(include=["chatml"]):
        import_all()
        target = importlib.import_module("targets").TARGETS[name]
    findings = Findings(target, folder / "findings")
    places = [str(folder / "corpus"), *(str(path) for path in inputs_of(name))]
    flags = [f"-max_total_time={seconds}", f"-dict={DICTIONARY}", f"-artifact_prefix={folder / 'findings'}/", *LIMITS]
    atheris.Setup([__file__, *places, *flags], findings.look)
    atheris.Fuzz()


def inputs_of(name: str) -> Iterator[Path]:
    """The folders with inputs that are kept."""
    return (path for path in (HERE / "corpus" / name, HERE / "regressions" / name) if path.is_dir())


def import_all() -> None:
    """Import all modules but the command line: what is imported later is not instrumented."""
    chatml = importlib.import_module("chatml")
    for module in pkgutil.walk_packages(chatml.__path__, "chatml."):
        if not module.name.startswith(("chatml.cli", "chatml.__main__")):
            importlib.import_module(module.name)


class Findings:
    """Looks at what a target raises, and saves the first of each kind."""

    def __init__(self, target: Callable[[bytes], None], folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._kinds: set[str] = set()

    def look(self, data: bytes) -> None:
        """Run the target once."""
        kind, _ = self._run(data)
        if kind and kind not in self._kinds:
            self._kinds.add(kind)
            least = self._shrunk(data, kind)
            path = self._folder / hashlib.sha256(least).hexdigest()[:12]
            path.write_bytes(least)
            write(f"FINDING {path.name} {kind}: {self._run(least)[1]}\n")

    def _run(self, data: bytes) -> tuple[str, str]:
        """The kind of what the target raises, and what it says; nothing when all is well."""
        try:
            self._target(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of native code is no Exception
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}", ascii(str(error)[:200])
        return "", ""

    def _shrunk(self, data: bytes, kind: str) -> bytes:
        """`data` without what it does not take for the same kind of finding."""
        last, size = time.monotonic() + _SHRINKING, len(data) // 2
        while size and time.monotonic() < last:
            start, before = 0, data
            while start < len(data) and time.monotonic() < last:
                less = data[:start] + data[start + size :]
                if self._run(less)[0] == kind:
                    data = less
                else:
                    start += size
            size = size if data != before else size // 2
        return data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
