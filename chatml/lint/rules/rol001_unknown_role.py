"""ROL001."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Turn, Value
from chatml.lint.rules._targets import shown

_CHAT = ("system", "developer", "user", "assistant", "tool", "function")
_SHAREGPT = frozenset(
    {*_CHAT, "human", "gpt", "chatgpt", "bing", "bard", "bot", "ai", "model", "observation", "ipython"}
    | {"function_call", "function_response", "tool_call", "tool_response", "tool_calls"}
)
_SENDER = frozenset({*_CHAT, "human", "bot", "ai", "gpt", "observation"})
# what other forms and habits call a role
_MEANT = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "ai": "assistant",
    "model": "assistant", "observation": "tool", "function_call": "assistant",
}  # fmt: skip


class UnknownRole(Rule):
    """A message has a role that its format, or the target, does not have.

    In a list of messages the roles are those of Chat Completions; in ShareGPT its own names count, too. A dialect that
    has only some roles allows only those. In raw ChatML any other role may be meant: there only other names of common
    roles, other letter case and slips of the finger are reported.

    ## Why is this bad?
    The API refuses the message, or the model reads a header that it has never seen in training.

    ## Use instead
    `system`, `developer`, `user`, `assistant` or `tool`, or what the dialect of the target has.

    ## Fix
    Unsafe: the role becomes the known one that is most like it.

    ## Options
    - `roles`: more roles that are allowed, such as `["environment"]` for InternLM2.
    """

    code, name = "ROL001", "unknown-role"
    fix = "unsafe"
    options: ClassVar[Mapping[str, Any]] = {"roles": ()}
    source = "openai-cookbook, Chat_finetuning_data_prep.ipynb: unrecognized_role"
    examples = (
        Example(
            bad='{"messages": [{"role": "human", "content": "hi"}]}',
            fixed='{"messages": [{"role": "user", "content": "hi"}]}',
            path="chat.json",
        ),
        Example(
            bad="<|im_start|>Assistant\nhi<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            fixed="<|im_start|>assistant\nhi<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            settings={"dialect": "chatml"},
        ),
        Example(good='{"messages": [{"role": "developer", "content": "Be brief."}]}', path="chat.json"),
        Example(good='{"conversations": [{"from": "human", "value": "hi"}]}', path="chat.json"),
        Example(
            good='{"messages": [{"role": "environment", "content": "4"}]}',
            path="chat.json",
            settings={"rules": {"ROL001": {"roles": ["environment"]}}},
        ),
        Example(good="<|im_start|>environment\n4<|im_end|>\n", settings={"dialect": "chatml"}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the role of each message."""
        dialect = context.dialect
        for turn in context.turns:
            role = turn.role
            if role is None or (dialect.roles is None and role in _CHAT):
                continue
            allowed, what = _allowed(context, turn)
            more = context.options.get("roles")
            if role in allowed or (isinstance(more, (list, tuple)) and role in more):
                continue
            near = _nearest(role, _CHAT if dialect.roles is None else dialect.roles)
            if near is None and context.is_raw and dialect.roles is None:
                continue
            message = f"found the role {shown(role)}, which {what}"
            path = turn.role_path
            if near is None:
                yield Finding(message, Value(path), help=f"expected one of {', '.join(_listed(dialect.roles))}")
            else:
                fix = Fix(f"Make it {near}", (Change(Value(path), near),))
                yield Finding(message, Value(path), fix, f"the nearest is {near}")


def _listed(roles: tuple[str, ...] | None) -> tuple[str, ...]:
    return _CHAT[:-1] if roles is None else roles


def _allowed(context: Context, turn: Turn) -> tuple[Collection[str], str]:
    """The roles that may be written there, and what is to be said of others."""
    roles = context.dialect.roles
    if roles is not None:
        in_form = {name for name, meant in _MEANT.items() if meant in roles} if turn.meant in roles else set()
        allowed = {*roles, *(in_form if turn.role_path[-1] != "role" else ())}
        return allowed, f"dialect {context.dialect.name} does not have"
    if turn.role_path[-1] == "from":
        return _SHAREGPT, "ShareGPT does not have"
    if turn.role_path[-1] == "sender":
        return _SENDER, "is none of this form"
    return _CHAT, "looks like a slip" if context.is_raw else "Chat Completions does not have"


def _nearest(role: str, roles: tuple[str, ...]) -> str | None:
    """The role that another spelling stands for: another name of it, other letter case, or one slip."""
    plain = role.strip().strip(":").lower()
    meant = _MEANT.get(plain, plain)
    if meant in roles:
        return meant
    return next((known for known in roles if len(known) > 3 and _is_slip(plain, known)), None)


def _is_slip(word: str, known: str) -> bool:
    """Whether one letter is too many, missing or another, or two neighbours are swapped; the first one is right."""
    if word[:1] != known[:1] or abs(len(word) - len(known)) > 1:
        return False
    pairs = zip(word, known, strict=False)
    same = next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(word), len(known)))
    rest, right = word[same:], known[same:]
    swapped = len(rest) > 1 and rest[1::-1] + rest[2:] == right
    return swapped or rest[1:] == right or rest == right[1:] or rest[1:] == right[1:]
