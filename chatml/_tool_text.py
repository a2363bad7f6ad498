"""Tools and response schemas as the text that a provider puts into the prompt for them.

Not documented by the provider: fitted on recorded bills of gpt-3.5 to gpt-5. There are two notations. The models of
June 2023 (0613) get every property on a line of its own, nested objects indented and without their comments. All later
ones get an object on one line where none of its properties has a comment or a default, no indentation, comments at
every depth, and what a `$ref` points to in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatml._errors import ConfigError, shown

_DEEPEST = 64  # levels of a schema: far more than any in use, and a schema that refers to itself ends here
_LONGEST = 1_000_000  # characters of all tools together: references can make an exponential text of a short schema
_PER_TYPE = 8  # characters that any type counts for at least, so that types without any text end as well
_LEFT_OUT = frozenset({"additionalProperties", "required"})  # keys of a response schema that are not printed
_NAMED = frozenset({"properties", "$defs", "definitions"})  # keys whose value has names chosen by the user


@dataclass(frozen=True, slots=True)
class Notation:
    """How an object is laid out. `indent`: of what is nested. `flat`: on one line where that is possible.

    `nested_comments`: titles, descriptions and defaults below the top level are printed. `head_comments`: those of the
    parameters themselves are.
    """

    indent: str
    flat: bool
    nested_comments: bool
    head_comments: bool


JUNE_2023 = Notation(indent="  ", flat=False, nested_comments=False, head_comments=False)
CURRENT = Notation(indent="", flat=True, nested_comments=True, head_comments=True)


def tools_text(functions: Sequence[Mapping[str, Any]], notation: Notation = CURRENT) -> str:
    """The text for function definitions (`name`, `description`, `parameters`). Raises `ConfigError`.

    >>> print(tools_text([{"name": "now"}]))
    # Tools
    <BLANKLINE>
    ## functions
    <BLANKLINE>
    namespace functions {
    <BLANKLINE>
    type now = () => any;
    <BLANKLINE>
    } // namespace functions
    """
    writer = _Writer(notation)
    lines = ["# Tools", "", "## functions", "", "namespace functions {", ""]
    for index, function in enumerate(functions):
        lines += [*writer.function(function, f"tools[{index}]"), ""]
    return "\n".join([*lines, "} // namespace functions"])


def schema_text(schema: Mapping[str, Any]) -> str:
    """The text for the `json_schema` of a response format (`name`, `description`, `schema`). Raises `ConfigError`."""
    name = _text(schema.get("name", ""), "response_format.json_schema.name")
    description = _text(schema.get("description") or "", "response_format.json_schema.description")
    body = compact_json(_bare(schema.get("schema") or {}, 0), "response_format")
    return f"# Response Formats\n\n## {name}\n\n" + (f"// {description}\n" if description else "") + body


def compact_json(value: Any, option: str) -> str:
    """JSON without spaces, other characters than ASCII as they are. Raises `ConfigError` for what is no JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError, TypeError) as error:
        raise ConfigError(f"found {type(value).__name__} that is not JSON: {error}", option=option) from None


def _bare(value: Any, depth: int, *, names: bool = False) -> Any:
    """A schema without the keys that are not printed; `names`: the keys of this mapping are names of properties."""
    if depth > 4 * _DEEPEST:
        raise ConfigError("the schema is nested too deeply", option="response_format")
    if isinstance(value, Mapping):
        kept = (key for key in value if names or key not in _LEFT_OUT)
        return {key: _bare(value[key], depth + 1, names=not names and key in _NAMED) for key in kept}
    if isinstance(value, (list, tuple)):
        return [_bare(one, depth + 1) for one in value]
    return value


def _text(value: object, option: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"found {type(value).__name__}, expected a string", option=option)
    return value


