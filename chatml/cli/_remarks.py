"""What several commands note beside their counts: each in the same words."""

from __future__ import annotations


def by_default(model: str) -> str:
    """Nobody said what to count for."""
    return f"counted as {model}, because neither --model nor --dialect is given"


def no_price(model: str | None) -> str:
    """A cost was asked for and is not known; None for a dialect."""
    whom = f"model {model}" if model else "a dialect"
    return f"no price is known for {whom}: name a file with prices by --models"


def foreign(dialect: str, encoding: object) -> str:
    """The counts are those of another vocabulary."""
    return (
        f"the models of dialect {dialect} have a vocabulary of their own: counts by {encoding} are estimates,"
        " --encoding with the model's tokenizer.json gives exact ones"
    )


def plain_text(name: str) -> str:
    """A file holds no prompt."""
    return f"{name} holds no marker of a prompt: it is counted as plain text"
