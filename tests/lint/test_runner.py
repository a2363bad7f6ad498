"""Runs over many files: one order and the same findings for any number of workers, in bounded pieces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_samples import CLOSED, OPEN, STRUCTURE, pieces_of, row, source

from chatml import FileError
from chatml._workers import WorkerError
from chatml.lint import LintDiagnostic, Settings, _blocks, _runner, lint_texts
from chatml.lint._blocks import Unreadable, is_by_line, read_blocks
from chatml.lint._engine import Block
from chatml.lint._facts import FactTable
from chatml.lint._rule import Fact
from chatml.lint._runner import FileResult, Source, check_sources

SMALL = 64  # bytes of a block in these tests


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that short files have many."""
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", SMALL)


def read(data: bytes, *, by_line: bool = True) -> list[Block | Unreadable]:
    return list(read_blocks(pieces_of(data, SMALL), by_line=by_line))


class TestBlocks:
    """From bytes to blocks."""

    @pytest.mark.usefixtures("small_blocks")
    @settings(max_examples=300)
    @given(
        st.lists(st.sampled_from(["\n", "a", "é", "😀", "{}", "x" * 50, "\r\n", "\u2028"]), max_size=60), st.booleans()
    )
    def test_they_tile_the_text(self, parts: list[str], by_line: bool) -> None:
        text = "".join(parts)
        _blocks.BLOCK_SIZE = SMALL
        line, base, seen = 1, 0, ""
        found = read(text.encode(), by_line=by_line)
        for index, block in enumerate(found):
            assert isinstance(block, Block)
            assert (block.line, block.base, block.has_bom) == (line, base, False)
            assert block.text.endswith("\n") or index == len(found) - 1
            line, base, seen = line + block.text.count("\n"), base + len(block.text), seen + block.text
        assert seen == text
        assert by_line or len(found) == 1

    def test_a_small_file_is_one(self) -> None:
        assert list(read_blocks([b"{}\n{}"], by_line=True)) == [Block("{}\n{}", form="jsonl")]
        assert list(read_blocks([], by_line=False)) == [Block("")]

    @pytest.mark.usefixtures("small_blocks")
    def test_a_byte_order_mark_belongs_to_the_first(self) -> None:
        data = b"\xef\xbb\xbf" + (b"x" * 40 + b"\n") * 3
        found = read(data)
        assert [(block.has_bom, block.line, block.base) for block in found if isinstance(block, Block)] == [
            (True, 1, 0), (False, 2, 41), (False, 4, 123),
        ][: len(found)]  # fmt: skip
        assert len(found) > 1

    @pytest.mark.usefixtures("small_blocks")
    def test_bytes_that_are_not_utf8_have_their_place(self) -> None:
        data = "é\n".encode() * 30 + b"a\xffb\n" + b"c\n" * 40
        found = read(data)
        (bad,) = [one for one in found if isinstance(one, Unreadable)]
        assert (bad.code, bad.line, bad.column, bad.start) == ("SYN001", 31, 2, 61)
        assert (bad.problem, bad.hint) == ("the file is not UTF-8: found byte 0xff", "save it as UTF-8")
        assert isinstance(found[0], Block)
        assert isinstance(found[-1], Block)
        assert found[-1].line + found[-1].text.count("\n") == data.count(b"\n") + 1

    def test_utf16_has_a_hint(self) -> None:
        (bad,) = read_blocks(['{"role": "x"}'.encode("utf-16")], by_line=False)
        assert isinstance(bad, Unreadable)
        assert (bad.hint, bad.is_prompt) == ("it looks like UTF-16: save it as UTF-8", True)

    @pytest.mark.parametrize("by_line", [True, False])
    @pytest.mark.usefixtures("small_blocks")
    def test_what_is_too_large_is_given_up(self, monkeypatch: pytest.MonkeyPatch, by_line: bool) -> None:
        monkeypatch.setattr(_blocks, "MAX_SIZE", 200)
        found = read(b"x" * 300 + b"\n" + b"y\n" * 40, by_line=by_line)
        assert isinstance(found[0], Unreadable)
        what = "line" if by_line else "file"
        assert (found[0].problem, found[0].line) == (f"the {what} has more than 200 bytes", 1)
        assert all(isinstance(one, Block) for one in found[1:])

    @pytest.mark.parametrize(
        ("path", "form", "expected"),
        [
            ("a.jsonl", None, True), ("a.NDJSON", None, True), ("a.json", None, False), ("a.json", "jsonl", True),
            ("a.jsonl", "json", False),
        ],
    )  # fmt: skip
    def test_lines(self, path: str, form: str | None, expected: bool) -> None:
        assert is_by_line(path, form) is expected


