"""All reporters. To add one: a file with `report`, and a line in `REPORTERS`.

What a reporter returns is harmless in a terminal and in the log of a CI run, whatever names and content files have; the
only commands that a log obeys in it are those of `github`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from chatml.lint._report import Report

__all__ = ["REPORTERS", "Report"]


@dataclass(frozen=True, slots=True)
class Reporter:
    """The function `report` of a module, which is imported when it is called: a run needs one of them."""

    module: str

    def __call__(self, report: Report) -> str:
        """The report as text."""
        written: str = import_module(self.module).report(report)
        return written


REPORTERS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {
        "full": Reporter("chatml.lint.reporters.full"),
        "concise": Reporter("chatml.lint.reporters.concise"),
        "json": Reporter("chatml.lint.reporters.json"),
        "json-lines": Reporter("chatml.lint.reporters.json_lines"),
        "github": Reporter("chatml.lint.reporters.github"),
        "gitlab": Reporter("chatml.lint.reporters.gitlab"),
        "junit": Reporter("chatml.lint.reporters.junit"),
        "sarif": Reporter("chatml.lint.reporters.sarif"),
        "statistics": Reporter("chatml.lint.reporters.statistics"),
    }
)
