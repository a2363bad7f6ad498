"""How well counts agree with recorded bills: ours, and those of other counters on the same requests.

    python benchmarks/accuracy.py LOG.jsonl [--split] [--write]

The log is one that `chatml count --check-usage` reads. Of litellm, langchain-openai and tokencost those take part that
are installed; the formula of OpenAI's cookbook is written out here. Image data may be left out of the log: an object
`{"omitted_base64": true, "dims": [width, height]}` stands for an image of that size. `--split` prints agreement for
each `source` of the rows: a rule holds where it also fits sources that it was not made from. `--write` puts all tables
into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from counters import Counter, Peer, load_peers, offline
from measuring import table

import chatml
from chatml._recorded import Recorded, read_recorded
from chatml._usage import FEATURES, Agreement, Row, Tally, check_row

DOC = Path(__file__).parent.parent / "docs" / "accuracy.md"
BEGIN, END = "<!-- agreement: written by benchmarks/accuracy.py --write -->", "<!-- end of agreement -->"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
OTHER_SOURCES = "documents"
CALLED = ("exact", "fitted", "estimate")

Key: TypeAlias = "Callable[[Case], str]"


class Case(NamedTuple):
    """A recorded request, what we make of it, and the repository that it is from."""

    recorded: Recorded
    row: Row
    source: str
    is_reasoning: bool

    @property
    def feature(self) -> str:
        """What decides how it is billed."""
        return f"{self.row.api}: {self.row.feature}" + (" (reasoning models)" if self.is_reasoning else "")


# The log


def blank_png(width: int, height: int) -> bytes:
    """A PNG file of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def restored(value: Any, key: str = "") -> Any:
    """A value with something of the same size wherever base64 data was left out."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not value.get("omitted_base64"):
        return {name: restored(item, name) for name, item in value.items()}
    if value.get("dims"):
        return "data:image/png;base64," + base64.b64encode(blank_png(*value["dims"])).decode()
    filler = "A" * (value.get("chars", 4) // 4 * 4)
    return filler if key == "data" else f"data:{value.get('mime') or 'application/octet-stream'};base64,{filler}"


def read_cases(lines: Iterable[str]) -> Iterator[Case]:
    """The requests of a log that were billed."""
    for number, line in enumerate(lines, 1):
        value = restored(json.loads(line))
        recorded = read_recorded(value)
        if recorded is not None:
            row = check_row(recorded, place=str(number))
            yield Case(recorded, row, source_of(value), is_reasoning(recorded))


def source_of(value: Mapping[str, Any]) -> str:
    """The repository that a row is from."""
    found = REPOSITORY.match(value.get("source", ""))
    return found[0] if found else OTHER_SOURCES


def is_reasoning(recorded: Recorded) -> bool:
    """Whether the model is billed as those that reason."""
    try:
        return chatml.get_model(recorded.models[0]).dialect == "openai-harmony"
    except chatml.UnknownModelError:
        return False


# Agreement


def peer_difference(count: Counter, case: Case) -> int | None:
    """What another counter gives less the bill; None where it fails."""
    try:
        return int(count(case.recorded)) - case.recorded.billed
    except Exception:  # whatever it raises: it is counted as a failure
        return None


class Results(NamedTuple):
    """The requests, and the differences that each of the other counters has on them, in the same order."""

    cases: list[Case]
    peers: dict[str, Peer]
    differences: dict[str, list[int | None]]


def compare(cases: list[Case], peers: dict[str, Peer]) -> Results:
    """Let all counters count all requests."""
    differences = {
        name: [peer_difference(peer.count, case) for case in cases] for name, peer in peers.items() if peer.count
    }
    return Results(cases, peers, differences)


def ours(cases: Iterable[Case]) -> Tally:
    """Our agreement."""
    tally = Tally()
    for case in cases:
        tally.add(None if case.row.counted is None else case.row.difference, case.row.billed, case.row.status)
    return tally


def theirs(differences: Iterable[int | None], cases: Iterable[Case]) -> Tally:
    """The agreement of another counter."""
    tally = Tally()
    for difference, case in zip(differences, cases, strict=True):
        tally.add(difference, case.row.billed)
    return tally


def feature_order(name: str) -> tuple[bool, bool, int]:
    """Chat Completions first, models that reason last, features as they are listed."""
    api, _, feature = name.partition(": ")
    plain = feature.removesuffix(" (reasoning models)")
    return api != "chat", plain != feature, FEATURES.index(plain)


def grouped(cases: Iterable[Case], key: Key) -> dict[str, list[int]]:
    """The places of the cases of each group."""
    groups: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        groups.setdefault(key(case), []).append(place)
    return groups


def share(part: int, whole: int) -> str:
    """A share with one digit, cut: 100 is all of them."""
    return f"{1000 * part // whole / 10:g} %"


def own_table(cases: list[Case]) -> str:
    """Our agreement by feature, with the number of repositories that the rows are from."""
    groups = grouped(cases, lambda case: case.feature)
    chosen = [(name, [cases[place] for place in groups[name]]) for name in sorted(groups, key=feature_order)]
    rows = [own_cells(name, members) for name, members in [*chosen, ("all", cases)]]
    header = (
        "requests",
        "rows",
        "repositories",
        "exact",
        "within 1",
        "within 2 %",
        "median error",
        "refused",
        "called",
    )
    return table("Agreement of `measure` with the bills, by what the request has", header, rows)


def own_cells(name: str, cases: list[Case]) -> list[str]:
    found = ours(cases).agreement()
    called = zip((found.called_exact, found.called_fitted, found.called_estimate), CALLED, strict=True)
    return [
        name, str(found.rows), str(len({case.source for case in cases})), share(found.exact, found.rows),
        share(found.within_one, found.rows), share(found.within_two_percent, found.rows),
        "-" if found.median_error is None else f"{100 * found.median_error:.1f} %", str(found.refused),
        ", ".join(f"{number} {word}" for number, word in called if number),
    ]  # fmt: skip


def peer_cell(found: Agreement) -> str:
    """Exact, within 1, within 2 %, median error; in brackets the rows without a count."""
    shares = (found.exact, found.within_one, found.within_two_percent)
    numbers = " / ".join(str(100 * part // found.rows) for part in shares)
    median = "-" if found.median_error is None else f"{100 * found.median_error:.1f}"
    return f"{numbers} / {median}" + (f" ({found.refused})" if found.refused else "")


def peer_table(results: Results, title: str, first: str, key: Key, order: Callable[[str], Any]) -> str:
    """All counters side by side."""
    cases, groups = results.cases, grouped(results.cases, key)
    rows = []
    for name, places in [*((name, groups[name]) for name in sorted(groups, key=order)), ("all", range(len(cases)))]:
        members = [cases[place] for place in places]
        tallies = [ours(members)]
        tallies += [theirs((found[place] for place in places), members) for found in results.differences.values()]
        rows.append([name, str(len(members)), *(peer_cell(tally.agreement()) for tally in tallies)])
    titles = [peer.title for peer in results.peers.values() if peer.count]
    return table(title, (first, "rows", "chatml", *titles), rows)


def split_table(cases: list[Case]) -> str:
    """Our exact rows of all rows, by repository and feature."""
    sources, features = grouped(cases, lambda case: case.source), list(FEATURES)
    rows = []
    for source, places in sorted(sources.items(), key=lambda item: -len(item[1])):
        of_feature = grouped((cases[place] for place in places), lambda case: case.row.feature)
        members = [cases[place] for place in places]
        rows.append([source, *(exact_of([members[place] for place in of_feature.get(one, ())]) for one in features)])
    rows.append(["all", *(exact_of([case for case in cases if case.row.feature == one]) for one in features)])
    return table("Exact rows of all rows, by the repository that they were recorded in", ("source", *features), rows)


def exact_of(cases: list[Case]) -> str:
    """Exact rows of all rows, "" where there are none."""
    found = ours(cases).agreement()
    return f"{found.exact}/{found.rows}" if cases else ""


def tables(results: Results, *, split: bool) -> str:
    """All tables, and what they were made with."""
    cases = results.cases
    wrong, called = sum(case.row.is_wrong for case in cases), ours(cases).agreement().called_exact
    missing = [peer.title for peer in results.peers.values() if not peer.count]
    parts = [
        f"Measured {datetime.date.today()} on {len(cases)} requests with chatml {chatml.__version__} and tiktoken "
        f"{metadata.version('tiktoken')}. Of {called} rows called exact {wrong} are wrong.",
        own_table(cases),
        "Side by side, in % of the rows: exact / within 1 token / within 2 %, and behind these the median error in %. "
        "In brackets the rows for which a counter gives no number."
        + (f" Left out: {', '.join(missing)}." if missing else ""),
        peer_table(
            results, "Counters, by what the request has", "requests", lambda case: case.feature, feature_order
        ),
        peer_table(results, "Counters, by model", "model", lambda case: case.row.family, str),
        *([split_table(cases)] if split else []),
    ]  # fmt: skip
    return "\n\n".join(parts)


def main() -> None:
    """Print the tables, and write them on request."""
    parser = argparse.ArgumentParser(description="Compare counts with recorded bills.")
    parser.add_argument("log", type=Path, help="a log of requests with their usage, JSON Lines")
    parser.add_argument("--split", action="store_true", help="also by the source of the rows")
    parser.add_argument("--write", action="store_true", help="put all tables into docs/accuracy.md")
    options = parser.parse_args()
    offline()
    with options.log.open(encoding="utf-8") as file:
        cases = list(read_cases(line for line in file if line.strip()))
    text = tables(compare(cases, load_peers()), split=options.split or options.write)
    print(text)
    if options.write:
        before, rest = DOC.read_text(encoding="utf-8").split(BEGIN)
        DOC.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