class _Writer:
    """Writes the functions of one request; `_room` is what is left of the characters allowed."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation
        self._room = _LONGEST
        self._root: Mapping[str, Any] = {}
        self._place = "tools"

    def function(self, function: Mapping[str, Any], place: str) -> Iterator[str]:
        """The lines of one function."""
        self._place = place
        name = _text(function.get("name"), f"{place}.name")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ConfigError(f"found {type(parameters).__name__}, expected a mapping", option=f"{place}.parameters")
        self._root = parameters or {}
        yield from _comment(_text(function.get("description") or "", f"{place}.description"))
        if not _properties(self._root):
            yield f"type {name} = () => any;"
            return
        head = "".join(f"{line}\n" for line in self._comments(self._root)) if self.notation.head_comments else ""
        yield f"type {name} = (_: {head}{self._object(self._root, '', 0)}) => any;"

    def _comments(self, schema: Mapping[str, Any]) -> list[str]:
        title, description = schema.get("title"), schema.get("description")
        lines = [f"// {title}"] if isinstance(title, str) and title else []
        if isinstance(description, str) and description:
            lines += ["//"] if lines else []
            lines += _comment(description)
        return lines

    def _object(self, schema: Mapping[str, Any], pad: str, depth: int) -> str:
        """An object with its properties; `pad` is the indentation of the line that it begins on."""
        with_comments = depth == 0 or self.notation.nested_comments
        required = schema.get("required")
        needed = frozenset(one for one in required if isinstance(one, str)) if isinstance(required, list) else ()
        inner = pad + (self.notation.indent if depth else "")
        fields, plain = list[tuple[list[str], str, str]](), self.notation.flat
        for name, given in _properties(schema).items():
            value = self._resolved(given, depth)
            comments = self._comments(value) if with_comments else []
            field = f"{name}{'' if name in needed else '?'}: {self._type(value, inner, depth + 1)}"
            default = f" // default: {self._json(value['default'])}" if with_comments and "default" in value else ""
            plain = plain and not comments and not default
            fields.append((comments, field, default))
            self._spend(len(field))
        if plain:
            return "{ " + ", ".join(field for _, field, _ in fields) + " }"
        lines = ["{"]
        for comments, field, default in fields:
            lines += [inner + line for line in (*comments, f"{field},{default}")]
        return "\n".join([*lines, (pad if depth else "") + "}"])

    def _type(self, schema: Mapping[str, Any], pad: str, depth: int) -> str:
        self._spend(_PER_TYPE)
        if depth > _DEEPEST:
            return "any"
        if isinstance(values := schema.get("enum"), list):
            return " | ".join(f'"{one}"' if isinstance(one, str) else self._json(one) for one in values)
        for key in ("anyOf", "oneOf"):
            if isinstance(members := schema.get(key), list):
                return " | ".join(self._type(self._resolved(one, depth), pad, depth + 1) for one in members)
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(self._type({**schema, "type": one}, pad, depth + 1) for one in kind)
        if kind in ("string", "boolean", "null"):
            return str(kind)
        if kind in ("integer", "number"):
            return "number"
        if kind == "array":
            items = schema.get("items")
            return (self._type(self._resolved(items, depth), pad, depth + 1) if items else "any") + "[]"
        if kind == "object":
            return self._object(schema, pad, depth) if _properties(schema) else "object"
        return "any"

    def _resolved(self, schema: object, depth: int) -> Mapping[str, Any]:
        """A schema, or what it refers to; keys beside `$ref` count. What is no schema has no type."""
        if depth > _DEEPEST or not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        for _ in range(_DEEPEST):
            if not (isinstance(reference, str) and self.notation.nested_comments):
                break
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._target(reference), **beside}
            reference = schema.get("$ref")
        return schema

    def _target(self, reference: str) -> Mapping[str, Any]:
        found: object = self._root
        path = reference.removeprefix("#").removeprefix("/")
        for step in path.split("/") if path else ():
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def _json(self, value: Any) -> str:
        try:
            return json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError, TypeError) as error:
            raise ConfigError(f"found {type(value).__name__} that is not JSON: {error}", option=self._place) from None

    def _spend(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0:
            raise ConfigError(
                f"the text of the tools has more than {_LONGEST:,} characters", option=self._place,
                hint="a schema that refers to itself more than once grows without end",
            )  # fmt: skip


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _comment(text: str) -> list[str]:
    """The lines of a description, each stripped; an empty text has none."""
    stripped = text.strip()
    return [f"// {line.strip()}" if line.strip() else "//" for line in stripped.split("\n")] if stripped else []


def functions_of(
    tools: Sequence[Mapping[str, Any]] | None, functions: Sequence[Mapping[str, Any]] | None
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The function definitions of a request, and the tools that are none (built-in ones such as web search).

    A tool of Chat Completions has its definition under `function`, one of Responses beside its type.
    """
    found, others = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for index, tool in enumerate(tools or ()):
        definition = tool.get("function", tool)
        if tool.get("type", "function") != "function":
            others.append(tool)
        elif isinstance(definition, Mapping):
            found.append(definition)
        else:
            problem = f"found {shown(definition)}, expected a mapping with a name"
            raise ConfigError(problem, option=f"tools[{index}].function")
    return [*found, *(functions or ())], others
