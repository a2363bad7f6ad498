"""A browser for tests of pages. Whatever a page complains about, asks for or opens fails the test that shows it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
NO_PLAYWRIGHT = "tests of pages need Playwright: pip install playwright"
NO_CHROMIUM = "tests of pages need Chromium: install it, or name it in the environment variable CHROMIUM"
TIMEOUT = 20_000  # milliseconds: machines that run tests are slow, and some have no time for us at all


def chromium() -> str | None:
    """Where Chromium is: what CHROMIUM names, or what is on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def is_allowed(url: str) -> bool:
    """Whether a page may ask for `url`: files of this machine, and servers on it."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "about") or (parts.scheme in ("http", "ws") and parts.hostname in LOOPBACK)


# Of the package, not of the session: Playwright keeps an event loop running, which tests of other folders may not want.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, driven by Playwright; tests are skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason=NO_PLAYWRIGHT)
    path = chromium()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def problems() -> list[str]:
    """What went wrong in `page` so far. A negative control looks at it and clears it."""
    return []


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """An empty tab. The test fails if anything in it warns, raises, opens a dialog or asks another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(TIMEOUT)
    tab = context.new_page()
    watch(tab, problems)
    context.on("page", lambda opened: problems.append(f"opened {opened.url}"))
    yield tab
    context.close()
    assert not problems, "\n".join(problems)


def watch(tab: Page, problems: list[str]) -> None:
    """Write down what a tab complains about."""

    def dismiss(dialog: Dialog) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def hear(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            problems.append(f"{said.type}: {said.text}")

    tab.on("console", hear)
    tab.on("pageerror", lambda error: problems.append(f"raised: {error}"))
    tab.on("request", lambda asked: None if is_allowed(asked.url) else problems.append(f"request: {asked.url}"))
    tab.on("websocket", lambda opened: None if is_allowed(opened.url) else problems.append(f"websocket: {opened.url}"))
    tab.on("download", lambda given: problems.append(f"download: {given.url}"))
    tab.on("crash", lambda _: problems.append("the tab crashed"))
    tab.on("dialog", dismiss)


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """A function that opens HTML text as a file in `page`, and returns `page`."""

    def open_as_file(text: str, fragment: str = "") -> Page:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        if fragment and page.url.startswith(path.as_uri()):
            page.goto("about:blank")  # to another fragment a page is not loaded anew
        page.goto(path.as_uri() + fragment)
        return page

    return open_as_file
