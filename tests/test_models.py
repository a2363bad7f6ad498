"""The model table and how names are read. Invariant: any str gives a row or `UnknownModelError`, and quickly."""

from __future__ import annotations

import datetime
import enum
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import chatml.models
from chatml._errors import ConfigError, UnknownModelError
from chatml.models import ModelInfo, ModelTable, get_model, model_names, models
from chatml.models._info import STATUSES
from chatml.models._lookup import find_model
from chatml.models._table import AZURE_NAMES, NICKNAMES, ROWS, TABLE_DATE

WIRES = {
    ("cl100k_im", "openai-0301"),
    ("cl100k_im", "openai-im-sep"),
    ("o200k_im", "openai-im-sep"),
    ("o200k_harmony", "openai-harmony"),
}
HINT = "pass encoding= and dialect= for a wire that you know, or run `chatml models` for all names"
FINE_TUNED = "fine-tuned models were not measured, counted like the model they are made from"
SNAPSHOT = "this snapshot is not in the table, counted like the model without the date"
NICKNAME = "a short name, counted like the model that it usually stands for"


def error_of(name: object) -> UnknownModelError:
    with pytest.raises(UnknownModelError) as caught:
        find_model({row.name: row for row in ROWS}, name)
    return caught.value


# The table


def test_names_are_unique_and_sorted() -> None:
    assert [row.name for row in ROWS] == sorted({row.name for row in ROWS})
    assert models() is ROWS
    assert model_names() == tuple(row.name for row in ROWS)


def test_table_is_dated() -> None:
    assert datetime.date.fromisoformat(TABLE_DATE) >= datetime.date(2026, 11, 20)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_is_sound(row: ModelInfo) -> None:
    assert (row.encoding, row.dialect) in WIRES
    assert row.status in STATUSES
    assert row.status == "exact" or row.note, "a status below exact has a reason"
    assert row.name == row.name.strip().lower()
    assert (row.context_window is None) == (row.max_output is None)
    assert (row.input_price, row.cached_input_price, row.output_price) == (None, None, None), "prices age too fast"
    assert (row.source, row.like, row.base) == ("", "", row.name)
    if row.max_input is not None:
        assert row.max_output is not None
        assert row.context_window == row.max_input + row.max_output
        assert row.note.endswith("; the window is read as max input plus max output")
    assert get_model(row.name) is row


@pytest.mark.parametrize("row", [row for row in ROWS if row.name.startswith("ft:")], ids=lambda row: row.name)
def test_fine_tune_row_has_the_wire_of_its_model(row: ModelInfo) -> None:
    model = get_model(row.name.removeprefix("ft:"))
    assert (row.encoding, row.dialect, row.status) == (model.encoding, model.dialect, "fitted")


def test_only_0301_is_on_the_first_wire() -> None:
    assert [row.name for row in ROWS if row.dialect == "openai-0301"] == ["gpt-3.5-turbo-0301"]


@pytest.mark.parametrize("name", ["gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914", "text-embedding-3-small"])
def test_what_is_not_a_chat_model_is_unknown(name: str) -> None:
    assert error_of(name).model == name


