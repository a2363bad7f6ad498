"""Other counters of requests, as their users call them; those that are installed are compared."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import chatml
from chatml._recorded import Recorded

if TYPE_CHECKING:
    import tiktoken

Counter = Callable[[Recorded], int]


def vocabularies() -> dict[str, tiktoken.Encoding]:
    """Our copies of tiktoken's encodings, which are the same."""
    return {name: chatml.get_encoding(name) for name in ("cl100k_base", "o200k_base", "o200k_harmony")}


def offline() -> None:
    """Keep other counters from downloading what is here already, and from printing warnings."""
    import tiktoken.registry

    tiktoken.registry.ENCODINGS.update(vocabularies())
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def nested_tools(recorded: Recorded) -> list[Any]:
    """The tools of a request in the form of Chat Completions; others read no other one."""
    tools = [
        {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
        if tool.get("type") == "function" and "function" not in tool
        else tool
        for tool in recorded.tools or ()
    ]
    return tools + [{"type": "function", "function": function} for function in recorded.functions or ()]


def has_address(recorded: Recorded) -> bool:
    """Whether an image is given by its address, which some counters would fetch."""
    return '"http' in json.dumps(recorded.messages)


def cookbook_counter() -> Counter:
    """The formulas of OpenAI's cookbook, How_to_count_tokens_with_tiktoken, sections 6 and 7."""
    import tiktoken

    def messages_tokens(recorded: Recorded, encoding: tiktoken.Encoding) -> int:
        old = recorded.models[0] == "gpt-3.5-turbo-0301"
        per_message, per_name = (4, -1) if old else (3, 1)
        total = 3
        for message in recorded.messages:
            total += per_message + sum(len(encoding.encode(value)) for value in message.values())
            total += per_name if "name" in message else 0
        return total

    def tool_tokens(tools: Sequence[Any], encoding: tiktoken.Encoding) -> int:
        def text(value: str) -> int:
            return len(encoding.encode(value))

        total = 12 if tools else 0
        for tool in tools:
            function = tool["function"]
            properties = function["parameters"]["properties"]
            total += 10 if encoding.name == "cl100k_base" else 7
            total += text(f"{function['name']}:{function['description'].removesuffix('.')}")
            total += 3 if properties else 0
            for name, schema in properties.items():
                total += 3 + text(f"{name}:{schema['type']}:{schema['description'].removesuffix('.')}")
                if "enum" in schema:
                    total += sum(3 + text(item) for item in schema["enum"]) - 3
        return total

    def count(recorded: Recorded) -> int:
        try:
            encoding = tiktoken.encoding_for_model(recorded.models[0])
        except KeyError:
            encoding = tiktoken.get_encoding("o200k_base")
        return messages_tokens(recorded, encoding) + tool_tokens(nested_tools(recorded), encoding)

    return count


def litellm_counter() -> Counter:
    """litellm.token_counter."""
    import litellm

    def count(recorded: Recorded) -> int:
        tools = nested_tools(recorded) or None
        return litellm.token_counter(
            model=recorded.models[0],
            messages=recorded.messages,
            tools=tools,
            tool_choice=recorded.tool_choice if tools else None,
            use_default_image_token_count=has_address(recorded),
        )

    return count


def langchain_counter() -> Counter:
    """ChatOpenAI.get_num_tokens_from_messages of langchain-openai."""
    from langchain_core.messages import convert_to_messages
    from langchain_openai import ChatOpenAI

    def count(recorded: Recorded) -> int:
        model = ChatOpenAI(model=recorded.models[0], api_key="none")
        return model.get_num_tokens_from_messages(
            convert_to_messages(recorded.messages),
            tools=nested_tools(recorded) or None,
            allow_fetching_images=not has_address(recorded),
        )

    return count


def tokencost_counter() -> Counter:
    """tokencost.count_message_tokens."""
    import tokencost

    return lambda recorded: tokencost.count_message_tokens(recorded.messages, recorded.models[0])


PEERS = {
    "litellm": litellm_counter,
    "langchain-openai": langchain_counter,
    "tokencost": tokencost_counter,
    "cookbook": cookbook_counter,
}


class Peer(NamedTuple):
    """Another counter: what it is called with its version, and what it counts; None where it is not installed."""

    title: str
    count: Counter | None


def load_peers(peers: Mapping[str, Callable[[], Counter]] = PEERS) -> dict[str, Peer]:
    """The other counters, as far as they are here."""
    found = {}
    for name, make in peers.items():
        try:
            count = make()
            version = "" if name == "cookbook" else f" {metadata.version(name)}"
            found[name] = Peer(f"{name}{version}", count)
        except ImportError:
            found[name] = Peer(f"{name} (not installed)", None)
    return found
