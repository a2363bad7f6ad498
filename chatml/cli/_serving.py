"""The server of `chatml serve`: connections in threads, of which there are only so many, and one process for the work.

What is refused, and why, is in `_serve_http`; what is done, in `_playground`, by the process of `_serve_worker`.
"""

from __future__ import annotations

import io
import ipaddress
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from chatml._errors import ConfigError
from chatml._visible import visible
from chatml.cli import _output, _serve_http
from chatml.cli._report import note
from chatml.cli._serve_http import GoneError, Head, Names, RefusedError
from chatml.cli._serve_worker import Worker, error_reply

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

MOST_CONNECTIONS = 32
_PAUSE = 0.1  # seconds
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Site(NamedTuple):
    """What is served: the page with its headers, the process that answers, and the most bytes of a request."""

    page: bytes
    headers: dict[str, str]
    worker: Worker
    max_size: int


def serve(arguments: Namespace) -> int:
    """Run the command, until it is interrupted."""
    address = _address(arguments.host, arguments.allow_remote)
    page, headers = _page(arguments)
    worker = Worker(arguments.models or (), seconds=arguments.timeout, max_size=arguments.max_size)
    with _Server(address, arguments.port, Site(page, headers, worker, arguments.max_size)) as server:
        server.names = _names(address, server.port, arguments.allow_host or ())
        with _interruptible():
            worker.start()
            _announce(address, server.port, arguments.open)
            server.serve_forever()
        worker.stop()
    return 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the body, and nothing else."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


def _page(arguments: Namespace) -> tuple[bytes, dict[str, str]]:
    """The page, and the policy that it has in its head once more as a header, where it can forbid frames, too."""
    from chatml.cli._model_files import read_table
    from chatml.cli._playground_form import page_data
    from chatml.views import page, page_policy

    table = read_table(arguments.models or ())
    text = page(
        "playground", "chatml playground", page_data(table, max_size=arguments.max_size, seconds=arguments.timeout)
    )
    return text.encode(), {"Content-Security-Policy": f"{page_policy('playground')}; frame-ancestors 'none'"}


# Where it listens, and by what names


