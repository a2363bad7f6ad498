"""All about a rule of the linter, for `chatml explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml.cli._explained import Explained, Fact, Unknown
from chatml.lint._pages import FIX, INSTEAD, OPTIONS, WHY, page_of
from chatml.lint._rule import Example, Rule
from chatml.lint.rules import RULES

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

_NEAR = 0.75  # a model or a dialect is what most people ask for
_SHOWN = 12  # lines of an example


def find(arguments: Namespace) -> Explained | Unknown:
    """What is known about the rule of this code or name, in any case."""
    asked = arguments.name.strip()
    for rule in RULES:
        if asked.upper() == rule.code or asked.lower() == rule.name:
            return Explained(_value(rule, arguments.name), facts_of(rule))
    from difflib import get_close_matches

    names = {name.lower(): name for rule in RULES for name in (rule.code, rule.name)}
    near = get_close_matches(asked[:80].lower(), names, 3, _NEAR)
    return Unknown(tuple(names[name] for name in near))


def facts_of(rule: type[Rule]) -> tuple[Fact, ...]:
    """The page of a rule as facts."""
    page = page_of(rule)
    fixed = {"safe": "safe, made by --fix", "unsafe": "unsafe, made by --unsafe-fixes", "": "none"}[rule.fix]
    how = "on" if rule.is_on else f"off; --extend-select {rule.code} turns it on"
    options = tuple(f"{name} = {value!r}" for name, value in rule.options.items())
    formats = ", ".join(sorted(rule.formats)) if rule.formats is not None else ""
    return (
        Fact("Rule", (f"{rule.code} {rule.name}",), "bold"),
        Fact("What", (page.summary, *_paragraphs(page.intro))),
        Fact("Severity", (str(rule.severity),)),
        Fact("Default", (how,)),
        Fact("Files", (formats and f"only {formats}", f"used as {', '.join(sorted(rule.kinds))}")),
        Fact("Why", _paragraphs(page.sections.get(WHY, ""))),
        Fact("Source", (rule.source,)),
        Fact("Instead", _paragraphs(page.sections.get(INSTEAD, ""))),
        Fact("Fix", (fixed, *_paragraphs(page.sections.get(FIX, "")))),
        Fact("Options", (*options, *_paragraphs(page.sections.get(OPTIONS, "")))),
        Fact("Bad", _sample(rule.examples, "bad")),
        Fact("Good", _sample(rule.examples, "good")),
    )


def _paragraphs(text: str) -> tuple[str, ...]:
    """Paragraphs as lines of their own; items of lists, too."""
    broken = text.replace("\n- ", "\n\n- ").replace("\n* ", "\n\n- ")
    return tuple(" ".join(part.split()) for part in broken.split("\n\n") if part.strip())


def _sample(examples: tuple[Example, ...], key: str) -> tuple[str, ...]:
    """The lines of the first example of a kind."""
    text: str = next((found for one in examples if (found := getattr(one, key))), "")
    lines = text.removesuffix("\n").split("\n")
    more = ("...",) if len(lines) > _SHOWN else ()
    return (*(line or " " for line in lines[:_SHOWN]), *more) if text else ()


def _value(rule: type[Rule], asked: str) -> dict[str, Any]:
    page = page_of(rule)
    return {
        "kind": "rule",
        "asked": asked,
        "code": rule.code,
        "name": rule.name,
        "summary": page.summary,
        "severity": rule.severity,
        "default": rule.is_on,
        "fix": rule.fix,
        "formats": sorted(rule.formats) if rule.formats is not None else None,
        "kinds": sorted(rule.kinds),
        "options": dict(rule.options),
        "source": rule.source,
        "page": page.text(),
        "examples": [one._asdict() | {"settings": dict(one.settings)} for one in rule.examples],
    }
