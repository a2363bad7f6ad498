"""A chat that keeps within its budget, and compares its own count with what the provider bills.

    OPENAI_API_KEY=... python examples/chat_loop.py --model gpt-4o-mini --max-tokens 8000 --reserve 1000

Works with any server that speaks Chat Completions (--base-url). Needs `pip install openai`. Type a message a line; an
empty line or the end of the input ends the chat, which --save keeps in a file and takes up again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import openai

import chatml


def talk(client: openai.OpenAI, conversation: chatml.Conversation, lines: Iterable[str], *, model: str) -> int:
    """Answer each line; return by how many tokens counts and bills differed in all."""
    difference = 0
    for line in lines:
        text = line.strip()
        if not text:
            break
        conversation.append({"role": "user", "content": text})
        fitted = conversation.fit()
        if fitted.dropped:
            print(f"[{len(fitted.dropped)} messages left out: {fitted.dropped[-1].explanation}]", file=sys.stderr)
        reply = client.chat.completions.create(model=model, messages=list(fitted.messages))  # type: ignore[arg-type]
        answer = reply.choices[0].message.content or ""
        print(answer)
        conversation.append({"role": "assistant", "content": answer})
        if reply.usage is not None:
            billed = reply.usage.prompt_tokens
            difference += abs(billed - fitted.tokens)
            print(f"[{fitted.tokens} tokens counted, {billed} billed, {fitted.status}]", file=sys.stderr)
    return difference


def main() -> int:
    """Run the loop on standard input."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--base-url", default=None)
    parser.add_argument("--max-tokens", type=int, default=8_000)
    parser.add_argument("--reserve", type=int, default=1_000)
    parser.add_argument("--system", default="You are a helpful assistant.")
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    client = openai.OpenAI(base_url=arguments.base_url)
    try:
        if arguments.save and arguments.save.exists():
            conversation = chatml.Conversation.load(arguments.save)
        else:
            conversation = chatml.Conversation(
                [{"role": "system", "content": arguments.system}], model=arguments.model,
                max_tokens=arguments.max_tokens, reserve=arguments.reserve,
            )  # fmt: skip
        talk(client, conversation, sys.stdin, model=arguments.model)
        if arguments.save:
            conversation.save(arguments.save)
    except chatml.BudgetError as error:
        print(f"{error}; start a new conversation", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
