"""Pages of inspections in Chromium: their size, and the time from opening one to the first frame that shows it.

    python benchmarks/pages.py

The peer is what a simple report would be: static HTML with one <span> a token. Needs Playwright, and Chromium where the
environment variable CHROMIUM says or on the path.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from argparse import Namespace
from html import escape
from pathlib import Path

import corpus
from measuring import table
from playwright.sync_api import Browser, sync_playwright

from chatml.cli._inspecting import inspect
from chatml.cli._inspection_data import inspection_data
from chatml.cli._subject import read_choices, subject_of
from chatml.encodings import get_encoding
from chatml.promptfiles import Document
from chatml.views import page

RUNS = 7
# the first frame behind the event is drawn before a task that an animation frame asks for
TIMER = """addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => setTimeout(() => {
  window.drawnAt = performance.now();
})));"""
OPTIONS = Namespace(models=None, dialect="auto", model=None, encoding=None)


def cases() -> dict[str, list[dict[str, str]]]:
    """Conversations by what they are: many messages, one long message, one long line, and a very long prompt."""
    messages = corpus.conversation(650)
    text = "\n".join(message["content"] for message in messages)
    return {
        "50,000 tokens, 650 messages": messages,
        "50,000 tokens, 1 message": [{"role": "user", "content": text}],
        "50,000 tokens, 1 line": [{"role": "user", "content": text.replace("\n", " ")}],
        "200,000 tokens, 2,600 messages": corpus.conversation(2600),
    }


def data_of(messages: list[dict[str, str]]) -> dict[str, object]:
    """The data of the page of a conversation."""
    choices = read_choices(OPTIONS)
    document = Document("messages", messages=messages)
    return inspection_data(inspect("prompt.json", subject_of(document, choices), choices))


def static_page(ids: list[int], encoding: str) -> str:
    """The peer."""
    known = get_encoding(encoding)
    pieces = {number: escape(known.decode_single_token_bytes(number).decode("utf-8", "replace")) for number in set(ids)}
    spans = "".join(
        f'<span class="c{place % 5}" title="{number}">{pieces[number]}</span>' for place, number in enumerate(ids)
    )
    style = "".join(
        f".c{place}{{background:#{colour}}}"
        for place, colour in enumerate(("dbe9ff", "dcf3e0", "fdeacb", "f6dff3", "d9f1f4"))
    )
    return f'<!DOCTYPE html><meta charset="utf-8"><style>pre{{white-space:pre-wrap}}{style}</style><pre>{spans}</pre>'


def drawn(browser: Browser, path: Path) -> float:
    """Milliseconds from the start of navigation to the first frame behind what the page does when it is loaded."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.add_init_script(TIMER)
    tab.goto(path.as_uri())
    tab.wait_for_function("window.drawnAt")
    time: float = tab.evaluate("window.drawnAt")
    context.close()
    return time


def rows(browser: Browser, folder: Path) -> list[list[str]]:
    """A row for each case: size and time of the page and of the peer."""
    out = []
    for name, messages in cases().items():
        data = data_of(messages)
        ids: list[int] = data["ids"]  # type: ignore[assignment]
        texts = {"ours": page("inspection", name, data), "peer": static_page(ids, str(data["encoding"]))}
        paths = {who: folder / f"{who}.html" for who in texts}
        for who, text in texts.items():
            paths[who].write_text(text, encoding="utf-8")
        times: dict[str, list[float]] = {who: [] for who in texts}
        for _ in range(RUNS):
            for who, path in paths.items():
                times[who].append(drawn(browser, path))
        median = {who: statistics.median(values) for who, values in times.items()}
        size = {who: path.stat().st_size for who, path in paths.items()}
        out.append([
            name, f"{len(ids):,}", f"{size['ours'] / 2**20:.2f} MiB", f"{size['ours'] / size['peer']:.2f}",
            f"{median['ours']:.0f} ms", f"{median['ours'] / median['peer']:.2f}",
        ])  # fmt: skip
    return out


def pages() -> str:
    """The table."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        found = rows(browser, Path(folder))
        browser.close()
    header = (
        "page of chatml inspect --html",
        "tokens",
        "size",
        "of one span a token",
        "drawn after",
        "of one span a token",
    )
    return table("Pages in Chromium", header, found)


if __name__ == "__main__":
    print(pages())
