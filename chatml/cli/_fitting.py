"""The work of `chatml fit`: conversations one after the other, each cut and put back into the form of its file."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import BudgetError, ConfigError
from chatml._messages import Message, MessageLike, read_messages
from chatml._visible import visible
from chatml.budgets._budget import fit
from chatml.budgets._dropping import KeepLast, Strategy
from chatml.budgets._fitted import Fitted
from chatml.cli import _output
from chatml.cli._json_output import json_text
from chatml.cli._layout import Cell, Column, summary, table
from chatml.cli._report import error_text, note
from chatml.cli._subject import Choices, Subject, located, one_document, read_choices, read_file, subject_of
from chatml.cli._tables import number
from chatml.cli._terminal import open_terminal

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from chatml.cli._terminal import Terminal
    from chatml.promptfiles import Document

_TEXTS = {"chatml": "ChatML text", "text": "plain text"}
_UNITS = ("messages", "turns")


class FittedFile(NamedTuple):
    """A conversation and what became of it; None where it cannot be made to fit."""

    place: str
    subject: Subject
    fitted: Fitted | None


def fit_file(arguments: Namespace) -> int:
    """Run the command; the status is 1 when a conversation does not fit."""
    choices = read_choices(arguments)
    strategies = [_strategy(one) for one in arguments.strategy or ["drop_oldest"]]
    if arguments.line is None:
        name, _, documents = read_file(arguments.file, max_size=arguments.max_size)
    else:
        name, document = one_document(arguments.file, arguments.line, max_size=arguments.max_size)
        documents = (document,)
    done = [_fit(name, document, choices, strategies, arguments) for document in documents]
    if all(one.fitted is not None for one in done):
        _write(done, arguments)
    elif arguments.output is not None:
        note(f"{arguments.output} is not written")
    return int(any(one.fitted is None for one in done))


def _strategy(text: str) -> str | Strategy:
    """A strategy by its name; `keep_last=N` and `keep_last=N:turns` are the one that needs a number."""
    name, has_number, value = text.partition("=")
    if name != "keep_last":
        return text
    amount, _, unit = value.partition(":")
    if not (has_number and amount.isascii() and amount.isdecimal() and len(amount) < 19 and unit in ("", *_UNITS)):
        problem = f"found {text!a}, expected keep_last=N or keep_last=N:turns"
        raise ConfigError(problem, option="--strategy")
    return KeepLast(int(amount), unit="turns" if unit == "turns" else "messages")


def _fit(
    name: str, document: Document, choices: Choices, strategies: Sequence[str | Strategy], arguments: Namespace
) -> FittedFile:
    if document.text is not None:
        problem = f"{name} holds {_TEXTS[document.format]}, expected messages"
        raise ConfigError(problem, hint="`chatml parse` reads the messages of a ChatML text")
    place = f"{name}:{document.line}" if document.container else name
    with located(name, document):
        subject = subject_of(document, choices)
        try:
            return FittedFile(place, subject, _fitted(subject, strategies, arguments))
        except BudgetError as error:
            _output.write_error(f"chatml: {place}: {error_text(error)}")
            return FittedFile(place, subject, None)


def _fitted(subject: Subject, strategies: Sequence[str | Strategy], arguments: Namespace) -> Fitted:
    return fit(
        subject.messages,
        encoding=subject.encoding,
        max_tokens=arguments.max_tokens,
        reserve=arguments.reserve,
        strategy=list(strategies),
        pin=arguments.pin,
        start_on=arguments.start_on,
        lossy=arguments.lossy,
        allow_estimate=arguments.allow_estimate,
        **subject.request,
    )


def _write(done: Sequence[FittedFile], arguments: Namespace) -> None:
    conversations = _conversations(done)
    if arguments.output is not None:
        from chatml.cli._writing import write_file

        write_file(arguments.output, conversations)
    if arguments.format == "json":
        _output.write(json_text({"conversations": [_as_json(one) for one in done]}))
    elif arguments.explain:
        terminal = open_terminal(arguments.color)
        for place, one in enumerate(done):
            _output.write("\n" if place else "")
            _output.write("".join(f"{line}\n" for line in _explained(one, terminal)))
    elif arguments.output is None:
        _output.write(conversations)
    for one in done:
        if one.fitted is not None:
            note(f"{one.place}: {_in_words(one.fitted, len(one.subject.messages))}")


def _in_words(fitted: Fitted, given: int) -> str:
    tokens = f"{number(fitted.tokens)} of {number(fitted.budget)} tokens"
    if not (fitted.dropped or fitted.cut or fitted.added):
        return f"it fits as it is, {tokens}"
    reasons = Counter(one.explanation for one in fitted.dropped)
    text = f"{number(len(fitted.kept))} of {number(given)} messages kept, {tokens}"
    left_out = "; ".join(f"{number(count)} left out: {reason}" for reason, count in reasons.items())
    cut = f"{number(len(fitted.cut))} cut" if fitted.cut else ""
    return "; ".join(filter(None, [text, cut, left_out]))


# The form of the file


def _conversations(done: Sequence[FittedFile]) -> str:
    """What is left, as the file had it: a value, an array of values, or one a line."""
    values = [_value(one.subject.document, one.fitted) for one in done if one.fitted is not None]
    container = done[0].subject.document.container if done else ""
    if container == "jsonl":
        return "".join(json_text(value, compact=True) for value in values)
    return json_text(values if container == "array" else values[0])


def _value(document: Document, fitted: Fitted) -> Any:
    """The value of a conversation with the messages that are left; those that stood elsewhere stay there."""
    first = len(document.elsewhere)
    kept = [_mapping(message) for message in fitted.messages]
    inside = kept[len([index for index in fitted.kept if index < first]) :]
    if not document.root:
        return inside
    return {**document.value, str(document.root[0]): inside}


def _mapping(message: MessageLike) -> Any:
    return message.to_mapping() if isinstance(message, Message) else message


# For people and for programs


def _explained(one: FittedFile, terminal: Terminal) -> Iterator[str]:
    """A table of all messages: what became of each."""
    fitted = one.fitted
    if fitted is None:
        return
    dropped = {drop.index: drop for drop in fitted.dropped}
    cut = {change.index: change for change in fitted.cut}
    rows = []
    for index, message in enumerate(read_messages(one.subject.messages)):
        text = summary(message.text, terminal.width, terminal.symbols.ellipsis)
        if index in dropped:
            gone = dropped[index]
            tokens = "" if gone.tokens is None else number(gone.tokens)
            fate, style, why = "left out", "red", gone.reason.replace("_", " ")
        elif index in cut:
            tokens, why = (
                f"{number(cut[index].before)} > {number(cut[index].after)}",
                cut[index].reason.replace("_", " "),
            )
            fate, style = "cut", "yellow"
        else:
            tokens, fate, style, why = "", "kept", "green", ""
        rows.append(
            [Cell(str(index), "dim"), Cell(visible(message.role)), Cell(tokens), Cell(fate, style), Cell(why),
             Cell(text, "dim")]
        )  # fmt: skip
    yield terminal.paint(visible(one.place), "bold") + "  " + _in_words(fitted, len(one.subject.messages))
    columns = (
        Column("#", right=True), Column("role"), Column("tokens", right=True), Column(""),
        Column("why"), Column("text", gives_way=True),
    )  # fmt: skip
    yield from table(columns, rows, terminal)
    reasons = {gone.reason: gone.explanation for gone in (*fitted.dropped, *fitted.cut)}
    yield from (f"{reason.replace('_', ' ')}: {explanation}" for reason, explanation in reasons.items())
    yield f"{number(fitted.stable_prefix)} tokens at the beginning are those of the request before"


def _as_json(one: FittedFile) -> dict[str, Any]:
    fitted, document = one.fitted, one.subject.document
    assert fitted is not None
    return {
        "line": document.line,
        "tokens": fitted.tokens,
        "budget": fitted.budget,
        "status": fitted.status,
        "stable_prefix": fitted.stable_prefix,
        "kept": fitted.kept,
        "added": fitted.added,
        "dropped": [
            {"index": drop.index, "tokens": drop.tokens, "reason": drop.reason, "explanation": drop.explanation}
            for drop in fitted.dropped
        ],
        "cut": [
            {"index": cut.index, "before": cut.before, "after": cut.after, "reason": cut.reason} for cut in fitted.cut
        ],
        "conversation": json.loads(json.dumps(_value(document, fitted))),
    }
