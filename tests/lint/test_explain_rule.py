"""`chatml explain CODE`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chatml.cli import main
from chatml.lint._pages import page_of
from chatml.lint.rules import RULES
from chatml.lint.rules.cml001_unclosed_message import UnclosedMessage


@pytest.fixture(autouse=True)
def _screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "80")


@pytest.mark.parametrize("name", ["CML001", "cml001", "unclosed-message", " Unclosed-Message"])
def test_a_rule_by_code_or_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "Rule      CML001 unclosed-message",
        f"What      {page_of(UnclosedMessage).summary}",
        "Severity  error",
        "Default   on",
    ]
    assert "Fix       unsafe, made by --unsafe-fixes" in lines
    assert lines[lines.index("Bad       <|im_start|>user") + 1] == "          hi<|im_start|>assistant"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule(rule: type, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", rule.code]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Rule      {rule.code} {rule.name}\n")
    assert "\nWhy       " in out
    assert main(["explain", rule.name, "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["kind"], value["code"], value["name"]) == ("rule", rule.code, rule.name)
    assert value["page"].endswith("\n")
    assert len(value["examples"]) == len(rule.examples)


def test_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "unclosed-mesage"]) == 2
    assert capsys.readouterr().err == (
        "chatml: error: unknown name 'unclosed-mesage', the nearest rules are unclosed-message;"
        " `chatml models` and `chatml dialects` list all names\n"
    )


def test_no_file_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "CML001"]) == 0
