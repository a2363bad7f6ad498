"""From the text of a file to diagnostics: reads it, shows it to the rules, and finds the places they speak of.

Nothing here opens a file. Rules never raise what a file can cause; a fault in one is reported, and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from chatml._diagnostics import Severity
from chatml._errors import ChatMLError, ParseError
from chatml._messages import read_messages
from chatml._meter import Meter, meter_for
from chatml._prompt import Prompt
from chatml._spans import LineIndex
from chatml.dialects import Dialect, get_dialect
from chatml.lint._diagnostic import Analysis, Block, Edit, LintDiagnostic, LintFix
from chatml.lint._reading import read_prompt
from chatml.lint._rule import (
    Applicability,
    Change,
    Context,
    DatasetRule,
    Fact,
    FileRule,
    Finding,
    Fix,
    Kind,
    Rule,
    Span,
    Tokens,
)
from chatml.lint._select import is_asked, is_ignored, is_named, matches, names_a_rule, rules_for
from chatml.lint._settings import DEFAULT_DIALECT, Settings
from chatml.lint._spelled import escaped, lookalikes_in, tokens_in
from chatml.lint._spots import fix_of, pointer_of, span_of
from chatml.lint._suppress import Comment, find_comments, has_comments
from chatml.lint._turns import prompt_turns, turn_of
from chatml.lint.rules.sup001_unused_suppression import UnusedSuppression as UNUSED  # noqa: N814 it is used as a constant
from chatml.models import get_model
from chatml.promptfiles import EMPTY, NO_PROMPT, Document, scan_documents

__all__ = ["Analysis", "Block", "Edit", "LintDiagnostic", "LintFix", "analyze", "judge", "looks_like_prompt"]

# what a prompt has even where it cannot be read, so that a broken file of another kind is not taken for one
_SIGN = re.compile(r"\b(?:role|messages|conversations)[\"']?\s*:|<\|")
_TRAINING = frozenset({"jsonl"})  # containers whose rows are taken for training data


def looks_like_prompt(text: str) -> bool:
    """Whether a text that cannot be read has something that prompts have."""
    return _SIGN.search(text) is not None


def analyze(block: Block, *, path: str, settings: Settings, rules: Sequence[Rule] | None = None) -> Analysis:
    """Check one text. `rules`: those that count here; by default those that `settings` choose for the path."""
    return _Run(block, path, settings, rules if rules is not None else rules_for(settings, path)).run()


class _Run:
    """One text, all rules."""

    def __init__(self, block: Block, path: str, settings: Settings, rules: Sequence[Rule]) -> None:
        self.block = block
        self.path = path
        self.settings = settings
        self.rules = [rule for rule in rules if not isinstance(rule, FileRule)]
        self.file_rules = [rule for rule in rules if isinstance(rule, FileRule)]
        self.lines = LineIndex(block.text)
        self.diagnostics: list[LintDiagnostic] = []
        self.facts: dict[str, list[Fact]] = {}
        self.tokens = 0
        self.is_readable, self.is_prompt, self.is_template = True, False, False
        self.has_bom = block.has_bom  # until a document was told
        has_format = settings.of_glob(settings.formats, path) is not None
        self.given = {
            "dialect_is_given": settings.dialect is not None,
            "format_is_given": has_format,
            "target": settings.model,
            "budget": settings.of_glob(settings.budgets, path),
            "reserve": settings.reserve,
            "kind": settings.of_glob(settings.kinds, path),
        }

    def run(self) -> Analysis:
        documents = 0
        self._check_file()
        asked = self.settings.of_glob(self.settings.formats, self.path) or self.block.form
        for found in scan_documents(self.block.text, source=self.path, line=self.block.line, form=asked):
            if isinstance(found, ParseError):
                self._unreadable(found)
            else:
                documents += 1
                self._check_document(found)
        if "chatml:" in self.block.text:
            self._obey_comments()
        self.diagnostics.sort(key=lambda one: (one.start, one.code, one.end, one.message))
        tokens = self.tokens or None
        return Analysis(self.diagnostics, self.facts, self.is_readable, documents, tokens, self.is_prompt)

    def _check_file(self) -> None:
        for rule in self.file_rules:
            context = Context(self.path, self.block.text, "", "prompt", get_dialect(DEFAULT_DIALECT))
            context.settings = {"has_bom": self.block.has_bom, "first_line": self.block.line}
            self._apply(rule, context, None)

    def _unreadable(self, error: ParseError) -> None:
        code, name = ("DAT001", "invalid-jsonl-line") if error.code == "jsonl" else ("SYN002", "unparseable-file")
        if error.code == NO_PROMPT:
            code, name = "DAT002", "missing-messages"
        else:
            self.is_readable = False
            self.is_prompt |= error.code != EMPTY and looks_like_prompt(self.block.text)
        if not is_ignored(code, name, self.settings, self.path):
            finding = Finding(error.problem, Span(error.start or 0, error.start or 0), None, error.hint)
            self._add(code, name, Severity.ERROR, finding, None)

    def _obey_comments(self) -> None:
        """Leave out what comments ask to leave out, and report comments that ask for nothing."""
        comments = find_comments(self.block.text, self.path, is_template=self.is_template)
        used: set[tuple[Comment, str]] = set()
        kept = []
        for one in self.diagnostics:
            by = [(each, code) for each in comments if each.covers(one.line) for code in each.codes]
            by = [(each, code) for each, code in by if is_named(one.code, one.name, (code,))]
            used.update(by)
            if not by:
                kept.append(one)
        self.diagnostics = kept
        if is_asked(UNUSED.code, UNUSED.name, self.settings, self.path):
            for comment in comments:
                self._report_unused(comment, [code for code in comment.codes if (comment, code) not in used])

    def _report_unused(self, comment: Comment, unused: list[str]) -> None:
        looked = [rule for rule in (*self.rules, *self.file_rules) if not isinstance(rule, DatasetRule)]
        wrong = [code for code in unused if not names_a_rule(code)]
        idle = [code for code in unused if code not in wrong and any(matches(rule, (code,)) for rule in looked)]
        change = Change(Span(comment.start, comment.end), "")
        is_useless = len(idle) + len(wrong) == len(comment.codes)
        fix = Fix("Remove the comment", (change,), Applicability.SAFE) if is_useless else None
        problems = [f"{code} names no rule" for code in wrong] + [f"{code} has nothing to ignore here" for code in idle]
        if not comment.codes:
            problems, fix = ["the comment names no rule; write codes, as in ignore[TXT001]"], None
        for problem in problems:
            finding = Finding(problem, Span(comment.start, comment.end), fix)
            self._add(UNUSED.code, UNUSED.name, UNUSED.severity, finding, None)

    def _check_document(self, document: Document) -> None:
        context, places = self._context(document)
        self._equip(context)
        context.templates, context.variables = document.templates, document.variables
        self.is_prompt |= document.format != "text"
        self.is_template |= has_comments(document)
        located = document._replace(places=places)
        for rule in self.rules:
            if rule.formats is not None and context.format not in rule.formats:
                continue
            if context.kind not in rule.kinds:
                continue
            self._apply(rule, context, located)
        if self.settings.record_tokens:
            context.count()
        context.count = lambda: None  # it holds the context: without the circle, memory is free at once

    def _apply(self, rule: Rule, context: Context, document: Document | None) -> None:
        given = self.settings.rules.get(rule.code)
        context.options = {**rule.options, **given} if given else rule.options
        try:
            if isinstance(rule, DatasetRule):
                fact = rule.fact(context)
                if fact is not None:
                    self.facts.setdefault(rule.code, []).append(Fact(self.path, context.line, context.pointer, fact))
                return
            for finding in rule.check(context):
                self._add(rule.code, rule.name, rule.severity, finding, document)
        except ChatMLError as error:
            self._add(rule.code, rule.name, rule.severity, Finding(f"the rule could not look: {error}"), document)
        except Exception as error:  # a fault of ours must neither stop the others nor pass for a clean file
            self.is_readable = False
            what = f"internal error: {type(error).__name__}: {error}"[:300]
            self._add(rule.code, rule.name, Severity.ERROR, Finding(what, help="please report this"), document)

    # Contexts

    def _equip(self, context: Context) -> None:
        """Add what only some rules ask for."""
        dialect = context.dialect
        context.tokens_in, context.lookalikes_in = partial(tokens_in, dialect), partial(lookalikes_in, dialect)
        context.escaped = partial(escaped, dialect)
        encoding = self._encoding() if context.is_raw else None
        context.settings = {**self.given, "has_bom": self.has_bom, "encoding": encoding}
        self.has_bom = False

    def _context(self, document: Document) -> tuple[Context, Any]:
        kind = self._kind(document)
        if document.text is None or document.is_template:
            dialect = get_dialect(self.settings.dialect or DEFAULT_DIALECT)
            turns = tuple(turn_of(index, one, document) for index, one in enumerate(document.messages))
            context = Context(
                self.path, self.block.text, document.format, kind, dialect, self._model(document), document.value,
                turns, document.request, line=document.line, pointer=document.pointer,
            )  # fmt: skip
            if not document.is_template:
                context.count = _Counter(self, context, document)
            return context, document.places
        prompt = read_prompt(document.text, self.settings.dialect)
        turns, places = prompt_turns(prompt)
        markers = tuple(
            (segment.kind.value, segment.text, segment.start, segment.message) for segment in prompt.segments
        )
        context = Context(
            self.path, self.block.text, document.format, kind, prompt.dialect, self._model(document), None, turns,
            problems=tuple(prompt.diagnostics), markers=markers, ending=prompt.ending,
        )  # fmt: skip
        context.count = _PromptCounter(self, prompt, context)
        return context, places

    def _encoding(self) -> str | None:
        """The name of the target's encoding, None where no target is given."""
        if self.settings.encoding is not None or self.settings.model is None:
            return self.settings.encoding
        try:
            return get_model(self.settings.model).encoding
        except ChatMLError:
            return None

    def _kind(self, document: Document) -> Kind:
        if document.is_template:
            return "template"
        asked = self.settings.of_glob(self.settings.kinds, self.path)
        if asked in ("prompt", "training", "template"):
            kind: Kind = asked
            return kind
        return "training" if document.container in _TRAINING or document.format == "sharegpt" else "prompt"

    def _model(self, document: Document) -> str | None:
        named = document.request.get("model")
        return self.settings.model or (named if isinstance(named, str) else None)

    def meter(self, model: str | None, dialect: Dialect) -> Meter | None:
        """The meter of a target; None where nothing is known about it."""
        return _meter(model, dialect.name, self.settings.encoding)

    # Diagnostics

    def _add(self, code: str, name: str, severity: Severity, finding: Finding, document: Document | None) -> None:
        base, most = self.block.base, len(self.block.text)
        start, end = (min(max(offset, 0), most) for offset in span_of(finding.place, document, self.block.text))
        line, column = self.lines.position(start)
        end_line, end_column = self.lines.position(max(start, end))
        offset = self.block.line - 1
        pointer = (
            "" if isinstance(finding.place, Span) or document is None else pointer_of(document, finding.place.path)
        )
        self.diagnostics.append(
            LintDiagnostic(
                self.path, line + offset, column, end_line + offset, end_column, code, name, severity, finding.message,
                start + base, max(start, end) + base, pointer, finding.help, fix_of(finding.fix, document, base),
            )
        )  # fmt: skip


