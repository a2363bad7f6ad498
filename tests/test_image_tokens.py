"""Tokens of images. Invariants: the documented formulas, taken literally; no size costs what `bound` rules out."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatml._image_size import ImageSize
from chatml._image_tokens import _RULES, ImageRule, Limits, PatchRule, TileRule, image_rule
from chatml.models import get_model, model_names
from chatml.models._info import STATUSES

RULES = sorted({repr(rule): rule for rule in _RULES.values()}.items())
rules = st.sampled_from([rule for _, rule in RULES])
details = st.sampled_from([None, "auto", "low", "high", "original", "ultra", "LOW", ""])
sides = st.one_of(
    st.integers(1, 9000),
    st.integers(1, 2**31 - 1),
    st.sampled_from([1, 32, 512, 768, 1024, 2048, 6000, 65_535]).flatmap(lambda side: st.integers(side, side + 1)),
)
sizes = st.builds(ImageSize, sides, sides)


def rule_of(model: str) -> ImageRule:
    rule = image_rule(model)
    assert rule is not None
    return rule


def tokens(model: str, width: int, height: int, detail: str | None = None) -> int:
    return rule_of(model).tokens(ImageSize(width, height), detail)


# What was billed, or is documented


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("gpt-4o", (1126, 488), 595),
        ("gpt-4o", (3008, 2000), 1105),
        ("gpt-4o", (640, 480), 425),
        ("gpt-4o", (512, 512), 255),
        ("gpt-4o", (1, 1), 255),
        ("gpt-4o", (513, 512), 425),
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4o", (2048, 4096), 1105),
        ("gpt-4-turbo", (1024, 1024), 765),
        ("gpt-4-1106-vision-preview", (640, 480), 425),
        ("gpt-4.1", (2049, 513), 1445),
        ("gpt-4.1", (2050, 513), 765),
        ("gpt-4.1", (1800, 2400), 765),
        ("gpt-4o-mini", (300, 200), 8500),
        ("gpt-4o-mini", (640, 480), 14167),
        ("gpt-4o-mini", (1126, 488), 19834),
        ("gpt-5", (512, 512), 210),
        ("o3", (128, 64), 225),
        ("computer-use-preview", (1024, 768), 65 + 4 * 129),
        ("o4-mini", (640, 480), 516),
        ("o4-mini", (128, 64), 14),
        ("gpt-4.1-nano", (540, 360), 502),
        ("gpt-4.1-nano", (1800, 2400), 3572),  # 33 x 44 patches
        ("gpt-4.1-mini", (4000, 1474), 2489),  # 64 x 24 patches
        ("gpt-5-mini", (256, 256), 77),
        ("gpt-5-mini", (768, 1024), 922),
        ("gpt-5-mini", (2048, 768), 1844),
        ("gpt-5-mini", (1600, 1600), 1826),  # 39 x 39 patches
        ("gpt-5-nano", (1600, 1600), 2282),
        ("gpt-5.4", (1600, 1600), 3000),
        ("gpt-5.4", (2048, 2048), 3000),
        ("gpt-5.4-mini", (1024, 1024), 1229),
    ],
)
def test_vectors(model: str, size: tuple[int, int], expected: int) -> None:
    assert tokens(model, *size) == expected


@pytest.mark.parametrize(
    ("model", "detail", "size", "expected"),
    [
        ("gpt-4o", "low", (3008, 2000), 85),
        ("gpt-4o-mini", "low", (1, 1), 2833),
        ("gpt-4o", "original", (1024, 1024), 765),
        ("gpt-5-mini", "low", (1024, 1024), 1229),
        ("gpt-5.2", "high", (2048, 2048), 4916),  # 64 x 64 patches
        ("gpt-5.4", "low", (2048, 2048), 4916),
        ("gpt-5.4", "high", (2048, 2048), 3000),
        ("gpt-5.4", "auto", (2048, 2048), 3000),
        ("gpt-5.4", "original", (2048, 2048), 4916),
        ("gpt-5.4", "original", (9000, 9000), 12_000),
        ("gpt-5.5", "auto", (9000, 9000), 12_000),
        ("gpt-5.5", None, (9000, 9000), 12_000),
        ("gpt-5.5", "high", (9000, 9000), 3000),
        ("gpt-5.5", "low", (9000, 9000), 308),
        ("gpt-5.6", "auto", (3200, 6400), 24_000),
        ("gpt-6-astra", "high", (1024, 1024), 1229),
        ("gpt-6-astra", "high", (2048, 2048), 3000),
        ("gpt-6-astra", "high", (4096, 512), 2458),
        ("gpt-5.6-sol", "high", (4096, 512), 615),
    ],
)
def test_details(model: str, detail: str | None, size: tuple[int, int], expected: int) -> None:
    assert tokens(model, *size, detail) == expected


@pytest.mark.parametrize("model", [name for name in model_names() if image_rule(name)])
def test_a_detail_that_is_not_known_counts_as_high(model: str) -> None:
    size = ImageSize(5000, 3000)
    assert {rule_of(model).tokens(size, detail) for detail in ("high", "ultra", "LOW", "")} == {
        rule_of(model).tokens(size, "high")
    }


# The formulas as the guide words them, in fractions


def literal_fit(width: int, height: int, longest: int) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(longest, max(width, height)))
    nearest = [math.floor(side * scale + Fraction(1, 2)) for side in (width, height)]
    return max(nearest[0], 1), max(nearest[1], 1)


def literal_tiles(size: ImageSize) -> int:
    width, height = literal_fit(*size, 2048)
    scale = min(Fraction(1), Fraction(768, min(width, height)))
    return math.ceil(Fraction(math.floor(width * scale), 512)) * math.ceil(Fraction(math.floor(height * scale), 512))


def literal_root(value: Fraction) -> int:
    """The root of a number that is not large, rounded down."""
    return next(root for root in count() if (root + 1) ** 2 > value)


def literal_patches(size: ImageSize, limits: Limits) -> int:
    width, height = literal_fit(*size, limits.side)
    patches = math.ceil(Fraction(width, 32)) * math.ceil(Fraction(height, 32))
    if patches <= limits.patches:
        return patches
    # width * shrink_factor / 32 and height * shrink_factor / 32, both rounded down
    columns = literal_root(Fraction(limits.patches * width, height))
    rows = literal_root(Fraction(limits.patches * height, width))
    scale = min(Fraction(32 * columns, width), Fraction(32 * rows, height))
    resized = math.floor(width * scale), math.floor(height * scale)
    return math.ceil(Fraction(resized[0], 32)) * math.ceil(Fraction(resized[1], 32))


def float_patches(size: ImageSize, limits: Limits) -> int:
    """The same in floats, as the guide writes it."""
    width, height = literal_fit(*size, limits.side)
    if math.ceil(width / 32) * math.ceil(height / 32) <= limits.patches:
        return math.ceil(width / 32) * math.ceil(height / 32)
    scale = math.sqrt(1024 * limits.patches / (width * height))
    columns, rows = width * scale / 32, height * scale / 32
    scale *= min(math.floor(columns) / columns, math.floor(rows) / rows)
    return math.ceil(math.floor(width * scale) / 32) * math.ceil(math.floor(height * scale) / 32)


all_limits = st.sampled_from(
    sorted(
        {
            limits
            for rule in _RULES.values()
            if isinstance(rule, PatchRule)
            for limits in (rule.high, rule.low, rule.original)
            if limits
        }
    )
)


@given(sizes)
@example(ImageSize(1, 2**31 - 1))
def test_tiles_are_those_of_the_formula(size: ImageSize) -> None:
    assert TileRule(1000, 7).tokens(size) == 1000 + 7 * literal_tiles(size)


@given(sizes, all_limits)
@example(ImageSize(1800, 2400), Limits(1536, 2048))
@example(ImageSize(1995, 1330), Limits(1536, 2048))
@example(ImageSize(65_535, 65_535), Limits(30_000, 65_535))
def test_patches_are_those_of_the_formula(size: ImageSize, limits: Limits) -> None:
    assert PatchRule(100, limits).tokens(size) == literal_patches(size, limits) <= limits.patches


def test_floats_are_caught() -> None:
    """Negative control: at a border a float is off by its last bit, and that by a row of patches or by a token."""
    size, limits = ImageSize(1995, 1330), Limits(1536, 2048)
    assert float_patches(ImageSize(1800, 2400), limits) == literal_patches(ImageSize(1800, 2400), limits) == 33 * 44
    assert (float_patches(size, limits), literal_patches(size, limits)) == (47 * 31, 48 * 32)
    assert math.ceil(150 * 1.62) == 244  # the product is 243
    assert tokens("gpt-4.1-mini", 480, 320) == 243


@given(st.integers(1, 400), st.integers(1, 40), st.integers(1, 38))
def test_hundredths_are_rounded_up(percent: int, columns: int, rows: int) -> None:
    size = ImageSize(32 * columns, 32 * rows)
    assert PatchRule(percent).tokens(size) == math.ceil(Fraction(percent, 100) * columns * rows)


def test_without_the_limit_of_a_side() -> None:
    """The guide's example of an image that is long: more patches, because it is not made to fit into 2048 pixels."""
    size = ImageSize(4096, 512)
    assert PatchRule(100, Limits(2500, 65_535)).tokens(size) == 2048
    assert PatchRule(100, Limits(2500, 2048)).tokens(size) == 64 * 8


