"""Fixes: edits of diagnostics made in a text, pass by pass, until there is nothing left to make.

A fix is made as a whole or not at all. One that calls itself safe has to prove it: what is read from the text has to be
what was read before. All fixes have to leave a readable text readable. What fails is refused, and nothing of it stays.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from chatml._errors import ChatMLError, ParseError
from chatml._prompt import Prompt
from chatml._segments import SegmentKind
from chatml._special import BOS_AND_EOS
from chatml.lint._engine import Block, Edit, LintFix, analyze
from chatml.lint._reading import read_prompt
from chatml.lint._rule import Applicability
from chatml.lint._settings import Settings
from chatml.models import get_model
from chatml.promptfiles import Document, scan_documents

_MOST_PASSES = 100  # as ruff has it: fixes that go on longer undo each other
_MOST_GROWTH, _ROOM = 4, 2**16  # a text that gets this many times as long, and a little, will never be done
_WITH_COMMENTS = ("jinja", "handlebars", "mustache")
_COMMENT = re.compile(r"\{#.*?#\}|\{\{!--.*?--\}\}|\{\{![^}]*\}\}", re.DOTALL)
_BOM = -1  # where an edit starts that takes the byte order mark away


class Fixed(NamedTuple):
    """A text after its fixes. `applied` counts them by code; `refused` says in a sentence which were not made, and why.

    `text` is without the byte order mark that `has_bom` speaks of.
    """

    text: str
    has_bom: bool
    applied: Counter[str]
    refused: tuple[str, ...]


class _State(NamedTuple):
    """A text between two passes."""

    text: str
    has_bom: bool


class _Candidate(NamedTuple):
    """A fix that may be made, with the code of its rule and the place of its finding."""

    code: str
    place: str
    fix: LintFix

    @property
    def is_safe(self) -> bool:
        """Whether it has to keep messages and tokens."""
        return self.fix.applicability == Applicability.SAFE


def apply_fixes(text: str, *, path: str, settings: Settings, has_bom: bool, unsafe: bool) -> Fixed:
    """Make the fixes of what is found in `text`, with `unsafe` also those that change what a model sees.

    `path` and `settings` are those of the lint run. A second call changes nothing: rules whose fixes undo each other
    are left out, and said to be.
    """
    barred: set[str] = set()
    while True:
        run = _Run(text, has_bom, path, settings, unsafe, frozenset(barred))
        unsettled = run.settle()
        if not unsettled:
            loops = (f"{code}: its fixes and those of other rules undo each other" for code in sorted(barred))
            return Fixed(*run.state, run.applied, (*loops, *run.refused))
        barred |= unsettled


class _Run:
    """The passes over one text."""

    def __init__(
        self, text: str, has_bom: bool, path: str, settings: Settings, unsafe: bool, barred: frozenset[str]
    ) -> None:
        self.state = _State(text, has_bom)
        self.path = path
        self.settings = settings
        self.unsafe = unsafe
        self.barred = barred
        self.applied: Counter[str] = Counter()
        self.refused: list[str] = []

    def settle(self) -> set[str]:
        """Make fixes until there are none. Returns the codes that were still at work when it had to stop."""
        seen = {self.state}
        recent: list[set[str]] = []
        longest = _MOST_GROWTH * len(self.state.text) + _ROOM
        for _ in range(_MOST_PASSES):
            made = self._pass()
            if not made:
                return set()
            recent.append(made)
            if self.state in seen:
                return set().union(*recent)
            if len(self.state.text) > longest:
                break
            seen.add(self.state)
        return recent[-1]

    def _pass(self) -> set[str]:
        """Make what fits together: safe fixes, or where there are none unsafe ones. Returns the codes."""
        self.refused = []
        found = list(self._candidates())
        for is_safe in (True, False):
            left = [one for one in found if one.is_safe is is_safe]
            while left:
                chosen = _without_overlap(left)
                made = self._largest([], chosen)
                if made:
                    self.state = _edited(self.state, _edits(made))
                    self.applied.update(one.code for one in made)
                    return {one.code for one in made}
                left = [one for one in left if one not in chosen]
        return set()

    def _candidates(self) -> Iterator[_Candidate]:
        block = Block(self.state.text, has_bom=self.state.has_bom)
        for one in analyze(block, path=self.path, settings=self.settings).diagnostics:
            if not (one.fix and one.fix.edits) or one.code in self.barred:
                continue
            if self.unsafe or one.fix.applicability == Applicability.SAFE:
                yield _Candidate(one.code, f"{one.line}:{one.column}", one.fix)

    def _largest(self, good: list[_Candidate], more: Sequence[_Candidate]) -> list[_Candidate]:
        """`good`, and of `more` as many as can be made with it. Halves are tried, as most often all are good."""
        problem = self._fault([*good, *more])
        if not problem:
            return [*good, *more]
        if len(more) == 1:
            self.refused.append(f"{more[0].code}: the fix at {more[0].place} is not made: {problem}")
            return good
        half = len(more) // 2
        return self._largest(self._largest(good, more[:half]), more[half:])

    def _fault(self, these: Sequence[_Candidate]) -> str:
        """What is wrong with making these."""
        before = self.state
        if not all(_is_well_formed(one.fix.edits, before.text) for one in these):
            return "its edits do not lie in the file"
        after = _edited(before, _edits(these))
        if after == before:
            return "it changes nothing"
        meaning = _Meaning(self.path, self.settings)
        if these[0].is_safe:
            is_same = meaning.is_same(before.text, after.text)
            return "" if is_same else "it is called safe, but would change messages or tokens"
        is_broken = meaning.is_readable(before.text) and not meaning.is_readable(after.text)
        return "it would break the file" if is_broken else ""


def _edits(candidates: Iterable[_Candidate]) -> list[Edit]:
    return [edit for one in candidates for edit in one.fix.edits]


def _without_overlap(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The first of them, and of the others those that come behind what was taken without touching it."""
    chosen: list[_Candidate] = []
    behind = None
    for one in sorted(candidates, key=lambda one: min(one.fix.edits)):
        first = min(edit.start for edit in one.fix.edits)
        if behind is None or first > behind:
            chosen.append(one)
            behind = max(edit.end for edit in one.fix.edits)
    return chosen


