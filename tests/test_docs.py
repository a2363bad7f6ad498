"""Every example of README, docs and docstrings is run, and what they say of the project is true."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))))
MODULES = tuple(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in sorted((ROOT / "chatml").rglob("*.py"))
    if path.name != "__main__.py"
)


def python_blocks(page: str) -> list[str]:
    """The examples of a page: one after the other they are one session."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page(page: str) -> None:
    session = "\n".join(python_blocks(page))
    examples = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    assert page != "README.md" or len(examples.examples) >= 15
    result = doctest.DocTestRunner(verbose=False).run(examples)
    assert result.failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_docstring(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_the_readme_links_to_files_that_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_table_of_dialects_is_up_to_date() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "write_dialect_table.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")
