"""TLC007."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chatml.lint._rule import Context, Example, Finding, Path, Rule, Severity, Value
from chatml.lint.rules._calls import Call, calls_in, tools_of
from chatml.lint.rules._targets import shown

_CHAT = (
    '{{"messages": [{{"role": "assistant", "tool_calls": [{{"id": "a", "function": {{"name": "f", '
    '"arguments": {}}}}}]}}], "tools": [{{"type": "function", "function": {{"name": "f", "description": "d", '
    '"parameters": {}}}}}]}}'
)
_CITY = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
_MOST = 3  # findings of a call
_DEEPEST = 16
# what says more than this rule reads: where one of them stands, nothing is said about the value
_BEYOND = frozenset({"$ref", "anyOf", "oneOf", "allOf", "not", "if", "$dynamicRef", "dependentSchemas"})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,), "null": (type(None),),
}  # fmt: skip


class ArgumentsViolateSchema(Rule):
    """The arguments of a call do not fit the parameters of the tool that is declared.

    Looked at: `type`, `enum`, `const`, `required`, `properties`, `items`, and `additionalProperties` where it is false.

    ## Why is this bad?
    The code that makes the call fails; a model that is trained on it learns calls that fail.

    ## Use instead
    Arguments that the schema allows.
    """

    code, name = "TLC007", "arguments-violate-schema"
    severity = Severity.WARNING
    source = 'openai-openapi openapi.yaml: a model "may hallucinate parameters not defined by your function schema"'
    examples = (
        Example(bad=_CHAT.format('"{}"', _CITY), path="chat.json"),
        Example(bad=_CHAT.format('{"city": 5}', _CITY), path="chat.json"),
        Example(good=_CHAT.format('"{\\"city\\": \\"Paris\\", \\"country\\": \\"FR\\"}"', _CITY), path="chat.json"),
        Example(good=_CHAT.format('"{}"', '{"$ref": "#/city"}'), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare arguments with parameters."""
        schemas: dict[str, Any] = {}
        for tool in tools_of(context):
            if isinstance(tool.name, str):  # a tool that is declared twice has no one schema
                schemas[tool.name] = None if tool.name in schemas else tool.value.get("parameters")
        for call in calls_in(context) if schemas else ():
            schema = schemas.get(call.name) if isinstance(call.name, str) else None
            if isinstance(schema, Mapping) and not call.is_custom:
                yield from _compare(call, schema)


def _compare(call: Call, schema: Mapping[str, Any]) -> Iterator[Finding]:
    value, is_text = call.arguments, isinstance(call.arguments, str)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if not isinstance(value, dict):  # another fault: TLC004 and TLC005 have it
        return
    for count, (problem, path) in enumerate(_problems(value, schema, ())):
        if count == _MOST:
            return
        where = f" at {'/'.join(map(str, path))[:60]!a}" if path else ""
        place = (*call.arguments_path, *(() if is_text or call.form == "text" else path))
        yield Finding(f"the arguments of {shown(call.name)} do not fit{where}: {problem}", Value(place))


def _problems(value: Any, schema: Any, path: Path) -> Iterator[tuple[str, Path]]:
    if not isinstance(schema, Mapping) or len(path) > _DEEPEST or not _BEYOND.isdisjoint(schema):
        return
    if value is None and schema.get("nullable") is True:
        return
    wrong = _wrong_value(value, schema)
    if wrong:
        yield wrong, path
    elif isinstance(value, dict):
        yield from _in_object(value, schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, schema.get("items"), (*path, index))


def _in_object(value: dict[str, Any], schema: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Path]]:
    required, properties = schema.get("required"), schema.get("properties")
    for key in required if isinstance(required, list) else ():
        if isinstance(key, str) and key not in value:
            yield f"{shown(key)} is missing", path
    if not isinstance(properties, Mapping):
        return
    is_closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    for key, inner in value.items():
        if key in properties:
            yield from _problems(inner, properties[key], (*path, key))
        elif is_closed:
            yield f"{shown(key)} is not a parameter", path


def _wrong_value(value: Any, schema: Mapping[str, Any]) -> str:
    asked = schema.get("type")
    names = [asked] if isinstance(asked, str) else asked
    if isinstance(names, list) and names and not any(_is_of_type(value, name) for name in names):
        return f"found {shown(value)}, expected {' or '.join(str(name)[:20] for name in names)}"
    allowed = schema.get("enum")
    if "const" in schema:
        allowed = [schema["const"]]
    if isinstance(allowed, list) and value not in allowed:
        return f"found {shown(value)}, expected one of {', '.join(shown(one, 20) for one in allowed[:5])}"
    return ""


def _is_of_type(value: Any, name: Any) -> bool:
    """Whether a value is of a type of JSON Schema; a type that is none fits all."""
    types = _TYPES.get(name.lower()) if isinstance(name, str) else None  # Gemini writes STRING
    if types is None:
        return True
    if isinstance(value, bool):
        return bool in types
    is_whole = not isinstance(value, float) or value.is_integer()
    return isinstance(value, types) and (is_whole or (float in types and name.lower() == "number"))
