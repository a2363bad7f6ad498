"""Prompt files that are no JSON, or not in the form of OpenAI. Each string has its place in the file."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml._errors import ParseError
from chatml.cli._facts import _FORMATS
from chatml.promptfiles import (
    FORMATS,
    FORMS,
    NO_PROMPT,
    Document,
    Template,
    Variables,
    _load_yaml,
    read_documents,
    scan_documents,
)
from chatml.promptfiles._front_matter import trimmed
from chatml.promptfiles._load_yaml import load_yaml

PROMPTY = """\
---
name: ask
model:
  id: gpt-4o  # of the shop
inputs:
  - name: question
    kind: string
  - name: tone
tools:
  - name: look_up
    kind: function
    description: Look it up
    parameters:
      - name: what
        kind: float
        required: true
        enumValues: [1, 2]
  - kind: mcp
    name: other
---

system:
Be {{tone}}.

# Not a role: here

user[name="Jo"]:

  {{question}}
BLANK
assistant:
""".replace("BLANK", "  ")
OLD_PROMPTY = """\
---
model:
  api: chat
  configuration:
    name: gpt-4
sample:
  question: hi
template: mustache
---
tools:
- name: f

# System:
Be brief.
function:
42
"""
DOTPROMPT = """\
# A licence
#
---
model: gpt-4o
input:
  schema:
    name: string, of the user
    tags?(array, what they like): string
  default:
    tags: []
