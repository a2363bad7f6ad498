"""Configuration files: `[tool.chatml]` in pyproject.toml, or the same keys at the top of chatml.toml.

What is not known is an error that names the nearest known key: a setting that nobody reads is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chatml._errors import ChatMLError, ConfigError, shown
from chatml.lint._rule import Rule
from chatml.lint._select import all_rules, check_names, matches
from chatml.lint._settings import Settings

FILES = ("chatml.toml", "pyproject.toml")  # in a folder that has both, the first one that speaks of us
DEFAULT_EXCLUDE = (
    "__pycache__", "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip


class Config(NamedTuple):
    """What one configuration file says. `source` is its path, "" for the defaults."""

    settings: Settings = Settings(exclude=DEFAULT_EXCLUDE)
    source: str = ""
    baseline: str | None = None
    respect_gitignore: bool = True


class Overrides(NamedTuple):
    """What options say: it lies over what every file says. Empty values say nothing."""

    model: str | None = None
    dialect: str | None = None
    encoding: str | None = None
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, str], ...] = ()
    exclude: tuple[str, ...] = ()
    has_baseline: bool = False


def read_config(text: str, *, source: str) -> Config | None:
    """Read a configuration file; None for a pyproject.toml that does not speak of us. Raises `ConfigError`."""
    import tomllib

    try:
        table: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"this is not valid TOML: {error}", option=source) from None
    prefix = ""
    if source.replace("\\", "/").rpartition("/")[2] == "pyproject.toml":
        tool = table.get("tool")
        if not isinstance(tool, dict) or "chatml" not in tool:
            return None
        table, prefix = tool["chatml"], "tool.chatml"
    return _Reader(source, prefix).read(table)


def with_overrides(config: Config, overrides: Overrides) -> Config:
    """Lay options over a file. Raises `ConfigError` for what names no rule or target."""
    check_names(overrides.select, "--select")
    check_names(overrides.extend_select, "--extend-select")
    check_names(overrides.ignore, "--ignore")
    check_names((name for _, name in overrides.per_file_ignores), "--per-file-ignores")
    old = config.settings
    per_file = dict(old.per_file_ignores)
    for pattern, name in overrides.per_file_ignores:
        per_file[pattern] = (*per_file.get(pattern, ()), name)
    settings = replace(
        old,
        model=overrides.model or old.model,
        dialect=overrides.dialect or old.dialect,
        encoding=overrides.encoding or old.encoding,
        select=overrides.select or old.select,
        extend_select=(*old.extend_select, *overrides.extend_select),
        ignore=(*old.ignore, *overrides.ignore),
        per_file_ignores=per_file,
        exclude=(*old.exclude, *overrides.exclude),
        record_tokens=overrides.has_baseline or config.baseline is not None,
    )
    for option in _TARGETS:
        check_target(option, getattr(overrides, option), f"--{option}")
    return config._replace(settings=settings)


def check_target(kind: str, name: str | None, option: str) -> None:
    """Raise `ConfigError` for a model, dialect or encoding that does not exist."""
    if name is None:
        return
    try:
        _TARGETS[kind](name)
    except ChatMLError as error:
        raise ConfigError(error.problem, option=option, hint=error.hint) from None


def _find_model(name: str) -> object:
    from chatml.models import get_model

    return get_model(name)


def _find_dialect(name: str) -> object:
    from chatml.dialects import get_dialect

    return get_dialect(name)


def _find_encoding(name: str) -> object:
    from chatml.encodings import encoding_names

    if name in encoding_names():
        return name
    from chatml.encodings import get_encoding

    return get_encoding(name)  # raises the error that names the nearest


_TARGETS: Mapping[str, Callable[[str], object]] = {
    "model": _find_model, "dialect": _find_dialect, "encoding": _find_encoding,
}  # fmt: skip


class _Reader:
    """Reads the table of one file."""

    def __init__(self, source: str, prefix: str) -> None:
        self._source = source
        self._prefix = prefix

    def read(self, table: Any) -> Config:
        self._expect("", table, dict, "a table")
        found: dict[str, Any] = {}
        config = Config(source=self._source)
        for key, value in table.items():
            if key in ("baseline", "respect-gitignore"):
                config = self._of_run(config, key, value)
            elif key in _KEYS:
                found[key.replace("-", "_")] = _KEYS[key](self, key, value)
            else:
                raise self._unknown(key, [*_KEYS, "baseline", "respect-gitignore"], "a key of the configuration")
        if "exclude" in found:
            found["exclude"] = (*DEFAULT_EXCLUDE, *found["exclude"])
        return config._replace(settings=replace(config.settings, **found))

    def _of_run(self, config: Config, key: str, value: Any) -> Config:
        if key == "baseline":
            self._expect(key, value, str, "a path")
            return config._replace(baseline=value)
        self._expect(key, value, bool, "true or false")
        return config._replace(respect_gitignore=value)

    # Kinds of values

    def target(self, key: str, value: Any) -> str:
        self._expect(key, value, str, "a name")
        check_target(key, value, self._where(key))
        return str(value)

    def names(self, key: str, value: Any) -> tuple[str, ...]:
        found = self.strings(key, value)
        check_names(found, self._where(key))
        return found

    def strings(self, key: str, value: Any) -> tuple[str, ...]:
        self._expect(key, value, list, "a list of strings")
        if not all(isinstance(one, str) for one in value):
            raise self._error(key, f"found {shown(value)}, expected a list of strings")
        return tuple(value)

    def names_by_glob(self, key: str, value: Any) -> dict[str, tuple[str, ...]]:
        self._expect(key, value, dict, "a table of lists of rules by glob")
        return {pattern: self.names(f"{key}.{pattern}", names) for pattern, names in value.items()}

    def formats(self, key: str, value: Any) -> dict[str, str]:
        from chatml.promptfiles import FORMATS, FORMS

        return self._words(key, value, [*(one.name for one in FORMATS), *(one.name for one in FORMS)])

    def kinds(self, key: str, value: Any) -> dict[str, str]:
        return self._words(key, value, ["prompt", "training", "template"])

    def _words(self, key: str, value: Any, known: list[str]) -> dict[str, str]:
        self._expect(key, value, dict, "a table of words by glob")
        for pattern, word in value.items():
            if word not in known:
                expected = f"{', '.join(known[:-1])} or {known[-1]}"
                raise self._error(f"{key}.{pattern}", f"found {shown(word)}, expected {expected}")
        return dict(value)

    def budgets(self, key: str, value: Any) -> dict[str, int]:
        self._expect(key, value, dict, "a table of numbers of tokens by glob")
        return {pattern: self.number(f"{key}.{pattern}", number) for pattern, number in value.items()}

    def number(self, key: str, value: Any) -> int:
        if type(value) is not int or value < 0:
            raise self._error(key, f"found {shown(value)}, expected a number from 0 on")
        return value

    def options(self, key: str, value: Any) -> dict[str, dict[str, Any]]:
        self._expect(key, value, dict, "a table of options by rule")
        found = {}
        for name, options in value.items():
            check_names((name,), self._where(key))
            named = [rule for rule in all_rules() if name in (rule.code, rule.name)]
            if not named:
                several = ", ".join(rule.code for rule in all_rules() if matches(rule, (name,)))
                raise self._error(key, f"found {shown(name)}, expected one rule; it stands for {several}")
            self._expect(f"{key}.{name}", options, dict, "a table of options")
            found[named[0].code] = self._of_rule(f"{key}.{name}", named[0], options)
        return found

    def _of_rule(self, key: str, rule: Rule, options: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for option, value in options.items():
            name = option if option in rule.options else option.replace("-", "_")
            if name not in rule.options:
                raise self._unknown(f"{key}.{option}", rule.options, f"an option of {rule.code} {rule.name}")
            found[name] = self._like(f"{key}.{option}", rule.options[name], value)
        return found

    def _like(self, key: str, default: Any, value: Any) -> Any:
        """A value of the kind that the default has."""
        if isinstance(default, (tuple, list, frozenset, set)):
            self._expect(key, value, list, "a list")
            return type(default)(value)
        kinds: tuple[type, ...] = (type(default),)
        if isinstance(default, (float, Mapping)):
            kinds = (int, float) if isinstance(default, float) else (dict,)
        if default is not None and type(value) not in kinds:
            raise self._error(key, f"found {shown(value)}, expected a value like {shown(default)}")
        return value

    # Errors

    def _where(self, key: str) -> str:
        return f"{self._source}: {'.'.join(filter(None, (self._prefix, key)))}".removesuffix(": ")

    def _error(self, key: str, problem: str) -> ConfigError:
        return ConfigError(problem, option=self._where(key))

    def _expect(self, key: str, value: Any, kind: type, expected: str) -> None:
        if type(value) is not kind:
            raise self._error(key, f"found {shown(value)}, expected {expected}")

    def _unknown(self, key: str, known: Iterable[str], expected: str) -> ConfigError:
        from difflib import get_close_matches

        choices = sorted(known)
        near = get_close_matches(key.rpartition(".")[2], choices, n=1)
        if near:
            return self._error(key, f"expected {expected}, the nearest is {near[0]}")
        names = f"one of {', '.join(choices)}" if choices else "it has none"
        return self._error(key, f"expected {expected}: {names}")


_KEYS: Mapping[str, Callable[[_Reader, str, Any], Any]] = {
    "model": _Reader.target,
    "dialect": _Reader.target,
    "encoding": _Reader.target,
    "select": _Reader.names,
    "extend-select": _Reader.names,
    "ignore": _Reader.names,
    "per-file-ignores": _Reader.names_by_glob,
    "exclude": _Reader.strings,
    "formats": _Reader.formats,
    "kinds": _Reader.kinds,
    "budgets": _Reader.budgets,
    "reserve": _Reader.number,
    "rules": _Reader.options,
}


def settings_text(config: Config, rules: Iterable[Rule]) -> str:
    """A configuration as the text of a chatml.toml that says the same, with the rules that it chooses."""
    from json import dumps  # a string of JSON in ASCII is one of TOML

    settings = config.settings
    lines = [f"# from {config.source}" if config.source else "# defaults, there is no configuration file"]
    tables: list[str] = []
    for key in _KEYS:
        value = getattr(settings, key.replace("-", "_"))
        if isinstance(value, Mapping):
            tables += _table_lines(key, value)
        elif value not in (None, ()):
            lines.append(f"{key} = {dumps(value)}")
    lines.append(f"respect-gitignore = {dumps(config.respect_gitignore)}")
    if config.baseline is not None:
        lines.append(f"baseline = {dumps(config.baseline)}")
    chosen = [f"#   {rule.code} {rule.name}" for rule in rules]
    return "\n".join([*lines, *tables, "", f"# {len(chosen)} rules are on:", *chosen, ""])


def _table_lines(key: str, table: Mapping[str, Any]) -> list[str]:
    from json import dumps

    lines = ["", f"[{key}]"] if table else []
    for name, value in table.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{option} = {dumps(one, default=list)}" for option, one in value.items())
            lines.append(f"{dumps(name)} = {{ {inner} }}")
        else:
            lines.append(f"{dumps(name)} = {dumps(value)}")
    return lines
