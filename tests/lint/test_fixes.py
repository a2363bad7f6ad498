"""Fixes: safe ones keep what a file says, all of them settle, and what fails leaves no trace."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from strategies import catches, soups

from chatml import Prompt, detect_dialect
from chatml.lint import _fixes
from chatml.lint._engine import Analysis, Block, analyze
from chatml.lint._fixes import Fixed, apply_fixes
from chatml.lint._rule import Applicability, Change, Context, FileRule, Finding, Fix, Rule, Span
from chatml.lint._settings import Settings

SETTINGS = Settings(dialect="chatml")
TURN = "<|im_start|>user\nhi<|im_end|>\n"


class Replace(FileRule):
    """Puts one text in place of another, wherever it stands."""

    kinds = frozenset({"prompt", "training", "template"})

    def __init__(self, code: str, old: str, new: str, *, safe: bool = False) -> None:
        self.code = code  # type: ignore[misc]  # a class has one code, this one has as many as tests need
        self.name = f"replace-{code.lower()}"  # type: ignore[misc]
        self.old, self.new = old, new
        self.applicability = Applicability.SAFE if safe else Applicability.UNSAFE

    def check(self, context: Context) -> Iterator[Finding]:
        start = context.text.find(self.old)
        while start >= 0:
            place = Span(start, start + len(self.old))
            yield Finding("found", place, Fix("Replace it", (Change(place, self.new),), self.applicability))
            start = context.text.find(self.old, start + max(len(self.old), 1))


class NoBom(FileRule):
    """Takes the byte order mark away, and what stands behind it with it."""

    code, name = "TST009", "no-bom"

    def __init__(self, behind: int = 0) -> None:
        self.behind = behind

    def check(self, context: Context) -> Iterator[Finding]:
        if context.settings["has_bom"]:
            changes = (Change(Span(-1, self.behind), ""),)
            yield Finding("found", Span(0, 0), Fix("Remove it", changes, Applicability.SAFE))


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> list[Rule]:
    """The rules that count in a test."""
    chosen: list[Rule] = []
    use(chosen, monkeypatch)
    return chosen


def use(chosen: Sequence[Rule], monkeypatch: pytest.MonkeyPatch) -> None:
    def only(block: Block, *, path: str, settings: Settings) -> Analysis:
        return analyze(block, path=path, settings=settings, rules=chosen)

    monkeypatch.setattr(_fixes, "analyze", only)


def fix(text: str, *, unsafe: bool = False, path: str = "p.chatml", has_bom: bool = False) -> Fixed:
    return apply_fixes(text, path=path, settings=SETTINGS, has_bom=has_bom, unsafe=unsafe)


JOIN = Replace("TST001", "<|im_end|><|im_start|>", "<|im_end|>\n<|im_start|>", safe=True)
LIE = Replace("TST002", "hi", "ho", safe=True)
UNSAFE = Replace("TST003", "hi", "ho")
NOT_MADE = "is not made: it is called safe, but would change messages or tokens"


def test_all_that_fit_are_made_at_once(rules: list[Rule]) -> None:
    rules += [JOIN]
    text = TURN.rstrip() * 3
    expected = TURN * 2 + TURN.rstrip()
    assert fix(text) == Fixed(expected, False, Counter({"TST001": 2}), ())
    assert fix(expected) == Fixed(expected, False, Counter(), ())


def test_a_safe_fix_has_to_prove_it(rules: list[Rule]) -> None:
    rules += [LIE, JOIN]
    text = TURN.rstrip() * 2
    refused = (f"TST002: the fix at 2:1 {NOT_MADE}", f"TST002: the fix at 4:1 {NOT_MADE}")
    assert fix(text) == Fixed(TURN + TURN.rstrip(), False, Counter({"TST001": 1}), refused)


def test_what_is_refused_stops_nothing(rules: list[Rule]) -> None:
    """It lies on a good one, and both begin at the same place."""
    rules += [Replace("TST000", "hi<|im_end|><|im_start|>", "", safe=True), JOIN]
    fixed = fix(TURN.rstrip() * 2)
    assert (fixed.text, fixed.applied) == (TURN + TURN.rstrip(), Counter({"TST001": 1}))


def test_unsafe_fixes_are_asked_for(rules: list[Rule]) -> None:
    rules += [UNSAFE]
    assert fix(TURN) == Fixed(TURN, False, Counter(), ())
    assert fix(TURN, unsafe=True) == Fixed(TURN.replace("hi", "ho"), False, Counter({"TST003": 1}), ())


def test_fixes_that_touch_take_another_pass(rules: list[Rule]) -> None:
    rules += [Replace("TST004", "ab", "x"), Replace("TST005", "bc", "y"), Replace("TST006", "cd", "z")]
    text = TURN.replace("hi", "abcd")
    fixed = fix(text, unsafe=True)
    assert (fixed.text, fixed.applied) == (TURN.replace("hi", "xz"), Counter({"TST004": 1, "TST006": 1}))


def test_fixes_that_undo_each_other_are_left_out(rules: list[Rule]) -> None:
    rules += [Replace("TST004", "hi", "ho"), Replace("TST005", "ho", "hi"), Replace("TST006", "user", "tool")]
    fixed = fix(TURN, unsafe=True)
    refused = tuple(
        f"{code}: its fixes and those of other rules undo each other" for code in ("TST004", "TST005", "TST006")
    )
    assert fixed.refused in (refused, refused[:2])
    assert fix(fixed.text, unsafe=True).text == fixed.text


def test_a_fix_that_never_ends_is_left_out(rules: list[Rule]) -> None:
    rules += [Replace("TST004", "hi", "hihi")]
    refused = ("TST004: its fixes and those of other rules undo each other",)
    assert fix(TURN, unsafe=True) == Fixed(TURN, False, Counter(), refused)


def test_no_fix_breaks_a_file(rules: list[Rule]) -> None:
    rules += [Replace("TST004", ":", "")]
    text = '[{"role": "user", "content": "hi"}]'
    refused = tuple(f"TST004: the fix at 1:{column} is not made: it would break the file" for column in (9, 28))
    assert fix(text, unsafe=True, path="p.json") == Fixed(text, False, Counter(), refused)
    broken = text[:-1]
    assert fix(broken, unsafe=True, path="p.json").text == broken.replace(":", "")


@pytest.mark.parametrize(("behind", "left"), [(0, TURN), (1, TURN[1:])])
def test_the_byte_order_mark(behind: int, left: str, rules: list[Rule]) -> None:
    rules += [NoBom(behind)]
    fixed = fix(TURN, has_bom=True)
    if behind:
        assert fixed == Fixed(TURN, True, Counter(), (f"TST009: the fix at 1:1 {NOT_MADE}",))
    else:
        assert fixed == Fixed(left, False, Counter({"TST009": 1}), ())
    assert fix(TURN) == Fixed(TURN, False, Counter(), ())


@pytest.mark.parametrize(("start", "end"), [(-2, 0), (5, 4), (0, 10**6), (10**6, 10**6)])
def test_edits_that_do_not_lie_in_the_file(start: int, end: int, rules: list[Rule]) -> None:
    class Outside(FileRule):
        code, name = "TST010", "outside"

        def check(self, context: Context) -> Iterator[Finding]:  # noqa: ARG002  # the signature is that of rules
            yield Finding("found", Span(0, 0), Fix("Do it", (Change(Span(start, end), "x"),)))

    rules += [Outside()]
    refused = ("TST010: the fix at 1:1 is not made: its edits do not lie in the file",)
    assert fix(TURN, unsafe=True) == Fixed(TURN, False, Counter(), refused)


def test_a_fix_that_changes_nothing_is_said_to(rules: list[Rule]) -> None:
    rules += [Replace("TST004", "hi", "hi")]
    refused = ("TST004: the fix at 2:1 is not made: it changes nothing",)
    assert fix(TURN, unsafe=True) == Fixed(TURN, False, Counter(), refused)


CHAT = '[{"role": "user", "content": "hi"}]'


@pytest.mark.parametrize(
    ("path", "text", "old", "new", "is_made"),
    [
        ("p.json", CHAT, '": "', '":"', True),
        ("p.json", CHAT, "}]", "}]\n", True),
        ("p.json", CHAT, '"}', '", "x": 1}', False),
        ("p.json", CHAT, '"}', '", "content": "hi"}', False),
        ("p.jsonl", '{"messages": []}\n{"messages": []}', "\n", "\n\n", True),
        ("p.jsonl", '{"messages": []}\n{"messages": []}', "\n", "", False),
        ("p.chatml", "<s><s>" + TURN, "<s><s>", "<s>", True),
        ("p.chatml", "Be nice.\n" + TURN, "Be nice.\n", "", False),
        ("p.chatml", "<|im_start|>user hi<|im_end|>\n", "user ", "user\n", True),
        ("p.chatml", "<|im_start|>assistant", "assistant", "assistant\n", True),
        ("p.chatml", TURN, "user\n", "user:", False),
        ("p.chatml", TURN, "<|im_end|>\n", "", False),  # an open message is another thing than a closed one
        ("p.chatml", TURN[:-11], "hi", "hi<|im_end|>\n", False),
        ("p.chatml", TURN, TURN, TURN + "<|im_start|>assistant\n", True),
        ("p.chatml", TURN, TURN, "hi", False),
    ],
)
def test_what_is_the_same(path: str, text: str, old: str, new: str, is_made: bool) -> None:
    assert old in text
    assert _fixes._Meaning(path, SETTINGS).is_same(text, text.replace(old, new)) is is_made


def test_a_fix_may_make_a_text_look_like_another_dialect() -> None:
    text = "<|im_start|>user\nhi\n<|im_end|>\n<|im_start|>assistant"
    better = f"{text}\n"
    assert [detect_dialect(one)[0].name for one in (text + ":", better) if detect_dialect(one)] == ["openai", "azure"]
    assert _fixes._Meaning("p.chatml", Settings()).is_same(f"{text}:", better)


def test_ids_of_the_target_decide_where_the_frame_does_not() -> None:
    for settings in (Settings(), Settings(model="gpt-4o"), Settings(encoding="o200k_im"), Settings(model="no-such")):
        meaning = _fixes._Meaning("p.chatml", settings)
        prompts = [Prompt.from_text(text) for text in (TURN, TURN, TURN.replace("hi", "ho"))]
        if settings.model is None:
            assert meaning._has_same_ids(prompts[0], prompts[1])
        assert not meaning._has_same_ids(prompts[0], prompts[2])


# Properties, over text that rules find a lot to do in

PROPERTY_RULES: tuple[Rule, ...] = (
    JOIN,
    LIE,
    Replace("TST011", "<|im_end|> \n", "<|im_end|>\n", safe=True),
    Replace("TST012", "user \n", "user\n", safe=True),
    Replace("TST013", "\r\n", "\n", safe=True),
    Replace("TST014", "a", "b", safe=True),
    Replace("TST015", "<", "<\\"),
    Replace("TST016", "Hello", "Good bye"),
    Replace("TST017", "\\", ""),
)


def meaning(text: str) -> tuple[list[str], str]:
    """The slow way to say what a prompt holds: its messages, and what a model sees outside of them."""
    prompt = Prompt.from_text(text, dialect="chatml")
    around = "".join(one.text for one in prompt.segments if one.kind == "stray")
    return [json.dumps(message.to_mapping()) for message in prompt.messages], "".join(around.split())


def check_safe(text: str) -> None:
    fixed = fix(text, path="p.chatml")
    if not text.strip() or text.strip()[:1] in "[{":
        return
    assert meaning(fixed.text)[0] == meaning(text)[0]


def check_settled(text: str) -> None:
    for unsafe in (False, True):
        fixed = fix(text, unsafe=unsafe)
        again = fix(fixed.text, unsafe=unsafe)
        assert again.text == fixed.text


@pytest.fixture
def _property_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    use(PROPERTY_RULES, monkeypatch)


@pytest.mark.usefixtures("_property_rules")
class TestProperties:
    def test_safe_fixes_keep_messages(self) -> None:
        given(soups)(check_safe)()

    def test_fixing_is_idempotent(self) -> None:
        given(soups)(check_settled)()

    def test_a_lie_that_is_believed_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_fixes._Meaning, "is_same", lambda *_: True)
        assert catches(check_safe, soups)

    def test_a_loop_that_is_not_looked_for_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_fixes._Run, "settle", lambda run: run._pass() - set(run.applied))  # one pass, and done
        assert catches(check_settled, soups)


class TestOwnRules:
    """The same, with the rules there are."""

    @given(soups)
    def test_safe_fixes_keep_messages(self, text: str) -> None:
        check_safe(text)

    @given(soups)
    def test_fixing_is_idempotent(self, text: str) -> None:
        check_settled(text)