def _address(host: str, allow_remote: bool) -> _Address:
    """The address to listen on. Raises `ConfigError` for one that others can reach, unless that is wanted."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        problem = f"found {host[:80]!a}, expected an address such as 127.0.0.1 or ::1"
        raise ConfigError(problem, option="--host") from None
    if not (address.is_loopback or allow_remote):
        problem = f"whoever can reach {address} could use this server, and what they send is not encrypted"
        hint = "pass --allow-remote, too, if that is wanted; `ssh -L` reaches 127.0.0.1 of another machine without it"
        raise ConfigError(problem, option="--host", hint=hint)
    return address


def _names(address: _Address, port: int, allowed: list[str] | tuple[str, ...]) -> Names:
    """The names by which the server may be called. Raises `ConfigError` for one that is none."""
    hosts = {"localhost", "127.0.0.1", "[::1]"}
    if not address.is_unspecified:
        hosts.add(f"[{address}]" if address.version == 6 else str(address))
    elif not allowed:
        hint = "pass --allow-host NAME for each name or address by which it will be opened"
        raise ConfigError(
            f"{address} is every address of this machine, and none of them is named", option="--host", hint=hint
        )
    named = {f"{host}:{port}" for host in hosts} | (hosts if port == 80 else set())
    for name in allowed:
        if not _is_name(name):
            problem = f"found {name[:80]!a}, expected a name, or a name and a port, as in prompts.example:8080"
            raise ConfigError(problem, option="--allow-host")
        named |= {name.lower(), f"{name.lower()}:{port}"}
    return Names(frozenset(named))


def _is_name(name: str) -> bool:
    """Whether a name can stand in the header Host."""
    return name.isascii() and name.isprintable() and bool(name) and not set(name) & set(" \"'/\\@?#,;*<>")


def _announce(address: _Address, port: int, with_browser: bool) -> None:
    host = "127.0.0.1" if address == ipaddress.ip_address("0.0.0.0") else "[::1]" if str(address) == "::" else None
    url = f"http://{host or (f'[{address}]' if address.version == 6 else address)}:{port}/"
    _output.write(f"the playground is at {url} (Ctrl-C ends it)\n")
    _output.flush()
    if not address.is_loopback:
        note("others can reach this server, and what they send is not encrypted")
    if with_browser:
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


# Connections


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens, and gives each connection a thread while there are some."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    allow_reuse_address = os.name == "posix"  # elsewhere this would let others take the port
    names = Names(frozenset())

    def __init__(self, address: _Address, port: int, site: Site) -> None:
        self.address_family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self.site = site
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            super().__init__((str(address), port), _Connection)
        except (OSError, OverflowError) as error:
            raise _cannot_listen(error, address, port) from None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        """Take a connection; where none can be taken, do not ask for it again and again."""
        try:
            return super().get_request()
        except OSError:  # no more descriptors, most likely: others have to end first
            time.sleep(_PAUSE)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread; where there are too many, say so."""
        if self._places.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # no thread can be started
                self._places.release()
                self.shutdown_request(request)
            return
        _refuse(
            request, RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the server has too many connections"), is_page=False
        )
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # what it is called with
        """Say in one line what went wrong: only a fault of ours comes here."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            _log(f"{type(error).__name__}: {error}")


def _cannot_listen(error: Exception, address: _Address, port: int) -> ConfigError:
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    hint = "--port N takes another port, --port 0 any that is free"
    return ConfigError(f"cannot listen on port {port} of {address}: {reason}", option="--port", hint=hint)


def _log(what: str) -> None:
    _output.write_error(f"chatml: internal error: {visible(what[:300])}; please report this")


class _Connection(socketserver.BaseRequestHandler):
    """One connection with one request."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        """Read the request and answer it, whatever it is."""
        timed = _serve_http.TimedSocket(self.request)
        timed.allow(_serve_http.HEAD_SECONDS)
        stream = io.BufferedReader(timed, 2**14)
        is_page = True
        try:
            head = _serve_http.read_head(stream)
            is_page = head.method != "POST"
            self._answer(head, stream, timed)
        except RefusedError as error:
            _refuse(self.request, error, is_page=is_page)
            _serve_http.linger(self.request)
        except TimeoutError:
            _refuse(
                self.request, RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the request came too slowly"), is_page=is_page
            )
        except (GoneError, OSError):
            return

    def _answer(self, head: Head, stream: BinaryIO, timed: _serve_http.TimedSocket) -> None:
        site = self.server.site
        self.server.names.check(head)
        _serve_http.check_target(head)
        if head.path == "/inspect":
            length = _serve_http.body_length(head, site.max_size)
            if (head.one("Expect") or "").lower() == "100-continue":
                self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            timed.allow(_serve_http.BODY_SECONDS)
            self._inspect(_serve_http.read_body(stream, length))
        else:
            _serve_http.send(
                self.request, HTTPStatus.OK, site.page, "text/html; charset=utf-8", site.headers,
                with_body=head.method != "HEAD",
            )  # fmt: skip

    def _inspect(self, body: bytes) -> None:
        reply = self.server.site.worker.ask(body, lambda: _serve_http.is_open(self.request))
        if reply is None:
            raise GoneError
        if reply.fault:
            _log(reply.fault)
        more = {"Retry-After": "1"} if reply.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        _serve_http.send(self.request, reply.status, reply.body, "application/json", more)


def _refuse(connection: socket.socket, error: RefusedError, *, is_page: bool) -> None:
    """Say why not: in words for a person who opened an address, as JSON for the page."""
    try:
        if is_page:
            allowed = {"Allow": "GET, HEAD"} if error.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
            _serve_http.send(
                connection, error.status, f"{error.problem}\n".encode(), "text/plain; charset=utf-8", allowed
            )
        else:
            _serve_http.send(
                connection, error.status, error_reply(error.status, error.problem).body, "application/json", {}
            )
    except OSError:
        return