# One row of each group: encoding, dialect, window, max input, max output, status
GROUPS = [
    ("gpt-3.5-turbo-0301", "cl100k_im", "openai-0301", 4097, None, 4096, "fitted"),
    ("gpt-3.5-turbo-0613", "cl100k_im", "openai-im-sep", 4097, None, 4096, "exact"),
    ("gpt-35-turbo", "cl100k_im", "openai-im-sep", 4097, None, 4096, "fitted"),
    ("gpt-3.5-turbo-16k-0613", "cl100k_im", "openai-im-sep", 16385, None, 4096, "exact"),
    ("gpt-3.5-turbo", "cl100k_im", "openai-im-sep", 16385, None, 4096, "exact"),
    ("ft:gpt-3.5-turbo-0613", "cl100k_im", "openai-im-sep", 4096, None, 4096, "fitted"),
    ("gpt-4", "cl100k_im", "openai-im-sep", 8192, None, 4096, "exact"),
    ("gpt-4-0314", "cl100k_im", "openai-im-sep", 8192, None, 4096, "fitted"),
    ("gpt-4-32k", "cl100k_im", "openai-im-sep", 32768, None, 4096, "exact"),
    ("gpt-4-0125-preview", "cl100k_im", "openai-im-sep", 128000, None, 4096, "exact"),
    ("gpt-4-turbo-preview", "cl100k_im", "openai-im-sep", 128000, None, 4096, "exact"),
    ("gpt-4-vision-preview", "cl100k_im", "openai-im-sep", 128000, None, 4096, "fitted"),
    ("gpt-4o", "o200k_im", "openai-im-sep", 128000, None, 16384, "exact"),
    ("gpt-4o-2024-05-13", "o200k_im", "openai-im-sep", 128000, None, 4096, "exact"),
    ("gpt-audio-1.5", "o200k_im", "openai-im-sep", 128000, None, 16384, "fitted"),
    ("gpt-4o-search-preview", "o200k_im", "openai-im-sep", 128000, None, 16384, "fitted"),
    ("computer-use-preview", "o200k_im", "openai-im-sep", 8192, None, 1024, "fitted"),
    ("gpt-4.1-nano-2025-04-14", "o200k_im", "openai-im-sep", 1047576, None, 32768, "exact"),
    ("gpt-4.5-preview", "o200k_im", "openai-im-sep", 128000, None, 16384, "fitted"),
    ("chatgpt-4o-latest", "o200k_im", "openai-im-sep", None, None, None, "fitted"),
    ("o1-mini", "o200k_im", "openai-im-sep", 128000, None, 65536, "fitted"),
    ("o1-preview", "o200k_im", "openai-im-sep", 128000, None, 32768, "fitted"),
    ("o1", "o200k_harmony", "openai-harmony", 200000, None, 100000, "fitted"),
    ("o3-mini", "o200k_harmony", "openai-harmony", 200000, None, 100000, "exact"),
    ("o3-deep-research", "o200k_harmony", "openai-harmony", 200000, None, 100000, "fitted"),
    ("gpt-5", "o200k_harmony", "openai-harmony", 400000, 272000, 128000, "exact"),
    ("gpt-5-codex", "o200k_harmony", "openai-harmony", 400000, 272000, 128000, "fitted"),
    ("gpt-5.1-codex", "o200k_harmony", "openai-harmony", 400000, None, 128000, "fitted"),
    ("gpt-5-pro", "o200k_harmony", "openai-harmony", 400000, None, 272000, "fitted"),
    ("gpt-5.4", "o200k_harmony", "openai-harmony", 1050000, None, 128000, "exact"),
    ("gpt-5.6-sol", "o200k_harmony", "openai-harmony", 1050000, 922000, 128000, "exact"),
    ("gpt-5.6-cyber", "o200k_harmony", "openai-harmony", 400000, None, 128000, "fitted"),
    ("gpt-5-chat-latest", "o200k_harmony", "openai-harmony", 128000, None, 16384, "estimate"),
    ("gpt-6-sol", "o200k_harmony", "openai-harmony", 1050000, 922000, 128000, "estimate"),
    ("daybreak-red-latest", "o200k_harmony", "openai-harmony", 400000, None, 128000, "estimate"),
    ("gpt-rosalind", "o200k_harmony", "openai-harmony", None, None, None, "estimate"),
    ("codex-mini-latest", "o200k_harmony", "openai-harmony", 200000, None, 100000, "estimate"),
    ("gpt-oss-120b", "o200k_harmony", "openai-harmony", 131072, None, 131072, "estimate"),
    ("gpt-oss-20b", "o200k_harmony", "openai-harmony", None, None, None, "estimate"),
]


