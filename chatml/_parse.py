"""Text to segments and messages: one machine, fed with text and markers, that recovers from everything.

`Machine.text` and `Machine.marker` consume what they are given, `Machine.close` ends it; nothing is ever refused.
Finished segments collect in `Machine.out`, finished messages in `Machine.messages`, problems in `Machine.problems`.
What stands in `out` never changes later, so it may be taken away at any time; how the text is cut into pieces changes
nothing, because a decision is only taken when the text that it rests on is complete.

State x input (S = start, E = end, H = a header_end that is a marker, M = another marker of the frame):

              text           S                    E                  H              M
    GAP       collect        read gap, HEADER     stray              stray          stray
    HEADER    read line      recover, HEADER      recover, GAP       CONTENT        collect
    CONTENT   content        unclosed, HEADER     message, GAP       stray          stray
    LOST      stray          unclosed, HEADER     GAP                stray          stray
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from chatml._diagnostics import Diagnostic, Severity
from chatml._errors import shown
from chatml._gap import WHITE, read_gap
from chatml._grammar import Part, Problem, grammar_of
from chatml._header import Header, read_line, read_marked, recover
from chatml._messages import Message, plain_message
from chatml._render import Ending
from chatml._segments import Segment, SegmentKind
from chatml._spans import LineIndex
from chatml._special import BOS_AND_EOS
from chatml.dialects import Dialect

_new = tuple.__new__  # Segment(...) goes through a Python function; this is half the cost of parsing


class _State(Enum):
    GAP = "between turns"
    HEADER = "in a header"
    CONTENT = "in content"
    LOST = "in a turn whose header could not be read"


class Machine:
    """The state of one reading. See the module's docstring for the contract."""

    def __init__(self, dialect: Dialect, bos: str = "", eos: str = "") -> None:
        self.dialect = dialect
        self.grammar = grammar_of(dialect)
        self.tokens = frozenset(token for token in (bos, eos, dialect.bos, dialect.eos) if token)
        self.by_id: frozenset[str] = frozenset()  # tokens that text does not spell, because they come as ids
        self.out: list[Segment] = []
        self.messages: list[Message] = []
        self.problems: list[Problem] = []
        self.ending: Ending = "closed"
        self.bos = self.eos = ""
        self._position = 0
        self._state = _State.GAP
        self._gap: list[str] = []
        self._closed: int | None = None  # the message whose turn ended just now
        self._start = 0
        self._header: list[tuple[str, bool]] = []  # the pieces of a header that is not complete
        self._held: tuple[Part, ...] = ()  # an assistant's header, until it is clear whose it is
        self._role = ""
        self._name: str | None = None
        self._content: list[str] = []
        self._content_end = ""  # white space that is either content or the frame's

    # ------------------------------------------------------------------------------------------------ input

    def text(self, text: str) -> None:
        """Consume text in which no marker counts."""
        state = self._state
        if state is _State.CONTENT:
            self._take_content(text)
        elif state is _State.GAP:
            self._gap.append(text)
        elif state is _State.HEADER:
            self._take_header(text)
        else:
            self._emit(SegmentKind.STRAY, text, None)

    def marker(self, marker: str) -> None:
        """Consume one marker of the frame."""
        dialect, state = self.dialect, self._state
        if state is _State.GAP:
            self._end_gap(marker == dialect.start)
        if marker == dialect.start:
            if state is not _State.GAP:
                self._break_off()
            self._start, self._state, self._header = self._position, _State.HEADER, []
        elif state is _State.CONTENT and marker == dialect.end:
            self._end_message()
        elif state is _State.HEADER:
            self._marker_in_header(marker)
        elif state is _State.LOST and marker == dialect.end:
            self._emit(SegmentKind.END, marker, None, True)
            self._state, self._closed = _State.GAP, None
        else:
            self._stray(marker)

    def foreign(self, token: str) -> None:
        """Consume a special token that came as an id and is no marker of this dialect."""
        if self._state is _State.GAP:
            if (token in self.tokens or token in BOS_AND_EOS) and not "".join(self._gap).strip(WHITE):
                self._gap.append(token)  # a bos or eos token
                self._end_gap(turn_follows=False, by_id=frozenset())
                return
            self._end_gap(turn_follows=False)
        elif self._state is _State.HEADER:
            self._open(recover(self._header, self.grammar))
        self._stray(token)

    def close(self) -> None:
        """End of the text."""
        if self._state is _State.GAP:
            self._end_gap(turn_follows=False)
            return
        if self._state is _State.HEADER:
            self._open(recover(self._header, self.grammar, closing=True))
        if self._state is _State.LOST:
            self._report_unclosed(None, "the text ends")
        elif self._held and self._is_empty() and self._role == "assistant":
            self._close_at_prompt()
        else:
            self._flush()
            self.ending = "open"
            if self.dialect.closes_last:
                what = "a prefill that the model continues" if self._role == "assistant" else "the model continues it"
                text = f"the last message ({self._who()}) is not closed: {what}"
                self._report("open-message", Severity.INFO, self._start, self._position, len(self.messages), text)
            self._add_message()

    def take_bos(self, text: str, bos: str) -> int:
        """Consume `bos` where the dialect puts it, and return where it ends."""
        if bos and self.dialect.bos and text.startswith(bos + self.dialect.start):
            self._emit(SegmentKind.BOS, bos, None, True)
            self.bos = bos
        return self._position

    def take_canonical(self, text: str, position: int) -> int:
        """Consume canonical turns from `position`, where one begins, and the start marker of the first that is not.

        Returns the position behind it. The last turn is never consumed.
        `text` and `marker` would do the same at three times the cost. It stops for good at the first odd turn: looking
        for the end marker again and again would not be linear.
        """
        dialect, grammar, messages, append = self.dialect, self.grammar, self.messages, self.out.append
        start, end, separator = dialect.start, dialect.end, dialect.separator
        header_end, content_end, roles = dialect.header_end, dialect.content_end, dialect.roles
        follows, by_marker = separator + start, grammar.by_marker
        while match := grammar.canonical.match(text, position):
            role, name = match.groups()
            begin, stop = match.end(), text.find(end, match.end())
            after, content = stop + len(end), text[begin:stop]
            if stop < 0 or not text.startswith(follows, after) or not content.endswith(content_end):
                break
            if start in content or (by_marker and header_end in content) or (roles and role not in roles):
                break
            index = len(messages)
            append(_new(Segment, (SegmentKind.START, start, position, index, True)))
            append(_new(Segment, (SegmentKind.ROLE, role, position + len(start), index, False)))
            if name:
                append(_new(Segment, (SegmentKind.NAME, name, match.start(2), index, False)))
            append(_new(Segment, (SegmentKind.HEADER_END, header_end, begin - len(header_end), index, by_marker)))
            if content_end:
                content = content[: -len(content_end)]
            if content:
                append(_new(Segment, (SegmentKind.CONTENT, content, begin, index, False)))
            if content_end:
                append(_new(Segment, (SegmentKind.SEPARATOR, content_end, stop - len(content_end), index, False)))
            append(_new(Segment, (SegmentKind.END, end, stop, index, True)))
            if separator:
                append(_new(Segment, (SegmentKind.SEPARATOR, separator, after, index, False)))
            messages.append(plain_message(role, content, grammar.name_of(name)))
            position = after + len(separator)
        self._position = self._start = position
        self._state = _State.HEADER
        return position + len(start)

    # ------------------------------------------------------------------------------------------------ output

    def _emit(self, kind: SegmentKind, text: str, message: int | None, special: bool = False) -> None:
        if text:
            self.out.append(_new(Segment, (kind, text, self._position, message, special)))
            self._position += len(text)

    def _emit_parts(self, parts: Iterable[Part], message: int | None) -> None:
        for kind, text, special in parts:
            self._emit(kind, text, message, special)

    def _report(self, code: str, severity: Severity, start: int, end: int, message: int | None, text: str) -> None:
        self.problems.append(Problem(code, severity, start, end, message, text))

    def _report_unclosed(self, message: int | None, event: str) -> None:
        who = "a message whose header cannot be read" if message is None else f"message {message} ({self._who()})"
        text = f"{who} is not closed before {event}"
        self._report("unclosed-message", Severity.ERROR, self._start, self._position, message, text)

    def _who(self) -> str:
        """The role as a sentence names it: roles that were read may be anything."""
        return self._role if self._role.isidentifier() and len(self._role) <= 40 else shown(self._role, 40)

    def _stray(self, marker: str) -> None:
        """A marker where none can be: a segment of its own, never content."""
        inside = len(self.messages) if self._state is _State.CONTENT else None
        if inside is not None:
            self._flush()
        code, what = "unexpected-marker", "cannot stand here"
        if marker == self.dialect.end:
            code, what = "unexpected-end", "closes nothing: no message is open"
        end = self._position + len(marker)
        self._report(code, Severity.ERROR, self._position, end, inside, f"the marker {marker} {what}")
        self._emit(SegmentKind.STRAY, marker, inside, True)

    # ------------------------------------------------------------------------------------------------ headers

    def _take_header(self, text: str) -> None:
        self._header.append((text, False))
        if not self.grammar.by_marker:  # such a header is short: it ends, or is none, after HEADER_LIMIT characters
            text = "".join(piece for piece, _ in self._header)
            found = read_line(text, self.grammar)
            if found:
                self._open(found)

    def _marker_in_header(self, marker: str) -> None:
        if marker == self.dialect.header_end:
            self._open(read_marked(self._header, self.grammar))
        elif marker == self.dialect.end or not self.grammar.by_marker:
            self._open(recover(self._header, self.grammar))
            self.marker(marker)
        else:
            self._header.append((marker, True))

    def _open(self, header: Header) -> None:
        """Begin the content of a message, or of a turn that is lost."""
        index = None if header.role is None else len(self.messages)
        self.problems += [problem.moved(self._start, index) for problem in header.problems]
        if header.role is None:
            self._state = _State.LOST
            self._emit_parts(header.parts, None)
            return
        roles = self.dialect.roles
        if roles is not None and header.role not in roles:
            start = self._start + len(self.dialect.start)
            text = f"dialect {self.dialect.name} has no role {shown(header.role, 40)}, only {', '.join(roles)}"
            self._report("unknown-role", Severity.ERROR, start, start + len(header.role), index, text)
        self._state, self._role, self._name = _State.CONTENT, header.role, header.name
        self._content, self._content_end = [], ""
        if header.role == "assistant":
            self._held = header.parts
        else:
            self._emit_parts(header.parts, index)
        if header.rest:
            self._take_content(header.rest)

    # ------------------------------------------------------------------------------------------------ turns

    def _take_content(self, text: str) -> None:
        if self._held:
            self._flush_held(len(self.messages))
        end = self.dialect.content_end
        if end:
            text = self._content_end + text
            longest = min(len(end), len(text))
            kept = next((length for length in range(longest, 0, -1) if text.endswith(end[:length])), 0)
            self._content_end = text[len(text) - kept :]
            text = text[: len(text) - kept]
        if text:
            self._content.append(text)
            self.out.append(_new(Segment, (SegmentKind.CONTENT, text, self._position, len(self.messages), False)))
            self._position += len(text)

    def _is_empty(self) -> bool:
        return not self._content and not self._content_end

    def _flush_held(self, message: int | None) -> None:
        held, self._held = self._held, ()
        self._emit_parts(held, message)

    def _flush(self) -> None:
        """What was held back belongs to this message: its header, and white space that is content after all."""
        self._flush_held(len(self.messages))
        if self._content_end:
            self._content.append(self._content_end)
            self._emit(SegmentKind.CONTENT, self._content_end, len(self.messages))
            self._content_end = ""

    def _end_message(self) -> None:
        index, content_end = len(self.messages), self.dialect.content_end
        if content_end and self._content_end == content_end:
            self._flush_held(index)
            self._emit(SegmentKind.SEPARATOR, content_end, index)
        else:
            self._flush()
            if content_end:
                text = f"{content_end!r} is missing before the end marker"
                self._report("missing-newline", Severity.INFO, self._position, self._position, index, text)
        self._emit(SegmentKind.END, self.dialect.end, index, True)
        self._add_message()
        self._state, self._closed = _State.GAP, index

    def _add_message(self) -> None:
        content = self._content
        text = content[0] if len(content) == 1 else "".join(content)
        self.messages.append(plain_message(self._role, text, self._name))

    def _flush_prompt(self) -> None:
        """The held header asks for a reply: it belongs to no message, or to the user message that it answers."""
        index = len(self.messages)
        for position in range(len(self.problems) - 1, -1, -1):
            if self.problems[position].start < self._start:
                break
            self.problems[position] = self.problems[position]._replace(message=None)
        self._flush_held(index - 1 if self._owes_reply() else None)

    def _owes_reply(self) -> bool:
        """Whether the open, empty assistant turn is the reply header that belongs to the user turn before it."""
        return self.dialect.reply_header and bool(self.messages) and self.messages[-1].role == "user"

    def _break_off(self) -> None:
        """A start marker before the turn was closed."""
        if self._state is _State.HEADER:
            self._open(recover(self._header, self.grammar))
        if self._state is _State.LOST:
            self._report_unclosed(None, "the next one begins")
        elif self._held and self._is_empty() and self._owes_reply():
            self._flush_prompt()
        else:
            self._flush()
            self._report_unclosed(len(self.messages), "the next one begins")
            self._add_message()

    def _close_at_prompt(self) -> None:
        """The text ends behind an assistant's header: it asks for a reply."""
        self.ending = "generation_prompt"
        found, expected = "".join(text for _, text, _ in self._held), self.dialect.generation_prompt
        if found != expected:
            text = f"the generation prompt is {found!r}, expected {expected!r}"
            self._report("generation-prompt", Severity.INFO, self._start, self._start + len(found), None, text)
        self._flush_prompt()

    def _end_gap(self, turn_follows: bool, by_id: frozenset[str] | None = None) -> None:
        first = not self._position or (
            not self._gap and self._closed is None
        )  # no newline is due behind a stray marker
        by_id = self.by_id if by_id is None else by_id
        gap = read_gap("".join(self._gap), self.dialect, self.tokens, by_id, first, turn_follows)
        about = self._closed if gap.of_turn else None
        self.problems += [problem.moved(self._position, about) for problem in gap.problems]
        self.bos = gap.bos or self.bos
        self.eos = "" if turn_follows else gap.eos or self.eos
        for kind, text, special in gap.parts:
            self._emit(kind, text, self._closed if kind is SegmentKind.SEPARATOR else None, special)
            self._closed = self._closed if kind is SegmentKind.SEPARATOR else None
        self._gap, self._closed = [], None


