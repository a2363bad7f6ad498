"""Errors and notes as lines on standard error."""

from __future__ import annotations

import os

from chatml._errors import ChatMLError
from chatml._visible import visible, visible_lines
from chatml.cli._output import write_error

# errors speak of the Python interface; what that is called here
_IN_OUR_WORDS = (
    ("pass lossy=True", "pass --lossy"),
    ("render(untrusted='escape') or token ids keep it as text", "without --untrusted reject it is escaped"),
    ("pass encoding= and dialect= for a wire that you know, or run", "pass --dialect for a wire that you know, or run"),
    ("load_encoding() reads other vocabularies from", "pass the path of"),
    ("(max_tokens=", "(--max-tokens "),
    (" less reserve=", " less --reserve "),
    ("pass allow_estimate=True", "pass --allow-estimate"),
    ("leave out add_generation_prompt", "leave out --add-generation-prompt"),
)  # fmt: skip


def report(error: BaseException) -> None:
    """Print an error in one line. Anything but a `ChatMLError` is a fault of ours, and says so."""
    if isinstance(error, ChatMLError):
        write_error(f"chatml: error: {error_text(error)}")
        return
    if os.environ.get("CHATML_DEBUG"):
        import traceback

        write_error(visible_lines("".join(traceback.format_exception(error)).rstrip()))
    what = f"{type(error).__name__}: {error}"[:300]
    hint = "please report this, with what CHATML_DEBUG=1 prints"
    write_error(f"chatml: internal error: {visible(what)}; {hint}")


def error_text(error: ChatMLError) -> str:
    """The error in one harmless line, with the file that it was found in."""
    text = str(error)
    for theirs, ours in _IN_OUR_WORDS:
        text = text.replace(theirs, ours)
    return visible(": ".join([*getattr(error, "__notes__", ()), text]))


def note(text: str) -> None:
    """Print a remark that is no error."""
    write_error(f"chatml: note: {visible(text)}")
