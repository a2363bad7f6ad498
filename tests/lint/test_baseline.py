"""Baselines: what they allow, what is stale, and that they never grow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml import ConfigError
from chatml._diagnostics import Severity
from chatml.lint import LintDiagnostic, Settings, _baseline
from chatml.lint._baseline import Baseline, baseline_text, compare, make_baseline, read_baseline
from chatml.lint._rule import Rule
from chatml.lint._runner import FileResult

Counts = Mapping[str, Mapping[str, int]]


def finding(path: str, code: str, line: int = 1) -> LintDiagnostic:
    return LintDiagnostic(path, line, 1, line, 2, code, "name", Severity.ERROR, "message", 0, 1)


def result(path: str, counts: Mapping[str, int], tokens: int | None = None) -> FileResult:
    found = [finding(path, code, line) for code, count in counts.items() for line in range(1, count + 1)]
    return FileResult(path, found, True, True, 1, tokens, 10)


def results(counts: Counts) -> list[FileResult]:
    return [result(path, found) for path, found in counts.items()]


def left(baseline: Baseline, counts: Counts) -> Counts:
    kept = compare(baseline, results(counts)).results
    return {one.path: dict(Counter(found.code for found in one.diagnostics)) for one in kept}


tables = st.dictionaries(
    st.sampled_from(["a.json", "b.json", "c/d.chatml"]),
    st.dictionaries(st.sampled_from(["CML001", "ROL001", "TXT001"]), st.integers(1, 4), max_size=3),
)


@given(tables)
def test_what_is_recorded_is_allowed(counts: Counts) -> None:
    made = make_baseline(results(counts), None)
    compared = compare(read_baseline(baseline_text(made), source="b.json"), results(counts))
    assert not any(one.diagnostics for one in compared.results)
    assert compared.allowed == sum(sum(found.values()) for found in counts.values())
    assert not compared.stale


@given(tables, tables)
def test_it_may_shrink_and_never_grows(before: Counts, now: Counts) -> None:
    old = make_baseline(results(before), None)
    new = make_baseline(results(now), old)
    for path, counts in new.counts.items():
        for code, count in counts.items():
            assert count <= old.counts[path][code]
            if path in now:
                assert count <= now[path][code]
    once_more = make_baseline(results(now), new)
    assert once_more == new
    assert not compare(new, results(now)).stale


@given(tables, tables)
def test_what_is_over_is_reported_whole(before: Counts, now: Counts) -> None:
    compared = left(make_baseline(results(before), None), now)
    for path, counts in now.items():
        expected = {code: n for code, n in counts.items() if n > before.get(path, {}).get(code, 0)}
        assert compared[path] == expected


def test_one_that_grows_is_caught() -> None:
    """The negative control: with the new counts as they are, the law of shrinking fails."""
    old = make_baseline(results({"a": {"CML001": 1}}), None)
    grown = make_baseline(results({"a": {"CML001": 2}}), None)
    assert grown.counts["a"]["CML001"] > old.counts["a"]["CML001"]
    assert make_baseline(results({"a": {"CML001": 2}}), old) == old


def test_stale_entries_are_named() -> None:
    baseline = Baseline({"a": {"CML001": 3, "ROL001": 1}, "b": {"CML001": 1}}, {})
    compared = compare(baseline, results({"a": {"CML001": 1}}))
    assert compared.stale == [
        "a: 3 of CML001 are in the baseline, 1 are found",
        "a: 1 of ROL001 are in the baseline, 0 are found",
    ]


def test_files_that_are_gone_are_taken_out_on_request() -> None:
    baseline = Baseline({"a": {"CML001": 3}, "b": {"CML001": 1}}, {"a": 5, "b": 6})
    made = make_baseline(results({"b": {"CML001": 1}}), baseline, ["a"])
    assert made == Baseline({"b": {"CML001": 1}}, {"b": 6})
    assert make_baseline([], baseline) == baseline


def test_a_file_that_cannot_be_read_is_never_allowed() -> None:
    counts = {"a": {"SYN002": 1, "SYN001": 1, "CML001": 1}}
    made = make_baseline(results(counts), None)
    assert made.counts == {"a": {"CML001": 1}}
    assert left(made, counts) == {"a": {"SYN002": 1, "SYN001": 1}}
    assert left(Baseline({"a": {"SYN002": 9}}, {}), {"a": {"SYN002": 1}}) == {"a": {"SYN002": 1}}


class Grown(Rule):
    """A stand-in with the code of the rule about tokens."""

    code, name = "TOK003", "budget-regression"
    severity = Severity.WARNING
    options = {"percent": 10}  # noqa: RUF012 as rules have it


@pytest.mark.parametrize(
    ("now", "settings", "grows"),
    [
        (1_000, Settings(), False),
        (950, Settings(), False),
        (1_100, Settings(), False),
        (1_101, Settings(), True),
        (1_101, Settings(rules={"TOK003": {"percent": 20}}), False),
        (1_201, Settings(rules={"TOK003": {"percent": 20}}), True),
        (2_000, Settings(ignore=("TOK003",)), False),
        (2_000, Settings(select=("CML",)), False),
        (None, Settings(), False),
    ],
)
def test_tokens(monkeypatch: pytest.MonkeyPatch, now: int | None, settings: Settings, grows: bool) -> None:
    monkeypatch.setattr(_baseline, "all_rules", lambda: (Grown(),))
    compared = compare(Baseline({}, {"a": 1_000}), [result("a", {}, now)], lambda _: settings)
    assert [one.code for one in compared.results[0].diagnostics] == ["TOK003"] * grows


def test_the_message_about_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_baseline, "all_rules", lambda: (Grown(),))
    (found,) = compare(Baseline({}, {"a": 1_000}), [result("a", {}, 1_200)]).results[0].diagnostics
    assert found.message == "the file has 1,200 tokens, 20 % more than the 1,000 of the baseline"
    assert found.help == "10 % are allowed; shorten it, or raise the number in the baseline"


def test_tokens_may_shrink_and_never_grow() -> None:
    old = Baseline({}, {"a": 100, "b": 100})
    made = make_baseline([result("a", {}, 90), result("b", {}, 110), result("c", {}, 7)], old)
    assert made.tokens == {"a": 90, "b": 100, "c": 7}


def test_the_text_is_the_same_for_the_same_findings() -> None:
    one = baseline_text(make_baseline(results({"b": {"TXT001": 1, "CML001": 2}, "a": {"CML001": 1}}), None))
    two = baseline_text(make_baseline(results({"a": {"CML001": 1}, "b": {"CML001": 2, "TXT001": 1}}), None))
    assert one == two
    assert json.loads(one) == {
        "version": 1,
        "findings": {"a": {"CML001": 1}, "b": {"CML001": 2, "TXT001": 1}},
        "tokens": {},
    }


NEXT = "; remove the file and write a new one with --write-baseline"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "found list, expected a baseline of version 1"),
        ("{}", "found None, expected a baseline of version 1"),
        ('{"version": 2}', "found 2, expected a baseline of version 1"),
        ('{"version": 1, "findings": []}', "found no counts by path and rule under 'findings'"),
        ('{"version": 1, "findings": {"a": {"CML001": "1"}}}', "found no counts by path and rule under 'findings'"),
        ('{"version": 1, "findings": {"a": {"CML001": true}}}', "found no counts by path and rule under 'findings'"),
        ('{"version": 1, "tokens": {"a": -1}}', "found no counts by path under 'tokens'"),
    ],
)
def test_faults(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_baseline(text, source="b.json")
    assert str(caught.value) == f"b.json: {message}{NEXT}"


counts = st.dictionaries(st.text(max_size=2), st.one_of(st.integers(), st.none()))
keys = st.sampled_from(["version", "findings", "tokens"])
values = st.one_of(st.just(1), st.none(), counts, st.dictionaries(st.text(max_size=2), counts))


@given(st.one_of(st.text(), st.builds(json.dumps, st.dictionaries(keys, values))))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = ""
    try:
        compare(read_baseline(text, source="b.json"), results({"a": {"CML001": 1}}))
    except ConfigError as error:
        refused = str(error)
    assert not refused or refused.startswith("b.json: ")
