"""Which files are linted, and what each of them is told: folders, `.gitignore`, configuration files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from chatml._errors import ConfigError, FileError
from chatml.cli import _files
from chatml.cli._gitignore import Patterns, read_patterns
from chatml.lint._blocks import BLOCK_SIZE
from chatml.lint._config import FILES, Config, Overrides, read_config, with_overrides
from chatml.lint._runner import Source
from chatml.promptfiles import FORMATS

_LARGEST_SHOWN = 8 * 2**20  # bytes of a file of which excerpts are shown: it is read again for them
_MOST = 2**20  # bytes of a configuration file or a .gitignore
_NOT_IN_FOLDERS = (".md",)  # too many of them are no prompts
# names that folders are searched for: those of all formats
SUFFIXES = tuple(dict.fromkeys(suffix for form in FORMATS for suffix in form.suffixes if suffix not in _NOT_IN_FOLDERS))


class Choice(NamedTuple):
    """What options say about files and their configuration."""

    files: tuple[str, ...]
    config: str | None = None
    is_isolated: bool = False
    overrides: Overrides = Overrides()
    force_exclude: bool = False
    respect_gitignore: bool = True
    stdin_name: str | None = None


def read_small(path: str, *, follow: bool = True) -> str:
    """The text of a file that cannot be large. Raises `FileError`."""

    def refuse(_: str) -> None:
        raise FileError(f"the file has more than {_MOST:,} bytes", path=path)

    return _files.read_text(path, most=_MOST, check=refuse, follow=follow)[0]


class Configs:
    """The configuration of each folder: that of the nearest file, with the options over it."""

    def __init__(self, choice: Choice) -> None:
        self._overrides = choice.overrides
        self._by_folder: dict[str, Config] = {}
        self._only: Config | None = None
        if choice.is_isolated:
            self._only = with_overrides(Config(), choice.overrides)
        elif choice.config is not None:
            found = read_config(read_small(choice.config), source=choice.config)
            if found is None:
                raise ConfigError("found no table [tool.chatml] in the file", option=choice.config)
            self._only = with_overrides(found, choice.overrides)

    def all(self) -> list[Config]:
        """Those that were asked for."""
        return [self._only] if self._only is not None else list(self._by_folder.values())

    def of_folder(self, folder: str) -> Config:
        """The configuration for files in a folder. Raises `ConfigError`."""
        if self._only is not None:
            return self._only
        passed = []
        place = os.path.abspath(folder)
        while place not in self._by_folder:
            passed.append(place)
            found = _config_in(place)
            parent = os.path.dirname(place)
            if found is not None or parent == place:
                self._by_folder[place] = with_overrides(found or Config(), self._overrides)
                break
            place = parent
        config = self._by_folder[place]
        self._by_folder.update(dict.fromkeys(passed, config))
        return config


def _config_in(folder: str) -> Config | None:
    for name in FILES:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            found = read_config(read_small(path), source=_shortest(path))
            if found is not None:
                return found
    return None


def _shortest(path: str) -> str:
    """A path as it is called from here, where that is shorter."""
    with suppress(ValueError):  # on another drive
        relative = os.path.relpath(path)
        return relative if len(relative) < len(path) else path
    return path


class Ignored:
    """What the `.gitignore` files of a repository leave out."""

    def __init__(self) -> None:
        self._chains: dict[str, tuple[tuple[str, Patterns], ...]] = {}

    def has(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is left out; the folders above it are known not to be."""
        place = os.path.abspath(path)
        for folder, patterns in reversed(self._chain(os.path.dirname(place))):
            relative = os.path.relpath(place, folder).replace(os.sep, "/")
            found = patterns.match(relative, is_folder=is_folder)
            if found is not None:
                return found
        return False

    def _chain(self, folder: str) -> tuple[tuple[str, Patterns], ...]:
        """The patterns that count in a folder, from the root of its repository down."""
        if folder not in self._chains:
            own: tuple[tuple[str, Patterns], ...] = ()
            with suppress(FileError):
                own = ((folder, read_patterns(read_small(os.path.join(folder, ".gitignore"), follow=False))),)
            parent = os.path.dirname(folder)
            is_top = parent == folder or os.path.exists(os.path.join(folder, ".git"))
            self._chains[folder] = own if is_top else (*self._chain(parent), *own)
        return self._chains[folder]


class _Entry(NamedTuple):
    """A file of a run: what it is opened by, whether links are followed, and its configuration."""

    path: str
    is_named: bool
    config: Config


