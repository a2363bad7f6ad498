"""What the parts of a message that are no text cost: images by a rule of the model, other parts by none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from chatml._errors import CountError
from chatml._image_size import image_size
from chatml._image_tokens import ImageRule, PatchRule, image_rule
from chatml._measure import EXACT, Evidence, Status, joined
from chatml._messages import ContentPart, Message
from chatml.models import ModelInfo

_IMAGE_PARTS = frozenset({"image_url", "image", "input_image"})
_NO_RULE = 765  # a 1024 x 1024 image on gpt-4o, for models without a rule of their own
_UNKNOWN = Evidence(Status.ESTIMATE, None, None)
_HINT = "pass allow_estimate=True to count it as 0 and have the total called an estimate"


class Image(NamedTuple):
    """An image of a message: its data or address ("" where there is none), and the detail that is asked for."""

    source: str
    detail: str | None


def media_cost(
    message: Message, *, index: int | None, model: ModelInfo | None, extra: int, allow_estimate: bool
) -> tuple[int, Evidence]:
    """The tokens of all parts that are no text. `extra`: what the API adds to an image cut into patches.

    Raises `CountError` for a part without a rule, unless `allow_estimate`.
    """
    costs = [_part_cost(field, part, index, model, extra, allow_estimate) for field, part in _parts(message)]
    return sum(tokens for tokens, _ in costs), joined(*(evidence for _, evidence in costs))


def _parts(message: Message) -> Iterator[tuple[str, ContentPart]]:
    if not isinstance(message.content, str):
        for place, part in enumerate(message.content):
            if not part.is_text:
                yield f"content[{place}]", part
    if "audio" in message.extra:
        yield "audio", ContentPart("audio", {})


def _part_cost(
    field: str, part: ContentPart, index: int | None, model: ModelInfo | None, extra: int, allow_estimate: bool
) -> tuple[int, Evidence]:
    if part.type == "refusal" and isinstance(part.data.get("refusal"), str):
        return 0, EXACT  # counted with the text
    if part.type not in _IMAGE_PARTS:
        if allow_estimate:
            return 0, _UNKNOWN
        problem = f"found a part of type {part.type!a}, and no rule is known for what it costs"
        raise CountError(problem, message=index, field=field, hint=_HINT)
    rule = image_rule(model.base) if model else None
    if rule is None:
        if allow_estimate:
            return _NO_RULE, _UNKNOWN
        whom = f"model {model.name}" if model else "a dialect"
        problem = f"found an image, and no rule is known for what one costs with {whom}"
        raise CountError(problem, message=index, field=field, hint=_HINT.replace("as 0", f"as {_NO_RULE}"))
    return _image_cost(image_of(part), rule, extra)


def _image_cost(image: Image, rule: ImageRule, extra: int) -> tuple[int, Evidence]:
    size = image_size(image.source)
    more = extra if isinstance(rule, PatchRule) else 0
    if size is None:
        least, most = rule.bound(image.detail)
        guess = rule.guess(image.detail)
        return guess + more, Evidence(Status.ESTIMATE, None, max(guess - least, most - guess) + more)
    tokens = rule.tokens(size, image.detail) + more
    if rule.status == "fitted":
        return tokens, Evidence(Status.FITTED, round(rule.matched / rule.cases, 3) if rule.cases else None)
    return tokens, Evidence(Status.ESTIMATE, None, rule.error)


def image_of(part: ContentPart) -> Image:
    """The image of a part: `image_url` as a mapping or a string, `image` with a URL, or `source` with its data."""
    value = part.data.get("image_url", part.data.get("image", part.data.get("source")))
    detail = part.data.get("detail")
    if isinstance(value, Mapping):
        detail = value.get("detail", detail)
        if value.get("type") == "base64":
            value = f"data:{value.get('media_type', '')};base64,{value.get('data', '')}"
        else:
            value = value.get("url")
    return Image(value if isinstance(value, str) else "", detail if isinstance(detail, str) else None)
