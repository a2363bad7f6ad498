"""What an image costs in tokens: rules that look at its size and the detail asked for, and the models they hold for.

Two kinds of rule are in use, cutting an image into tiles of 512 pixels or into patches of 32. All arithmetic is in
integers: a float that is off by its last bit would be off by a token, a tile or a row of patches.

Sources:
- `fitted` and `error`: bills recorded in public tests.
- The rest is OpenAI's guide (developers.openai.com/api/docs/guides/images-vision) as it stood in autumn 2026, with no
  recorded bill; what it no longer lists, as it stood before. Models that it never gave numbers for have no rule here.
- Sides are rounded to the nearest pixel when an image is made to fit, as bills do that users published: on gpt-4.1,
  2049 x 513 was 8 tiles and 2050 x 513 was 4.

For an image in patches, Chat Completions was seen to bill one token more than the rule, the Responses API was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Literal, NamedTuple

from chatml._image_size import ImageSize
from chatml.models._info import Status

_ASSUMED = ImageSize(1024, 1024)  # what image models make by default, and the usual example of price lists

_TILE = 512
_LONGEST_SIDE = 2048
_SHORT_SIDE = 768
_PATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """How well a rule is known.

    `fitted` agrees with `matched` of `cases` recorded bills. `error` is the most tokens that a recorded bill differed
    by; None: there is none.
    """

    status: Status = "estimate"
    matched: int = 0
    cases: int = 0
    error: int | None = None


@dataclass(frozen=True, slots=True)
class TileRule(_Known):
    """`base` tokens, and `tile` more for every tile of 512 pixels; with low detail `base` alone.

    An image is made to fit into 2048 x 2048, then its short side into 768. It is never enlarged. `auto`, no detail and
    what is not known count as `high`.
    """

    base: int
    tile: int

    def tokens(self, size: ImageSize, detail: str | None = None) -> int:
        """Return the tokens of an image of this size."""
        if detail == "low":
            return self.base
        width, height = _fit(size, _LONGEST_SIDE)
        short = min(width, height)
        if short > _SHORT_SIDE:
            width, height = width * _SHORT_SIDE // short, height * _SHORT_SIDE // short
        return self.base + self.tile * _pieces(width, height, _TILE)

    def bound(self, detail: str | None = None) -> tuple[int, int]:
        """Return the least and the most tokens of an image whose size is not known."""
        if detail == "low":
            return self.base, self.base
        return self.base + self.tile, self.base + self.tile * _pieces(_LONGEST_SIDE, _SHORT_SIDE, _TILE)

    def guess(self, detail: str | None = None) -> int:
        """Return the tokens of an image whose size is not known as if it had 1024 x 1024 pixels."""
        return self.tokens(_ASSUMED, detail)


class Limits(NamedTuple):
    """What an image is made to fit into: a number of patches and the length of a side in pixels."""

    patches: int
    side: int


_UP_TO_1536 = Limits(1536, 2048)


@dataclass(frozen=True, slots=True)
class PatchRule(_Known):
    """`percent` hundredths of a token for every patch of 32 pixels, rounded up.

    An image is made to fit into `high`, the limits of high detail, and is never enlarged. `low` and `original` are
    those of the other details, None where these make no difference. `auto` says what `auto` and no detail mean. A
    detail that is not known counts as `high`.
    """

    percent: int
    high: Limits = _UP_TO_1536
    low: Limits | None = None
    original: Limits | None = None
    auto: Literal["high", "original"] = "high"

    def tokens(self, size: ImageSize, detail: str | None = None) -> int:
        """Return the tokens of an image of this size."""
        return self._billed(_patches(size, self._limits(detail)))

    def bound(self, detail: str | None = None) -> tuple[int, int]:
        """Return the least and the most tokens of an image whose size is not known."""
        most, side = self._limits(detail)
        return self._billed(1), self._billed(min(most, _pieces(side, side, _PATCH)))

    def guess(self, detail: str | None = None) -> int:
        """Return the tokens of an image whose size is not known as if it had 1024 x 1024 pixels."""
        return self.tokens(_ASSUMED, detail)

    def _limits(self, detail: str | None) -> Limits:
        asked = self.auto if detail in (None, "auto") else detail
        chosen = self.low if asked == "low" else self.original if asked == "original" else None
        return chosen or self.high

    def _billed(self, patches: int) -> int:
        return -(-patches * self.percent // 100)


ImageRule = TileRule | PatchRule


def image_rule(model_name: str) -> ImageRule | None:
    """Return the rule for a row of the model table, a snapshot or a fine-tune of it.

    None: the model takes no images, or what it bills for them was never published.

    >>> image_rule("gpt-4o-2024-08-06").tokens(ImageSize(1024, 1024), "high")
    765
    """
    name = model_name.removeprefix("ft:").partition(":")[0]
    return next((rule for known, rule in _RULES.items() if name == known or name.startswith(f"{known}-20")), None)


def _pieces(width: int, height: int, side: int) -> int:
    return -(-width // side) * -(-height // side)


def _fit(size: ImageSize, longest: int) -> ImageSize:
    """The size to the nearest pixel once no side is longer than `longest`."""
    long = max(size)
    if long <= longest:
        return size
    width, height = (max(1, (2 * side * longest + long) // (2 * long)) for side in size)
    return ImageSize(width, height)


def _patches(size: ImageSize, limits: Limits) -> int:
    """How many patches cover an image within the limits.

    One with too many is scaled by s = sqrt(32 * 32 * most / (width * height)), and further until one side is a whole
    number of patches: by the smaller of columns / (width * s / 32) and rows / (height * s / 32), whose numerators are
    their denominators rounded down. The root is gone from that: width * s / 32 is sqrt(most * width / height).
    """
    width, height = _fit(size, limits.side)
    count = _pieces(width, height, _PATCH)
    if count <= limits.patches:
        return count
    columns, rows = isqrt(limits.patches * width // height), isqrt(limits.patches * height // width)
    if columns * height <= rows * width:
        return columns * -(-(columns * _PATCH * height // width) // _PATCH)
    return rows * -(-(rows * _PATCH * width // height) // _PATCH)


_UP_TO_2500 = Limits(2500, 2048)
_UP_TO_6144 = Limits(6144, 2048)
_UP_TO_10000 = Limits(10_000, 6000)
_THUMBNAIL = Limits(256, 512)
# No limit but that more is refused: what is refused counts as the most that is not
_AS_IT_IS = Limits(30_000, 65_535)

_GROUPS: tuple[tuple[ImageRule, str], ...] = (
    (
        TileRule(85, 170, status="fitted", matched=7, cases=7, error=0),
        "gpt-4o gpt-4-turbo gpt-4-vision-preview gpt-4-1106-vision-preview",
    ),
    (TileRule(2833, 5667, status="fitted", matched=10, cases=10, error=0), "gpt-4o-mini"),
    (TileRule(70, 140, status="fitted", matched=1, cases=1, error=0), "gpt-5"),
    (PatchRule(172, status="fitted", matched=4, cases=4, error=0), "o4-mini"),
    # The guide of autumn 2026 says 6,144 patches. It said 1,536 before, and so do the bills that were recorded.
    (PatchRule(162, error=2), "gpt-4.1-mini"),
    (PatchRule(246, error=2), "gpt-4.1-nano"),
    (PatchRule(120, error=2), "gpt-5-mini"),
    (PatchRule(150, error=2), "gpt-5-nano"),
    # The guide, now or before
    (TileRule(85, 170), "gpt-4.1 gpt-4.5-preview chatgpt-4o-latest"),
    (TileRule(70, 140), "gpt-5.1 gpt-5-chat gpt-5-chat-latest"),
    (TileRule(75, 150), "o1 o1-pro o3"),
    (TileRule(65, 129), "computer-use-preview"),
    (PatchRule(120, _UP_TO_6144), "gpt-5.2"),
    (PatchRule(120), "gpt-5.3-codex"),  # the guide has its limits; 120 is what users were billed
    (PatchRule(120, _UP_TO_2500, _UP_TO_6144, _UP_TO_10000), "gpt-5.4 gpt-5.4-mini gpt-5.4-nano"),
    (PatchRule(120, _UP_TO_2500, _THUMBNAIL, _UP_TO_10000, "original"), "gpt-5.5"),
    (
        PatchRule(120, _UP_TO_2500, _THUMBNAIL, _AS_IT_IS, "original"),
        "gpt-5.6 gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra",
    ),
    (PatchRule(120, Limits(2500, 65_535), _THUMBNAIL, _AS_IT_IS, "original"), "gpt-6-astra"),
)
_RULES = {name: rule for rule, names in _GROUPS for name in names.split()}