@lru_cache(maxsize=64)
def _meter(model: str | None, dialect: str, encoding: str | None) -> Meter | None:
    try:
        if model is not None:
            return meter_for(model=model, encoding=encoding, allow_estimate=True)
        return meter_for(dialect=get_dialect(dialect), encoding=encoding, lossy=True)
    except ChatMLError:
        return None


class _Counter:
    """Counts a conversation when a rule asks for it, once."""

    def __init__(self, run: _Run, context: Context, document: Document) -> None:
        self.run, self.context, self.document = run, context, document
        self.found: Tokens | None = None
        self.is_done = False

    def __call__(self) -> Tokens | None:
        """The tokens, or None where they cannot be counted."""
        if not self.is_done:
            self.is_done = True
            self.found = self._count()
            self.run.tokens += self.found.total if self.found else 0
        return self.found

    def _count(self) -> Tokens | None:
        try:
            request = {key: value for key, value in self.document.request.items() if key != "model"}
            if request and self.context.model is not None:
                meter: Meter | None = meter_for(
                    model=self.context.model, encoding=self.run.settings.encoding, allow_estimate=True, **request
                )
            else:
                meter = self.run.meter(self.context.model, self.context.dialect)
            if meter is None:
                return None
            messages = read_messages(self.document.messages)
            costs = tuple(meter.costs(messages))
            total = meter.base(messages) + sum(costs) if meter.adds_up else meter.total(messages)
            return _tokens(total, costs, meter.status(messages).value, self.context.model)
        except ChatMLError:
            return None


