"""CML007."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, FileRule, Finding, Fix, Severity, Span

_NAME = re.compile(r"(?:^|[^a-z0-9])modelfile\Z|(?:^|/)modelfile\.(?!mdx?\Z|txt\Z|rst\Z)[^/]*\Z")
_TEMPLATE = re.compile(r'^TEMPLATE[ \t]+(?:"""(.*?)"""|([^\n]*))', re.DOTALL | re.MULTILINE | re.IGNORECASE)
_STOP = re.compile(r'^PARAMETER[ \t]+stop[ \t]+"?([^"\n]*?)"?[ \t]*$', re.MULTILINE | re.IGNORECASE)
_FROM = re.compile(r"^FROM[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)
_END = "<|im_end|>"
# models of a library that bring the stop token with them
_CHATML_MODELS = re.compile(
    r"(?:[\w.-]+/)*(?:qwen|qwq|dolphin|openhermes|nous-hermes|hermes3|smollm|yi\b|internlm)[\w.-]*(?::\S+)?\Z",
    re.IGNORECASE,
)


class StopTokenMissing(FileRule):
    """The template of a Modelfile ends turns with `<|im_end|>`, and no parameter stops there.

    A model that is built on one of a ChatML family inherits the parameter, and is not reported.

    ## Why is this bad?
    The model does not stop at the end of its turn: it goes on with a turn of the user, and the marker is printed.

    ## Use instead
    `PARAMETER stop "<|im_end|>"`.

    ## Fix
    Unsafe: the parameter is added at the end of the file.
    """

    code, name = "CML007", "stop-token-missing"
    severity = Severity.WARNING
    fix = "unsafe"
    source = "ollama/ollama:docs/modelfile.mdx"
    examples = (
        Example(
            bad='FROM ./model.gguf\nTEMPLATE """{{ .Prompt }}<|im_end|>"""\n',
            fixed='FROM ./model.gguf\nTEMPLATE """{{ .Prompt }}<|im_end|>"""\nPARAMETER stop "<|im_end|>"\n',
            path="Modelfile",
        ),
        Example(
            good='FROM ./model.gguf\nTEMPLATE """{{ .Prompt }}<|im_end|>"""\nPARAMETER stop "<|im_end|>"\n',
            path="Modelfile",
        ),
        Example(good='FROM llama3.2\nSYSTEM """Say <|im_end|>."""\n', path="Modelfile"),
        Example(good='FROM qwen2.5:7b\nTEMPLATE """{{ .Prompt }}<|im_end|>"""\n', path="Modelfile"),
        Example(good='TEMPLATE """{{ .Prompt }}<|im_end|>"""\n', path="docs/modelfile.md"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the template with the parameters."""
        text = context.text
        if _END not in text or not _NAME.search(context.path.replace("\\", "/").lower()):
            return
        base = _FROM.search(text)
        if (base and _CHATML_MODELS.match(base[1])) or any(stop[1] == _END for stop in _STOP.finditer(text)):
            return
        template = _TEMPLATE.search(text)
        start = text.find(_END, *template.span()) if template else -1
        if start >= 0:
            line = "" if text.endswith("\n") else "\n"
            added = Change(Span(len(text), len(text)), f'{line}PARAMETER stop "{_END}"\n')
            place = Span(start, start + len(_END))
            message = f"turns end with {_END}, and no parameter stops there"
            yield Finding(message, place, Fix("Add the parameter", (added,)), f'expected PARAMETER stop "{_END}"')
