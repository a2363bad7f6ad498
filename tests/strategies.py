"""Directed generators: text made of what a codec may get wrong, and messages, options and mutations made of such text.

Random text hardly ever spells a marker. Here a text is a row of fragments: tokens, parts of tokens, escape characters,
half-escaped forms, white space, role words, headers, odd characters, and only then a little random text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from chatml._errors import ChatMLError
from chatml._special import ENCODING_TOKENS, family_tokens
from chatml.dialects import DIALECTS, Dialect

Messages = list[dict[str, Any]]

FRAME_TOKENS = sorted({marker for dialect in DIALECTS for marker in dialect.markers})
OTHER_TOKENS = [
    *("<s>", "</s>", "<bos>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<think>", "</think>", "<tools>"),
    *("<|endoftext|>", "<|begin_of_text|>", "<|fim_middle|>", "<|return|>", "<|constrain|>", "<|reserved_200013|>"),
    *("<｜User｜>", "<start_of_turn>", "</tool_call>"),
]
DIRECTED_TOKENS = [*FRAME_TOKENS, *OTHER_TOKENS]
_ENCODED = {token for tokens in ENCODING_TOKENS.values() for token in tokens if not token.startswith("<|reserved_2")}
REGISTRY = sorted(family_tokens() | _ENCODED)

WHITE = ["\n", " ", "\n\n", "  ", "\t", "\r\n", "\r", " \n", "\n ", "\x0b", "\x0c", "\x85", "\xa0", "\u2028", "\u3000"]
ODD = [
    *(
        "\x00",
        "\x1b",
        "\x7f",
        "\ud800",
        "\udfff",
        "\ud83d\ude00",
        "\ufffe",
        "\U0010ffff",
        "\u0301",
        "e\u0301",
        "\u202e",
    ),
    *("<\u200b|", "\u200b", "\u200d", "\ufeff", "é", "世界", "👩\u200d👩\u200d👧", "＜", "｜", "≮", "İ", "ﬁ"),
]
PLAIN = [
    *("Hello", "a", "a < b", "x <| f |> g", "array[I]", "std::vector<int>", "<", "<<", "|", "|>", ">", "[", "]", "_"),
    *("0", "&lt;", "{{ x }}"),
]
ESCAPES = ["\\", "\\\\", "\\\\\\", "<\\", "<\\\\", "[\\", "<|\\", "\\<", "\\n"]
COMMON_ROLES = ["user", "assistant", "system", "developer", "tool"]
CUSTOM_ROLES = ["function", "observation", "critic-2", "a"]
HEADERS = [
    *("user\n", "assistant\n", " assistant", "user name=bob", "user:bob", "User", "critic\n", *COMMON_ROLES),
    *("<|im_start|>user\n", "<|im_start|>user \n", "<|im_start|>user\r\n", "<|im_start|>system name=x\n"),
    *("<|im_start|>assistant", "<|im_start|>assistant\n", "<|im_start|>assistant<|im_sep|>", "<|start|>assistant"),
    *("<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n", "<|im_end|> \n", "<|im_end|>\r\n", "\n<|im_end|>"),
    *("<|im_end|><|im_start|>system<|im_sep|>", "<|end|><|start|>user<|message|>", "assistant<|channel|>final"),
    *("<|start|>assistant<|channel|>final<|message|>", "<|start|>assistant<|message|>"),
]
_SPLITS = [(token[:cut], token[cut:]) for token in DIRECTED_TOKENS for cut in range(1, len(token))]
_PARTS = sorted({part for split in _SPLITS for part in split})
_HALF_ESCAPED = [*(f"{head}\\{tail}" for head, tail in _SPLITS), *(f"{token}\\" for token in DIRECTED_TOKENS)]
_STUFFED = [token[0] + between + token[1:] for token in DIRECTED_TOKENS for between in ("\\", "\\\\", "\u200b")]
_POOLS = [PLAIN, WHITE, FRAME_TOKENS, ESCAPES, HEADERS, _PARTS, OTHER_TOKENS, _STUFFED, _HALF_ESCAPED, ODD, REGISTRY]
_LARGEST = max(map(len, _POOLS))


def _fragment(number: int) -> str:
    """One number picks the pool and what is in it: every pool as often as another, at half the cost of two draws."""
    which, place = divmod(number, _LARGEST)
    return _POOLS[which][place % len(_POOLS[which])]


_known_fragments = st.integers(0, len(_POOLS) * _LARGEST - 1).map(_fragment)
fragments = st.one_of(_known_fragments, _known_fragments, _known_fragments, _known_fragments, st.text(max_size=4))
texts = st.lists(fragments, max_size=5).map("".join)
soups = st.lists(fragments, max_size=12).map("".join)

dialects = st.sampled_from(DIALECTS)
roles = st.sampled_from([*COMMON_ROLES, *COMMON_ROLES, *CUSTOM_ROLES])
names = st.sampled_from([None, None, None, "bob", "example_user", "X-1_z", "user", "assistant", "0", "n" * 64])
options = st.sampled_from([{}, {"add_generation_prompt": True}, {"continue_final_message": True}])


def _message(fields: tuple[str, str, str | None]) -> dict[str, Any]:
    role, content, name = fields
    return {"role": role, "content": content} | ({} if name is None else {"name": name})


messages_ = st.tuples(roles, texts, names).map(_message)
conversations = st.lists(messages_, max_size=4)


def fitted(messages: Messages, dialect: Dialect) -> Messages:
    """The messages, changed as little as it takes for `dialect` to hold them."""
    out: Messages = []
    for given in messages:
        message = dict(given)
        role = message["role"]
        if dialect.roles is not None and role not in dialect.roles:
            role = "user"
        if dialect.system_first_only and role == "system" and out:
            role = "user"
        if dialect.reply_header and role == "assistant" and (not out or out[-1]["role"] != "user"):
            role = "user"
        message["role"] = role
        if role != "tool" and "{role}" not in (dialect.named_header or ""):
            message.pop("name", None)
        if dialect.trims_leading_system and role == "system" and not out:
            message["content"] = message["content"].strip()
        out.append(message)
    if dialect.needs_turn and not any(index or message["role"] != "system" for index, message in enumerate(out)):
        out.append({"role": "user", "content": "Hello"})
    return out


def without_surrogates(text: str) -> str:
    """The text as it comes back from ids: a pair is one character, a lone surrogate U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@st.composite
