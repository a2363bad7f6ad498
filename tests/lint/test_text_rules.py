"""Rules about what texts hold: secrets, what nobody sees, what was left behind, and what goes on and on."""

from __future__ import annotations

import json
import string
import unicodedata
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_findings import chat, fixed, found, places, said, texts, tool
from strategies import catches

from chatml.lint.rules._texts import without_code
from chatml.lint.rules.txt004_pii import _has_check_digit
from chatml.lint.rules.txt005_degenerate_repetition import _LONGEST, _SHORTEST, _TIMES, find_run


def system(text: str) -> str:
    return chat(said("system", text))


# ------------------------------------------------------------------------------------------------ secrets


def made_of(alphabet: str, length: int, seed: int = 7) -> str:
    """What looks like a key: letters and digits in turn, at random."""
    random, digits = Random(seed), [one for one in alphabet if one.isdigit()]
    return "".join(random.choice(digits if index % 3 == 2 else alphabet) for index in range(length))


ANY, CAPITALS = string.ascii_letters + string.digits, string.ascii_uppercase + "234567"


@pytest.mark.parametrize(
    ("begin", "rest", "what"),
    [
        ("sk-", made_of(ANY, 48), "an API key of OpenAI"),
        ("sk-" + "svcacct-", made_of(ANY, 60), "an API key of OpenAI"),
        ("sk-" + "ant-api03-", made_of(ANY + "-_", 90), "an API key of Anthropic"),
        ("ghp" + "_", made_of(ANY, 36), "a token of GitHub"),
        ("github" + "_pat_", made_of(ANY + "_", 82), "a token of GitHub"),
        ("glpat" + "-", made_of(ANY, 20), "a token of GitLab"),
        ("hf" + "_", made_of(ANY, 34), "a token of Hugging Face"),
        ("AKIA", made_of(CAPITALS, 16), "an access key of AWS"),
        ("AIza", made_of(ANY, 35), "an API key of Google"),
        ("xoxb-", "2468013579-" + made_of(ANY, 24), "a token of Slack"),
        ("sk" + "_live_", made_of(ANY, 24), "a key of Stripe"),
    ],
)
def test_secrets(begin: str, rest: str, what: str) -> None:
    key = begin + rest
    assert places("TXT001", system(f"The key is {key}.")) == [key]
    assert [one.message for one in found("TXT001", system(f"key={key}\n"))] == [f"this looks like {what}"]
    assert key not in "".join(one.message + one.help for one in found("TXT001", system(key)))
    for other in (f"X{key}", begin + "x" * len(rest), begin + "EXAMPLE" + rest[7:], begin + "...", f"{begin}YOUR_KEY"):
        assert texts("TXT001", system(other)) == []


@pytest.mark.parametrize("path", ["broken.json", "p.chatml", "rows.jsonl", "notes.txt"])
def test_secrets_are_found_in_files_that_cannot_be_read(path: str) -> None:
    assert places("TXT001", '{"key": "sk-' + made_of(ANY, 40) + '"', path) == ["sk-" + made_of(ANY, 40)]


def test_private_keys() -> None:
    line = made_of(ANY + "+/", 64)
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{line}\n{line}\n"
    assert texts("TXT001", key, "p.txt") == texts("TXT001", system(key)) == ["this looks like a private key"]
    assert texts("TXT001", system("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----")) == []


@pytest.mark.parametrize(
    "text",
    ["a sk-learn-compatible-estimator-with-many-words-in-its-name",
     "a risk-averse task-force-of-20-or-so-people-is-here",
     "hf_" + "a" * 40, "AKIA" + "A" * 16, "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
)  # fmt: skip
def test_no_secrets(text: str) -> None:
    assert texts("TXT001", system(text)) == []


# ------------------------------------------------------------------------------------------------ hidden characters


@pytest.mark.parametrize(
    "text",
    [
        "a\u200bb", "\u200ba", "a\u2060b", "a\u200cb", "a\ufeffb", "a\u00e9\ufeff", "x\u202ey",
        "x\u2066y\u2069z", "\u3164a",
        "hi\U000e0041", "\U0001f600\ufe00\ufe01\ufe02", "a\U000e0101\U000e0102", "می\u202eخ", "\U0001f3f4\U000e0067",
        "👩\u200d\u200d👩", "a\u180eb",
    ],
)  # fmt: skip
def test_hidden_characters(text: str) -> None:
    assert len(found("TXT002", system(text))) == 1
    cleaned = json.loads(fixed("TXT002", system(text)))["messages"][0]["content"]
    assert texts("TXT002", system(cleaned)) == []
    assert cleaned == "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Mn") and one != "\u3164")


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d👩\u200d👧\u200d👦", "❤\ufe0f\u200d🔥", "می\u200cخواهم", "क\u094d\u200dष", "ภาษา\u200bไทย",
        "a\u2067שלום\u2069b",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "葛\U000e0100",
        "1\ufe0f\u20e3", "soft\xadhyphen",
        "\u200fשלום\u200e", "日本\u200b語",
    ],
)  # fmt: skip
def test_characters_that_scripts_and_emoji_need(text: str) -> None:
    assert texts("TXT002", system(text)) == []


