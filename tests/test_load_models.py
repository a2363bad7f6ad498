"""Models from files. Invariant: any file gives a table or a `ChatMLError`, and no table knows of another."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from model_files import SNAPSHOT, changed, load, loaded

from chatml._errors import ChatMLError, ConfigError, FileError, UnknownModelError
from chatml.models import ModelInfo, ModelTable, get_model, model_names, models

STATED = "encoding and dialect are stated by the user, not measured"
FINE_TUNED = "fine-tuned models were not measured, counted like the model they are made from"
MIXED = {"models": {"x": {"like": "gpt-4o", "input_price": 1}, "gpt-5": {"max_output": 5}}}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# A file of one's own


def test_a_deployment_is_like_a_model() -> None:
    table = load('[models."my-deployment"]\nlike = "gpt-4o"\ninput_price = 2.5\noutput_price = 10\n')
    row = changed("my-deployment", get_model("gpt-4o"), input_price=2.5, output_price=10.0)
    assert table["my-deployment"] == table.get_model("azure/my-deployment") == row
    assert isinstance(row.output_price, float)
    assert (row.base, row.status) == ("gpt-4o", "exact")
    assert len(table) == len(models()) + 1
    assert {name: table[name] for name in model_names()} == dict(ModelTable())


def test_a_listed_name_keeps_what_is_not_changed() -> None:
    row = load('[models."gpt-5"]\ninput_price = 1\n')["gpt-5"]
    assert row == replace(get_model("gpt-5"), input_price=1.0, source="m")
    assert row.base == "gpt-5"


def test_a_wire_of_ones_own() -> None:
    row = load('[models.local]\nencoding = "cl100k_im"\ndialect = "phi-4"\ncontext_window = 16384\n')["local"]
    assert row == ModelInfo("local", "cl100k_im", "phi4", 16384, note=STATED, source="m")


@pytest.mark.parametrize(
    ("fields", "status", "note"),
    [
        ({}, "exact", ""),
        ({"note": "ours"}, "exact", "ours"),
        ({"like": "gpt-4o-search-preview"}, "fitted", get_model("gpt-4o-search-preview").note),
        ({"like": "gpt-4o-search-preview", "status": "estimate"}, "estimate", ""),
        ({"like": "gpt-4o-search-preview", "status": "exact", "note": "measured"}, "exact", "measured"),
        ({"encoding": "o200k_im", "dialect": "openai-im-sep"}, "exact", ""),
        ({"encoding": "cl100k_im"}, "estimate", STATED),
        ({"encoding": "cl100k_im", "status": "fitted"}, "fitted", ""),
        ({"dialect": "qwen2", "encoding": "cl100k_im"}, "estimate", STATED),
        ({"dialect": "qwen2", "encoding": "o200k_im", "status": "fitted", "note": "near"}, "fitted", "near"),
        ({"like": "gpt-4o-2030-01-31"}, "fitted", SNAPSHOT),
        ({"like": "azure/ft:gpt-4o:org::id"}, "fitted", FINE_TUNED),
    ],
    ids=range(12),
)
def test_status_and_note(fields: dict[str, Any], status: str, note: str) -> None:
    row = load({"models": {"mine": {"like": "gpt-4o", **fields}}})["mine"]
    assert (row.status, row.note) == (status, note)


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        ({}, (400_000, 272_000, 128_000)),
        ({"context_window": 400_000}, (400_000, 272_000, 128_000)),
        ({"context_window": 200_000}, (200_000, None, 128_000)),
        ({"context_window": 200_000, "max_input": 72_000}, (200_000, 72_000, 128_000)),
        ({"max_input": None}, (400_000, None, 128_000)),
        ({"context_window": None, "max_output": 5}, (None, None, 5)),
    ],
    ids=range(6),
)
def test_limits(fields: dict[str, Any], limits: tuple[int | None, ...]) -> None:
    row = load({"models": {"mine": {"like": "gpt-5", **fields}}})["mine"]
    assert (row.context_window, row.max_input, row.max_output) == limits


def test_a_chain_of_models_in_any_order() -> None:
    names = [f"m{number}" for number in range(3_000)]  # longer than Python's stack is deep
    rows: dict[str, dict[str, Any]] = {name: {"like": f"azure/{other}"} for name, other in itertools.pairwise(names)}
    rows[names[-1]] = {"like": "gpt-4o", "max_output": 7}
    for entries in (rows, dict(reversed(rows.items()))):
        table = load({"models": entries})
        assert table["m0"] == changed("m0", get_model("gpt-4o"), max_output=7)


def test_toml_and_json_say_the_same() -> None:
    text = '[models."my model"]\nlike = "o3"\nmax_output = 9\ninput_price = 0.5\n[models.other]\nlike = "my model"\n'
    table = load("\ufeff" + text)
    assert load(tomllib.loads(text)) == table
    assert load(" \n" + json.dumps(tomllib.loads(text))) == table
    assert table["other"].base == "o3"
    assert load("[models]\n") == load({"models": {}}) == ModelTable()


def test_tables_lie_over_each_other() -> None:
    first = load('[models.a]\nlike = "gpt-4o"\nmax_output = 5\n')
    second = load('[models.a]\ninput_price = 3\n[models.b]\nlike = "a"\n', over=first)
    assert second["a"] == second["b"].__class__(**{**asdict(first["a"]), "input_price": 3.0})
    assert second["b"] == replace(second["a"], name="b")
    assert "b" not in first
    assert first["a"].input_price is None
    with pytest.raises(UnknownModelError):
        get_model("a")


def reference(entries: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """The fields of a row, as one would say it: those that it states, and the others of what it is like."""
    if name not in entries:
        return asdict(get_model(name))
    fields = dict(entries[name])
    like = fields.pop("like")
    below = reference(entries, like)
    return {**below, "name": name, "like": below["like"] or below["name"], "source": "m", **fields}


NAMES = ("a", "b", "c", "d")
STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "max_output": st.integers(1, 4_000),
        "input_price": st.integers(0, 40).map(lambda quarters: quarters / 4),
        "output_price": st.floats(0, 1e6),
        "note": st.sampled_from(["", "one", "two"]),
    },
)


@st.composite
def overlays(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Entries that are like listed models and each other, in an order that says nothing about who is like whom."""
    entries = {}
    for place, name in enumerate(NAMES):
        like = draw(st.sampled_from(["gpt-4o", "gpt-5", "o3", *NAMES[:place]]))
        entries[name] = {**draw(STATEMENTS), "like": like}
    return dict(draw(st.permutations([*entries.items()])))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models") / "m"


