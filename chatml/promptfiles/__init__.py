"""Prompt files: one reader per format, from the text of a file to the conversations in it.

Nothing here opens a file. The format is found by content; the name of the file only breaks ties.
"""

from __future__ import annotations

from chatml.promptfiles._document import EMPTY, NO_PROMPT, Document
from chatml.promptfiles._read import FORMATS, read_documents

__all__ = ["EMPTY", "FORMATS", "NO_PROMPT", "Document", "read_documents"]
