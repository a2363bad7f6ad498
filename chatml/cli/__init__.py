"""The command line. Nothing is imported before it is needed: `chatml --version` is as quick as Python itself."""

from __future__ import annotations

from chatml.cli._main import main

__all__ = ["main"]
