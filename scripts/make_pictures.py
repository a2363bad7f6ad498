"""Make the pictures of README and docs: real output of the command, drawn as SVG. Takes no arguments."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
WIDTH = 96
PICTURES = {"inspect.svg": ("inspect", "examples/support.json", "--model", "gpt-4o", "--color", "always")}


def draw(arguments: tuple[str, ...]) -> str:
    """The SVG of what a command prints."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "chatml", *arguments]
    printed = subprocess.run(
        command, capture_output=True, check=True, cwd=ROOT, env=environment, encoding="utf-8"
    ).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(printed))
    title = " ".join(("chatml", *(argument for argument in arguments if argument not in ("--color", "always"))))
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id="chatml")
    return re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)  # a page must not fetch anything


if __name__ == "__main__":
    for name, arguments in PICTURES.items():
        path = ROOT / "docs" / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(draw(arguments), encoding="utf-8")
