"""TPL001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Value

_MOST = 20  # faults of one template: the first of them are to be mended first


class TemplateSyntaxError(Rule):
    """A template cannot be read by its engine: a tag is not closed, a block does not end.

    Tags and the nesting of blocks are looked at, in Jinja, Nunjucks, Liquid, Handlebars, Mustache, Go templates and
    fields in braces; what stands in an expression is not. In a raw prompt, whose engine is not known, only a tag such
    as `{% for %}` that is not closed is reported.

    ## Why is this bad?
    Rendering fails when the prompt is used; or it does not fail, and the model reads the tag.

    ## Use instead
    Close what is open. A formatter that breaks tags over lines must not touch templates.
    """

    code, name = "TPL001", "template-syntax-error"
    kinds = frozenset({"prompt", "training", "template"})
    source = "found in promptfoo/promptfoo: examples/anthropic/chat-prompt.json"
    examples = (
        Example(
            bad='[{% for m in messages %\n}{"role": "user", "content": {{ m | dump }}}{% endfor %}]', path="p.json"
        ),
        Example(bad="{% for message in messages %}{{ message.content }}", path="chat.jinja"),
        Example(bad='---\nmodel: gpt-4o\n---\n{{role "user"}}\n{{#if a}}hi\n', path="hello.prompt"),
        Example(bad="<|im_start|>user\n{% if x %hi{% endif %}<|im_end|>\n"),
        Example(bad='{"input_variables": ["a"], "template": "{a} }"}', path="prompt.json"),
        Example(good="{% raw %}{% for %}{{{% endraw %}{% for m in messages %}{{ m }}{% endfor %}", path="chat.jinja"),
        Example(good="<|im_start|>user\nWrite {{x}} and {% raw %}.<|im_end|>\n"),
        Example(good='---\nmodel: gpt-4o\n---\n{{role "user"}}\n{{#if a}}hi{{/if}} {\n', path="hello.prompt"),
        Example(good='[{"role": "user", "content": "What is {% for %"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the scanners found."""
        for template in context.templates:
            for fault in template.scan.faults[:_MOST]:
                yield Finding(fault.problem, Value(template.path, fault.start, fault.end))
