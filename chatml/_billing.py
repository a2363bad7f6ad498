"""What a provider bills beside the text of messages: tools, calls and their results, response formats.

Nothing of this is documented. The rules were fitted on bills recorded in public tests, and the numbers below say how
often they agreed: `Evidence(FITTED, share)`. Where a wire or an API was not recorded, a rule of its nearest relative is
used and called an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chatml._measure import EXACT, Evidence, Part, Status
from chatml._messages import Message, ToolCall
from chatml._tokens import Coder
from chatml._tool_text import CURRENT, JUNE_2023, Notation, compact_json, functions_of, schema_text, tools_text


def _fitted(matched: int, cases: int) -> Evidence:
    return Evidence(Status.FITTED, round(matched / cases, 3))


def _estimate(bound: int | None) -> Evidence:
    return Evidence(Status.ESTIMATE, None, bound)


@dataclass(frozen=True, slots=True)
class Billing:
    """The numbers of one wire on one API, in tokens.

    `joins`: the text of tools and schema goes to the end of the first system or developer message, or is one of its
    own; else it stands apart, and `tools`, `schema` are what it costs beside its text. `hidden` comes with the tools of
    models that get a system text of the provider's. `bare_first` is added when the first function has no description.
    `choice`: of tool_choice "none", of a named tool and of the legacy function_call; a name costs its own tokens too
    where `choice_has_name`; "required" names a function that is the only one where `names_lone`. `reply_to_schema`: an
    assistant's header, and the priming, name a response schema when there are no tools. `call`, `result`: frame of a
    call and of its result, names and texts apart. `parallel`: several calls of one message are written as one call of
    `multi_tool_use.parallel`.
    """

    joins: bool
    tools: int
    schema: int
    call: int
    result: int
    parallel: bool
    tools_evidence: Evidence
    schema_evidence: Evidence
    call_evidence: Evidence
    choice: tuple[int, int, int] = (0, 0, 0)
    choice_has_name: bool = False
    names_lone: bool = False
    reply_to_schema: bool = False
    bare_first: int = 0
    hidden: int = 0


_IM_SEP = Billing(
    joins=True, tools=-1, schema=0, call=9, result=3, parallel=True,
    choice=(1, 7, 4), choice_has_name=True, reply_to_schema=True,
    tools_evidence=_fitted(94, 96), schema_evidence=_fitted(43, 43), call_evidence=_fitted(80, 81),
)  # fmt: skip
_IM_SEP_RESPONSES = Billing(
    joins=False, tools=-3, schema=1, call=9, result=3, parallel=True,
    choice=(1, 7, 7), choice_has_name=True, names_lone=True,
    tools_evidence=_fitted(44, 53), schema_evidence=_fitted(12, 12), call_evidence=_estimate(16),
)  # fmt: skip
_HARMONY = Billing(
    joins=False, tools=3, schema=0, call=10, result=8, parallel=False, bare_first=-1, hidden=82,
    tools_evidence=_fitted(14, 14), schema_evidence=_estimate(8), call_evidence=_fitted(6, 6),
)  # fmt: skip
_HARMONY_RESPONSES = Billing(
    joins=False, tools=3, schema=0, call=10, result=8, parallel=False, bare_first=-1,
    tools_evidence=_fitted(37, 38), schema_evidence=_fitted(3, 3), call_evidence=_estimate(16),
)  # fmt: skip
_BILLINGS = {
    ("openai-im-sep", "chat"): _IM_SEP,
    ("openai-im-sep", "responses"): _IM_SEP_RESPONSES,
    ("openai-harmony", "chat"): _HARMONY,
    ("openai-harmony", "responses"): _HARMONY_RESPONSES,
}
_TWO_AT_ONCE = _fitted(27, 27)
_UNRECORDED = _estimate(16)  # tokens: what the wires differ by, as far as they were recorded

# Models of June 2023, under all their names: they got another notation than what came after them.
_JUNE_2023 = frozenset({"gpt-4", "gpt-4-32k", "gpt-3.5-turbo-16k"})
_HIDDEN_TEXT = ("gpt-5",)  # of all models with tools on the chat API, these were recorded


def notation_of(model: str) -> Notation:
    """The notation of a model's tools, by the name of its row."""
    return JUNE_2023 if "0613" in model or model in _JUNE_2023 else CURRENT


