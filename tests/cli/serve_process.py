"""`chatml serve` as a process, and requests to it over raw sockets."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from cli_process import environment

MESSAGES = [{"role": "user", "content": "hi"}]
HARD = json.dumps({"text": json.dumps([{"role": "user", "content": "a b " * 700_000}])})  # takes a second
SLOW = json.dumps({"text": "<|im_start|>user\nhi<|im_end|>\n" * 100_000})  # takes half a minute
SECURE = {
    "cache-control": "no-store",
    "connection": "close",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    """A process that serves."""

    process: subprocess.Popen[str]
    port: int

    def raw(self, data: bytes, *, seconds: float = 30, close: bool = False) -> bytes:
        """Send bytes and read all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
                if close:
                    connection.shutdown(socket.SHUT_WR)
            found = b""
            with contextlib.suppress(ConnectionError):
                while piece := connection.recv(2**16):
                    found += piece
            return found

    def ask(self, line: str = "GET / HTTP/1.1", body: bytes = b"", **headers: str | None) -> Response:
        """Send a request; headers with _ for -, None leaves one of the usual ones out."""
        usual: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}"}
        if line.startswith("POST"):
            usual |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [line, *(f"{name}: {value}" for name, value in given.items() if value is not None)]
        return parsed(self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body))

    def inspect(self, value: Any, **headers: str | None) -> Response:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST /inspect HTTP/1.1", body, **headers)

    def is_well(self) -> bool:
        return self.inspect({"text": json.dumps(MESSAGES)}).value["given"]["total"] == 8


def parsed(data: bytes) -> Response:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", lines[0])
    assert status, data[:200]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert len(headers) == len(lines) - 1
    return Response(int(status[1]), headers, body)


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "chatml", "serve", "--port", "0", *arguments], env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_mind_interrupts,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)/ ", line)
        assert found, (line, process.stderr and process.stderr.read())
        yield Server(process, int(found[1]))
    finally:
        process.kill()
        process.communicate()


def _mind_interrupts() -> None:
    """Take Ctrl-C as usual: what a shell starts in the background ignores it, and so would what that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def post_head(server: Server, length: int) -> str:
    lines = ("POST /inspect HTTP/1.1", f"Host: localhost:{server.port}", "Content-Type: application/json")
    return "\r\n".join((*lines, f"Content-Length: {length}", "", ""))


def workers(server: Server) -> list[int]:
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(server.process.pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]
