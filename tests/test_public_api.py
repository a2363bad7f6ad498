"""The public names: sorted, resolved lazily, documented, and with keywords behind the first argument."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

import chatml
from chatml import ChatMLError

PUBLIC_PACKAGES = ("chatml", "chatml.dialects", "chatml.encodings", "chatml.models")


def ruff_order(name: str) -> tuple[int, list[Any]]:
    """Constants, classes, others; in each natural order: the way ruff sorts `__all__`."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def has_own_constructor(value: Any) -> bool:
    """Whether a class has a signature that we wrote: no enum, tuple, dataclass or error."""
    made = issubclass(value, (Enum, tuple, ChatMLError)) or dataclasses.is_dataclass(value)
    return not made


def functions() -> Iterator[tuple[str, Any, int]]:
    """Every public function and method, with the number of arguments that may go without a keyword."""
    for name in chatml.__all__:
        value = getattr(chatml, name)
        if inspect.isfunction(value):
            yield name, value, 1
        elif inspect.isclass(value):
            for key, member in vars(value).items():
                plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
                own = inspect.isfunction(plain) and (
                    not key.startswith("_") or (key == "__init__" and has_own_constructor(value))
                )
                if own and plain.__module__.startswith("chatml"):
                    yield f"{name}.{key}", plain, 2 - isinstance(member, staticmethod)


FUNCTIONS = list(functions())
FUNCTION_IDS = [name for name, _, _ in FUNCTIONS]


@pytest.mark.parametrize("module", PUBLIC_PACKAGES)
def test_all_is_sorted(module: str) -> None:
    names = importlib.import_module(module).__all__
    assert list(names) == sorted(names, key=ruff_order)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", PUBLIC_PACKAGES)
def test_every_name_is_there(module: str) -> None:
    home = importlib.import_module(module)
    assert all(hasattr(home, name) for name in home.__all__)


def test_the_table_of_homes_is_all() -> None:
    names = [name for names in chatml._HOMES.values() for name in names]
    assert sorted([*names, "__version__"]) == sorted(chatml.__all__)


@pytest.mark.parametrize("home", chatml._HOMES)
def test_names_resolve_to_the_objects_of_their_homes(home: str) -> None:
    module = importlib.import_module(home)
    for name in chatml._HOMES[home]:
        assert getattr(chatml, name) is getattr(module, name)
        assert chatml.__getattr__(name) is getattr(module, name)


def test_dir_lists_the_public_names() -> None:
    assert dir(chatml) == sorted(chatml.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        chatml.renderer  # noqa: B018 the access is the test
    assert str(caught.value) == "module 'chatml' has no attribute 'renderer'"


@pytest.mark.parametrize("name", [name for name in chatml.__all__ if callable(getattr(chatml, name))])
def test_what_can_be_called_is_documented(name: str) -> None:
    doc = inspect.getdoc(getattr(chatml, name))
    assert doc
    assert not doc.startswith(f"{name}(")  # what dataclass and NamedTuple write when nobody else does


@pytest.mark.parametrize(("name", "function", "_free"), FUNCTIONS, ids=FUNCTION_IDS)
def test_public_methods_are_documented(name: str, function: Any, _free: int) -> None:
    assert name.endswith("__init__") or inspect.getdoc(function)


@pytest.mark.parametrize(("name", "function", "free"), FUNCTIONS, ids=FUNCTION_IDS)
def test_only_the_first_argument_goes_without_a_keyword(name: str, function: Any, free: int) -> None:
    free -= name.endswith("__init__")  # an object of ours is made with keywords only
    free += name == "compare"  # before and after, as in every language
    free += 2 * (name == "verify_ids")  # ids mean nothing without an encoding and a dialect
    free += name in ("Conversation.__init__", "Conversation.edit")  # like a list; what is edited, and what it becomes
    parameters = inspect.signature(function).parameters.values()
    positional = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    assert len(positional) <= free
    assert all(one.annotation is not one.empty for one in parameters if one.name not in ("self", "cls"))


def test_values_are_frozen() -> None:
    for name in chatml.__all__:
        value = getattr(chatml, name)
        if inspect.isclass(value) and dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, name
