"""The linter: rules over prompt files, and what they find."""

from __future__ import annotations

from collections.abc import Iterable

from chatml._errors import require_text
from chatml.lint._engine import Analysis, Block, Edit, LintDiagnostic, LintFix, analyze
from chatml.lint._runner import check_texts
from chatml.lint._settings import Settings
from chatml.lint.rules import RULES

__all__ = [
    "RULES",
    "Analysis",
    "Block",
    "Edit",
    "LintDiagnostic",
    "LintFix",
    "Settings",
    "analyze",
    "lint_text",
    "lint_texts",
]


def lint_text(text: str, *, path: str = "prompt.chatml", settings: Settings | None = None) -> list[LintDiagnostic]:
    r"""Check the text of one file; `path` is its name, by which its format may be known and rules chosen.

    >>> [str(one.code) for one in lint_text("<|im_start|>user\nhi<|im_start|>assistant\n")]
    ['CML001']
    """
    return lint_texts([(path, text)], settings=settings)


def lint_texts(texts: Iterable[tuple[str, str]], *, settings: Settings | None = None) -> list[LintDiagnostic]:
    """Check the texts of several files, pairs of a path and a text: some rules compare conversations across files.

    Offsets count characters behind a byte order mark. What `chatml lint` does beside this is reading files and their
    settings, and passing over what is no prompt.
    """
    pairs = list(texts)
    for path, text in pairs:
        require_text(path)
        require_text(text)
    return check_texts(pairs, settings=settings or Settings())
