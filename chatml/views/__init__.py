"""Views of prompts as pages: HTML in one piece, that needs no network and lets nothing of a user become markup."""

from chatml.views._page import PAGES, page

__all__ = ["PAGES", "page"]