class Request(NamedTuple):
    """What a request holds beside its messages."""

    tools: Sequence[Mapping[str, Any]] | None = None
    functions: Sequence[Mapping[str, Any]] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None


class Extras:
    """The billed text of tools and schema, and what it costs on one wire; `parts` are the lines of a report.

    `text` is what joins the first system message, "" where nothing does. `others` are tools that are no functions.
    `per_reply` is the cost of an assistant's header that names the schema.
    """

    def __init__(self, request: Request, billing: Billing, coder: Coder, model: str) -> None:
        self.billing = billing
        found, self.others = functions_of(request.tools, request.functions)
        tools = tools_text(found, notation_of(model)) if found else ""
        self.schema = _json_schema(request.response_format)
        schema = schema_text(self.schema) if self.schema is not None else ""
        self.text = "\n\n".join(filter(None, (tools, schema))) if billing.joins else ""
        replies = billing.reply_to_schema and bool(schema) and not tools
        self.per_reply = 2 + len(coder.text(str(self.schema.get("name", "")))) if replies and self.schema else 0
        self.parts = [
            *([self._tools_part(tools, found, model, coder)] if tools else []),
            *([self._schema_part(tools, schema, coder)] if schema else []),
            *self._choice_parts(request.tool_choice if found else None, found, coder),
        ]

    def _tools_part(self, text: str, found: Sequence[Mapping[str, Any]], model: str, coder: Coder) -> Part:
        billing, evidence = self.billing, self.billing.tools_evidence
        tokens = len(coder.text(text)) + billing.tools
        tokens += 0 if found[0].get("description") else billing.bare_first
        if billing.hidden:
            seen = model.startswith(_HIDDEN_TEXT)
            tokens += billing.hidden if seen else 0
            evidence = evidence if seen else _estimate(billing.hidden)
        return Part("tools", tokens, *evidence)

    def _schema_part(self, tools: str, text: str, coder: Coder) -> Part:
        between = len(coder.text(f"{tools}\n\n{text}")) - len(coder.text(tools)) if tools and self.billing.joins else 0
        tokens = (between or len(coder.text(text))) + self.billing.schema + self.per_reply
        return Part("response_format", tokens, *self.billing.schema_evidence)

    def _choice_parts(
        self, choice: str | Mapping[str, Any] | None, found: Sequence[Mapping[str, Any]], coder: Coder
    ) -> list[Part]:
        none, named, legacy = self.billing.choice
        if choice == "required" and self.billing.names_lone and len(found) == 1:
            return [Part("tool_choice", named + len(coder.text(str(found[0].get("name")))), *_estimate(named + 8))]
        if choice is None or isinstance(choice, str):
            return [Part("tool_choice", none, *_fitted(12, 12))] if choice == "none" and none else []
        function = choice.get("function")
        inner = function if isinstance(function, Mapping) else choice
        name = inner.get("name")
        if not isinstance(name, str):  # "allowed_tools": was billed as nothing
            return [Part("tool_choice", 0, *_estimate(16))]
        if not self.billing.choice_has_name:
            return []
        is_tool = inner is function or choice.get("type") == "function"
        return [Part("tool_choice", (named if is_tool else legacy) + len(coder.text(name)), *_fitted(19, 19))]