def _is_well_formed(edits: Sequence[Edit], text: str) -> bool:
    """Whether edits lie in a text, and none of them on another."""
    ordered = sorted(edits)
    inside = all(edit.start >= _BOM and max(edit.start, 0) <= edit.end <= len(text) for edit in ordered)
    apart = all(one.end <= two.start and one[:2] != two[:2] for one, two in pairwise(ordered))
    return inside and apart


def _edited(state: _State, edits: Iterable[Edit]) -> _State:
    has_bom, position, out = state.has_bom, 0, []
    for start, end, text in sorted(edits):
        if start == _BOM:
            has_bom = False
        out += [state.text[position : max(start, 0)], text]
        position = end
    return _State("".join([*out, state.text[position:]]), has_bom)


class _Said(NamedTuple):
    """What a document says: its format, the text of a raw prompt, and all else that it holds."""

    format: str
    prompt: str | None
    rest: str


class _Meaning:
    """What a file says, whatever its layout."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self.form = settings.of_glob(settings.formats, path)

    def is_readable(self, text: str) -> bool:
        """Whether no part of the text is in error."""
        found = scan_documents(text, source=self.path, form=self.form)
        return not any(isinstance(one, ParseError) for one in found)

    def is_same(self, before: str, after: str) -> bool:
        """Whether two texts hold the same conversations, and the same text around them."""
        if before == after:
            return True
        old, new = ([*self._documents(text)] for text in (before, after))
        if len(old) != len(new):
            return False
        return all(self._is_same_document(one, two) for one, two in zip(old, new, strict=True))

    def _documents(self, text: str) -> Iterator[_Said]:
        for one in scan_documents(text, source=self.path, form=self.form):
            if isinstance(one, ParseError):
                yield _Said("", None, f"{one.code} {one.problem}")
            elif one.format == "chatml" and one.text is not None and not one.is_template:
                yield _Said(one.format, one.text, "")
            else:
                rest = (one.text and one.text.rstrip(), one.value, one.messages, dict(one.request), one.container)
                shown = json.dumps(rest, default=repr, ensure_ascii=False)
                yield _Said(one.format, None, _COMMENT.sub("", shown) if _has_comments(one) else shown)

    def _is_same_document(self, one: _Said, two: _Said) -> bool:
        if one.prompt is None or two.prompt is None:
            return one == two
        before = read_prompt(one.prompt, self.settings.dialect)
        # in the same dialect: what is written better may also look like another one
        return self._is_same_prompt(before, Prompt.from_text(two.prompt, dialect=before.dialect))

    def _is_same_prompt(self, before: Prompt, after: Prompt) -> bool:
        goes_on = before.ending == "open", after.ending == "open"  # a message that the model is to continue
        if _exactly(before) != _exactly(after) or goes_on[0] != goes_on[1]:
            return False
        no_worse = len(after.diagnostics) <= len(before.diagnostics)
        return (no_worse and _around(before) == _around(after)) or self._has_same_ids(before, after)

    def _has_same_ids(self, before: Prompt, after: Prompt) -> bool:
        encoding, model = self.settings.encoding, self.settings.model
        try:
            if encoding is None and model is not None:
                encoding = get_model(model).encoding
            return before.token_ids(encoding) == after.token_ids(encoding)
        except ChatMLError:
            return False


def _has_comments(document: Document) -> bool:
    """Whether an engine renders it that takes comments out."""
    return any(template.engine in _WITH_COMMENTS for template in document.templates)


def _exactly(prompt: Prompt) -> list[dict[str, Any]]:
    """The messages with all that equality leaves out."""
    return [message.to_mapping() for message in prompt.messages]


def _around(prompt: Prompt) -> str:
    """The text that belongs to no message, but for white space and for tokens that begin or end a text."""
    text = "".join(one.text for one in prompt.segments if one.kind is SegmentKind.STRAY)
    for token in BOS_AND_EOS:
        text = text.replace(token, "")
    return "".join(text.split())
