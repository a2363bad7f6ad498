"""Pages: what is embedded cannot end its element, and the policy allows what stands in the page and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert "<title>&lt;/title&gt;\ufffd</title>" in text
    assert ("connect-src 'self'" in policy[1]) == PAGES[kind].connects


def test_unknown_kind() -> None:
    with pytest.raises(ConfigError) as caught:
        page("x", "", {})
    assert str(caught.value) == f"kind: found the page 'x', expected {', '.join(PAGES)}"
