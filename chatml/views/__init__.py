"""Views of prompts as pages: HTML in one piece, that needs no network and lets nothing of a user become markup."""

from chatml.views._page import PAGES, page, page_policy

__all__ = ["PAGES", "page", "page_policy"]
