"""A check of token ids that somebody else made: every control id is where the frame of a prompt has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chatml._diagnostics import Severity
from chatml._errors import ConfigError, InjectionError, shown
from chatml._prompt import Prompt
from chatml._segments import SegmentKind
from chatml._tokens import coder_for, plain_ids
from chatml.dialects import Dialect, get_dialect

if TYPE_CHECKING:
    import tiktoken


def verify_ids(
    ids: Iterable[int], encoding: str | tiktoken.Encoding | None = None, dialect: str | Dialect = "chatml", *,
    allowed: Collection[str] = (), template_kwargs: Mapping[str, Any] | None = None,
) -> Prompt:  # fmt: skip
    """Check that every control id in `ids` belongs to the frame of a prompt in `dialect`; return that prompt.

    A control id is that of a special token of the encoding, flagged special or only added. Each has to be a marker of
    the dialect, in a place where the dialect has it; text that merely spells a token is text. `allowed` are tokens that
    content may hold besides, such as "<|image_pad|>". What ids cannot tell is who wrote a turn: compare the `messages`
    of the prompt that is returned with those that you expect.

    Raises `InjectionError` whose `start` is the index of the first id that is out of place, `EncodingError` for an id
    that the encoding does not have, and `ConfigError`.
    """
    found = get_dialect(dialect)
    if isinstance(allowed, str) or not all(isinstance(token, str) for token in allowed):
        raise ConfigError(f"found {shown(allowed)}, expected a list of tokens", option="allowed")
    coder = coder_for(encoding or found.encoding)
    numbers = plain_ids(ids)
    places = [place for place, number in enumerate(numbers) if number in coder.spelled]
    kept = [number for number in numbers if coder.spelled.get(number) not in set(allowed) - set(found.markers)]
    places = [place for place in places if coder.spelled[numbers[place]] not in set(allowed) - set(found.markers)]
    prompt = Prompt.from_ids(kept, encoding=encoding, dialect=found, template_kwargs=template_kwargs)
    given = template_kwargs or {}
    own = {found.bos, found.eos, given.get("bos_token"), given.get("eos_token")}
    marked = [segment for segment in prompt.segments if segment.special]
    errors = [problem for problem in prompt.diagnostics if problem.severity is Severity.ERROR]
    index_of = {segment.start: place for segment, place in zip(marked, places, strict=True)}
    for segment in marked:
        wrong = next((one for one in errors if segment.start <= one.start < segment.start + len(segment.text)), None)
        is_foreign = segment.kind in (SegmentKind.BOS, SegmentKind.EOS) and segment.text not in own
        if segment.kind is SegmentKind.STRAY or is_foreign or wrong:
            why = wrong.message if wrong else "it has no place here"
            _refuse(numbers, index_of[segment.start], segment.text, why)
    for problem in errors:
        before = max((start for start in index_of if start <= problem.start), default=None)
        if before is None:
            raise InjectionError(f"the ids are no prompt: {problem.message}", token="", start=0, end=1, field="ids")
        _refuse(numbers, index_of[before], coder.spelled[numbers[index_of[before]]], problem.message)
    return prompt


def _refuse(ids: list[int], index: int, token: str, why: str) -> None:
    raise InjectionError(
        f"the control id {ids[index]}, {shown(token)}, is not of the frame: {why}", token=token, start=index,
        end=index + 1, field="ids", hint="refuse these ids, or encode the messages yourself with encode()",
    )  # fmt: skip
