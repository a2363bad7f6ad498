"""Facts that others published: token ids, billed counts, and prompt strings byte for byte."""

from __future__ import annotations

import pytest

from chatml import Message, Prompt, count, decode, encode, get_encoding, measure, parse, render
from chatml._special import ENCODING_TOKENS
from chatml.encodings import encoding_names, special_tokens

AZURE_DOC_IDS = [100264, 882, 198, 9906, 100265, 100264, 78191]

FOUNDERS = [
    {"role": "system", "content": "Assistant is a large language model trained by OpenAI."},
    {"role": "user", "content": "Who were the founders of Microsoft?"},
]
WORLD_SERIES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Who won the world series in 2020?"},
    {"role": "assistant", "content": "The Los Angeles Dodgers won the World Series in 2020."},
    {"role": "user", "content": "Where was it played?"},
]
_USER, _ASSISTANT = "example_user", "example_assistant"
COOKBOOK = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain "
        "English.",
    },
    {"role": "system", "name": _USER, "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": _ASSISTANT, "content": "Things working well together will increase revenue."},
    {
        "role": "system",
        "name": _USER,
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased "
        "leverage.",
    },
    {
        "role": "system",
        "name": _ASSISTANT,
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
OPENAPI_EXAMPLE = [
    {"role": "developer", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Hello!"},
]

# Ids


def test_the_example_of_the_azure_document() -> None:
    """No newline between the end of a message and the start of the next: read all the same."""
    text = "<|im_start|>user\nHello<|im_end|><|im_start|>assistant"
    assert Prompt.from_text(text).token_ids("cl100k_im") == AZURE_DOC_IDS
    assert Prompt.from_text(text, dialect="openai").token_ids("cl100k_im") == AZURE_DOC_IDS
    assert decode(AZURE_DOC_IDS, encoding="cl100k_im") == [Message("user", "Hello")]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("<|im_start|>Hello World<|im_end|>", [100264, 9906, 4435, 100265]),
        ("<|im_start|>Hello<|im_end|> World", [100264, 9906, 100265, 4435]),
        ("<|im_start|>Hello ⭐ World<|im_end|>", [100264, 9906, 2928, 99834, 4435, 100265]),
    ],
)
def test_the_vectors_of_the_microsoft_tokenizer(text: str, ids: list[int]) -> None:
    assert get_encoding("cl100k_im").encode(text, allowed_special="all") == ids
    assert Prompt.from_text(text).token_ids("cl100k_im") == ids


@pytest.mark.parametrize(
    ("name", "ids"),
    [("cl100k_base", [16047, 38, 2898, 374, 2294, 0]), ("o200k_base", [14065, 162016, 382, 2212, 0])],
)
def test_chatgpt_is_great(name: str, ids: list[int]) -> None:
    assert get_encoding(name).encode_ordinary("ChatGPT is great!") == ids


@pytest.mark.parametrize(
    ("encoding", "ids"),
    [
        ("cl100k_im", {"<|im_start|>": 100264, "<|im_end|>": 100265, "<|im_sep|>": 100266, "<|endofprompt|>": 100276}),
        ("o200k_im", {"<|im_start|>": 200264, "<|im_end|>": 200265, "<|im_sep|>": 200266, "<|endoftext|>": 199999}),
        (
            "o200k_harmony",
            {
                "<|return|>": 200002,
                "<|channel|>": 200005,
                "<|start|>": 200006,
                "<|end|>": 200007,
                "<|message|>": 200008,
            },
        ),
    ],
)
def test_ids_of_special_tokens(encoding: str, ids: dict[str, int]) -> None:
    assert {token: get_encoding(encoding).encode_single_token(token) for token in ids} == ids


@pytest.mark.parametrize("name", encoding_names())
def test_the_registry_knows_the_special_tokens_of_every_encoding(name: str) -> None:
    assert dict(ENCODING_TOKENS[name]) == dict(special_tokens(name))
    assert set(ENCODING_TOKENS[name]) == get_encoding(name).special_tokens_set


def test_newlines_of_header_and_content_are_one_piece() -> None:
    """The newline of the header and that of the content are one token."""
    ids = encode([{"role": "user", "content": "\nhi"}], encoding="cl100k_im")
    assert ids == [100264, *get_encoding("cl100k_im").encode_ordinary("user\n\nhi"), 100265, 198]
    assert get_encoding("cl100k_im").encode_ordinary("\n\n")[0] in ids


# Counts


def test_azure_documented_count() -> None:
    assert count(FOUNDERS, model="gpt-35-turbo") == 29


