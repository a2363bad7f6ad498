"""Importing chatml is cheap: nothing heavy comes with it, and the codec works without a vocabulary."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tiktoken", "regex", "json", "dataclasses", "typing", "re", "enum", "importlib.resources", "zlib")


def loaded_by(code: str) -> set[str]:
    """The modules that `code` loads in a process of its own."""
    program = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_loads_nothing_but_itself() -> None:
    loaded = loaded_by("import chatml")
    assert "chatml" in loaded
    assert not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("chatml")} <= {"chatml", "chatml._version"}


def test_listing_the_names_loads_nothing() -> None:
    loaded = loaded_by("import chatml; dir(chatml); chatml.__all__; chatml.__version__")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "use",
    [
        "chatml.render([{'role': 'user', 'content': 'Hi'}])",
        "chatml.parse('<|im_start|>user\\nHi<|im_end|>\\n')",
        "chatml.Prompt.from_text('<|im_start|>user\\nHi<|im_end|>\\n').diagnostics",
        "chatml.StreamParser().feed('<|im_start|>user\\nHi')",
        "chatml.escape('<|im_start|>')",
        "chatml.detect_dialect('<|im_start|>user\\nHi<|im_end|>\\n')",
        "chatml.get_model('gpt-4o'), chatml.encoding_names(), chatml.dialect_names()",
    ],
)
def test_the_codec_needs_no_vocabulary(use: str) -> None:
    assert not loaded_by(f"import chatml; {use}") & {"tiktoken", "regex"}
