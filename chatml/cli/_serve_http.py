"""HTTP as `chatml serve` speaks it: one request a connection, read with limits and checked before anything is done.

Nothing is sent that is not said here. A request that is refused gets a status and one line, which holds nothing of it.

- Names: a page from elsewhere can let its own name lead to this machine (DNS rebinding). So the header Host has to be a
  name of this server.
- Origins: a browser says with a POST where its page came from, which has to be here. What it may send to another
  server without asking is no application/json; asking (OPTIONS) is refused, and no header ever allows it.
- Time: all of a request has to be there before a deadline, however slowly it trickles.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import BinaryIO, NamedTuple

MOST_HEAD = 16 * 1024  # bytes of the request line and the headers
_MOST_HEADERS = 100
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
SEND_SECONDS = 30.0
_LINGER_SECONDS = 2.0
_LINGER = 64 * 2**20  # bytes that are thrown away behind a refusal, so that it can be read
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,2000}) HTTP/1\.[01]\r?\n")
# RFC 9112, 5: a name and a value in one line, and in it no CR, NUL or other control character, where readers differ
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)\r?\n")
_LENGTH = re.compile(r"[0-9]{1,15}")
_JSON = re.compile(r'application/json(?:;[ \t]*charset="?utf-8"?)?', re.IGNORECASE)
PATHS = {"/": "GET", "/inspect": "POST"}  # HEAD goes where GET goes; browsers ask for no icon under our policy

# Beside the policy of the page. There is none that lets other origins read anything.
_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RefusedError(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: HTTPStatus, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


class GoneError(Exception):
    """The client has left, or never said a word."""


class Head(NamedTuple):
    """The request line and the headers: names in lower case, each with its values."""

    method: str
    path: str
    headers: Mapping[str, list[str]]

    def one(self, name: str) -> str | None:
        """A header; None where it is missing. Raises `RefusedError` when it occurs twice."""
        found = self.headers.get(name.lower(), [])
        if len(found) > 1:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"found the header {name} twice")
        return found[0] if found else None


class Names(NamedTuple):
    """What this server is called in the header Host, in lower case."""

    hosts: frozenset[str]

    def check(self, head: Head) -> None:
        """Raise `RefusedError` for a request that is not for this server, or comes from a page of another."""
        host = (head.one("Host") or "").lower()
        if host not in self.hosts:
            problem = "this server does not answer to that name: open it by the address that it printed, or start it"
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, f"{problem} with --allow-host NAME")
        origin = head.one("Origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this request comes from a page of another server")
        if head.method == "POST" and head.one("Sec-Fetch-Site") not in (None, "same-origin"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this request comes from a page of another server")


class TimedSocket(io.RawIOBase):
    """A connection to read from until a deadline, which holds for all reads together."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Set the deadline."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """Whether this can be read: yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # it is only given these
        """Read what has come. Raises `TimeoutError` behind the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Lines:
    """The lines of a head, of which there are only so many bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = MOST_HEAD

    def next(self) -> bytes:
        """The next line, with its end."""
        line = self._stream.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise RefusedError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head has more than {MOST_HEAD:,} bytes"
            )
        if not line.endswith(b"\n"):
            raise GoneError
        return line


def read_head(stream: BinaryIO) -> Head:
    """Read the request line and the headers. Raises `RefusedError`, `GoneError` and `TimeoutError`."""
    lines = _Lines(stream)
    found = _REQUEST_LINE.fullmatch(lines.next())
    if found is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected a request of HTTP/1.1")
    return Head(found[1].decode(), found[2].decode(), _read_headers(lines))


def _read_headers(lines: _Lines) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for _ in range(_MOST_HEADERS + 1):
        line = lines.next()
        if line in (b"\r\n", b"\n"):
            return headers
        found = _HEADER.fullmatch(line)
        if found is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the headers are not well formed")
        headers.setdefault(found[1].decode().lower(), []).append(found[2].strip(b" \t").decode("latin-1"))
    raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many headers")


def check_target(head: Head) -> None:
    """Raise `RefusedError` for what is not there, and for methods that are not."""
    if head.path not in PATHS:
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")
    allowed = PATHS[head.path]
    if head.method != allowed and not (head.method == "HEAD" and allowed == "GET"):
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {allowed}")


def body_length(head: Head, most: int) -> int:
    """The length of the body of a POST, which is JSON. Raises `RefusedError`."""
    if not _JSON.fullmatch(head.one("Content-Type") or "") or head.one("Content-Encoding") is not None:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body of the type application/json")
    length = head.one("Content-Length")
    if length is None or head.one("Transfer-Encoding") is not None:
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected the header Content-Length, and no Transfer-Encoding")
    if not _LENGTH.fullmatch(length):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "expected a number in Content-Length")
    if int(length) > most:
        problem = (
            f"the request has more than the {most:,} bytes that are allowed: `chatml serve --max-size` allows more"
        )
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem)
    return int(length)


def read_body(stream: BinaryIO, length: int) -> bytes:
    """Read a body. Raises `GoneError` when there is less than was said."""
    body = stream.read(length)
    if len(body) < length:
        raise GoneError
    return body


def send(
    connection: socket.socket, status: HTTPStatus | int, body: bytes, kind: str, more: Mapping[str, str], *,
    with_body: bool = True,
) -> None:  # fmt: skip
    """Send a response. `kind` is the type of the body, `more` are headers of this one."""
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS, **more}
    status = HTTPStatus(status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
    connection.settimeout(SEND_SECONDS)
    connection.sendall(head + body if with_body else head)


def linger(connection: socket.socket) -> None:
    """Let the client read a refusal: a connection that is closed while more comes in would be reset."""
    try:
        connection.shutdown(socket.SHUT_WR)
        stream = TimedSocket(connection)
        stream.allow(_LINGER_SECONDS)
        buffer, left = memoryview(bytearray(2**16)), _LINGER
        while left > 0 and (size := stream.readinto(buffer)):
            left -= size
    except OSError:
        return


def is_open(connection: socket.socket) -> bool:
    """Whether the client still waits. One that has sent all it has is taken to."""
    try:
        connection.settimeout(0)
        return connection.recv(1, socket.MSG_PEEK) != b""
    except (BlockingIOError, InterruptedError):
        return True
    except OSError:
        return False
