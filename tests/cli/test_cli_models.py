"""`chatml models` and `chatml explain`, and models of the user's own. Human output is compared with snapshots."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path

import pytest
from cli_process import Matches, Result, Run, Write, run_here

from chatml._image_tokens import PatchRule, TileRule, image_rule
from chatml.cli._explain_dialect import facts_of
from chatml.cli._model_files import dollars
from chatml.cli._options import AUTO
from chatml.cli._subject import read_choices, subject_of
from chatml.dialects import DIALECTS, Dialect, get_dialect
from chatml.models import TABLE_DATE, ModelTable, get_model, model_names, models
from chatml.promptfiles import Document

OWN = """\
[models."my-deployment"]
like = "gpt-5-mini"
input_price = 0.25
cached_input_price = 0.025
output_price = 2

[models."Ours"]
encoding = "cl100k_im"
dialect = "qwen2"
context_window = 32_768
note = "counted with the tokens of another model"
"""
PRICES = """\
{"gpt-5-mini": {"litellm_provider": "openai", "max_input_tokens": 272000, "max_output_tokens": 128000, "mode": "chat",
 "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06, "input_cost_per_token_above_200k_tokens": 5e-07}}
"""
LISTS = "`chatml models` and `chatml dialects` list all names"


def failure(text: str) -> Result:
    return Result(2, "", f"chatml: error: {text}\n")


@pytest.fixture
def files(write: Write) -> None:
    """Two files of models in the temporary folder."""
    write("own.toml", OWN)
    write("prices.json", PRICES)


class TestModels:
    def test_the_whole_list(self, run: Run, matches: Matches) -> None:
        result = run("models")
        matches(result.out, "models")
        assert result._replace(out="") == Result(0, "", "")
        assert [line.split()[0] for line in result.out.splitlines()] == ["name", *model_names()]

    def test_max_input_is_there_where_it_differs(self, run: Run) -> None:
        titles = ["name", "encoding", "dialect", "window", "answer", "status"]
        assert run("models", "gpt-4*").out.splitlines()[0].split() == titles
        lines = [line.split() for line in run("models", "gpt-5.6-*").out.splitlines()]
        assert lines[0] == [*titles[:4], "input", *titles[4:]]
        assert ["gpt-5.6-cyber", "o200k_harmony", "openai-harmony", "400,000", "128,000", "fitted"] in lines
        assert ["gpt-5.6-sol", "o200k_harmony", "openai-harmony", "1,050,000", "922,000", "128,000", "exact"] in lines

    def test_json(self, run: Run, matches: Matches) -> None:
        assert json.loads(run("models", "--format", "json").out) == [dataclasses.asdict(row) for row in models()]
        matches(run("models", "gpt-5-mini", "--format", "json").out, "models-json")

    @pytest.mark.usefixtures("files")
    def test_models_of_ones_own(self, run: Run, matches: Matches) -> None:
        matches(run("models", "--models", "own.toml", "*ou[rn]*").out, "models-own")
        matches(run("models", "--models", "prices.json", "--models=own.toml", "*y*").out, "models-own-prices")
        assert len(run("models", "--models", "own.toml").out.splitlines()) == len(models()) + 3
        own = run("models", "--models", "own.toml", "azure/my-deployment", "--format", "json").out
        assert [row["source"] for row in json.loads(own)] == ["own.toml"]

    def test_later_files_lie_over_earlier_ones(self, run: Run, write: Write) -> None:
        write("a.toml", '[models.mine]\nlike = "gpt-4o"\ninput_price = 1\nmax_output = 5\n')
        write("b.toml", "[models.mine]\ninput_price = 2\n")
        for paths, price in ((("a.toml", "b.toml"), 2.0), (("a.toml", "b.toml", "a.toml"), 1.0)):
            out = run("models", "mine", "--format", "json", *(f"--models={path}" for path in paths)).out
            assert [(row["input_price"], row["max_output"]) for row in json.loads(out)] == [(price, 5)]
        hint = 'state both encoding and dialect, or the model that it is like: like = "gpt-4o"'
        text = f"b.toml: models['mine']: there is no encoding and no dialect; {hint}"
        assert run("models", "--models", "b.toml", "--models", "a.toml") == failure(text)

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("-", "--models: found -, expected the name of a file"),
            ("no.toml", "no.toml: there is no such file or folder; check the name; - is standard input"),
            ("own.toml", "own.toml: models['Ours'].max_output: model 'Ours' has 0, {expected}"),
            ("::error::", "\\x3a:error::: unknown key 'x', expected models"),
        ],
    )
    def test_errors(self, run: Run, write: Write, option: str, text: str) -> None:
        write("own.toml", f"{OWN}max_output = 0\n")
        write("::error::", "x = 1")
        expected = failure(text.format(expected="expected a number of tokens above 0 or None"))
        for command in (["models"], ["explain", "gpt-4o"]):
            assert run(*command, "--models", option) == expected

    def test_unknown_among_ones_own(self, run: Run, write: Write) -> None:
        write("own.toml", OWN)
        hint = "pass --dialect for a wire that you know, or run `chatml models` for all names"
        text = f"unknown model 'my-deploiment', the nearest known are my-deployment; {hint}"
        assert run("models", "--models", "own.toml", "my-deploiment") == failure(text)


EXPLAINED = {
    "explain-gpt-4o": "gpt-4o",
    "explain-spelling": "azure/eu/GPT-35-Turbo-0914.ft-0a1b",
    "explain-split": "gpt-5-nano",
    "explain-unknown-limits": "gpt-5.5-cyber",
    "explain-im-sep": "openai-im-sep",
    "explain-harmony": "openai-harmony",
    "explain-dbrx": "dbrx",
    "explain-phi4": "phi-4",
}


class TestExplain:
    @pytest.mark.parametrize("snapshot", EXPLAINED)
    def test_text(self, run: Run, matches: Matches, snapshot: str) -> None:
        result = run("explain", EXPLAINED[snapshot])
        assert result._replace(out="") == Result(0, "", "")
        assert all(len(line) <= 80 for line in result.out.splitlines())
        matches(result.out, snapshot)

    @pytest.mark.usefixtures("files")
    def test_models_of_ones_own(self, run: Run, matches: Matches) -> None:
        matches(run("explain", "azure/my-deployment", "--models", "own.toml").out, "explain-own")
        matches(run("explain", "Ours", "--models", "own.toml").out, "explain-own-wire")
        matches(run("explain", "gpt-5-mini", "--models", "prices.json").out, "explain-prices")

    def test_colour(self, run: Run) -> None:
        lines = run("explain", "chatml", "--color", "always").out.splitlines()
        assert lines[0] == "\x1b[2mDialect   \x1b[0m\x1b[1mchatml\x1b[0m"
        assert run("explain", "chatml", "--color", "never").out.splitlines()[0] == "Dialect   chatml"

    def test_json(self, run: Run, matches: Matches) -> None:
        result = run("explain", "openai/gpt-4.1-mini-2030-01-31", "--format", "json")
        matches(result.out, "explain-json")
        value = json.loads(result.out)
        row = dataclasses.asdict(get_model("gpt-4.1-mini-2030-01-31"))
        assert {key: value[key] for key in row} == row
        assert (value["kind"], value["asked"]) == ("model", "openai/gpt-4.1-mini-2030-01-31")
        assert value["table_date"] == TABLE_DATE
        dialect = json.loads(run("explain", "phi-4", "--format", "json").out)
        fields = json.loads(json.dumps(dataclasses.asdict(get_dialect("phi4"))))
        assert dialect == {"kind": "dialect", "asked": "phi-4", **fields}

    def test_images(self) -> None:
        """Every model of the table is explained, whatever its images cost."""
        for name in model_names():
            done = run_here("explain", name, "--format", "json")
            rule, shown = image_rule(name), json.loads(done.out)["image_rule"]
            if isinstance(rule, TileRule):
                assert shown == {"kind": "tiles", "base": rule.base, "tile": rule.tile, "status": rule.status}
            elif isinstance(rule, PatchRule):
                patches = {"percent": rule.percent, "patches": rule.high.patches}
                assert shown == {"kind": "patches", **patches, "status": rule.status}
            else:
                assert shown is None
            assert done.err == b""

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("gpt-4oo", "unknown name 'gpt-4oo', the nearest models are gpt-4o, gpt-4, gpt-5.4"),
            ("chatlm", "unknown name 'chatlm', the nearest dialects are chatml, chatml-bos"),
            ("phi-4o", "unknown name 'phi-4o', the nearest models are gpt-4o, the nearest dialects are phi-4, phi4"),
            ("qqq", "unknown name 'qqq'"),
            ("", "unknown name ''"),
            ("\x1b[2J", "unknown name '\\x1b[2J'"),
            ("x" * 300, f"unknown name '{'x' * 80}...'"),
        ],
        ids=range(7),
    )
    def test_unknown(self, run: Run, name: str, text: str) -> None:
        assert run("explain", name) == failure(f"{text}; {LISTS}")

    def test_name_is_needed(self, run: Run) -> None:
        result = run("explain")
        assert (result.status, result.out) == (2, "")
        assert result.err.endswith("; `chatml explain --help` lists the options\n")

    def test_no_dialect_hides_behind_a_model(self) -> None:
        for dialect in DIALECTS:
            for name in (dialect.name, *dialect.aliases):
                assert json.loads(run_here("explain", name, "--format", "json").out)["kind"] == "dialect"


CHATML = get_dialect("chatml")
# for every field a value that a dialect may have in place of that of the base
OTHER: dict[str, tuple[object, Dialect]] = {
    "name": ("other", CHATML),
    "aliases": (("other",), CHATML),
    "source": ("elsewhere", CHATML),
    "encoding": ("o200k_im", CHATML),
    "own_vocabulary": (False, CHATML),
    "families": (("qwen",), CHATML),
    "start": ("<|begin|>", CHATML),
    "header_end": ("<|im_sep|>", CHATML),
    "content_end": ("\n", CHATML),
    "end": ("<|over|>", CHATML),
    "separator": ("", CHATML),
    "separator_after_last": (False, CHATML),
    "assistant_channel": ("", get_dialect("openai-harmony")),
    "named_header": ("{name}", CHATML),
    "roles": (("user", "assistant"), CHATML),
    "system_first_only": (True, CHATML),
    "default_system": ("You are.", CHATML),
    "trims_leading_system": (True, CHATML),
    "needs_turn": (True, CHATML),
    "reply_header": (True, CHATML),
    "bos": ("<s>", CHATML),
    "bos_before": (("user",), dataclasses.replace(CHATML, bos="<s>")),
    "eos": ("</s>", CHATML),
    "prompt_has_header_end": (False, CHATML),
    "prompts_after_assistant": (False, CHATML),
    "closes_last": (False, CHATML),
}


def test_every_field_of_a_dialect_is_explained() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(Dialect)}
    for field, (value, base) in OTHER.items():
        changed = dataclasses.replace(base, **{field: value})  # type: ignore[arg-type]  # the types are those of fields
        assert facts_of(changed) != facts_of(base), field


@pytest.mark.parametrize(
    ("price", "text"),
    [(0, "0.00"), (2, "2.00"), (2.5, "2.50"), (0.075, "0.075"), (1e-9, "0.000000001"), (1e16, "1" + "0" * 16 + ".00")],
)
def test_dollars(price: float, text: str) -> None:
    assert dollars(price) == text


class TestSubject:
    """What other commands take from --models: the options decide first, then the file, then defaults."""

    def arguments(self, path: Path, model: str | None) -> Namespace:
        (path / "own.toml").write_text(OWN)
        return Namespace(dialect=AUTO, model=model, encoding=None, models=[str(path / "own.toml")])

    def test_the_option(self, tmp_path: Path) -> None:
        choices = read_choices(self.arguments(tmp_path, "azure/my-deployment"))
        assert choices.model is not None
        assert (choices.model.name, choices.model.how) == ("azure/my-deployment", "given")
        assert choices.model.info.base == "gpt-5-mini"

    def test_the_file(self, tmp_path: Path) -> None:
        document = Document("request", messages=[], request={"model": "Ours"})
        subject = subject_of(document, read_choices(self.arguments(tmp_path, None)))
        assert subject.model is not None
        assert (subject.model.info.source, subject.dialect.name) == (str(tmp_path / "own.toml"), "qwen2")

    def test_without_the_option(self) -> None:
        choices = read_choices(Namespace(dialect=AUTO, model="gpt-4o", encoding=None))
        assert choices.table == ModelTable()
        assert choices.model is not None
        assert choices.model.info is get_model("gpt-4o")


@pytest.mark.parametrize("text", ["::error::", "##[error]", "\x1b[2J", "\u202e", "a\nb", "\udc80"], ids=ascii)
def test_texts_of_files_are_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What a file of models says is shown or refused, and never obeyed."""
    monkeypatch.chdir(tmp_path)
    spelled = json.dumps(text)
    for row in (f'{spelled}: {{"like": "gpt-4o"}}', f'"x": {{"like": "gpt-4o", "note": {spelled}}}', f'"x": {spelled}'):
        Path("m").write_text(f'{{"models": {{{row}}}}}')
        for line in (
            ["models", "--models", "m"],
            ["explain", text, "--models", "m"],
            ["explain", "x", "--models", "m"],
        ):
            done = run_here(*line)
            shown = done.out + done.err
            assert done.status in (0, 2)
            assert b"internal error" not in shown
            assert not {0x1B, 0x80} & {*shown}
            assert b"\n::" not in shown
            assert b"##[" not in shown
            assert "\u202e".encode() not in shown
