"""Every fuzz target over its corpus, and over what a fuzzer once found: the laws hold, and a broken one is noticed.

No fuzzer is needed here; `fuzz/run.py` has it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chatml
from chatml import promptfiles

FUZZ = Path(__file__).parent.parent / "fuzz"
sys.path.insert(0, str(FUZZ))
pieces = importlib.import_module("pieces")
TARGETS: dict[str, Callable[[bytes], None]] = importlib.import_module("targets").TARGETS

# Findings that are not fixed yet. A line goes when its file passes.
OPEN: dict[str, str] = {}


def inputs(folder: str, target: str = "*") -> list[Path]:
    return sorted(path for path in FUZZ.glob(f"{folder}/{target}/*") if path.is_file())


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def run_corpus(target: str) -> None:
    for path in inputs("corpus", target):
        try:
            TARGETS[target](path.read_bytes())
        except Exception as error:
            error.add_note(f"fuzz/corpus/{name_of(path)}")
            raise


@pytest.mark.parametrize("target", TARGETS)
def test_the_laws_hold_on_the_corpus(target: str) -> None:
    run_corpus(target)


def regressions() -> Iterator[Any]:
    for path in inputs("regressions"):
        reason = OPEN.get(name_of(path))
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        yield pytest.param(path, id=name_of(path), marks=marks)


@pytest.mark.parametrize("path", list(regressions()))
def test_what_was_found_stays_fixed(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_file_belongs_to_a_target() -> None:
    found = {path.parent.name for folder in ("corpus", "regressions") for path in inputs(folder)}
    assert found == set(TARGETS)
    assert set(OPEN) <= {name_of(path) for path in inputs("regressions")}


def test_the_dictionary_is_that_of_the_registry() -> None:
    assert (FUZZ / "tokens.dict").read_text("ascii") == pieces.dictionary(), "fuzz/run.py --write-dictionary"


def test_pieces_are_told_by_a_byte() -> None:
    assert len(pieces.PIECES) <= 128
    every = pieces.Input(b"\n" + bytes(range(0x80, 0x80 + len(pieces.PIECES)))).text
    assert every == "".join(pieces.PIECES)


# Negative controls: with one thing broken, the corpus of each target notices


def unchanged(text: str, **_: Any) -> str:
    return text


def wrong(call: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *arguments, **keywords: change(call(*arguments, **keywords))


class LosesTheEnd(chatml.StreamParser):
    def close(self) -> list[chatml.Segment]:
        self._buffer = ""
        return super().close()


class ForgetsItsClose(chatml.Sanitizer):
    def close(self) -> str:
        return ""


def raises(*_: Any, **__: Any) -> Any:
    raise KeyError("content")


def shifted(findings: tuple[chatml.Finding, ...]) -> tuple[chatml.Finding, ...]:
    return tuple(one._replace(start=one.start + 1) for one in findings)


BROKEN: list[tuple[str, Any, str, Any]] = [
    ("escape", chatml, "escape", unchanged),
    ("escape", chatml, "unescape", unchanged),
    ("escape", chatml, "is_escaped", wrong(chatml.is_escaped, lambda found: not found)),
    ("unescape", chatml, "unescape", unchanged),
    ("custom", chatml, "escape", unchanged),
    ("strip", chatml, "sanitize", lambda text, **_: chatml.escape(text)),
    ("sanitizer", chatml, "Sanitizer", ForgetsItsClose),
    ("scan", chatml, "scan", wrong(chatml.scan, shifted)),
    ("scan", chatml, "scan", wrong(chatml.scan, lambda findings: findings[1:])),
    ("parse", chatml, "StreamParser", LosesTheEnd),
    ("parse", chatml, "parse", wrong(chatml.parse, lambda messages: messages[:-1])),
    ("render", chatml, "render", wrong(chatml.render, lambda text: text.replace("\\", ""))),
    ("render", chatml, "encode", wrong(chatml.encode, lambda ids: [*ids, 100257])),
    ("render", chatml, "decode", wrong(chatml.decode, lambda messages: messages[:-1])),
    ("trusted", chatml, "trusted", unchanged),
    ("trusted", chatml.Prompt, "token_ids", wrong(chatml.Prompt.token_ids, lambda ids: ids[:-1])),
    ("messages", chatml, "sanitize_messages", wrong(chatml.sanitize_messages, lambda _: [{"content": "<s>"}])),
    ("messages", chatml, "measure", raises),
    ("count", chatml, "count", wrong(chatml.count, lambda total: total + 1)),
    ("ids", chatml, "verify_ids", lambda ids, **keywords: chatml.Prompt.from_ids(ids, **keywords)),
    ("prompt_file", promptfiles, "read_documents", raises),
    ("prompt_file", promptfiles, "read_documents", wrong(promptfiles.read_documents, lambda found: found[::-1])),
    ("encoding_file", chatml, "load_encoding", raises),
    ("added_tokens", chatml, "escape", unchanged),
]


@pytest.mark.parametrize(("target", "owner", "name", "broken"), BROKEN, ids=lambda value: str(value)[:20])
def test_a_broken_law_is_noticed(
    target: str, owner: Any, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises((AssertionError, KeyError, chatml.ChatMLError)):
        run_corpus(target)


def test_every_target_has_a_control() -> None:
    assert {target for target, *_ in BROKEN} == set(TARGETS)
