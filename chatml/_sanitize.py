"""Untrusted text made safe: whole, in chunks, in messages, and in whatever JSON holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any, Literal, TypeAlias, TypeVar

from chatml._errors import ConfigError, require_text, shown
from chatml._escape import MARKER, Escaper, exact_escaper, tokens_for
from chatml._findings import Finding, check_trusted, finding_at, literal_findings, rejection
from chatml._messages import ContentPart, Message, MessageLike, ToolCall, read_messages
from chatml._policies import Policy, Untrusted, check_policy, policy_for, read_policies
from chatml._spans import LineIndex
from chatml._special import TRUSTED_ROLES, known_tokens
from chatml._strip import Stripper, strip
from chatml._trusted import Trusted
from chatml.dialects import Dialect, get_dialect

Profile: TypeAlias = Literal["exact", "hardened"]
Value = TypeVar("Value")

_DEEPEST = 64  # levels of a JSON value, as in prompt files


def escaper_of(profile: str, tokens: Iterable[str] | None, marker: str) -> Escaper:
    """The scheme that the options of `escape` mean. Raises `ConfigError`."""
    if profile not in ("exact", "hardened"):
        raise ConfigError(f"found {shown(profile)}, expected 'exact' or 'hardened'", option="profile")
    if not isinstance(marker, str):
        raise ConfigError(f"found {type(marker).__name__}, expected one character", option="marker")
    chosen = token_set(tokens)
    if profile == "exact":
        return exact_escaper(chosen, marker)
    from chatml._fold import hardened_escaper  # unicodedata, which most programs do without

    return hardened_escaper(chosen, marker)


def token_set(tokens: Iterable[str] | None) -> frozenset[str]:
    """The tokens that an option names; None are all that are known. Raises `ConfigError`."""
    if tokens is None:
        return known_tokens()
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Iterable):
        found = shown(tokens) if isinstance(tokens, str) else type(tokens).__name__
        raise ConfigError(f"found {found}, expected a list of special tokens", option="tokens")
    return _checked_once(tokens) if isinstance(tokens, frozenset) else _checked(list(tokens))


@lru_cache(maxsize=256)
def _checked_once(tokens: frozenset[str]) -> frozenset[str]:
    """The same for a set that is given with every one of many texts."""
    return _checked(tokens)


def _checked(tokens: Collection[str]) -> frozenset[str]:
    for token in tokens:
        if not isinstance(token, str):
            raise ConfigError(f"found {type(token).__name__} among the tokens, expected str", option="tokens")
        if not token:
            raise ConfigError("found an empty token, expected at least one character", option="tokens")
    return frozenset(tokens)


def escape(text: str, *, profile: Profile = "exact", tokens: Iterable[str] | None = None, marker: str = MARKER) -> str:
    r"""Make `text` spell no special token, reversibly, whatever text is put to its right.

    One `marker` goes behind the first character of whatever spells a token or could become one with its right
    neighbour; other text stays as it is. `profile` is "exact" (tokens as they are spelled) or "hardened" (also what
    becomes one when text is normalized, lowered, or cleaned of invisible characters). `tokens` are those to guard
    against, by default all that are known; `special_tokens` finds those of a family, a dialect or a tokenizer.
    `marker` is one character that no token has. Raises `ConfigError`.

    >>> escape("<|im_start|>system")
    '<\\|im_start|>system'
    """
    require_text(text)
    return escaper_of(profile, tokens, marker).escape(text)


def unescape(
    text: str, *, profile: Profile = "exact", tokens: Iterable[str] | None = None, marker: str = MARKER
) -> str:
    """Invert `escape` with the same options: `unescape(escape(x)) == x` for every `x`.

    Raises `ParseError` with the place where `text` was not escaped, and `ConfigError`.
    """
    require_text(text)
    return escaper_of(profile, tokens, marker).unescape(text)


def is_escaped(
    text: str, *, profile: Profile = "exact", tokens: Iterable[str] | None = None, marker: str = MARKER
) -> bool:
    """Whether `text` is in escaped form: `escape(y) == text` for some `y`. Then no special token is in it.

    The options are those of `escape`. Raises `ConfigError`.
    """
    require_text(text)
    return all(escaper_of(profile, tokens, marker).escaped_openers(text))


_HINT = "policy='escape' keeps it as text, policy='strip' deletes it"


class Sanitizer:
    """`sanitize` for text that comes in chunks.

    `feed` gives out what is safe whatever comes next; all that it and `close` give is `sanitize` of all that was fed.
    Held back is at most the beginning of one token (runs of the marker, and of what the hardened profile does not see,
    are not counted); with "strip", all since the last character that can be in no token. With "reject",
    `InjectionError` is raised as soon as a token is complete; its offsets count from the first chunk.
    """

    def __init__(
        self, *, policy: Policy = "escape", profile: Profile = "exact", tokens: Iterable[str] | None = None,
        marker: str = MARKER,
    ) -> None:  # fmt: skip
        """Take the options of `sanitize`. Raises `ConfigError`."""
        self._policy = check_policy(policy, "policy")
        chosen = token_set(tokens)
        self._escaper = escaper_of(profile, _to_escape(chosen, policy), marker)
        self._stripper = Stripper(chosen, hardened=profile == "hardened") if policy == "strip" else None
        self._held: list[str] = []  # the beginning of a token, and behind it what does not matter
        self._takes_marker = False  # whether a marker at the end of what is held does not matter
        self._given = 0  # characters fed and no longer held
        self._lines, self._column = 1, 1  # of the first character held
        self._closed = False

    def feed(self, chunk: str) -> str:
        """Take the next chunk, give out what is safe. Raises `InjectionError`, and `ConfigError` after `close`."""
        require_text(chunk)
        if self._closed:
            raise ConfigError("this sanitizer is closed", hint="make a new one for each text")
        if self._stripper is not None:
            chunk = self._stripper.feed(chunk)
        return self._take(chunk)

    def close(self) -> str:
        """Give out the rest; the last character may need a marker, because another text may follow."""
        if self._closed:
            return ""
        rest = self._take(self._stripper.close() if self._stripper is not None else "")
        self._closed = True
        return rest + self._give("".join(self._held), is_last=True)

    def _take(self, chunk: str) -> str:
        if not self._held:
            return self._give(chunk) if self._escaper.may_be_dangerous(chunk) else self._pass(chunk)
        self._held.append(chunk)
        if self._escaper.is_ignored(chunk, marker_too=self._takes_marker):
            return ""  # or else every piece of a long run would be looked at again and again
        return self._give("".join(self._held))

    def _pass(self, text: str) -> str:
        newlines = text.count("\n")
        self._lines += newlines
        self._column = len(text) - text.rindex("\n") if newlines else self._column + len(text)
        self._given += len(text)
        return text

    def _give(self, text: str, *, is_last: bool = False) -> str:
        """Give out `text` up to where a token begins that may become complete."""
        escaper = self._escaper
        dangerous = escaper.dangerous(text)
        end = len(text) if is_last else escaper.unfinished(text, dangerous)
        places = [place for place in dangerous if place <= end]
        if self._policy == "reject":
            self._reject(text, places)
        rest = text[end:]
        self._held = [rest] if rest else []
        self._takes_marker = escaper.ends_in_marker(rest)
        safe = escaper.put(text[:end], places)
        self._pass(text[:end])
        return safe

    def _reject(self, text: str, places: Sequence[int]) -> None:
        for place in places:
            found = self._escaper.token_at(text, place - 1)
            if found:
                local = finding_at(text, LineIndex(text), found)
                column = local.column + (self._column - 1 if local.line == 1 else 0)
                there = local._replace(start=local.start + self._given, end=local.end + self._given,
                                       line=local.line + self._lines - 1, column=column)  # fmt: skip
                self._closed = True
                _raise([there])


def _raise(findings: Iterable[Finding]) -> None:
    error = rejection(findings, _HINT)
    if error:
        raise error


def sanitize(
    value: Value, *, policy: Policy = "escape", profile: Profile = "exact", tokens: Iterable[str] | None = None,
    marker: str = MARKER,
) -> Value:  # fmt: skip
    r"""Make untrusted text safe: a string, or every string in a JSON value (keys too).

    `policy` says what happens to text that spells a special token: "escape" it reversibly, "reject" it with an
    `InjectionError` that has every finding, or "strip" it, again until nothing forms any more. Under every policy, what
    is left at the end and could become a token with the next text is escaped. The other options are those of `escape`.
    Text marked with `trusted` is left as it is. Raises `ConfigError` for wrong options and for what is no JSON value.

    >>> sanitize("<|im_s<|im_end|>tart|>hello", policy="strip")
    'hello'
    """
    check_policy(policy, "policy")
    chosen = token_set(tokens)
    escaper = escaper_of(profile, _to_escape(chosen, policy), marker)
    cleaner = _Cleaner(escaper, chosen, policy, hardened=profile == "hardened")
    cleaned: Value = cleaner.clean(value)
    _raise(cleaner.findings)
    return cleaned


def _to_escape(tokens: frozenset[str], policy: Policy) -> frozenset[str]:
    """What is left to escape under a policy: tokens of one character cannot be, but can be deleted."""
    return frozenset(token for token in tokens if len(token) > 1) if policy == "strip" else tokens


class _Cleaner:
    """One policy and one scheme; findings under "reject" collect."""

    def __init__(
        self, escaper: Escaper, tokens: frozenset[str], policy: Policy, *, hardened: bool, message: int | None = None,
        field: str = "",
    ) -> None:  # fmt: skip
        self.escaper = escaper
        self.tokens = tokens
        self.policy = policy
        self.hardened = hardened
        self.message = message
        self.field = field
        self.findings: list[Finding] = []

    def clean(self, value: Any, depth: int = 0) -> Any:
        """A JSON value with every string cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if depth == _DEEPEST:
            raise ConfigError(f"the value is nested more than {_DEEPEST} levels deep", option="value")
        if isinstance(value, Mapping):
            return {self.key(key): self.clean(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            cleaned = [self.clean(item, depth + 1) for item in value]
            return tuple(cleaned) if isinstance(value, tuple) else cleaned
        raise ConfigError(f"found {type(value).__name__}, expected text or a JSON value", option="value")

    def key(self, key: Any) -> Any:
        """Clean a key. None is ever stripped: what is left could be another key, which means something."""
        if not isinstance(key, str):
            return self.clean(key)
        if self.policy == "reject":
            self._find(key)
        return self.escaper.escape(str.__str__(key))

    def text(self, text: str) -> str:
        """Clean one text, but for what of it is trusted."""
        if type(text) is Trusted:
            check_trusted(text, self.escaper, is_last=False, message=self.message, field=self.field)
            return Trusted([(part if flag else self._plain(part), flag) for part, flag in text.runs])
        return self._plain(text)

    def _plain(self, text: str) -> str:
        if self.policy == "strip" and (self.escaper.find(text) or len(self.tokens) > len(self.escaper.tokens)):
            text = strip(text, self.tokens, hardened=self.hardened)
        elif self.policy == "reject":
            self._find(text)
        return self.escaper.escape(text)

    def _find(self, text: str) -> None:
        self.findings += literal_findings(text, self.escaper, message=self.message, field=self.field)


def sanitize_messages(
    messages: Iterable[MessageLike], *, untrusted: Untrusted = "escape", dialect: str | Dialect = "chatml",
    profile: Profile = "exact", tokens: Iterable[str] | None = None, marker: str = MARKER,
) -> list[dict[str, Any]]:  # fmt: skip
    r"""Make messages safe for a template that escapes nothing, such as those that models ship with.

    Every field counts as written by others: content and its parts, reasoning, refusals, names, arguments and ids of
    tool calls, fields that no form knows. What must not stand in a field depends on `dialect` and role as it does for
    `render`: in `system`, `developer` and `assistant` messages the tokens of the frame, in all others every known
    token; with `tokens` those in all. `untrusted` is a policy (see `sanitize`), or policies by "role.field", "*.field",
    "role" and "*", of which the first in this order counts. Arguments that are JSON text are cleaned inside of it. Keys
    are escaped and never stripped. Roles and names are checked, never changed. For tool definitions and template
    variables there is `sanitize`.

    Returns mappings in Chat Completions form. Raises `RenderError` for wrong messages, `InjectionError` with every
    finding, and `ConfigError`.

    >>> sanitize_messages([{"role": "tool", "content": "<|im_end|>", "tool_call_id": "1"}])
    [{'role': 'tool', 'content': '<\\|im_end|>', 'tool_call_id': '1'}]
    """
    found = get_dialect(dialect)
    policies = read_policies(untrusted)
    frame, every = tokens_for(found) if tokens is None else (token_set(tokens),) * 2
    findings = list[Finding]()

    @cache
    def escaper(chosen: frozenset[str], policy: Policy) -> Escaper:
        return escaper_of(profile, _to_escape(chosen, policy), marker)

    def cleaner(index: int, role: str, field: str) -> _Cleaner:
        policy, chosen = policy_for(policies, role, field), frame if role in TRUSTED_ROLES else every
        made = _Cleaner(
            escaper(chosen, policy), chosen, policy, hardened=profile == "hardened", message=index, field=field
        )
        made.findings = findings
        return made

    out = [
        _clean_message(message, partial(cleaner, index)).to_mapping()
        for index, message in enumerate(read_messages(messages))
    ]
    _raise(findings)
    return out


def _clean_message(message: Message, cleaner: Callable[[str, str], _Cleaner]) -> Message:
    role = message.role
    content: Any = message.content
    contents, ids = cleaner(role, "content"), cleaner("tool", "tool_calls")  # ids as one role, or they would part
    if isinstance(content, str):
        content = contents.text(content)
    else:
        content = tuple(ContentPart(contents.key(part.type), contents.clean(part.data)) for part in content)
    calls = tuple(_clean_call(call, cleaner(role, "tool_calls"), ids) for call in message.tool_calls)
    return replace(
        message, content=content, tool_calls=calls, tool_call_id=ids.clean(message.tool_call_id),
        reasoning=cleaner(role, "reasoning").text(message.reasoning),
        refusal=cleaner(role, "refusal").clean(message.refusal), extra=cleaner(role, "extra").clean(message.extra),
    )  # fmt: skip


def _clean_call(call: ToolCall, cleaner: _Cleaner, ids: _Cleaner) -> ToolCall:
    arguments: Any = call.arguments
    arguments = _clean_json(arguments, cleaner) if isinstance(arguments, str) else cleaner.clean(arguments)
    return replace(
        call, name=cleaner.text(call.name), arguments=arguments, id=ids.clean(call.id), type=cleaner.key(call.type),
        extra=cleaner.clean(call.extra),
    )  # fmt: skip


_JSON_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"(?P<key>[ \t\r\n]*+:)?', re.DOTALL)


def _clean_json(text: str, cleaner: _Cleaner) -> str:
    """JSON text with its strings cleaned where they stand, or other text cleaned as it is."""

    def clean(match: re.Match[str]) -> str:
        literal, colon = match[0].removesuffix(match["key"] or ""), match["key"] or ""
        value = json.loads(literal, strict=False)
        cleaned = cleaner.key(value) if colon else cleaner.text(value)
        return match[0] if cleaned == value else json.dumps(cleaned, ensure_ascii=False) + colon

    try:
        json.loads(text)
        cleaned = _JSON_STRING.sub(clean, text)
    except (ValueError, RecursionError):
        return cleaner.text(text)
    # what JSON itself puts around strings may join them to a token
    return cleaner.text(cleaned) if cleaner.escaper.find(cleaned) else cleaned
