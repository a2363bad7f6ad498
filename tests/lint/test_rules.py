"""All rules: each is documented, has its place in the table and the folder, and does what its examples say."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chatml
from chatml.lint import _fixes
from chatml.lint._engine import Analysis, Block, LintDiagnostic, analyze, judge
from chatml.lint._pages import FIX, OPTIONS, TITLES, WHY, page_of
from chatml.lint._rule import Context, DatasetRule, Example, FileRule, Finding, Rule, Severity
from chatml.lint._select import rules_for
from chatml.lint._settings import Settings
from chatml.lint.rules import RULES

ROOT = Path(chatml.__file__).resolve().parents[1]
FOLDER = ROOT / "chatml" / "lint" / "rules"
LOW_LAYERS = {
    "_version",
    "_errors",
    "_spans",
    "_diagnostics",
    "_trusted",
    "_messages",
    "_special",
    "_segments",
    "dialects",
}
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.code}-{number}")
    for rule in RULES
    for number, example in enumerate(rule.examples)
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def settings_of(rule: type[Rule], example: Example) -> Settings:
    """The settings of an example, with no other rule."""
    return Settings(**{**example.settings, "select": (rule.code,)})


def lint(rule: type[Rule], example: Example, text: str) -> list[LintDiagnostic]:
    """What is found in a text by one rule, and by the engine itself."""
    settings = settings_of(rule, example)
    block = Block(text.removeprefix("\ufeff"), has_bom=text.startswith("\ufeff"))
    analysis = analyze(block, path=example.path, settings=settings)
    return [*analysis.diagnostics, *judge(rules_for(settings, example.path), analysis.facts)]


def fixed(rule: type[Rule], example: Example, text: str) -> str:
    has_bom = text.startswith("\ufeff")
    result = _fixes.apply_fixes(
        text.removeprefix("\ufeff"),
        path=example.path,
        settings=settings_of(rule, example),
        has_bom=has_bom,
        unsafe=True,
    )
    assert result.refused == ()
    return ("\ufeff" if result.has_bom else "") + result.text


# ------------------------------------------------------------------------------------------------ table and folder


def test_codes_and_names_are_unique() -> None:
    for values in ([rule.code for rule in RULES], [rule.name for rule in RULES], [rule.__name__ for rule in RULES]):
        assert len(values) == len(set(values))
    assert not {rule.name for rule in RULES} & {rule.code for rule in RULES}


def classes_in(path: Path) -> list[ast.ClassDef]:
    """The classes of a file that have a code."""
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    return [node for node in classes if any("code" in ast.unparse(inner).split("=")[0] for inner in node.body)]


def test_the_table_lists_the_folder() -> None:
    files = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    assert files == sorted(f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in RULES)
    for rule in RULES:
        assert rule.__module__ == f"chatml.lint.rules.{rule.code.lower()}_{rule.name.replace('-', '_')}"
        assert [node.name for node in classes_in(Path(sys.modules[rule.__module__].__file__ or ""))] == [rule.__name__]


def imported_by(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_allowed(name: str) -> bool:
    parts = name.split(".")
    if parts[0] != "chatml":
        return parts[0] in sys.stdlib_module_names
    return name.startswith(("chatml.lint._rule.", "chatml.lint.rules._")) or (len(parts) > 2 and parts[1] in LOW_LAYERS)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_rules_see_only_what_a_context_hands_them(path: Path) -> None:
    if path.stem != "__init__":
        assert [name for name in imported_by(path.read_text("utf-8")) if not is_allowed(name)] == []


def test_a_wrong_import_is_seen() -> None:
    names = imported_by("import os, regex\nfrom chatml._prompt import Prompt\nfrom chatml.lint._rule import Rule\n")
    assert [name for name in names if not is_allowed(name)] == ["regex", "chatml._prompt.Prompt"]


# ------------------------------------------------------------------------------------------------ documentation


@every_rule
def test_what_a_rule_says_about_itself(rule: type[Rule]) -> None:
    assert issubclass(rule, Rule)
    assert re.fullmatch("(?!PL)[A-Z]{3}[0-9]{3}", rule.code)
    assert re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)+|secret|pii", rule.name)
    assert isinstance(rule.severity, Severity)
    assert rule.fix in ("safe", "unsafe", "")
    assert rule.kinds
    assert rule.kinds <= {"prompt", "training", "template"}
    assert rule.source.strip()
    assert all(re.fullmatch("[a-z][a-z0-9_-]*", name) for name in rule.options)
    json.dumps(dict(rule.options))  # what a configuration file can hold


@every_rule
def test_a_rule_is_documented(rule: type[Rule]) -> None:
    page = page_of(rule)
    assert page.summary.endswith(".")
    assert len(page.summary) <= 116
    assert set(page.sections) <= set(TITLES)
    assert page.sections.get(WHY)
    assert all(page.sections.values())
    assert (FIX in page.sections) == bool(rule.fix)
    if rule.fix:
        assert page.sections[FIX].lower().startswith(rule.fix)
    documented = page.sections.get(OPTIONS, "")
    assert [name for name in rule.options if f"`{name}`" not in documented] == []


def test_the_pages_are_up_to_date() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "rule_pages.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")


def test_the_overview_lists_all_rules() -> None:
    overview = (ROOT / "docs" / "rules" / "index.md").read_text("utf-8")
    assert re.findall(r"^\| \[([A-Z0-9]+)\]\(\1\.md\) \|", overview, re.MULTILINE) == sorted(
        rule.code for rule in RULES
    )


# ------------------------------------------------------------------------------------------------ examples


@every_rule
def test_a_rule_has_examples(rule: type[Rule]) -> None:
    assert any(example.bad for example in rule.examples)
    assert any(example.good for example in rule.examples)
    assert all(example.bad or example.good for example in rule.examples)
    assert not any(example.fixed and not example.bad for example in rule.examples)
    assert any(example.fixed for example in rule.examples) == bool(rule.fix)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_bad_ones_fire(rule: type[Rule], example: Example) -> None:
    if example.bad:
        found = lint(rule, example, example.bad)
        assert {one.code for one in found} == {rule.code}
        assert {(one.name, one.severity) for one in found} == {(rule.name, rule.severity)}
        assert all(one.message and "\n" not in one.message for one in found)
        assert all(0 <= one.start <= one.end <= len(example.bad) for one in found)
        kinds = {one.fix.applicability for one in found if one.fix}
        assert kinds <= ({"safe", "unsafe"} if rule.fix == "safe" else {rule.fix})


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_good_ones_are_silent(rule: type[Rule], example: Example) -> None:
    if example.good:
        assert lint(rule, example, example.good) == []


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_fixed_ones_are_what_fixing_makes(rule: type[Rule], example: Example) -> None:
    if example.fixed:
        assert fixed(rule, example, example.bad) == example.fixed
        assert fixed(rule, example, example.fixed) == example.fixed
        assert lint(rule, example, example.fixed) == []


# ------------------------------------------------------------------------------------------------ negative controls


class Deaf(Rule):
    """It never fires.

    ## Why is this bad?
    It is not.
    """

    code, name, source = "TST001", "deaf-rule", "here"
    examples = (Example(bad="<|im_start|>user\nhi"), Example(good="<|im_start|>user\nhi<|im_end|>\n"))

    def check(self, context: Context) -> Iterator[Finding]:  # noqa: ARG002  # the signature is that of rules
        yield from ()


class Loud(Deaf):
    """It always does."""

    code = "TST002"

    def check(self, context: Context) -> Iterator[Finding]:
        yield Finding(f"found {len(context.turns)}")


class Unsound(Loud):
    """Its code is none."""

    code = "TEST1"


def run_only(rule: type[Rule], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a rule be the only one there is."""

    def only(block: Block, *, path: str, settings: Settings) -> Analysis:
        return analyze_all(block, path=path, settings=settings, rules=[rule()])

    analyze_all = analyze
    monkeypatch.setattr("test_rules.rules_for", lambda *_: [])
    monkeypatch.setattr("test_rules.analyze", only)


@pytest.mark.parametrize(
    ("rule", "number", "check"), [(Deaf, 0, test_the_bad_ones_fire), (Loud, 1, test_the_good_ones_are_silent)]
)
def test_a_rule_that_breaks_its_word_is_seen(
    rule: type[Rule], number: int, check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_only(rule, monkeypatch)
    with pytest.raises(AssertionError):
        check(rule, rule.examples[number])


def test_a_rule_without_a_page_is_seen() -> None:
    with pytest.raises(AssertionError):
        test_a_rule_is_documented(Loud)
    with pytest.raises(AssertionError):
        test_what_a_rule_says_about_itself(Unsound)


def test_the_kinds_of_rules_are_told_apart() -> None:
    for rule in RULES:
        own = {name for name in ("check", "fact", "judge") if name in vars(rule)}
        if issubclass(rule, DatasetRule):
            assert {"fact", "judge"} <= own
            assert not issubclass(rule, FileRule)
        else:
            assert "check" in own
