"""`chatml lint`: files, settings, fixes, baselines, formats and exit statuses, each as a process would see them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, environment, run_here, run_python
from hypothesis import given
from hypothesis import strategies as st

from chatml.cli import _lint_cache, _lint_progress, _watching
from chatml.cli._gitignore import read_patterns
from chatml.cli.lint import FORMATS
from chatml.lint.reporters import REPORTERS

OPEN = "<|im_start|>user\nhi<|im_start|>assistant\n"
CLOSED = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
FOUND = "CML001 message 0 (user) is not closed before the next one begins"
ROW = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n'
ONLY = ("--select", "CML001", "--no-cache")
BRIEF = (*ONLY, "--output-format", "concise")
FIXABLE = "1 error in 1 file; 1 can be fixed with --unsafe-fixes\n"


@pytest.fixture
def run(here: Run) -> Run:
    """Run `chatml` in this process."""
    return here


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Run `chatml` as a process in a temporary folder."""

    def call(*arguments: str, stdin: bytes = b"", **changes: str) -> Result:
        return run_python("-m", "chatml", *arguments, cwd=tmp_path, stdin=stdin, **changes)

    return call


def lines(result: Result) -> list[str]:
    return result.out.splitlines()[:-1]


class TestOneCommand:
    """From nothing to a first finding."""

    def test_a_folder(self, process: Run, run: Run, write: Write, matches: Matches) -> None:
        write("prompts/a.chatml", OPEN)
        write("prompts/b.chatml", CLOSED)
        write("rows.jsonl", ROW + "{\n")
        write("package.json", '{"name": "x"}')
        write("tsconfig.json", "{\n // c\n}")
        write("node_modules/x/a.chatml", OPEN)
        write(".hidden/a.chatml", OPEN)
        result = process("lint", *ONLY)
        assert result.status == 2
        assert result.err == "chatml: note: 2 files are passed over: no prompt was found in them\n"
        matches(result.out, "lint-folder")
        assert run("lint", ".", *ONLY) == result

    def test_all_default_rules(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        result = run("lint", "--no-cache", "--output-format", "concise")
        assert result.status == 1
        assert f"a.chatml:1:1: {FOUND}" in lines(result)

    def test_help(self, run: Run, matches: Matches) -> None:
        result = run("lint", "--help")
        assert (result.status, result.err) == (0, "")
        matches(result.out, "lint-help")

    def test_the_formats_are_those_of_the_reporters(self) -> None:
        assert tuple(REPORTERS) == FORMATS


class TestStatus:
    """0, 1 or 2."""

    @pytest.mark.parametrize(
        ("content", "options", "status"),
        [
            (CLOSED, (), 0),
            (OPEN, (), 1),
            (OPEN, ("--exit-zero",), 0),
            (OPEN, ("--ignore", "CML"), 0),
            (b"\xff<|im_start|>", (), 2),
            (b"\xff<|im_start|>", ("--exit-zero",), 2),
            (b"\xff<|im_start|>", ("--ignore", "SYN001"), 2),
        ],
    )
    def test_of_findings(
        self, run: Run, write: Write, content: str | bytes, options: tuple[str, ...], status: int
    ) -> None:
        write("a.chatml", content)
        assert run("lint", "a.chatml", *BRIEF, *options).status == status

    def test_a_file_that_is_not_there_is_a_finding(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        result = run("lint", "b.chatml", "a.chatml", *BRIEF)
        assert result.status == 2
        assert lines(result) == [
            "b.chatml:1:1: SYN002 there is no such file or folder",
            f"a.chatml:1:1: {FOUND}",
        ]

    def test_a_folder_without_files(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        result = run("lint", "empty", *BRIEF)
        assert (result.status, result.out) == (2, "no findings in 0 files\n")
        assert result.err.startswith("chatml: error: empty: the folder holds no file that ends in ")

    def test_info_is_no_failure(self, run: Run, write: Write) -> None:
        from chatml._diagnostics import Severity
        from chatml.lint import RULES

        write("a.chatml", "\ufeff" + CLOSED)
        info = [rule.code for rule in RULES if rule.code == "FMT007" and rule.severity is Severity.INFO]
        if not info:
            pytest.skip("no rule speaks of byte order marks")
        result = run("lint", "a.chatml", "--select", "FMT007", "--no-cache", "--output-format", "concise")
        assert (result.status, len(lines(result))) == (0, 1)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--select", "X1"), "--select: found 'X1', expected the code or name of a rule"),
            (("--per-file-ignores", "CML001"), "--per-file-ignores: found 'CML001', expected GLOB:RULES"),
            (("--config", "a.toml", "--isolated"), "--config: found with --isolated, which takes settings from no file;"
             " leave one of them out"),
            (("--watch", "--fix"), "--watch: found with --fix, which changes what is watched; leave one of them out"),
            (("--stdin-filename", "x"), "--stdin-filename: found without -; - stands for standard input"),
            (("--dialect", "x"), None),
            (("--baseline", "none.json"), "none.json: there is no such file; --write-baseline makes it"),
            (("--config", "none.toml"), "none.toml: there is no such file or folder; check the name; - is standard"
             " input"),
            (("--output-format", "xml"), None),
            (("--jobs", "0"), None),
        ],
    )  # fmt: skip
    def test_usage(self, run: Run, arguments: tuple[str, ...], message: str | None) -> None:
        result = run("lint", *arguments)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("chatml: error: ")
        assert message is None or result.err == f"chatml: error: {message}\n"


class TestConfiguration:
    """The nearest file counts."""

    def test_nearest(self, run: Run, write: Write) -> None:
        for name in ("a.chatml", "in/a.chatml", "in/deeper/a.chatml", "own/a.chatml"):
            write(name, OPEN)
        write("pyproject.toml", "[tool.chatml]\nselect = ['SUP001']\n")
        write("in/chatml.toml", "select = ['CML001']\n")
        write("in/deeper/pyproject.toml", "[project]\nname = 'x'\n")
        write("own/chatml.toml", "ignore = ['CML']\n")
        result = run("lint", "--no-cache", "--output-format", "concise")
        places = [line.partition(":")[0] for line in lines(result) if "CML001" in line]
        assert places == [os.path.join("in", "a.chatml"), os.path.join("in", "deeper", "a.chatml")]
        assert len(lines(run("lint", "a.chatml", "--isolated", *BRIEF))) == 1
        chosen = run("lint", "a.chatml", "--config", "in/chatml.toml", "--no-cache", "--output-format", "concise")
        assert lines(chosen) == [f"a.chatml:1:1: {FOUND}"]

    def test_a_fault_in_a_file_is_an_error(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        write("pyproject.toml", "[tool.chatml]\nignroe = ['CML001']\n")
        result = run("lint")
        message = "pyproject.toml: tool.chatml.ignroe: expected a key of the configuration, the nearest is ignore"
        assert result == Result(2, "", f"chatml: error: {message}\n")
        assert run("lint", "--isolated", *BRIEF).status == 1
        write("pyproject.toml", "[tool.ruff]\n")
        result = run("lint", "--config", "pyproject.toml")
        assert result == Result(2, "", "chatml: error: pyproject.toml: found no table [tool.chatml] in the file\n")

    def test_show_settings(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        write("in/b.chatml", OPEN)
        write("in/c.chatml", OPEN)
        write("in/chatml.toml", "model = 'gpt-4o'\nselect = ['CML001']\n")
        result = run("lint", "--show-settings", "--extend-select", "SUP001")
        assert (result.status, result.err) == (0, "")
        first, second = result.out.split("# from ")
        assert first.startswith("# defaults, there is no configuration file\n")
        assert second.startswith(os.path.join("in", "chatml.toml") + '\nmodel = "gpt-4o"\nselect = ["CML001"]\n')
        assert second.endswith("# 2 rules are on:\n#   CML001 unclosed-message\n#   SUP001 unused-suppression\n")

    def test_files_and_globs(self, run: Run, write: Write) -> None:
        for name in ("a.chatml", "x/b.chatml", "skip/c.chatml"):
            write(name, OPEN)
        write("chatml.toml", "exclude = ['skip']\n[per-file-ignores]\n'x/*' = ['CML']\n")
        assert lines(run("lint", *BRIEF)) == [f"a.chatml:1:1: {FOUND}"]
        named = os.path.join("skip", "c.chatml")
        assert lines(run("lint", "skip/c.chatml", *BRIEF)) == [f"{named}:1:1: {FOUND}"]
        assert lines(run("lint", "skip/c.chatml", "--force-exclude", *BRIEF)) == []
        assert lines(run("lint", ".", "--exclude", "a.*", *BRIEF)) == []
        assert lines(run("lint", ".", "--per-file-ignores", "a.chatml:CML001,SUP", *BRIEF)) == []

    def test_a_file_is_checked_once(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        assert len(lines(run("lint", "a.chatml", ".", "./a.chatml", *BRIEF))) == 1


class TestGitignore:
    """What git passes over is passed over."""

    def test_in_a_repository(self, run: Run, write: Write, tmp_path: Path) -> None:
        for name in ("a.chatml", "old/b.chatml", "in/c.chatml", "in/keep.chatml", "in/out/d.chatml"):
            write(name, OPEN)
        (tmp_path / ".git").mkdir()
        write(".gitignore", "/old/\n*.chatml\n!a.chatml\n")
        write("in/.gitignore", "!keep.chatml\n")
        expected = [f"a.chatml:1:1: {FOUND}", f"{os.path.join('in', 'keep.chatml')}:1:1: {FOUND}"]
        assert lines(run("lint", *BRIEF)) == expected
        assert lines(run("lint", "in", *BRIEF)) == expected[1:]
        assert len(lines(run("lint", "--no-respect-gitignore", *BRIEF))) == 5
        write("chatml.toml", "respect-gitignore = false\n")
        assert len(lines(run("lint", *BRIEF))) == 5
        assert len(lines(run("lint", "old/b.chatml", *BRIEF))) == 1

    @pytest.mark.parametrize(
        ("pattern", "path", "is_folder", "expected"),
        [
            ("*.log", "a.log", False, True), ("*.log", "x/a.log", False, True), ("/a", "a", False, True),
            ("/a", "x/a", False, None), ("a/", "a", False, None), ("a/", "a", True, True), ("a/", "x/a", True, True),
            ("x/*.json", "x/a.json", False, True), ("x/*.json", "x/y/a.json", False, None),
            ("x/*.json", "z/x/a.json", False, None), ("x/**/z", "x/z", False, True), ("x/**/z", "x/a/b/z", False, True),
            ("**/z", "a/b/z", False, True), ("x/**", "x", True, None), ("x/**", "x/y", False, True),
            ("a[0-9]", "a5", False, True), ("a[!0-9]", "a5", False, None), ("a[!0-9]", "ab", False, True),
            ("a?c", "abc", False, True), ("a?c", "a/c", False, None),
            ("\\#a", "#a", False, True), ("#a", "#a", False, None),
            ("\\!a", "!a", False, True), ("a  ", "a", False, True),
            ("a\\ ", "a ", False, True), ("a\\*", "ab", False, None),
            ("a\\*", "a*", False, True), ("*a*b*", "xxaxxbxx", False, True),
            ("*a*b", "b a", False, None), ("", "a", False, None),
            ("!a", "a", False, False), ("[z-a]", "b", False, None), ("[]", "[]", False, True),
            ("[]a]", "]", False, True), ("[a--b]", "a", False, None), ("[", "[", False, True),
            ("a.b", "aXb", False, None),
        ],
    )  # fmt: skip
    def test_patterns(self, pattern: str, path: str, is_folder: bool, expected: bool | None) -> None:
        assert read_patterns(f"{pattern}\n").match(path, is_folder=is_folder) is expected

    def test_the_last_pattern_counts(self) -> None:
        patterns = read_patterns("*.log\n!keep.log\r\nkeep.log\n")
        assert patterns.match("keep.log", is_folder=False) is True
        assert read_patterns("*.log\n!keep.log\n").match("keep.log", is_folder=False) is False

    @given(st.text(alphabet="*?[]!a-z/\\# \n"), st.text(alphabet="abz/[]", min_size=1))
    def test_any_text_is_patterns(self, text: str, path: str) -> None:
        assert read_patterns(text).match(path, is_folder=False) in (True, False, None)

    @given(st.text(alphabet="*?a/b", min_size=1, max_size=8), st.text(alphabet="ab/", min_size=1, max_size=8))
    def test_stars_are_those_of_a_slow_reference(self, pattern: str, path: str) -> None:
        def fits(one: str, two: str) -> bool:
            if not one or not two:
                return not two and not one.strip("*")
            if one[0] == "*":
                return fits(one[1:], two) or fits(one, two[1:])
            return one[0] in ("?", two[0]) and fits(one[1:], two[1:])

        part, name = pattern.replace("/", "") or "a", path.replace("/", "") or "b"
        if "**" not in part:
            assert (read_patterns(part).match(name, is_folder=False) is True) == fits(part, name)


class TestFixes:
    """`--fix`, `--unsafe-fixes` and `--diff`."""

    def test_a_diff_writes_nothing(self, run: Run, write: Write, tmp_path: Path, matches: Matches) -> None:
        write("a.chatml", OPEN)
        result = run("lint", "a.chatml", *ONLY, "--unsafe-fixes", "--diff")
        assert (result.status, result.err) == (1, "")
        matches(result.out, "lint-diff")
        assert (tmp_path / "a.chatml").read_text() == OPEN
        assert run("lint", "a.chatml", *ONLY, "--diff") == Result(0, "", "")

    def test_unsafe_fixes_are_asked_for(self, run: Run, write: Write, tmp_path: Path) -> None:
        write("a.chatml", OPEN)
        assert run("lint", "a.chatml", *BRIEF, "--fix") == Result(1, f"a.chatml:1:1: {FOUND}\n{FIXABLE}", "")
        assert (tmp_path / "a.chatml").read_text() == OPEN
        result = run("lint", "a.chatml", *BRIEF, "--unsafe-fixes")
        assert result == Result(0, "fixed 1 finding; no findings in 1 file\n", "")
        assert (tmp_path / "a.chatml").read_text() == CLOSED

    def test_exit_non_zero_on_fix(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        assert run("lint", "a.chatml", *BRIEF, "--unsafe-fixes", "--exit-non-zero-on-fix").status == 1
        assert run("lint", "a.chatml", *BRIEF, "--unsafe-fixes", "--exit-non-zero-on-fix").status == 0

    @pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
    def test_mode_line_ends_and_byte_order_mark_stay(self, run: Run, write: Write, tmp_path: Path) -> None:
        path = tmp_path / write("a.chatml", "\ufeff" + OPEN.replace("hi", "a\r\nb"))
        path.chmod(0o640)
        assert run("lint", "a.chatml", *BRIEF, "--unsafe-fixes").status == 0
        assert path.read_bytes() == ("\ufeff" + CLOSED.replace("hi", "a\r\nb")).encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
    def test_what_cannot_be_written_is_an_error(self, run: Run, write: Write, tmp_path: Path) -> None:
        (tmp_path / write("a.chatml", OPEN)).chmod(0o400)
        result = run("lint", "a.chatml", *BRIEF, "--unsafe-fixes")
        assert result.status == 2
        assert "writing it is not permitted" in result.err

    def test_a_file_that_cannot_be_read_whole_is_left_alone(self, run: Run, write: Write, tmp_path: Path) -> None:
        content = b"<|im_start|>user\nhi<|im_start|>assistant\n\xff"
        write("a.chatml", content)
        assert run("lint", "a.chatml", *BRIEF, "--unsafe-fixes").status == 2
        assert (tmp_path / "a.chatml").read_bytes() == content

    def test_standard_input_goes_to_standard_output(self, run: Run, process: Run) -> None:
        result = process("lint", "-", *BRIEF, "--unsafe-fixes", stdin=OPEN.encode())
        assert result == Result(0, CLOSED, "fixed 1 finding; no findings in 1 file\n")
        result = run("lint", "-", *BRIEF, "--fix", stdin=OPEN.encode())
        assert result == Result(1, OPEN, f"<stdin>:1:1: {FOUND}\n{FIXABLE}")


class TestStandardInput:
    """`-` and its name."""

    def test_it_has_a_name(self, run: Run, write: Write) -> None:
        assert lines(run("lint", "-", *BRIEF, stdin=OPEN.encode())) == [f"<stdin>:1:1: {FOUND}"]
        write("in/chatml.toml", "ignore = ['CML']\n")
        named = ("lint", "-", *BRIEF, "--stdin-filename")
        assert lines(run(*named, "x/a.chatml", stdin=OPEN.encode())) == [f"x/a.chatml:1:1: {FOUND}"]
        assert lines(run(*named, "in/a.chatml", stdin=OPEN.encode())) == []

    def test_excerpts(self, run: Run) -> None:
        assert "1 | <|im_start|>user" in run("lint", "-", *ONLY, stdin=OPEN.encode()).out


class TestBaseline:
    """`--baseline` and `--write-baseline`."""

    def test_from_writing_to_an_empty_one(self, run: Run, write: Write, tmp_path: Path) -> None:
        write("a.chatml", OPEN)
        write("b.chatml", OPEN)
        path = "base.json"
        result = run("lint", *BRIEF, "--baseline", path, "--write-baseline")
        assert result == Result(
            0, "no findings in 2 files\n", "chatml: note: 2 findings are in the baseline base.json\n"
        )
        value = json.loads((tmp_path / path).read_text())
        assert value["findings"] == {"a.chatml": {"CML001": 1}, "b.chatml": {"CML001": 1}}
        assert set(value["tokens"]) == {"a.chatml", "b.chatml"}
        write("b.chatml", OPEN + "<|im_end|>\n" + OPEN)
        result = run("lint", *BRIEF, "--baseline", path)
        assert (result.status, len(lines(result))) == (1, 2)
        result = run("lint", *BRIEF, "--baseline", path, "--write-baseline")
        assert (result.status, len(lines(result))) == (1, 2)
        assert json.loads((tmp_path / path).read_text()) == value
        write("a.chatml", CLOSED)
        (tmp_path / "b.chatml").unlink()
        result = run("lint", *BRIEF, "--baseline", path)
        assert result == Result(
            0,
            "no findings in 1 file\n",
            "chatml: note: base.json: b.chatml is in the baseline and there no more; --write-baseline removes it\n"
            "chatml: note: base.json: a.chatml: 1 of CML001 are in the baseline, 0 are found;"
            " --write-baseline lowers it\n",
        )
        assert run("lint", *BRIEF, "--baseline", path, "--write-baseline").status == 0
        assert json.loads((tmp_path / path).read_text())["findings"] == {}

    def test_the_configuration_names_it(self, run: Run, write: Write, tmp_path: Path) -> None:
        write("a.chatml", OPEN)
        write("chatml.toml", "baseline = 'ci/base.json'\n")
        assert run("lint", *BRIEF).err.startswith(f"chatml: error: {os.path.join('ci', 'base.json')}: there is no such")
        (tmp_path / "ci").mkdir()
        assert run("lint", *BRIEF, "--write-baseline").status == 0
        assert run("lint", *BRIEF).status == 0
        assert (tmp_path / "ci" / "base.json").exists()

    def test_a_file_that_cannot_be_read_is_not_allowed(self, run: Run, write: Write) -> None:
        write("a.json", '{"messages": [')
        assert run("lint", *BRIEF, "--baseline", "b.json", "--write-baseline").status == 2
        assert run("lint", *BRIEF, "--baseline", "b.json").status == 2

    def test_a_broken_one(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        write("base.txt", "[]")
        result = run("lint", "a.chatml", *BRIEF, "--baseline", "base.txt")
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("chatml: error: base.txt: found list, expected a baseline of version 1; ")


class TestOutput:
    """Formats, files and variables."""

    @pytest.mark.parametrize("form", FORMATS)
    def test_every_format(self, run: Run, write: Write, tmp_path: Path, form: str) -> None:
        write("a.chatml", OPEN)
        result = run("lint", "a.chatml", *ONLY, "--output-format", form)
        assert (result.status, result.err) == (1, "")
        assert "CML001" in result.out
        assert run("lint", "a.chatml", *ONLY, CHATML_OUTPUT_FORMAT=form).out == result.out
        quiet = run("lint", "a.chatml", *ONLY, "--output-format", form, "-o", "out.txt")
        assert quiet == Result(1, "", "")
        assert (tmp_path / "out.txt").read_text() == result.out

    def test_the_option_is_before_the_variable(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        assert run("lint", "a.chatml", *BRIEF, CHATML_OUTPUT_FORMAT="json").out.startswith("a.chatml:1:1: ")
        result = run("lint", "a.chatml", *ONLY, CHATML_OUTPUT_FORMAT="xml")
        expected = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        assert result == Result(2, "", f"chatml: error: CHATML_OUTPUT_FORMAT: found 'xml', expected {expected}\n")

    def test_statistics(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        assert run("lint", *ONLY, "--statistics").out.startswith("1  CML001  ")
        result = run("lint", *BRIEF, "--statistics")
        message = "--statistics: found with --output-format, which names another format; leave one of them out"
        assert result == Result(2, "", f"chatml: error: {message}\n")

    def test_hostile_content_is_harmless(self, run: Run, write: Write) -> None:
        write("::error::x\x1b[2J.chatml", "<|im_start|>::error::\x1b[2J\nhi<|im_start|>assistant\n")
        for form in FORMATS:
            out = run("lint", *ONLY, "--output-format", form, GITHUB_ACTIONS="true").out
            assert "\x1b" not in out
            commands = [line for line in out.splitlines() if line.lstrip().startswith("::")]
            assert all(line.startswith("::error file=%3A%3Aerror%3A%3Ax") for line in commands)
            assert bool(commands) == (form == "github")

    def test_colour(self, run: Run, write: Write) -> None:
        write("a.chatml", OPEN)
        assert "\x1b[" in run("lint", "a.chatml", *ONLY, "--color", "always").out
        assert "\x1b[" not in run("lint", "a.chatml", *ONLY).out


class TestCache:
    """Where it is kept, and when it is believed."""

    def test_the_same_findings(self, run: Run, write: Write, tmp_path: Path) -> None:
        write("p/a.chatml", OPEN)
        write("p/b.jsonl", ROW + "{\n")
        arguments = ("lint", "p", "--output-format", "json", "--cache-dir", "cache")
        first = run(*arguments)
        (kept,) = (tmp_path / "cache").iterdir()
        stamp = kept.stat().st_mtime_ns
        assert run(*arguments) == first == run("lint", "p", "--output-format", "json", "--no-cache")
        assert kept.stat().st_mtime_ns == stamp
        write("p/a.chatml", CLOSED)
        assert "CML001" not in run(*arguments).out

    def test_the_users_folder(self, run: Run, write: Write, tmp_path: Path) -> None:
        write("p/a.chatml", OPEN)
        run("lint", "p", XDG_CACHE_HOME=str(tmp_path / "home"), LOCALAPPDATA=str(tmp_path / "home"), HOME=str(tmp_path))
        kept = list(tmp_path.rglob("lint-*.txt"))
        assert len(kept) == 1
        assert kept[0].parent.name == "chatml"
        run("lint", "p", "--no-cache", XDG_CACHE_HOME=str(tmp_path / "none"), LOCALAPPDATA=str(tmp_path / "none"))
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("spoil", ["text", "folder", "writable", "link"])
    @pytest.mark.skipif(sys.platform == "win32", reason="modes and links are those of POSIX")
    def test_one_that_is_not_ours_is_not_believed(self, run: Run, write: Write, tmp_path: Path, spoil: str) -> None:
        write("p/a.chatml", OPEN)
        arguments = ("lint", "p", *ONLY[:2], "--cache-dir", "cache")
        first = run(*arguments)
        (kept,) = (tmp_path / "cache").iterdir()
        hostile = "\n".join(f"{line.partition(chr(9))[0]}\t[[],{{}},true,1,null,true]" if chr(9) in line else line
                            for line in kept.read_text().split("\n"))  # fmt: skip
        kept.unlink()
        if spoil == "text":
            kept.write_bytes(b"\xff\x00")
        elif spoil == "folder":
            kept.mkdir()
        elif spoil == "writable":
            kept.write_text(hostile)
            kept.chmod(0o666)
        else:
            (tmp_path / "elsewhere").write_text(hostile)
            kept.symlink_to(tmp_path / "elsewhere")
        assert run(*arguments) == first

    def test_who_can_write_there_can_hide_findings(self, run: Run, write: Write, tmp_path: Path) -> None:
        """The negative control of the last test: what it plants is a cache that would be believed."""
        write("p/a.chatml", OPEN)
        arguments = ("lint", "p", *ONLY[:2], "--cache-dir", "cache")
        assert run(*arguments).status == 1
        (kept,) = (tmp_path / "cache").iterdir()
        header, line, *_ = kept.read_text().split("\n")
        kept.write_text(f"{header}\n{line.partition(chr(9))[0]}\t[[],{{}},true,1,null,true]\n")
        assert run(*arguments).status == 0

    def test_a_home_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        monkeypatch.setenv("LOCALAPPDATA", "")
        if sys.platform != "darwin":
            assert _lint_cache._user_folder() == ""


class TestLongRuns:
    """Workers, progress and watching."""

    def test_any_number_of_workers(self, process: Run, run: Run, write: Write) -> None:
        for number in range(20):
            write(f"p/{number}.chatml", "<|im_start|>user\nhi<|im_end|>\n" * 1_000 + (OPEN, CLOSED)[number % 2])
        alone = run("lint", "p", *BRIEF, "--jobs", "1")
        assert alone.status == 1
        assert process("lint", "p", *BRIEF, "--jobs", "3") == alone

    def test_progress(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setattr(_lint_progress, "_AFTER", 0)
        monkeypatch.setattr(_lint_progress, "_EVERY", 0)
        monkeypatch.setenv("TERM", "xterm")
        with _lint_progress.Progress() as progress:
            progress.add(1_500_000, True)
            progress.add(500_000, True)
        assert capsys.readouterr().err == (
            "\r\x1b[K1 file, 1.5 million characters checked\r\x1b[K2 files, 2.0 million characters checked\r\x1b[K"
        )

    @pytest.mark.parametrize("is_dumb", [True, False])
    def test_no_progress_but_on_a_terminal(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_dumb: bool
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_dumb)
        monkeypatch.setenv("TERM", "dumb" if is_dumb else "xterm")
        monkeypatch.setattr(_lint_progress, "_AFTER", 0)
        with _lint_progress.Progress() as progress:
            progress.add(5, True)
        assert capsys.readouterr().err == ""

    def test_watching(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "a.chatml"
        path.write_text(OPEN)
        seen: list[str] = []
        steps = iter([lambda: None, lambda: path.write_text(CLOSED), lambda: None, path.unlink, lambda: None])

        def sleep(_: float) -> None:
            step = next(steps, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        def check() -> int:
            seen.append(path.read_text() if path.exists() else "gone")
            return 0

        monkeypatch.setattr(_watching.time, "sleep", sleep)
        with pytest.raises(KeyboardInterrupt):
            _watching.watch(check, lambda: [str(path)])
        assert seen == [OPEN, CLOSED, "gone"]

    def test_watching_goes_on_while_the_configuration_is_broken(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "a.chatml").write_text(OPEN)
        config = tmp_path / "chatml.toml"
        steps = iter([lambda: config.write_text("x ="), lambda: config.write_text("ignore = ['CML']"), lambda: None])

        def sleep(_: float) -> None:
            step = next(steps, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        monkeypatch.setattr(_watching.time, "sleep", sleep)
        monkeypatch.chdir(tmp_path)
        done = run_here("lint", "--watch", *BRIEF, "--jobs", "1")
        assert done.status == 130
        shown = done.out.decode().splitlines()
        assert shown == [f"a.chatml:1:1: {FOUND}", FIXABLE.rstrip(), "no findings in 1 file"]
        assert "chatml.toml: this is not valid TOML" in done.err.decode()

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
    def test_an_interrupt_ends_a_run_with_workers(self, tmp_path: Path) -> None:
        """Workers leave it to the main process, which ends with the usual status and no traceback."""
        import signal

        with (tmp_path / "big.jsonl").open("w") as file:
            file.writelines(ROW for _ in range(200_000))
        command = [sys.executable, "-m", "chatml", "lint", "big.jsonl", "--jobs", "2", "--no-cache"]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(0.7)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode in (0, 1, 130)  # it may have been faster
        assert b"Traceback" not in out + err


class TestStats:
    """`--stats` for training data."""

    ROWS = (
        ROW,
        '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]}\n',
        '{"messages": [{"role": "owner", "content": "", "x": 1}, {"role": "assistant", "tool_calls": [{"id": "c",'
        ' "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}\n',
        '{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}\n',
        '{"input": "x"}\n',
        "{\n",
    )

    def test_the_table(self, run: Run, write: Write, matches: Matches) -> None:
        write("rows.jsonl", "".join(self.ROWS))
        result = run("lint", "--stats", "rows.jsonl")
        assert (result.status, result.err) == (1, "")
        matches(result.out, "lint-stats")

    def test_json(self, run: Run, write: Write) -> None:
        write("rows.jsonl", "".join(self.ROWS))
        value = json.loads(run("lint", "--stats", "rows.jsonl", "--output-format", "json", "--exit-zero").out)
        assert value["examples"] == 6
        assert value["faults"] == {
            "data_type": 1, "missing_messages_list": 1, "message_missing_key": 0, "message_unrecognized_key": 1,
            "unrecognized_role": 1, "missing_content": 1, "example_missing_assistant_message": 1,
        }  # fmt: skip
        assert value["messages"] == {"least": 2, "most": 2, "mean": 2.0, "median": 2.0, "p5": 2.0, "p95": 2.0}
        assert (value["without_system"], value["without_user"], value["epochs"]) == (3, 1, 16)

    def test_nothing(self, run: Run, write: Write) -> None:
        write("rows.jsonl", b"\xff")
        result = run("lint", "--stats", "rows.jsonl")
        assert result.status == 2
        assert result.err == "chatml: error: rows.jsonl: the file is not UTF-8: found byte 0xff; save it as UTF-8\n"
        assert result.out.startswith("examples                                      0\n")
