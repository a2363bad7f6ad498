"""The registry: which spellings are special tokens, and where each of them must not stand in text.

Two sets per dialect. In every role the frame's own markers and the special tokens of the dialect's encoding are
dangerous: they become ids. In roles that outsiders fill (`user`, `tool`, custom ones) every token of every known family
is, because a model may know it by training; a system prompt or an assistant's own `<think>` may spell those.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

REGISTRY_VERSION = 1  # goes up whenever an escaped text of the version before would be read differently

OPENERS = "<[｜"  # the first characters of all family tokens; a literal, so that dialects need not load them

# what a text may begin or end with outside of all messages
BOS_AND_EOS = frozenset(
    {
        *("<s>", "</s>", "<bos>", "<eos>", "<|startoftext|>", "<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>"),
        *("<|eot_id|>", "<|eos|>", "<seed:bos>", "<seed:eos>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
        *("<|begin_of_sentence|>", "<|end_of_sentence|>", "<sop>", "[gMASK]"),
    }
)

TRUSTED_ROLES = frozenset({"system", "developer", "assistant"})

# tiktoken_ext/openai_public.py of tiktoken 0.14.0
_CL100K_BASE = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}
# The ChatML markers: the first two ids are in tiktoken's README, the third is that of Phi-4
_CL100K_IM = {"<|im_start|>": 100264, "<|im_end|>": 100265, "<|im_sep|>": 100266}

_O200K_BASE = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
# Known from third-party code only: OpenAI has not published these ids
_O200K_IM = {"<|im_start|>": 200264, "<|im_end|>": 200265, "<|im_sep|>": 200266}

_HARMONY_NAMES = {
    199998: "<|startoftext|>",
    200002: "<|return|>",
    200003: "<|constrain|>",
    200005: "<|channel|>",
    200006: "<|start|>",
    200007: "<|end|>",
    200008: "<|message|>",
    200012: "<|call|>",
}
# Every other id is reserved. 200018 has a reserved spelling beside `<|endofprompt|>`, as in tiktoken.
_HARMONY = _O200K_BASE | {
    _HARMONY_NAMES.get(number, f"<|reserved_{number}|>"): number for number in (199998, *range(200000, 201088))
}

# the special tokens of each named encoding and their ids
ENCODING_TOKENS: Mapping[str, Mapping[str, int]] = {
    "cl100k_base": MappingProxyType(_CL100K_BASE),
    "cl100k_im": MappingProxyType(_CL100K_BASE | _CL100K_IM),
    "o200k_base": MappingProxyType(_O200K_BASE),
    "o200k_harmony": MappingProxyType(_HARMONY),
    "o200k_im": MappingProxyType(_O200K_BASE | _O200K_IM),
}


@lru_cache(maxsize=1)
def families() -> Mapping[str, tuple[str, ...]]:
    """The special tokens of each family of models, by the family's name."""
    import json  # encodings need the tables above, and not this

    path = os.path.join(os.path.dirname(__file__), "data", "special_tokens.json")
    with open(path, encoding="utf-8") as file:
        return {family: tuple(tokens) for family, tokens in json.load(file).items()}


@lru_cache(maxsize=1)
def family_tokens() -> frozenset[str]:
    """Every token of every family."""
    return frozenset(token for tokens in families().values() for token in tokens)


@lru_cache(maxsize=1)
def known_tokens() -> frozenset[str]:
    """Every token of every family and of every named encoding."""
    return family_tokens() | {token for tokens in ENCODING_TOKENS.values() for token in tokens}