@pytest.mark.parametrize("expected", GROUPS, ids=lambda expected: expected[0])
def test_facts(expected: tuple[object, ...]) -> None:
    row = get_model(str(expected[0]))
    found = (row.name, row.encoding, row.dialect, row.context_window, row.max_input, row.max_output, row.status)
    assert found == expected


# Names that OpenAI and Azure sell chat models by, those of fine-tunes and short ones, by encoding
SOLD = {
    "cl100k_im": """gpt-3.5-turbo gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-1106 gpt-3.5-turbo-0125
        gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613 gpt-3.5 gpt-35-turbo gpt-35-turbo-0301 gpt-35-turbo-0613
        gpt-35-turbo-1106 gpt-35-turbo-0125 gpt-35-turbo-16k gpt-35-turbo-16k-0613 gpt-4 gpt-4-0314 gpt-4-0613
        gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613 gpt-4-1106-preview gpt-4-0125-preview gpt-4-turbo-preview gpt-4-turbo
        gpt-4-turbo-2024-04-09 gpt-4-vision-preview gpt-4-1106-vision-preview gpt-4-turbo-vision-preview gpt-4v
        gpt-4-vision ft:gpt-4-0613:org::id ft:gpt-3.5-turbo:org::id ft:gpt-3.5-turbo-0125:org:name:id
        gpt-35-turbo-0613.ft-0123456789abcdef azure/gpt-4-32k azure/gpt-35-turbo-16k GPT-4 azure:gpt-4-turbo""",
    "o200k_im": """gpt-4o gpt-4o-2024-05-13 gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18
        chatgpt-4o-latest gpt-4o-audio-preview gpt-4o-audio-preview-2024-10-01 gpt-4o-audio-preview-2024-12-17
        gpt-4o-mini-audio-preview gpt-4o-mini-audio-preview-2024-12-17 gpt-4o-search-preview
        gpt-4o-search-preview-2025-03-11 gpt-4o-mini-search-preview gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini
        gpt-4.1-mini-2025-04-14 gpt-4.1-nano gpt-4.1-nano-2025-04-14 gpt-4.5 gpt-4.5-preview
        gpt-4.5-preview-2025-02-27 gpt-audio gpt-audio-2025-08-28 gpt-audio-mini gpt-audio-mini-2025-10-06
        gpt-audio-1.5-2026-02-23 computer-use-preview computer-use-preview-2025-03-11 o1-mini o1-mini-2024-09-12
        o1-preview o1-preview-2024-09-12 ft:gpt-4o-2024-08-06:org::id ft:gpt-4o-mini-2024-07-18:org:name:id
        ft:gpt-4.1-2025-04-14:org::id ft:gpt-4.1:org::id ft:gpt-4.1-mini:org::id gpt-4.1-2025-04-14.ft-01234567
        azure/global-standard/gpt-4o-2024-08-06 azure/global/gpt-4o-2024-11-20 azure/eu/gpt-4o-mini-2024-07-18
        azure/us/gpt-4.1-nano-2025-04-14 azure/us/o1-mini-2024-09-12 openai/gpt-4o openai:gpt-4.1
        azure_openai:gpt-4o openai/responses/gpt-4o openai-responses:gpt-4.1-mini""",
    "o200k_harmony": """o1 o1-2024-12-17 o1-pro o1-pro-2025-03-19 o3 o3-2025-04-16 o3-mini o3-mini-2025-01-31 o3-pro
        o3-pro-2025-06-10 o3-deep-research o3-deep-research-2025-06-26 o4-mini o4-mini-2025-04-16
        o4-mini-deep-research codex-mini codex-mini-latest gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07
        gpt-5-nano gpt-5-nano-2025-08-07 gpt-5-chat gpt-5-chat-latest gpt-5-codex gpt-5-pro gpt-5-pro-2025-10-06
        gpt-5-search-api gpt-5.1 gpt-5.1-2025-11-13 gpt-5.1-chat gpt-5.1-chat-2025-11-13 gpt-5.1-chat-latest
        gpt-5.1-codex gpt-5.1-codex-2025-11-13 gpt-5.1-codex-max gpt-5.1-codex-mini gpt-5.1-codex-mini-2025-11-13
        gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-chat gpt-5.2-chat-2025-12-11 gpt-5.2-chat-latest gpt-5.2-codex gpt-5.2-pro
        gpt-5.2-pro-2025-12-11 gpt-5.3-chat gpt-5.3-chat-latest gpt-5.3-codex gpt-5.4 gpt-5.4-2026-03-05 gpt-5.4-mini
        gpt-5.4-mini-2026-03-17 gpt-5.4-nano gpt-5.4-pro gpt-5.5 gpt-5.5-2026-04-23 gpt-5.5-pro gpt-5.6 gpt-5.6-sol
        gpt-5.6-luna gpt-5.6-terra gpt-6-sol gpt-oss-20b gpt-oss-120b ft:o4-mini-2025-04-16:org::id
        azure/eu/gpt-5.1-codex azure/global/gpt-5.1-chat azure_ai/gpt-5.5 azure_ai/gpt-oss-120b azure/us/o3-2025-04-16
        azure/GPT-5-Mini""",
}


