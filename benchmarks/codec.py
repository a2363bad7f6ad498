"""The codec and the counts, as ratios to one tiktoken encode of the same string, and to a Jinja2 chat template."""

from __future__ import annotations

from corpus import conversation
from measuring import Action, medians, table

import chatml

MESSAGES = 2_000
LIMITS = {"encode": (1.25, 1.25), "count": (1.2, 1.2), "render, escaping": (0.3, 0.3), "parse": (0.4, 0.55)}
ENCODINGS = ("cl100k_im", "o200k_im")

# huggingface.js, packages/jinja/test/e2e.test.js#_base: it checks and escapes nothing
TEMPLATE = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def codec() -> str:
    """Ratios of each operation on a conversation of 2,000 messages."""
    messages = conversation(MESSAGES)
    text = chatml.Prompt.from_messages(messages).text
    columns = [_ratios(messages, text, encoding) for encoding in ENCODINGS]
    rows = []
    for name in columns[0]:
        limits = LIMITS.get(name)
        goal = f"{limits[0]} / {limits[1]}" if limits else ""
        rows.append([name, *(f"{column[name]:.2f}" for column in columns), goal])
    title = f"{MESSAGES:,} messages, {len(text):,} characters; 1.00 = one tiktoken encode of the same string"
    return table(title, ["", *ENCODINGS, "at most"], rows)


def _ratios(messages: list[dict[str, str]], text: str, name: str) -> dict[str, float]:
    encoding = chatml.get_encoding(name)
    ids = chatml.encode(messages, encoding=name)
    assert ids == encoding.encode(text, allowed_special="all"), "not the same work"
    actions = {
        "tiktoken": lambda: encoding.encode(text, allowed_special="all"),
        "encode": lambda: chatml.encode(messages, encoding=name),
        "count": lambda: chatml.count(messages, dialect="chatml", encoding=name, add_generation_prompt=False),
        "measure": lambda: chatml.measure(messages, dialect="chatml", encoding=name),
        "decode": lambda: chatml.decode(ids, encoding=name),
        "render, escaping": lambda: chatml.render(messages),
        "parse": lambda: chatml.parse(text),
    }
    times = medians(actions)
    return {key: value / times["tiktoken"] for key, value in times.items() if key != "tiktoken"}


def jinja() -> str:
    """Render against the same template in the sandbox that transformers renders chat templates in."""
    try:
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return "jinja2 is not installed: no comparison with chat templates (pip install '.[bench]')"
    messages = conversation(MESSAGES)
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE)
    assert template.render(messages=messages) == chatml.Prompt.from_messages(messages).text, "not the same work"
    actions: dict[str, Action] = {
        "chatml.render": lambda: chatml.render(messages),
        "Jinja2": lambda: template.render(messages=messages),
    }
    times = medians(actions)
    ratio = times["chatml.render"] / times["Jinja2"]
    return f"render takes {ratio:.2f} x the time of the Jinja2 template in a sandbox, which checks and escapes nothing."


if __name__ == "__main__":
    print(codec(), jinja(), sep="\n\n")
