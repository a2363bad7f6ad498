"""The model table. Rows are data with a date: they age, and what is not known is left out.

Sources, all read at `TABLE_DATE`:
- wire and status: counts that OpenAI and Azure billed, as recorded in public tests; `exact` only for the kinds
  of model whose bills agree with the rule.
- windows: `model_prices_and_context_window.json` of litellm 1.106.2 (MIT), provider openai. Models that it no longer
  lists: the same file at BerriAI/litellm@19a1f629eb6f, or the entries of provider azure at @00035b69f416.

That file states max input and max output, and means two things by max input. For most models it is the whole window
(`_whole`); for gpt-5 (272,000 + 128,000 = 400,000) and gpt-5.6 and gpt-6 (922,000 + 128,000 = 1,050,000) it is a limit
of the input alone (`_split`). Which one is meant is our reading of the numbers, not documented.
"""

from __future__ import annotations

from typing import NamedTuple

from chatml.models._info import ModelInfo, Status

TABLE_DATE = "2026-11-20"

Wire = tuple[str, str]  # encoding, dialect
Window = tuple[int | None, int | None, int | None]  # context_window, max_input, max_output


class _Group(NamedTuple):
    """Models, divided by white space, that differ in nothing but the name."""

    wire: Wire
    window: Window
    status: Status
    note: str
    names: str


def _whole(context_window: int, max_output: int) -> Window:
    return context_window, None, max_output


def _split(max_input: int, max_output: int) -> Window:
    return max_input + max_output, max_input, max_output


_UNSTATED: Window = None, None, None

_CHATML_0301: Wire = "cl100k_im", "openai-0301"
_IM_SEP_CL100K: Wire = "cl100k_im", "openai-im-sep"
_IM_SEP_O200K: Wire = "o200k_im", "openai-im-sep"
_HARMONY: Wire = "o200k_harmony", "openai-harmony"

FINE_TUNED = "fine-tuned models were not measured, counted like the model they are made from"
NICKNAME = "a short name, counted like the model that it usually stands for"
SNAPSHOT = "this snapshot is not in the table, counted like the model without the date"

_0301 = "the prime was 2 tokens in March 2023 and 3 later; the model is gone"
_0314 = "older than the snapshots that were measured (0613 and later)"
_AZURE_ALIAS = "a deployment of this name has answered as gpt-3.5-turbo-0301, which bills 4 tokens a message"
_NOT_PLAIN = "not one of the plain chat models that were measured"
_O1_SMALL = "not a plain chat model: o1-mini was billed 7 tokens more than the rule for two user messages"
_AUDIO = "the encoding of audio models is a guess"
_SEARCH = "the encoding is a guess, and a search model was billed 7 tokens less than the rule"
_COMPUTER_USE = "the encoding is a guess"

_SUM = "; the window is read as max input plus max output"
_MEASURED = "exact without assistant turns and without tools, else fitted"
_O1 = "o1 was not measured, counted like o3"
_RESPONSES = "on the Responses API only, whose bills agree with the rule in most rows, not in all"
_GPT_5_SEARCH = "the encoding is a guess, and search models are billed differently"
_CYBER = "this model was not measured, counted like the other gpt-5 models"
_GUESSED = "the wire and the encoding are guesses"
_CODEX_MINI = "the wire and the encoding are guesses: it is said to be made from o4-mini"
_GPT_OSS = "runs locally with a system prompt of its own, which is not counted"

