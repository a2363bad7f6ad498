"""Run the benchmarks of README.md and print their tables; with --write, also put them between the marks there.

    python benchmarks/run.py [--write] [--quick]

`--quick` leaves out the size sweeps, which take half an hour. The comparison of schemes goes into docs/security.md.
Those of single tools are run by themselves: accuracy, budget, compare, lint, pages, stats, views.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import codec
import sanitizer
import scaling
import schemes
import startup

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- benchmarks: written by benchmarks/run.py --write -->", "<!-- end of benchmarks -->"


def main() -> None:
    """Print the tables, and write them on request."""
    parser = argparse.ArgumentParser(description="Print benchmarks as ratios to peers measured in the same run.")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--quick", action="store_true", help="leave out the size sweeps")
    options = parser.parse_args()
    parts = [codec.codec(), codec.jinja(), startup.startup(), sanitizer.speed(), sanitizer.calibration()]
    if not options.quick:
        parts += [scaling.codec(), scaling.tokens(), sanitizer.worst()]
    text = "\n\n".join(parts)
    print(text, schemes.show(write=options.write), sep="\n\n")
    if options.write:
        before, rest = README.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
