"""Which split patterns mean the same to Hugging Face's engine (Oniguruma, Ruby syntax) and to tiktoken's (fancy-regex).

Differences measured with tokenizers 0.23 and tiktoken 0.14: `$` and `^` are line boundaries for one and text boundaries
for the other; `{1,3}+` repeats for one and is possessive for the other; without case, `ss` matches "ß" for one only;
and so with set operations in classes. So this names what is known to be the same, and a pattern that consists of
nothing else is portable.
"""

from __future__ import annotations

import re

_ESCAPE = r"\\(?: [pP]\{\^?[A-Za-z_]+\} | [sSdDrnt] | [^\w\s] )"
_PORTABLE = re.compile(
    rf"""(?:
      {_ESCAPE}
    | \(\?i:(?: '(?:[sdmt]|ll|ve|re)\|? )+\)               # English contractions without case, written in two ways
    | \(\?i:\[sdmt\]\|ll\|ve\|re\)
    | \((?!\?) | \(\?(?: [:=!>] | <[=!] ) | \) | \|       # groups, looking around, alternatives
    | \[\^? (?: {_ESCAPE} | (?!&&|--|~~|\[) [^\]\\] )+ \]   # a class without set operations
    | [?*+]                                                # after another one lazy or possessive for both
    | \{{\d+(?:,\d*)?\}} (?![+?])
    | [^\\^$.|?*+()\[\]{{}}]                                 # a character that stands for itself
    )*""",
    re.VERBOSE,
)


def first_unportable(pattern: str) -> int | None:
    """Give the offset of the first construct that is not known to mean the same to both engines, None without one."""
    match = _PORTABLE.match(pattern)
    end = match.end() if match else 0
    return end if end < len(pattern) else None
