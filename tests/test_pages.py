"""Pages: what is embedded cannot end its element, and the policy allows what stands in the page and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml import views
from chatml._errors import ConfigError
from chatml.views import PAGES, page
from chatml.views._page import embedded

FRAGMENTS = (
    "</script",
    ">",
    "<!--",
    "<script",
    "-->",
    "]]>",
    "\ud800",
    "\udc00",
    "\u2028",
    "\0",
    "&lt;",
    '"',
    "\\",
    "a",
)
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


def check(text: str, write: Callable[[object], str] = embedded) -> None:
    written = write({"text": text})
    assert not set(written) & set("<>&\u2028\u2029\0")
    # a high and a low surrogate side by side are one character in JSON, as they are in UTF-16
    assert json.loads(written)["text"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    written.encode()


@given(texts)
def test_embedded_data_cannot_leave_its_element(text: str) -> None:
    check(text)


def test_plain_json_is_caught() -> None:
    with pytest.raises(AssertionError):
        check("</script>", json.dumps)


@pytest.mark.parametrize("kind", PAGES)
def test_the_policy_allows_what_is_there_and_nothing_else(kind: str) -> None:
    text = page(kind, "</title>\ud800", {})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for name in ("style", "script"):
        (source,) = re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert "<title>&lt;/title&gt;&lt;U+D800&gt;</title>" in text
    assert ("connect-src 'self'" in policy[1]) == PAGES[kind].connects


def test_unknown_kind() -> None:
    with pytest.raises(ConfigError) as caught:
        page("x", "", {})
    assert str(caught.value) == f"kind: found the page 'x', expected {', '.join(PAGES)}"


# Colours: what stands on what, by the names of variables

TOKENS = tuple(f"token-{place}" for place in range(5))
STANDS_ON = {
    "ink": ("ground", "raised", "inserted", "deleted", *TOKENS),
    "faint": ("ground", "raised", *TOKENS),  # ids and the frame stand on tokens
    "link": ("ground", "raised"),
    "good": ("ground", "raised"),
    "warn": ("ground", "raised"),
    "bad": ("ground", "raised", "on-marker", *TOKENS),
    "on-marker": ("marker", "bad"),
    "on-hit": ("hit", "current-hit"),
    "system": ("ground",),
    "user": ("ground",),
    "assistant": ("ground",),
    "tool": ("ground",),
}
NO_TEXT = {"line"}  # lines between things that are apart without them


def colours() -> dict[str, tuple[str, str]]:
    """The colours of variables, in light and dark. Each is defined as a pair, and no rule names a colour itself."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted((Path(views.__file__).parent / "assets").glob("*.css")):
        text = path.read_text(encoding="utf-8")
        pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
        assert not {name for name, *_ in pairs} & found.keys()
        found |= {name: (light, dark) for name, light, dark in pairs}
        assert len(re.findall(r"#[0-9a-fA-F]{3,8}\b", text)) == 2 * len(pairs), f"a colour of its own in {path.name}"
    return found


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", STANDS_ON)
def test_text_can_be_read(name: str, scheme: int) -> None:
    known = colours()
    for ground in STANDS_ON[name]:
        found = contrast(known[name][scheme], known[ground][scheme])
        assert found >= 4.5, f"{name} on {ground}: {found:.2f}"


def test_every_colour_is_looked_at() -> None:
    assert colours().keys() == {*STANDS_ON, *(one for grounds in STANDS_ON.values() for one in grounds)} | NO_TEXT


def test_scripts_never_parse_markup() -> None:
    """Trusted Types forbid it in the browser, too; this names the line."""
    for path in sorted((Path(views.__file__).parent / "assets").glob("*.js")):
        text = re.sub(r"//.*|/\*.*?\*/", "", path.read_text(encoding="utf-8"))
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"):
            assert word not in text, f"{word} in {path.name}"
        assert not re.search(r"setAttribute\(\s*[\"'](style|on)", text)