def found_in(results: list[FileResult]) -> list[tuple[str, int, str]]:
    return [(one.path, one.line, one.code) for result in results for one in result.diagnostics]


class TestRuns:
    """Sources in, results out."""

    def test_in_the_order_of_the_files(self) -> None:
        results = check_sources([source("b.chatml", OPEN), source("a.chatml", OPEN), source("c.chatml", CLOSED)])
        assert found_in(results) == [("b.chatml", 1, "CML001"), ("a.chatml", 1, "CML001")]
        assert [(one.documents, one.is_readable, one.size) for one in results][2] == (1, True, len(CLOSED))

    def test_progress(self) -> None:
        told: list[tuple[int, bool]] = []
        check_sources([source("a.chatml", OPEN), source("b.chatml", CLOSED)], progress=lambda *args: told.append(args))
        assert told == [(len(OPEN), False), (0, True), (len(CLOSED), False), (0, True)]

    def test_a_file_that_cannot_be_opened_stops_no_other(self) -> None:
        def refuse() -> Iterator[bytes]:
            raise FileError("reading it is not permitted", path="a.chatml", hint="check who may read it")

        results = check_sources([Source("a.chatml", STRUCTURE, refuse), source("b.chatml", OPEN)])
        assert found_in(results) == [("a.chatml", 1, "SYN002"), ("b.chatml", 1, "CML001")]
        assert results[0].diagnostics[0].message == "reading it is not permitted"
        assert [one.is_readable for one in results] == [False, True]

    def test_a_file_that_fails_while_it_is_read(self) -> None:
        def fail() -> Iterator[bytes]:
            yield OPEN.encode()
            raise FileError("it cannot be read: Input/output error", path="a.jsonl")

        (result,) = check_sources([Source("a.jsonl", STRUCTURE, fail)])
        assert not result.is_readable
        assert "SYN002" in {one.code for one in result.diagnostics}

    @pytest.mark.parametrize(
        ("name", "content", "is_prompt"),
        [
            ("package.json", '{"name": "x"}', False),
            ("tsconfig.json", '{\n // c\n "a": 1}', False),
            ("README.txt", "hello\n", False),
            ("empty.json", "", False),
            ("latin.txt", b"caf\xe9", False),
            ("log.jsonl", '{"a": 1}\n{"a": 2}\n', False),
            ("broken.json", '{"messages": [}', True),
            ("latin.chatml", b"<|im_start|>caf\xe9", True),
            ("chat.json", '[{"role": "user", "content": "hi"}]', True),
            ("rows.jsonl", '{"a": 1}\n' + row(), True),
        ],
    )
    def test_a_file_of_a_folder_that_is_no_prompt_is_passed_over(
        self, name: str, content: str | bytes, is_prompt: bool
    ) -> None:
        (found,) = check_sources([source(name, content, Settings(), is_named=False)])
        assert found.is_prompt is is_prompt
        assert is_prompt or (not found.diagnostics and found.is_readable)
        (named,) = check_sources([source(name, content, Settings())])
        assert named.is_prompt
        assert named.is_readable or named.diagnostics

    def test_findings_of_one_kind_are_counted_when_there_are_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_runner, "MOST_OF_A_KIND", 3)
        (result,) = check_sources([source("a.jsonl", '{"a": 1}\n' * 10)])
        assert [(one.code, one.line) for one in result.diagnostics] == [("DAT002", line) for line in (1, 2, 3)]
        assert result.diagnostics[-1].message.endswith(" (and 7 more of this kind in the file)")
        assert "more of this kind" not in result.diagnostics[0].message

    def test_a_fault_of_ours_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError("oh")

        monkeypatch.setattr(_runner, "analyze", fail)
        (result,) = check_sources([source("a.chatml", OPEN)])
        assert [(one.code, one.message) for one in result.diagnostics] == [
            ("SYN002", "internal error: ZeroDivisionError: oh")
        ]
        assert not result.is_readable


BROKEN = row() + '{"messages": [\n' + row("é 😀") + '{"a": 1}\n'
FILES = [
    ("one.chatml", OPEN * 3), ("two.chatml", CLOSED), ("rows.jsonl", BROKEN * 40), ("three.json", "["),
    ("same.jsonl", row("same") * 3), ("latin.txt", b"\xff<|im_start|>"), ("four.chatml", OPEN), ("none.json", "{}"),
]  # fmt: skip


