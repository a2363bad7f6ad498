"""The page of `chatml stats --html` in a real browser: charts, their values by hover and keyboard, and no content."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chatml._distribution import Distribution, buckets
from chatml.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]
SECRET = "Sesame</script><img src=x onerror=alert(1)>"
CHARTS = ("Tokens per conversation", "Longer than", "Messages per conversation", "Tokens by role", "Tokens by place")


def rows(count: int) -> list[dict[str, Any]]:
    chance = random.Random(4)
    found: list[dict[str, Any]] = []
    for number in range(count):
        turns = [
            {
                "role": ("user", "assistant")[turn % 2],
                "content": f"{SECRET} {number} " + "word " * chance.randrange(200),
            }
            for turn in range(chance.randrange(1, 9))
        ]
        found.append(chance.choice(found) if number % 10 == 9 else {"messages": turns})
    return found


@pytest.fixture
def html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that writes rows and gives the page about them."""
    monkeypatch.chdir(tmp_path)

    def make(found: list[Any], *options: str, name: str = "rows.jsonl") -> str:
        text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in found)
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert main(["stats", name, "--html", "page.html", *options]) in (0, 1, 2)
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return make


def section(page: Page, title: str) -> Any:
    return page.locator("section", has=page.get_by_role("heading", name=title, exact=True))


def test_it_shows_all_charts(show: Show, html: Callable[..., str]) -> None:
    page = show(html(rows(120), "--max-tokens", "500"))
    assert page.get_by_role("heading", level=1).inner_text() == "120 conversations in rows.jsonl"
    for title in CHARTS:
        assert section(page, title).locator("svg").is_visible()
    assert section(page, "Duplicates").locator("tbody tr").count() > 3
    assert page.locator(".limit-name").text_content() == "500 --max-tokens"
    assert page.locator(".over").count() >= 1


def test_values_by_keyboard_are_those_of_the_table(show: Show, html: Callable[..., str]) -> None:
    page = show(html(rows(60)))
    for title in CHARTS:
        chart, readout = section(page, title).locator(".chart"), section(page, title).locator(".readout")
        keys = ("ArrowLeft", "ArrowRight") if title == "Longer than" else ("ArrowUp", "ArrowDown")
        chart.focus()
        first = readout.inner_text()
        chart.press("End")
        last = readout.inner_text()
        chart.press(keys[0])
        chart.press(keys[1])
        assert readout.inner_text() == last != ""
        chart.press("Home")
        assert readout.inner_text() == first
        section(page, title).locator("summary").click()
        cells = section(page, title).locator("tbody tr").last.locator("th, td").all_inner_texts()
        assert cells[0] in last
        assert set(re.findall(r"[\d,]*\d", cells[1])) <= set(re.findall(r"[\d,]*\d", last))


def test_values_by_hover(show: Show, html: Callable[..., str]) -> None:
    page = show(html(rows(60)))
    for title in CHARTS:
        chart, readout = section(page, title).locator(".chart"), section(page, title).locator(".readout")
        chart.scroll_into_view_if_needed()
        chart.hover(position={"x": 200, "y": 12})
        assert re.search(r"\d", readout.inner_text()), title


def test_a_histogram_is_the_one_of_the_library(show: Show, html: Callable[..., str]) -> None:
    found = rows(60)
    page = show(html(found))
    section(page, "Messages per conversation").locator("summary").click()
    counts = section(page, "Messages per conversation").locator("tbody tr td:nth-child(2)").all_inner_texts()
    expected = buckets(Distribution(len(one["messages"]) for one in found))
    assert [int(count.replace(",", "")) for count in counts] == [one.size for one in expected]


def test_no_content_is_in_it(show: Show, html: Callable[..., str]) -> None:
    role = {"role": "mallory", "content": "x"}
    bad = {"messages": [{"role": "Not A Role", "content": "Sesame"}]}
    text = html([*rows(30), {"messages": [role]}, bad, '{"Sesame": '], "--model", "gpt-4o")
    for secret in ("Sesame", "mallory", "Not A Role", "onerror", "word"):
        assert secret not in re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)
    page = show(text)
    assert section(page, "Not counted").locator("tbody tr").all_inner_texts() == [
        "rows.jsonl:32\tfaulty messages",
        "rows.jsonl:33\tnot valid JSON",
    ]


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>.jsonl", "\u202egnp.jsonl", "&lt;b&gt;.jsonl", "a\nb.jsonl"]
)
def test_a_hostile_name_is_text(show: Show, html: Callable[..., str], name: str) -> None:
    page = show(html(rows(12), name=name))
    assert page.locator("img").count() == 0
    heading = page.get_by_role("heading", level=1).inner_text()
    assert heading.endswith(name.replace("\u202e", "<U+202E>").replace("\n", "\\n"))


@pytest.mark.parametrize("found", [[], ["{"], [{"messages": []}], rows(1)])
def test_little_data(show: Show, html: Callable[..., str], found: list[Any]) -> None:
    page = show(html(found))
    assert page.locator("h1").is_visible()


def test_it_fits_and_can_be_read(show: Show, html: Callable[..., str]) -> None:
    page = show(html(rows(60), "--max-tokens", "500"))
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colors = page.evaluate(COLORS)
        for color, ground in colors[:2] + colors[4:5]:
            assert contrast(color, ground) >= 4.5
        for color, ground in colors:
            assert contrast(color, ground) >= 3
    page.emulate_media(forced_colors="active")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert {color for color, _ in page.evaluate(COLORS)[:3]} == {ink}


COLORS = """() => ["text", ".label", ".bar", ".over", ".limit-name", ".curve"].map((one) => {
    const style = getComputedStyle(document.querySelector(`.chart ${one}`));
    const ground = getComputedStyle(document.body).backgroundColor;
    return [style.stroke === "none" ? style.fill : style.stroke, ground];
})"""


def contrast(*colors: str) -> float:
    """The contrast of two colours as WCAG 2 defines it."""
    light = []
    for color in colors:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        light.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(light) + 0.05) / (min(light) + 0.05)
