"""From a Hugging Face tokenizer.json to what tiktoken needs. Byte-level BPE only, and only what comes out exact.

`convert` takes the parsed file. What tiktoken would do otherwise than the file's own tokenizer raises `EncodingError`.
Post-processor, decoder, truncation and padding are not read: they come after the ids of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from chatml._errors import EncodingError
from chatml.encodings._merges import check_merges
from chatml.encodings._patterns import GPT2
from chatml.encodings._regex_dialect import first_unportable

if TYPE_CHECKING:
    from collections.abc import Iterator

# tiktoken's ids are 32 bits wide, and it keeps the highest for itself
MOST_ID = 2**32 - 2
# Normal forms can be made exactly before tiktoken sees the text
_UNICODE_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


class Parts(NamedTuple):
    """What `tiktoken.Encoding(...)` is made from."""

    ranks: dict[bytes, int]
    special_tokens: dict[str, int]
    pattern: str


def convert(document: Any, *, allow_normalizer: bool = False) -> Parts:
    """Convert a parsed tokenizer.json. Raises `EncodingError` with the reason when that is not possible exactly."""
    _expect(document, dict, "the file")
    _check_normalizer(document.get("normalizer"), allow_normalizer)
    pattern = _split_pattern(document.get("pre_tokenizer"))
    model = _field(document, "model", dict)
    _check_model(model)
    vocabulary = _vocabulary(model)
    added = _added_tokens(document, vocabulary)
    tokens = {spelling: token_bytes(spelling) for spelling in vocabulary}
    merges = [_merge(merge, number, tokens) for number, merge in enumerate(_field(model, "merges", list, "model."))]
    made = {left + right for left, right in merges}
    ranks: dict[bytes, int] = {}
    for spelling, token in tokens.items():
        # A vocabulary often lists the added tokens too. Text never becomes one of those by merging.
        if spelling in added and not (token and (len(token) == 1 or token in made)):
            continue
        if not token:
            raise EncodingError(f"the token {spelling!r} in model.vocab is not written in the byte-level alphabet")
        ranks[token] = vocabulary[spelling]
    check_bytes(ranks)
    check_merges(ranks, merges)
    return Parts(ranks, added, pattern)


def check_bytes(ranks: dict[bytes, int]) -> None:
    """Raise `EncodingError` unless every single byte is a token, so that every text can be encoded."""
    missing = [byte for byte in range(256) if bytes((byte,)) not in ranks]
    if missing:
        raise EncodingError(f"{len(missing)} of the 256 single bytes are not tokens, the first is 0x{missing[0]:02x}")


def _check_normalizer(normalizer: Any, allow: bool) -> None:
    if normalizer is None or normalizer == {"type": "Sequence", "normalizers": []}:
        return
    kind = _type_of(normalizer, "normalizer")
    if kind not in _UNICODE_FORMS:
        raise EncodingError(f"the file has a normalizer of type {kind}, and tiktoken does not change text")
    if not allow:
        raise EncodingError(
            f"the file has a normalizer of type {kind}, and tiktoken does not change text",
            hint=f"normalize your text to {kind} yourself and pass allow_normalizer=True",
        )


def _split_pattern(pre_tokenizer: Any) -> str:
    steps = list(_steps(pre_tokenizer))
    kinds = [_type_of(step, "pre_tokenizer") for step in steps]
    if kinds not in (["ByteLevel"], ["Split", "ByteLevel"]):
        found = ", ".join(kinds) or "nothing"
        raise EncodingError(f"pre_tokenizer is {found}, and only ByteLevel or Split, ByteLevel has a tiktoken form")
    if steps[-1].get("add_prefix_space") is not False:
        raise EncodingError("pre_tokenizer adds a space before the text, which tiktoken does not")
    use_regex = steps[-1].get("use_regex", True)
    if use_regex is not (len(steps) == 1):
        found = f"{', '.join(kinds)} with use_regex {_show(use_regex)}"
        raise EncodingError(f"pre_tokenizer is {found}, which has no tiktoken form")
    return GPT2 if len(steps) == 1 else _split(steps[0])


def _steps(pre_tokenizer: Any) -> Iterator[dict[str, Any]]:
    if pre_tokenizer is None:
        return
    if _type_of(pre_tokenizer, "pre_tokenizer") != "Sequence":
        yield pre_tokenizer
        return
    for step in _field(pre_tokenizer, "pretokenizers", list, "pre_tokenizer."):
        yield _expect(step, dict, "pre_tokenizer.pretokenizers[]")


def _split(step: dict[str, Any]) -> str:
    """The pattern of a Split. Its matches are the pieces: all else is dropped, or is not there (checked later)."""
    how = step.get("behavior"), step.get("invert")
    if how not in (("Isolated", False), ("Removed", True)):
        raise EncodingError(
            f"pre_tokenizer splits with behavior and invert {_show(how)}, which has no tiktoken form",
            hint="('Isolated', False) and ('Removed', True) have one",
        )
    pattern = _field(_field(step, "pattern", dict, "pre_tokenizer."), "Regex", str, "pre_tokenizer.pattern.")
    offset = first_unportable(pattern)
    if offset is not None:
        raise EncodingError(
            f"the split pattern holds {pattern[offset : offset + 8]!r} at offset {offset}, "
            "which tiktoken may not read as the file's own tokenizer does"
        )
    return pattern


def _check_model(model: dict[str, Any]) -> None:
    # Old files have no type, and the library takes what has merges for BPE
    kind = model.get("type", "BPE")
    if kind != "BPE":
        raise EncodingError(f"model.type is {_show(kind)}, and only 'BPE' has a tiktoken form")
    for field in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(field) not in (None, ""):
            raise EncodingError(f"model.{field} is {_show(model[field])}, which has no tiktoken form")
    if model.get("dropout") not in (None, 0):
        raise EncodingError(f"model.dropout is {_show(model['dropout'])}: its ids are random")


def _vocabulary(model: dict[str, Any]) -> dict[str, int]:
    vocabulary = _field(model, "vocab", dict, "model.")
    spellings: dict[int, str] = {}
    for spelling, number in vocabulary.items():
        check_id(number, f"model.vocab[{spelling!r}]")
        if spellings.setdefault(number, spelling) != spelling:
            raise EncodingError(f"model.vocab gives the id {number} to {spellings[number]!r} and to {spelling!r}")
    return vocabulary


def _added_tokens(document: dict[str, Any], vocabulary: dict[str, int]) -> dict[str, int]:
    added: dict[str, int] = {}
    next_id = len(vocabulary)
    if document.get("added_tokens") is None:
        return added
    for token in _field(document, "added_tokens", list):
        content = _field(_expect(token, dict, "added_tokens[]"), "content", str, "added_tokens[].")
        number = check_id(token.get("id"), f"the added token {content!r}")
        # The file's own tokenizer goes by its vocabulary and by the order of the list, and only warns of other ids
        given = vocabulary.get(content, added.get(content, next_id))
        if number != given:
            raise EncodingError(
                f"the added token {content!r} has id {number}, but the file's own tokenizer would give it {given}"
            )
        added[content] = number
        next_id = max(next_id, number + 1)
    return added


def check_id(number: Any, what: str) -> int:
    """Raise `EncodingError` unless `number` can be a token id."""
    if type(number) is not int or not 0 <= number <= MOST_ID:
        raise EncodingError(f"{what} has {_show(number)} for an id, expected a whole number from 0 to {MOST_ID}")
    return number


def _merge(merge: Any, number: int, tokens: dict[str, bytes | None]) -> tuple[bytes, bytes]:
    """Read `"a b"`, or `["a", "b"]` as newer files have it."""
    pair = merge.split(" ") if isinstance(merge, str) else merge
    if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str):
        left, right = tokens.get(pair[0]), tokens.get(pair[1])
        if left and right:
            return left, right
    raise EncodingError(f"model.merges[{number}] is {_show(merge)}, expected two byte-level tokens of model.vocab")


def _byte_alphabet() -> dict[int, int]:
    """GPT-2's: the printable bytes of Latin-1 stand for themselves, the others for U+0100 and what follows."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: byte for byte in printable} | {256 + place: byte for place, byte in enumerate(others)}


_ALPHABET = _byte_alphabet()
_LETTERS = frozenset(map(chr, _ALPHABET))


def token_bytes(spelling: str) -> bytes | None:
    """Give the bytes that a token in the byte-level alphabet stands for, None when it is not written in it."""
    if not _LETTERS.issuperset(spelling):
        return None
    return spelling.translate(_ALPHABET).encode("latin-1")


_T = TypeVar("_T")
_KIND_NAMES: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}


def _type_of(value: Any, where: str) -> str:
    return _field(_expect(value, dict, where), "type", str, f"{where}.")


def _field(parent: dict[str, Any], key: str, kind: type[_T], where: str = "") -> _T:
    return _expect(parent.get(key), kind, f"{where}{key}")


def _expect(value: Any, kind: type[_T], where: str) -> _T:
    if isinstance(value, kind):
        return value
    found = "nothing" if value is None else _KIND_NAMES.get(type(value), _show(value))
    raise EncodingError(f"{where} is {found}, expected {_KIND_NAMES[kind]}")


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
