"""Budgets: 2,000 messages cut to 4,096 tokens, 100,000 messages, and what a conversation costs as it grows.

Peers run in the same process where they are installed: litellm and langchain-core. The loop that drops the oldest
message and counts all again, as most programs do it, runs on 300 messages.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from corpus import conversation
from measuring import Action, medians, table

from chatml import Conversation, Message, count, fit
from chatml._messages import read_messages

MODEL = "gpt-4o"
MESSAGES, LIMIT = 2_000, 4_096
LONG = 100_000
NAIVE = 300
SIZES = (100, 1_000, 10_000, 100_000)
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}


def budgets() -> str:
    """Times of a cut, beside a count of what is kept and beside peers."""
    given = [SYSTEM, *conversation(MESSAGES)]
    objects = read_messages(given)
    kept = fit(objects, model=MODEL, max_tokens=LIMIT).messages
    talk = Conversation(objects, model=MODEL, max_tokens=LIMIT)
    actions: dict[str, Action] = {
        "count of what is kept": lambda: count(kept, model=MODEL),
        "fit, Message objects": lambda: fit(objects, model=MODEL, max_tokens=LIMIT),
        "fit, mappings": lambda: fit(given, model=MODEL, max_tokens=LIMIT),
        "Conversation.fit": talk.fit,
        "count of everything": lambda: count(objects, model=MODEL),
    }
    limits = {"fit, Message objects": "2 ms", "fit, mappings": "4 ms", "Conversation.fit": "0.1 ms"}
    missing = []
    for name, make in PEERS.items():
        action = make(given)
        if action is None:
            missing.append([name, "not installed", "", ""])
        else:
            actions[name] = action
    slow = {name: action for name, action in actions.items() if name.startswith("litellm")}  # seconds each
    times = medians({name: action for name, action in actions.items() if name not in slow}) | medians(slow, runs=1)
    base = times["count of what is kept"]
    rows = [
        [name, f"{value * 1e3:.2f} ms", f"{value / base:.2f}", limits.get(name, "")] for name, value in times.items()
    ]
    title = f"{MESSAGES:,} messages cut to {LIMIT:,} tokens ({len(kept)} kept); 1.00 = one count of what is kept"
    return table(title, ["", "time", "ratio", "at most"], rows + missing)


def _litellm(given: Sequence[dict[str, str]]) -> Action | None:
    try:
        from litellm import trim_messages
    except ImportError:
        return None
    return lambda: trim_messages([dict(one) for one in given], model=MODEL, max_tokens=LIMIT, trim_ratio=1.0)


def _langchain(counter: str) -> Callable[[Sequence[dict[str, str]]], Action | None]:
    def make(given: Sequence[dict[str, str]]) -> Action | None:
        try:
            from langchain_core.messages import convert_to_messages, trim_messages
        except ImportError:
            return None
        messages = convert_to_messages(list(given))
        counters: dict[str, Any] = {
            "approximate": "approximate",
            "exact": lambda some: count([Message(_ROLES[one.type], one.content) for one in some], model=MODEL),
        }
        options = {"max_tokens": LIMIT, "include_system": True, "token_counter": counters[counter]}
        return lambda: trim_messages(messages, **options)

    return make


_ROLES = {"system": "system", "human": "user", "ai": "assistant"}
PEERS: dict[str, Callable[[Sequence[dict[str, str]]], Action | None]] = {
    "langchain-core, approximate": _langchain("approximate"),
    "langchain-core, counting with chatml": _langchain("exact"),
    "litellm": _litellm,
}


def naive() -> str:
    """The loop that drops one message and counts all again."""
    given = conversation(NAIVE)

    def loop() -> int:
        rest = list(given)
        while count(rest, model=MODEL) > LIMIT:
            del rest[0]
        return len(rest)

    times = medians({"loop": loop, "fit": lambda: fit(given, model=MODEL, max_tokens=LIMIT)}, runs=3)
    assert loop() == len(fit(given, model=MODEL, max_tokens=LIMIT).kept), "not the same work"
    ratio = times["loop"] / times["fit"]
    return f"Dropping the oldest of {NAIVE} messages and counting again until it fits: {ratio:,.0f} x the time of fit."


def long() -> str:
    """A very long conversation: what comes on top of counting what is kept."""
    given = conversation(LONG)
    objects = read_messages(given)
    kept = fit(objects, model=MODEL, max_tokens=LIMIT).messages
    actions: dict[str, Action] = {
        "count of what is kept": lambda: count(kept, model=MODEL),
        "fit, Message objects": lambda: fit(objects, model=MODEL, max_tokens=LIMIT),
        "fit, mappings": lambda: fit(given, model=MODEL, max_tokens=LIMIT),
    }
    times = medians(actions, runs=7)
    base = times.pop("count of what is kept")
    limits = {"fit, Message objects": "50 ms", "fit, mappings": "150 ms"}
    rows = [[name, f"{(value - base) * 1e3:.1f} ms", limits[name]] for name, value in times.items()]
    return table(f"{LONG:,} messages cut to {LIMIT:,} tokens, beyond counting", ["", "time", "at most"], rows)


def growing() -> str:
    """What it costs to append one message, by the length of the conversation."""
    rows, points = [], []
    for size in SIZES:
        talk = Conversation(conversation(size), model=MODEL, max_tokens=LIMIT)
        more = conversation(200, seed=2)
        times = []
        for message in more:
            begin = time.perf_counter()
            talk.append(message)
            times.append(time.perf_counter() - begin)
        middle = sorted(times)[len(times) // 2]
        points.append((math.log(size), math.log(middle)))
        rows.append([f"{size:,}", f"{middle * 1e6:.0f} us"])
    (first, low), (last, high) = points[0], points[-1]
    title = f"Conversation.append by length; growth {(high - low) / (last - first):+.2f}, independent is 0"
    return table(title, ["messages", "time"], rows)


if __name__ == "__main__":
    print(budgets(), naive(), long(), growing(), sep="\n\n")
