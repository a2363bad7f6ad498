"""Fuzz targets: one function for each thing that takes untrusted input, bytes in, nothing out.

A target asserts laws, not only that nothing falls over: an `AssertionError` is a broken law, and whatever is no
`ChatMLError` is a bug, because no public function raises anything else. `run.py` feeds them with what a fuzzer makes,
`tests/test_fuzz_corpus.py` with the files under `corpus/` and `regressions/`; how a file is read is told in
`pieces.py`. This file is long because it is the list of all laws.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import laws
from laws import FAMILY, KNOWN, attempt
from pieces import Input

import chatml
from chatml import (
    ChatMLError,
    ConfigError,
    EncodingError,
    Finding,
    FindingKind,
    InjectionError,
    Message,
    ParseError,
    Prompt,
    RenderError,
    Severity,
    promptfiles,
)
from chatml.dialects import DIALECTS, Dialect
from chatml.encodings import decode_bytes, encode_ordinary

Target = Callable[[bytes], None]

LONGEST = max(map(len, KNOWN))
PROFILES = ("exact", "hardened")
MARKERS = ("\\", "!", "%", "~", "\t", "\u00a7", "<", "a", "\u0338", "")
POLICIES = ("escape", "strip", "reject")
ROLES = ("user", "assistant", "system", "tool", "developer", "critic-2")
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"add_generation_prompt": True},
    {"continue_final_message": True},
    {"template_kwargs": {"bos_token": chatml.trusted("<|hello|>"), "eos_token": chatml.trusted("<|bye|>")}},
    {"template_kwargs": {"bos_token": "<bos>", "eos_token": "<|eos|>"}},
)
MODELS = (None, "gpt-4o", "gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-5", "gpt-4", "o3-mini")

# ---------------------------------------------------------------------------------------------------------- sanitizing


def escape(data: bytes) -> None:
    """Choices: profile, marker. Texts: fields that are put side by side, the last one as it is."""
    source = Input(data)
    profile, marker = source.pick(PROFILES), source.pick(MARKERS[:4])
    options: dict[str, Any] = {"profile": profile, "marker": marker}
    *fields, neighbour = ["", *source.fields]
    for text in (*fields, neighbour):
        check_scheme(text, KNOWN, profile=profile, marker=marker)
    escaped = "".join(chatml.escape(text, **options) for text in fields)
    check_no_token_begins(escaped, neighbour, KNOWN, profile)


def check_scheme(text: str, tokens: frozenset[str], *, profile: str, marker: str) -> None:
    """Everything that is promised of one text. `tokens` are all that are known, or those of the call."""
    options: dict[str, Any] = {"profile": profile, "marker": marker}
    options |= {} if tokens is KNOWN else {"tokens": tokens}
    safe = chatml.escape(text, **options)
    assert chatml.unescape(safe, **options) == text, "unescape inverts escape"
    assert chatml.is_escaped(safe, **options), "what was escaped is in escaped form"
    assert safe == laws.definition(tokens, marker, profile == "hardened").escape(text), "escape is what is defined"
    assert laws.spellings(tokens).first(safe) is None, "no token is in escaped text"
    twice = chatml.escape(safe, **options)
    assert chatml.unescape(twice, **options) == safe, "escapes are counted"
    assert (twice == safe) == (safe == text), "what is dangerous stays dangerous"
    if profile == "hardened":
        check_cleaned(safe, tokens)


def check_cleaned(safe: str, tokens: frozenset[str]) -> None:
    """No token is in escaped text after others have changed it."""
    finder = laws.cleaned_spellings(tokens)
    for change in laws.PASSES:
        assert finder.first(change(safe)) is None, "no token forms when hardened text is cleaned"


def check_no_token_begins(escaped: str, neighbour: str, tokens: frozenset[str], profile: str) -> None:
    """No token begins in escaped text, whatever stands to its right."""
    changes: list[Callable[[str], str]] = [str, *((laws.become,) if profile == "hardened" else ())]
    for change in changes:
        finder = laws.cleaned_spellings(tokens) if change is laws.become else laws.spellings(tokens)
        found = finder.first(change(escaped + neighbour))
        assert found is None or found[0] >= len(change(escaped)), "no token begins in escaped text"


def unescape(data: bytes) -> None:
    """Choices: profile, marker. Text: anything."""
    source = Input(data)
    options: dict[str, Any] = {"profile": source.pick(PROFILES), "marker": source.pick(MARKERS[:4])}
    text = source.text
    found = attempt(chatml.unescape, text, **options)
    assert chatml.is_escaped(text, **options) == isinstance(found, str), "escaped form is what can be unescaped"
    if isinstance(found, str):
        assert chatml.escape(found, **options) == text, "escape inverts unescape"
        assert laws.spellings(KNOWN).first(text) is None, "no token is in escaped form"
        return
    assert isinstance(found, ParseError), found
    assert found.code == "not-escaped"
    check_place(found, text)


def check_place(error: ParseError, text: str) -> None:
    """The place of an error lies in the text, and its line and column are those of its offset."""
    assert 0 <= error.start <= error.end <= len(text), "an error has a place in the text"
    assert (error.line, error.column) == laws.position(text, error.start), "line and column are those of the offset"


def custom(data: bytes) -> None:
    """Choices: profile, marker. Two records: up to 6 tokens, then a text and its right neighbour."""
    source = Input(data)
    profile, marker = source.pick(("exact", "hardened", "exact", "exact")), source.pick(MARKERS)
    records = [*source.records, [], []]
    tokens, (text, neighbour) = frozenset(records[0][:6]), [*records[1], "", ""][:2]
    refused = attempt(chatml.escape, text, profile=profile, marker=marker, tokens=tokens)
    bad = len(marker) != 1 or any(len(token) < 2 or marker in token for token in tokens)
    if isinstance(refused, ChatMLError):
        assert isinstance(refused, ConfigError), refused
        assert bad or profile == "hardened", "only tokens and markers that cannot work are refused"
        return
    assert not bad, "tokens and markers that cannot work are refused"
    check_scheme(text, tokens, profile=profile, marker=marker)
    check_no_token_begins(refused, neighbour, tokens, profile)
    check_strip(text, tokens, profile, marker)


def strip(data: bytes) -> None:
    """Choice: profile. Text: anything."""
    source = Input(data)
    check_strip(source.text, KNOWN, source.pick(PROFILES), "\\")


def check_strip(text: str, tokens: frozenset[str], profile: str, marker: str) -> None:
    """What is stripped is free of tokens, and no more is gone than has to be."""
    options: dict[str, Any] = {"profile": profile, "marker": marker}
    options |= {} if tokens is KNOWN else {"tokens": tokens}
    safe = chatml.sanitize(text, policy="strip", **options)
    assert laws.spellings(tokens).first(safe) is None, "no token is left"
    kept = chatml.unescape(safe, **options)
    assert laws.spellings(tokens).first(kept) is None, "no token is left, escaped or not"
    rest = iter(text)
    assert all(one in rest for one in kept), "what is left is part of the text, in order"
    assert chatml.sanitize(kept, policy="strip", **options) == safe, "nothing is left to strip"
    if profile == "hardened":
        check_cleaned(safe, tokens)
        found = attempt(chatml.sanitize, text, policy="reject", **options)
        assert isinstance(found, InjectionError) or kept == text, "what spells no token stays as it is"
    else:
        assert kept == laws.stripped(text, tokens), "tokens are deleted as they are completed"


def sanitizer(data: bytes) -> None:
    """Choices: policy, profile, then up to four sizes of chunks. Text: anything."""
    source = Input(data)
    options: dict[str, Any] = {"policy": source.pick(POLICIES), "profile": source.pick(PROFILES)}
    chunks = laws.cut(source.text, [source.pick(range(16)) for _ in range(4)])
    whole = attempt(chatml.sanitize, source.text, **options)
    fed = attempt(feed_all, chatml.Sanitizer(**options), chunks, options)
    if not isinstance(whole, str):
        assert isinstance(whole, InjectionError), whole
        assert isinstance(fed, InjectionError), "what is rejected whole is rejected in chunks"
        assert fed.findings[0].start == whole.findings[0].start, "the first token is the one that is reported"
        check_finding(fed.findings[0], source.text)
        return
    assert fed == whole, "chunks give what the whole gives"


def feed_all(made: chatml.Sanitizer, chunks: Sequence[str], options: Mapping[str, Any]) -> str:
    """Everything that a sanitizer gives out; it holds back no more than it says."""
    out, fed = "", ""
    for chunk in chunks:
        out, fed = out + made.feed(chunk), fed + chunk
        if options["policy"] != "strip" and options["profile"] == "exact":
            assert len(fed) - len(out) <= LONGEST + fed.count("\\"), "only the beginning of one token is held back"
    return out + made.close()


def scan(data: bytes) -> None:
    """Choice: one text, or fields that are put side by side."""
    source = Input(data)
    if source.pick((True, False)):
        text = source.text
        findings = chatml.scan(text)
        for finding in findings:
            check_finding(finding, text)
            check_kind(finding)
        check_all_found(text, findings)
        return
    fields = source.fields
    findings = chatml.scan(fields)
    for finding in findings:
        assert finding.message is not None
        assert 0 <= finding.start < max(len(fields[finding.message]), 1), "a finding begins in its text"
        before = "".join(fields[: finding.message])
        moved = finding._replace(start=finding.start + len(before), end=finding.end + len(before))
        line, column = laws.position(fields[finding.message], finding.start)
        assert (finding.line, finding.column) == (line, column), "line and column are those in its text"
        line, column = laws.position("".join(fields), moved.start)
        check_finding(moved._replace(line=line, column=column), "".join(fields))
        check_kind(moved)


def check_finding(finding: Finding, text: str) -> None:
    """A finding is a place in the text, and says what stands there."""
    assert 0 <= finding.start < finding.end <= len(text), "a finding has a place in the text"
    assert finding.spelling == text[finding.start : finding.end], "a finding quotes what stands there"
    assert (finding.line, finding.column) == laws.position(text, finding.start), "line and column are those of start"
    assert "\n" not in str(finding), "a finding is one line"


_DECODERS: Mapping[FindingKind, Callable[[str], str]] = {
    FindingKind.HTML: html.unescape,
    FindingKind.URL: urllib.parse.unquote,
    FindingKind.TAGS: lambda text: "".join(chr(ord(one) - 0xE0000 * (one > "\U000e0000")) for one in text),
    FindingKind.BASE64: lambda text: _from_base64(text.rstrip("=")),
}


def _from_base64(text: str) -> str:
    whole = text[: len(text) // 4 * 4] if len(text) % 4 == 1 else text  # no base64 has such a length
    return base64.b64decode(whole.translate(str.maketrans("-_", "+/")) + "==").decode("utf-8", "replace")


def check_kind(finding: Finding) -> None:
    """What a finding is called is what it is."""
    kind, spelling, token = finding.kind, finding.spelling, finding.token
    if kind is FindingKind.LITERAL:
        assert spelling == token, "a literal spelling is the token"
    if finding.severity is Severity.ERROR:
        assert kind in (FindingKind.LITERAL, FindingKind.SPLIT), "what is literal is an error, and nothing else"
    if kind is FindingKind.INVISIBLE:
        rest = iter(spelling)
        assert all(one in rest for one in token), "the token stands there, with more in between"
    if kind in _DECODERS:
        assert token in _DECODERS[kind](spelling), "decoding makes the token"
    assert token in KNOWN or kind in (FindingKind.HEADER, FindingKind.TEMPLATE)


def check_all_found(text: str, findings: Sequence[Finding]) -> None:
    """Every token in a text lies in a finding."""
    start = 0
    while found := laws.spellings(KNOWN).first(text[start:]):
        begin = start + found[0]
        assert any(one.start <= begin < one.end for one in findings if one.token), "every token is found"
        start = begin + 1


# --------------------------------------------------------------------------------------------------------------- codec


def parse(data: bytes) -> None:
    """Choices: dialect, three sizes of chunks, whether the dialect is looked for. Text: anything."""
    source = Input(data)
    dialect = source.pick(DIALECTS)
    text = source.text
    prompt = Prompt.from_text(text, dialect=dialect)
    check_segments(prompt, text)
    check_strict(prompt, text)
    check_stream(prompt, laws.cut(text, [source.pick(range(16)) for _ in range(3)]))
    safe = attempt(lambda: prompt.text)
    assert safe == text or isinstance(safe, InjectionError), "the string is the text, or not safe"
    check_control_ids(prompt, prompt.token_ids())
    assert len(prompt.assistant_mask()) == prompt.count()
    if source.pick((False, True)):
        assert all(name in chatml.dialect_names() for name, _ in chatml.detect_dialect(text))


def check_segments(prompt: Prompt, text: str) -> None:
    """Segments tile the text; markers and messages are where they say."""
    position = 0
    for segment in prompt.segments:
        assert segment.start == position, "each segment starts where the one before it ends"
        assert segment.text, "no segment is empty"
        assert segment.message is None or 0 <= segment.message < len(prompt.messages), "its message is there"
        position += len(segment.text)
    assert "".join(segment.text for segment in prompt.segments) == text, "joined segments are the text"
    for one in prompt.diagnostics:
        assert 0 <= one.start <= one.end <= len(text), "a diagnostic has a place in the text"
        assert (one.line, one.column) == laws.position(text, one.start)
    contents = [""] * len(prompt.messages)
    for segment in prompt.segments:
        if segment.kind == "content" and segment.message is not None:
            contents[segment.message] += segment.text
    assert contents == [message.content for message in prompt.messages], "content is the text of its segments"


def check_strict(prompt: Prompt, text: str) -> None:
    """Strict reading raises the first error, and else gives the same."""
    dialect = prompt.dialect
    read = chatml.parse(text, dialect=dialect, strict=False)
    assert chatml.parse(text, dialect=dialect, strict=False, unescape=False) == list(prompt.messages)
    assert [one.role for one in read] == [one.role for one in prompt.messages]
    errors = [one for one in prompt.diagnostics if one.severity is Severity.ERROR]
    found = attempt(chatml.parse, text, dialect=dialect)
    assert isinstance(found, ParseError) == bool(errors), "strict raises where there is an error"
    if isinstance(found, ParseError):
        assert (found.start, found.end, found.code) == (errors[0].start, errors[0].end, errors[0].code)
        check_place(found, text)
    else:
        assert found == read


def check_stream(prompt: Prompt, chunks: Sequence[str]) -> None:
    """A text gives the same in any chunks as in one piece."""
    stream = chatml.StreamParser(dialect=prompt.dialect)
    events = [event for chunk in chunks for event in stream.feed(chunk)] + stream.close()
    assert laws.joined(events) == list(prompt.segments), "chunking does not change segments"
    assert (stream.messages, stream.ending) == (prompt.messages, prompt.ending)
    assert stream.diagnostics == tuple(one for one in prompt.diagnostics if one.code != "partly-escaped")


@lru_cache(maxsize=16)
def special_ids(encoding: str) -> Mapping[str, int]:
    """The special tokens of an encoding and their ids, as tiktoken has them."""
    found = chatml.get_encoding(encoding)
    return {token: found.encode_single_token(token) for token in found.special_tokens_set}


def check_control_ids(prompt: Prompt, ids: Sequence[int], meant: Sequence[str] = ()) -> None:
    """The control ids are those of the frame, and of tokens in trusted text; in cl100k_im those from 100257 on."""
    encoding = prompt.dialect.encoding
    special = special_ids(encoding)
    frame = [special[one.text] for one in prompt.segments if one.special and one.text in special]
    lowest = min(special.values())
    found = [number for number in ids if number >= lowest]
    assert sorted(found) == sorted([*frame, *(special[token] for token in meant)]), "control ids are the frame's"
    assert meant or found == frame, "control ids stand in the order of the frame"
    text = "".join(segment.text for segment in prompt.segments)
    assert chatml.get_encoding(encoding).decode(list(ids)) == laws.without_surrogates(text), "ids are the text"


def conversation(source: Input) -> list[dict[str, Any]]:
    """Records as messages: role, content, and a name where there is a third field."""
    messages = []
    for role, content, *name in ([*record, ""] if len(record) == 1 else record for record in source.records):
        known = re.fullmatch("[a-z][a-z0-9_-]{0,63}", role) is not None
        message = {"role": role if known else ROLES[sum(map(ord, role)) % len(ROLES)], "content": content}
        if name:
            message["name"] = re.sub("[^A-Za-z0-9_-]", "", name[0])[:64] or "bob"
        messages.append(message)
    return messages


def render(data: bytes) -> None:
    """Choices: dialect, options, lossy or not. Records: messages."""
    source = Input(data)
    keywords: dict[str, Any] = {"dialect": source.pick(DIALECTS), **source.pick(OPTIONS)}
    keywords["lossy"] = source.pick((True, False))
    messages = conversation(source)
    prompt = attempt(Prompt.from_messages, messages, **keywords)
    text = attempt(chatml.render, messages, **keywords)
    if isinstance(prompt, ChatMLError) or isinstance(text, ChatMLError):
        assert isinstance(prompt, RenderError)
        assert str(text) == str(prompt), "what cannot be laid out cannot be rendered"
        return
    ids = chatml.encode(messages, **keywords)
    assert ids == prompt.token_ids(), "encode gives the ids of the prompt"
    assert len(ids) == prompt.count(), "a count is the number of ids"
    check_control_ids(prompt, ids)
    options = {"dialect": keywords["dialect"], "template_kwargs": keywords.get("template_kwargs")}
    check_string(prompt, text, options)
    check_policies(messages, prompt, keywords, options)
    if reads_back(prompt):
        check_way_back(prompt, text, options)


def reads_back(prompt: Prompt) -> bool:
    """Whether roles can be read back: not where a name or nothing was written instead, which `lossy` allows."""
    loses = prompt.dialect.reply_header or "{role}" not in (prompt.dialect.named_header or "{role}")
    return not (loses and any(lost.field == "role" for lost in prompt.dropped))


def check_way_back(prompt: Prompt, text: str, options: Mapping[str, Any]) -> None:
    """Messages come back from the string and from the ids, and the string from the messages."""
    read = Prompt.from_text(text, **options)
    check_segments(read, text)
    messages = chatml.parse(text, **options)
    assert messages == list(prompt.messages), "parse inverts render"
    assert read.ending == prompt.ending
    if not prompt.dropped:
        given = {key: value for key, value in options.items() if value is not None}
        assert chatml.render(messages, **{**read.options, **given}) == text, "render inverts parse"
    decoded = chatml.decode(prompt.token_ids(), **options)
    expected = [(one.role, laws.without_surrogates(one.text)) for one in prompt.messages]
    assert [(one.role, one.text) for one in decoded] == expected, "decode inverts encode"
    checked = chatml.verify_ids(prompt.token_ids(), **options)
    assert list(checked.messages) == decoded, "ids of our own are verified"


def check_string(prompt: Prompt, text: str, options: Mapping[str, Any]) -> None:
    """In the string nothing but the frame is a special token, for a tokenizer that takes every token for special."""
    special = special_ids(prompt.dialect.encoding)
    ids = chatml.get_encoding(prompt.dialect.encoding).encode(text, allowed_special="all")
    frame = [special[one.text] for one in prompt.segments if one.special and one.text in special]
    assert [number for number in ids if number >= min(special.values())] == frame, "the string has the frame's tokens"
    if reads_back(prompt):
        check_untrusted(chatml.parse(text, unescape=False, **options))


def check_untrusted(messages: Sequence[Message]) -> None:
    """No known token is in what others wrote."""
    for message in messages:
        if message.role not in ("system", "developer", "assistant"):
            assert laws.spellings(FAMILY).first(message.text) is None, "no known token is in what others wrote"


def check_policies(
    messages: Sequence[Any], prompt: Prompt, keywords: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """To reject raises where a token is spelled, to strip deletes it; both leave other text alone."""
    escaped = chatml.render(messages, **keywords)
    rejected = attempt(chatml.render, messages, untrusted="reject", **keywords)
    assert rejected == escaped or isinstance(rejected, InjectionError)
    if isinstance(rejected, InjectionError):
        for finding in rejected.findings:
            content = messages[finding.message]["content"]
            assert finding.spelling == finding.token == content[finding.start : finding.end]
    safe = attempt(lambda: prompt.text)
    assert isinstance(safe, InjectionError) == isinstance(rejected, InjectionError), "what is not safe is rejected"
    cleaned = chatml.render(messages, untrusted="strip", **keywords)
    assert (cleaned == escaped) == isinstance(rejected, str), "only what is rejected is stripped"
    if reads_back(prompt):
        check_untrusted(chatml.parse(cleaned, **options))


def trusted(data: bytes) -> None:
    """Choice: dialect. Records: role, and texts that are trusted and not by turns."""
    source = Input(data)
    dialect = source.pick(DIALECTS)
    messages, given = [], ""
    for role, *fields in source.records:
        content: str = ""
        for number, field in enumerate(fields):
            content = content + (chatml.trusted(field) if number % 2 else field)
            given += field * (number % 2)
        messages.append({"role": ROLES[sum(map(ord, role)) % len(ROLES)], "content": content})
    prompt = attempt(Prompt.from_messages, messages, dialect=dialect, lossy=True)
    text = attempt(chatml.render, messages, dialect=dialect, lossy=True)
    if isinstance(prompt, ChatMLError):
        assert isinstance(prompt, RenderError)
        assert str(text) == str(prompt)
        return
    assert isinstance(text, str)
    ids = attempt(prompt.token_ids)
    assert isinstance(ids, list), "trusted text is no obstacle"
    special = special_ids(dialect.encoding)
    kept = [segment.text for segment in prompt.segments if segment.kind == "trusted"]
    assert prompt.dropped or "".join(kept) == given, "what is trusted stays so"
    meant = [token for part in kept for token in re.findall("|".join(map(re.escape, special)), part)]
    check_control_ids(prompt, ids, meant)
    assert prompt.count() == len(prompt.assistant_mask()) == len(ids)
    found = chatml.get_encoding(dialect.encoding).encode(text, allowed_special="all")
    lowest = min(special.values())
    assert [one for one in found if one >= lowest] == [one for one in ids if one >= lowest], "string and ids agree"


def messages(data: bytes) -> None:
    """Choices: dialect, model, policy. Text: JSON of messages, or of anything."""
    source = Input(data)
    dialect, model, policy = source.pick(DIALECTS), source.pick(MODELS[1:]), source.pick(POLICIES)
    try:
        value = json.loads(source.text)
    except (ValueError, RecursionError):
        return
    for lossy in (False, True):
        prompt = attempt(Prompt.from_messages, value, dialect=dialect, lossy=lossy)
        text = attempt(chatml.render, value, dialect=dialect, lossy=lossy)
        assert isinstance(text, str) == isinstance(prompt, Prompt)
        if isinstance(prompt, Prompt) and isinstance(text, str):
            assert isinstance(prompt.diagnostics, tuple)
            check_control_ids(prompt, prompt.token_ids())
            check_string(prompt, text, {"dialect": dialect})
    attempt(chatml.render, value, dialect=dialect, lossy=True, untrusted=policy)
    total, found = attempt(chatml.count, value, model=model), attempt(chatml.measure, value, model=model)
    assert isinstance(found, ChatMLError) or found.total == total, "a measure adds up to the count"
    check_sanitized(value, dialect, policy)
    for one in value if isinstance(value, list) else [value]:
        check_message(one)


def check_message(value: Any) -> None:
    """A message is read back from each form in which it is written."""
    message = attempt(Message.from_mapping, value)
    if not isinstance(message, Message):
        return
    assert isinstance(hash(message), int)
    legacy = len(message.tool_calls) > 1 and any(call.type == "function_call" for call in message.tool_calls)
    for form in ("chat", "sender", "sharegpt"):
        written = attempt(message.to_mapping, form)
        assert isinstance(written, (dict, RenderError))
        if isinstance(written, dict) and not legacy and written == written:
            assert Message.from_mapping(written) == message, f"the form {form} is read back"


def check_sanitized(value: Any, dialect: Dialect, policy: str) -> None:
    """Sanitized messages, and sanitized JSON, spell no token."""
    safe = attempt(chatml.sanitize_messages, value, untrusted=policy, dialect=dialect, tokens=KNOWN)
    assert isinstance(safe, (list, RenderError, ConfigError, InjectionError)), safe
    assert laws.spelled_in(safe, but=("id", "tool_call_id", "type")) is None, "no token is in sanitized messages"
    assert laws.spelled_in(safe) is None, "no token is in ids and types of sanitized messages"
    safe = attempt(chatml.sanitize, value, policy=policy)
    assert not isinstance(safe, ChatMLError) or isinstance(safe, (ConfigError, InjectionError)), safe
    assert laws.spelled_in(safe) is None, "no token is in sanitized JSON"


# --------------------------------------------------------------------------------------------------------------- counts


def count(data: bytes) -> None:
    """Choices: model, dialect, reply or not, how often contents are repeated. Records: messages."""
    source = Input(data)
    model, dialect, reply = source.pick(MODELS), source.pick(DIALECTS), source.pick((True, False))
    times = source.pick((1, 1, 2, 3, 50, 400))
    given = [one | {"content": one["content"] * times} for one in conversation(source)]
    keywords: dict[str, Any] = {"model": model} if model else {"dialect": dialect, "lossy": True}
    total = attempt(chatml.count, given, add_generation_prompt=reply, **keywords)
    found = attempt(chatml.measure, given, add_generation_prompt=reply, **keywords)
    if isinstance(found, ChatMLError):
        assert str(total) == str(found), "what cannot be measured cannot be counted"
        return
    assert total == found.total, "a count is the total of the measure"
    numbers = [number for one in found.messages for number in (one.header, one.content, one.framing)]
    numbers += [part.tokens for part in found.parts]
    assert sum(numbers) == total, "a total is the sum of its parts"
    assert min(numbers, default=0) >= 0, "no part is negative"
    if model and any(one["role"] in ("tool", "function") for one in given):
        return  # results are billed as parts of a call, which is an estimate
    ids = chatml.encode(given, dialect=found.dialect, encoding=found.encoding, add_generation_prompt=reply, lossy=True)
    assert total == len(ids), "a count is the number of ids"


def ids(data: bytes) -> None:
    """Choices: dialect. Text: encoded with its tokens as ids or, behind a U+001F and up to the next one, as text."""
    source = Input(data)
    dialect = source.pick([one for one in DIALECTS if one.encoding == "cl100k_im"])
    encoding = chatml.get_encoding("cl100k_im")
    numbers: list[int] = []
    for place, text in enumerate(source.fields):
        numbers += encoding.encode_ordinary(text) if place % 2 else encoding.encode(text, allowed_special="all")
    prompt = Prompt.from_ids(numbers, dialect=dialect)
    controls = [number for number in numbers if number >= 100257]
    assert [number for number in prompt.token_ids() if number >= 100257] == controls, "ids of text are text"
    text = "".join(segment.text for segment in prompt.segments)
    assert text == encoding.decode(numbers), "segments are what the ids decode to"
    check_segments(prompt, text)
    found = attempt(chatml.verify_ids, numbers, dialect=dialect)
    if isinstance(found, Prompt):
        assert not [one for one in found.diagnostics if one.severity is Severity.ERROR]
        special = special_ids("cl100k_im")
        frame = [special[one.text] for one in found.segments if one.special and one.text in special]
        assert frame == controls, "what is verified is the frame"
        return
    assert isinstance(found, InjectionError), found
    assert 0 <= found.start < max(len(numbers), 1)
    assert not found.token or encoding.decode([numbers[found.start]]) == found.token


# ---------------------------------------------------------------------------------------------------------------- files

SOURCES = ("", "a.json", "a.jsonl", "a.chatml", "a.txt", "a.ndjson", "a.json.prompt", "dir.json/a")
SIZES = (None, 0, 1, 8, 64, 512)


def prompt_file(data: bytes) -> None:
    """Choices: name of the file, limit of size. Text: anything."""
    source = Input(data)
    name, size = source.pick(SOURCES), source.pick(SIZES)
    text = source.text
    limit = {} if size is None else {"max_size": size}
    found = attempt(promptfiles.read_documents, text, source=name, **limit)
    body = text.removeprefix("\ufeff")
    if isinstance(found, ChatMLError):
        assert isinstance(found, ParseError), found
        assert found.source == name
        assert 1 <= found.line <= body.count("\n") + 1, "the line of an error is one of the file"
        assert 0 <= found.start <= len(body), "an error has a place in the file"
        if found.code == "json":
            check_place(found, body)
        return
    assert found, "a file that is read holds something"
    lines = [document.line for document in found]
    assert lines == sorted(lines), "documents stand in the order of the file"
    assert 1 <= lines[0] <= lines[-1] <= body.count("\n") + 1
    largest = max(len(part.encode("utf-8", "surrogatepass")) for part in body.split("\n"))
    whole = len(body.encode("utf-8", "surrogatepass"))
    by_line = {document.container for document in found} == {"jsonl"}
    assert size is None or (largest if by_line else whole) <= size, "what is too large is refused"
    for document in found:
        check_document(document, body)


def check_document(document: promptfiles.Document, body: str) -> None:
    """A document is a text or messages, of plain JSON; using it raises nothing but our errors."""
    if document.text is not None:
        assert document.text == body, "a prompt is the text of its file"
        assert not document.messages
        attempt(chatml.parse, document.text)
        return
    for text in laws.texts_in([document.messages, document.request]):
        assert laws.without_surrogates(text) == text, "no string holds half of a surrogate pair"
    line = body.split("\n")[document.line - 1] if document.container == "jsonl" else None
    if line is not None:
        (alone,) = promptfiles.read_documents(line, source="a.jsonl")
        assert alone._replace(line=document.line, places=document.places) == document, (
            "a line is read as if it stood alone"
        )
    json.dumps(document.messages, allow_nan=False)
    attempt(Prompt.from_messages, document.messages, lossy=True)
    attempt(chatml.measure, document.messages, model="gpt-4o", tools=document.request.get("tools"))


FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
PATTERNS = (None, "cl100k_base", "llama3", "gpt2", r"\S+|\s+", "qwen", r".")
KINDS = ("patch", "json", "lines", "bytes")


def encoding_file(data: bytes) -> None:
    """Choices: what is made of the rest, pattern, normalizer. Rest: the file, or what is changed in a small one."""
    source = Input(data)
    kind, pattern, allow = source.pick(KINDS), source.pick(PATTERNS), source.pick((False, True))
    content = {"patch": patched, "lines": with_lines}.get(kind, bytes)(source.rest)
    with tempfile.NamedTemporaryFile(suffix=".json", dir=FOLDER) as file:
        file.write(content)
        file.flush()
        encoding = attempt(chatml.load_encoding, file.name, pattern=pattern, allow_normalizer=allow)
        named = attempt(chatml.special_tokens, tokenizer=file.name)
        for error in (encoding, named):
            if isinstance(error, ChatMLError):
                assert isinstance(error, EncodingError), error
                assert error.where() == file.name, "an error names the file"
    if isinstance(encoding, ChatMLError):
        return
    for text in ("Hello, wörld\n\n  12 <|im_start|> e\u0301 中文 \U0001f642\x00", *sorted(encoding.special_tokens_set)):
        numbers = encode_ordinary(encoding, text)
        assert decode_bytes(encoding, numbers).decode() == text, "text comes back from its ids"
    special = {encoding.encode_single_token(token): token for token in encoding.special_tokens_set}
    for number, token in special.items():
        assert decode_bytes(encoding, [number]).decode() == token, "a special id is that of its token"
    if kind in ("patch", "json") and not isinstance(named, ChatMLError):
        assert {token for token in special.values() if token.strip()} <= named, "every added token is named"


def added_tokens(data: bytes) -> None:
    """Text: a tokenizer_config.json, a special_tokens_map.json or anything; its tokens are then guarded against."""
    with tempfile.NamedTemporaryFile(suffix=".json", dir=FOLDER) as file:
        file.write(Input(data).rest)
        file.flush()
        found = attempt(chatml.special_tokens, tokenizer=file.name)
    if isinstance(found, ChatMLError):
        assert isinstance(found, EncodingError), found
        return
    assert all(isinstance(token, str) and token.strip() for token in found)
    for profile in PROFILES:
        text = "".join(sorted(found))
        safe = attempt(chatml.escape, text, tokens=found, profile=profile)
        if isinstance(safe, str):
            check_scheme(text, found, profile=profile, marker="\\")
        else:
            assert isinstance(safe, ConfigError), safe


@lru_cache(maxsize=1)
def small_tokenizer() -> dict[str, Any]:
    """A tokenizer.json with the 256 single bytes, one merge and one added token."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}
    vocabulary = {letters[byte]: byte for byte in range(256)} | {"hi": 256}
    return {
        "added_tokens": [{"id": 257, "content": "<|im_start|>", "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["h i"]},
    }


def patched(rest: bytes) -> bytes:
    """The small tokenizer with the changes in `rest`, a JSON object; objects are merged. Else `rest` as it is."""
    try:
        return json.dumps(merged(small_tokenizer(), json.loads(rest))).encode()
    except (ValueError, RecursionError):
        return rest


def merged(base: Any, patch: Any) -> Any:
    """`base` with the values of `patch`; a null deletes."""
    if not (isinstance(base, dict) and isinstance(patch, dict)):
        return patch
    out = base | {key: merged(base.get(key), value) for key, value in patch.items()}
    return {key: value for key, value in out.items() if key not in patch or patch[key] is not None}


def with_lines(rest: bytes) -> bytes:
    """The 256 single bytes in tiktoken's format, and more lines."""
    lines = [b"%s %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256)]
    return b"".join(lines) + rest


TARGETS: Mapping[str, Target] = {
    one.__name__: one
    for one in (
        escape, unescape, custom, strip, sanitizer, scan, parse, render, trusted, messages, count, ids, prompt_file,
        encoding_file, added_tokens,
    )
}  # fmt: skip
