"""Rules about templates. Invariant: places point at the tag or the declaration that is meant."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_findings import chat, fixed, found, places, said, texts

PROMPTY = "---\nname: ask\ninputs:\n{}\ntemplate: {}\n---\nsystem:\nBe brief.\nuser:\n{}\n"


def prompty(body: str, *names: str, engine: str = "jinja2") -> str:
    """A Prompty file with inputs of these names."""
    return PROMPTY.format("".join(f"  - name: {name}\n" for name in names), engine, body)


FAULTS = {
    # name, text -> what is pointed at
    ("chat.jinja", "{% for m in messages %}{{ m }}"): ["{% for m in messages %}"],
    ("chat.jinja", "{{ messages }}\n{{ a\n"): ["{{ a"],
    ("p.json", '[{% for m in a %\n}{"role": "user"}]'): ["{% for m in a %"],
    ("ask.prompty", prompty("{% if a %}hi", "a")): ["{% if a %}"],
    ("hello.prompt", '---\na: b\n---\n{{role "user"}}\n{{#if x}}\n'): ["{{#if x}}"],
    ("a.prompt.yml", "messages:\n  - role: user\n    content: |\n      Hi\n      {{name\n"): ["{{name"],
    ("tokenizer_config.json", json.dumps({"chat_template": '"\n{% endif %}'})): ["{% endif %}"],
    ("Modelfile", 'FROM a\nTEMPLATE """{{ if .A }}x"""\n'): ["{{ if .A }}"],
    ("prompt.json", '{"input_variables": [], "template": "a { b"}'): ["{"],
    ("a.chatml", "<|im_start|>user\n{% if a <|im_end|>\n"): ["{% if a <|im_end|>"],
    ("a.chatml", "<|im_start|>user\n{{ and {% what %} and {% if x %}<|im_end|>\n"): [],
    ("chat.json", chat(said("user", "{% if"))): [],
    ("train.jsonl", chat(said("user", "{% if")) * 2): [],
}


@pytest.mark.parametrize(("path", "text"), FAULTS)
def test_syntax_errors(path: str, text: str) -> None:
    assert places("TPL001", text, path) == FAULTS[path, text]


def test_undefined_variables() -> None:
    text = prompty("{{ queston }} {{ queston }} {{ tone }} {{ x }}", "question", "tone")
    shown = found("TPL002", text, "ask.prompty")
    assert [text[one.start : one.end] for one in shown] == ["queston", "x"]
    assert [one.message for one in shown] == [
        "the variable 'queston' is not declared",
        "the variable 'x' is not declared",
    ]
    assert [one.help for one in shown] == ["the nearest name is question", "declared: question, tone"]
    assert [(one.line, one.column) for one in shown] == [(12, 4), (12, 43)]


@pytest.mark.parametrize(
    "body",
    [
        "{{ question | upper }}{{ question.text }}{{ question['a'] }}",
        "{% for q in question %}{{ loop.index }}{{ q }}{% endfor %}",
        "{% set x = question %}{{ x }}{{ range(3) }}",
        "{% raw %}{{ other }}{% endraw %}{# {{ other }} #}{{ question }}",
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(question) }}",
        "{{ question is defined }}{{ 'other' }}{{ true }}",
        "{other} {{ question }}",
    ],
)
def test_variables_that_are_defined(body: str) -> None:
    assert texts("TPL002", prompty(body, "question"), "ask.prompty") == []
    assert texts("TPL003", prompty(body, "question"), "ask.prompty") == []


def test_where_nothing_is_declared_nothing_is_undefined() -> None:
    assert texts("TPL002", "---\nname: a\nsample:\n  b: c\n---\nuser:\n{{x}}\n", "a.prompty") == []
    assert texts("TPL002", "messages:\n- role: user\n  content: '{{x}}'\n", "a.prompt.yml") == []
    assert texts("TPL002", '---\nmodel: a\n---\n{{role "user"}}{{x}}', "a.prompt") == []
    assert texts("TPL002", "{{x}}", "a.jinja") == []
    assert texts("TPL002", '{"execution_settings": {}, "template": "{{$x}}"}', "config.json") == []


def test_unused_variables() -> None:
    text = prompty("{{ question }} in the tone", "question", "tone")
    (one,) = found("TPL003", text, "ask.prompty")
    assert (one.message, text[one.start : one.end]) == ("the input 'tone' is not used", "name: tone")
    text = '{"input_variables": ["a", "b"], "template": "{a}", "template_format": "f-string"}'
    assert places("TPL003", text, "prompt.json") == ['"b"']
    text = '---\ninput:\n  schema:\n    a?: string, b\n    c(array): string\n---\n{{role "user"}}{{#each c}}{{this}}'
    assert places("TPL003", text, "a.prompt") == ["string, b"]
    assert (
        texts("TPL003", '{"schema": 1, "input_variables": [{"name": "a"}], "execution_settings": {}}', "c.json") == []
    )
    assert texts("TPL003", prompty("{% include 'x' %}", "a"), "ask.prompty") == []


@given(st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), unique=True), st.sets(st.sampled_from(["ab", "cd", "ef"])))
def test_what_is_declared_and_what_is_used(declared: list[str], used: set[str]) -> None:
    text = prompty(" ".join(f"{{{{ {name} }}}}" for name in sorted(used)) + " .", *declared)
    assert places("TPL003", text, "a.prompty") == [f"name: {name}" for name in declared if name not in used]
    undefined = sorted(used - set(declared)) if declared else []
    assert places("TPL002", text, "a.prompty") == undefined


@pytest.mark.parametrize(
    ("content", "pointed"),
    [
        ("Hello {{name}}", ["{{name}}"]),
        ("{{ a.b | upper }} and {% if x %}y{% endif %}", ["{{ a.b | upper }}", "{% if x %}", "{% endif %}"]),
        ("`{{name}}` and\n```\n{{name}}\n```\n", []),
        (r"\frac{{a}}{b} and x_{{n}} and ${{y}}", []),
        ('{"a": {"b": {}}} and {{}} and {{{name}}}', []),
        ("{name}", []),
    ],
)
def test_placeholders_in_data(content: str, pointed: list[str]) -> None:
    row = chat(said("user", content), said("assistant", "x"))
    assert places("TPL004", row, "train.jsonl") == pointed
    assert places("TPL004", row) == []


LOOP = "{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("path", "kinds", "text", "pointed"),
    [
        ("qwen_training.jinja", {}, LOOP, ["{%"]),
        ("train/chat.jinja", {}, LOOP, []),
        ("chat.jinja", {"*.jinja": "training"}, LOOP, ["{%"]),
        ("chat.jinja", {"*.jinja": "training"}, LOOP + "{%- generation %}", []),
        ("chat.jinja", {"*.jinja": "prompt"}, LOOP, []),
        ("constrained.jinja", {}, LOOP, []),
        ("part_train.jinja", {}, "{% if a %}{% endif %}", []),
        ("tokenizer_config.json", {"*": "training"}, json.dumps({"chat_template": LOOP}), ["{%"]),
    ],
)
def test_generation_blocks(path: str, kinds: dict[str, str], text: str, pointed: list[str]) -> None:
    assert places("TPL005", text, path, kinds=kinds) == pointed


def loop(content: str) -> str:
    return f'[{{% for m in all %}}{{"role": "user", "content": {content}}}{{% endfor %}}]'


@pytest.mark.parametrize(
    ("content", "pointed", "after"),
    [
        ('"{{ m }}"', ["{{ m }}"], "{{ m | dump }}"),
        ('"{{m.a["b"]}}"', ['{{m.a["b"]}}'], '{{ m.a["b"] | dump }}'),
        ('"Say: {{ m }} or {{ n }}"', ["{{ m }}", "{{ n }}"], '"Say: {{ m }} or {{ n }}"'),
        ('"{{ m | dump }}"', [], '"{{ m | dump }}"'),
        ("{{ m | dump }}", [], "{{ m | dump }}"),
        ('"no \\"tag\\""', [], '"no \\"tag\\""'),
    ],
)
def test_values_in_json(content: str, pointed: list[str], after: str) -> None:
    assert places("TPL006", loop(content), "p.json") == pointed
    assert fixed("TPL006", loop(content), "p.json") == loop(after)


def test_values_that_are_no_content() -> None:
    assert places("TPL006", '[{% if a %}{"role": "{{ a }}", "name":"{{ b }}"}{% endif %}]', "p.json") == []
    assert places("TPL006", "- role: user\n  content: {{ a }} '{{ b }}'\n", "p.yaml") == []


@pytest.mark.parametrize(
    ("text", "pointed"),
    [
        ("{x} and {{y}}", ["{x}"]),
        ("{{y}} and {x} and {z}", ["{x}"]),
        ("{x} and `{{y}}`", []),
        ('{"a": {"b": 1}} ${x} {{y}}', []),
        ("{x} and {y}", []),
        ("{{x}} and {% if y %}", []),
    ],
)
def test_two_kinds_of_placeholders(text: str, pointed: list[str]) -> None:
    for path, file in (("a.chatml", f"<|im_start|>user\n{text}<|im_end|>\n"), ("a.jinja", text)):
        assert places("TPL007", file, path) == pointed
