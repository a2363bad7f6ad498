"""Where the cache of `chatml lint` is kept: by default in the user's own folder for such things.

It is not kept beside the files: who can write into a repository could put a cache there that hides findings.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from chatml._errors import FileError
from chatml.cli import _files

if TYPE_CHECKING:
    from argparse import Namespace

    from chatml.lint._cache import Cache

_MOST = 64 * 2**20  # bytes
_FEW = 8  # files named one by one, for which a cache costs more than it gains


class CacheFile:
    """The cache of a run. `cache` is None where it has none."""

    def __init__(self, arguments: Namespace) -> None:
        self.cache: Cache | None = None
        self._path = ""
        is_small = len(arguments.files) <= _FEW and arguments.files and not any(map(_files.is_folder, arguments.files))
        if arguments.no_cache or (is_small and not arguments.cache_dir):
            return
        folder = arguments.cache_dir or _user_folder()
        if folder:
            self._path = os.path.join(folder, f"lint-{_digest(os.getcwd())}.txt")
            self.cache = self._load()

    def _load(self) -> Cache:
        from chatml.lint._cache import Cache

        try:
            if not _is_ours(self._path):
                return Cache()
            text, _ = _files.read_text(self._path, most=_MOST, check=_refuse, follow=False)
        except (FileError, OSError):
            return Cache()
        return Cache.load(text)

    def save(self) -> None:
        """Write the cache, where it has changed. It is no fault if that cannot be done."""
        text = self.cache.dump() if self.cache is not None else None
        if text is None:
            return
        from chatml.cli._writing import write_file

        with suppress(OSError, FileError):
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            write_file(self._path, text)


def _user_folder() -> str:
    """The folder for caches of this user, "" where there is none."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "chatml") if os.path.isabs(base) else ""


def _is_ours(path: str) -> bool:
    """Whether nobody else could have written it."""
    status = os.lstat(path)
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _refuse(_: str) -> None:
    raise FileError("the cache is too large", path="")


def _digest(text: str) -> str:
    from hashlib import blake2b

    return blake2b(os.fsencode(text), digest_size=8).hexdigest()
