"""Scanners of template tags. Invariant: what an engine reads has no fault, and its variables are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
import jinja2.meta
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml.promptfiles import Template
from chatml.promptfiles._jinja_tags import scan_jinja
from chatml.promptfiles._mustache_tags import scan_mustache
from chatml.promptfiles._other_tags import scan_fields, scan_go

JINJA_PIECES = st.sampled_from(
    [
        "{{ a }}",
        "{{ b.c | upper }}",
        "{{ d['e'] }}",
        "{% for f in g %}",
        "{% endfor %}",
        "{% if h is defined %}",
        "{% endif %}",
        "{% else %}",
        "{% set i = j %}",
        "{{ i }}",
        "{# k #}",
        "{% raw %}",
        "{% endraw %}",
        "text ",
        "{{ {'l': {}} }}",
        "{",
        "}",
        "{{ m(n, o=p) }}",
        "{% macro q(r) %}",
        "{% endmacro %}",
        "{{- s -}}",
        "{% set t %}",
        "{% endset %}",
        "\n",
        "'",
        '"',
        "%}",
        '{{ "u }}" }}',
        "{%",
        "{{",
        "{{ 'v' if w else x }}",
        "{%- for y, z in g.items() -%}",
    ]
)


@given(st.lists(JINJA_PIECES, max_size=12).map("".join))
def test_what_jinja_reads_has_no_fault(text: str) -> None:
    if "{% endraw %}" not in text[text.rfind("{% raw %}") :] and "{% raw %}" in text:
        return  # Jinja misses its end only where something is in it
    try:
        tree = jinja2.Environment(autoescape=False).parse(text)
    except jinja2.TemplateSyntaxError:
        return
    scan = scan_jinja(text)
    assert scan.faults == ()
    undeclared = jinja2.meta.find_undeclared_variables(tree)
    assert {name.name for name in scan.names} <= undeclared
    assert undeclared <= scan.words


def test_that_property_can_fail() -> None:
    """A scanner that takes quotes for text would see a fault, and one that takes filters for names would see a name."""
    assert scan_jinja('{{ "u }}" }}').faults == ()
    assert scan_mustache('{{ "u }}" | upper }}{{ a').faults != ()
    tree = jinja2.Environment(autoescape=False).parse("{{ b.c | upper }}")
    assert not {"b", "upper"} <= jinja2.meta.find_undeclared_variables(tree)


FAULTS: dict[tuple[Callable[[str], Any], str], list[tuple[int, str]]] = {
    (scan_jinja, "{% for a in b %}"): [(0, "{% for %} is never closed, {% endfor %} is expected")],
    (scan_jinja, "a{% endif %}"): [(1, "{% endif %} closes nothing")],
    (scan_jinja, "{% if a %}{% for b in c %}{% endif %}"): [
        (10, "{% for %} is never closed, {% endfor %} is expected")
    ],
    (scan_jinja, "{% for m in n %\n}\n{{ m }}{% endfor %}"): [
        (0, "the tag {% is not closed"),
        (25, "{% endfor %} closes nothing"),
    ],
    (scan_jinja, "{{ a"): [(0, "the tag {{ is not closed")],
    (scan_jinja, "{# a"): [(0, "the tag {# is not closed")],
    (scan_jinja, "{% raw %}{% if %}"): [(0, "{% raw %} is never closed, {% endraw %} is expected")],
    (scan_jinja, "{% set a = 1 %}{% set b %}x{% endset %}{% include 'x' %}"): [],
    (scan_mustache, "{{#if a}}{{/each}}{{/if}}"): [(9, "{{/each}} closes nothing")],
    (scan_mustache, "{{#if a}}{{#b}}{{/if}}"): [(9, "{{#b}} is never closed")],
    (scan_mustache, "{{#each a}}"): [(0, "{{#each}} is never closed")],
    (scan_mustache, "Hi {{name\n"): [(3, "the tag {{ is not closed")],
    (scan_mustache, "{{!-- {{a --}}{{{b}}}\\{{c { {{ d }}"): [],
    (scan_go, "{{ if .A }}{{ range .B }}{{ end }}"): [(0, "{{ if .A }} is never closed")],
    (scan_go, "{{ end }}{{/* {{ */}}{{ .A"): [(0, "{{ end }} closes nothing"), (21, "the tag {{ is not closed")],
    (scan_fields, "{a} {{b}} {"): [(10, "the brace { stands alone; write {{ for the character")],
    (scan_fields, "}"): [(0, "the brace } stands alone; write }} for the character")],
}


@pytest.mark.parametrize(("scan", "text"), FAULTS)
def test_faults(scan: Callable[[str], Any], text: str) -> None:
    assert [(fault.start, fault.problem) for fault in scan(text).faults] == FAULTS[scan, text]


def test_names() -> None:
    def names(engine: str, text: str) -> list[str]:
        return [name.name for name in Template(text, engine).scan.names]

    assert names("jinja", "{{ a.b | c(d) }}{% for e in f %}{{ e }}{{ loop.index }}{% endfor %}") == ["a", "d", "f"]
    assert names("jinja", "{{ 'x' ~ \"y\" }}{{ g(h=1) }}{% set i = j %}{{ i is defined }}") == ["j"]
    text = "{{a}}{{b.c}}{{#if d}}{{e}}{{/if}}{{#each f}}{{g}}{{/each}}{{h i}}{{@root.j}}{{this}}"
    assert names("handlebars", text) == ["a", "b", "d", "e", "f"]
    assert names("f-string", "{a} {b.c} {d!r:>{e}} {{f}} {0}") == ["a", "b", "d", "e"]
    assert names("go", "{{ .A }}") == []
    assert Template("{{> a}}", "handlebars").scan.is_partial
    assert Template("{% include 'a' %}", "jinja").scan.is_partial
