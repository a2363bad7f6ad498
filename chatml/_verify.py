"""A check of token ids that somebody else made: every control id is where the frame of a prompt has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from chatml._diagnostics import Severity
from chatml._errors import ConfigError, InjectionError, shown
from chatml._parse import Machine, join_deltas
from chatml._prompt import Prompt
from chatml._render import read_template_kwargs
from chatml._segments import Segment, SegmentKind
from chatml._tokens import Coder, coder_for, plain_ids, read_ids
from chatml.dialects import Dialect, get_dialect
from chatml.encodings import decode_bytes

if TYPE_CHECKING:
    import tiktoken


def verify_ids(
    ids: Iterable[int], encoding: str | tiktoken.Encoding | None = None, dialect: str | Dialect = "chatml", *,
    allowed: Collection[str] = (), template_kwargs: Mapping[str, Any] | None = None,
) -> Prompt:  # fmt: skip
    """Check that every control id in `ids` belongs to the frame of a prompt in `dialect`; return that prompt.

    A control id is that of a special token of the encoding, flagged special or only added. Each has to be a marker of
    the dialect, in a place where the dialect has it; text that merely spells a token is text. `allowed` are tokens that
    content may hold besides, such as "<|image_pad|>", and that may stand before or behind all messages; in the
    messages of the prompt they are text. What ids cannot tell is who wrote a turn: compare the `messages` of the prompt
    that is returned with those that you expect.

    Raises `InjectionError` whose `start` is the index of the first id that is out of place, `EncodingError` for an id
    that the encoding does not have, and `ConfigError`.
    """
    found = get_dialect(dialect)
    is_list = isinstance(allowed, Collection) and not isinstance(allowed, str)
    if not is_list or not all(isinstance(token, str) for token in allowed):
        raise ConfigError(f"found {shown(allowed)}, expected a list of tokens", option="allowed")
    admitted = frozenset(allowed) - frozenset(found.markers)
    kwargs = read_template_kwargs(template_kwargs, found)
    coder, numbers = copy(coder_for(encoding or found.encoding)), plain_ids(ids)
    coder.spelled = {number: token for number, token in coder.spelled.items() if token not in admitted}
    machine = Machine(found, kwargs.get("bos_token", ""), kwargs.get("eos_token", ""))
    read_ids(machine, numbers, coder)
    machine.close()
    machine.out = list(join_deltas(machine.out))
    prompt = Prompt._from_machine(machine)
    given = template_kwargs or {}
    bos, eos = given.get("bos_token") or found.bos, given.get("eos_token") or found.eos
    wrong = [(one.start, one.end, one.message) for one in prompt.diagnostics if one.severity is Severity.ERROR]
    misplaced = [segment for segment in _misplaced(prompt, bos, eos) if segment.text not in admitted]
    wrong += [(segment.start, segment.start, f"{shown(segment.text)} has no place here") for segment in misplaced]
    if wrong:
        first = min(wrong, key=itemgetter(0))
        # text that is wrong because a token of another family stands in it, or behind it
        foreign = {one.start for one in prompt.segments if one.special and one.text not in found.markers}
        causes = (one for one in wrong if one[0] in foreign and one[0] <= first[1])
        start, _, why = min(causes, key=itemgetter(0), default=first)
        _refuse(numbers, coder, start, why)
    return prompt


def _misplaced(prompt: Prompt, bos: str, eos: str) -> Iterator[Segment]:
    """The bos and eos tokens that are not those of the prompt, or not where the dialect has them."""
    roles, before = [message.role for message in prompt.messages], prompt.dialect.bos_before
    is_last = True
    for segment in reversed(prompt.segments):
        if segment.kind is SegmentKind.BOS:
            if segment.text != bos or not (before is None or set(before).issuperset(roles[:1])):
                yield segment
        elif segment.kind is SegmentKind.EOS and not (segment.text == eos and is_last and roles[-1:] == ["assistant"]):
            yield segment
        is_last = is_last and not segment.special


def _refuse(ids: list[int], coder: Coder, start: int, why: str) -> None:
    """Raise for the last control id that stands at `start` of the decoded text, or before."""
    position, begin, index = 0, 0, -1
    for place, number in enumerate(ids):
        if number in coder.spelled:
            position += len(decode_bytes(coder.encoding, ids[begin:place]).decode("utf-8", "replace"))
            if position > start:
                break
            position += len(coder.spelled[number])
            begin, index = place + 1, place
    if index < 0:
        raise InjectionError(f"the ids are no prompt: {why}", token="", start=0, end=1, field="ids")
    token = coder.spelled[ids[index]]
    raise InjectionError(
        f"the control id {ids[index]}, {shown(token)}, is not of the frame: {why}", token=token, start=index,
        end=index + 1, field="ids", hint="refuse these ids, or encode the messages yourself with encode()",
    )  # fmt: skip