def test_world_series_in_three_wires() -> None:
    assert count(WORLD_SERIES, dialect="openai") == 56  # March 2023: the prime had no newline
    assert Prompt.from_messages(WORLD_SERIES, dialect="openai", add_generation_prompt=True).count() == 56
    assert count(WORLD_SERIES, model="gpt-3.5-turbo-0301") == 57
    assert count(WORLD_SERIES, model="gpt-3.5-turbo-0613") == 53
    assert count(WORLD_SERIES, dialect="openai-im-sep", encoding="cl100k_im") == 53


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-3.5-turbo-0301", 127),
        ("gpt-3.5-turbo-0613", 129),
        ("gpt-3.5-turbo-0125", 129),
        ("gpt-3.5-turbo", 129),
        ("gpt-4-0613", 129),
        ("gpt-4", 129),
        ("gpt-4o", 124),
        ("gpt-4o-mini", 124),
    ],
)
def test_openai_cookbook_example(model: str, tokens: int) -> None:
    assert count(COOKBOOK, model=model) == tokens
    assert measure(COOKBOOK, model=model).total == tokens


def test_openai_cookbook_messages_alone() -> None:
    assert count(COOKBOOK[:1], model="gpt-3.5-turbo-0613") == 25
    assert count(COOKBOOK[1:2], model="gpt-3.5-turbo-0613") == 20
    assert count(COOKBOOK[2:3], model="gpt-3.5-turbo-0613") == 19


def test_hello_is_billed_as_eight() -> None:
    assert count([{"role": "user", "content": "hello"}], model="gpt-3.5-turbo-0613") == 8


def test_openapi_example_in_two_wires() -> None:
    assert count(OPENAPI_EXAMPLE, model="gpt-4o") == 19
    assert count(OPENAPI_EXAMPLE, model="gpt-5") == 18


def test_counts_are_lengths_of_ids() -> None:
    for messages in (FOUNDERS, WORLD_SERIES, COOKBOOK, OPENAPI_EXAMPLE):
        ids = encode(messages, dialect="openai-im-sep", encoding="o200k_im", add_generation_prompt=True)
        assert count(messages, model="gpt-4o") == len(ids)


# Strings

OPENAI_FEW_SHOT = """<|im_start|>system
Translate from English to French
<|im_end|>
<|im_start|>system name=example_user
How are you?
<|im_end|>
<|im_start|>system name=example_assistant
Comment allez-vous?
<|im_end|>
<|im_start|>user
{{user input here}}<|im_end|>
"""

OPENAI_CHAT = (
    "<|im_start|>system\nYou are ChatGPT, a large language model trained by OpenAI. Answer as concisely as possible.\n"
    "Knowledge cutoff: 2021-09-01\nCurrent date: 2023-03-01<|im_end|>\n"
    "<|im_start|>user\nHow are you<|im_end|>\n"
    "<|im_start|>assistant\nI am doing well!<|im_end|>\n"
    "<|im_start|>user\nHow are you now?<|im_end|>\n"
)


def test_openai_documented_few_shot() -> None:
    messages = [
        {"role": "system", "content": "Translate from English to French\n"},
        {"role": "system", "name": "example_user", "content": "How are you?\n"},
        {"role": "system", "name": "example_assistant", "content": "Comment allez-vous?\n"},
        {"role": "user", "content": "{{user input here}}"},
    ]
    assert render(messages, dialect="openai") == OPENAI_FEW_SHOT
    assert [message.to_mapping() for message in parse(OPENAI_FEW_SHOT, dialect="openai")] == [
        {key: message[key] for key in ("role", "content", "name") if key in message} for message in messages
    ]


def test_openai_documented_chat() -> None:
    messages = parse(OPENAI_CHAT, dialect="openai")
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0].text.endswith("2021-09-01\nCurrent date: 2023-03-01")
    assert render(messages, dialect="openai") == OPENAI_CHAT
    assert not Prompt.from_text(OPENAI_CHAT, dialect="openai").diagnostics


def test_openai_documented_generation_prompt() -> None:
    messages = [{"role": "user", "content": "List off some good ideas:"}]
    text = "<|im_start|>user\nList off some good ideas:<|im_end|>\n<|im_start|>assistant"
    assert render(messages, dialect="openai", add_generation_prompt=True) == text


def test_azure_documented_prompt() -> None:
    messages = [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "Bye\n"},
    ]
    text = (
        "<|im_start|>system\nBe terse.\n<|im_end|>\n<|im_start|>user\nHi\n<|im_end|>\n"
        "<|im_start|>assistant\nHello!\n<|im_end|>\n<|im_start|>user\nBye\n\n<|im_end|>\n<|im_start|>assistant\n"
    )
    assert render(messages, dialect="azure", add_generation_prompt=True) == text
    assert [message.to_mapping() for message in parse(text, dialect="azure")] == messages


def test_azure_prose_block_with_trailing_spaces() -> None:
    """The document's prose has a space behind roles and end markers; that is read without an error."""
    text = (
        "<|im_start|>system \nProvide some context.\n<|im_end|> \n"
        "<|im_start|>user \nThe user's message goes here\n<|im_end|> \n"
        "<|im_start|>assistant \n"
    )
    messages = parse(text, dialect="azure")
    assert messages == [Message("system", "Provide some context."), Message("user", "The user's message goes here")]
    prompt = Prompt.from_text(text, dialect="azure")
    assert prompt.ending == "generation_prompt"
    assert {(problem.code, str(problem.severity)) for problem in prompt.diagnostics} <= {
        ("trailing-space", "info"),
        ("generation-prompt", "info"),
    }