@given(rules, sizes, details)
def test_turning_an_image_changes_nothing(rule: ImageRule, size: ImageSize, detail: str | None) -> None:
    assert rule.tokens(size, detail) == rule.tokens(ImageSize(size.height, size.width), detail)


# Sizes that are not known


@given(rules, sizes, details)
@example(TileRule(85, 170), ImageSize(2048, 768), "high")
@example(PatchRule(172), ImageSize(1536, 1024), None)
def test_tokens_are_within_the_bound(rule: ImageRule, size: ImageSize, detail: str | None) -> None:
    least, most = rule.bound(detail)
    assert least <= rule.tokens(size, detail) <= most
    assert least <= rule.guess(detail) <= most


@pytest.mark.parametrize(
    ("model", "detail", "longest", "bound"),
    [
        ("gpt-4o", None, (2048, 768), (255, 1445)),
        ("gpt-4o", "low", (2048, 768), (85, 85)),
        ("gpt-4o-mini", "auto", (2048, 768), (8500, 48_169)),
        ("o4-mini", None, (1536, 1024), (2, 2642)),
        ("gpt-5-nano", "low", (1536, 1024), (2, 2304)),
        ("gpt-4.1-mini", None, (2048, 768), (2, 2489)),
        ("gpt-5.4", "high", (1600, 1600), (2, 3000)),
        ("gpt-5.4", "low", (2048, 2048), (2, 4916)),
        ("gpt-5.5", None, (3200, 3200), (2, 12_000)),
        ("gpt-5.6", None, (6400, 4800), (2, 36_000)),
        ("gpt-5.6", "low", (512, 512), (2, 308)),
    ],
)
def test_both_ends_of_the_bound_occur(
    model: str, detail: str | None, longest: tuple[int, int], bound: tuple[int, int]
) -> None:
    assert rule_of(model).bound(detail) == bound
    assert (tokens(model, 1, 1, detail), tokens(model, *longest, detail)) == bound


