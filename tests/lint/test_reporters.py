"""Reporters: every format says what was found, in its own language, and nothing that a screen or a log would obey."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import catches

import chatml.lint.reporters as reporters_package
from chatml import Severity
from chatml.lint._engine import Edit, LintDiagnostic, LintFix
from chatml.lint.reporters import REPORTERS, Report, Reporter, concise, github
from chatml.lint.rules import RULES

TEXT = "<|im_start|>user\nhi there\n<|im_start|>assistant\n世界 x<|im_end|>\n"


def diagnostic(**changes: Any) -> LintDiagnostic:
    """A finding of the first turn of `TEXT`."""
    fields: dict[str, Any] = {
        "path": "a.chatml", "line": 1, "column": 1, "end_line": 3, "end_column": 1, "code": "CML001",
        "name": "unclosed-message", "severity": Severity.ERROR, "message": "message 0 (user) is not closed",
        "start": 0, "end": 26,
    }  # fmt: skip
    return LintDiagnostic(**{**fields, **changes})


CLOSE = LintFix("Close the message", "unsafe", (Edit(26, 26, "<|im_end|>\n"),))
FIRST = diagnostic(fix=CLOSE, help="put <|im_end|> behind it")
WIDE = diagnostic(
    line=4, column=4, end_line=4, end_column=5, start=49, end=50, code="FMT001", name="trailing-whitespace",
    severity=Severity.INFO, message="an x", fix=LintFix("Remove it", "safe", (Edit(49, 50, ""),)),
)  # fmt: skip
MIDDLE = diagnostic(
    path="b.json", code="ROL005", name="no-user-message", severity=Severity.WARNING, pointer="/messages/0",
    end_line=1, end_column=1, message="no user",
)  # fmt: skip


def report_of(*found: LintDiagnostic, text: str | None = TEXT, **changes: Any) -> Report:
    return Report(found, lambda path: None if path == "b.json" else text, 2, 0, "1.2.3", False, 80, 0)._replace(
        **changes
    )


SAMPLE = report_of(FIRST, WIDE, MIDDLE)
SUMMARY = (
    "1 error, 1 warning, 1 info in 2 files; 1 can be fixed with --fix, 1 more with --unsafe-fixes\n"  # the last line
)


def test_the_table_lists_all_formats() -> None:
    folder = Path(reporters_package.__file__).parent
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
    assert set(REPORTERS) == files
    for name, reporter in REPORTERS.items():
        assert reporter == Reporter(f"chatml.lint.reporters.{name.replace('-', '_')}")


def test_full() -> None:
    assert REPORTERS["full"](SAMPLE) == (
        "error CML001 message 0 (user) is not closed (unclosed-message)\n"
        "--> a.chatml:1:1\n"
        "  |\n"
        "1 | <|im_start|>user\n"
        "  | ^^^^^^^^^^^^^^^^\n"
        "  |\n"
        "help: put <|im_end|> behind it\n"
        "fix: Close the message (--unsafe-fixes)\n"
        "\n"
        "info FMT001 an x (trailing-whitespace)\n"
        "--> a.chatml:4:4\n"
        "  |\n"
        "4 | 世界 x<|im_end|>\n"
        "  |      ^\n"
        "  |\n"
        "fix: Remove it (--fix)\n"
        "\n"
        "warning ROL005 no user (no-user-message)\n"
        "--> b.json:1:1 /messages/0\n"
        "\n"
        f"{SUMMARY}"
    )


def test_full_in_color() -> None:
    out = REPORTERS["full"](report_of(WIDE, color=True))
    assert out.startswith("\x1b[34minfo FMT001\x1b[0m an x \x1b[2m(trailing-whitespace)\x1b[0m\n")
    assert "\x1b[2m  |\x1b[0m      \x1b[34m^\x1b[0m\n" in out
    assert re.sub("\x1b\\[[0-9;]*m", "", out) == REPORTERS["full"](report_of(WIDE))


@pytest.mark.parametrize("width", [1, 40, 80, 10**9])
def test_a_long_line_is_cut_around_the_place(width: int) -> None:
    text = "é" * 5000 + "世" * 10 + "z" * 5000
    one = diagnostic(line=1, column=5001, end_line=1, end_column=5011)
    head, _, line, carets, *_ = REPORTERS["full"](report_of(one, text=text, width=width)).splitlines()[1:]
    room = max(min(width, 200), 24)
    assert head == "--> a.chatml:1:5001"
    assert 0 < len(line) <= room
    assert line.startswith("1 | ...")
    assert line.endswith("...")
    assert line[carets.index("^") - 1 :].lstrip("é.").startswith("世")


def test_places_at_the_edge_of_a_text() -> None:
    for line, column in ((1, 99), (2, 1), (3, 1), (99, 1)):
        one = diagnostic(line=line, column=column, end_line=line, end_column=column)
        assert f"--> a.chatml:{line}:{column}\n" in REPORTERS["full"](report_of(one, text="one\r\ntwo\n"))
    one = diagnostic(line=1, column=4, end_line=1, end_column=4)
    assert "1 | one\n  |    ^\n" in REPORTERS["full"](report_of(one, text="\ufeffone\r\ntwo\n"))


def test_concise() -> None:
    assert REPORTERS["concise"](SAMPLE) == (
        "a.chatml:1:1: CML001 message 0 (user) is not closed\n"
        "a.chatml:4:4: FMT001 an x\n"
        "b.json:1:1: ROL005 no user\n"
        f"{SUMMARY}"
    )


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (report_of(), "no findings in 2 files\n"),
        (report_of(files=1, fixed=1), "fixed 1 finding; no findings in 1 file\n"),
        (report_of(MIDDLE, fixed=1200), "fixed 1,200 findings; 1 warning in 2 files\n"),
        (report_of(MIDDLE, MIDDLE, unreadable=1), "2 warnings in 2 files, 1 of them unreadable\n"),
        (report_of(WIDE, WIDE), "2 info in 2 files; 2 can be fixed with --fix\n"),
        (report_of(FIRST), "1 error in 2 files; 1 can be fixed with --unsafe-fixes\n"),
    ],
)
def test_summary(report: Report, expected: str) -> None:
    assert REPORTERS["concise"](report).splitlines(keepends=True)[-1] == expected
    assert REPORTERS["full"](report).endswith(expected)


def test_json() -> None:
    value = json.loads(REPORTERS["json"](SAMPLE))
    assert {key: value[key] for key in value if key != "diagnostics"} == {
        "version": "1.2.3", "files": 2, "unreadable": 0, "fixed": 0, "counts": {"error": 1, "warning": 1, "info": 1},
    }  # fmt: skip
    first = value["diagnostics"][0]
    edits = [{"start": 26, "end": 26, "text": "<|im_end|>\n"}]
    assert first["fix"] == {"title": "Close the message", "applicability": "unsafe", "edits": edits}
    assert {**first, "fix": FIRST.fix} == FIRST._asdict()
    lines = REPORTERS["json-lines"](SAMPLE).splitlines()
    assert [json.loads(line) for line in lines] == value["diagnostics"]
    assert REPORTERS["json-lines"](report_of()) == ""


def test_github_has_the_worst_first() -> None:
    lines = REPORTERS["github"](report_of(WIDE, MIDDLE, FIRST, color=True)).splitlines()
    assert lines == [
        "::error file=a.chatml,line=1,endLine=3,title=chatml CML001 unclosed-message::a.chatml:1:1: CML001 message 0"
        " (user) is not closed (put <|im_end|> behind it)",
        "::warning file=b.json,line=1,col=1,endLine=1,endColumn=1,title=chatml ROL005 no-user-message::b.json:1:1:"
        " ROL005 no user",
        "::notice file=a.chatml,line=4,col=4,endLine=4,endColumn=5,title=chatml FMT001 trailing-whitespace::"
        "a.chatml:4:4: FMT001 an x",
        SUMMARY.rstrip(),
    ]


def test_gitlab() -> None:
    value = json.loads(REPORTERS["gitlab"](report_of(FIRST, FIRST, MIDDLE)))
    assert [one["severity"] for one in value] == ["major", "major", "minor"]
    assert len({one["fingerprint"] for one in value}) == 3
    del value[0]["fingerprint"]
    positions = {"begin": {"line": 1, "column": 1}, "end": {"line": 3, "column": 1}}
    assert value[0] == {
        "description": "message 0 (user) is not closed",
        "check_name": "CML001",
        "severity": "major",
        "location": {"path": "a.chatml", "positions": positions},
    }


def test_junit() -> None:
    root = ElementTree.fromstring(REPORTERS["junit"](SAMPLE).encode())
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "3")
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("a.chatml", "2"), ("b.json", "1")]
    case = root[0][0]
    assert (case.get("name"), case.get("line")) == ("CML001 unclosed-message 1:1", "1")
    assert case[0].attrib == {"type": "error", "message": "message 0 (user) is not closed"}
    assert case[0].text == "a.chatml:1:1: message 0 (user) is not closed (put <|im_end|> behind it)"
    empty = ElementTree.fromstring(REPORTERS["junit"](report_of()).encode())
    assert (empty.get("tests"), empty.get("failures"), len(empty[0])) == ("1", "0", 1)


def test_statistics() -> None:
    assert REPORTERS["statistics"](report_of(MIDDLE, FIRST, FIRST, WIDE)) == (
        "2  CML001  [-] unclosed-message\n1  FMT001  [*] trailing-whitespace\n1  ROL005      no-user-message\n"
        "2 errors, 1 warning, 1 info in 2 files; 1 can be fixed with --fix, 2 more with --unsafe-fixes\n"
    )
    assert REPORTERS["statistics"](report_of(MIDDLE)) == "1  ROL005  no-user-message\n1 warning in 2 files\n"
    assert REPORTERS["statistics"](report_of()) == "no findings in 2 files\n"


# SARIF: no package with the schema is at hand, so what GitHub reads is checked by hand, as docs.github.com has it in
# "SARIF support for code scanning": which properties there must be, of which type, and how long they may be.


def check_sarif(value: dict[str, Any]) -> None:
    assert set(value) == {"$schema", "version", "runs"}
    assert value["version"] == "2.1.0"
    assert value["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = value["runs"]
    assert set(run) == {"tool", "invocations", "columnKind", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": run["invocations"][0]["executionSuccessful"] is True}]
    driver = run["tool"]["driver"]
    assert set(driver) == {"name", "semanticVersion", "rules"}
    assert all(isinstance(driver[key], str) and driver[key] for key in ("name", "semanticVersion"))
    for rule in driver["rules"]:
        check_sarif_rule(rule)
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for result in run["results"]:
        check_sarif_result(result, ids)
    marks = [
        (result["ruleId"], str(result["locations"]), result["partialFingerprints"]["primaryLocationLineHash"])
        for result in run["results"]
    ]
    assert len(marks) == len(set(marks))


def check_sarif_rule(rule: dict[str, Any]) -> None:
    assert set(rule) == {
        *("id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties")
    }
    assert rule["id"]
    assert 0 < len(rule["name"]) <= 255
    for key in ("shortDescription", "fullDescription"):
        assert set(rule[key]) == {"text"}
        assert 0 < len(rule[key]["text"]) <= 1024
    assert set(rule["help"]) == {"text", "markdown"}
    assert all(rule["help"].values())
    assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    assert 0 < len(rule["properties"]["tags"]) <= 10
    assert rule["properties"]["problem.severity"] in ("error", "warning", "recommendation")


def check_sarif_result(result: dict[str, Any], ids: Sequence[str]) -> None:
    assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"}
    assert ids[result["ruleIndex"]] == result["ruleId"]
    assert result["level"] in ("error", "warning", "note")
    assert result["message"]["text"]
    (location,) = result["locations"]
    assert set(location) <= {"physicalLocation", "logicalLocations"}
    place = location["physicalLocation"]
    artifact = place["artifactLocation"]
    assert re.fullmatch(r"[A-Za-z0-9_.~/%:-]+", artifact["uri"])
    assert artifact["uri"].startswith("file:///") == ("uriBaseId" not in artifact)
    region = place["region"]
    assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}
    assert all(isinstance(number, int) and number > 0 for number in region.values())
    assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
    for logical in location.get("logicalLocations", ()):
        assert logical["fullyQualifiedName"].startswith("/")
    assert re.fullmatch("[0-9a-f]{16}:[1-9][0-9]*", result["partialFingerprints"]["primaryLocationLineHash"])


def sarif(report: Report) -> Any:
    return json.loads(REPORTERS["sarif"](report))["runs"][0]


def test_sarif() -> None:
    value = json.loads(REPORTERS["sarif"](SAMPLE))
    check_sarif(value)
    check_sarif(json.loads(REPORTERS["sarif"](report_of())))
    run = value["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["CML001", "FMT001", "ROL005"]
    assert [result["level"] for result in run["results"]] == ["error", "note", "warning"]
    assert run["results"][2]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "b.json", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
            },
            "logicalLocations": [{"fullyQualifiedName": "/messages/0", "kind": "value"}],
        }
    ]
    assert sarif(report_of(unreadable=1))["invocations"] == [{"executionSuccessful": False}]


def test_sarif_takes_the_help_of_rules() -> None:
    every = [diagnostic(code=rule.code, name=rule.name, severity=rule.severity) for rule in RULES]
    value = json.loads(REPORTERS["sarif"](report_of(*every, diagnostic(code="SYN999", name="no-such-rule"))))
    check_sarif(value)
    rules = {rule["id"]: rule for rule in value["runs"][0]["tool"]["driver"]["rules"]}
    assert all("## Why is this bad?\n" in rules[rule.code]["help"]["markdown"] for rule in RULES)
    assert rules["SYN999"]["shortDescription"] == {"text": "No such rule."}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./a b/ü.chatml", "a%20b/%C3%BC.chatml"),
        ("a\\b.json", "a/b.json"),
        ("/tmp/x.json", "file:///tmp/x.json"),
        ("50%?#.json", "50%25%3F%23.json"),
        ("\udcff.json", "%FF.json"),
        ("\ud800.json", "%ED%A0%80.json"),
    ],
)
def test_sarif_paths_are_uris(path: str, uri: str) -> None:
    location = sarif(report_of(diagnostic(path=path)))["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == uri


def fingerprints_of(text: str, *lines: int) -> list[str]:
    found = [diagnostic(line=line, column=1, end_line=line, end_column=2) for line in lines]
    return [
        one["partialFingerprints"]["primaryLocationLineHash"] for one in sarif(report_of(*found, text=text))["results"]
    ]


def test_fingerprints_do_not_shift_with_lines() -> None:
    text = "one\ntwo\none\nthree\n"
    first = fingerprints_of(text, 1, 2, 3)
    assert len(set(first)) == 3
    assert first[0][:-2] == first[2][:-2]
    assert fingerprints_of(f"new\n\n{text}", 3, 4, 5) == first
    assert fingerprints_of(text.replace("\n", "\r\n"), 1, 2, 3) == first
    assert fingerprints_of(text.replace("two", "zwei"), 1, 2, 3)[1] != first[1]
    long = "x" * 5000
    assert fingerprints_of(f"one{long}", 1) == fingerprints_of(f"one{long}changed", 1)


# What users wrote is harmless in all of them


def harmful(out: str, *, commands: bool) -> Iterator[str]:
    """What a terminal or a log would obey, but for our own commands, each in one line."""
    for line in out.split("\n"):
        if commands:
            line = re.sub(r"^::(error|warning|notice) file=[^:]*::", "", line)
        yield from re.findall(r"^\s*::.*|##(?:vso|teamcity)?\[", line, re.IGNORECASE)
        yield from re.findall("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\ud800-\udfff]", line)


PIECES = [
    *("::error::x", "\n::error::x", "##[error]", "##vso[x]", "##TeamCity[x]", "\x1b[2J", "\x9b", "\r", "\n", "\t"),
    *("\u202e", "\u200b", "\ufeff", "\u2028", "\ud800", "\udcff", "]]>", "</failure>", "&", '"', "'", "<!--", "%0A"),
    *(",line=9", "\x00", "\ufffe", "\uffff", "{{x}}", "/../", "\\", "世", "e\u0301", "a", " "),
]
anything = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=8).map("".join)
hostile = st.tuples(anything.filter(bool), anything, anything, anything)


def paired(text: str) -> str:
    """The text as JSON gives it back: two halves of a pair are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def check_harmless(fields: tuple[str, str, str, str]) -> None:
    path, message, pointer, text = fields
    one = diagnostic(
        path=path, message=message, help=message, pointer=f"/{pointer}" if pointer else "", end_column=5,
        fix=LintFix(message, "safe", (Edit(0, 1, text),)), end_line=1,
    )  # fmt: skip
    report = report_of(one, text=text)
    outs = {name: function(report) for name, function in REPORTERS.items()}
    for name, out in outs.items():
        assert not [*harmful(out, commands=name == "github")], name
    assert json.loads(outs["json"])["diagnostics"][0]["message"] == paired(message)
    assert json.loads(outs["json-lines"])["path"] == paired(path)
    assert json.loads(outs["gitlab"])[0]["description"] == paired(message)
    assert len(outs["concise"].splitlines()) == len(outs["github"].splitlines()) == 2
    check_sarif(json.loads(outs["sarif"])) if message else None
    ElementTree.fromstring(outs["junit"].encode())


@given(hostile)
@example(("a\n::error::x", "\x1b[2J ##[error] &<>", "\ud800", "\n::error::y\n"))
@example(("\ufffe\udcff\ud800", "]]></failure><x/>", "", ""))
def test_reports_are_harmless(fields: tuple[str, str, str, str]) -> None:
    check_harmless(fields)


@pytest.mark.parametrize("module", [concise, github])
def test_a_reporter_that_shows_what_it_gets_is_seen(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if module is concise:
        monkeypatch.setattr(concise, "visible", str)
    else:
        monkeypatch.setattr(github.Command, "__str__", lambda one: f"::{one.name} file=x::{one.message}")
    assert catches(check_harmless, hostile)


def test_paths_come_back_from_uris() -> None:
    for path in ("a b/ü%.json", "\udcff"):
        uri = sarif(report_of(diagnostic(path=path)))["results"][0]["locations"][0]["physicalLocation"]
        assert unquote_to_bytes(uri["artifactLocation"]["uri"]) == path.encode("utf-8", "surrogateescape")
