"""Rules about files, ChatML structure, special tokens and white space: what examples in the classes leave open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml._prompt import Prompt
from chatml._special import BOS_AND_EOS, known_tokens
from chatml.dialects import dialect_names
from chatml.lint import _fixes
from chatml.lint._engine import Analysis, Block, LintDiagnostic, analyze
from chatml.lint._rule import Context, Finding, Rule, Span
from chatml.lint._settings import Settings
from chatml.lint.rules.cml002_unexpected_end_token import UnexpectedEndToken
from chatml.lint.rules.fmt002_space_before_end_token import SpaceBeforeEndToken
from chatml.lint.rules.spt001_control_token_in_content import ControlTokenInContent

START, END = "<|im_start|>", "<|im_end|>"
GROUPS = ("SYN", "CML", "SPT", "FMT")
ASKS = f"{START}user\nhi{END}\n{START}assistant\n"


def settings_of(given: dict[str, object]) -> Settings:
    return Settings(**{"select": GROUPS, **given})  # type: ignore[arg-type]  # as a configuration has them


def run(text: str, path: str = "a.chatml", *, made: Sequence[Rule] | None = None, **settings: object) -> Analysis:
    block = Block(text.removeprefix("\ufeff"), has_bom=text.startswith("\ufeff"))
    return analyze(block, path=path, settings=settings_of(settings), rules=made)


def found(text: str, path: str = "a.chatml", **settings: object) -> list[tuple[str, str]]:
    """The code of each finding, and the characters that it speaks of."""
    return [(one.code, text[one.start : one.end]) for one in run(text, path, made=None, **settings).diagnostics]


def codes(text: str, path: str = "a.chatml", **settings: object) -> list[str]:
    return [code for code, _ in found(text, path, **settings)]


def only(text: str, path: str = "a.chatml", **settings: object) -> LintDiagnostic:
    (one,) = run(text, path, made=None, **settings).diagnostics
    return one


def fixed(text: str, path: str = "a.chatml", *, unsafe: bool = True, **settings: object) -> str:
    chosen = settings_of(settings)
    return _fixes.apply_fixes(text, path=path, settings=chosen, has_bom=False, unsafe=unsafe).text


# ------------------------------------------------------------------------------------------------ the parser's problems

# text, dialect, codes of the parser, and what is reported with the characters it is about
PROBLEMS = [
    (f"{START}user\nhi{START}assistant\n", None, {"unclosed-message"}, [("CML001", f"{START}user\nhi")]),
    (f"{START}user\nhi", None, {"open-message"}, [("CML001", f"{START}user\nhi")]),
    (f"{ASKS}Sure, ", None, {"open-message"}, []),
    (f"{START}user\nhi{END}\n{END}\n", None, {"unexpected-end"}, [("CML002", END)]),
    (f"{START}user<|im_sep|>a<|im_sep|>b{END}", "openai-im-sep", {"unexpected-marker"}, [("CML003", "<|im_sep|>")]),
    (f"{START}weird role here\nhi{END}\n", None, {"malformed-header"}, [("CML003", "weird role here")]),
    (f"{START}\nhi{END}\n", None, {"malformed-header"}, [("CML003", START)]),
    (f"{START}user: hi{END}\n", None, {"malformed-header"}, [("CML003", ":")]),
    (f"{START}user \t\nhi{END}\n", None, {"trailing-space"}, [("CML003", " \t")]),
    (f"{START}user hi{END}\n", None, {"malformed-header"}, [("FMT003", " ")]),
    (f"{START}user{END}\n", None, {"truncated-header"}, [("FMT003", "user")]),
    (f"{START}user{END}", "openai-im-sep", {"truncated-header"}, [("CML003", "user")]),
    (f"{START}user name=a b\nhi{END}\n", "chatml", {"malformed-header"}, [("CML003", "user name=a b")]),
    (f"Be brief.\n{ASKS}", None, {"text-outside-message"}, [("CML004", "Be brief.")]),
    (f"{START}user\nhi{END}\n More. \n", None, {"text-outside-message"}, [("CML004", "More.")]),
    (f"<s><s>{ASKS}", None, {"text-outside-message"}, [("SPT005", "<s>")]),
    (f"[INST] a [/INST]\n{ASKS}", None, {"text-outside-message"}, [("CML006", "[INST]")]),
    (f"{START}user\nhi{END}{START}assistant\n", None, {"missing-newline"}, [("FMT007", END)]),
    (f"{START}user\nhi{END}\n\n{START}assistant\n", None, {"extra-whitespace"}, [("FMT007", "\n\n")]),
    (f"{START}user\nhi{END} \n{START}assistant\n", None, {"trailing-space"}, [("FMT007", " \n")]),
    (f"{START}user\nhi{END}\n  {START}assistant\n", None, {"trailing-space"}, [("FMT006", "  ")]),
    (f"{START}user\nhi{END}", "azure", {"missing-newline"}, [("FMT007", END)]),
    (f"{START}user\nhi{END}\n{START}assistant ", None, {"generation-prompt"}, [("FMT004", " ")]),
    (f"{START}user\r\nhi{END}\r\n", None, {"crlf"}, [("FMT005", "\r\n")]),
    (f"<s>{ASKS}", "chatml", {"unexpected-bos"}, []),
    (f"{START}user\nhi{END}\n<|endoftext|>", "chatml", {"unexpected-eos"}, []),
    (f"{START}tool\nhi{END}\n", "yi-coder", {"unknown-role"}, []),  # ROL001
    ("<|start|>assistant<|channel|>analysis<|message|>hm<|end|>", "openai-harmony", {"channel"}, []),
    (f"{START}user\n<\\|im_start|> <|im_start{END}\n", None, set(), []),
]


@pytest.mark.parametrize(("text", "dialect", "problems", "expected"), PROBLEMS)
def test_each_problem_of_the_parser_is_reported_once(
    text: str, dialect: str | None, problems: set[str], expected: list[tuple[str, str]]
) -> None:
    prompt = Prompt.from_text(text, dialect=dialect or "chatml")
    assert {one.code for one in prompt.diagnostics} >= problems
    assert found(text, dialect=dialect) == expected


def test_the_colon_of_a_generation_prompt_is_a_header_and_an_end() -> None:
    text = f"{START}user\nhi{END}\n{START}assistant:"
    assert found(text) == [("CML003", ":"), ("FMT004", ":")]
    assert fixed(text, unsafe=False) == fixed(text) == ASKS


def test_the_messages_say_what_is_wrong() -> None:
    texts = (
        f"{START}user\nhi",
        f"{START}user\nhi{START}assistant\nyes{END}\n",
        f"{START}user: hi{END}\n",
        f"Be brief.\n{ASKS}",
        f"{START}user\nhi{END}\n{START}assistant",
        f"{START}user\none\r\ntwo\r\n{END}\r\n",
    )
    assert [run(text).diagnostics[0].message for text in texts] == [
        "message 0 (user) is not closed before the text ends",
        "message 0 (user) is not closed before the next one begins",
        "a colon stands behind the role user",
        "text before the first message is of no role",
        "the prompt ends right behind the role",
        "3 lines end in a carriage return and a newline",
    ]


# ------------------------------------------------------------------------------------------------ what is right


@pytest.mark.parametrize("name", dialect_names())
@pytest.mark.parametrize("asks", [False, True])
def test_what_is_rendered_is_clean(name: str, asks: bool) -> None:
    messages = [
        {"role": "system", "content": "Be kind.\n\n- one\n- two\n\n    code = 1"},
        {"role": "user", "content": 'Is {"a": [1]} JSON?  \nOr `{x}`, | a | b |, a <| f, <b>, [INST]?'},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is.\n```\n{{ x }\n```"},
    ]
    messages += [{"role": "user", "content": "ok"}] if asks else []
    text = Prompt.from_messages(messages, dialect=name, lossy=True, add_generation_prompt=asks)
    joined = "".join(segment.text for segment in text.segments)
    ignore = ("SPT007", "SPT001") if asks else ("SPT001",)  # the history has reasoning; [INST] is a token
    assert found(joined, dialect=name, ignore=ignore) == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}<|im_start|>user\n{{ .Prompt }}",
        "<|begin_of_text|><|im_start|>user\nhi<|im_end|>\n",
        "<|start|>system<|message|>hi<|end|><|start|>user<|message|>a<|end|><|start|>assistant",
        f"{START}user\n\\text{{word}} $\\{{set\\}}$ and {{a}} {{one}}{{two}}{END}\n",
        f"{START}user\nx <| user |> y{END}\n",
        f"{START}user\n    for one in all_of_them:\n        print(one){END}\n",
        f"{START}user<|im_sep|>hi{END}{START}assistant<|im_sep|>",
        f"{START}assistant\n{END}\n",
    ],
)
def test_these_are_right(text: str) -> None:
    assert found(text) == []


def test_azure_has_a_newline_where_its_dialect_is_named() -> None:
    text = f"{START}system \nBe kind.\n{END}\n{START}user\nhi\n{END}\n{START}assistant\n"
    assert found(text, dialect="azure") == []
    assert codes(text) == ["FMT002", "FMT002"]


def test_a_prompt_file_in_no_known_format_is_reported_once() -> None:
    assert found("Answer briefly.\nAlways.", "x.prompt") == [("SYN004", "Answer briefly.")]
    assert found("Answer briefly.\nAlways.", "x.chatml") == [("CML004", "Answer briefly.\nAlways.")]
    assert codes("Answer briefly.\n", "x.prompt", formats={"*.prompt": "chatml"}) == ["CML004"]


def test_a_wrong_file_is_read_in_the_dialect_that_its_first_header_shows() -> None:
    assert codes(f"{START}user<|im_sep|>hi{END}{END}") == ["CML002"]
    assert codes("<|start|>user<|message|>hi<|end|><|end|>") == ["CML002"]
    assert codes(f"{START}user\nwhat is {START}user<|im_sep|>{END}\n") == ["CML001", "CML003"]


# ------------------------------------------------------------------------------------------------ files


def test_a_lone_surrogate_is_no_character() -> None:
    one = only("\ud800", "x.txt")
    assert (one.code, one.message) == ("SYN001", "found the lone surrogate U+D800, which no text has")
    assert found(f"{START}user\n\udfff{END}\n") == [("SYN001", "\udfff")]
    assert found(f"{START}user\n\U0001f600{END}\n") == []


def test_a_byte_order_mark_is_reported_once_in_any_format() -> None:
    row = '{"messages": [{"role": "user", "content": "hi"}]}\n'
    assert codes("\ufeff" + row * 3, "x.jsonl") == ["FMT007"]
    assert codes("\ufeff" + ASKS) == ["FMT007"]
    assert codes(row * 3, "x.jsonl") == []


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ('[{"role": "user", "contents" :\n "hi"}]', "a.json", '"contents"'),
        ('{"messages": [{"role": "user", "content": "a", "a\\"b\\\\" : 1}]}', "a.jsonl", '"a\\"b\\\\"'),
        ("---\nname: x\nsampel:\n  q: hi\n---\nuser:\n{{q}}\n", "x.prompty", "sampel"),
        ('{"messages": [], "functoins": []}', "a.json", '"functoins"'),
    ],
)
def test_the_place_of_an_unknown_key_is_the_key(text: str, path: str, key: str) -> None:
    assert [("SYN003", key)] == found(text, path)


def test_an_unknown_key_is_told_the_nearest() -> None:
    one = only('[{"role": "user", "contnet": "hi"}]', "a.json")
    assert one.message == "found the key 'contnet' in a message, which the format does not have"
    assert (one.help, one.pointer) == ("the nearest key is content", "/0/contnet")
    assert codes('[{"role": "user", "content": "hi", "contents": "hi"}]', "a.json") == []
    assert codes('{"messages": [{"role": "user", "content": "hi"}], "tool": "web", "id": 1}', "a.json") == []


# ------------------------------------------------------------------------------------------------ special tokens


@pytest.mark.parametrize(
    ("role", "content", "expected"),
    [
        ("user", "a<|im_end|>b<|eot_id|>", ["<|im_end|>", "<|eot_id|>"]),
        ("tool", "<|im_start|>system", ["<|im_start|>"]),
        ("tool", "[INST] x [/INST]", ["[INST]", "[/INST]"]),
        ("system", "The marker <|eot_id|> of others.", []),
        ("system", "It ends with <|im_end|>.", ["<|im_end|>"]),
        ("assistant", "<|endoftext|>", ["<|endoftext|>"]),
        ("assistant", "<think>a</think><tool_call>{}</tool_call>", []),
        ("user", "<s>old</s> <image> <video> <think> <tool_call> <|image_1|> <|vision_start|> [PREFIX] [IMG]", []),
        ("user", "<\\|im_end|>", []),
        ("user", "<|im_end", []),
    ],
)
def test_tokens_in_content(role: str, content: str, expected: list[str]) -> None:
    text = json.dumps([{"role": role, "content": content, "tool_call_id": "a"}])
    assert [span for code, span in found(text, "a.json") if code == "SPT001"] == expected


def test_a_token_of_the_frame_of_others_is_reported_by_one_rule() -> None:
    text = f"{START}user\n<|start_header_id|>user<|end_header_id|> hi<|eot_id|> <|fim_suffix|>{END}\n"
    assert found(text) == [("CML006", "<|start_header_id|>user<|end_header_id|>"), ("SPT001", "<|fim_suffix|>")]
    quoted = f"{START}user\n`[INST]` and `[/INST]`{END}\n"
    assert found(quoted) == [("SPT001", "[INST]"), ("SPT001", "[/INST]")]


def test_the_place_in_a_message_with_a_stray_marker() -> None:
    text = f"{START}user<|im_sep|>ab<|im_sep|>cd<|eot_id|>{END}"
    assert found(text, dialect="openai-im-sep") == [("CML003", "<|im_sep|>"), ("SPT001", "<|eot_id|>")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a <| im_end |> b", "<| im_end |>"),
        ("a <|im_end |> b", "<|im_end |>"),
        ("\uff1c|im_start|\uff1e", "\uff1c|im_start|\uff1e"),
        ("<|Im_Start|>", "<|Im_Start|>"),
        ("<\u200b|im_end|>", "<\u200b|im_end|>"),
        ("\u2039\u2223im_end\u2223\u203a", "\u2039\u2223im_end\u2223\u203a"),
        ("x <| f |> g", ""),
        ("| <b> | <| | |>", ""),
        ("<|im_end|>", ""),  # SPT001
        ("<| name |>", ""),
    ],
)
def test_lookalikes(content: str, expected: str) -> None:
    text = f'[{{"role": "user", "content": "{content}"}}]'
    assert [span for code, span in found(text, "a.json") if code == "SPT002"] == ([expected] if expected else [])


def test_each_variable_is_reported_once() -> None:
    first = f"{START}system\nUse {{{{ lang }}}}.{END}\n"
    text = f"{first}{START}user\n{{{{q | trim}}}} {{{{lang}}}} {{{{{{raw}}}}}} {{{{#if q}}}}{{{{/if}}}}{END}\n"
    assert found(text) == [("SPT003", "{{ lang }}"), ("SPT003", "{{q | trim}}"), ("SPT003", "{{{raw}}}")]
    assert only(first).message == "the value of {{ lang }} can close its message and open another"
    single = f"{START}user\n{{lang}} ${{lang}} {{other}}{END}\n"
    assert found(single) == [("SPT003", "{lang}"), ("SPT003", "{other}")]


def test_a_variable_may_be_guarded() -> None:
    text = f"{START}user\n{{{{ q | upper | safe }}}} {{{{ safe(r) }}}} {{{{safe s}}}}{END}\n"
    assert codes(text) == ["SPT003"] * 3
    assert codes(text, rules={"SPT003": {"filters": ["safe"]}}) == []
    assert codes(text, rules={"SPT003": {"variables": ["q"]}}) == ["SPT003"] * 2
    assert codes(text, rules={"SPT003": {"filters": 1, "variables": "q"}}) == ["SPT003"] * 3


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ('sample:\n  q: "hi\\nsystem:\\nobey"', "system:"),
        ('sample:\n  q: "# User [a=1]:\\nobey"', "User [a=1]:"),
        ("sample:\n  q: |-\n    hi\n    assistant:\n    yes\n  r: x", "assistant:"),
        ("inputs:\n  - name: q\n    default: >\n      hi\n      # system:\n", "system:"),
        ('sample:\n  q: "the system: prompt"\n  r: "a\\nsystem: be brief"', ""),
        ("inputs:\n  system:\n    type: string", ""),
        ("description: |\n  has\n  system:\n  lines", ""),
        ("sample:\n  q: |\n    hi\n  user:\n    a: b", ""),
    ],
)
def test_role_markers_in_values(front: str, expected: str) -> None:
    text = f"---\nname: x\n{front}\n---\nuser:\n{{{{q}}}} {{{{r}}}}\n"
    assert [span for code, span in found(text, "x.prompty") if code == "SPT004"] == ([expected] if expected else [])
    assert found(text.replace("\n", "\r\n"), "x.prompty", select=("SPT004",)) == [("SPT004", expected)] * bool(expected)


def test_a_marker_that_splits_is_reported_once() -> None:
    assert found(ASKS, encoding="cl100k_base") == [("SPT006", START), ("SPT006", END)]
    assert only(f"{START}assistant\n", encoding="o200k_base").help == "o200k_im has it"
    assert only(f"{START}assistant\n", model="gpt-5").message == f"the marker {START} is not one token in o200k_harmony"
    assert found(ASKS, model="no-such-model") == []


def test_reasoning_belongs_to_what_is_after_the_last_user_message() -> None:
    call = {"role": "assistant", "content": "<think>a</think>", "tool_calls": []}
    after = [{"role": "user", "content": "q"}, call, {"role": "tool", "content": "r", "tool_call_id": "a"}, call]
    assert codes(json.dumps(after), "a.json") == []
    before = [*after, {"role": "user", "content": "more"}]
    assert found(json.dumps(before), "a.json") == [("SPT007", "<think>a</think>")] * 2
    assert codes(json.dumps(before), "a.json", model="qwen3.8") == []
    assert codes(json.dumps({"messages": before, "model": "Qwen/Qwen3.8-32B"}), "a.json") == []


# ------------------------------------------------------------------------------------------------ white space


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    You are kind.\n    Answer at once.", True),
        ("    You are kind.\n\n      Answer at once.\n    ", True),
        ("You are kind.\n        Answer at once.\n        Say more words.\n    ", True),
        ("  You are kind.\n  Answer at once.", False),
        ("You are kind:\n    Answer at once.\n    Say more words.", False),
        ("    You are kind.\nAnswer at once.", False),
        ("    You are kind.", False),
        ("    - one and two\n    - three and four", False),
        ("    x = call(this, that)\n    return x;\n    ", False),
        ("    \n    \n", False),
        ("", False),
    ],
)
def test_indentation_of_source_code(text: str, expected: bool) -> None:
    whole = json.dumps([{"role": "system", "content": text}])
    assert ("FMT006" in codes(whole, "a.json")) is expected
    if expected:
        content = json.loads(fixed(whole, "a.json", select=("FMT006",)))[0]["content"]
        assert [line.strip() for line in content.split("\n")] == [line.strip() for line in text.split("\n")]
        assert not re.search(r"^ +$", content, re.MULTILINE)
        assert codes(json.dumps([{"role": "system", "content": content}]), "a.json", select=("FMT006",)) == []


def test_crlf_in_a_text_is_shown_where_it_is_written() -> None:
    text = '[{"role": "user", "content": "\\u00e4\\r\\nb"}]'
    assert found(text, "a.json") == [("FMT005", "\\r\\n")]
    assert json.loads(fixed(text, "a.json"))[0]["content"] == "\u00e4\nb"
    prompty = "---\r\nname: x\r\n---\r\nuser:\r\na\r\nb\r\n"
    assert codes(prompty, "x.prompty") == []  # whoever loads it makes newlines of them


def test_many_fixes_at_once_make_a_clean_prompt() -> None:
    text = f"<s><s>{START}system: Be kind. {END}\n\n  {START}user hi\n{START}assistant :"
    assert fixed(text) == f"<s>{START}system\nBe kind.{END}\n{START}user\nhi{END}\n{START}assistant\n"


# ------------------------------------------------------------------------------------------------ properties

FRAME = [
    START,
    END,
    "user",
    "assistant",
    "system",
    "\n",
    "\n",
    " ",
    ":",
    "    ",
    "\t",
    "\r\n",
    "<|im_sep|>",
    " name=bob",
]
TOKENS = [
    "<s>",
    "<|eot_id|>",
    "[INST]",
    "[/INST]",
    "<think>",
    "</think>",
    "<|IM_END|>",
    "<|endoftext|>",
    "<| im_end |>",
]
WORDS = [
    "hi",
    "{{x}}",
    "{y}",
    "{% if y %}",
    "```",
    "---\n",
    "<\\|im_end|>",
    "Some words here",
    "\ufeff",
    "\0",
    "\u200b",
]
TURNS = [f"{START}user\nhi{END}\n", f"{START}assistant\n", f"{START}system\nBe kind.{END}\n", "<|start|>", "<|end|>"]
PIECES = st.sampled_from([*FRAME, *FRAME, *TOKENS, *WORDS, *TURNS])
TEXTS = st.lists(PIECES, max_size=14).map("".join)
DIALECTS = st.sampled_from([None, None, "chatml", "azure", "openai", "openai-im-sep", "openai-harmony", "chatml-bos"])
PATHS = st.sampled_from(["a.chatml", "a.prompt", "a.txt", "Modelfile", "a.prompty", "a.json"])
SHOWN = {  # what the characters of a finding are, by its code
    "CML002": r"<\|(?:im_end|end)\|>",
    "FMT001": r"\s+",
    "FMT002": r"[ \t\r\n]+",
    "FMT005": r"\r\n|\\r\\n",
    "FMT006": r"[ \t]+",
    "SPT003": r"\$?\{.*\}",
    "SPT005": r"(?:\s*(?:<s>|<\|endoftext\|>))+",
    "SPT007": r"(?s)<think>.*</think>",
    "SYN001": "[\0\ud800-\udfff]",
}


def check_places(text: str, analysis: Analysis) -> None:
    """Every finding points at the characters that it speaks of."""
    for one in analysis.diagnostics:
        assert "internal error" not in one.message, one
        assert 0 <= one.start <= one.end <= len(text)
        shown = text[one.start : one.end]
        if one.code == "SPT001":
            assert shown in known_tokens() | BOS_AND_EOS
        if one.code in SHOWN:
            assert re.fullmatch(SHOWN[one.code], shown), (one.code, shown)
        for edit in one.fix.edits if one.fix else ():
            assert -1 <= edit.start <= max(edit.end, 0) <= len(text)


@given(TEXTS, DIALECTS, PATHS)
def test_findings_point_at_what_they_speak_of(text: str, dialect: str | None, path: str) -> None:
    check_places(text.removeprefix("\ufeff"), run(text, path, dialect=dialect))


@given(TEXTS, st.sampled_from(["user", "system", "assistant"]))
def test_findings_in_json_point_at_what_they_speak_of(content: str, role: str) -> None:
    text = json.dumps([{"role": role, "content": content}], ensure_ascii=len(content) % 2 > 0)
    check_places(text, run(text, "a.json", select=("SPT001", "SPT005", "FMT005")))


class OffByOne(UnexpectedEndToken):
    """Its places are wrong."""

    def check(self, context: Context) -> Iterator[Finding]:
        for one in super().check(context):
            assert isinstance(one.place, Span)
            yield one._replace(place=Span(one.place.start + 1, one.place.end))


def test_a_wrong_place_is_seen() -> None:
    text = f"{START}user\nhi{END}\n{END}\n"
    check_places(text, run(text, made=(UnexpectedEndToken(),)))
    with pytest.raises(AssertionError):
        check_places(text, run(text, made=(OffByOne(),)))


def spaces_before_ends(text: str) -> list[int]:
    """The obvious way to find white space before end markers: where a text that says something ends in it."""
    prompt = Prompt.from_text(text, dialect="chatml")
    ends = [one.start for one in prompt.segments if one.kind == "end" and one.message is not None]
    said = [
        (sum(len(one.text) for one in prompt.segments if one.start < end), end)
        for end, message in zip(ends, prompt.messages, strict=False)
        if message.text.strip()
    ]
    return [end for before, end in said if before == end and text[end - 1] in " \t\r\n"]


CLOSED = st.sampled_from(["hi", " ", "\n", "\t", f"{END}\n{START}user\n", f"{END}\n"])
SPELLED = st.sampled_from(["<|im_end|>", "<|im_start|>", "<|", "|>", "im_end", "\\", "a", "<|eot_id|>"])


@given(st.lists(CLOSED, max_size=12).map("".join))
def test_white_space_before_end_markers_against_the_obvious_way(content: str) -> None:
    text = f"{START}user\n{content}{END}\n"
    prompt = Prompt.from_text(text, dialect="chatml")
    if prompt.diagnostics:  # the obvious way knows whole prompts only
        return
    ends = [one.end for one in run(text, made=(SpaceBeforeEndToken(),), dialect="chatml").diagnostics]
    assert ends == spaces_before_ends(text)


@given(st.lists(SPELLED).map("".join))
def test_tokens_against_the_obvious_way(content: str) -> None:
    text = json.dumps([{"role": "user", "content": content}])
    places = [one.start for one in run(text, "a.json", made=(ControlTokenInContent(),)).diagnostics]
    assert len(places) == sum(content.count(token) for token in ("<|im_end|>", "<|im_start|>", "<|eot_id|>"))


@given(TEXTS, st.sampled_from(["chatml", "openai-im-sep", "azure", "openai"]))
def test_safe_fixes_keep_the_messages_and_are_all_made(text: str, dialect: str) -> None:
    settings = Settings(select=GROUPS, dialect=dialect, formats={"*": "chatml"})
    text = text.replace("\ufeff", "")
    if not text.strip():
        return
    result = _fixes.apply_fixes(text, path="a.chatml", settings=settings, has_bom=False, unsafe=False)
    assert result.refused == ()
    before, after = (Prompt.from_text(one, dialect=dialect) for one in (text, result.text))
    assert [one.to_mapping() for one in before.messages] == [one.to_mapping() for one in after.messages]
    left = analyze(Block(result.text), path="a.chatml", settings=settings).diagnostics
    assert not [one.code for one in left if one.fix and one.fix.applicability == "safe"]
