"""Statistics as a JSON value, and as the data of their page: see `chatml/views/assets/statistics.js`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from chatml._distribution import Distribution, buckets
from chatml._visible import visible
from chatml.cli._stats_tally import KEPT, LAST_SINGLE, OTHER, ROLES
from chatml.views import page

if TYPE_CHECKING:
    from chatml._repeats import Found
    from chatml.cli._stats import Statistics

_POINTS = 200  # of the curve
_FILES_ON_PAGE = 100


def statistics_page(statistics: Statistics) -> str:
    """The page of statistics. Of the data it has file names and lines, but no content: not even in errors."""
    statistics = statistics._replace(names=[visible(name) for name in statistics.names])
    data = statistics_data(statistics)
    data["errors"]["first"] = [{**one, "problem": None} for one in data["errors"]["first"]]
    data["curve"] = _curve(statistics.tally.tokens)
    data["more_files"] = max(len(data["files"]) - _FILES_ON_PAGE, 0)
    data["files"] = data["files"][:_FILES_ON_PAGE]
    names = {statistics.names[number] for number in statistics.tally.files}
    title = next(iter(names)) if len(names) == 1 else f"{len(names):,} files"
    return page("statistics", f"Statistics of {title} - chatml", {"title": title, **data})


def statistics_data(statistics: Statistics) -> dict[str, Any]:
    """All figures."""
    tally = statistics.tally
    return {
        "conversations": tally.tokens.count,
        "total": tally.tokens.total,
        "status": tally.status,
        **_cost(statistics),
        "tokens": _spread(tally.tokens),
        "turns": _spread(tally.turns),
        "roles": [
            {"role": role, **_spread(tally.by_role[role])} for role in (*ROLES, OTHER) if tally.by_role.get(role)
        ],
        "by_turn": [
            {"first": first, "last": last_turn(first), **_spread(spread)}
            for first, spread in sorted(tally.by_turn.items())
        ],
        "outside": tally.outside,
        "training": {
            "tokens": tally.trained.total,
            "share": tally.trained.total / tally.tokens.total if tally.tokens.total else None,
            "without": tally.trained.count - tally.trained.over(0),
            "conversations": _spread(tally.trained),
        },
        "counted_as": _groups(statistics),
        "max_tokens": _limit(statistics),
        "duplicates": _repeats(statistics, tally.same.found(KEPT), is_exact=True),
        "same_opening": _openings(statistics),
        "longest": [{**_place(statistics, one.place), "tokens": one.tokens} for one in tally.longest],
        "errors": _errors(statistics),
        "files": [
            {
                "file": statistics.names[number],
                "conversations": file.conversations,
                "total": file.tokens,
                "errors": file.bad.total(),
            }
            for number, file in sorted(tally.files.items())
        ],
    }


def last_turn(first: int) -> int:
    """The last turn that is taken together with the turn `first`."""
    return first if first <= LAST_SINGLE else 2 * (first - 1)


def _spread(spread: Distribution) -> dict[str, Any]:
    """A distribution: the numbers of its summary are null when it is empty."""
    summary = spread.summary()
    if summary is None:
        return {"count": 0, "sum": 0, "mean": None, "min": None, "max": None, "percentiles": {}, "buckets": []}
    return {
        "count": summary.size,
        "sum": summary.total,
        "mean": summary.mean,
        "min": summary.least,
        "max": summary.most,
        "percentiles": {str(percent): value for percent, value in summary.percentiles.items()},
        "buckets": [{"from": one.low, "to": one.high, "count": one.size} for one in buckets(spread)],
    }


def _cost(statistics: Statistics) -> dict[str, Any]:
    """The price in US dollars, as text: a float would not be exact."""
    if not statistics.with_cost:
        return {}
    cost = statistics.cost
    return {"cost": None if cost is None else f"{cost:f}"}


def _groups(statistics: Statistics) -> list[dict[str, Any]]:
    found = [
        {
            "model": one.model.name if one.model else None,
            "model_from": one.how or None,
            "dialect": one.dialect,
            "encoding": one.encoding,
            "conversations": group.conversations,
            "total": group.tokens,
            "limit": one.limit,
            "over": None if one.limit is None else group.over,
        }
        for one, group in statistics.tally.groups.items()
    ]
    return sorted(found, key=lambda one: (-int(one["conversations"] or 0), str(one)))


def _limit(statistics: Statistics) -> dict[str, Any] | None:
    most, tokens = statistics.max_tokens, statistics.tally.tokens
    if most is None:
        return None
    over = tokens.over(most)
    share = over / tokens.count if tokens else None
    return {"limit": most, "over": over, "share": share, "excess": tokens.excess(most)}


def _repeats(statistics: Statistics, found: Found, *, is_exact: bool) -> dict[str, Any]:
    return {
        "conversations": found.repeated,
        **({"tokens": found.surplus} if is_exact else {}),
        "groups": found.groups,
        "largest": [
            {"size": one.size, "places": [_place(statistics, place) for place in one.places]} for one in found.largest
        ],
    }


def _openings(statistics: Statistics) -> dict[str, Any]:
    """Conversations that differ, and begin with a user message that another one before has."""
    found = statistics.tally.openings.found(KEPT, differing=True)
    differing = statistics.tally.same.found(0).names
    return _repeats(statistics, found._replace(repeated=differing - found.names), is_exact=False)


def _place(statistics: Statistics, packed: int) -> dict[str, Any]:
    name, line = statistics.place(packed)
    return {"file": name, "line": line}


def _errors(statistics: Statistics) -> dict[str, Any]:
    kinds: Counter[str] = sum((file.bad for file in statistics.tally.files.values()), Counter())
    first = [
        {"file": statistics.names[number], **row._asdict()}
        for number, file in sorted(statistics.tally.files.items())
        for row in file.first
    ]
    return {
        "count": kinds.total(),
        "kinds": dict(sorted(kinds.items(), key=lambda one: (-one[1], one[0]))),
        "first": first[:KEPT],
    }


def _curve(tokens: Distribution) -> list[list[int]]:
    """For some lengths, which are all where there are few, how many conversations have more tokens."""
    items = tokens.items()
    left, points = tokens.count, []
    for place, (value, times) in enumerate(items):
        left -= times
        if len(items) <= _POINTS or place * _POINTS // len(items) != (place - 1) * _POINTS // len(items) or not left:
            points.append([value, left])
    return points
