"""What the parser makes of texts that are not as `render` writes them: messages, segments and every diagnostic code.

Each case is read whole and one character at a time. A diagnostic is written
`(code, severity, start, end, line, column, message_index, text)`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from chatml import ConfigError, ParseError, Prompt, StreamParser, parse, trusted
from chatml._parse import join_deltas

S, E, M = "<|im_start|>", "<|im_end|>", "<|im_sep|>"
HI = f"{S}user\nHi{E}\n"  # 30 characters, 2 lines

Piece = tuple[str, str, int | None]


def turn(index: int, role: str, content: str, header_end: str = "\n", separator: str = "\n") -> list[Piece]:
    """The segments of a turn; what is empty is none."""
    pieces = [("start", S), ("role", role), ("header_end", header_end), ("content", content), ("end", E)]
    return [(kind, text, index) for kind, text in [*pieces, ("separator", separator)] if text]


def stray(*texts: str) -> list[Piece]:
    return [("stray", text, None) for text in texts]


USER = turn(0, "user", "Hi")


class Case(NamedTuple):
    name: str
    text: str
    messages: list[tuple[str, ...]]
    segments: list[Piece]
    diagnostics: list[tuple[Any, ...]]
    ending: str = "closed"
    dialect: str = "chatml"


def bare(what: str) -> str:
    return f"the header is {what}, expected a role and '\\n'"


OUTSIDE = "text that is in no message"
NOTHING_OPEN = f"the marker {E} closes nothing: no message is open"
BEHIND_HEADER = "spaces stand behind the header"
BEHIND_END = "spaces stand behind the end marker"
CRLF_HEADER = "the header ends in a carriage return and a newline"
CRLF_END = "a carriage return and a newline stand behind the end marker"
NO_NEWLINE = "the newline behind the end marker is missing"
LOST_AT_END = "a message whose header cannot be read is not closed before the text ends"
LOST = "a message whose header cannot be read is not closed before the next one begins"

CASES = [
    # Nothing to read
    Case("empty", "", [], [], []),
    Case("no-marker", "Hello", [], stray("Hello"), [("text-outside-message", "error", 0, 5, 1, 1, None, OUTSIDE)]),
    Case(
        "only-a-newline",
        "\n",
        [],
        [("separator", "\n", None)],
        [("extra-whitespace", "info", 0, 1, 1, 1, None, "'\\n' between messages, expected ''")],
    ),
    # What others commonly write: info
    Case(
        "space-behind-role",
        f"{S}user \nHi{E}\n",
        [("user", "Hi")],
        turn(0, "user", "Hi", " \n"),
        [("trailing-space", "info", 16, 18, 1, 17, 0, BEHIND_HEADER)],
    ),
    Case(
        "spaces-behind-end",
        f"{S}user\nHi{E}  \n",
        [("user", "Hi")],
        turn(0, "user", "Hi", separator="  \n"),
        [("trailing-space", "info", 29, 32, 2, 13, 0, BEHIND_END)],
    ),
    Case(
        "space-before-a-marker-that-ends-the-header",
        f"{S}user {M}Hi{E}",
        [("user", "Hi")],
        [
            ("start", S, 0),
            ("role", "user", 0),
            ("separator", " ", 0),
            ("header_end", M, 0),
            ("content", "Hi", 0),
            ("end", E, 0),
        ],
        [("trailing-space", "info", 16, 17, 1, 17, 0, BEHIND_HEADER)],
        dialect="openai-im-sep",
    ),
    Case(
        "carriage-returns",
        f"{S}user\r\nHi\r\n{E}\r\n",
        [("user", "Hi\r\n")],
        turn(0, "user", "Hi\r\n", "\r\n", "\r\n"),
        [("crlf", "info", 16, 18, 1, 17, 0, CRLF_HEADER), ("crlf", "info", 32, 34, 3, 11, 0, CRLF_END)],
    ),
    Case(
        "no-final-newline",
        f"{S}user\nHi{E}",
        [("user", "Hi")],
        turn(0, "user", "Hi", separator=""),
        [("missing-newline", "info", 29, 29, 2, 13, 0, NO_NEWLINE)],
    ),
    Case(
        "no-newline-between-messages",
        f"{S}user\nHi{E}{S}assistant\nHo{E}\n",
        [("user", "Hi"), ("assistant", "Ho")],
        [*turn(0, "user", "Hi", separator=""), *turn(1, "assistant", "Ho")],
        [("missing-newline", "info", 29, 29, 2, 13, 0, NO_NEWLINE)],
    ),
    Case(
        "two-newlines-between-messages",
        f"{S}user\nHi{E}\n\n{S}assistant\nHo{E}\n",
        [("user", "Hi"), ("assistant", "Ho")],
        [*turn(0, "user", "Hi", separator="\n\n"), *turn(1, "assistant", "Ho")],
        [("extra-whitespace", "info", 29, 31, 2, 13, 0, "'\\n\\n' between messages, expected '\\n'")],
    ),
    Case(
        "no-newline-before-end",
        f"{S}user\nHi{E}",
        [("user", "Hi")],
        turn(0, "user", "Hi", separator=""),
        [("missing-newline", "info", 19, 19, 2, 3, 0, "'\\n' is missing before the end marker")],
        dialect="azure",
    ),
    Case(
        "newline-that-the-dialect-does-not-write",
        f"{S}user\nHi\n{E}\n",
        [("user", "Hi")],
        [
            *(("start", S, 0), ("role", "user", 0), ("header_end", "\n", 0), ("content", "Hi", 0)),
            *(("separator", "\n", 0), ("end", E, 0), ("separator", "\n", 0)),
        ],
        [("extra-whitespace", "info", 30, 31, 3, 11, 0, "'\\n' between messages, expected ''")],
        dialect="azure",
    ),
    # How a text ends
    Case(
        "generation-prompt",
        f"{HI}{S}assistant\n",
        [("user", "Hi")],
        [*USER, ("start", S, None), ("role", "assistant", None), ("header_end", "\n", None)],
        [],
        "generation_prompt",
    ),
    Case(
        "generation-prompt-without-newline",
        f"{HI}{S}assistant",
        [("user", "Hi")],
        [*USER, ("start", S, None), ("role", "assistant", None)],
        [
            (
                "generation-prompt",
                "info",
                30,
                51,
                3,
                1,
                None,
                f"the generation prompt is '{S}assistant', expected '{S}assistant\\n'",
            )
        ],
        "generation_prompt",
    ),
    Case(
        "generation-prompt-with-newline",
        f"{HI}{S}assistant\n",
        [("user", "Hi")],
        [*USER, ("start", S, None), ("role", "assistant", None), ("header_end", "\n", None)],
        [
            (
                "generation-prompt",
                "info",
                30,
                52,
                3,
                1,
                None,
                f"the generation prompt is '{S}assistant\\n', expected '{S}assistant'",
            )
        ],
        "generation_prompt",
        "openai",
    ),
    Case(
        "generation-prompt-with-a-space",
        f"{S}assistant \n",
        [],
        [("start", S, None), ("role", "assistant", None), ("header_end", " \n", None)],
        [
            (
                "generation-prompt",
                "info",
                0,
                23,
                1,
                1,
                None,
                f"the generation prompt is '{S}assistant \\n', expected '{S}assistant\\n'",
            ),
            ("trailing-space", "info", 21, 23, 1, 22, None, BEHIND_HEADER),
        ],
        "generation_prompt",
    ),
    Case(
        "prefill",
        f"{HI}{S}assistant\nHel",
        [("user", "Hi"), ("assistant", "Hel")],
        [*USER, *turn(1, "assistant", "Hel")[:4]],
        [
            (
                "open-message",
                "info",
                30,
                55,
                3,
                1,
                1,
                "the last message (assistant) is not closed: a prefill that the model continues",
            )
        ],
        "open",
    ),
    Case(
        "open-user-message",
        f"{S}user\nHi",
        [("user", "Hi")],
        USER[:4],
        [("open-message", "info", 0, 19, 1, 1, 0, "the last message (user) is not closed: the model continues it")],
        "open",
    ),
    Case("open-by-rule", f"{S}user\nHi", [("user", "Hi")], USER[:4], [], "open", "qwen1.5"),
    Case(
        "reply-header-behind-every-user-turn",
        f"{S}user\nHi{E}\n{S}assistant\n{S}user\nHo{E}\n{S}assistant\n",
        [("user", "Hi"), ("user", "Ho")],
        [
            *(*USER, ("start", S, 0), ("role", "assistant", 0), ("header_end", "\n", 0)),
            *(*turn(1, "user", "Ho"), ("start", S, 1), ("role", "assistant", 1), ("header_end", "\n", 1)),
        ],
        [],
        "generation_prompt",
        "yi-coder",
    ),
    # Messages that are not closed, and markers that close nothing
    Case(
        "unclosed-message",
        f"{S}user\nHi{S}assistant\nHo{E}\n",
        [("user", "Hi"), ("assistant", "Ho")],
        [*USER[:4], *turn(1, "assistant", "Ho")],
        [("unclosed-message", "error", 0, 19, 1, 1, 0, "message 0 (user) is not closed before the next one begins")],
    ),
    Case("stray-end", E, [], [("stray", E, None)], [("unexpected-end", "error", 0, 10, 1, 1, None, NOTHING_OPEN)]),
    Case(
        "second-end",
        f"{HI}{E}\n",
        [("user", "Hi")],
        [*USER, ("stray", E, None), ("separator", "\n", None)],
        [("unexpected-end", "error", 30, 40, 3, 1, None, NOTHING_OPEN)],
    ),
    Case(
        "end-before-the-first-message",
        f"{E}{HI}",
        [("user", "Hi")],
        [("stray", E, None), *USER],
        [("unexpected-end", "error", 0, 10, 1, 1, None, NOTHING_OPEN)],
    ),
    Case(
        "marker-in-content",
        f"{S}user{M}a{M}b{E}",
        [("user", "ab")],
        [
            *(("start", S, 0), ("role", "user", 0), ("header_end", M, 0), ("content", "a", 0), ("stray", M, 0)),
            *(("content", "b", 0), ("end", E, 0)),
        ],
        [("unexpected-marker", "error", 27, 37, 1, 28, 0, f"the marker {M} cannot stand here")],
        dialect="openai-im-sep",
    ),
    Case(
        "marker-outside",
        "<|channel|>x",
        [],
        stray("<|channel|>", "x"),
        [
            ("unexpected-marker", "error", 0, 11, 1, 1, None, "the marker <|channel|> cannot stand here"),
            ("text-outside-message", "error", 11, 12, 1, 12, None, OUTSIDE),
        ],
        dialect="openai-harmony",
    ),
    # Text outside of messages
    Case(
        "text-before-the-first-message",
        f"abc{HI}",
        [("user", "Hi")],
        [*stray("abc"), *USER],
        [("text-outside-message", "error", 0, 3, 1, 1, None, "text before the first message")],
    ),
    Case(
        "text-between-messages",
        f"{HI}abc\n{HI}",
        [("user", "Hi"), ("user", "Hi")],
        [*USER, *stray("abc\n"), *turn(1, "user", "Hi")],
        [("text-outside-message", "error", 30, 34, 3, 1, None, OUTSIDE)],
    ),
    Case(
        "text-behind-the-last-message",
        f"{HI}abc",
        [("user", "Hi")],
        [*USER, *stray("abc")],
        [("text-outside-message", "error", 30, 33, 3, 1, None, OUTSIDE)],
    ),
    # Headers
    Case(
        "unknown-role",
        f"{S}tool\nx{E}\n",
        [("tool", "x")],
        turn(0, "tool", "x"),
        [
            (
                "unknown-role",
                "error",
                12,
                16,
                1,
                13,
                0,
                "dialect yi-coder has no role 'tool', only system, user, assistant",
            )
        ],
        dialect="yi-coder",
    ),
    Case(
        "capital-letter",
        f"{S}User\nHi{E}\n",
        [("User", "Hi")],
        turn(0, "User", "Hi"),
        [("malformed-header", "error", 12, 16, 1, 13, 0, bare("'User'"))],
    ),
    Case(
        "content-behind-a-colon",
        f"{S}user: Hi{E}\n",
        [("user", "Hi")],
        turn(0, "user", "Hi", ": "),
        [("malformed-header", "error", 12, 20, 1, 13, 0, bare("'user: Hi'"))],
    ),
    Case(
        "name-where-there-is-none",
        f"{S}user name=bob\nHi{E}\n",
        [("user", "name=bob\nHi")],
        turn(0, "user", "name=bob\nHi", " "),
        [("malformed-header", "error", 12, 25, 1, 13, 0, bare("'user name=bob'"))],
    ),
    Case(
        "several-words",
        f"{S}what is this\nHi{E}\n",
        [],
        [("start", S, None), *stray("what is this\nHi"), ("end", E, None), ("separator", "\n", None)],
        [("malformed-header", "error", 12, 24, 1, 13, None, bare("'what is this'"))],
    ),
    Case(
        "no-role",
        f"{S}\nHi{E}\n",
        [],
        [("start", S, None), *stray("\nHi"), ("end", E, None), ("separator", "\n", None)],
        [("malformed-header", "error", 12, 12, 1, 13, None, bare("''"))],
    ),
    Case(
        "a-long-word",
        f"{S}{'x' * 300}\nHi{E}\n",
        [],
        [("start", S, None), *stray("x" * 300 + "\nHi"), ("end", E, None), ("separator", "\n", None)],
        [("malformed-header", "error", 12, 268, 1, 13, None, bare(f"'{'x' * 40}...'"))],
    ),
    Case(
        "the-turn-ends-behind-the-role",
        f"{S}user{E}\n",
        [("user", "")],
        turn(0, "user", "", ""),
        [("truncated-header", "error", 12, 16, 1, 13, 0, "the header ends behind 'user', expected '\\n'")],
    ),
    Case(
        "the-text-ends-in-the-role",
        f"{S}us",
        [("us", "")],
        [("start", S, 0), ("role", "us", 0)],
        [
            ("open-message", "info", 0, 14, 1, 1, 0, "the last message (us) is not closed: the model continues it"),
            ("truncated-header", "error", 12, 14, 1, 13, 0, "the header ends behind 'us', expected '\\n'"),
        ],
        "open",
    ),
    Case(
        "only-a-start",
        S,
        [],
        [("start", S, None)],
        [
            ("unclosed-message", "error", 0, 12, 1, 1, None, LOST_AT_END),
            ("malformed-header", "error", 12, 12, 1, 13, None, bare("''")),
        ],
    ),
    Case(
        "two-starts",
        f"{S}{HI}",
        [("user", "Hi")],
        [("start", S, None), *USER],
        [
            ("unclosed-message", "error", 0, 12, 1, 1, None, LOST),
            ("malformed-header", "error", 12, 12, 1, 13, None, bare("''")),
        ],
    ),
    Case(
        "newline-instead-of-a-marker",
        f"{S}user\nHi{E}",
        [("user", "Hi")],
        turn(0, "user", "Hi", separator=""),
        [("malformed-header", "error", 12, 16, 1, 13, 0, f"the header is 'user', expected a role and '{M}'")],
        dialect="openai-im-sep",
    ),
    Case(
        "name-that-is-none",
        f"{S}user: x{M}Hi{E}",
        [("user: x", "Hi")],
        turn(0, "user: x", "Hi", M, ""),
        [("malformed-header", "error", 12, 19, 1, 13, 0, "the header is 'user: x', expected a role")],
        dialect="openai-im-sep",
    ),
    Case(
        "channel-is-missing",
        "<|start|>assistant<|message|>Hi<|end|>",
        [("assistant", "Hi")],
        [
            *(("start", "<|start|>", 0), ("role", "assistant", 0), ("header_end", "<|message|>", 0)),
            *(("content", "Hi", 0), ("end", "<|end|>", 0)),
        ],
        [("channel", "info", 18, 18, 1, 19, 0, "<|channel|>final is missing behind the role")],
        dialect="openai-harmony",
    ),
    Case(
        "other-channel",
        "<|start|>assistant<|channel|>analysis<|message|>Hi<|end|>",
        [("assistant", "Hi")],
        [
            *(("start", "<|start|>", 0), ("role", "assistant", 0), ("channel", "<|channel|>", 0)),
            *(
                ("channel", "analysis", 0),
                ("header_end", "<|message|>", 0),
                ("content", "Hi", 0),
                ("end", "<|end|>", 0),
            ),
        ],
        [("channel", "error", 18, 37, 1, 19, 0, "'<|channel|>analysis' stands behind the role")],
        dialect="openai-harmony",
    ),
    # Tokens before everything and after everything
    Case(
        "bos",
        f"<s>{HI}",
        [("user", "Hi")],
        [("bos", "<s>", None), *USER],
        [("unexpected-bos", "info", 0, 3, 1, 1, None, "the token <s> stands outside of all messages")],
    ),
    Case(
        "bos-and-newline",
        f"<s>\n{HI}",
        [("user", "Hi")],
        [("bos", "<s>", None), ("separator", "\n", None), *USER],
        [("unexpected-bos", "info", 0, 3, 1, 1, None, "the token <s> stands outside of all messages")],
    ),
    Case(
        "eos",
        f"{HI}</s>",
        [("user", "Hi")],
        [*USER, ("eos", "</s>", None)],
        [("unexpected-eos", "info", 30, 34, 3, 1, None, "the token </s> stands outside of all messages")],
    ),
    Case(
        "eos-in-the-middle",
        f"{HI}</s>{HI}",
        [("user", "Hi"), ("user", "Hi")],
        [*USER, ("eos", "</s>", None), *turn(1, "user", "Hi")],
        [("unexpected-eos", "info", 30, 34, 3, 1, None, "the token </s> stands outside of all messages")],
    ),
    Case("bos-that-is-expected", f"<s>{HI}", [("user", "Hi")], [("bos", "<s>", None), *USER], [], dialect="chatml-bos"),
    Case("bos-that-is-missing", HI, [("user", "Hi")], USER, [], dialect="chatml-bos"),
    Case(
        "other-bos",
        f"<|begin_of_text|>{HI}",
        [("user", "Hi")],
        [("bos", "<|begin_of_text|>", None), *USER],
        [],
        dialect="chatml-bos",
    ),
    # Escapes
    Case(
        "partly-escaped",
        f"{S}user\n<\\|im_start|> <think>{E}\n",
        [("user", "<\\|im_start|> <think>")],
        turn(0, "user", "<\\|im_start|> <think>"),
        [
            (
                "partly-escaped",
                "info",
                17,
                38,
                2,
                1,
                0,
                "some special tokens in this text are escaped and some are not: it is read as it stands",
            )
        ],
    ),
]
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def listed(found: Any) -> list[tuple[Any, ...]]:
    return [
        (one.code, str(one.severity), one.start, one.end, one.line, one.column, one.message_index, one.message)
        for one in found
    ]


@by_name
def test_messages_and_ending(case: Case) -> None:
    prompt = Prompt.from_text(case.text, dialect=case.dialect)
    assert [(message.role, message.text) for message in prompt.messages] == case.messages
    assert prompt.ending == case.ending


@by_name
def test_segments(case: Case) -> None:
    prompt = Prompt.from_text(case.text, dialect=case.dialect)
    assert [(str(segment.kind), segment.text, segment.message) for segment in prompt.segments] == case.segments
    assert "".join(segment.text for segment in prompt.segments) == case.text


@by_name
def test_diagnostics(case: Case) -> None:
    assert listed(Prompt.from_text(case.text, dialect=case.dialect).diagnostics) == case.diagnostics


@by_name
def test_diagnostics_are_about_messages_that_are_there(case: Case) -> None:
    prompt = Prompt.from_text(case.text, dialect=case.dialect)
    for found in prompt.diagnostics:
        assert found.message_index is None or found.message_index < len(prompt.messages)
        assert str(found) == f"{found.line}:{found.column}: {found.severity} {found.code}: {found.message}"


@by_name
def test_one_character_at_a_time(case: Case) -> None:
    stream, whole = StreamParser(dialect=case.dialect), Prompt.from_text(case.text, dialect=case.dialect)
    events = [event for character in case.text for event in stream.feed(character)] + stream.close()
    assert tuple(join_deltas(events)) == whole.segments
    assert (stream.messages, stream.ending) == (whole.messages, whole.ending)
    assert listed(stream.diagnostics) == [one for one in listed(whole.diagnostics) if one[0] != "partly-escaped"]


@by_name
def test_strict_reading_raises_the_first_error(case: Case) -> None:
    errors = [found for found in case.diagnostics if found[1] == "error"]
    assert len(parse(case.text, dialect=case.dialect, strict=False)) == len(case.messages)
    if not errors:
        assert len(parse(case.text, dialect=case.dialect)) == len(case.messages)
        return
    with pytest.raises(ParseError) as caught:
        parse(case.text, dialect=case.dialect)
    code, _, start, end, line, column, _, text = errors[0]
    error = caught.value
    assert (error.code, error.start, error.end, error.line, error.column) == (code, start, end, line, column)
    assert str(error) == f"line {line}, column {column}: {text}; pass strict=False to read on"


def test_every_code_has_a_case() -> None:
    codes = {found[0] for case in CASES for found in case.diagnostics}
    assert codes == {
        *("channel", "crlf", "extra-whitespace", "generation-prompt", "malformed-header", "missing-newline"),
        *("open-message", "partly-escaped", "text-outside-message", "trailing-space", "truncated-header"),
        *(
            "unclosed-message",
            "unexpected-bos",
            "unexpected-end",
            "unexpected-eos",
            "unexpected-marker",
            "unknown-role",
        ),
    }


def test_an_announced_token_is_read_as_bos() -> None:
    text = f"[BOS]{HI}"
    prompt = Prompt.from_text(text, dialect="chatml-bos", template_kwargs={"bos_token": trusted("[BOS]")})
    assert [str(segment.kind) for segment in prompt.segments[:2]] == ["bos", "start"]
    assert prompt.options == {"template_kwargs": {"bos_token": "[BOS]"}}
    assert not prompt.diagnostics
    unannounced = Prompt.from_text(text, dialect="chatml-bos")
    assert [found.code for found in unannounced.diagnostics] == ["text-outside-message"]


def test_a_special_id_that_is_not_of_the_dialect_is_stray() -> None:
    prompt = Prompt.from_ids([100264, 882, 198, 9906, 100257, 9906, 100265, 198], dialect="chatml")
    assert [(str(segment.kind), segment.text) for segment in prompt.segments[3:6]] == [
        ("content", "Hello"),
        ("stray", "<|endoftext|>"),
        ("content", "Hello"),
    ]
    assert prompt.messages[0].text == "HelloHello"
    assert [found.code for found in prompt.diagnostics] == ["unexpected-marker"]


def test_a_special_id_outside_of_messages_is_a_segment_of_its_own() -> None:
    prompt = Prompt.from_ids([0, 100257, 100264, 882, 198, 9906, 100265, 198], dialect="chatml")
    assert [(str(segment.kind), segment.text, segment.special) for segment in prompt.segments[:2]] == [
        ("stray", "!", False),
        ("stray", "<|endoftext|>", True),
    ]
    assert prompt.token_ids() == [0, 100257, 100264, 882, 198, 9906, 100265, 198]


def test_a_stream_takes_nothing_after_its_end() -> None:
    stream = StreamParser()
    assert [event.text for event in stream.feed(HI)] == [S, "user", "\n", "Hi", E]
    assert [event.text for event in stream.close()] == ["\n"]
    with pytest.raises(ConfigError):
        stream.feed("")


def test_deltas_come_as_soon_as_they_are_certain() -> None:
    stream = StreamParser()
    fed = [
        [event.text for event in stream.feed(chunk)] for chunk in (f"{S}user\nHel", "lo <|im", "_x|> ", "<|im_end|>")
    ]
    assert fed == [[S, "user", "\n", "Hel"], ["lo "], ["<|im_x|> "], [E]]
