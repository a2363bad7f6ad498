"""Write the table of dialects into docs/dialects.md, from the dialects themselves; with --check only compare.

python scripts/write_dialect_table.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from chatml.dialects import DIALECTS, Dialect

PAGE = Path(__file__).parent.parent / "docs" / "dialects.md"
BEGIN, END = "<!-- table: written by scripts/write_dialect_table.py -->", "<!-- end of table -->"


def turn(dialect: Dialect) -> str:
    """One turn, as a Python literal without its quotes."""
    parts = (
        dialect.start, "ROLE", dialect.header_end, "TEXT", dialect.content_end, dialect.end, dialect.separator,
    )  # fmt: skip
    return repr("".join(parts))[1:-1].replace("|", "\\|")


def peculiarities(dialect: Dialect) -> str:
    """What sets a dialect apart from plain ChatML, in words."""
    cut = 45
    default = dialect.default_system or ""
    default = default.replace("\n", " ") if len(default) <= cut else default[:cut] + "..."
    words = {
        f"names: `{dialect.named_header}`": dialect.named_header,
        f"assistant headers hold `{dialect.assistant_channel}`".replace("|", "\\|"): dialect.assistant_channel,
        f"starts with `{dialect.bos}`".replace("|", "\\|"): dialect.bos,
        f"ends with `{dialect.eos}`".replace("|", "\\|"): dialect.eos,
        f"default system text “{default}”": default,
        "no newline behind the last turn": dialect.separator and not dialect.separator_after_last,
        "the reply header behind every user turn": dialect.reply_header,
        "a system message only first": dialect.system_first_only,
        "trims the first system message": dialect.trims_leading_system,
        "the last turn stays open": not dialect.closes_last,
        f"generation prompt `{dialect.generation_prompt}`".replace("|", "\\|"): (
            dialect.header_end not in dialect.generation_prompt
        ),
        f"only the roles {', '.join(dialect.roles or ())}": dialect.roles,
        "counts with its `encoding` are estimates": not dialect.own_vocabulary,
    }
    return "; ".join(word for word, holds in words.items() if holds)


def table() -> str:
    """All dialects, as Markdown."""
    rows = ["| name | turn | encoding | besides |", "|---|---|---|---|"]
    for dialect in DIALECTS:
        names = ", ".join(f"`{name}`" for name in (dialect.name, *dialect.aliases))
        rows.append(f"| {names} | `{turn(dialect)}` | `{dialect.encoding}` | {peculiarities(dialect)} |")
    return "\n".join(rows)


def page() -> str:
    """The page with the table as it has to be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == wanted else "docs/dialects.md is out of date: run the script")
    PAGE.write_text(wanted, encoding="utf-8")
