"""Configuration files: every key, every fault with its whole message, and options over them."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml import ChatMLError, ConfigError
from chatml.lint import RULES, Settings
from chatml.lint._config import DEFAULT_EXCLUDE, Config, Overrides, read_config, settings_text, with_overrides
from chatml.lint._select import all_rules, rules_for
from chatml.promptfiles import FORMATS, FORMS

NAMES = [*(one.name for one in FORMATS), *(one.name for one in FORMS)]
FORMAT_WORDS = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
FULL = """
model = "gpt-4o"
dialect = "qwen2"
encoding = "o200k_im"
select = ["CML001", "unused-suppression"]
extend-select = ["SUP001"]
ignore = ["CML001"]
exclude = ["data/*"]
reserve = 250
baseline = "old.json"
respect-gitignore = false

[per-file-ignores]
"tests/*" = ["ALL"]

[formats]
"*.txt" = "chatml"

[kinds]
"train/*" = "training"

[budgets]
"*.chatml" = 800
"""


def read(text: str, source: str = "chatml.toml") -> Config:
    config = read_config(text, source=source)
    assert config is not None
    return config


def test_every_key() -> None:
    assert read(FULL) == Config(
        Settings(
            model="gpt-4o", dialect="qwen2", encoding="o200k_im", select=("CML001", "unused-suppression"),
            extend_select=("SUP001",), ignore=("CML001",), per_file_ignores={"tests/*": ("ALL",)},
            exclude=(*DEFAULT_EXCLUDE, "data/*"), formats={"*.txt": "chatml"}, kinds={"train/*": "training"},
            budgets={"*.chatml": 800}, reserve=250,
        ),
        "chatml.toml", "old.json", False,
    )  # fmt: skip


def test_pyproject() -> None:
    indented = FULL.replace("\n[", "\n[tool.chatml.")
    assert read(f"[project]\nname = 'x'\n[tool.chatml]{indented}", "a/pyproject.toml") == read(FULL)._replace(
        source="a/pyproject.toml"
    )
    assert read_config("[project]\nname = 'x'\n", source="pyproject.toml") is None
    assert read_config("[tool]\nruff = 1\n", source="pyproject.toml") is None
    assert read_config("tool = 1\n", source="pyproject.toml") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", "this is not valid TOML: Invalid value (at end of document)"),
        ("ignroe = []", "ignroe: expected a key of the configuration, the nearest is ignore"),
        ("model = 5", "model: found 5, expected a name"),
        ("model = 'gpt-4p'", None),
        ("dialect = 'x'", None),
        ("encoding = 'x'", None),
        ("select = 'CML'", "select: found 'CML', expected a list of strings"),
        ("select = [1]", "select: found [1], expected a list of strings"),
        ("exclude = [1]", "exclude: found [1], expected a list of strings"),
        ("ignore = ['CLM001']", "ignore: found 'CLM001', expected the code or name of a rule, the nearest is CML001"),
        ("ignore = ['']", "ignore: found '', expected the code or name of a rule"),
        ("per-file-ignores = []", "per-file-ignores: found [], expected a table of lists of rules by glob"),
        ("per-file-ignores = { 'a' = 1 }", "per-file-ignores.a: found 1, expected a list of strings"),
        ("formats = { 'a' = 'jsno' }", f"formats.a: found 'jsno', expected {FORMAT_WORDS}"),
        ("formats = { 'a' = [] }", f"formats.a: found [], expected {FORMAT_WORDS}"),
        ("kinds = { 'a' = 'x' }", "kinds.a: found 'x', expected prompt, training or template"),
        ("budgets = { 'a' = -1 }", "budgets.a: found -1, expected a number from 0 on"),
        ("budgets = { 'a' = true }", "budgets.a: found True, expected a number from 0 on"),
        ("reserve = 1.5", "reserve: found 1.5, expected a number from 0 on"),
        ("baseline = 1", "baseline: found 1, expected a path"),
        ("respect-gitignore = 1", "respect-gitignore: found 1, expected true or false"),
        ("rules = 1", "rules: found 1, expected a table of options by rule"),
        ("[rules]\nCML001 = 1", "rules.CML001: found 1, expected a table of options"),
        (
            "[rules.CML001]\nmax = 1",
            "rules.CML001.max: expected an option of CML001 unclosed-message: it has none",
        ),
    ],
)
@pytest.mark.parametrize("is_project", [False, True])
def test_faults(text: str, message: str | None, is_project: bool) -> None:
    source, prefix = ("pyproject.toml", "tool.chatml.") if is_project else ("chatml.toml", "")
    if is_project:
        text = f"[tool.chatml]\n{text}".replace("[rules", "[tool.chatml.rules")
    with pytest.raises(ConfigError) as caught:
        read_config(text, source=source)
    shown = str(caught.value)
    if message is None:
        assert shown.startswith(f"{source}: {prefix}")
        assert "unknown" in shown or "expected" in shown
    else:
        assert shown == f"{source}: {'' if 'TOML' in message else prefix}{message}"


def test_the_table_itself() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config("[tool]\nchatml = 1\n", source="pyproject.toml")
    assert str(caught.value) == "pyproject.toml: tool.chatml: found 1, expected a table"


class TestOptionsOfRules:
    """`[rules.CODE]` is checked against what the rule has."""

    WITH = next((rule for rule in all_rules() if any(type(value) is int for value in rule.options.values())), None)

    def test_a_beginning_is_no_rule(self) -> None:
        with pytest.raises(ConfigError) as caught:
            read("[rules]\nCML = { }")
        assert str(caught.value).startswith("chatml.toml: rules: found 'CML', expected one rule; it stands for CML001")

    @pytest.mark.skipif(WITH is None, reason="no rule has a number as an option")
    def test_a_value_has_the_kind_of_the_default(self) -> None:
        rule = self.WITH
        assert rule is not None
        name, default = next((name, value) for name, value in rule.options.items() if type(value) is int)
        written = name.replace("_", "-")
        for key in (rule.code, rule.name):
            config = read(f"[rules.{key}]\n{written} = {default + 1}")
            assert config.settings.rules == {rule.code: {name: default + 1}}
        with pytest.raises(ConfigError) as caught:
            read(f"[rules.{rule.code}]\n{written} = 'x'")
        problem = f"found 'x', expected a value like {default}"
        assert str(caught.value) == f"chatml.toml: rules.{rule.code}.{written}: {problem}"
        with pytest.raises(ConfigError) as caught:
            read(f"[rules.{rule.code}]\n{written}x = 1")
        assert "the nearest is" in str(caught.value)


class TestOverrides:
    """Options of the command line lie over a file."""

    def test_they_replace_or_add(self) -> None:
        over = Overrides(
            model="gpt-4", dialect="chatml", encoding="cl100k_im", select=("SUP",), extend_select=("CML",),
            ignore=("SUP001",), per_file_ignores=(("tests/*", "CML001"), ("b", "SUP")), exclude=("c",),
        )  # fmt: skip
        settings = with_overrides(read(FULL), over).settings
        assert (settings.model, settings.dialect, settings.encoding) == ("gpt-4", "chatml", "cl100k_im")
        assert settings.select == ("SUP",)
        assert settings.extend_select == ("SUP001", "CML")
        assert settings.ignore == ("CML001", "SUP001")
        assert settings.per_file_ignores == {"tests/*": ("ALL", "CML001"), "b": ("SUP",)}
        assert settings.exclude == (*DEFAULT_EXCLUDE, "data/*", "c")

    def test_none_change_nothing(self) -> None:
        config = read(FULL)._replace(baseline=None)
        assert with_overrides(config, Overrides()) == config

    def test_a_baseline_asks_for_tokens(self) -> None:
        assert with_overrides(read(FULL), Overrides()).settings.record_tokens
        assert with_overrides(Config(), Overrides(has_baseline=True)).settings.record_tokens
        assert not with_overrides(Config(), Overrides()).settings.record_tokens

    @pytest.mark.parametrize(
        ("over", "message"),
        [
            (Overrides(select=("X1",)), "--select: found 'X1', expected the code or name of a rule"),
            (Overrides(extend_select=("X1",)), "--extend-select: found 'X1', expected the code or name of a rule"),
            (Overrides(ignore=("X1",)), "--ignore: found 'X1', expected the code or name of a rule"),
            (
                Overrides(per_file_ignores=(("a", "X1"),)),
                "--per-file-ignores: found 'X1', expected the code or name of a rule",
            ),
        ],
    )
    def test_they_are_checked(self, over: Overrides, message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            with_overrides(Config(), over)
        assert str(caught.value) == message
        with pytest.raises(ConfigError) as caught:
            with_overrides(Config(), Overrides(model="gpt-99z"))
        assert str(caught.value).startswith("--model: unknown model 'gpt-99z'")


class TestSelection:
    """Which rules are on."""

    def chosen(self, path: str = "a.chatml", **changes: object) -> set[str]:
        return {rule.code for rule in rules_for(Settings(**changes), path)}  # type: ignore[arg-type]  # by name

    def test_defaults(self) -> None:
        assert self.chosen() == {rule.code for rule in RULES if rule.is_on}
        assert self.chosen(select=("ALL",)) == {rule.code for rule in RULES}

    def test_beginnings_and_names(self) -> None:
        assert self.chosen(select=("CML001",)) == {"CML001"} == self.chosen(select=("unclosed-message",))
        assert self.chosen(select=("CML",)) == {rule.code for rule in RULES if rule.code.startswith("CML")}
        assert "CML001" not in self.chosen(ignore=("CML",))
        assert self.chosen(select=("CML001",), extend_select=("SUP001",)) == {"CML001", "SUP001"}
        assert not self.chosen(select=("CML001",), extend_select=("SUP001",), ignore=("ALL",))

    @pytest.mark.parametrize(
        ("pattern", "path", "fits"),
        [
            ("*.chatml", "a.chatml", True), ("*.chatml", "x/a.chatml", True), ("x/*", "x/a.chatml", True),
            ("x/*", "y/x/a.chatml", True), ("x/*", "y\\x\\a.chatml", True), ("x", "x/a.chatml", False),
            ("a.chatml", "x/a.chatml", True), ("*.json", "a.chatml", False),
        ],
    )  # fmt: skip
    def test_files(self, pattern: str, path: str, fits: bool) -> None:
        chosen = self.chosen(path, select=("CML001",), per_file_ignores={pattern: ("CML",)})
        assert chosen == (set() if fits else {"CML001"})

    def test_the_last_pattern_counts(self) -> None:
        settings = Settings(formats={"*": "json", "a*": "chatml"})
        assert settings.of_glob(settings.formats, "x/a.txt") == "chatml"
        assert settings.of_glob(settings.formats, "x/b.txt") == "json"


def test_settings_can_be_shown_and_read_back() -> None:
    config = read(FULL.replace('exclude = ["data/*"]\n', ""), "dir/chatml.toml")
    text = settings_text(config, rules_for(config.settings, "x"))
    assert text.startswith('# from dir/chatml.toml\nmodel = "gpt-4o"\n')
    assert text.endswith("\n# 1 rules are on:\n#   SUP001 unused-suppression\n")
    again = tomllib.loads(text)
    assert again.pop("exclude") == list(DEFAULT_EXCLUDE)
    assert again == tomllib.loads(FULL) | {"exclude": again.get("exclude")} or again == {
        key: value for key, value in tomllib.loads(FULL).items() if key != "exclude"
    }


words = st.sampled_from(["model", "select", "rules", "CML001", "budgets", "a", "*", "formats", "exclude", "baseline"])
values = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 10**20), st.floats(), st.text(max_size=3), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


def toml_of(value: object) -> str:
    import json

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml_of(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, float):
        return str(value)
    return json.dumps(value)


@given(st.one_of(st.text(), st.dictionaries(words, values, max_size=4).map(
    lambda table: "\n".join(f"{key} = {toml_of(value)}" for key, value in table.items())
)), st.sampled_from(["chatml.toml", "pyproject.toml"]))  # fmt: skip
def test_any_text_is_read_or_refused(text: str, source: str) -> None:
    refused = None
    try:
        read_config(text if source == "chatml.toml" else f"[tool.chatml]\n{text}", source=source)
    except ChatMLError as error:
        refused = error
    assert refused is None or (type(refused) is ConfigError and source in str(refused))