@given(rules, details)
def test_the_guess_is_a_square_of_1024(rule: ImageRule, detail: str | None) -> None:
    assert rule.guess(detail) == rule.tokens(ImageSize(1024, 1024), detail)


def test_guesses() -> None:
    assert (rule_of("gpt-4o").guess(), rule_of("gpt-4o").guess("low")) == (765, 85)
    assert rule_of("gpt-5-mini").guess() == 1229


# The table


def test_models_of_the_table() -> None:
    assert set(_RULES) <= set(model_names())


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("ft:gpt-4o-2024-08-06", "gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "gpt-4o-mini"),
        ("ft:gpt-4.1-nano-2025-04-14", "gpt-4.1-nano"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-4-turbo-2024-04-09", "gpt-4-turbo"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
        ("o1-pro-2025-03-19", "o1-pro"),
        ("ft:o4-mini-2025-04-16", "o4-mini"),
        ("computer-use-preview-2025-03-11", "computer-use-preview"),
    ],
)
def test_names(name: str, same: str) -> None:
    assert image_rule(name) is image_rule(same) is not None
    assert image_rule(get_model(name).name) is image_rule(same)


@pytest.mark.parametrize(
    "name",
    [
        *("gpt-3.5-turbo", "gpt-3.5-turbo-0125", "ft:gpt-3.5-turbo-0125", "gpt-4", "gpt-4-0613", "gpt-4-32k"),
        *("gpt-4-turbo-preview", "gpt-4-1106-preview", "o1-mini", "o1-preview", "o3-mini", "o3-mini-2025-01-31"),
        *("gpt-4o-audio-preview", "gpt-4o-search-preview", "gpt-audio", "gpt-oss-120b"),
        *("gpt-5-codex", "gpt-5-pro", "gpt-5.4-pro", "gpt-6-sol"),
        *("gpt", "GPT-4O", "gpt-4o-mini-", "", " ", "ft:", ":", "\ud800"),
    ],
)
def test_models_without_a_rule(name: str) -> None:
    assert image_rule(name) is None


@pytest.mark.parametrize(("_", "rule"), RULES)
def test_evidence(_: str, rule: ImageRule) -> None:
    assert rule.status in STATUSES
    if rule.status == "fitted":
        assert rule.matched == rule.cases > 0
        assert rule.error == 0
    else:
        assert rule.status == "estimate"
        assert (rule.matched, rule.cases) == (0, 0)
        assert rule.error in (None, 2)


def test_evidence_of_models() -> None:
    cases = {"gpt-4o": 7, "gpt-4o-mini": 10, "gpt-5": 1, "o4-mini": 4}
    assert {name: (rule_of(name).status, rule_of(name).cases) for name in cases} == {
        name: ("fitted", number) for name, number in cases.items()
    }
    off_by_two = {name for name, rule in _RULES.items() if rule.error == 2}
    assert off_by_two == {"gpt-4.1-mini", "gpt-4.1-nano", "gpt-5-mini", "gpt-5-nano"}


def test_rules_are_frozen() -> None:
    rule = TileRule(85, 170)
    with pytest.raises(FrozenInstanceError):
        rule.base = 1  # type: ignore[misc]  # that is the test
    assert rule == TileRule(85, 170, status="estimate")
    assert rule != TileRule(85, 170, cases=1)
