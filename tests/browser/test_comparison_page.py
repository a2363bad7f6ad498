"""The page of a comparison in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chatml.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG = "".join(f"Rule {n}: never guess. " for n in range(60))
BEFORE = [
    {"role": "system", "content": f"Refunds within 30 days. {LONG}Be brief."},
    *({"role": role, "content": f"{role} {turn}"} for turn in range(4) for role in ("user", "assistant")),
    {"role": "user", "content": "Bye"},
]
AFTER = [
    {"role": "system", "content": f"Refunds within 14 days. {LONG}Be kind."},
    *BEFORE[1:9],
    {"role": "assistant", "content": "See you 😀 漢字"},
]
PAYLOADS = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "]]>",
    "{{7*7}}",
    "\u202egnp\u200b\x1b[2J\x00",
    "javascript:alert(1)//",
    "&lt;b&gt;",
]

Compare = Callable[..., "Page"]


@pytest.fixture
def compare(show: Callable[[str], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Open the page of two conversations."""
    monkeypatch.chdir(tmp_path)

    def call(before: Any, after: Any, *options: str) -> Page:
        for name, value in (("before.json", before), ("after.json", after)):
            (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
        assert main(["diff", "before.json", "after.json", "--html", "d.html", *options]) in (0, 1)
        return show((tmp_path / "d.html").read_text(encoding="utf-8"))

    return call


def test_what_it_shows(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    assert page.title() == "before.json and after.json - chatml"
    assert page.locator("h1").inner_text() == "What changed"
    assert page.locator("article.changed h3").inner_text().startswith("~ Message 0, system, changed: ")
    assert page.locator("article.changed del").all_inner_texts() == ["30", "brief"]
    assert page.locator("article.changed ins").all_inner_texts() == ["14", "kind"]
    assert page.locator("article.added ins").inner_text() == "See you 😀 漢字"
    assert page.locator("article.removed del").inner_text() == "Bye"
    assert page.locator("mark").all_inner_texts() == ["30", "14"]
    assert page.locator("tfoot th").inner_text() == "total"


def test_links_lead_to_changes(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    page.get_by_role("link", name="~ changed").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#m0"
    assert page.locator("#m0").is_visible()


def test_what_did_not_change_is_folded(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    assert page.locator("article.kept").count() == 0
    fold = page.get_by_text("8 unchanged messages", exact=True)
    fold.focus()
    page.keyboard.press("Enter")
    assert page.locator("article.kept .text").all_inner_texts() == [one["content"] for one in AFTER[1:9]]
    page.get_by_role("button", name="Show 8 unchanged messages").focus()
    page.keyboard.press("Enter")
    assert page.locator("tbody tr.kept").count() == 9  # and the priming of the reply
    assert page.evaluate("document.activeElement.tagName") == "TR"


def test_long_texts_are_folded(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    buttons = page.get_by_role("button", name="equal characters")
    assert buttons.count() == 2
    buttons.first.click()
    text = page.locator("article.changed .text").first
    assert text.inner_text() == BEFORE[0]["content"]
    assert buttons.count() == 1


def test_copies_as_json(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    page.get_by_role("button", name="Copy as JSON").click()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["delta"] == copied["after"]["total"] - copied["before"]["total"]


def test_equal_prompts(compare: Compare) -> None:
    page = compare(BEFORE, BEFORE)
    assert page.locator(".total").inner_text().startswith("The prompts are equal: ")
    assert page.get_by_role("heading", name="Where the prefix ends").count() == 0
    page = compare([], [])
    assert page.locator("article").count() == 0


def test_tools_and_calls(compare: Compare) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    request = {"messages": [*BEFORE[:2], {"role": "assistant", "content": None, "tool_calls": [call]}]}
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    page = compare(request, {**request, "tools": tools}, "--cost")
    assert "What stands beside the messages" in page.locator("main").inner_text()
    assert "Cost: no price is known." in page.locator("main").inner_text()


def test_hostile_texts_are_text(compare: Compare) -> None:
    before = [{"role": "user", "content": payload} for payload in PAYLOADS]
    after = [{"role": "user", "content": f"{payload} more"} for payload in PAYLOADS] + before[:2]
    page = compare(before[:-3], after)
    page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    shown = page.locator("main").inner_text()
    assert all(payload in shown for payload in (*PAYLOADS[:5], *PAYLOADS[6:]))
    assert "<U+202E>gnp<U+200B>\\x1b[2J\\x00" in shown
    assert page.locator("img, iframe, b, script:not([id]) ~ script").count() == 0
    assert page.evaluate("document.scripts.length") == 2


def test_thousands_of_changes(compare: Compare) -> None:
    """What is not drawn is there for who asks: by a button, or by a link to it."""
    before = [{"role": "user", "content": f"message {place}"} for place in range(1_000)]
    page = compare(before, [{**one, "content": f"{one['content']} more"} for one in before])
    assert page.locator("article").count() == 200
    page.get_by_role("button", name="Show 800 more changes").click()
    assert page.locator("article").count() == 400
    assert page.evaluate("document.activeElement.id") == "m200"
    page.get_by_role("button", name="Show 800 more rows").click()
    for _ in range(3):
        page.get_by_role("button", name="more rows").click()
    page.get_by_role("link", name="~ changed").last.click()
    assert page.locator("#m999").is_visible()
    assert page.locator("article").count() == 1_000


def test_nothing_is_wider_than_the_window(compare: Compare) -> None:
    page = compare(BEFORE, [*AFTER, {"role": "user", "content": "x" * 3000}])
    for width in (320, 400, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_contrast(compare: Compare) -> None:
    """Every text has 4.5:1 on its own ground."""
    page = compare(BEFORE, AFTER)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(LEAST_CONTRAST) >= 4.5
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(LEAST_CONTRAST) >= 4.5


def test_the_bar_says_something_without_colours(compare: Compare) -> None:
    page = compare(BEFORE, AFTER)
    page.emulate_media(forced_colors="active")
    grounds = page.locator(".bar .part").evaluate_all(GROUNDS)
    assert len(set(grounds)) == len(grounds) == 3


GROUNDS = "all => all.map(one => getComputedStyle(one).background)"


LEAST_CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  let least = 21;
  for (const node of document.querySelectorAll("main *, header *, footer")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
    const pair = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
    least = Math.min(least, (pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return least;
}"""