def _json_schema(response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The json_schema of a response format: under that key for Chat Completions, beside the type for Responses."""
    if not response_format or response_format.get("type") != "json_schema":
        return None
    inner = response_format.get("json_schema")
    return inner if isinstance(inner, Mapping) else response_format


def billing_for(dialect: str, api: str) -> Billing:
    """The numbers of a wire; of one that had no tools, such as that of gpt-3.5-turbo-0301, those of its successor."""
    return _BILLINGS.get((dialect, api), _IM_SEP)


class Link(NamedTuple):
    """The call that a tool message answers: its name, whether it was one of several at once, its message's index."""

    name: str
    parallel: bool
    message: int


def links(messages: Iterable[Message]) -> list[Link | None]:
    """For each message the call that it answers; None for what is no tool message and for one without a call.

    A result answers a call of the last message before it that made any: the first one with its id that has no answer
    yet; where it has no id, or none of these calls has one, the first without an answer. A legacy function_call is
    answered by a message of role function, which says itself what it answers.
    """
    out = list[Link | None]()
    open_calls = list[tuple[ToolCall, bool]]()
    maker = 0
    for index, message in enumerate(messages):
        if message.tool_calls:
            several, maker = len(message.tool_calls) > 1, index
            open_calls = [(call, several) for call in message.tool_calls if call.type != "function_call"]
        answers = message.role == "tool" and open_calls
        place = _answered(message.tool_call_id, open_calls) if answers else None
        if place is None:
            out.append(None)
            continue
        call, several = open_calls.pop(place)
        out.append(Link(call.name, several, maker))
    return out


def _answered(identity: str | None, calls: Sequence[tuple[ToolCall, bool]]) -> int | None:
    by_id = (place for place, (call, _) in enumerate(calls) if identity is not None and call.id == identity)
    return next(by_id, 0 if identity is None or all(call.id is None for call, _ in calls) else None)


class Cost(NamedTuple):
    """What a message costs beside its turn: as a result it has no turn, its header and framing are here."""

    header: int = 0
    content: int = 0
    framing: int = 0
    tool_calls: int = 0
    evidence: Evidence = EXACT


def call_cost(message: Message, link: Link | None, billing: Billing, coder: Coder, *, sure: bool) -> Cost:
    """The cost of the calls that a message makes, or of the result that it is. `sure`: the wire was recorded."""
    if message.tool_calls:
        tokens, evidence = _calls(message.tool_calls, billing, coder)
        return Cost(tool_calls=tokens, evidence=evidence if sure else _UNRECORDED)
    if message.role == "function":
        header, content = len(coder.text(message.name or "")), len(coder.text(message.text))
        return Cost(header, content, billing.result, 0, _fitted(6, 6) if sure else _UNRECORDED)
    if link is None:
        header, content = len(coder.text("functions.")), len(coder.text(message.text))
        return Cost(header, content, billing.result, 0, _estimate(8))
    if link.parallel and billing.parallel:
        content = len(coder.text(f"{message.text}\n\n"))  # results of one message stand in one text
        return Cost(0, content, 0, 0, _TWO_AT_ONCE if sure else _UNRECORDED)
    header, content = len(coder.text(f"functions.{link.name}")), len(coder.text(message.text))
    return Cost(header, content, billing.result, 0, billing.call_evidence if sure else _UNRECORDED)


_PARALLEL = 22  # the frame of several calls at once and of their results, as billed for two calls


def _calls(calls: Sequence[ToolCall], billing: Billing, coder: Coder) -> tuple[int, Evidence]:
    if calls[0].type == "function_call":
        call = calls[0]
        raw = call.arguments if isinstance(call.arguments, str) else compact_json(call.arguments, "arguments")
        return 7 + len(coder.text(call.name)) + len(coder.text(raw)), _fitted(2, 2)
    if len(calls) > 1 and billing.parallel:
        uses = ",".join(
            f'{{"recipient_name":{_quoted("functions." + call.name)},"parameters":{arguments_text(call)}}}'
            for call in calls
        )
        evidence = _TWO_AT_ONCE if len(calls) == 2 else _estimate(8 * (len(calls) - 2))
        return _PARALLEL + len(coder.text(f'{{"tool_uses":[{uses}]}}')), evidence
    tokens = sum(billing.call + len(coder.text(call.name)) + len(coder.text(arguments_text(call))) for call in calls)
    return tokens, billing.call_evidence if len(calls) == 1 else _estimate(8 * len(calls))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def arguments_text(call: ToolCall) -> str:
    """The arguments of a call as they are billed: JSON without spaces, whatever spaces the given text has."""
    value: Any = call.arguments
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(call.arguments)
    return compact_json(value, "arguments")
