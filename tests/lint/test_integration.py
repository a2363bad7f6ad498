"""What runs the linter elsewhere: hooks, the action, the problem matcher, and what the documentation says about them.

Hooks and the action are run as far as that is possible without their services: their commands, on real files.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import chatml
from chatml.cli._commands import COMMANDS
from chatml.cli._options import Parser

yaml = pytest.importorskip("yaml")
ROOT = Path(chatml.__file__).resolve().parents[1]
BAD = "<|im_start|>user\nhi<|im_start|>assistant\n"
GOOD = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
has_lint = pytest.mark.skipif("lint" not in COMMANDS, reason="chatml lint is not there")
has_bash = pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="needs bash")


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def arguments_of(line: str) -> Any:
    """What a command line of ours means; fails where it means nothing."""
    program, name, *arguments = shlex.split(line)
    assert program.endswith("chatml")
    parser = Parser(name, "")
    import_module(COMMANDS[name][0]).add_arguments(parser)
    return parser.read(arguments)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `chatml` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "chatml"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatml "$@"\n')
    script.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CHATML", "GITHUB", "PYTEST"))}
    return {**kept, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def write_prompts(folder: Path) -> None:
    for name, text in (
        ("prompts/bad.txt", BAD),
        ("prompts/good.json", '[{"role": "user", "content": "hi"}]'),
        ("src/x.chatml", GOOD),
        ("src/package.json", '{"name": "x"}'),
        ("notes.txt", "not a prompt"),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------------------------ pre-commit


def test_the_hooks() -> None:
    hooks = {hook["id"]: hook for hook in load(".pre-commit-hooks.yaml")}
    assert set(hooks) == {"chatml-lint", "chatml-fmt"}
    for hook in hooks.values():
        assert {"id", "name", "description", "entry", "language", "files", "require_serial"} == set(hook)
        assert (hook["language"], hook["require_serial"]) == ("python", True)
    taken = {
        "chatml-lint": {
            "a.chatml",
            "b/c.prompty",
            "x.prompt.yml",
            "prompts/a.json",
            "a/prompt/b/c.jsonl",
            "prompts/x.txt",
        },
        "chatml-fmt": {"a.chatml", "prompts/a.json", "a/prompt/b/c.jsonl"},
    }
    passed_over = {"a.py", "package.json", "x.txt", "prompts/x.py", "promptsx/a.json", "x.yml"}
    for name, hook in hooks.items():
        found = {path for path in taken["chatml-lint"] | passed_over if re.search(hook["files"], path)}
        assert found == taken[name]


@has_lint
@has_bash
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_hooks_in_a_repository(tmp_path: Path, environment: dict[str, str]) -> None:
    """As pre-commit runs them: on the files that git has and the pattern takes."""
    repository = tmp_path / "repository"
    write_prompts(repository)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=repository, check=True, env=environment, timeout=60)
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True, timeout=60)
    found = {}
    for hook in load(".pre-commit-hooks.yaml"):
        files = [path for path in listed.stdout.splitlines() if re.search(hook["files"], path)]
        entry = shlex.split(hook["entry"])
        arguments_of(hook["entry"]) if files is None else arguments_of(f"{hook['entry']} {' '.join(files)}")
        done = subprocess.run(
            [*entry, *files], cwd=repository, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        found[hook["id"]] = (done.returncode, done.stdout)
    assert found["chatml-lint"][0] == 1
    assert "prompts/bad.txt:1:1" in found["chatml-lint"][1]
    assert "src/x.chatml" not in found["chatml-lint"][1]
    assert found["chatml-fmt"] == (0, "formatted: prompts/good.json\n1 file formatted, 1 file left as it is\n")


@has_lint
@pytest.mark.skipif(find_spec("pre_commit") is None or shutil.which("git") is None, reason="needs pre-commit and git")
def test_pre_commit_itself(tmp_path: Path, environment: dict[str, str]) -> None:
    repository = tmp_path / "repository"
    write_prompts(repository)
    hooks = [{**hook, "language": "system"} for hook in load(".pre-commit-hooks.yaml")]
    (repository / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [{"repo": "local", "hooks": hooks}]}))
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=repository, check=True, env=environment, timeout=60)
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
    done = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "prompts/bad.txt:1:1" in done.stdout
    assert "formatted: prompts/good.json" in done.stdout


# ------------------------------------------------------------------------------------------------ GitHub


def test_the_action() -> None:
    action = load("action.yml")
    assert action["runs"]["using"] == "composite"
    assert set(action["inputs"]) == {"paths", "args", "sarif-file", "python"}
    assert set(action["outputs"]) == {"sarif-file", "status"}
    for one in (*action["inputs"].values(), *action["outputs"].values()):
        assert one["description"]
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # inputs would become part of the script
        if shutil.which("bash"):
            subprocess.run(["bash", "-n"], input=step["run"].encode(), check=True, timeout=30)
        for value in step["env"].values():
            assert re.fullmatch(r"\$\{\{ (?:inputs\.[a-z-]+|github\.action_path) \}\}", value)
            name = re.search(r"inputs\.([a-z-]+)", value)
            assert name is None or name[1] in action["inputs"]


@has_lint
@has_bash
@pytest.mark.parametrize(
    ("paths", "args", "status"),
    [
        ("prompts src", "", 1),
        ("src/x.chatml", "", 0),
        ("src/x.chatml prompts", "--ignore ALL", 0),
        ("nothing-there", "", 2),
        ("src; touch pwned $(touch pwned) `touch pwned`", "", 2),
    ],
)
def test_the_script_of_the_action(
    paths: str, args: str, status: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    write_prompts(tmp_path)
    step = load("action.yml")["runs"]["steps"][1]
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    given = {"PATHS": paths, "ARGS": args, "SARIF": "chatml.sarif", **files, "GITHUB_ACTIONS": "true"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(
        command, cwd=tmp_path, env={**environment, **given}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == f"sarif-file=chatml.sarif\nstatus={status}\n"
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text().startswith("### chatml lint\n```text\n")
    assert not (tmp_path / "pwned").exists()
    if status == 1:
        (run,) = json.loads((tmp_path / "chatml.sarif").read_text("utf-8"))["runs"]
        assert "CML001" in {result["ruleId"] for result in run["results"]}
        assert "::error file=prompts/bad.txt,line=1," in done.stdout


def test_the_problem_matcher() -> None:
    (matcher,) = load("integrations/problem-matcher.json")["problemMatcher"]
    (pattern,) = matcher["pattern"]
    assert set(pattern) == {"regexp", "file", "line", "column", "code", "message"}
    from chatml.lint import lint_text
    from chatml.lint.reporters import REPORTERS, Report

    for path in ("a.chatml", "a b/c:1.txt", "C:\\x\\a.json"):
        found = [one for one in lint_text(BAD, path=path) if one.code == "CML001"]
        lines = REPORTERS["concise"](Report(found, lambda _: BAD, 1, 0, "1", False, 80, 0)).splitlines()
        matched = re.fullmatch(pattern["regexp"], lines[0])
        assert matched is not None
        assert matched.group(pattern["file"]) == path
        assert matched.group(pattern["line"], pattern["column"], pattern["code"]) == ("1", "1", "CML001")
        assert matched.group(pattern["message"]) == found[0].message
        assert not re.fullmatch(pattern["regexp"], lines[1])


# ------------------------------------------------------------------------------------------------ documentation


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


@has_lint
@pytest.mark.parametrize("page", ["ci.md", "lint.md"])
def test_the_commands_in_the_documentation(page: str) -> None:
    text = "\n".join(block for language in ("yaml", "groovy", "console") for block in blocks(page, language))
    lines = re.findall(r"(?:^|[\s'/])(chatml (?:lint|fmt|explain) [^'\n]+)", text)
    assert len(lines) >= 4
    for line in lines:
        arguments_of(line)


def test_the_jobs_in_the_documentation() -> None:
    config, changed, workflow, *steps, gitlab = (yaml.safe_load(block) for block in blocks("ci.md", "yaml"))
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == ["chatml-lint", "chatml-fmt"]
    assert changed[0]["id"] == "chatml-lint"
    action = load("action.yml")
    job = workflow["jobs"]["lint"]
    assert workflow["permissions"]["security-events"] == "write"
    assert set(job["steps"][1]["with"]) <= set(action["inputs"])
    assert job["steps"][2]["with"] == {"sarif_file": "${{ steps.chatml.outputs.sarif-file }}"}
    assert all("run" in step for block in steps for step in block)
    job = gitlab["prompts"]
    assert job["artifacts"]["reports"]["codequality"] in job["script"][0]


def test_the_formats_in_the_documentation() -> None:
    from chatml.lint.reporters import REPORTERS

    table = (ROOT / "docs" / "ci.md").read_text("utf-8").partition("## Formats")[2].partition("\n\nWhat")[0]
    assert re.findall(r"`([a-z-]+)`[,|\s]", "".join(re.findall(r"^\| `.*? \|", table, re.MULTILINE))) == list(REPORTERS)


@has_lint
@has_bash
def test_the_tutorial(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every command of the page, one after the other, prints what the page says."""
    (tmp_path / "greet.chatml").write_text(blocks("lint.md", "text")[0])
    sessions = [block for block in blocks("lint.md", "console") if "baseline" not in block]
    assert len(sessions) >= 4
    for session in sessions:
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
            if command.startswith("chatml"):
                done = subprocess.run(
                    shlex.split(command),
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.stderr == ""
                shown = expected.partition("...\n")[0]
                assert done.stdout.startswith(shown) if "...\n" in expected else done.stdout == shown


def test_the_site() -> None:
    site = load("mkdocs.yml")
    named = [page for entry in site["nav"] for page in entry.values()]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(named) <= pages
    assert {page for page in pages if not page.startswith("rules/")} <= set(named)
    for page in named:
        text = (ROOT / "docs" / page).read_text("utf-8")
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert ((ROOT / "docs" / page).parent / link).exists(), (page, link)
