"""What comparing two prompts costs: a ratio to counting both in the same process, and how it grows with their size."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from corpus import conversation
from measuring import Action, medians, slope, table

import chatml

MODEL = "gpt-4o"
TURNS = 2_000
SIZES = [1_250, 2_500, 5_000, 10_000, 20_000]
Messages = list[dict[str, Any]]


def one_changed(messages: Messages, place: int) -> Messages:
    """A copy in which one message has another word."""
    return [
        *messages[:place],
        {**messages[place], "content": messages[place]["content"] + " more"},
        *messages[place + 1 :],
    ]


def _oldest_dropped(messages: Messages) -> Messages:
    return [messages[0], *messages[len(messages) // 4 :]]


CHANGES: dict[str, Callable[[Messages], Messages]] = {
    "the same": lambda messages: list(messages),
    "first message changed": lambda messages: one_changed(messages, 0),
    "last message changed": lambda messages: one_changed(messages, len(messages) - 1),
    "oldest quarter dropped": _oldest_dropped,
    "every message changed": lambda messages: [{**one, "content": one["content"] + " more"} for one in messages],
}


def speed() -> str:
    """The time of a comparison, as a ratio to counting both prompts."""
    before = conversation(TURNS)
    rows = []
    for name, change in CHANGES.items():
        after = change(before)

        def count(after: Messages = after) -> None:
            chatml.count(before, model=MODEL)
            chatml.count(after, model=MODEL)

        found = medians(
            {"compare": lambda after=after: chatml.compare(before, after, model=MODEL), "count": count}, runs=5
        )
        rows.append([name, f"{1000 * found['compare']:.0f} ms", f"{found['compare'] / found['count']:.2f}"])
    title = f"Comparing conversations of {TURNS:,} messages, and the ratio to counting both"
    return table(title, ["change", "compare", "ratio"], rows)


def _repeated(size: int) -> tuple[Messages, Messages]:
    one = {"role": "user", "content": "yes"}
    return [one] * size, [one] * (size + 1)


def _alternating(size: int) -> tuple[Messages, Messages]:
    pair = [{"role": "user", "content": "yes"}, {"role": "assistant", "content": "no"}]
    return pair * (size // 2), pair[::-1] * (size // 2)


def _shuffled(size: int) -> tuple[Messages, Messages]:
    messages = [{"role": "user", "content": f"message {place % 97}"} for place in range(size)]
    other = list(messages)
    random.Random(1).shuffle(other)
    return messages, other


def _all_other(size: int) -> tuple[Messages, Messages]:
    return [{"role": "user", "content": f"a {n}"} for n in range(size)], [
        {"role": "user", "content": f"b {n}"} for n in range(size)
    ]


def _dropped(size: int) -> tuple[Messages, Messages]:
    messages = [{"role": "user", "content": f"message {place}"} for place in range(size)]
    return messages, _oldest_dropped(messages)


HOSTILE: dict[str, Callable[[int], tuple[Messages, Messages]]] = {
    "equal messages, one more": _repeated,
    "two messages in turn, and the other way round": _alternating,
    "97 messages shuffled": _shuffled,
    "nothing in common": _all_other,
    "oldest quarter dropped": _dropped,
}


def growth() -> str:
    """Slopes of the time from 1,250 to 20,000 messages."""
    rows = []
    for name, make in HOSTILE.items():

        def action(size: int, make: Callable[[int], tuple[Messages, Messages]] = make) -> Action:
            before, after = make(size)
            return lambda: chatml.compare(before, after, model=MODEL)

        rows.append([name, f"{slope(SIZES, action):.2f}"])
    return table("Growth of a comparison from 1,250 to 20,000 messages; linear is 1.00", ["messages", "slope"], rows)


if __name__ == "__main__":
    print(speed(), growth(), sep="\n\n")
