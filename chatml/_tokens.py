r"""Token ids as a fold over turns or segments: markers by id, the text between two of them as one piece.

BPE runs over the text between two special tokens, so that text is encoded as one run and not field by field:
"user\\n" and "\\nhi" hold one token "\\n\\n". `segment_ids` is the plain way for any prompt; `turn_ids` gives the same
for compiled messages with one call of the encoder a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from operator import index, itemgetter
from typing import TYPE_CHECKING, NamedTuple

from chatml._errors import EncodingError, shown
from chatml._parse import Machine
from chatml._render import Pieces, Turn
from chatml._segments import Segment, SegmentKind
from chatml._trusted import Trusted
from chatml.encodings import decode_bytes, encode_ordinary, get_encoding
from chatml.encodings._text import is_panic
from chatml.encodings._whitespace import LONG_RUN

if TYPE_CHECKING:
    import tiktoken

_OPTIONAL = (SegmentKind.BOS, SegmentKind.EOS)  # without an id in the encoding these are text
_PLAIN = r"<\|[A-Za-z0-9_]+\|>"
_SHORT = 24  # runs up to this many characters recur (the white space between turns) and are encoded once

_plain_tokens = re.compile(_PLAIN).findall


class _Fixed(NamedTuple):
    """Pieces of the frame in one encoding: text, ids with text encoded between them, text; how many ids are special."""

    before: str
    ids: tuple[int, ...]
    after: str
    controls: int


class Coder:
    """One encoding, ready to fold prompts: ids of special tokens, ids of text."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self.encoding = encoding
        # encode_single_token would give an ordinary token of the same spelling
        self._special: Mapping[str, int] = encoding._special_tokens
        self._control = frozenset(self._special.values())
        self._lowest_control = min(self._control, default=0)
        self._plain = all(map(re.compile(_PLAIN).fullmatch, self._special))
        self._spells = re.compile("|".join(map(re.escape, sorted(self._special))) or r"(?!)").search
        self._short: dict[str, list[int]] = {}
        self._lengths: dict[int, int] = {}  # at most one for each id of the vocabulary
        self._fixed: dict[int, tuple[Pieces, _Fixed]] = {}  # with the pieces, so that their id() stays theirs
        self._encode = encoding.encode_ordinary
        if not hasattr(encoding, "_by_name"):  # those that we embed are known to be right
            self._check_ids()

    def _check_ids(self) -> None:
        """Raise `EncodingError` where ordinary text can become a special id."""
        spelled = {number: token.encode() for token, number in self._special.items()}
        for token, number in getattr(self.encoding, "_mergeable_ranks", {}).items():
            if number in spelled and spelled[number] != token:
                special, text = shown(spelled[number].decode()), shown(token.decode(errors="replace"))
                raise EncodingError(
                    f"the id {number} is that of the special token {special} and of the text {text}",
                    encoding=self.encoding.name, hint="text could become a control id: use another encoding",
                )  # fmt: skip

    def text(self, text: str) -> list[int]:
        """The ids of text in which nothing is special."""
        if len(text) > _SHORT:
            return self._long(text)
        ids = self._short.get(text)
        if ids is None:
            if len(self._short) > 4096:
                self._short.clear()
            ids = self._short[text] = self._long(text)
        return ids

    def _long(self, text: str) -> list[int]:
        try:
            if len(text) < LONG_RUN:  # the same as encode_ordinary, less two calls a message
                return self._encode(text)
        except BaseException as error:
            if not is_panic(error):
                raise
        return encode_ordinary(self.encoding, text)

    def is_harmless(self, content: str) -> bool:
        """Whether content can be encoded as part of the whole string: no special token begins in it."""
        return len(content) < LONG_RUN and ("<|" not in content or not self._spells(content))

    def spelled_in(self, text: str) -> int:
        """How many special tokens a text spells, where all are of the form `<|name|>`; else -1."""
        return sum(map(self._special.__contains__, _plain_tokens(text))) if self._plain else -1

    def whole(self, text: str) -> list[int] | None:
        """The ids of a string of harmless content and markers; None where only encoding by run is sure to be right.

        A token of the form `<|name|>` has no "<" but its first character, so that none can begin in harmless content
        and end in the frame, or the other way round.
        """
        if not self._plain:
            return None
        try:
            return self.encoding.encode(text, allowed_special="all")
        except BaseException as error:
            if not is_panic(error):
                raise
            return None

    def split(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Text whose special tokens are meant, cut at them: each piece, and its id if it is one."""
        position = 0
        for match in self._tokens.finditer(text):
            if match.start() > position:
                yield text[position : match.start()], None
            yield match[0], self._special[match[0]]
            position = match.end()
        if position < len(text):
            yield text[position:], None

    @cached_property
    def _tokens(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, sorted(self._special, key=len, reverse=True))) or "(?!)")

    def controls_in(self, content: Trusted) -> int:
        """How many special tokens trusted parts of a content spell."""
        pieces = (piece for text, flag in content.runs if flag for piece in self.split(text))
        return sum(number is not None for _, number in pieces)

    def controls(self, ids: Sequence[int]) -> int:
        """How many of `ids` are special."""
        return len([number for number in ids if number >= self._lowest_control and number in self._control])

    def marker(self, token: str, kind: SegmentKind) -> int | None:
        """The id of a marker; None for a bos or eos token that is text in this encoding. Raises `EncodingError`."""
        number = self._special.get(token)
        if number is None and kind not in _OPTIONAL:
            raise EncodingError(
                f"the marker {token} has no id in this encoding", encoding=self.encoding.name,
                hint="cl100k_im and o200k_im have the markers of ChatML, o200k_harmony those of openai-harmony; "
                "load_encoding(path, special_tokens={...}) makes one that has others",
            )  # fmt: skip
        return number

    @cached_property
    def spelled(self) -> Mapping[int, str]:
        """Special ids and what they spell. Where two tokens share an id, the one that decoding gives."""
        spelled: dict[int, str] = {}
        for token, number in self._special.items():
            if number not in spelled or self.encoding.decode_single_token_bytes(number) == token.encode():
                spelled[number] = token
        return spelled

    def mask(self, run: list[tuple[str, bool]]) -> list[int]:
        """For every id of a run of text, given in pieces, 1 if it reaches into a piece that is marked, else 0."""
        marked = bytearray()
        for text, inside in run:
            marked += bytes([inside]) * len(_utf8(text))
        mask, position = [], 0
        for length in self.byte_lengths(self.text("".join(text for text, _ in run))):
            mask.append(int(1 in marked[position : position + length]))
            position += length
        return mask

    def byte_lengths(self, ids: Sequence[int]) -> list[int]:
        """How many bytes of UTF-8 each id stands for. A token may end within a character."""
        new, decoded = {*ids} - self._lengths.keys(), self.encoding.decode_single_token_bytes
        self._lengths |= {number: len(decoded(number)) for number in new}
        return list(map(self._lengths.__getitem__, ids))

    def fixed(self, pieces: Pieces) -> _Fixed:
        """Pieces of the frame, encoded. Looked up by identity: hashing them costs more than encoding a message."""
        found = self._fixed.get(id(pieces))
        if found is None:
            if len(self._fixed) > 4096:
                self._fixed.clear()
            before, ids, after = self._fold(pieces.parts)
            found = self._fixed[id(pieces)] = (pieces, _Fixed(before, ids, after, self.controls(ids)))
        return found[1]

    def _fold(self, parts: Iterable[tuple[SegmentKind, str, bool]]) -> tuple[str, tuple[int, ...], str]:
        before, ids, run = "", list[int](), ""
        for kind, text, special in parts:
            number = self.marker(text, kind) if special else None
            if number is None:
                run += text
                continue
            if ids:
                ids += self.text(run)
            else:
                before = run
            ids.append(number)
            run = ""
        return (before, tuple(ids), run) if ids else (run, (), "")


def _utf8(text: str) -> bytes:
    """The bytes that tiktoken encodes: of a lone surrogate those of U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def coder_for(encoding: str | tiktoken.Encoding) -> Coder:
    """The coder of an encoding, by name or as an object. Raises `EncodingError`."""
    if isinstance(encoding, str):
        encoding = get_encoding(encoding)
    if not hasattr(encoding, "encode_single_token"):
        problem = f"found {type(encoding).__name__}, expected the name of an encoding or a tiktoken.Encoding"
        raise EncodingError(problem)
    found: Coder | None = encoding.__dict__.get("_chatml_coder")  # kept there, so that it goes with the encoding
    if found is None or found.encoding is not encoding:
        found = encoding.__dict__["_chatml_coder"] = Coder(encoding)
    return found


def segment_ids(segments: Iterable[Segment], coder: Coder) -> list[int]:
    """The ids of any prompt. Raises `EncodingError` as `turn_ids` does."""
    runs = list(segment_runs(segments, coder))
    out = [number for run in runs for number in (run if isinstance(run, list) else [run])]
    _check_controls(out, sum(not isinstance(run, list) for run in runs), coder)
    return out


def segment_runs(segments: Iterable[Segment], coder: Coder) -> Iterator[int | list[int]]:
    """The ids marker by marker and run by run."""
    run: list[str] = []
    for text, number in (piece for segment in segments for piece in pieces_of(segment, coder)):
        if number is None:
            run.append(text)
            continue
        if run:
            yield coder.text("".join(run))
            run = []
        yield number
    if run:
        yield coder.text("".join(run))


def pieces_of(segment: Segment, coder: Coder) -> Iterator[tuple[str, int | None]]:
    """A segment in pieces, each with its id if it is a marker: one piece, but for trusted text."""
    if segment.kind is SegmentKind.TRUSTED:
        yield from coder.split(segment.text)
    else:
        yield segment.text, coder.marker(segment.text, segment.kind) if segment.special else None


def turn_ids(turns: Sequence[Turn], coder: Coder) -> list[int]:
    """The ids of compiled messages.

    Turns whose content spells no special token are encoded as one string, the others run by run: for 2,000 messages
    one call of the encoder takes a tenth less than 4,000. The special tokens are counted, in the string or in the ids:
    raises `EncodingError` when there is one that neither the frame nor trusted text put there.
    """
    meant = sum([coder.fixed(head).controls + coder.fixed(tail).controls for head, _, tail, _, _ in turns])
    text = _text_of(turns)
    if coder.spelled_in(text) == meant and max([len(turn[1]) for turn in turns], default=0) < LONG_RUN:
        ids = coder.whole(text)
        if ids is not None:
            return ids
    out: list[int] = []
    for harmless, group in _grouped(_harmless(turns, coder), turns):
        ids = coder.whole(_text_of(group)) if harmless else None
        for run in turn_runs(group, coder)[0] if ids is None else (ids,):
            out += run
    meant += sum(coder.controls_in(content) for _, content, _, _, _ in turns if type(content) is Trusted)
    _check_controls(out, meant, coder)
    return out


def _check_controls(ids: Sequence[int], meant: int, coder: Coder) -> None:
    found = coder.controls(ids)
    if found != meant:
        raise EncodingError(
            f"text became a control id: the prompt has {found} special ids, and {meant} come from its frame",
            encoding=coder.encoding.name, hint="in this vocabulary a special id is also that of ordinary text",
        )  # fmt: skip


def _text_of(turns: Sequence[Turn]) -> str:
    return "".join([text for head, content, tail, _, _ in turns for text in (head.text, content, tail.text)])


def _harmless(turns: Sequence[Turn], coder: Coder) -> list[bool]:
    """For each turn, whether it can be encoded as a string. Raises for a marker without an id: that would be text."""
    frame = {id(part): part for head, _, tail, _, _ in turns for part in (head, tail)}.values()
    texts = [text for before, _, after, _ in map(coder.fixed, frame) for text in (before, after)]
    flags = [type(content) is str and coder.is_harmless(content) for _, content, _, _, _ in turns]
    if not all(flags) and not all(head.parts and head.parts[0][0] is SegmentKind.START for head, *_ in turns):
        # text before a turn's first marker belongs to a run that began in the turn before: do not cut there
        return [False] * len(turns)
    return flags if all(map(coder.is_harmless, texts)) else [False] * len(turns)


def _grouped(flags: Sequence[bool], turns: Sequence[Turn]) -> Iterator[tuple[bool, list[Turn]]]:
    """Neighbouring turns with the same flag."""
    if all(flags):
        yield True, list(turns)
        return
    for flag, group in groupby(zip(flags, turns, strict=True), key=itemgetter(0)):
        yield flag, [turn for _, turn in group]


def turn_runs(turns: Iterable[Turn], coder: Coder) -> tuple[list[Sequence[int]], list[int | None]]:
    """The ids of compiled messages run by run, and for each run the message it belongs to (None: to none)."""
    fixed, encode = coder.fixed, coder.text
    runs: list[Sequence[int]] = []
    owners: list[int | None] = []
    run, owner = "", None
    for head, content, tail, message, _ in turns:
        before, ids, after, _ = fixed(head)
        run += before
        if ids:
            if run:
                runs.append(encode(run))
                owners.append(owner)
            runs.append(ids)
            owners.append(message)
            run = after
        owner = message
        if type(content) is Trusted:
            texts, content = _cut(content, coder)
            for text, number in texts:
                run += text
                if run:
                    runs.append(encode(run))
                    owners.append(owner)
                runs.append((number,))
                owners.append(owner)
                run = ""
        before, ids, after, _ = fixed(tail)
        run += content + before
        if ids:
            if run:
                runs.append(encode(run))
                owners.append(owner)
            runs.append(ids)
            owners.append(owner)
            run = after
    if run:
        runs.append(encode(run))
        owners.append(owner)
    return runs, owners


def _cut(content: Trusted, coder: Coder) -> tuple[list[tuple[str, int]], str]:
    """Content with trusted parts as `(text, special id behind it)`, and the text behind the last one."""
    cut, run = list[tuple[str, int]](), ""
    for text, flag in content.runs:
        for piece, number in coder.split(text) if flag else ((text, None),):
            if number is None:
                run += piece
            else:
                cut.append((run, number))
                run = ""
    return cut, run


def plain_ids(ids: Iterable[int]) -> list[int]:
    """Ids as a list of `int`; what numpy and torch hold instead becomes one."""
    if isinstance(ids, Mapping):
        raise EncodingError("found a mapping, expected token ids", hint="pass a list of integers")
    try:
        return [number if type(number) is int or type(number) is bool else index(number) for number in ids]
    except TypeError as error:
        raise EncodingError(
            f"found {type(ids).__name__}, expected token ids: {error}", hint="pass a list of integers"
        ) from None


def read_ids(machine: Machine, ids: Iterable[int], coder: Coder) -> None:
    """Feed a machine with ids: markers of its dialect as markers, other special ids as foreign, the rest as text."""
    spelled, markers = coder.spelled, frozenset(machine.dialect.markers)
    machine.by_id = frozenset(spelled.values())
    ids = plain_ids(ids)
    begin = 0

    def feed_text(stop: int) -> None:
        if begin < stop:
            try:
                text = decode_bytes(coder.encoding, ids[begin:stop])
            except EncodingError:
                text = decode_bytes(coder.encoding, ids)  # raises again, with the position in all ids
            machine.text(text.decode("utf-8", "replace"))

    for position in [position for position, number in enumerate(ids) if number in spelled and number is not True]:
        feed_text(position)
        token = spelled[ids[position]]
        (machine.marker if token in markers else machine.foreign)(token)
        begin = position + 1
    feed_text(len(ids))
