"""The page of `chatml serve` in a real browser: typing, choosing, errors, hostile text, answers out of order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from chatml import count

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the capital of France?"}]
TEXT = json.dumps(MESSAGES)
LONG = json.dumps([MESSAGES[0], *({"role": "user", "content": f"Question {place}?"} for place in range(40))])
HOSTILE = "</script><script>window.hit=1</script><img src=x onerror='window.hit=1'>\u202e\x1b[2J<|im_end|>{{7*7}}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CHATML")}
    process = subprocess.Popen(
        [sys.executable, "-m", "chatml", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def playground(page: Page, url: str) -> Page:
    page.goto(url)
    return page


def total(page: Page, tokens: int) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent === text",
        arg=[".count-of-tokens", f"{tokens:,} token{'' if tokens == 1 else 's'}"],
    )


def wire(page: Page) -> str:
    return "".join(page.locator(".shown .wire").all_text_contents())


def tokens_of(text: str, **options: Any) -> int:
    return count(json.loads(text), **{"model": "gpt-4o", **options})


def test_an_empty_page_offers_examples(playground: Page) -> None:
    assert playground.locator(".empty").is_visible()
    assert not playground.locator(".totals").is_visible()
    playground.get_by_role("button", name="Conversation").last.click()
    playground.wait_for_selector(".inspection")
    assert playground.input_value("#text").startswith("[")


def test_typing_shows_tokens(playground: Page) -> None:
    playground.locator("#text").press_sequentially(TEXT, delay=2)
    total(playground, tokens_of(TEXT))
    assert "What is the capital of France?" in wire(playground)
    assert playground.locator(".token").count() >= tokens_of(TEXT)
    assert not playground.locator("[aria-invalid]").count()


def test_the_model_changes_the_count(playground: Page) -> None:
    playground.fill("#text", TEXT)
    for model in ("gpt-4", "gpt-3.5-turbo-0301", "gpt-4o"):
        playground.fill("#model", model)
        total(playground, tokens_of(TEXT, model=model))
        assert model in playground.locator(".totals").inner_text()


def test_the_dialect_and_encoding_change_it(playground: Page) -> None:
    playground.fill("#text", TEXT)
    playground.select_option("#dialect", "chatml")
    playground.locator(".wire", has_text="<|im_start|>").first.wait_for()
    playground.select_option("#encoding", "o200k_im")
    playground.locator(".totals", has_text="o200k_im").wait_for()


def test_tools_count(playground: Page) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    playground.fill("#text", TEXT)
    playground.locator("details.tools > summary").click()
    playground.fill("#tools", json.dumps(tools))
    total(playground, tokens_of(TEXT, tools=tools))


def test_the_fitted_version(playground: Page) -> None:
    playground.fill("#text", LONG)
    playground.fill("#max_tokens", "60")
    tab = playground.get_by_role("tab", name="Fitted: ")
    tab.wait_for()
    tab.click()
    playground.locator(".fate", has_text="of 60 tokens").wait_for()
    assert "Question 39?" in wire(playground)
    assert "Question 1?" not in wire(playground)
    playground.keyboard.press("ArrowLeft")
    assert playground.get_by_role("tab", name="As given").get_attribute("aria-selected") == "true"
    assert "Question 1?" in wire(playground)
    playground.fill("#max_tokens", "3")
    playground.locator("#max_tokens-problem", has_text="at least").wait_for()
    playground.get_by_role("tab", name="Fitted").click()
    playground.locator(".fate", has_text="at least").wait_for()


def test_what_is_over_the_budget_is_said(playground: Page) -> None:
    playground.fill("#text", LONG)
    playground.fill("#max_tokens", "60")
    playground.locator(".totals", has_text=f"{tokens_of(LONG) - 60:,} over the budget of 60").wait_for()
    playground.fill("#max_tokens", "100,000")
    playground.locator(".totals .bad:empty").wait_for(state="attached")


def test_an_example_can_be_undone(playground: Page) -> None:
    for button in ("ChatML", "Clear"):
        playground.fill("#text", "")
        playground.locator("#text").press_sequentially("typed by hand")
        playground.locator(".examples").get_by_role("button", name=button, exact=True).click()
        assert "typed" not in playground.input_value("#text")
        assert playground.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["text", 0]
        playground.keyboard.press("Control+z")
        assert "typed by hand" in playground.input_value("#text")


def test_a_budget_that_is_no_number(playground: Page) -> None:
    playground.fill("#text", TEXT)
    for wrong in ("1.5", "-1", "many", "1e9", "9" * 20):
        playground.fill("#max_tokens", wrong)
        playground.locator("#max_tokens-problem", has_text="whole number").wait_for()
    playground.fill("#max_tokens", "1,000")
    total(playground, tokens_of(TEXT))
    playground.locator("#max_tokens-problem:empty").wait_for(state="attached")


def test_errors_stand_at_their_fields(playground: Page) -> None:
    playground.fill("#text", TEXT)
    total(playground, tokens_of(TEXT))
    playground.fill("#model", "gpt-9000")
    playground.locator("#model-problem", has_text="unknown model").wait_for()
    assert playground.get_attribute("#model", "aria-invalid") == "true"
    assert "model-problem" in (playground.get_attribute("#model", "aria-describedby") or "")
    assert playground.locator(".stale").is_visible()
    assert "France" in wire(playground), "what was there stays"
    playground.fill("#model", "")
    playground.locator(".stale").wait_for(state="hidden")
    assert not playground.locator("[aria-invalid]").count()


def test_a_place_can_be_gone_to(playground: Page) -> None:
    playground.fill("#text", '[{"role": "user", "content": "😀😀"},\n {"role": "usr!", "content": "hi"}]')
    playground.locator("#text-problem").get_by_role("button").click()
    selected = "const area = document.getElementById('text'); area.value.slice(area.selectionStart, area.selectionEnd)"
    assert playground.evaluate(selected) == '"usr!"'


def test_the_linter_speaks(playground: Page) -> None:
    playground.fill("#text", "<|im_start|>user\nhi")
    playground.locator(".lint", has_text="CML001").wait_for()


def test_several_conversations(playground: Page) -> None:
    playground.fill("#text", "\n".join(json.dumps({"messages": MESSAGES[place:]}) for place in range(2)))
    playground.locator("#document").wait_for()
    total(playground, tokens_of(TEXT))
    playground.select_option("#document", "1")
    total(playground, tokens_of(json.dumps(MESSAGES[1:])))


def test_hostile_text_is_text(playground: Page) -> None:
    playground.fill(
        "#text", json.dumps([{"role": "user", "content": HOSTILE, "name": "x"}, {"role": "</b>", "content": ""}])
    )
    playground.locator("#text-problem", has_text="role").wait_for()
    playground.fill("#text", json.dumps([{"role": "user", "content": HOSTILE, HOSTILE: 1}]))
    playground.locator(".shown .forged").first.wait_for()
    playground.fill("#model", HOSTILE)
    playground.locator("#model-problem", has_text="unknown model").wait_for()
    assert "window.hit=1" in wire(playground)
    assert playground.evaluate("window.hit") is None
    assert not playground.locator("img").count()
    assert "\u202e" not in playground.locator(".shown").inner_text()


def test_answers_out_of_order_are_left_out(playground: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "first" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    playground.route("**/inspect", hold)
    playground.evaluate("AbortController.prototype.abort = () => {}")  # as if the old one could not be stopped
    playground.fill("#text", "the first text")
    playground.wait_for_timeout(400)
    playground.fill("#text", "another")
    total(playground, 1)
    assert held
    held[0].continue_()
    playground.wait_for_timeout(500)
    total(playground, 1)
    assert wire(playground) == "another"


def test_old_requests_are_stopped(playground: Page) -> None:
    stopped: list[str] = []
    playground.on("requestfailed", lambda request: stopped.append(request.failure or ""))
    playground.route(
        "**/inspect", lambda route: None if "first" in (route.request.post_data or "") else route.continue_()
    )
    playground.fill("#text", "the first text")
    playground.wait_for_timeout(400)
    playground.fill("#text", "another")
    total(playground, 1)
    assert stopped == ["net::ERR_ABORTED"]


def test_a_server_that_is_gone(playground: Page, problems: list[str]) -> None:
    playground.fill("#text", TEXT)
    total(playground, tokens_of(TEXT))
    playground.route("**/inspect", lambda route: route.abort("connectionrefused"))
    playground.fill("#text", "x")
    playground.locator(".stale", has_text="still running").wait_for()
    playground.unroute("**/inspect")
    playground.fill("#text", "another")
    total(playground, 1)
    assert all("ERR_CONNECTION_REFUSED" in one for one in problems)
    problems.clear()


def test_text_that_is_too_large_is_not_sent(playground: Page) -> None:
    asked: list[str] = []
    playground.on("request", lambda request: asked.append(request.url))
    playground.evaluate("document.getElementById('text').value = 'x'.repeat(5 * 2 ** 20)")
    playground.dispatch_event("#text", "input")
    playground.locator("#text-problem", has_text="--max-size").wait_for()
    assert not asked


def test_the_form_is_kept_over_a_reload(playground: Page) -> None:
    playground.fill("#text", TEXT)
    playground.fill("#model", "gpt-4")
    total(playground, tokens_of(TEXT, model="gpt-4"))
    playground.reload()
    total(playground, tokens_of(TEXT, model="gpt-4"))
    assert playground.input_value("#text") == TEXT
    assert "?" not in playground.url
    assert "France" not in playground.url


def test_plain_text_can_become_a_message(playground: Page) -> None:
    plain = 'Say "hi",\nthen 再见.'
    playground.fill("#text", plain)
    playground.get_by_role("button", name="Make it a user message").click()
    total(playground, count([{"role": "user", "content": plain}], model="gpt-4o"))
    assert not playground.locator(".plain").is_visible()
    playground.keyboard.press("Control+z")
    playground.locator(".plain").wait_for()
    assert playground.input_value("#text") == plain


def test_before_the_first_answer(playground: Page) -> None:
    playground.fill("#text", TEXT)
    total(playground, tokens_of(TEXT))
    playground.route("**/inspect", lambda _: None)
    playground.reload()
    playground.locator(".empty", has_text="working").wait_for()
    assert not playground.locator("#document").is_visible()
    playground.unroute("**/inspect")
    playground.fill("#text", "another")
    total(playground, 1)


def test_what_was_typed_last_is_kept(playground: Page) -> None:
    playground.evaluate("""() => {
      const area = document.getElementById("text");
      area.value = "typed just now";
      area.dispatchEvent(new Event("input", { bubbles: true }));
      location.reload();
    }""")
    total(playground, 3)
    assert playground.input_value("#text") == "typed just now"


def test_typing_in_the_middle_of_a_long_text(playground: Page) -> None:
    text = json.dumps([{"role": "user", "content": "hello world " * 16_000}])
    playground.fill("#text", text)
    playground.wait_for_selector(".inspection")
    playground.evaluate("() => document.getElementById('text').setSelectionRange(40, 40)")
    typed = "The quick brown fox "
    playground.keyboard.type(typed, delay=30)
    assert playground.input_value("#text") == text[:40] + typed + text[40:]
    assert playground.evaluate("document.getElementById('text').selectionStart") == 40 + len(typed)


def test_without_storage(page: Page, url: str) -> None:
    page.add_init_script("Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('none'); } })")
    page.goto(url)
    page.fill("#text", TEXT)
    total(page, tokens_of(TEXT))


@pytest.mark.parametrize("kept", ["[", "null", "3", '{"text": 3, "model": {}, "__proto__": 1}', '"x"', "[1]"])
def test_any_storage(page: Page, url: str, kept: str) -> None:
    page.add_init_script(f"sessionStorage.setItem('chatml playground', {json.dumps(kept)})")
    page.goto(url)
    assert page.locator(".empty").is_visible()


def test_what_came_out_is_said(playground: Page) -> None:
    playground.fill("#text", TEXT)
    playground.locator("[aria-live=polite]", has_text=f"{tokens_of(TEXT)} tokens").wait_for(state="attached")


def test_every_field_has_a_name(playground: Page) -> None:
    playground.get_by_role("button", name="Over budget").first.click()
    playground.wait_for_selector(".inspection")
    nameless = """[...document.querySelectorAll("input, select, textarea")].filter(
        (one) => !one.labels?.length && !one.getAttribute("aria-label")).map((one) => one.id)"""
    assert playground.evaluate(nameless) == []
    ids = "[...document.querySelectorAll('[id]')].map((one) => one.id)"
    found = playground.evaluate(ids)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(playground: Page, width: int, scheme: Any) -> None:
    playground.set_viewport_size({"width": width, "height": 900})
    playground.emulate_media(color_scheme=scheme)
    for name in ("Forged marker", "Tool call", "Over budget"):
        playground.locator(".examples").get_by_role("button", name=name).click()
        playground.wait_for_selector(".inspection")
        playground.wait_for_timeout(300)
        assert playground.evaluate("document.documentElement.scrollWidth") <= width


def test_long_text_is_shown_soon(playground: Page) -> None:
    messages = [{"role": "user", "content": "hello world this is a sentence of words " * 20} for _ in range(300)]
    text = json.dumps(messages)
    playground.evaluate("(text) => { document.getElementById('text').value = text; }", text)
    playground.dispatch_event("#text", "input")
    total(playground, tokens_of(text))
    milliseconds = playground.evaluate("""async () => {
      const area = document.getElementById("text");
      area.value += " ";
      const started = performance.now();
      area.dispatchEvent(new Event("input", { bubbles: true }));
      const old = document.querySelector(".inspection");
      while (document.querySelector(".inspection") === old) await new Promise(requestAnimationFrame);
      return performance.now() - started;
    }""")
    assert milliseconds < 5000  # 400 on a machine that has time
