"""Templates: where their tags stand, what is wrong with them, and which variables they use.

No engine runs here, and none is needed: tags and the nesting of blocks are looked at, expressions only for their names.
What is not sure is not said: a name that any part of the template binds, or that may be bound by what surrounds it,
does not count as one that comes from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from chatml.promptfiles._jinja_tags import scan_jinja
from chatml.promptfiles._mustache_tags import scan_mustache
from chatml.promptfiles._other_tags import scan_braces, scan_fields, scan_go
from chatml.promptfiles._places import Path
from chatml.promptfiles._tags import Scan

_NONE: Mapping[str, Path] = MappingProxyType({})
_SCANNERS: Mapping[str, Callable[[str], Scan]] = {
    "jinja": scan_jinja,
    "handlebars": scan_mustache,
    "mustache": scan_mustache,
    "f-string": scan_fields,
    "go": scan_go,
    "semantic-kernel": scan_braces,
}


class Variables(NamedTuple):
    """What a file says of the inputs of its templates.

    `declared` inputs are to be used, each with the path to its declaration; `known` names have a value somewhere, such
    as in test data. `is_closed`: a name that is neither is not defined.
    """

    declared: Mapping[str, Path] = _NONE
    known: frozenset[str] = frozenset()
    is_closed: bool = False


@dataclass(frozen=True)
class Template:
    """A part of a document that an engine renders: its text, and the path to it.

    `engine` is "jinja" (which stands for Nunjucks and Liquid too), "handlebars", "mustache", "f-string", "go",
    "semantic-kernel", or "" where nothing says which one it is.
    """

    text: str
    engine: str = ""
    path: Path = ()

    @cached_property
    def scan(self) -> Scan:
        """What is found in the text."""
        return _SCANNERS.get(self.engine, scan_braces)(self.text)
