"""The house: a module imports from lower layers, or from modules listed before it in its own; tiktoken has one door."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatml

ROOT = Path(chatml.__file__).parent

# Each layer in the order in which its modules may import each other; a package is one entry
LAYERS = (
    ("_version", "_errors", "_spans", "_diagnostics", "_visible", "_width", "_workflow", "_replace", "_workers"),
    ("_trusted", "_messages", "_special", "_segments", "_image_size", "dialects"),
    (
        "_escape",
        "_fold",
        "_strip",
        "_findings",
        "_policies",
        "_render",
        "_grammar",
        "_header",
        "_gap",
        "_parse",
        "_stream",
        "_sanitize",
        "_scan",
    ),
    (
        "encodings",
        "models",
        "_image_tokens",
        "_tokens",
        "_prompt",
        "_token_sets",
        "_verify",
        "_detect",
        "_measure",
        "_tool_text",
        "_billing",
        "_target",
        "_media",
        "_meter",
        "_count",
        "comparison",
        "_recorded",
        "_usage",
        "_distribution",
        "_repeats",
        "budgets",
    ),
    ("promptfiles",),
    ("lint", "_format", "_convert", "views"),
    ("cli", "__main__"),
)
ORDER = [module for layer in LAYERS for module in layer]
FOLDERS = {module for module in ORDER if (ROOT / module).is_dir()}


def files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def entry_of(path: Path) -> str:
    """The module or package in the table that a file is part of."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runtime_nodes(child)


def imports_in(source: str) -> set[str]:
    """The full names of what a source imports when it runs, at the top or later."""
    names: set[str] = set()
    for node in runtime_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_of(path: Path) -> set[str]:
    return imports_in(path.read_text(encoding="utf-8"))


def entries_in(names: set[str]) -> set[str]:
    """The entries of the table that names are of; "" is the top of the package, with its public names."""
    own = [parts for parts in (name.split(".") for name in names) if parts[0] == "chatml"]
    return {parts[1] if len(parts) > 1 and parts[1] in ORDER else "" for parts in own}


def entries_of(path: Path) -> set[str]:
    return entries_in(imports_of(path))


def test_every_module_has_its_place() -> None:
    assert {entry_of(path) for path in files()} <= set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_from_below(path: Path) -> None:
    own = entry_of(path)
    allowed = {*ORDER[: ORDER.index(own)], *({own} if own in FOLDERS else ())}
    if own in ("cli", "__main__"):
        allowed |= {""}  # the command line may use the public names
    assert entries_of(path) <= allowed


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tiktoken_has_one_door(path: Path) -> None:
    found = {name for name in imports_of(path) if name.split(".")[0] in ("tiktoken", "regex")}
    assert not found or entry_of(path) == "encodings"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_the_command_line(path: Path) -> None:
    assert entry_of(path) in ("cli", "__main__") or "cli" not in entries_of(path)


def test_the_tools_do_not_import_each_other() -> None:
    tools = LAYERS[5]
    for path in files():
        if entry_of(path) in tools:
            assert not (entries_of(path) & set(tools)) - {entry_of(path)}


def test_the_vocabulary_and_the_codec_need_no_third_party() -> None:
    for path in files():
        if entry_of(path) in {module for layer in LAYERS[:3] for module in layer}:
            found = {name.split(".")[0] for name in imports_of(path)} - {"chatml"}
            assert found <= sys.stdlib_module_names, path


def test_a_wrong_import_is_seen() -> None:
    """The walk finds imports inside functions, and leaves out those for type checkers."""
    source = "if TYPE_CHECKING:\n    import regex\ndef f():\n    import tiktoken\n    from chatml.cli import main\n"
    assert imports_in(source) == {"tiktoken", "chatml.cli.main"}
    assert entries_in(imports_in(source)) == {"cli"}
