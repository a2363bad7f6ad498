"""What `chatml explain` tells about a thing, and its layout for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._visible import visible
from chatml.cli._layout import Flow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml.cli._terminal import Terminal

_TITLE = 10  # columns of the titles, as in `chatml inspect`


class Fact(NamedTuple):
    """A title and one or more texts under it, each with lines of its own."""

    title: str
    texts: tuple[str, ...]
    style: str = ""


class Explained(NamedTuple):
    """What is told: to programs `value`, to people `facts`."""

    value: dict[str, Any]
    facts: tuple[Fact, ...]


class Unknown(NamedTuple):
    """That there is no such thing, and the names most like the one that was asked for."""

    nearest: tuple[str, ...]


def lines(facts: Iterable[Fact], terminal: Terminal) -> Iterator[str]:
    """The lines of facts, harmless; those without a text are left out."""
    for title, texts, style in facts:
        label = f"{title:<{_TITLE}}"
        for text in filter(None, texts):
            flow = Flow(terminal)
            flow.begin(label, " " * _TITLE)
            flow.add(visible(text), style)
            yield from flow.lines()
            label = " " * _TITLE


def sentence(text: str) -> str:
    """A clause as a sentence."""
    return text and f"{text[0].upper()}{text[1:]}."
