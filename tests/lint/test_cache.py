"""The cache: the same findings as without it, and nothing believed that does not look right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_samples import CLOSED, OPEN, STRUCTURE, row, source
from strategies import soups

from chatml.lint import Settings, _cache
from chatml.lint._cache import Cache
from chatml.lint._engine import Analysis, Block, analyze
from chatml.lint._rule import Fact
from chatml.lint._runner import check_sources

PATH = "a.chatml"


def analysis(block: Block, path: str = PATH, settings: Settings = STRUCTURE) -> Analysis:
    return analyze(block, path=path, settings=settings)


def stored(block: Block, path: str = PATH, settings: Settings = STRUCTURE, found: Analysis | None = None) -> Cache:
    """A cache that knows a block, as it comes from its file."""
    cache = Cache()
    cache.put(path, block, settings, found or analysis(block, path, settings))
    text = cache.dump()
    return Cache.load(text or "")


def test_what_is_kept_comes_back() -> None:
    block = Block(OPEN)
    assert stored(block).get(PATH, block, STRUCTURE) == analysis(block)
    assert analysis(block).diagnostics[0].fix is not None


@given(soups, st.sampled_from(["a.chatml", "a.json", "a.jsonl", "a.txt"]))
def test_any_text_comes_back(text: str, path: str) -> None:
    block = Block(text)
    assert stored(block, path, Settings()).get(path, block, Settings()) == analysis(block, path, Settings())


FACTS = (None, "x\ud800", 5, 1.5, True, b"\x00\xff", ("a", (1, b"x")), ())


def test_facts_come_back() -> None:
    block = Block(row())
    found = Analysis(
        [], {"TST001": [Fact(PATH, line, ("messages", 0), one) for line, one in enumerate(FACTS)]}, True, 1, 5
    )
    assert stored(block, found=found).get(PATH, block, STRUCTURE) == found


def test_a_fact_that_is_no_json_is_not_kept() -> None:
    found = Analysis([], {"TST001": [Fact(PATH, 1, (), frozenset({1}))]}, True, 1, None)
    cache = Cache()
    cache.put(PATH, Block(OPEN), STRUCTURE, found)
    assert cache.get(PATH, Block(OPEN), STRUCTURE) is None
    assert cache.dump() is None


@pytest.mark.parametrize(
    "change",
    [
        lambda _, block, settings: ("b.chatml", block, settings),
        lambda path, block, settings: (path, block._replace(text=CLOSED), settings),
        lambda path, block, settings: (path, block._replace(has_bom=True), settings),
        lambda path, block, settings: (path, block._replace(form="jsonl"), settings),
        lambda path, block, settings: (path, block._replace(line=2), settings),
        lambda path, block, settings: (path, block, replace(settings, model="gpt-4o")),
        lambda path, block, settings: (path, block, replace(settings, rules={"CML001": {"x": 1}})),
    ],
)  # fmt: skip
def test_all_that_findings_depend_on_is_in_the_key(change: Callable[..., tuple[str, Block, Settings]]) -> None:
    asked = (PATH, Block(OPEN), STRUCTURE)
    cache = stored(Block(OPEN))
    assert cache.get(*change(*asked)) is None
    assert cache.get(*asked) is not None


def test_the_version_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = stored(Block(OPEN))
    monkeypatch.setattr(_cache, "_known_signature", "another")
    assert cache.get(PATH, Block(OPEN), replace(STRUCTURE)) is None


def test_a_large_block_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "_MOST_TEXT", len(OPEN))
    cache = Cache()
    cache.put(PATH, Block(OPEN), STRUCTURE, analysis(Block(OPEN)))
    assert cache.dump() is None


def test_what_was_used_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "MOST_ENTRIES", 3)
    blocks = [Block(f"{OPEN}{number}") for number in range(4)]
    cache = Cache()
    for block in blocks[:3]:
        cache.put(PATH, block, STRUCTURE, analysis(block))
    cache = Cache.load(cache.dump() or "")
    assert cache.get(PATH, blocks[2], STRUCTURE) is not None
    cache.put(PATH, blocks[3], STRUCTURE, analysis(blocks[3]))
    cache = Cache.load(cache.dump() or "")
    known = [cache.get(PATH, block, STRUCTURE) is not None for block in blocks]
    assert known == [True, False, True, True]


def test_nothing_is_written_where_nothing_changed() -> None:
    cache = stored(Block(OPEN))
    assert cache.get(PATH, Block(OPEN), STRUCTURE) is not None
    assert cache.dump() is None


def broken(spoil: Callable[[list[Any]], object]) -> Cache:
    """A cache of which the one entry has been spoiled."""
    cache = Cache()
    cache.put(PATH, Block(OPEN), STRUCTURE, analysis(Block(OPEN)))
    header, line, _ = (cache.dump() or "").split("\n")
    key, _, text = line.partition("\t")
    value = json.loads(text)
    spoil(value)
    return Cache.load("\n".join([header, f"{key}\t{json.dumps(value)}", ""]))


def put(*path: int, value: Any) -> Callable[[list[Any]], None]:
    def spoil(whole: Any) -> None:
        for step in path[:-1]:
            whole = whole[step]
        whole[path[-1]] = value

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        put(0, value=None), put(0, 0, value=[]), put(0, 0, 0, value="1"), put(0, 0, 0, value=True),
        put(0, 0, 0, value=0),
        put(0, 0, 0, value=10**9), put(0, 0, 6, value="fatal"), put(0, 0, 8, value=-1), put(0, 0, 9, value=10**6),
        put(0, 0, 7, value={"__class__": "os.system"}), put(0, 0, 12, value="fix"), put(0, 0, 12, 1, value="always"),
        put(0, 0, 12, 2, value=[[0, 99999, "x"]]), put(0, 0, 12, 2, value=[[5, 2, "x"]]), put(1, value=[]),
        put(1, value={"TST001": [[1, [], {"eval": "1"}]]}), put(1, value={"TST001": [[1, [], {"bytes": "zz"}]]}),
        put(1, value={"TST001": [[1, [], {"bytes": 5}]]}), put(1, value={"TST001": [[1, [], {}]]}),
        put(1, value={"TST001": [[1, [[]], 1]]}), put(1, value={"TST001": [[1, [], [1]]]}), put(2, value=1),
        put(3, value=None), put(4, value="5"), put(5, value="yes"),
        lambda value: value.append(1), lambda value: value.clear(),
    ],
)  # fmt: skip
def test_what_does_not_look_right_is_not_there(spoil: Callable[[list[Any]], object]) -> None:
    assert broken(spoil).get(PATH, Block(OPEN), STRUCTURE) is None
    assert broken(lambda _: None).get(PATH, Block(OPEN), STRUCTURE) == analysis(Block(OPEN))


@given(st.one_of(st.text(), st.text().map(lambda text: f"chatml lint cache 1\n{text}")))
def test_any_text_is_a_cache(text: str) -> None:
    assert Cache.load(text).get(PATH, Block(OPEN), STRUCTURE) is None


nested = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=13), st.dictionaries(st.text(max_size=5), inner, max_size=2)),
)


@given(nested)
def test_any_value_is_believed_or_not(value: Any) -> None:
    def spoil(whole: list[Any]) -> None:
        whole[:2] = [value, {"TST001": value}]

    found = broken(spoil).get(PATH, Block(OPEN), STRUCTURE)
    assert found is None or all(0 <= one.start <= one.end <= len(OPEN) for one in found.diagnostics)


def test_deep_nesting_is_no_entry() -> None:
    cache = Cache()
    cache.put(PATH, Block(OPEN), STRUCTURE, analysis(Block(OPEN)))
    key = (cache.dump() or "").split("\n")[1].partition("\t")[0]
    hostile = Cache.load(f"chatml lint cache 1\n{key}\t{'[' * 100_000}\n")
    assert hostile.get(PATH, Block(OPEN), STRUCTURE) is None


def test_runs_with_and_without_give_the_same() -> None:
    sources = [source(f"{number}.chatml", (OPEN, CLOSED)[number % 2] * (number + 1)) for number in range(10)]
    sources.append(source("rows.jsonl", row() + "{\n" + row()))
    expected = check_sources(sources)
    cache = Cache()
    assert check_sources(sources, cache=cache) == expected
    assert check_sources(sources, cache=Cache.load(cache.dump() or "")) == expected
