"""TXT001."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatml.lint._rule import Context, Example, FileRule, Finding, Span

_SAMPLE = "sk-" + "proj-" + "a1B2c3D4e5F6g7H8" * 3  # in pieces, so that nobody takes this file for one with a key


class _Kind(NamedTuple):
    """A kind of secret: what it begins with, which is searched first, and its whole form."""

    what: str
    begin: str
    pattern: re.Pattern[str]


def _kind(what: str, begin: str, rest: str) -> _Kind:
    return _Kind(what, begin, re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(begin)}{rest}(?![A-Za-z0-9])"))


_KINDS = (
    _kind("an API key of OpenAI", "sk-", r"(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,200}"),
    _kind("a token of GitHub", "ghp_", r"[A-Za-z0-9]{36,255}"),
    _kind("a token of GitHub", "gho_", r"[A-Za-z0-9]{36,255}"),
    _kind("a token of GitHub", "ghs_", r"[A-Za-z0-9]{36,255}"),
    _kind("a token of GitHub", "github_pat_", r"[A-Za-z0-9_]{60,255}"),
    _kind("a token of GitLab", "glpat-", r"[A-Za-z0-9_-]{20,64}"),
    _kind("a token of Hugging Face", "hf_", r"[A-Za-z0-9]{34,64}"),
    _kind("an access key of AWS", "AKIA", r"[A-Z2-7]{16}"),
    _kind("an API key of Google", "AIza", r"[A-Za-z0-9_-]{35}"),
    _kind("a token of Slack", "xoxb-", r"[0-9]{10,13}-[A-Za-z0-9-]{20,80}"),
    _kind("a token of Slack", "xoxp-", r"[0-9]{10,13}-[A-Za-z0-9-]{20,80}"),
    _kind("a key of Stripe", "sk_live_", r"[A-Za-z0-9]{24,128}"),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY-----(?:\s|\\[nr]){1,4}(?:[A-Za-z0-9+/=]{60,80}(?:\s|\\[nr]){1,4}){2}"
)
_PLACEHOLDER = re.compile(r"(?i)example|sample|your|x{4}|dummy|fake|test|placeholder|redacted|0123456|1234567|abcdef")
_FEWEST = 10  # different characters: keys are random, what stands in place of one is not
_LETTERS = re.compile(r"[A-Za-z]")
_DIGITS = re.compile(r"[0-9]")


class Secret(FileRule):
    """The file holds what looks like an API key, an access token or a private key.

    Placeholders are left alone: `sk-...`, `YOUR_API_KEY`, keys of one letter, and keys that say "example" or "test".

    ## Why is this bad?
    Prompts and training data are logged, shared and sent to others, and models repeat what they were trained on.

    ## Use instead
    A variable, or a placeholder such as `YOUR_API_KEY`. Revoke the key: it is known to whoever has read the file.
    """

    code, name = "TXT001", "secret"
    kinds = frozenset({"prompt", "training", "template"})
    source = "promptlint-cli; agnix MCP-018"
    examples = (
        Example(bad=f"<|im_start|>system\nUse {_SAMPLE}.<|im_end|>\n"),
        Example(good="<|im_start|>system\nPut your key in place of sk-... or YOUR_API_KEY.<|im_end|>\n"),
        Example(good=f"<|im_start|>system\nUse sk-proj-{'x' * 48}.<|im_end|>\n"),
        Example(good="<|im_start|>system\nAKIAIOSFODNN7EXAMPLE is a risk-free-key-with-many-words-in-it.<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search the text for each beginning, and then for the form."""
        text = context.text
        for what, begin, pattern in _KINDS:
            if begin in text:
                for found in pattern.finditer(text):
                    if _is_random(found[0][len(begin) :]):
                        yield _finding(what if not found[0].startswith("sk-ant-") else "an API key of Anthropic", found)
        if "PRIVATE KEY-----" in text:
            for found in _PRIVATE_KEY.finditer(text):
                yield _finding("a private key", found)


def _finding(what: str, found: re.Match[str]) -> Finding:
    return Finding(f"this looks like {what}", Span(*found.span()), None, "remove it, and revoke it where it was issued")


def _is_random(key: str) -> bool:
    """Whether letters and digits are as mixed as in a key, and not those of words or of a placeholder."""
    if len(set(key)) < _FEWEST or not _LETTERS.search(key) or _PLACEHOLDER.search(key):
        return False
    return sum(1 for _ in _DIGITS.finditer(key)) * 20 >= len(key)