def test_what_is_hidden_is_told_once() -> None:
    text = system("a\u200bb 👩\u200d👩 c\u200b\u200bd")
    assert texts("TXT002", text) == ["found 3 characters that nobody sees, first U+200B"]
    assert fixed("TXT002", text) == system("ab 👩\u200d👩 cd")
    assert texts("TXT002", chat(said("user", "hi"), tools=[tool("f")]).replace('"d"', '"d\u200b"')) == [
        "found a character that nobody sees, first U+200B"
    ]


def test_a_raw_prompt_is_looked_at_in_all_its_parts() -> None:
    raw = "a\u200b\n<|im_start|>user\nb\u200b<|im_end|>\n<|im_start|>assistant\nc\u200b"
    assert [(one.start, one.end) for one in found("TXT002", raw, "p.chatml")] == [
        (index, index + 1) for index, letter in enumerate(raw) if letter == "\u200b"
    ]
    assert fixed("TXT002", raw, "p.chatml") == raw.replace("\u200b", "")


# ------------------------------------------------------------------------------------------------ placeholders


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Be kind.\nTODO: more", ["TODO"]), ("- TODO(ann): more", ["- TODO(ann)"]), ("TODO", ["TODO"]),
        ("[TBD]", ["[TBD"]),
        ("FIXME: a\nTBD: b", ["FIXME", "TBD"]), ("You are FILL_ME_IN.", ["FILL_ME_IN"]),
        ("Ask [INSERT NAME].", ["[INSERT NAME]"]),
        ("Lorem ipsum dolor sit amet", ["Lorem ipsum dolor"]), ("INSERT_YOUR_NAME_HERE", ["INSERT_YOUR_NAME_HERE"]),
    ],
)  # fmt: skip
def test_what_was_to_be_replaced(text: str, left: list[str]) -> None:
    assert places("TXT003", system(text)) == left
    assert texts("TXT003", system(text)) == [f"found {one!r}, which was to be replaced" for one in left]


