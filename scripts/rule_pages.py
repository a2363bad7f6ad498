"""Write docs/rules/ from the classes of the rules: a page for each, and an overview; with --check only compare.

python scripts/rule_pages.py [--check]
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

from chatml.lint._pages import FIX, OPTIONS, page_of
from chatml.lint._rule import Example, Rule
from chatml.lint.rules import RULES

FOLDER = Path(__file__).parent.parent / "docs" / "rules"
FIXES = {"safe": "safe, `--fix`", "unsafe": "unsafe, `--unsafe-fixes`", "": "none"}
GROUPS = {
    "CML": "ChatML structure",
    "DAT": "training data",
    "FMT": "white space and format",
    "ROL": "roles and their order",
    "SPT": "special tokens and injection",
    "SUP": "suppressions",
    "SYN": "files",
    "TLC": "tools and their calls",
    "TOK": "tokens and budgets",
    "TPL": "templates",
    "TXT": "text",
}
# what a page cannot show as it is: characters that are not seen, or that turn the direction of text
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e0fff]"
)


def rule_page(rule: type[Rule]) -> str:
    """The page of one rule."""
    page = page_of(rule)
    where = "all that hold messages" if rule.formats is None else ", ".join(sorted(rule.formats))
    facts = {
        "severity": str(rule.severity),
        "by default": "on" if rule.is_on else "off",
        "fix": FIXES[rule.fix],
        "formats": where,
        "used as": ", ".join(sorted(rule.kinds)),
    }
    parts = [
        f"# {rule.name} ({rule.code})",
        page.summary,
        page.intro,
        "\n".join(["| " + " | ".join(facts) + " |", "|---" * len(facts) + "|", f"| {' | '.join(facts.values())} |"]),
        *(f"## {title}\n\n{text}" for title, text in page.sections.items() if title not in (FIX, OPTIONS)),
        f"## {FIX}\n\n{page.sections[FIX]}" if FIX in page.sections else "",
        options(rule, page.sections.get(OPTIONS, "")),
        "## Examples",
        *(part for example in rule.examples for part in example_parts(example)),
        f"## Source\n\n{rule.source}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def options(rule: type[Rule], text: str) -> str:
    """The section about options, with their defaults."""
    if not rule.options:
        return f"## {OPTIONS}\n\n{text}" if text else ""
    rows = "\n".join(f"| `{name}` | `{cell(repr(value))}` |" for name, value in rule.options.items())
    table = f"| option | default |\n|---|---|\n{rows}"
    where = f"Options are set in `[tool.chatml.rules.{rule.code}]`."
    return "\n\n".join(filter(None, [f"## {OPTIONS}", where, table, text]))


def example_parts(example: Example) -> list[str]:
    """What shows a rule: a file at which it fires, what the fix makes of it, and one at which it is silent."""
    settings = ", ".join(f"`{key} = {value!r}`" for key, value in example.settings.items())
    where = f" in `{example.path}`" + (f" with {settings}" if settings else "")
    parts = [("Fires", example.bad), ("Fixed", example.fixed), ("Silent", example.good)]
    return [f"{title}{where}:\n\n{fenced(text)}" for title, text in parts if text]


def fenced(text: str) -> str:
    """A block of code that holds any text; what cannot be seen is shown as an escape."""
    shown = _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return f"{fence}text\n{shown.removesuffix(chr(10))}\n{fence}"


def cell(text: str) -> str:
    """Text in a table."""
    return text.replace("|", "\\|")


def overview() -> str:
    """The page with all rules."""
    ordered = sorted(RULES, key=lambda rule: rule.code)
    parts = [
        "# Rules",
        f"`chatml lint` knows {len(RULES)} rules. `chatml explain CODE` tells about one of them on the command line. A"
        " code is never used again for another rule. How to choose rules is told in [Lint your prompts](../lint.md).",
    ]
    for prefix, rules in groupby(ordered, key=lambda rule: rule.code[:3]):
        rows = [row(rule) for rule in rules]
        head = "| code | name | what it finds | severity | default | fix |\n|---|---|---|---|---|---|"
        parts += [f"## {prefix}: {GROUPS[prefix]}", "\n".join([head, *rows])]
    return "\n\n".join(parts) + "\n"


def row(rule: type[Rule]) -> str:
    """The line of a rule in the overview."""
    what, default = cell(page_of(rule).summary), "on" if rule.is_on else "off"
    link = f"[{rule.code}]({rule.code}.md)"
    return f"| {link} | {rule.name} | {what} | {rule.severity} | {default} | {rule.fix or '-'} |"


def pages() -> dict[str, str]:
    """The name of every page, and what has to be in it."""
    return {"index.md": overview(), **{f"{rule.code}.md": rule_page(rule) for rule in RULES}}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are not up to date."""
    expected = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if arguments == ["--check"]:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if wrong:
            print(f"docs/rules: {', '.join(wrong)} not up to date; run scripts/rule_pages.py", file=sys.stderr)
        return int(bool(wrong))
    FOLDER.mkdir(exist_ok=True)
    for name in found.keys() - expected.keys():
        (FOLDER / name).unlink()
    for name, text in expected.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