---
{{! a comment with {{role "system" }}
{{role "system"}}
Be brief.
{{#role 'model'}}Hi, {{name}}.{{/role}}

{{role "user"}}
{{#each tags}}{{this}}{{/each}}
"""
GITHUB = """\
name: Ask
model: openai/gpt-4o
responseFormat: json_schema
jsonSchema: |-
  {"name": "a", "schema": {"type": "object"}}
messages:
  - role: system
    content: >-
      Be brief.
      Be kind.
  - role: user
    content: 'It''s {{what}}'
testData:
  - what: that
    expected: 12
"""
ANTHROPIC = {
    "model": "claude-sonnet-4-5",
    "system": [{"type": "text", "text": "Be brief."}],
    "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}, {"type": "web_search_20250305"}],
    "tool_choice": {"type": "tool", "name": "f"},
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "two"}]},
                {"type": "text", "text": "Well?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            ],
        },
    ],
}


def one(text: str, source: str = "") -> Document:
    """The only document of a text, whatever it is."""
    (document,) = scan_documents(text, source=source)
    assert isinstance(document, Document), document
    return document


def at(text: str, document: Document, path: tuple[str | int, ...]) -> str:
    """What stands at a path of a document."""
    assert document.places is not None
    start, end = document.places.span(path)
    return text[start:end]


def error_of(text: str, source: str = "a") -> str:
    (error,) = scan_documents(text, source=source)
    assert isinstance(error, ParseError), error
    return str(error)


# --------------------------------------------------------------------------------------------------------- each format


def test_prompty() -> None:
    document = one(PROMPTY)
    parameters = {"type": "object", "properties": {"what": {"type": "number", "enum": [1, 2]}}, "required": ["what"]}
    function = {"name": "look_up", "description": "Look it up", "parameters": parameters}
    assert document.format == "prompty"
    assert document.messages == (
        {"role": "system", "content": "Be {{tone}}.\n\n# Not a role: here"},
        {"role": "user", "name": "Jo", "content": "  {{question}}"},
        {"role": "assistant", "content": ""},
    )
    assert document.request == {"model": "gpt-4o", "tools": [{"type": "function", "function": function}]}
    assert document.variables == Variables({"question": ("inputs", 0), "tone": ("inputs", 1)}, is_closed=True)
    assert [template.engine for template in document.templates] == ["jinja"]
    for index, message in enumerate(document.messages):
        assert at(PROMPTY, document, (*document.path_of(index), "content")) == message["content"]
        assert at(PROMPTY, document, (*document.path_of(index), "role")) == message["role"]
    assert at(PROMPTY, document, ("model", "id")) == "gpt-4o"
    assert at(PROMPTY, document, ("inputs", 1)) == "name: tone"
    assert at(PROMPTY, document, ("template",)) == document.templates[0].text
    (read,) = read_documents(PROMPTY)
    assert read._replace(places=None) == document._replace(places=None)


def test_prompty_of_version_1() -> None:
    document = one(OLD_PROMPTY)
    assert document.messages == (
        {"role": "system", "content": "Be brief."},
        {"role": "function", "content": "42"},
    )
    assert document.request == {"model": "gpt-4"}
    assert document.variables == Variables(known=frozenset({"question"}))
    assert document.templates[0].engine == "mustache"
    new = one("---\nmodel: gpt-4o\n---\nBe brief.\nfunction:\nuser:\nhi", "a.prompty")
    assert [said["content"] for said in new.messages] == ["Be brief.\nfunction:", "hi"]


def test_prompty_of_windows() -> None:
    text = "---\r\nname: a\r\n---\r\nsystem:\r\n\r\nBe\r\nbrief.\r\n\r\nUser :\r\nhi\r\n"
    document = one(text)
    assert [said["content"] for said in document.messages] == ["Be\r\nbrief.", "hi"]
    assert at(text, document, ("messages", 0, "content")) == "Be\r\nbrief."


def test_dotprompt() -> None:
    document = one(DOTPROMPT)
    assert document.format == "dotprompt"
    assert document.messages == (
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hi, {{name}}."},
        {"role": "user", "content": "{{#each tags}}{{this}}{{/each}}"},
    )
    path = ("input", "schema")
    assert document.variables == Variables(
        {"name": (*path, "name"), "tags": (*path, "tags?(array, what they like)")}, frozenset({"tags"}), is_closed=True
    )
    assert at(DOTPROMPT, document, ("messages", 1, "role")) == "model"
    assert at(DOTPROMPT, document, ("messages", 2, "content")) == "{{#each tags}}{{this}}{{/each}}"
    assert at(DOTPROMPT, document, (*path, "name")) == "string, of the user"
    alone = one("Hello {{name}}", "a.prompt")
    assert (alone.format, alone.messages) == ("dotprompt", ({"role": "user", "content": "Hello {{name}}"},))


def test_github_models() -> None:
    document = one(GITHUB)
    assert document.format == "github-models"
    assert document.messages == (
        {"role": "system", "content": "Be brief. Be kind."},
        {"role": "user", "content": "It's {{what}}"},
    )
    schema = {"name": "a", "schema": {"type": "object"}}
    expected = {"model": "openai/gpt-4o", "response_format": {"type": "json_schema", "json_schema": schema}}
    assert document.request == expected
    assert document.variables == Variables(known=frozenset({"what", "expected"}), is_closed=True)
    assert document.templates == (Template("It's {{what}}", "mustache", ("messages", 1, "content")),)
    assert at(GITHUB, document, ("messages", 1, "content")) == "'It''s {{what}}'"
    assert document.places is not None
    start, end = document.places.span(("messages", 1, "content"), 2, 11)
    assert GITHUB[start:end] == "''s {{what"
    start, end = document.places.span(("messages", 0, "content"), 10, 12)
    assert GITHUB[start:end] == "Be"


@pytest.mark.parametrize("source", ["a.prompt.yml", "dir/a.PROMPT.yaml"])
def test_github_models_by_name(source: str) -> None:
    assert one("messages: [{role: user, content: hi}]\n", source).format == "github-models"
    assert one("messages: [{role: user, content: hi}]\n", "a.yml").format == "request"


def test_anthropic() -> None:
    text = json.dumps(ANTHROPIC, indent=1)
    document = one(text)
    empty = {"type": "text", "text": ""}
    assert document.format == "anthropic"
    assert document.messages == (
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [empty, {"type": "text", "text": "I look."}, empty],
            "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
            "reasoning_content": "Hm.",
        },
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "two"}]},
        {
            "role": "user",
            "content": [
                empty,
                empty,
                {"type": "text", "text": "Well?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ],
        },
    )
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert document.request == {
        "model": "claude-sonnet-4-5",
        "tools": [{"type": "function", "function": function}, {"type": "web_search_20250305"}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }
    assert at(text, document, (*document.path_of(3), "content")) == '"one"'
    assert at(text, document, (*document.path_of(2), "content", 1, "text")) == '"I look."'
    assert at(text, document, ("system", 0, "text")) == '"Be brief."'
    assert document.elsewhere == (("system",),)


def test_what_is_anthropic() -> None:
    hi = {"role": "user", "content": "hi"}
    assert one(json.dumps({"system": "x", "messages": [hi]})).messages == ({"role": "system", "content": "x"}, hi)
    assert one(json.dumps({"messages": [hi], "max_tokens": 1})).format == "request"
    blocks = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}]
    document = one(json.dumps(blocks))
    assert document.format == "anthropic"
    assert document.messages[0]["content"] == [{"type": "image_url", "image_url": {"url": "u"}}]
    assert one(json.dumps({"messages": [hi], "tools": "[]"})).request == {"tools": []}  # as LLaMA-Factory has it


JINJA = "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
TEMPLATES = {
    # name, text -> format, engines, paths
    ("chat.jinja", JINJA): ("jinja", ["jinja"], [()]),
    ("", JINJA): ("jinja", ["jinja"], [()]),
    ("a.jinja", "{{ bos }}<|im_start|>user"): ("jinja", ["jinja"], [()]),
    ("", json.dumps({"chat_template": JINJA})): ("tokenizer-config", ["jinja"], [("chat_template",)]),
    ("", json.dumps({"chat_template": [{"name": "x", "template": "{{a}}"}]})): (
        "tokenizer-config",
        ["jinja"],
        [("chat_template", 0, "template")],
    ),
    ("", '{"tokenizer_class": "T"}'): ("tokenizer-config", [], []),
    ("a.yaml", "instruction_template: |-\n  {{ '<|im_start|>' }}\n"): (
        "tokenizer-config",
        ["jinja"],
        [("instruction_template",)],
    ),
    ("", '[{% for m in a %}{"role": "user"},{% endfor %}]'): ("promptfoo", ["jinja"], [()]),
    ("", '{% set a = 1 %}\n[{"role": "user", "content": {{ a | dump }}}]'): ("promptfoo", ["jinja"], [()]),
    ("a.yaml", "- role: user\n  content: {{ a }} b\n"): ("promptfoo", ["jinja"], [()]),
    ("", 'FROM a\nTEMPLATE """{{ .Prompt }}"""\nPARAMETER stop "x"\n'): ("modelfile", ["go"], [("template",)]),
    ("", "{{- range .Messages }}{{ .Content }}{{ end }}"): ("go-template", ["go"], [()]),
    ("", '{"template": "{a}", "input_variables": ["a"]}'): ("langchain", ["f-string"], [("template",)]),
    ("a.yaml", "template: |\n  {{$x}}\nexecution_settings: {}\n"): (
        "semantic-kernel",
        ["semantic-kernel"],
        [("template",)],
    ),
    ("", '{"template": "{{x}}", "template_format": "handlebars", "input_variables": [{"name": "x"}]}'): (
        "semantic-kernel",
        ["handlebars"],
        [("template",)],
    ),
    ("", '{"schema": 1, "execution_settings": {}}'): ("semantic-kernel", [], []),
}


@pytest.mark.parametrize(("source", "text"), TEMPLATES)
def test_templates(source: str, text: str) -> None:
    document = one(text, source)
    form, engines, paths = TEMPLATES[source, text]
    assert (document.format, document.is_template, document.messages) == (form, True, ())
    assert [template.engine for template in document.templates] == engines
    assert [template.path for template in document.templates] == paths
    for template in document.templates:
        assert document.places is not None
        start, end = document.places.span(template.path, 0, 3)
        assert text[start:end] == template.text[:3]
    with pytest.raises(
        ParseError, match="which holds no conversation before it is rendered; expected messages"
    ) as found:
        read_documents(text, source=source)
    assert found.value.code == NO_PROMPT


def test_the_message_about_templates() -> None:
    with pytest.raises(ParseError) as found:
        read_documents(JINJA, source="a")
    expected = "a:1:1: found a chat template, which holds no conversation before it is rendered; expected messages, or"
    assert str(found.value) == f"{expected} ChatML text"


def test_modelfile() -> None:
    text = '# mine\nFROM llama3\nPARAMETER stop "<|im_end|>"\nSYSTEM """\nBe brief.\n"""\nMESSAGE user Hi there\n'
    document = one(text, "Modelfile")
    assert document.messages == (
        {"role": "system", "content": "\nBe brief.\n"},
        {"role": "user", "content": "Hi there"},
    )
    assert document.value == {"stop": ["<|im_end|>"]}
    assert at(text, document, ("messages", 1, "content")) == "Hi there"
    assert one("FROM a\n", "my.Modelfile").format == "modelfile"
    assert one("FROM a\n", "a.txt").format == "text"


@pytest.mark.parametrize("said", ["{{question}}", "{question}", "{% if a %}b{% endif %}", '{"a": {"b": 1}}'])
def test_raw_chatml_with_variables(said: str) -> None:
    text = f"<|im_start|>user\n{said}<|im_end|>\n"
    document = one(text)
    assert (document.format, document.text) == ("chatml", text)
    assert [template.text for template in document.templates] == ([text] if "{{" in said or "{%" in said else [])


NAMES = {
    # a text that could be several formats, and the name of its file -> format
    ("---\nmodel: a\n---\nhi", "a.prompty"): "prompty",
    ("---\nmodel: a\n---\nhi", "a.prompt"): "dotprompt",
    ("---\nmodel: a\n---\nhi", "a.txt"): "text",
    ("hi", "a.prompty"): "prompty",
    ("hi", "a.prompt"): "chatml",
    ('---\na: b\n---\n{{role "user"}}\nUser:\n', ""): "dotprompt",
    ("Note: this is text", "a.txt"): "text",
    ("Answer so:\nmessages:\n- role: user\n", "a.txt"): "text",
    ("messages:\n- role: user\n  content: hi\n", "a.txt"): "request",
    ("- role: user\n  content: hi\n", ""): "messages",
    ("<|im_start|>user\n{{a}}<|im_end|>", "a.prompt"): "chatml",
    ("<|im_start|>user\nhi<|im_end|>", "a.yaml"): "chatml",
    ("{{question}}", "a.txt"): "text",
    ('{"a": "{% if %}", "messages": []}', ""): "request",
    ('[{"role": "user", "content": "{{a}}"}]', ""): "messages",
    ("{% if a %}\n{% endif %}\n{% for m in messages %}{% endfor %}", "a.jsonl"): "jinja",
}


@pytest.mark.parametrize(("text", "source"), NAMES)
def test_names_break_ties(text: str, source: str) -> None:
    assert one(text, source).format == NAMES[text, source]


def test_a_format_that_is_asked_for() -> None:
    (found,) = scan_documents('[{"role": "user", "content": "hi"}]', form="promptfoo")
    assert isinstance(found, Document)
    assert (found.format, found.is_template) == ("promptfoo", True)
    (found,) = scan_documents('{"messages": [{"role": "user"}]}', form="github-models")
    assert isinstance(found, Document)
    assert (found.format, found.places is None) == ("github-models", False)
    (found,) = scan_documents("chat_template: hi", form="tokenizer-config", source="a.yml")
    assert isinstance(found, Document)
    assert found.templates[0].text == "hi"
    rows = list(scan_documents('{"messages": []}\n{"messages": []}', form="anthropic", source="a.jsonl"))
    assert [row.format for row in rows if isinstance(row, Document)] == ["anthropic"] * 2


def test_all_formats_have_a_name_to_show() -> None:
    """What `inspect` says of a file: templates are refused before."""
    with_messages = {"chatml", "text", "messages", "request", "sharegpt", "anthropic", "github-models", "prompty"}
    assert set(_FORMATS) == with_messages | {"dotprompt", "modelfile"}
    assert set(_FORMATS) <= {one.name for one in (*FORMATS, *FORMS)}


# -------------------------------------------------------------------------------------------------------------- errors

BAD = "this is not valid YAML:"
DEEP = "a: " + "[" * 65 + "]" * 65
SENTENCES = {
    "a: [": f"1:5: {BAD} expected the node content, but found '<stream end>'",
    "a: b: c": f"1:5: {BAD} mapping values are not allowed here",
    "a:\n\tb: 1": f"2:1: {BAD} found character '\\t' that cannot start any token",
    "a: &x 1\nb: *x": "2:4: found the alias *x, expected the value itself",
    "a: !!python/object:os.system x": "1:4: found the tag 'tag:yaml.org,2002:python/object:os.system', expected a value"
    " without one",
    "a: 1\nb: 2\na: 3": "3:1: the key 'a' occurs twice in one object",
    "a: {{x}}": "1:5: found an object as a key, expected a string (text with braces needs quotes)",
    "a: {[1]: 2}": "1:5: found a list as a key, expected a string (text with braces needs quotes)",
    DEEP: "1:67: the YAML is nested more than 64 levels deep",
    "a: .nan": "1:4: found .nan, expected a number, or quotes around a string",
    "a: -.Inf": "1:4: found -.Inf, expected a number, or quotes around a string",
    "a: 1e999": "1:4: found 1e999, which is more than a number can be",
    "a: " + "9" * 5000: "1:4: found a number of 5000 digits, which is more than can be read",
    'a: "\\ud83d"': "1:4: found an escape of a lone surrogate, which is no character",
    "a: \ud800": "1:4: found the lone surrogate \\ud800, which is no character",
    "a: \x01": f"1:4: {BAD} the character U+0001 has to be written as an escape, in double quotes",
    'a: "\\UFFFFFFFF"': f"1:1: {BAD} it cannot be read",
    "a: 1\n---\nb: 2": f"2:1: {BAD} but found another document",
    "a: 1": "1:1: found an object with 'a', expected a list of messages, or an object with 'messages' or"
    " 'conversations'",
}


@pytest.mark.parametrize("text", SENTENCES, ids=lambda text: ascii(text[:30]))
def test_sentences_of_yaml(text: str) -> None:
    found = error_of(text, "a.yml")
    expected = SENTENCES[text]
    if "cannot be read" in expected:  # where the library was when it failed is its own affair
        found = re.sub(r":\d+:\d+:", ":1:1:", found, count=1)
    assert found == f"a.yml:{expected}"


FRONT = "1:1: front matter begins here and does not end, expected a line of ---"
OTHERS = {
    ("---\nmodel: a\nuser:\nhi", "a.prompty"): FRONT,
    ("# x\n  ---\nmodel: a", "a.prompt"): FRONT.replace("1:1", "2:3"),
    ("---\n- a\n---\nhi", "a.prompty"): "2:1: found a list as front matter, expected an object",
    ("---\na: 1\na: 2\n---\nuser:\nhi", "a.prompty"): "3:1: the key 'a' occurs twice in one object",
    ("---\nname: 'a\n---\nuser:\nhi", "a.prompty"): f"3:1: {BAD} found unexpected end of stream",
    ('{"chat_template": 5}', ""): "1:1: found a number as 'chat_template', expected a string, or a list of objects with"
    " a name and a template",
    ('{"messages": [], "system": [1]}', ""): "1:1: found a list as 'system', expected a string or a list of objects",
    ('{"messages": [], "testData": [], "responseFormat": "json_schema", "jsonSchema": "{"}', ""): "1:1: 'jsonSchema' is"
    " a string, and not one of JSON: line 1, column 2: this is not valid JSON: a key in double quotes is expected,"
    " found the end of the text",
    ("messages: 5\ntestData: []", "a.yml"): "1:1: found a number as 'messages', expected a list of messages",
    ('[{"role": "user", "content": "{{a}}",}]', ""): "1:38: this is not valid JSON: a key in double quotes is expected,"
    " found '}'",
    ("messages:\n- role: user\n  content: {{input}}\n", "a.prompt.yml"): "3:13: found an object as a key, expected a"
    " string (text with braces needs quotes)",
}


@pytest.mark.parametrize(("text", "source"), OTHERS, ids=lambda one: ascii(one[:30]))
def test_sentences(text: str, source: str) -> None:
    expected = OTHERS[text, source]
    assert error_of(text, source) == (
        f"{source}:{expected}" if source else f"line {expected}".replace(":", ", column ", 1)
    )


def test_yaml_is_not_endless() -> None:
    text = "a: " + "x" * 2**20
    expected = "found 1,048,579 characters of YAML, which is more than the 1,048,576 that are read"
    assert error_of(text, "a.yml") == f"a.yml:1:1: {expected}"


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    _load_yaml._loader.cache_clear()
    expected = "reading YAML needs PyYAML, which is not installed; run pip install 'chatml-toolkit[yaml]'"
    assert error_of("# x\n---\na: 1\n---\nuser:\nhi", "a.prompty") == f"a.prompty:3:1: {expected}"
    assert error_of("messages: []", "a.yml") == f"a.yml:1:1: {expected}"
    assert one("user:\nhi", "a.prompty").messages == ({"role": "user", "content": "hi"},)


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = "import sys, chatml.promptfiles as p; p.read_documents('[]'); print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_values_of_yaml() -> None:
    text = "[yes, no, ~, null, true, 0x1f, 0o17, -12, 1.5, .5, 1e3, 2026-01-31, 1:30, '1', 1_000, =, <<]"
    assert load_yaml(text, "").value == [
        *("yes", "no", None, None, True, 31, 15, -12, 1.5, 0.5, 1000.0),
        *("2026-01-31", "1:30", "1", "1_000", "=", "<<"),
    ]  # fmt: skip
    assert load_yaml("", "").value is None
    assert load_yaml("1: a\n~: b\n", "").value == {"1": "a", "~": "b"}


# ---------------------------------------------------------------------------------------------------------- properties

PIECES = st.sampled_from(
    [
        *"---\n",
        "---\n",
        "system:\n",
        "user[a=b]:\r\n",
        "# assistant :\n",
        "messages:\n",
        "- role: user\n",
        "  content: ",
        "|\n    a\n",
        ">-\n    b\n",
        "'c''",
        '"d\\n',
        "&x ",
        "*x",
        "!!t ",
        "{{",
        "}}",
        "{%",
        "%}",
        "{% for m in messages %}",
        '{{role "user"}}',
        '{{#role "model"}}',
        "{{/role}}",
        "{{! c }}",
        "FROM a\n",
        'SYSTEM """',
        "MESSAGE user hi\n",
        "<|im_start|>user\n",
        "<|im_end|>",
        '{"role": ',
        '"messages": [',
        "]",
        "}",
        ", ",
        '"chat_template": ',
        '"x"',
        "template: ",
        "testData:\n",
        "? ",
        ": ",
        "\t",
        " ",
        "\n",
        "�",
        "\x00",
        "😀",
        "\x85",
        "\u2028",
        "~",
        "é",
    ]
)
SOURCES = [
    "",
    "a.prompty",
    "a.prompt",
    "a.prompt.yml",
    "a.yaml",
    "a.jinja",
    "Modelfile",
    "a.json",
    "a.jsonl",
    "a.gotmpl",
]
FORMATS_ASKED = st.none() | st.sampled_from([form.name for form in (*FORMATS, *FORMS)])


@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(SOURCES), FORMATS_ASKED)
def test_every_text_is_read_or_refused(text: str, source: str, asked: str | None) -> None:
    found = list(scan_documents(text, source=source, form=asked))
    assert found or not text.strip() or asked == "jsonl" or source.endswith("jsonl")
    for document in found:
        if isinstance(document, ParseError):
            assert 0 <= document.start <= len(text)
            assert 1 <= document.line <= text.count("\n") + 1
            continue
        json.dumps([document.messages, dict(document.request)], ensure_ascii=False).encode()
        check_places(text, document)
        for template in document.templates:
            check_scan(template)


def check_places(text: str, document: Document) -> None:
    """Every place lies in the file, and strings that stand there as they are stand there."""
    if document.places is None:
        return
    for index, message in enumerate(document.messages):
        start, end = document.places.span((*document.path_of(index), "content"))
        assert 0 <= start <= end <= len(text)
        if document.format in ("prompty", "dotprompt", "modelfile"):
            assert text[start:end] == message["content"]
    for template in document.templates:
        for offset in (0, len(template.text) // 2):
            start, end = document.places.span(template.path, offset, offset + 1)
            assert 0 <= start <= end <= len(text)
    for path in document.variables.declared.values() if document.variables else ():
        start, end = document.places.span(path)
        assert 0 <= start <= end <= len(text)


def check_scan(template: Template) -> None:
    """Tags, faults and names lie in the template, and names are words of it."""
    for tag in template.scan.tags:
        assert 0 <= tag.start <= tag.inner <= tag.end <= len(template.text)
    for fault in template.scan.faults:
        assert 0 <= fault.start <= fault.end <= len(template.text)
    for name, start, end in template.scan.names:
        assert template.text[start:end] == name


MARKER = re.compile(r"^\s*#?\s*(system|user|assistant|developer)\s*(\[[^\]]*\])?\s*:\s*$", re.IGNORECASE)
LINES = st.sampled_from(
    [
        "system:",
        "User: ",
        "  # assistant:",
        'developer[name="a"]:',
        "user: hi",
        "tool:",
        "",
        "  ",
        "hi",
        " {{a}} ",
        "#",
        "\t",
    ]
)


def split_by_lines(body: str) -> list[tuple[str, str]]:
    """The algorithm of Prompty's specification, 6.4, line by line; what comes first is said by the system."""
    found: list[tuple[str, list[str]]] = [("system", [])]
    for line in body.split("\n"):
        marker = MARKER.match(line)
        if marker:
            found.append((marker[1].lower(), []))
        else:
            found[-1][1].append(line)
    messages = [(role, without_blank_lines(lines)) for role, lines in found]
    return messages if messages[0][1] else messages[1:]


def without_blank_lines(lines: list[str]) -> str:
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return "\n".join(lines)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_prompty_is_what_its_specification_says(body: str) -> None:
    document = one(f"---\nname: a\n---\n{body}", "a.prompty")
    assert [(said["role"], said["content"]) for said in document.messages] == split_by_lines(body)


def test_a_wrong_split_is_seen() -> None:
    with pytest.raises(AssertionError):
        assert split_by_lines("a\nuser:\n\n  b\n") == [("system", "a"), ("user", "b")]  # lstrip is not the rule


@given(st.lists(st.sampled_from(["\n", " ", "a", "\r\n", "\t", "b c"]), max_size=10).map("".join))
def test_trimmed(text: str) -> None:
    start, end = trimmed(f"x{text}x", 1, 1 + len(text))
    lines = [
        line.removesuffix("\r") if index < text.count("\n") else line for index, line in enumerate(text.split("\n"))
    ]
    assert f"x{text}x"[start:end].replace("\r\n", "\n") == without_blank_lines(lines)