@pytest.mark.parametrize(
    "text",
    [
        "Make a todo list.", "Never leave TODO comments.", "Use `TODO: x`.", "```py\n# TODO: x\n```", "A to-do: none",
        "INSERT INTO t VALUES (1)", "Write a lorem ipsum text.", "TODOS: none", "Sort [INSERT] keys", "~~~\nFIXME: a",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_placeholder(text: str) -> None:
    assert texts("TXT003", system(text)) == []


def test_others_may_speak_of_what_is_to_do() -> None:
    assert texts("TXT003", chat(said("user", "TODO: x"), said("assistant", "TODO: x"))) == []
    assert texts("TXT003", system("TODO: x") + "\n", "train.jsonl") == []
    raw = "<|im_start|>{}\nTODO: x<|im_end|>\n"
    assert places("TXT003", raw.format("user") + raw.format("system"), "p.chatml") == ["TODO"]
    assert places("TXT003", "TODO: x\n", "notes.txt") == ["TODO"]


@given(st.text(st.sampled_from("`~ a\n"), max_size=40))
def test_code_is_taken_out_and_nothing_moves(text: str) -> None:
    """Fences by the definition, line by line; code in lines is looked at where there are none."""
    plain = without_code(text)
    assert len(plain) == len(text)
    assert all(new in (old, " ") for new, old in zip(plain, text, strict=True))
    if "```" not in text and "~~~" not in text:
        assert plain == slow_without_code(text)


def slow_without_code(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        pieces, rest = "", line
        while "`" in rest:
            before, _, behind = rest.partition("`")
            inside, tick, after = behind.partition("`")
            if tick and inside:
                pieces, rest = pieces + before + " " * (len(inside) + 2), after
            else:
                pieces, rest = f"{pieces}{before}`", behind
        lines.append(pieces + rest)
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------ personal data


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("mail ann.weber+x@posthof-mail.co.uk", 1), ("mail a@example.org, b@mail.example.com, c@host.test", 0),
        ("git@v1.2", 0),
        ("call +44 20 7946 0018 now", 1), ("call +12025550143", 0), ("call +1 (202) 555-0143", 0),
        ("1 + 2 - 3 = 0", 0),
        ("card 4929 1234 5678 9012", 0), ("card 4539 5787 6362 1486", 1), ("card 0000 0000 0000 0000", 0),
        ("ssn 219-09-9998", 1), ("ssn 000-12-3456", 0), ("at 2024-01-02 03:04:05, 192.168.0.1, 3.14159265358979", 0),
    ],
)  # fmt: skip
def test_personal_data(text: str, count: int) -> None:
    assert len(found("TXT004", system(text))) == count


@given(st.text(string.digits, min_size=1, max_size=18))
def test_one_check_digit_is_right(number: str) -> None:
    assert sum(_has_check_digit(number + last) for last in string.digits) == 1


# ------------------------------------------------------------------------------------------------ repetition

plain_units = st.text(string.ascii_lowercase + " ", min_size=1, max_size=45)
odd_units = st.tuples(st.sampled_from("a b"), st.integers(20, 30), plain_units).map(
    lambda one: (one[0] * one[1] + one[2])[:45]
)
units = plain_units | odd_units  # also those in which something repeats itself
edges = st.text(string.ascii_uppercase, max_size=400)


def slow_runs(text: str, longest: int) -> list[tuple[int, int, int]]:
    """All runs by the definition: of each period, the stretches where each character is that of a period before."""
    runs = []
    for length in range(1, min(longest, len(text)) + 1):
        same = [text[index] == text[index - length] for index in range(length, len(text))]
        index = 0
        for is_same, group in groupby(same):
            size = len(list(group))
            if is_same:
                runs.append((index, index + size + length, length))
            index += size
    return runs


def is_long(text: str, start: int, end: int, length: int) -> bool:
    letters = {letter for letter in text[start : start + length].lower() if letter.isalpha()}
    return end - start >= max(_SHORTEST, _TIMES * length) and len(letters) >= 3


def check_run(parts: tuple[str, str, int, str]) -> None:
    before, unit, times, behind = parts
    text = before + unit * times + behind
    runs = [run for run in slow_runs(text, 45) if is_long(text, *run)]
    run = find_run(text)
    assert (run is None) == (not runs)
    assert run is None or tuple(run) in runs


RUNS = st.tuples(edges, units, st.sampled_from([2, 20, 24, 25, 26, 60, 200]), edges)


@given(RUNS)
def test_runs_are_those_of_the_definition(parts: tuple[str, str, int, str]) -> None:
    check_run(parts)


def test_runs_that_are_measured_in_whole_units_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A negative control: samples fall anywhere, so both ends have to be followed letter by letter."""
    from chatml.lint.rules import txt005_degenerate_repetition as rule

    def whole_units(text: str, position: int, length: int) -> object:
        end = position
        while text.startswith(text[position : position + length], end):
            end += length
        return rule._Run(position, end, length)

    assert not catches(check_run, RUNS, 300)
    monkeypatch.setattr(rule, "_extend", whole_units)
    assert catches(check_run, RUNS, 300)


def test_repetition_of_a_paragraph() -> None:
    random = Random(3)
    paragraph = "".join(random.choice(string.ascii_letters) for _ in range(_LONGEST))
    assert texts("TXT005", system(paragraph * 25)) == [f"the text repeats {paragraph[:60] + '...'!r} 25 times"]
    assert texts("TXT005", system(paragraph * 24)) == []
    assert places("TXT005", system("ab, " + "cde " * 200 + "f")) == [" " + "cde " * 200]


@pytest.mark.parametrize("text", ["0" * 5_000, "=-" * 500, "| - " * 300, "\n" * 900, "aab" * 400, "0, " * 900])
def test_repetition_that_is_meant(text: str) -> None:
    assert texts("TXT005", system(text)) == []


# ------------------------------------------------------------------------------------------------ encodings


@given(
    st.text(st.characters(min_codepoint=0xC0, max_codepoint=0xFF, exclude_characters="×÷ËÛëû"), min_size=1, max_size=3)
)
def test_what_was_decoded_in_the_wrong_way(letters: str) -> None:
    assert texts("TXT006", system(f"x{letters}y")) == []
    broken = letters.encode().decode("latin-1")
    assert len(found("TXT006", system(f"x{broken}y"))) == 1


@pytest.mark.parametrize("text", ["It’s", "“so”", "a — b", "wait…"])
def test_punctuation_that_was_decoded_in_the_wrong_way(text: str) -> None:
    broken = text.encode().decode("cp1252", "replace")
    assert len(found("TXT006", system(broken))) == 1 or "\u2014" in text
    assert texts("TXT006", system(text)) == []


@pytest.mark.parametrize(
    "text", ["Print `\ufffd`.", "U+FFFD is \ufffd", "Mojibake: Ã©", "```\n\ufffd\n```", "as UTF-8, é is Ã©", "«IRMû"]
)
def test_texts_about_encodings(text: str) -> None:
    assert texts("TXT006", system(text)) == []


PIECES = ["a", "e\u0301", "é", "\u0327\u0301", "한", "\u1112\u1161", "\u212b", "q\u0323\u0307", "x"]
MARKED = st.lists(st.sampled_from(PIECES)).map("".join)


@given(MARKED)
def test_normal_form(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    assert len(found("TXT007", system(text))) == (normal != text)
    assert fixed("TXT007", system(text)) == system(normal)
    if text.strip():
        raw = f"<|im_start|>user\n{text}<|im_end|>\n"
        assert fixed("TXT007", raw, "p.chatml") == unicodedata.normalize("NFC", raw)


# ------------------------------------------------------------------------------------------------ comments


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("a <!-- b --> c", ["<!-- b -->"]), ("<!---->", ["<!---->"]), ("<!-- a", []), ("`<!-- a -->`", []),
        ("<!--\na\n--><!-- b -->", ["<!--\\na\\n-->", "<!-- b -->"]), ("<!-- chatml: ignore TXT -->", []),
    ],
)  # fmt: skip
def test_comments(text: str, comments: list[str]) -> None:
    assert places("TXT008", system(text)) == comments
