"""The work of `chatml diff`: two files, read and brought into one wire, and what changed between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ConfigError
from chatml._tokens import coder_for
from chatml.cli import _files, _remarks
from chatml.cli._measure import measure_subject, quick_encoding
from chatml.cli._report import note
from chatml.cli._subject import Choices, Subject, located, one_document, read_choices, subject_of
from chatml.cli._terminal import open_terminal
from chatml.comparison._compare import Comparison, compare_sides, request_side
from chatml.comparison._sides import Side, side_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from chatml.promptfiles import Document

_MOST_DROPPED = 5  # fields that are left out of a prompt, each with the reason


class Compared(NamedTuple):
    """One of the two prompts: the name of its file with the line, what is counted of it, and its side."""

    name: str
    subject: Subject
    side: Side


class Difference(NamedTuple):
    """What is shown: both prompts, what changed, and what there is to say about how they were compared."""

    before: Compared
    after: Compared
    comparison: Comparison
    notes: tuple[str, ...]


def diff_files(arguments: Namespace) -> int:
    """Run the command."""
    from chatml.cli._writing import check_page

    check_page(arguments.html)
    if arguments.before == arguments.after == _files.STANDARD_INPUT:
        raise ConfigError("found - twice, but standard input can be read once", hint="give the other one as a file")
    choices = read_choices(arguments)
    line_after = arguments.line if arguments.line_after is None else arguments.line_after
    before = _read(arguments.before, arguments.line, "--line", arguments)
    after = _read(
        arguments.after,
        line_after,
        "--line" if arguments.line_after is None and arguments.line else "--line-after",
        arguments,
    )
    difference = _difference(before, after, choices)
    if arguments.html is not None:
        from chatml.cli._diff_data import comparison_page
        from chatml.cli._writing import write_file

        write_file(arguments.html, comparison_page(difference, with_cost=arguments.cost))
    elif arguments.format == "json":
        from chatml.cli._diff_data import comparison_value
        from chatml.cli._json_output import write_json

        write_json(comparison_value(difference, with_cost=arguments.cost))
    else:
        from chatml.cli._diff_view import Look, view
        from chatml.cli._pager import show

        look = Look(None if arguments.all else arguments.context, arguments.cost)
        lines = view(difference, look, open_terminal(arguments.color))
        show("".join(f"{line}\n" for line in lines), may_page=not arguments.no_pager)
    if arguments.cost and difference.comparison.costs()[0] is None:
        model = difference.comparison.model
        note(_remarks.no_price(model.name if model else None))
    return 0 if difference.comparison.is_equal else 1


def _read(path: str, line: int | None, option: str, arguments: Namespace) -> tuple[str, Document]:
    try:
        return one_document(path, line, f"choose one with {option} N", max_size=arguments.max_size)
    except ConfigError as error:
        error.option = error.option and option
        raise


def _difference(before: tuple[str, Document], after: tuple[str, Document], choices: Choices) -> Difference:
    subjects = []
    for one in (before, after):
        with located(*one):
            subjects.append(subject_of(one[1], choices))
    shared = _in_one_wire(subjects[0], subjects[1], choices)
    both = []
    for (name, document), subject in zip((before, after), shared, strict=True):
        with located(name, document):
            where = f"{name}:{document.line}" if document.container else name
            both.append(Compared(where, subject, _side(subject)))
    info = shared[1].model.info if shared[1].model and shared[1].is_billed else None
    comparison = compare_sides(both[0].side, both[1].side, info)
    return Difference(both[0], both[1], comparison, tuple(_notes(both, subjects)))


def _in_one_wire(before: Subject, after: Subject, choices: Choices) -> tuple[Subject, Subject]:
    """Both subjects in the wire of the one that says most about it; two texts of one dialect stay as they are."""
    if before.text is not None and after.text is not None and before.dialect == after.dialect:
        return before, after
    leading = max((after, before), key=lambda one: _says(one, choices))
    shared: dict[str, Any] = {
        key: getattr(leading, key) for key in ("model", "dialect", "encoding", "is_billed", "is_foreign")
    }
    return before._replace(text=None, **shared), after._replace(text=None, **shared)


def _says(subject: Subject, choices: Choices) -> int:
    """How much a subject says about the wire: options before the model that a file names, that before a text's own."""
    if choices.model is not None or choices.dialect is not None:
        return 3
    if subject.model is not None:
        return 2 if subject.model.how != "default" else 0
    return 1


def _side(subject: Subject) -> Side:
    encoding = quick_encoding(subject)
    if subject.text is None:
        return request_side(
            subject.messages,
            encoding=encoding,
            lossy=True,
            allow_estimate=True,
            **subject.request,
        )
    prompt = subject.text
    return side_of(
        measure_subject(subject, encoding=encoding), coder_for(encoding), prompt.messages, segments=prompt.segments,
        wire=prompt.messages, sources=range(len(prompt.messages)),
    )  # fmt: skip


def _notes(both: list[Compared], given: list[Subject]) -> Iterator[str]:
    """What was decided, where that was not only options."""
    named = [one.document.request.get("model") for one in given]
    wire = both[1].subject
    if None not in named and named[0] != named[1] and wire.model is not None:
        yield (
            f"{both[0].name} names the model {named[0]}, {both[1].name} {named[1]}: both are counted as "
            f"{wire.model.name}, and no cache serves two models"
        )
    for one, subject in zip(both, given, strict=True):
        if subject.text is not None and one.subject.text is None:
            written = f"{one.name} is a text in the dialect {subject.dialect.name}"
            yield f"{written}: its messages are compared, in the wire {wire.dialect.name}"
    if wire.is_foreign:
        yield (
            f"the models of dialect {wire.dialect.name} have a vocabulary of their own: counts by "
            f"{both[1].side.measure.encoding} are estimates, --encoding with the model's tokenizer.json has exact ones"
        )
    for one in both:
        for message, field, reason in one.side.dropped[:_MOST_DROPPED]:
            place = field if message is None else f"messages[{message}].{field}"
            yield f"{one.name}: {place} is left out: {reason}"
        if len(one.side.dropped) > _MOST_DROPPED:
            yield f"{one.name}: {len(one.side.dropped) - _MOST_DROPPED:,} more fields are left out"