class _PromptCounter(_Counter):
    """Counts a prompt as the string that it is."""

    def __init__(self, run: _Run, prompt: Prompt, context: Context) -> None:
        super().__init__(run, context, Document("chatml"))
        self.prompt = prompt

    def _count(self) -> Tokens | None:
        encoding = self.run.settings.encoding
        try:
            if encoding is None and self.context.model is not None:
                encoding = get_model(self.context.model).encoding
            total = self.prompt.count(encoding or self.prompt.dialect.encoding)
            status = "exact" if encoding or self.prompt.dialect.own_vocabulary else "estimate"
            return _tokens(total, (), status, self.context.model)
        except ChatMLError:
            return None


def _tokens(total: int, messages: tuple[int, ...], status: str, model: str | None) -> Tokens:
    info = None if model is None else get_model(model)
    limits = (None, None, None) if info is None else (info.context_window, info.max_input, info.max_output)
    return Tokens(total, messages, status, *limits)


def judge(rules: Iterable[Rule], facts: Mapping[str, Iterable[Fact]]) -> list[LintDiagnostic]:
    """What dataset rules find among the facts of all files; places are the lines on which conversations begin."""
    found = []
    for rule in rules:
        if isinstance(rule, DatasetRule):
            for fact, finding in rule.judge(facts.get(rule.code, ())):
                pointer = "".join(f"/{step}" for step in fact.pointer)
                found.append(
                    LintDiagnostic(
                        fact.path, fact.line, 1, fact.line, 1, rule.code, rule.name, rule.severity, finding.message,
                        0, 0, pointer, finding.help, None,
                    )
                )  # fmt: skip
    return found