def to_diagnostics(problems: Iterable[Problem], lines: LineIndex) -> tuple[Diagnostic, ...]:
    """Problems with their lines and columns, in the order of the text."""
    return tuple(
        Diagnostic(code, severity, text, start, end, *lines.position(start), message)
        for code, severity, start, end, message, text in sorted(problems, key=lambda problem: problem[2:4])
    )


def feed_text(machine: Machine, text: str, start: int, more: bool = False) -> int:
    """Feed the machine with text from `start`, in which markers count, and return where it stopped.

    When `more` is to come, what may be the beginning of a marker is left: looked for behind the last whole marker.
    """
    feed, mark = machine.text, machine.marker
    for match in machine.grammar.markers.finditer(text, start):
        begin = match.start()
        if begin > start:
            feed(text[start:begin])
        start = match.end()
        mark(match[0])
    stop = len(text) - (machine.grammar.held_back(text, start) if more else 0)
    if stop > start:
        feed(text[start:stop])
    return stop


def join_deltas(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Join adjacent pieces of one text segment, as a stream gives them out."""
    pieces: list[Segment] = []
    for segment in segments:
        if pieces and not _continues(pieces[-1], segment):
            yield _joined(pieces)
            pieces = []
        pieces.append(segment)
    if pieces:
        yield _joined(pieces)


def _continues(left: Segment, right: Segment) -> bool:
    return not (left.special or right.special) and left.kind is right.kind and left.message == right.message


def _joined(pieces: list[Segment]) -> Segment:
    return pieces[0] if len(pieces) == 1 else pieces[0]._replace(text="".join(piece.text for piece in pieces))


def read_text(dialect: Dialect, text: str, bos: str = "", eos: str = "") -> Machine:
    """Read a whole text."""
    machine = Machine(dialect, bos, eos)
    position = machine.take_bos(text, bos or dialect.bos)
    if text.startswith(dialect.start, position) and not dialect.assistant_channel:
        position = machine.take_canonical(text, position)
    feed_text(machine, text, position)
    machine.close()
    if dialect.content_end or any(problem.severity is Severity.ERROR for problem in machine.problems):
        machine.out = list(join_deltas(machine.out))
    return machine
