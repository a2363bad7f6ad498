"""Make the pictures of README and docs from what the command really shows. Takes no arguments.

Output of terminals is drawn as SVG. Pages are opened in Chromium (/usr/bin/chromium, or $CHROMIUM) and taken as PNG.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from chatml._width import width_of

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
EXAMPLE, REVISED = "examples/support.json", "examples/support-revised.json"
WIDTH = 96  # columns of a terminal
COLUMN = 12.2  # units of rich
REPORT, PLAYGROUND = {"width": 1120, "height": 1480}, {"width": 1280, "height": 900}  # pixels
TERMINALS = {
    "inspect.svg": ("inspect", EXAMPLE, "--model", "gpt-4o"),
    "tokens.svg": ("inspect", EXAMPLE, "--model", "gpt-4o", "--message", "5", "--tokens", "--ids"),
    "diff.svg": ("diff", EXAMPLE, REVISED, "--model", "gpt-4o"),
    "stats.svg": ("stats", "examples/conversations.jsonl", "--model", "gpt-4o"),
}
BROWSER = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


def environment() -> dict[str, str]:
    """The environment of a run, in which only this checkout is seen."""
    return {**os.environ, "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)}


def command(*arguments: str) -> list[str]:
    """The command line in this checkout."""
    return [sys.executable, "-m", "chatml", *arguments]


# Terminals


def draw(arguments: tuple[str, ...]) -> str:
    """The SVG of what a command prints."""
    done = subprocess.run(
        command(*arguments, "--color", "always"), capture_output=True, check=False, cwd=ROOT, env=environment()
    )
    if done.returncode > 1:  # 1 is for differences and findings
        raise SystemExit(done.stderr.decode())
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(done.stdout.decode()))
    svg = console.export_svg(title=" ".join(("chatml", *arguments)), theme=MONOKAI, unique_id="chatml")
    svg = re.sub(r'textLength="[^"]*"([^>]*>)([^<]*)', _with_true_length, svg)
    return re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)  # a page must not fetch anything


def _with_true_length(found: re.Match[str]) -> str:
    """The length of a text by its columns: rich takes each character for one."""
    length = width_of(unescape(found[2])) * COLUMN
    return f'textLength="{length:g}"{found[1]}{found[2]}'


# Pages


def take_report(page: Page) -> None:
    """The page of `inspect --html`, with a token under the keyboard."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "support.html"
        arguments = ("inspect", EXAMPLE, "--model", "gpt-4o", "--html", str(path))
        subprocess.run(command(*arguments), check=True, cwd=ROOT, env=environment())
        page.set_viewport_size(REPORT)
        page.goto(f"{path.as_uri()}#t60")
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "inspect-page.png")


def take_playground(page: Page) -> None:
    """The page of `chatml serve`, with a prompt in it."""
    with serving() as url:
        page.set_viewport_size(PLAYGROUND)
        page.goto(url)
        page.get_by_role("textbox").first.fill((ROOT / EXAMPLE).read_text(encoding="utf-8"))
        page.wait_for_timeout(3000)
        page.screenshot(path=FOLDER / "serve.png")


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that runs meanwhile."""
    with subprocess.Popen(
        command("serve", "--port", "0"), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        try:
            if found is None:
                raise SystemExit("the server did not say where it listens")
            yield found[0]
        finally:
            process.terminate()


def take_pages(*takers: Callable[[Page], None]) -> None:
    """Open a new page for each picture of one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=BROWSER
        )
        for take in takers:
            page = browser.new_page(color_scheme="light")
            take(page)
            page.close()
        browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, arguments in TERMINALS.items():
        (FOLDER / name).write_text(draw(arguments), encoding="utf-8")
    take_pages(take_report, take_playground)