class Files:
    """The files of a run.

    `errors` are those that are about no single file, once `sources` is through; `unwritten` those of fixes.
    `first_config` is the configuration of the current folder.
    """

    def __init__(self, choice: Choice) -> None:
        self.errors: list[FileError] = []
        self._configs = Configs(choice)
        self._choice = choice
        self._ignored = Ignored()
        self._entries: dict[str, _Entry] = {}
        self._stdin: list[bytes] | None = None
        self.unwritten: list[FileError] = []
        self.baseline: str | None = None  # a file that is no prompt, and is known to be none
        self.first_config = self._configs.of_folder("")

    def sources(self) -> Iterator[Source]:
        """Each file once, in the order in which they are named, those of a folder sorted by name."""
        seen: set[str] = set()
        self.errors.clear()
        for path, is_named, error in self._found():
            place = path if path == _files.STANDARD_INPUT else os.path.abspath(path)
            if place not in seen:
                seen.add(place)
                yield self._source(path, is_named, error)

    def _found(self) -> Iterator[tuple[str, bool, FileError | None]]:
        for path in self._choice.files:
            if not _files.is_folder(path):
                if not (self._choice.force_exclude and self._is_excluded(path)):
                    yield path, True, None
                continue
            try:
                for found in _files.files_in(path, suffixes=SUFFIXES, skip=self._is_skipped):
                    error = found if isinstance(found, FileError) else None
                    yield (error.path if error else str(found)), False, error
            except FileError as error:
                self.errors.append(error)

    def _source(self, path: str, is_named: bool, error: FileError | None) -> Source:
        if path == _files.STANDARD_INPUT:
            name = self._choice.stdin_name or _files.shown_name(path)
            folder = os.path.dirname(self._choice.stdin_name or "")
        else:
            name, folder = os.path.normpath(path) if path else "''", os.path.dirname(path)
        entry = _Entry(path, is_named, self._configs.of_folder(folder))
        self._entries[name] = entry

        def pieces() -> Iterable[bytes]:
            if error is not None:
                raise error
            return self._pieces(entry)

        return Source(name, entry.config.settings, pieces, is_named)

    def _pieces(self, entry: _Entry) -> Iterable[bytes]:
        if entry.path != _files.STANDARD_INPUT:
            return _files.read_pieces(entry.path, size=BLOCK_SIZE, follow=entry.is_named)
        if self._stdin is None:  # it can be read but once
            self._stdin = list(_files.read_pieces(entry.path, size=BLOCK_SIZE))
        return self._stdin

    @property
    def stdin(self) -> bytes | None:
        """What standard input was, None where it was not read."""
        return None if self._stdin is None else b"".join(self._stdin)

    def replace_stdin(self, data: bytes) -> None:
        """Take this for what standard input was."""
        self._stdin = [data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE)]

    def watched(self) -> Iterator[str]:
        """All files that a run depends on."""
        for source in self.sources():
            yield self.path_of(source.path)
        yield from {config.source for config in self._configs.all() if config.source}

    def config_of(self, name: str) -> Config:
        """The configuration of a file, by its name in output."""
        return self._entries[name].config

    def path_of(self, name: str) -> str:
        """What a file is opened by; "-" is standard input."""
        return self._entries[name].path

    def pieces_of(self, name: str) -> Iterable[bytes]:
        """The bytes of a file, once more. Raises `FileError`."""
        return self._pieces(self._entries[name])

    def text_of(self, name: str) -> str | None:
        """The text of a file, to show parts of it; None where it is too large for that, or gone."""
        data = b""
        try:
            for piece in self._pieces(self._entries[name]):
                data += piece
                if len(data) > _LARGEST_SHOWN:
                    return None
            return data.decode()
        except (FileError, UnicodeDecodeError, KeyError):
            return None

    def _is_skipped(self, path: str, is_folder: bool) -> bool:
        config = self._configs.of_folder(os.path.dirname(path))
        if _is_in(config, path) or (self.baseline is not None and os.path.normpath(path) == self.baseline):
            return True
        respects = self._choice.respect_gitignore and config.respect_gitignore
        return respects and self._ignored.has(path, is_folder=is_folder)

    def _is_excluded(self, path: str) -> bool:
        """Whether a named file, or a folder that it is in, would be passed over in a search."""
        config = self._configs.of_folder(os.path.dirname(path))
        place = os.path.normpath(path)
        while place and place != os.path.dirname(place):
            if _is_in(config, place):
                return True
            place = os.path.dirname(place)
        return False


def _is_in(config: Config, path: str) -> bool:
    settings = config.settings
    return any(settings.of_glob({pattern: True}, os.path.normpath(path)) for pattern in settings.exclude)