def same_as_reference(rows: Mapping[str, ModelInfo], entries: Mapping[str, Mapping[str, Any]], source: Path) -> bool:
    found = {name: {**asdict(rows[name]), "source": "m"} for name in entries}
    assert {rows[name].source for name in entries} == {str(source)}
    return found == {name: reference(entries, name) for name in entries}


@given(overlays())
def test_rows_are_those_of_the_reference(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    assert same_as_reference(loaded(path, json.dumps({"models": entries})), entries, path)


def test_the_reference_sees_an_order_that_matters(path: Path) -> None:
    """A loader that takes the rows as they come, from the table as it was, is found out."""
    entries = {"a": {"like": "b"}, "b": {"like": "gpt-5", "note": "mine"}}
    table = loaded(path, json.dumps({"models": entries}))
    naive = {**table, "a": replace(table["a"], note=get_model("gpt-5").note)}
    assert same_as_reference(table, entries, path)
    assert not same_as_reference(naive, entries, path)


# Anything

KEYS = (
    "models",
    "x",
    "gpt-4o",
    "azure/gpt-5",
    "like",
    "encoding",
    "dialect",
    "status",
    "note",
    "max_input",
    "input_price",
)
PRICE_KEYS = ("litellm_provider", "max_input_tokens", "max_output_tokens", "input_cost_per_token", "mode", "max_tokens")
WORDS = ("gpt-4o", "x", "o200k_im", "openai-im-sep", "qwen2", "exact", "openai", "chat", "")
SCALARS = st.sampled_from(WORDS) | st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=5)
OBJECTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(KEYS + PRICE_KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
ENTRIES = st.dictionaries(st.sampled_from(KEYS[4:]), SCALARS | OBJECTS, max_size=4)
OWN = st.dictionaries(st.sampled_from(KEYS[1:4]), ENTRIES, max_size=3).map(lambda rows: {"models": rows})
PRICED = st.dictionaries(
    st.sampled_from(KEYS[1:4]), st.dictionaries(st.sampled_from(PRICE_KEYS), SCALARS, max_size=4), max_size=3
)
TOML_PIECES = (
    *(
        "[models.x]\n",
        '[models."gpt-4o"]\n',
        "[[models]]\n",
        "models",
        "x",
        ".",
        " = ",
        '"',
        "'",
        "\n",
        "{",
        "}",
        "[",
        "]",
    ),
    *(",", "like = 'gpt-4o'\n", "like = 'x'\n", "max_output = ", "input_price = ", "1", "-0.5", "nan", "1979-05-27"),
    *('"""', "\\", "\ufeff", "\x00", "\ud800", "0x", "1e9", "dialect = 'phi4'\n", "encoding = 'cl100k_im'\n"),
)
FILES = st.one_of(
    st.text(),
    st.lists(st.sampled_from(TOML_PIECES), max_size=20).map("".join),
    st.one_of(OBJECTS, OWN, PRICED).map(json.dumps),
)


def outcome(path: Path, content: str) -> ModelTable | ChatMLError:
    try:
        return loaded(path, content)
    except ChatMLError as error:
        return error


@given(FILES)
@example("{" * 10_000)
@example("[" * 10_000)
@example('{"models": {"x": {"like": "gpt-4o"}}}')
@example('{"o1": {"litellm_provider": "openai"}}')
def test_any_file_is_a_table_or_an_error(path: Path, content: str) -> None:
    found = outcome(path, content)
    if isinstance(found, ModelTable):
        assert {*model_names()} <= {*found}
        assert all(
            row == get_model(name) or row.source == str(path) for name, row in found.items() if name in model_names()
        )
        assert all(found.get_model(name) is row for name, row in found.items())
    else:
        assert isinstance(found, (ConfigError, FileError))
        assert str(found).isprintable()
        assert str(path) in str(found)
        assert str(outcome(path, content)) == str(found), "the same each time"


def test_the_pieces_find_a_loader_that_lets_errors_through() -> None:
    """Pieces of TOML come to what Python's reader raises; a loader that does not translate it would be found."""
    seen: set[str] = set()

    @given(st.lists(st.sampled_from(TOML_PIECES), max_size=20).map("".join))
    def probe(content: str) -> None:
        try:
            tomllib.loads(content)
        except ValueError as error:
            seen.add(type(error).__name__)

    probe()
    assert "TOMLDecodeError" in seen


# Tables


def test_the_built_in_table() -> None:
    table = ModelTable()
    assert tuple(table) == model_names()
    assert tuple(table.values()) == models()
    assert table.get_model("azure/gpt-35-turbo-0125") is get_model("gpt-3.5-turbo-0125")
    assert repr(table) == f"<ModelTable of {len(models())} models>"
    with pytest.raises(KeyError):
        table["azure/gpt-4o"]


def test_a_table_is_made_of_rows() -> None:
    mine = ModelInfo("Mine", "o200k_im", "openai-im-sep")
    table = ModelTable([*models(), mine, replace(mine, note="later")])
    assert table.get_model("openai/Mine").note == "later"
    assert list(table) == sorted(table)
    with pytest.raises(UnknownModelError) as caught:
        ModelTable([mine]).get_model("mines")
    assert str(caught.value).startswith("unknown model 'mines', the nearest known are Mine;")


def test_tables_are_values() -> None:
    table = load(MIXED)
    for other in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table), copy.copy(table), load(MIXED)):
        assert other == table
        assert other != ModelTable()
    with pytest.raises(FrozenInstanceError):
        table.rows = ()  # type: ignore[misc]  # that is what is tested
    with pytest.raises(TypeError):
        table["x"] = get_model("o1")  # type: ignore[index]  # that is what is tested


@given(st.text() | st.sampled_from([f"{prefix}{name}" for prefix in ("azure/", "ft:", "X") for name in model_names()]))
def test_the_built_in_table_reads_names_as_the_function_does(name: str) -> None:
    def found(look_up: Callable[[str], ModelInfo]) -> ModelInfo | str:
        try:
            return look_up(name)
        except UnknownModelError as error:
            return str(error)

    assert found(ModelTable().get_model) == found(get_model)
