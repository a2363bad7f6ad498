"""Every error that a public function raises. Anything else that escapes is a bug.

Whose fault decides the class. Each error is a value: its fields say where and what, its text is built from them, and
it survives pickling, so that it can cross a process pool.
"""

from __future__ import annotations

from typing import Any


def shown(value: object, most: int = 80) -> str:
    """A value as an error prints it: quoted, in ASCII, cut to `most` characters."""
    return ascii(value if not isinstance(value, str) or len(value) <= most else value[:most] + "...")


class ChatMLError(Exception):
    """The root of all errors of this package.

    `problem` says what was found and what was expected, `hint` the next step (or is empty).
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def where(self) -> str:
        """The place of the problem, or an empty string."""
        return ""

    def __str__(self) -> str:
        where = self.where()
        return (f"{where}: " if where else "") + self.problem + (f"; {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(cls: type[ChatMLError], fields: dict[str, Any]) -> ChatMLError:
    error = cls.__new__(cls, fields["problem"])
    error.__dict__.update(fields)
    return error


class ParseError(ChatMLError):
    """The text's fault: it is not what it was said to be.

    `source` names the text (a path, or ""), `code` is the diagnostic's code, `start` and `end` are offsets in
    characters (half-open), `line` and `column` count from 1.
    """

    def __init__(
        self, problem: str, *, hint: str = "", source: str = "", code: str = "", start: int = 0, end: int = 0,
        line: int = 1, column: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(problem, hint=hint)
        self.source = source
        self.code = code
        self.start = start
        self.end = end
        self.line = line
        self.column = column

    def where(self) -> str:
        """`source:line:column`, or `line L, column C` when the text has no name."""
        if self.source:
            return f"{self.source}:{self.line}:{self.column}"
        return f"line {self.line}, column {self.column}"


class RenderError(ChatMLError):
    """Your messages' fault. `message` is the index of the message (None: all of them), `field` the key in it."""

    def __init__(self, problem: str, *, hint: str = "", message: int | None = None, field: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.message = message
        self.field = field

    def where(self) -> str:
        """The path of the field, such as `messages[2].role`."""
        root = "" if self.message is None else f"messages[{self.message}]"
        return f"{root}.{self.field}" if root and self.field else root or self.field


class InjectionError(ChatMLError):
    """Content spells a special token, and the call forbids it.

    `message` is the index of the message, `field` the key in it, `token` what is spelled at `start:end` (characters
    of that field's text). `findings` are all that were found, as `Finding` objects; the other fields are the first.
    """

    def __init__(
        self, problem: str, *, token: str, start: int, end: int, hint: str = "", message: int | None = None,
        field: str = "content", findings: tuple[Any, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(problem, hint=hint)
        self.message = message
        self.field = field
        self.token = token
        self.start = start
        self.end = end
        self.findings = findings

    def where(self) -> str:
        """The path of the field and the span, such as `messages[1].content[3:15]`."""
        inside = "text" if self.field == "content" else self.field
        root = inside if self.message is None else f"messages[{self.message}].{self.field}"
        return f"{root}[{self.start}:{self.end}]"


class EncodingError(ChatMLError):
    """A vocabulary, an encoding or a token id is not what it has to be. `encoding` names the one that is at fault."""

    def __init__(self, problem: str, *, hint: str = "", encoding: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.encoding = encoding

    def where(self) -> str:
        """The name or path of the encoding."""
        return self.encoding


class CountError(ChatMLError):
    """No rule is known for what a part of a request costs. `message` and `field` say which; None is the request."""

    def __init__(self, problem: str, *, message: int | None = None, field: str = "", hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.message = message
        self.field = field

    def where(self) -> str:
        """The path of the part, such as `messages[1].content[0]`."""
        return self.field if self.message is None else f"messages[{self.message}].{self.field}"


class UnknownModelError(ChatMLError):
    """No row of the model table fits `model`; `nearest` holds the names most like it."""

    def __init__(self, model: str, nearest: tuple[str, ...] = (), *, hint: str = "") -> None:
        problem = f"unknown model {model!a}"
        if nearest:
            problem += f", the nearest known are {', '.join(nearest)}"
        super().__init__(problem, hint=hint)
        self.model = model
        self.nearest = nearest


class BudgetError(ChatMLError):
    """What was asked does not fit: `asked` tokens were allowed, `least` is the smallest possible size."""

    def __init__(self, problem: str, *, asked: int, least: int, hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.asked = asked
        self.least = least


class ConfigError(ChatMLError):
    """An option, a dialect or a configuration contradicts itself or is unknown. `option` names it."""

    def __init__(self, problem: str, *, hint: str = "", option: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.option = option

    def where(self) -> str:
        """The name of the option."""
        return self.option


class FileError(ChatMLError):
    """A file cannot be read. `path` is its name as given."""

    def __init__(self, problem: str, *, path: str, hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.path = path

    def where(self) -> str:
        """The path as given, printable whatever it holds."""
        return self.path.encode("unicode_escape").decode() if not self.path.isprintable() else self.path


def require_text(value: object) -> None:
    """Raise `ConfigError` unless `value` is a `str`."""
    if not isinstance(value, str):
        raise ConfigError(f"found {type(value).__name__}, expected str", option="text", hint="decode bytes first")


for _error in (ChatMLError, *ChatMLError.__subclasses__()):
    _error.__module__ = "chatml"  # where users find them, and what a traceback says