def chunked(draw: st.DrawFn, text: str) -> list[str]:
    """`text` cut at a few places; a piece may be empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """`text` after a few deletions and insertions, cut short, or with other line ends."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["delete", "insert", "crlf", "truncate"]))
        if kind == "delete":
            text = text[:start] + text[start + draw(st.integers(1, 14)) :]
        elif kind == "insert":
            text = text[:start] + draw(fragments) + text[start:]
        elif kind == "crlf":
            text = text.replace("\n", "\r\n")
        else:
            text = text[:start]
    return text


# What a caller may hand over by mistake: JSON and a little more

_KEYS = """role content name tool_calls tool_call_id function_call refusal reasoning reasoning_content thinking from
    value sender text type function arguments id extra weight"""
keys = st.sampled_from([*_KEYS.split(), "", "\ud800"])
_scalars = st.one_of(
    st.sampled_from([*COMMON_ROLES, "", "text", "Human", " user", "{}", '{"name": "f"}', "\ud800", b"bytes"]),
    st.sampled_from([None, True, False, 0, -1, 10**30, 1.5, float("nan"), float("inf")]),
    fragments,
)
json_like = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(keys, st.integers(0, 2)), inner, max_size=4),
    ),
    max_leaves=6,
)
_almost_message = st.one_of(
    json_like,
    st.fixed_dictionaries({"role": st.one_of(roles, json_like), "content": st.one_of(texts, json_like)}),
    st.dictionaries(keys, json_like, max_size=5),
)
almost_messages = st.one_of(json_like, st.lists(_almost_message, max_size=3))


def catches(check: Callable[[Any], object], strategy: st.SearchStrategy[Any], max_examples: int = 2_000) -> bool:
    """Whether `check` fails for some example of `strategy`: for negative controls, which have to be caught."""

    def fails(value: Any) -> bool:
        try:
            check(value)
        except (AssertionError, ChatMLError):
            return True
        return False

    once = settings(max_examples=max_examples, derandomize=True, database=None, phases=[Phase.generate])
    try:
        find(strategy, fails, settings=once)
    except NoSuchExample:
        return False
    return True