@pytest.mark.parametrize(("encoding", "name"), [(key, name) for key, names in SOLD.items() for name in names.split()])
def test_what_is_sold_is_known(encoding: str, name: str) -> None:
    assert get_model(name).encoding == encoding


@pytest.mark.parametrize(("other", "name"), [*AZURE_NAMES.items(), *NICKNAMES.items()])
def test_other_names_lead_to_rows(other: str, name: str) -> None:
    assert name in model_names()
    assert other not in model_names()
    assert get_model(other).name == name


# Spellings


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("azure/gpt-4o", "gpt-4o"),
        ("openai/gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("gpt-35-turbo", "gpt-35-turbo"),
        ("azure/gpt-35-turbo", "gpt-35-turbo"),
        ("gpt-35-turbo-0301", "gpt-3.5-turbo-0301"),
        ("gpt-35-turbo-0613", "gpt-3.5-turbo-0613"),
        ("gpt-35-turbo-16k", "gpt-3.5-turbo-16k"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini-2024-07-18"),
        ("ft:gpt-4o-mini-2024-07-18:org:suffix:id:ckpt-step-90", "ft:gpt-4o-mini-2024-07-18"),
        ("openai/ft:gpt-3.5-turbo:org::id", "ft:gpt-3.5-turbo"),
        ("gpt-4o-2024-08-06.ft-0a1b", "ft:gpt-4o-2024-08-06"),
        ("gpt-35-turbo-0125.ft-0a1b", "ft:gpt-3.5-turbo-0125"),
        ("azure/eu/gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("azure_ai/global/gpt-5.5", "gpt-5.5"),
        ("openai-chat:o3", "o3"),
        ("azure/codex-mini", "codex-mini-latest"),
        ("GPT-4o", "gpt-4o"),
        ("Azure/GPT-35-Turbo-16K", "gpt-3.5-turbo-16k"),
        ("GPT-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("FT:gpt-4o-mini-2024-07-18:Org::ID", "ft:gpt-4o-mini-2024-07-18"),
    ],
)
def test_spelling_of_a_listed_model(asked: str, name: str) -> None:
    assert get_model(asked) is get_model(name)
    assert get_model(asked).name == name


@pytest.mark.parametrize(
    ("asked", "name", "status", "notes"),
    [
        ("gpt-4o-2025-01-31", "gpt-4o", "fitted", [SNAPSHOT]),
        ("gpt-4-0914", "gpt-4", "fitted", [SNAPSHOT]),
        ("gpt-35-turbo-0914", "gpt-3.5-turbo", "fitted", [SNAPSHOT]),
        ("azure/o1-mini-2030-09-12", "o1-mini", "fitted", [SNAPSHOT]),
        ("gpt-6-sol-2026-12-01", "gpt-6-sol", "estimate", [SNAPSHOT]),
        ("ft:gpt-4o:org::id", "gpt-4o", "fitted", [FINE_TUNED]),
        ("ft:gpt-4.1:org::id", "gpt-4.1", "fitted", [FINE_TUNED]),
        ("ft:gpt-35-turbo-1106:org::id", "gpt-3.5-turbo-1106", "fitted", [FINE_TUNED]),
        ("gpt-4.1-mini-2026-01-01.ft-0a1b", "gpt-4.1-mini", "fitted", [FINE_TUNED, SNAPSHOT]),
        ("azure/GPT-5.1-Chat-2025-11-13", "gpt-5.1-chat-latest", "estimate", [SNAPSHOT]),
        ("gpt-3.5", "gpt-3.5-turbo", "fitted", [NICKNAME]),
        ("openai/gpt-4v", "gpt-4-vision-preview", "fitted", [NICKNAME]),
        ("ft:gpt-4.5:org::id", "gpt-4.5-preview", "fitted", [FINE_TUNED, NICKNAME]),
    ],
)
def test_spelling_that_lowers_the_status(asked: str, name: str, status: str, notes: list[str]) -> None:
    row, found = get_model(name), get_model(asked)
    assert found.status == status
    assert found.note == "; ".join([*([row.note] if row.note else []), *notes])
    assert replace(found, status=row.status, note=row.note) == row


def test_steps_of_a_spelling() -> None:
    steps = ModelTable().spelling("azure/eu/GPT-35-Turbo-0914.ft-0a1b")
    assert [(step.name, step.rule) for step in steps] == [
        ("GPT-35-Turbo-0914.ft-0a1b", "what stands before the name says who runs the model"),
        ("ft:GPT-35-Turbo-0914", "the name of a fine-tune holds that of the model it is made from"),
        ("ft:gpt-35-turbo-0914", "names are written in lower case"),
        ("gpt-35-turbo-0914", "a fine-tune is counted like the model it is made from"),
        ("gpt-3.5-turbo-0914", "Azure has a name of its own for it"),
        ("gpt-3.5-turbo", "a snapshot that is not listed is counted like the model without the date"),
    ]
    assert ModelTable().spelling("gpt-4o") == ()


@pytest.mark.parametrize("name", ["ft:gpt-4.1", "ft:gpt-4.1-mini:org::id", "ft:gpt-4.1-nano-2025-04-14:org::id"])
def test_fine_tuned_gpt_4_1_is_not_taken_for_gpt_4(name: str) -> None:
    assert get_model(name).encoding == "o200k_im"


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-2025-13-01",
        "gpt-4o-2025-01-32",
        "gpt-4o-2025-1-31",
        "gpt-4o-2025",
        "gpt-4o-9999",
        "gpt-4o-٠٦١٣",
        "gpt-4o-2024-08-06-2025-01-31",
        "gpt-4-0613-0914",
        "gpt--4o-2025-01-31",
        "gpt-4o-",
        "gpt-4o ",
        "ＧＰＴ-4o",
        "gpt-4\u212a",
        "gpt4o",
        "gpt-4oo",
        "ft:",
        "ft::",
        "azure/",
        ".ft-",
        "0613",
        "2025-01-31",
        "anthropic/gpt-4o",
        "openrouter/openai/gpt-4o",
        "azure/eu/",
        "azure/mars/gpt-4o",
        "eu/gpt-4o",
        "azuregpt-4o",
        "gpt-4o:ft-personal-2023-04-17-22-02-12",
        "davinci:ft-personal-2023-04-17-22-02-12",
        "ft:davinci-002:org::id",
        "azure/gpt-35-turbo-instruct",
        "azure/gpt-4o-realtime-preview-2024-12-17",
        "gpt-35",
    ],
)
def test_near_misses_are_unknown(name: str) -> None:
    assert error_of(name).model == name