_GROUPS = (
    # chatml-0301. Windows: the older file.
    _Group(_CHATML_0301, _whole(4_097, 4_096), "fitted", _0301, "gpt-3.5-turbo-0301"),
    # im_sep on cl100k.
    _Group(_IM_SEP_CL100K, _whole(4_096, 4_096), "fitted", FINE_TUNED, "ft:gpt-3.5-turbo-0613"),
    _Group(_IM_SEP_CL100K, _whole(8_192, 4_096), "exact", "", "gpt-4 gpt-4-0613"),
    _Group(_IM_SEP_CL100K, _whole(8_192, 4_096), "fitted", FINE_TUNED, "ft:gpt-4-0613"),
    _Group(
        _IM_SEP_CL100K, _whole(16_385, 4_096), "exact", "",
        "gpt-3.5-turbo gpt-3.5-turbo-0125 gpt-3.5-turbo-1106 gpt-3.5-turbo-16k",
    ),
    _Group(
        _IM_SEP_CL100K, _whole(16_385, 4_096), "fitted", FINE_TUNED,
        "ft:gpt-3.5-turbo ft:gpt-3.5-turbo-0125 ft:gpt-3.5-turbo-1106",
    ),
    _Group(
        _IM_SEP_CL100K, _whole(128_000, 4_096), "exact", "",
        "gpt-4-1106-preview gpt-4-turbo gpt-4-turbo-2024-04-09",
    ),
    # im_sep on cl100k, no longer sold. Windows: the older file; gpt-35-turbo: the Azure entry.
    _Group(_IM_SEP_CL100K, _whole(4_097, 4_096), "exact", "", "gpt-3.5-turbo-0613"),
    _Group(_IM_SEP_CL100K, _whole(4_097, 4_096), "fitted", _AZURE_ALIAS, "gpt-35-turbo"),
    _Group(_IM_SEP_CL100K, _whole(16_385, 4_096), "exact", "", "gpt-3.5-turbo-16k-0613"),
    _Group(_IM_SEP_CL100K, _whole(8_192, 4_096), "fitted", _0314, "gpt-4-0314"),
    _Group(_IM_SEP_CL100K, _whole(32_768, 4_096), "exact", "", "gpt-4-32k gpt-4-32k-0613"),
    _Group(_IM_SEP_CL100K, _whole(32_768, 4_096), "fitted", _0314, "gpt-4-32k-0314"),
    _Group(_IM_SEP_CL100K, _whole(128_000, 4_096), "exact", "", "gpt-4-0125-preview gpt-4-turbo-preview"),
    _Group(
        _IM_SEP_CL100K, _whole(128_000, 4_096), "fitted", _NOT_PLAIN,
        "gpt-4-1106-vision-preview gpt-4-vision-preview",
    ),
    # im_sep on o200k.
    _Group(_IM_SEP_O200K, _whole(128_000, 4_096), "exact", "", "gpt-4o-2024-05-13"),
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "exact", "",
        "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18",
    ),
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "fitted", FINE_TUNED,
        "ft:gpt-4o-2024-08-06 ft:gpt-4o-2024-11-20 ft:gpt-4o-mini-2024-07-18",
    ),
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "fitted", _AUDIO,
        """gpt-4o-audio-preview-2024-12-17 gpt-4o-audio-preview-2025-06-03 gpt-4o-mini-audio-preview-2024-12-17
        gpt-audio gpt-audio-2025-08-28 gpt-audio-1.5 gpt-audio-mini gpt-audio-mini-2025-10-06
        gpt-audio-mini-2025-12-15""",
    ),
    # Windows: the older file.
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "fitted", _AUDIO,
        "gpt-4o-audio-preview gpt-4o-audio-preview-2024-10-01 gpt-4o-mini-audio-preview",
    ),
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "fitted", _SEARCH,
        """gpt-4o-mini-search-preview gpt-4o-mini-search-preview-2025-03-11 gpt-4o-search-preview
        gpt-4o-search-preview-2025-03-11""",
    ),
    _Group(
        _IM_SEP_O200K, _whole(8_192, 1_024), "fitted", _COMPUTER_USE,
        "computer-use-preview computer-use-preview-2025-03-11",
    ),
    _Group(
        _IM_SEP_O200K, _whole(1_047_576, 32_768), "exact", "",
        """gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14 gpt-4.1-nano
        gpt-4.1-nano-2025-04-14""",
    ),
    _Group(
        _IM_SEP_O200K, _whole(1_047_576, 32_768), "fitted", FINE_TUNED,
        "ft:gpt-4.1-2025-04-14 ft:gpt-4.1-mini-2025-04-14 ft:gpt-4.1-nano-2025-04-14",
    ),
    # No numbers in the file.
    _Group(_IM_SEP_O200K, _UNSTATED, "fitted", _NOT_PLAIN, "chatgpt-4o-latest"),
    # Windows: the Azure entries.
    _Group(
        _IM_SEP_O200K, _whole(128_000, 16_384), "fitted", _NOT_PLAIN, "gpt-4.5-preview gpt-4.5-preview-2025-02-27"
    ),
    _Group(_IM_SEP_O200K, _whole(128_000, 65_536), "fitted", _O1_SMALL, "o1-mini o1-mini-2024-09-12"),
    _Group(_IM_SEP_O200K, _whole(128_000, 32_768), "fitted", _O1_SMALL, "o1-preview o1-preview-2024-09-12"),
    # harmony, measured.
    _Group(
        _HARMONY, _whole(200_000, 100_000), "exact", _MEASURED,
        "o3 o3-2025-04-16 o3-mini o3-mini-2025-01-31 o4-mini o4-mini-2025-04-16",
    ),
    _Group(
        _HARMONY, _split(272_000, 128_000), "exact", _MEASURED + _SUM,
        """gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07 gpt-5-nano gpt-5-nano-2025-08-07
        gpt-5.1 gpt-5.1-2025-11-13 gpt-5.2 gpt-5.2-2025-12-11
        gpt-5.4-mini gpt-5.4-mini-2026-03-17 gpt-5.4-nano gpt-5.4-nano-2026-03-17""",
    ),
    _Group(
        _HARMONY, _split(922_000, 128_000), "exact", _MEASURED + _SUM,
        "gpt-5.6 gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra",
    ),
    _Group(
        _HARMONY, _whole(1_050_000, 128_000), "exact", _MEASURED,
        "gpt-5.4 gpt-5.4-2026-03-05 gpt-5.5 gpt-5.5-2026-04-23",
    ),
    # harmony, of a measured family but not measured itself or billed differently.
    _Group(_HARMONY, _whole(200_000, 100_000), "fitted", _O1, "o1 o1-2024-12-17"),
    _Group(_HARMONY, _whole(200_000, 100_000), "fitted", FINE_TUNED, "ft:o4-mini-2025-04-16"),
    _Group(
        _HARMONY, _whole(200_000, 100_000), "fitted", _RESPONSES,
        """o1-pro o1-pro-2025-03-19 o3-deep-research o3-deep-research-2025-06-26 o3-pro o3-pro-2025-06-10
        o4-mini-deep-research o4-mini-deep-research-2025-06-26""",
    ),
    _Group(
        _HARMONY, _split(272_000, 128_000), "fitted", _RESPONSES + _SUM,
        "gpt-5-codex gpt-5.2-codex gpt-5.2-pro gpt-5.2-pro-2025-12-11 gpt-5.3-codex",
    ),
    _Group(
        _HARMONY, _split(272_000, 128_000), "fitted", _GPT_5_SEARCH + _SUM,
        "gpt-5-search-api gpt-5-search-api-2025-10-14",
    ),
    _Group(
        _HARMONY, _whole(400_000, 128_000), "fitted", _RESPONSES,
        "gpt-5.1-codex gpt-5.1-codex-max gpt-5.1-codex-mini",
    ),
    _Group(_HARMONY, _whole(400_000, 272_000), "fitted", _RESPONSES, "gpt-5-pro gpt-5-pro-2025-10-06"),
    _Group(
        _HARMONY, _whole(1_050_000, 128_000), "fitted", _RESPONSES,
        "gpt-5.4-pro gpt-5.4-pro-2026-03-05 gpt-5.5-pro gpt-5.5-pro-2026-04-23",
    ),
    _Group(_HARMONY, _whole(400_000, 128_000), "fitted", _CYBER, "gpt-5.6-cyber"),
    _Group(_HARMONY, _UNSTATED, "fitted", _CYBER, "gpt-5.5-cyber"),
    # harmony by guess.
    _Group(
        _HARMONY, _whole(128_000, 16_384), "estimate", _GUESSED,
        "gpt-5-chat gpt-5-chat-latest gpt-5.1-chat-latest gpt-5.2-chat-latest gpt-5.3-chat-latest",
    ),
    _Group(
        _HARMONY, _whole(400_000, 128_000), "estimate", _GUESSED,
        "chat-latest daybreak-red-latest gpt-daybreak-red-latest",
    ),
    _Group(
        _HARMONY, _split(922_000, 128_000), "estimate", _GUESSED + _SUM,
        "daybreak-blue-latest gpt-daybreak-blue-latest gpt-6-astra gpt-6-luna gpt-6-sol gpt-6.1-sol",
    ),
    # Windows: the Azure entries.
    _Group(_HARMONY, _whole(200_000, 100_000), "estimate", _CODEX_MINI, "codex-mini-latest"),
    _Group(_HARMONY, _whole(131_072, 131_072), "estimate", _GPT_OSS, "gpt-oss-120b"),
    # No numbers in the file. gpt-rosalind-*: the names that public code uses.
    _Group(_HARMONY, _UNSTATED, "estimate", _GUESSED, "gpt-rosalind gpt-rosalind-preview gpt-rosalind-research"),
    _Group(_HARMONY, _UNSTATED, "estimate", _GPT_OSS, "gpt-oss-20b"),
)  # fmt: skip

# What Azure calls a model, besides gpt-35-turbo
AZURE_NAMES = {
    "codex-mini": "codex-mini-latest",
    "gpt-4-turbo-vision-preview": "gpt-4-vision-preview",
    "gpt-5.1-chat": "gpt-5.1-chat-latest",
    "gpt-5.2-chat": "gpt-5.2-chat-latest",
    "gpt-5.3-chat": "gpt-5.3-chat-latest",
}

# What people call a model
NICKNAMES = {
    "gpt-3.5": "gpt-3.5-turbo",
    "gpt-4-vision": "gpt-4-vision-preview",
    "gpt-4.5": "gpt-4.5-preview",
    "gpt-4v": "gpt-4-vision-preview",
}

ROWS: tuple[ModelInfo, ...] = tuple(
    sorted(
        (
            ModelInfo(name, *group.wire, *group.window, group.status, group.note)
            for group in _GROUPS
            for name in group.names.split()
        ),
        key=lambda row: row.name,
    )
)
