"""Pages in one piece: data, style and script in one HTML file that fetches nothing and that a person can mail.

A page is a frame without content. Its script builds everything from the embedded data, with text nodes only: no text of
a user is ever parsed as HTML. The policy in its head allows the one style and the one script, by their hashes, and
Trusted Types forbid even our own script to parse markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from chatml._errors import ConfigError
from chatml._visible import visible


class Page(NamedTuple):
    """What a kind of page is made of: files in `assets/`, joined in this order."""

    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    connects: bool = False  # whether it may ask the server that it came from


_PROMPT = ("base.css", "prompt.css", "inspected.css")
_INSPECTED = ("base.js", "prompt.js", "inspected.js", "summary.js", "cards.js", "tokens.js", "search.js")

# To add one: a line here, and its files in assets/. The last script is the one that draws the page.
PAGES = {
    "inspection": Page(_PROMPT, (*_INSPECTED, "inspection.js")),
    "comparison": Page(("base.css", "comparison.css"), ("base.js", "prompt.js", "comparison.js")),
    "statistics": Page(("base.css", "statistics.css"), ("base.js", "statistics.js")),
    "playground": Page((*_PROMPT, "playground.css"), (*_INSPECTED, "playground.js"), connects=True),
}

_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="chatml">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This page draws itself with its own script, and scripts are switched off here.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(kind: str, title: str, data: Any) -> str:
    """A page of a kind in `PAGES` that shows `data`, a JSON value. Raises `ConfigError` for a kind that there is not.

    The text has no lone surrogate: in `data` they are written as escapes of JSON, in the title as `<U+D800>`.
    """
    style, script = _sources(kind)
    return _FRAME.format(
        policy=page_policy(kind),
        title=escape(visible(title)),
        style=style,
        data=embedded(data),
        script=script,
    )


def embedded(data: Any) -> str:
    """A JSON value as it can stand in a script element, whatever its texts are: without "<", ">" and "&"."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029\0":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate becomes \udXXX, as JSON writes it


def page_policy(kind: str) -> str:
    """The Content-Security-Policy of a kind of page: nothing from anywhere, but its own style and script.

    It stands in the head of the page. A server can send it as a header, too. Raises `ConfigError` as `page` does.
    """
    style, script = _sources(kind)
    allowed = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "connect-src": "'self'" if PAGES[kind].connects else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sources(kind: str) -> tuple[str, str]:
    """The style and the script of a kind of page."""
    if kind not in PAGES:
        raise ConfigError(f"found the page {kind!r}, expected {', '.join(PAGES)}", option="kind")
    return _joined(PAGES[kind].styles), _joined(PAGES[kind].scripts)


@cache
def _joined(names: tuple[str, ...]) -> str:
    folder = files("chatml.views") / "assets"
    return "\n" + "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
