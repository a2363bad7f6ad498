"""SUP001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, FileRule, Finding, Severity

_GOOD = "{# chatml: ignore[CML] #}\n<|im_start|>user\n{{ question }}<|im_end|>\n"


class UnusedSuppression(FileRule):
    """A comment asks to ignore what is not there.

    It names a rule that does not exist, or one that finds nothing in the lines that the comment speaks of. Rules that
    are not on in this run do not count.

    ## Why is this bad?
    A comment that outlives its finding hides the next one of that kind, and one with a typo hides nothing.

    ## Use instead
    Name the rules, each by its code, a beginning of it, or its name: `# chatml: ignore[TXT001, TLC]`.

    ## Fix
    Safe: the comment is removed where nothing of what it names is found.
    """

    code, name = "SUP001", "unused-suppression"
    severity = Severity.WARNING
    fix = "safe"
    kinds = frozenset({"prompt", "training", "template"})
    source = "as ruff does for noqa (RUF100): a suppression is only seen by who looks for it"
    examples = (
        Example(bad=_GOOD.replace("CML", "CML999"), fixed=_GOOD.partition("}")[2], path="hello.jinja"),
        Example(good=_GOOD, path="hello.jinja"),
        Example(good="<|im_start|>user\nwrite # chatml: ignore[ROL999]<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Nothing here: what a comment hides is known when all rules have looked."""
        del context
        yield from ()