def test_member_of_a_str_enum_is_its_value() -> None:
    class Model(str, enum.Enum):  # noqa: UP042 - a StrEnum hashes like its value, this one does not
        CHEAP = "gpt-4o-mini"

    assert get_model(Model.CHEAP) is get_model("gpt-4o-mini")


def test_lookup_depends_on_the_given_rows_only() -> None:
    row = ModelInfo("mine", "o200k_im", "openai-im-sep")
    assert find_model({"mine": row}, "azure/mine") is row
    with pytest.raises(UnknownModelError):
        find_model({"mine": row}, "gpt-4o")


# Errors


TOKENS = "expected a number of tokens above 0 or None"
TEXT = "expected a str"
DOLLARS = "expected dollars for 1,000,000 tokens from 0 on, or None"
LONG = "a number that is too long"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gpt-4oo", f"unknown model 'gpt-4oo', the nearest known are gpt-4o, gpt-4, gpt-5.4; {HINT}"),
        ("ft:gpt-4oo:o::i", f"unknown model 'ft:gpt-4oo:o::i', the nearest known are gpt-4o, gpt-4, gpt-5.4; {HINT}"),
        ("GPT-4OO", f"unknown model 'GPT-4OO', the nearest known are gpt-4o, gpt-4, gpt-5.4; {HINT}"),
        ("gpt-7-sol", f"unknown model 'gpt-7-sol', the nearest known are gpt-6-sol, gpt-6.1-sol, gpt-5.6-sol; {HINT}"),
        ("azure/o3-minni", f"unknown model 'azure/o3-minni', the nearest known are o3-mini, o4-mini, o1-mini; {HINT}"),
        ("llama", f"unknown model 'llama'; {HINT}"),
        ("", f"unknown model ''; {HINT}"),
        ("\x1b[31m\n\u202e\ud800", f"unknown model '\\x1b[31m\\n\\u202e\\ud800'; {HINT}"),
        ("x" * 80, f"unknown model '{'x' * 80}'; {HINT}"),
        ("x" * 81, f"unknown model '{'x' * 77}...'; {HINT}"),
        ("gpt-4o" * 200_000, f"unknown model '{('gpt-4o' * 14)[:77]}...'; {HINT}"),
        (None, "unknown model '<NoneType>'; pass the name as a str, such as 'gpt-4o'"),
        (b"gpt-4o", "unknown model '<bytes>'; pass the name as a str, such as 'gpt-4o'"),
        (["gpt-4o"], "unknown model '<list>'; pass the name as a str, such as 'gpt-4o'"),
        (10**5000, "unknown model '<int>'; pass the name as a str, such as 'gpt-4o'"),
    ],
    ids=range(15),
)  # fmt: skip
def test_error_message(name: object, text: str) -> None:
    assert str(error_of(name)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": ""}, "name: model '' has '', expected a str that is not empty"),
        ({"name": 4}, "name: model 4 has 4, expected a str that is not empty"),
        ({"encoding": ""}, "encoding: model 'mine' has '', expected a str that is not empty"),
        ({"dialect": None}, "dialect: model 'mine' has None, expected a str that is not empty"),
        ({"note": 1}, "note: model 'mine' has 1, expected a str"),
        ({"status": "sure"}, "status: model 'mine' has 'sure', expected one of exact, fitted, estimate"),
        ({"status": ["exact"]}, "status: model 'mine' has ['exact'], expected one of exact, fitted, estimate"),
        ({"max_output": 0}, "max_output: model 'mine' has 0, expected a number of tokens above 0 or None"),
        ({"max_input": True}, "max_input: model 'mine' has True, expected a number of tokens above 0 or None"),
        ({"max_input": "8k"}, "max_input: model 'mine' has '8k', expected a number of tokens above 0 or None"),
        ({"context_window": 8, "max_input": 9}, "max_input: model 'mine' has 9, more than its context_window of 8"),
        ({"max_input": 10**15 + 1}, f"max_input: model 'mine' has {10**15 + 1}, {TOKENS}"),
        ({"context_window": 10**5000}, f"context_window: model 'mine' has a number that is too long, {TOKENS}"),
        ({"name": 10**5000}, f"name: model {LONG} has {LONG}, expected a str that is not empty"),
        ({"name": "m" * 99, "note": ["n"] * 99}, f"note: model '{'m' * 80}...' has {str(['n'] * 99)[:80]}..., {TEXT}"),
        ({"like": None}, f"like: model 'mine' has None, {TEXT}"),
        ({"source": b""}, f"source: model 'mine' has b'', {TEXT}"),
        ({"input_price": -1}, f"input_price: model 'mine' has -1, {DOLLARS}"),
        ({"input_price": True}, f"input_price: model 'mine' has True, {DOLLARS}"),
        ({"cached_input_price": float("nan")}, f"cached_input_price: model 'mine' has nan, {DOLLARS}"),
        ({"output_price": float("inf")}, f"output_price: model 'mine' has inf, {DOLLARS}"),
        ({"output_price": 10**400}, f"output_price: model 'mine' has 1{'0' * 79}..., {DOLLARS}"),
        ({"output_price": "2.5"}, f"output_price: model 'mine' has '2.5', {DOLLARS}"),
    ],
    ids=range(23),
)  # fmt: skip
def test_row_that_contradicts_itself(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(ModelInfo("mine", "o200k_im", "openai-im-sep"), **changes)
    assert str(caught.value) == text


def test_row_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        get_model("gpt-4o").context_window = 1  # type: ignore[misc]  # that is what is tested


# Properties


def outcome(name: str) -> ModelInfo | UnknownModelError:
    try:
        return get_model(name)
    except UnknownModelError as error:
        return error


PIECES = (
    *("azure/", "eu/", "openai:", "gpt-35-turbo", "ft:", "FT:", ".ft-", ":", "-2025-01-31", "-0613", "-", "GPT-4o"),
    *("o3", "x", *AZURE_NAMES, *NICKNAMES),
)
SPELLED = st.lists(st.sampled_from(PIECES + model_names()), max_size=12).map("".join)


@given(st.one_of(st.text(), SPELLED, st.sampled_from(model_names()).flatmap(lambda n: st.text().map(n.__add__))))
@example("azure/" * 42)
@example("ft:" * 85)
@example(".ft-" * 64)
@example("gpt-4o" + "-2025-01-31" * 20)
@example("-" * 256)
@example("FT:" * 85)
def test_any_str_is_a_row_or_unknown(name: str) -> None:
    found = outcome(name)
    if isinstance(found, ModelInfo):
        listed = get_model(found.name)
        assert replace(found, status=listed.status, note=listed.note) == listed
        assert STATUSES.index(found.status) >= STATUSES.index(listed.status)
    else:
        assert found.model == (name if len(name) <= 80 else name[:77] + "...")
        assert len(found.nearest) <= 3
        assert set(found.nearest) <= set(model_names())
        assert str(found).isprintable()
        assert str(found) == str(error_of(name)), "the same each time"


@given(st.one_of(st.none(), st.integers(), st.floats(), st.binary(), st.lists(st.text()), st.tuples(st.text())))
def test_what_is_not_a_str_is_unknown(name: object) -> None:
    assert error_of(name).nearest == ()


def test_long_names_are_refused_quickly() -> None:
    start = time.perf_counter()
    for name in ("gpt-4o-mini" * 100_000, "azure/" * 200_000, "-2025-01-31" * 100_000, "\0" * 1_000_000):
        assert error_of(name).nearest == ()
    assert time.perf_counter() - start < 1


# The package


def test_public_names() -> None:
    assert chatml.models.__all__ == [
        *("TABLE_DATE", "ModelInfo", "ModelTable", "Spelling"),
        *("cost", "get_model", "load_models", "model_names", "models"),
    ]


def test_import_is_cheap() -> None:
    needless = {"difflib", "tiktoken", "regex", "json", "tomllib", "decimal"}
    code = f"import sys, chatml.models; print(*{needless} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
