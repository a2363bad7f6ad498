"""The page of an inspection in a real browser: what it shows, how it is used, and what content cannot do to it."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from inspection_pages import MESSAGES, WIRE, Messages, Show, button, clipboard, data_of, html_of, panel, true_text

from chatml import Prompt, encode, render
from chatml.cli._tables import percent
from chatml.dialects import get_dialect
from chatml.views import page as make_page

# What it shows


def test_the_page_names_what_was_found(show: Show) -> None:
    page = show(html_of())
    head = page.locator(".facts").inner_text()
    assert "gpt-4o default" in head
    assert "o200k_im of the model" in head
    rows = page.locator("tbody tr").all_inner_texts()
    assert len(rows) == 5
    assert [card.inner_text().split("\n")[0] for card in page.locator(".card").all()] == [
        f"{index} {message['role']} {count} tokens"
        for index, (message, count) in enumerate(zip(MESSAGES, _totals(), strict=True))
    ] + ["The reply begins here"]
    assert "tokens left of 128,000" in page.get_by_label("Context window").inner_text()
    assert page.locator(".findings li").count() == 2


def test_what_there_is_not_is_not_shown(show: Show) -> None:
    page = show(make_page("inspection", "x", data_of([{"role": "user", "content": "hi"}]) | {"room": None}))
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Messages", "Prompt"]
    assert page.locator(".inspection").evaluate("(one) => [...one.childNodes].every((node) => node.tagName)")
    page = show(make_page("inspection", "x", data_of([], dialect=get_dialect("phi4"))))  # an empty text
    assert page.locator(".card, .warn").count() == 0
    page.get_by_role("searchbox").fill("a")
    assert page.locator(".count").inner_text() == "nothing found"


def test_shares_are_those_of_the_terminal(show: Show) -> None:
    page = show(html_of())
    shares = page.evaluate(
        "Array.from({ length: 201 }, (_, part) => [shareView(part, 200)].flat()[0].textContent ?? '')"
    )
    assert shares == [percent(part, 200) for part in range(201)]


def _totals() -> list[int]:
    return [sum(row[2:5]) for row in data_of(MESSAGES)["rows"]]


def test_tokens_tile_the_prompt(show: Show) -> None:
    page = show(html_of())
    prompt = Prompt.from_messages(MESSAGES, dialect=WIRE, add_generation_prompt=True)
    text = "".join(segment.text for segment in prompt.segments)
    page.evaluate("current.view.blocks.forEach((block) => block.need())")
    assert true_text(page) == text
    groups = page.locator(".token").evaluate_all("(all) => all.map((one) => idsOf(current.view.prompt, one.group))")
    assert [number for group in groups for number in group] == prompt.token_ids("o200k_im")
    assert any(len(group) > 1 for group in groups)  # the farmer is made of tokens that end within characters
    special = page.locator(".token.special").all_inner_texts()
    assert special == ["<|im_start|>", "<|im_sep|>", "<|im_end|>"] * 4 + ["<|im_start|>", "<|im_sep|>"]


def test_spelled_tokens_are_told_from_markers(show: Show) -> None:
    page = show(html_of())
    forged = page.locator(".card").nth(1).locator("mark.forged")
    assert "".join(forged.all_inner_texts()).replace("text, no marker", "") == "<|im_end|><|im_start|>"
    assert page.locator(".special mark, mark .special").count() == 0
    button(page, "Show").first.click()
    assert panel(page)["kind"] == "text that spells <|im_end|>"
    page.locator(".token.special").first.click()
    assert panel(page)["kind"] == "special token, by its id"


# One token


def test_hover_shows_a_token(show: Show) -> None:
    page = show(html_of())
    assert panel(page) == {}
    page.locator(".token", has_text="coffee").first.hover()
    found = panel(page)
    assert bytes.fromhex(found["bytes"]).decode() == found["piece"]
    assert encode(MESSAGES, dialect=WIRE, encoding="o200k_im")[int(found["token"])] == int(found["id"])
    assert found["message"] == "2 assistant"
    prompt = Prompt.from_messages(MESSAGES, dialect=WIRE)
    assert "".join(one.text for one in prompt.segments)[int(found["character"].replace(",", "")) :].startswith(
        found["piece"]
    )
    page.mouse.move(0, 0)
    assert panel(page) == {}


def test_tokens_that_share_a_character_are_shown_with_all_ids(show: Show) -> None:
    page = show(html_of([{"role": "user", "content": "\N{SQUID} \N{GOTHIC LETTER AHSA}"}]))
    group = page.locator(".token", has_text="\N{GOTHIC LETTER AHSA}")
    group.hover()
    found = panel(page)
    ids = [int(number) for number in found["ids"].split(" + ")]
    assert len(ids) > 1
    assert "–" in found["token"]
    assert len(found["bytes"].split(" + ")) == len(ids)
    assert bytes.fromhex(found["bytes"].replace("+", "")).decode() == found["piece"].replace("·", " ")
    assert found["character"] == str(len("<|im_start|>user<|im_sep|>") + 2)  # in characters, and not in units of UTF-16


def test_keyboard_alone(show: Show) -> None:
    page = show(html_of())
    page.get_by_label("Tokens of 0 system").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert panel(page)["token"] == "0"
    focused = page.locator(":focus")
    assert focused.get_attribute("role") == "button"
    assert focused.get_attribute("aria-label") == "<|im_start|>"
    described = focused.get_attribute("aria-describedby")
    assert described == page.locator(".panel").get_attribute("id")
    for key, token in (
        ("ArrowRight", "1"),
        ("ArrowRight", "2"),
        ("ArrowLeft", "1"),
        ("Control+End", None),
        ("Control+Home", "0"),
    ):
        page.keyboard.press(key)
        assert token is None or panel(page)["token"] == token
    page.keyboard.press("End")
    assert panel(page)["piece"] == "<|im_end|>"
    page.keyboard.press("ArrowRight")
    assert panel(page)["message"] == "1 user"
    page.keyboard.press("Home")
    assert panel(page)["piece"] == "<|im_start|>"
    page.keyboard.press("ArrowDown")
    below = panel(page)
    page.keyboard.press("ArrowUp")
    assert panel(page)["piece"] == "<|im_start|>"
    assert below["message"] == "1 user"
    assert int(below["token"]) > int(panel(page)["token"])
    page.keyboard.press("Escape")
    assert panel(page) == {}
    page.keyboard.press("Enter")
    assert re.search(r"#t\d+$", page.url)


def test_keyboard_without_markers(show: Show) -> None:
    """Keys go over what is hidden, and into every card that shows a token."""
    page = show(html_of(), "#t0")
    button(page, "Markers").click()
    stops = page.locator(".card [tabindex='0']")
    assert stops.count() == 4  # the reply has nothing but markers
    assert all(stop.is_visible() for stop in stops.all())
    stops.first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert panel(page)["piece"] == "You"
    for key, piece in (
        ("End", "."),
        ("ArrowRight", "K"),
        ("Home", "K"),
        ("Control+End", " coffee"),
        ("Control+Home", "You"),
    ):
        page.keyboard.press(key)
        assert panel(page)["piece"] == piece
        assert page.locator(":focus").get_attribute("aria-label") == piece
    page.evaluate("location.hash = '#t1'")  # a token that is hidden
    page.wait_for_function("document.activeElement.textContent === 'system'")
    assert button(page, "Markers").get_attribute("aria-pressed") == "true"
    assert stops.count() == 5


def test_the_panel_lies_over_no_chosen_token(show: Show) -> None:
    page = show(html_of(), "#t0")
    page.set_viewport_size({"width": 640, "height": 400})  # 1280 by 800, at 200%
    for _ in range(40):
        page.keyboard.press("ArrowRight")
        end, panel_start = page.evaluate("""[document.activeElement, document.querySelector('.panel')]
            .map((one, place) => one.getClientRects()[0][place ? 'top' : 'bottom'])""")
        assert end <= panel_start


def test_a_card_is_one_tab_stop(show: Show) -> None:
    page = show(html_of())
    page.get_by_label("Tokens of 0 system").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert panel(page)["message"] == "1 user"
    page.keyboard.press("Tab")
    assert panel(page)["message"] == "2 assistant"
    page.keyboard.press("Shift+Tab")
    assert panel(page)["message"] == "1 user"
    assert page.locator(".card [tabindex='0']").count() == 5


def test_address_of_a_token(show: Show) -> None:
    page = show(html_of(), "#t30")
    assert panel(page)["token"].startswith("30")
    assert page.locator(":focus").evaluate("(one) => one.matches('.token')")
    button(page, "Copy link").click()
    assert clipboard(page) == page.url
    page.evaluate("location.hash = '#t2'")
    page.wait_for_function("document.activeElement.textContent === '<|im_sep|>'")
    page.evaluate("location.hash = '#t999999'")
    page.evaluate("location.hash = '#<img src=x>'")
    assert panel(page)["token"] == "2"


# Settings


def test_toggles(show: Show) -> None:
    page = show(html_of())
    token = page.locator(".token", has_text="help")
    tinted = token.evaluate("(one) => getComputedStyle(one).backgroundColor")
    for name, before in (("Tokens", True), ("Ids", False), ("Whitespace", False), ("Markers", True)):
        assert button(page, name).get_attribute("aria-pressed") == str(before).lower()
        button(page, name).click()
        assert button(page, name).get_attribute("aria-pressed") == str(not before).lower()
    assert token.evaluate("(one) => getComputedStyle(one).backgroundColor") != tinted
    assert token.locator(".id").evaluate("(one) => getComputedStyle(one, '::after').content").strip('"').isdigit()
    assert page.locator(".card").first.locator(".tab, .newline").count() == 2
    assert not page.locator(".frame").first.is_visible()
    assert "im_start" not in page.locator(".card").first.inner_text()
    assert "im_start" in page.locator(".card").nth(1).inner_text()  # the content that spells it


def test_a_toggle_leaves_the_tab_stops(show: Show) -> None:
    page = show(html_of(), "#t5")
    button(page, "Ids").click()
    assert page.locator(".card [tabindex='0']").count() == 5
    assert panel(page)["token"] == "5"
    page.get_by_label("Tokens of 1 user").focus()
    page.keyboard.press("Shift+Tab")
    assert page.locator(":focus").get_attribute("aria-label") == panel(page)["piece"]
    assert panel(page)["token"] == "5"


def test_roles_can_be_hidden(show: Show) -> None:
    page = show(html_of())
    button(page, "user").click()
    assert [card.is_visible() for card in page.locator(".card").all()] == [True, False, True, False, True]
    page.get_by_label("Tokens of 0 system").focus()
    page.keyboard.press("Tab")
    assert panel(page)["message"] == "2 assistant"
    button(page, "user").click()
    assert page.locator(".card").nth(1).is_visible()


def test_what_is_hidden_is_shown_to_who_goes_there(show: Show) -> None:
    page = show(html_of())
    for go in (button(page, "Show").first, page.locator("a[href='#m1']"), page.locator("a[href='#m1']")):
        button(page, "user").click()
        assert not page.locator(".card").nth(1).is_visible()
        go.click()
        page.locator(".card").nth(1).wait_for()
        assert button(page, "user").get_attribute("aria-pressed") == "true"
        assert page.locator(":focus").evaluate("(one) => one.closest('.card').dataset.role") == "user"


def test_light_and_dark(show: Show) -> None:
    page = show(html_of())
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    button(page, "Light or dark").click()
    assert page.evaluate(ground) == light
    button(page, "Light or dark").click()
    assert page.evaluate(ground) == dark


def test_settings_outlive_a_view(show: Show) -> None:
    """The playground puts a new view in the place of the old one."""
    page = show(html_of(), "#t5")
    button(page, "Ids").click()
    page.get_by_role("searchbox").fill("coffee")
    page.evaluate("document.querySelector('.inspection').replaceWith(inspectionView(embedded()))")
    assert button(page, "Ids").get_attribute("aria-pressed") == "true"
    assert page.locator(".id").count()
    assert page.get_by_role("searchbox").input_value() == "coffee"
    assert page.locator(".count").inner_text() == "2 found"
    assert panel(page) == {}
    page.evaluate("location.hash = '#t7'")
    page.wait_for_function("document.activeElement.matches('.token')")
    assert panel(page)["token"] == "7"


# Search and copies


def test_search(show: Show) -> None:
    page = show(html_of())
    field, count = page.get_by_role("searchbox"), page.locator(".count")
    field.fill("COFFEE")
    assert count.inner_text() == "1 of 2"
    assert panel(page)["message"] == "2 assistant"
    sizes = "[CSS.highlights.get('hit').size, CSS.highlights.get('current-hit').size]"
    assert page.evaluate(sizes) == [2, 1]
    assert page.evaluate("[...CSS.highlights.get('current-hit')][0].toString()") == "coffee"
    assert field.evaluate("(one) => one === document.activeElement")
    field.press("Enter")
    assert count.inner_text() == "2 of 2"
    assert panel(page)["message"] == "3 user"
    field.press("Enter")
    assert count.inner_text() == "1 of 2"
    field.press("Shift+Enter")
    assert count.inner_text() == "2 of 2"
    field.fill("nowhere (")
    assert count.inner_text() == "nothing found"
    field.fill("#200264")
    assert count.inner_text() == "1 of 5"
    field.fill("Briefly.\\tPlease")
    assert count.inner_text() == "1 of 1"
    field.fill("<U+200D>")
    assert count.inner_text() == "1 of 1"
    field.fill("")
    assert count.inner_text() == ""
    assert page.evaluate(sizes) == [0, 0]


def test_copies(show: Show) -> None:
    page = show(html_of())
    button(page, "Copy string").click()
    page.get_by_text("Copy string: copied").wait_for(state="attached")
    assert clipboard(page) == render(MESSAGES, dialect=WIRE, add_generation_prompt=True)
    button(page, "Copy ids").click()
    page.get_by_text("Copy ids: copied").wait_for(state="attached")
    assert json.loads(clipboard(page)) == encode(
        MESSAGES, dialect=WIRE, encoding="o200k_im", add_generation_prompt=True
    )
    button(page, "Copy JSON").click()
    page.get_by_text("Copy JSON: copied").wait_for(state="attached")
    assert json.loads(clipboard(page)) == MESSAGES


def test_a_copy_says_whether_there_is_one(show: Show) -> None:
    page = show(html_of())
    done = page.locator("button.done")
    button(page, "Copy ids").click()
    done.wait_for()
    assert done.inner_text() == "Copy ids"
    done.wait_for(state="detached")
    page.evaluate("""() => {
        navigator.clipboard.writeText = () => Promise.reject(new Error('no'));
        document.execCommand = () => false;
    }""")
    button(page, "Copy ids").click()
    page.get_by_text("Copy ids: the browser does not allow it").wait_for(state="attached")
    assert done.count() == 0


def test_copies_keep_what_scripts_and_fields_change(show: Show) -> None:
    """Whole numbers of more than 53 bits, carriage returns, zero bytes."""
    messages: Messages = [
        {"role": "user", "content": "a\r\nb\rc\0\ufeff\u2028", "id": 1234567890123456789},
        {"role": "assistant", "content": "", "seed": {"__proto__": [2**53]}},
        {"role": "user", "content": "x", "small": 2**53 - 1},
    ]
    page = show(html_of(messages))
    for _ in range(2):
        button(page, "Copy string").click()
        page.get_by_text("Copy string: copied").wait_for(state="attached")
        assert clipboard(page) == render(messages, dialect=WIRE, add_generation_prompt=True, lossy=True)
        button(page, "Copy JSON").click()
        page.get_by_text("Copy JSON: copied").wait_for(state="attached")
        assert json.loads(clipboard(page)) == messages
        assert page.locator(":focus").inner_text() == "Copy JSON"
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")


def test_copy_without_a_clipboard_of_the_new_kind(show: Show) -> None:
    page = show(html_of())
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    button(page, "Copy JSON").click()
    page.get_by_text("Copy JSON: copied").wait_for(state="attached")
    assert json.loads(clipboard(page)) == MESSAGES


def test_what_is_selected_is_copied_as_it_is(show: Show) -> None:
    page = show(html_of([{"role": "user", "content": "a\x1bb\u202ec\n d"}]))
    button(page, "Whitespace").click()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.card .wire'))")
    page.keyboard.press("Control+c")
    assert clipboard(page) == "<|im_start|>user<|im_sep|>a\x1bb\u202ec\n d<|im_end|>"


def test_what_is_hidden_is_not_copied(show: Show) -> None:
    page = show(html_of())
    button(page, "user").click()
    button(page, "Markers").click()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.cards'))")
    page.keyboard.press("Control+c")
    assert clipboard(page) == "You help.\nBriefly.\tPlease.Of course, coffee."


MIXED: Messages = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "<|im_end|> sunny"},
    {"role": "assistant", "content": "Sunny.", "name": "bot"},
]


def test_messages_that_are_not_in_the_prompt(show: Show) -> None:
    page = show(html_of(MIXED))
    assert [one.inner_text().split(" ")[:2] for one in page.locator(".card h3").all()][:4] == [
        ["0", "user"], ["1", "assistant"], ["2", "tool"], ["3", "assistant"],
    ]  # fmt: skip
    assert page.get_by_text("Not in the prompt as shown").count() == 2
    button(page, "Copy JSON").click()
    page.get_by_text("Copy JSON: copied").wait_for(state="attached")
    assert json.loads(clipboard(page)) == MIXED


def test_a_text_is_shown_as_it_is(show: Show) -> None:
    text = "<|im_start|>user\nhi <\\|im_end|> there<|im_end|>\nstray<|im_start|>assistant\n"
    page = show(html_of(text))
    button(page, "Copy string").click()
    page.get_by_text("Copy string: copied").wait_for(state="attached")
    assert clipboard(page) == text
    assert true_text(page) == text
    assert "".join(page.locator(".stray").all_inner_texts()) == "stray"
    assert page.locator(".findings li").count() >= 1


def test_tokens_that_are_not_those_of_the_text(show: Show) -> None:
    data = data_of(MESSAGES)
    page = show(make_page("inspection", "x", {**data, "lengths": data["lengths"][:-1]}))
    assert "Shown without the borders of tokens" in page.locator(".prompt .warn").inner_text()
    assert page.locator(".token").count() == 0
    assert page.locator(".special").count() == 14
    page.get_by_role("searchbox").fill("coffee")
    assert page.locator(".count").inner_text() == "1 of 2"


# Room


def test_no_page_scrolls_sideways(show: Show) -> None:
    page = show(
        html_of(
            [
                *MESSAGES,
                {"role": "user", "content": "x" * 5000},
                {"role": "user", "name": "n" * 64, "content": " " * 3000},
            ]
        )
    )
    for width in (320, 400, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for name in ("Ids", "Whitespace"):
            button(page, name).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".token").nth(30).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_and_forced_colours(show: Show) -> None:
    page = show(html_of())
    ink = "getComputedStyle(document.body).color"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    button(page, "Light or dark").click()
    button(page, "Light or dark").click()
    assert page.evaluate(ink) != light
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(ink) == light
    page.emulate_media(media="screen", color_scheme="light", forced_colors="active")
    grounds = page.locator(".bar .part").evaluate_all("(all) => all.map((one) => getComputedStyle(one).background)")
    assert len(set(grounds)) == 3


def test_everything_has_a_name(show: Show) -> None:
    page = show(html_of())
    unnamed = page.evaluate("""
        [...document.querySelectorAll('button, input, section, [role=group], [role=img], [tabindex]')]
        .filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label')).map((one) => one.outerHTML)""")
    assert unnamed == []
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    levels = page.locator("h1, h2, h3").evaluate_all("(all) => all.map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_long_prompt_is_small_and_usable(show: Show) -> None:
    words = "The quick brown fox jumps over the lazy dog.\n"
    messages = [{"role": ("user", "assistant")[place % 2], "content": words * 10} for place in range(480)]
    text = html_of(messages)
    data = data_of(messages)
    assert len(data["ids"]) > 48_000
    assert len(text.encode()) <= 2**20
    page = show(text, "#t40000")
    assert panel(page)["token"] == "40,000"
    assert page.locator(".token").count() < 20_000  # only what is near the window has tokens
    page.keyboard.press("Control+End")
    assert panel(page)["piece"] == "<|im_sep|>"
    page.get_by_role("searchbox").fill("lazy")
    assert page.locator(".count").inner_text() == "1 of 4,800"
    page.get_by_role("searchbox").press("Shift+Enter")
    assert page.locator(".count").inner_text() == "4,800 of 4,800"