def sources(files: list[tuple[str, str | bytes]]) -> list[Source]:
    return [source(name, content, Settings(), is_named=name != "none.json") for name, content in files]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers start for next to nothing, and get little at once."""
    for name, value in (("_PAYS", 1), ("_UNIT", 300)):
        monkeypatch.setattr(_runner, name, value)
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 1024)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_workers_finds_the_same(jobs: int) -> None:
    files = [(f"{number}/{name}", content) for number in range(3) for name, content in FILES]
    alone = check_sources(sources(files))
    assert {"CML001", "DAT001", "DAT002", "SYN001", "SYN002"} <= {code for _, _, code in found_in(alone)}
    assert check_sources(sources(files), jobs=jobs) == alone


@pytest.mark.usefixtures("eager")
@settings(max_examples=15)
@given(st.lists(st.sampled_from(FILES), max_size=12), st.integers(2, 4))
def test_any_files_and_workers(chosen: list[tuple[str, str | bytes]], jobs: int) -> None:
    files = [(f"{number}-{name}", content) for number, (name, content) in enumerate(chosen)]
    assert check_sources(sources(files), jobs=jobs) == check_sources(sources(files))


def test_parts_in_the_wrong_order_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: results as they come, not as they are asked for."""
    monkeypatch.setattr(_runner, "_PAYS", 1)
    monkeypatch.setattr(_runner, "_UNIT", 1)
    collected: Callable[..., Iterator[object]] = _runner._collected
    monkeypatch.setattr(_runner, "_collected", lambda *args: reversed(list(collected(*args))))
    files = [(f"{number}.chatml", OPEN) for number in range(4)]
    assert check_sources(sources(files), jobs=2) != check_sources(sources(files))


@pytest.mark.usefixtures("eager")
def test_blocks_and_whole_files_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files in blocks, and the same text at once: all the same but for the counts of findings."""
    files = [("rows.jsonl", BROKEN * 40)]
    blocks = check_sources(sources(files))[0].diagnostics
    assert blocks == lint_texts([(name, str(text)) for name, text in files])
    monkeypatch.setattr(_blocks, "BLOCK_SIZE", 10**6)
    assert check_sources(sources(files))[0].diagnostics == blocks


@pytest.mark.usefixtures("eager")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="what is broken here has to be broken in the workers")
def test_a_worker_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    main = os.getpid()
    check = _runner.check_block

    def die(path: str, settings: Settings, block: Block) -> object:
        if os.getpid() != main:
            os._exit(9)
        return check(path, settings, block)

    monkeypatch.setattr(_runner, "check_block", die)
    with pytest.raises(WorkerError) as caught:
        check_sources([source(f"{number}.chatml", OPEN) for number in range(50)], jobs=2)
    hint = "try again with --jobs 1; if that fails as well, please report it"
    assert str(caught.value) == f"a worker process died; {hint}"


class TestFacts:
    """What is kept for dataset rules."""

    def test_in_order_and_again_and_again(self) -> None:
        table = FactTable()
        facts = [Fact("a", 1, (), "x"), Fact("a", 2, ("messages", 0), "y"), Fact("b", 1, (), 3)]
        table.add({"DAT007": facts[:2]})
        table.add({"DAT007": facts[2:], "DAT008": []})
        assert [list(table["DAT007"]), list(table["DAT007"])] == [facts, facts]
        assert (list(table), len(table), list(table.get("DAT009", ()))) == (["DAT007", "DAT008"], 2, [])
        table.drop("a")
        assert list(table["DAT007"]) == facts[2:]

    def test_what_dataset_rules_find_stands_with_its_file(self) -> None:
        settings = Settings(select=("DAT007",))
        if not any(code == "DAT007" for code in _codes()):
            pytest.skip("the rule is not there")
        files = [("a.jsonl", row("x") + row("y")), ("b.jsonl", row("z")), ("c.jsonl", row("q") + row("x"))]
        results = check_sources([source(name, text, settings) for name, text in files])
        assert {one.path for result in results for one in result.diagnostics} <= {"a.jsonl", "c.jsonl"}
        assert all(one.path == result.path for result in results for one in result.diagnostics)


def _codes() -> list[str]:
    return [rule.code for rule in _runner.all_rules()]


def test_findings_are_sorted_in_a_file() -> None:
    (result,) = check_sources([source("a.chatml", OPEN * 5)])
    places = [(one.line, one.column) for one in result.diagnostics]
    assert places == sorted(places)
    assert len(places) > 1
    assert all(isinstance(one, LintDiagnostic) for one in result.diagnostics)
