"""`chatml serve` as a process: what it answers, and all that it refuses, over raw sockets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import Run, Write
from serve_process import HARD, MESSAGES, SECURE, SLOW, Server, parsed, post_head, served, workers

from chatml import count
from chatml.cli import _serve_http
from chatml.cli._serving import MOST_CONNECTIONS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends processes by signals")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


# What it answers


def test_the_page(server: Server) -> None:
    response = server.ask()
    assert response.status == 200
    assert response.headers.items() >= SECURE.items()
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert policy.endswith("; frame-ancestors 'none'")
    assert (
        f'content="{policy.removesuffix("; frame-ancestors " + chr(39) + "none" + chr(39))}"' in response.body.decode()
    )
    assert "connect-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_head_has_no_body(server: Server) -> None:
    response = server.ask("HEAD / HTTP/1.1")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["content-length"]) > 10_000


def test_an_answer(server: Server) -> None:
    response = server.inspect({"text": json.dumps(MESSAGES)})
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.headers.items() >= SECURE.items()
    assert response.value["given"]["total"] == count(MESSAGES, model="gpt-4o")


def test_a_problem_of_the_input_is_an_answer(server: Server) -> None:
    response = server.inspect({"text": "[", "model": "nope"})
    assert response.status == 200
    assert {one["field"] for one in response.value["problems"]} == {"text", "model"}


def test_nothing_tells_what_serves(server: Server) -> None:
    for response in (server.ask("HEAD / HTTP/1.1"), server.ask("GET /x HTTP/1.1"), server.inspect(b"[")):
        assert not {"server", "date", "x-powered-by"} & set(response.headers)
        assert b"Python" not in response.body
        assert b"Traceback" not in response.body
        assert not [name for name in response.headers if name.startswith("access-control")]


# Names and origins


@pytest.mark.parametrize("host", ["localhost:{}", "127.0.0.1:{}", "[::1]:{}", "LOCALHOST:{}"])
def test_its_own_names(server: Server, host: str) -> None:
    assert server.ask(Host=host.format(server.port)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:{}", "localhost", "127.0.0.1", "localhost:1", "127.0.0.1:{}0",
        "localhost.:{}",
        "127.0.0.1:{}@evil.example", "evil.example#127.0.0.1:{}", "127.0.0.1.nip.io:{}", "localhost.evil.example:{}",
        "0.0.0.0:{}", "127.1:{}", "2130706433:{}", "[::ffff:127.0.0.1]:{}", "127.0.0.1:{}, evil.example",
        "http://127.0.0.1:{}",
        "127.0.0.1:{}\xa0", "127.0.0.1:{}\x0b", "x\rHost: 127.0.0.1:{}",
        "127.0.0.1:{}\r\nHost: evil.example", "127.0.0.1:{}\r\n Host: evil.example", "\xe9:{}", "127.0.0.2:{}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /inspect HTTP/1.1"])
def test_other_names_are_refused(server: Server, host: str | None, line: str) -> None:
    response = server.ask(line, b"{}" if "POST" in line else b"", Host=host and host.format(server.port))
    assert response.status in (400, 421)
    assert b"evil" not in response.body
    assert b"script" not in response.body


@pytest.mark.parametrize("name", ["http://127.0.0.1:{}", "http://localhost:{}"])
def test_its_own_pages(server: Server, name: str) -> None:
    origin = name.format(server.port)
    response = server.inspect({"text": "hi"}, Host=origin[7:], Origin=origin, Sec_Fetch_Site="same-origin")
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost:{}"}, {"Origin": "http://127.0.0.1:{}.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "file://"}, {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:{}\r\nOrigin: http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": ""},
        {"Origin": "http://127.0.0.1:{}", "Sec_Fetch_Site": "cross-site"},
    ],
)  # fmt: skip
def test_pages_of_others_are_refused(server: Server, headers: dict[str, str]) -> None:
    given = {name: value.format(server.port) for name, value in headers.items()}
    assert server.inspect({"text": "hi"}, **given).status in (400, 403)


def test_nobody_else_gets_leave(server: Server) -> None:
    response = server.ask(
        "OPTIONS /inspect HTTP/1.1", Origin="http://evil.example", Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type", Access_Control_Request_Private_Network="true",
    )  # fmt: skip
    assert response.status == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


# Requests that are none


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /x HTTP/1.1", 404), ("GET // HTTP/1.1", 404), ("GET /? HTTP/1.1", 404),
        ("GET /../etc/passwd HTTP/1.1", 404),
        ("GET /%2e HTTP/1.1", 404), ("GET http://127.0.0.1/ HTTP/1.1", 404), ("GET * HTTP/1.1", 404),
        ("POST /x HTTP/1.1", 404),
        ("GET /inspect HTTP/1.1", 405), ("POST / HTTP/1.1", 405), ("PUT / HTTP/1.1", 405),
        ("DELETE /inspect HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405), ("CONNECT / HTTP/1.1", 405), ("OPTIONS / HTTP/1.1", 405),
        ("HEAD /inspect HTTP/1.1", 405),
        ("GET /", 400), ("GET", 400), ("", 400), ("get / HTTP/1.1", 400), ("GET / HTTP/2.0", 400),
        ("GET / HTTP/0.9", 400),
        ("GET / HTTP/1.10", 400), ("GET  / HTTP/1.1", 400), ("GET / HTTP/1.1 ", 400), (" GET / HTTP/1.1", 400),
        ("GET /\t HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400), ("GET /\xe9 HTTP/1.1", 400), ("PRI * HTTP/2.0", 400), ("\x16\x03\x01\x02", 400),
        ("A" * 30 + " / HTTP/1.1", 400),
    ],
)  # fmt: skip
def test_other_lines(server: Server, line: str, status: int) -> None:
    response = server.ask(line)
    assert response.status == status
    assert response.headers.items() >= SECURE.items()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Length": None}, 411), ({"Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, 411), ({"Transfer_Encoding": "identity"}, 411),
        ({"Content_Length": "-1"}, 400), ({"Content_Length": "+2"}, 400), ({"Content_Length": "0x2"}, 400),
        ({"Content_Length": "2.0"}, 400),
        ({"Content_Length": "1_0"}, 400), ({"Content_Length": "２"}, 400), ({"Content_Length": ""}, 400),
        ({"Content_Length": "9" * 30}, 400),
        ({"Content_Length": "2\r\nContent-Length: 3"}, 400), ({"Content_Length": "2, 2"}, 400),
        ({"Content_Length": "4194305"}, 413),
        ({"Content_Type": None}, 415), ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": "application/json; charset=utf-16"}, 415),
        ({"Content_Type": "text/plain; application/json"}, 415), ({"Content_Type": "application/jsonp"}, 415),
        ({"Content_Encoding": "gzip"}, 415), ({"X": "a\r\nnonsense"}, 400), ({"X": "a\r\n folded"}, 400),
        ({"X y": "a"}, 400), ({"X": "a\rY: b"}, 400), ({"X": "a\0b"}, 400), ({"X": "a\x0bb"}, 400), ({"X ": "a"}, 400),
        ({"": "a"}, 400), ({"X": "a\r\nFrom b"}, 400), ({"X": " \t" * 7000}, 200), ({"X": " " * 15_000 + "\0"}, 400),
        ({"Content_Type": "application/json;\xa0charset=utf-8"}, 415),
        ({"Content_Type": "application/json; charset=UTF-8"}, 200), ({"X": "\xe9\x80"}, 200),
        ({"Expect": "100-nonsense"}, 200),
    ],
)  # fmt: skip
def test_other_headers(server: Server, headers: dict[str, str | None], status: int) -> None:
    given = {name: value and value.encode().decode("latin-1") for name, value in headers.items()}
    assert server.inspect(b"{}", **given).status == status


def test_a_body_that_is_too_large_is_refused_and_read_away(server: Server) -> None:
    response = server.inspect(b" " * (5 * 2**20))
    assert response.status == 413
    assert "--max-size" in response.value["error"]["message"]
    assert server.is_well()


def test_a_client_that_waits_is_told_to_go_on(server: Server) -> None:
    head = post_head(server, 2).removesuffix("\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"\r\n\r\n", b"\0" * 100, b"\xff" * 5000, b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost",
        b"POST /inspect HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X\r\n" * 9000, b"a" * 2**20,
    ],
)  # fmt: skip
def test_garbage(server: Server, data: bytes) -> None:
    found = server.raw(data, close=True)
    assert not found or parsed(found).status in (400, 411, 421, 431)
    assert server.is_well()


def test_a_head_that_is_too_long_is_refused(server: Server) -> None:
    assert server.ask(X="a" * _serve_http.MOST_HEAD).status == 431
    assert server.ask("GET /" + "a" * _serve_http.MOST_HEAD + " HTTP/1.1").status == 431


def test_one_request_a_connection(server: Server) -> None:
    one = f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
    found = server.raw(one * 2 + b"garbage \0\xff" * 100)
    assert found.count(b"HTTP/1.1 200 OK") == 1
    body = b'{"text":"hi"}'
    assert server.raw(post_head(server, len(body)).encode() + body + one).count(b"HTTP/1.1 ") == 1


def test_a_body_that_is_shorter_than_said(server: Server) -> None:
    assert server.raw(post_head(server, 100).encode() + b"{}", close=True) == b""
    assert server.is_well()


def test_a_fault_of_the_form_says_so(server: Server) -> None:
    for body in (b"[", b"\xff", b"[]", b'{"nope": 1}', b"[" * 200_000, b'{"text": 1e999}'):
        response = server.inspect(body)
        assert response.status == 422
        assert set(response.value["error"]) == {"message", "field"}


# Limits


def read_all(stream: _serve_http.TimedSocket) -> None:
    while stream.readinto(memoryview(bytearray(10))):
        pass


def test_a_slow_client_is_not_waited_for() -> None:
    here, there = socket.socketpair()
    with here, there:
        stream = _serve_http.TimedSocket(there)
        stream.allow(0.3)
        stopped = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while not stopped.wait(0.02):
                    here.sendall(b"a")

        thread = threading.Thread(target=trickle)
        thread.start()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            read_all(stream)
        stopped.set()
        thread.join()
        assert time.monotonic() - started < 5


@pytest.mark.slow
def test_slow_heads_and_bodies_end(server: Server) -> None:
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(3)]
        for connection in slow:
            connection.sendall(b"GET / HT")
        assert server.is_well(), "others are served meanwhile"
        for connection in slow:
            assert parsed(connection.recv(4096)).status == 408
    assert time.monotonic() - started < 3 * _serve_http.HEAD_SECONDS


def test_work_that_takes_too_long_is_ended() -> None:
    with served("--timeout", "1") as slow:
        assert slow.is_well()
        for _ in range(2):
            response = slow.inspect(SLOW.encode())
            assert response.status == 504
            assert "--timeout" in response.value["error"]["message"]
            assert slow.is_well(), "another process took over"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors")
def test_without_descriptors_it_says_so_and_waits() -> None:
    resource = pytest.importorskip("resource")
    with served() as poor:
        assert poor.is_well()
        for pid in workers(poor):
            os.kill(pid, signal.SIGKILL)
        open_ones = len(os.listdir(f"/proc/{poor.process.pid}/fd"))
        _, most = resource.prlimit(poor.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(poor.process.pid, resource.RLIMIT_NOFILE, (open_ones + 1, most))
        response = poor.inspect({"text": "hi"})
        assert (response.status, response.value["error"]["field"]) == (500, "")
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(socket.create_connection(("127.0.0.1", poor.port), timeout=30))
            used = busy(poor)
            time.sleep(0.5)
            assert busy(poor) - used < 0.3, "it does not ask again and again"


def busy(server: Server) -> float:
    """Seconds of a processor that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_that_dies_is_replaced(server: Server) -> None:
    for pid in workers(server):
        os.kill(pid, signal.SIGKILL)
    while workers(server):
        time.sleep(0.05)
    assert server.is_well()


def test_a_worker_that_dies_at_work_is_replaced() -> None:
    with served() as dying:
        assert dying.is_well()
        (worker,) = workers(dying)
        timer = threading.Timer(0.5, os.kill, (worker, signal.SIGKILL))
        timer.start()
        response = dying.inspect(SLOW.encode())
        assert response.status == 422
        assert response.value["error"]["field"] == "text"
        assert dying.is_well()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_worker_has_little_memory_and_no_terminal(server: Server) -> None:
    assert server.is_well()
    (worker,) = workers(server)
    limits = Path(f"/proc/{worker}/limits").read_text(encoding="ascii")
    assert re.search(rf"Max address space +{2 * 2**30} ", limits)
    opened = [os.readlink(path) for path in Path(f"/proc/{worker}/fd").iterdir() if path.name in "012"]
    assert opened == [os.devnull] * 3
    sockets = [path for path in Path(f"/proc/{worker}/fd").iterdir() if os.readlink(path).startswith("socket:")]
    assert len(sockets) <= 1, "the pipe to the server, and no socket that listens"


def test_many_at_once(server: Server) -> None:
    found: list[int] = []

    def one() -> None:
        found.append(server.inspect({"text": json.dumps(MESSAGES)}).status)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 24
    assert set(found) <= {200, 503}
    assert 200 in found
    assert server.is_well()


def test_too_many_connections_are_refused() -> None:
    with served() as crowded, contextlib.ExitStack() as stack:
        assert crowded.is_well()
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", crowded.port), timeout=30))
        time.sleep(0.3)
        refused = crowded.raw(b"")
        assert parsed(refused).status == 503
        stack.close()
        time.sleep(0.3)
        assert crowded.is_well()


def test_nobody_waits_for_what_nobody_wants(server: Server) -> None:
    head = post_head(server, len(HARD))
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as left:
            left.sendall(head.encode() + HARD.encode())
    started = time.monotonic()
    assert server.is_well()
    assert time.monotonic() - started < 15


# Start and end


def is_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told(sign: int) -> None:
    with served() as ending:
        assert ending.is_well()
        (worker,) = workers(ending)
        ending.process.send_signal(sign)
        out, err = ending.process.communicate(timeout=30)
        assert (ending.process.returncode, out, err) == (0, "", "")
        assert is_gone(worker)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_work_without_a_word(sign: int) -> None:
    with served() as ending:
        assert ending.is_well()
        with contextlib.ExitStack() as stack:
            for _ in range(3):  # one is worked on, two wait
                asking = stack.enter_context(socket.create_connection(("127.0.0.1", ending.port), timeout=30))
                asking.sendall(post_head(ending, len(SLOW)).encode() + SLOW.encode())
            time.sleep(0.3)
            ending.process.send_signal(sign)
            out, err = ending.process.communicate(timeout=30)
            assert (ending.process.returncode, out, err) == (0, "", "")


def test_no_access_is_logged_and_no_text() -> None:
    with served() as quiet:
        quiet.inspect({"text": "secret words"})
        quiet.ask("GET /secret\x1b[2J HTTP/1.1")
        quiet.ask("GET /secret HTTP/1.1")
        quiet.process.send_signal(signal.SIGINT)
        assert quiet.process.communicate(timeout=30) == ("", "")


def test_a_port_that_is_taken(server: Server, run: Run) -> None:
    result = run("serve", "--port", str(server.port))
    assert (result.status, result.out) == (2, "")
    assert "--port 0" in result.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "fe80::1"])
def test_only_this_machine_unless_told(run: Run, host: str) -> None:
    result = run("serve", "--host", host)
    assert (result.status, result.out) == (2, "")
    assert "--allow-remote" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "example.org"], ["--host", ""], ["--host", "127.0.0.1:80"], ["--port", "65536"], ["--port", "-1"],
        ["--port", "http"],
        ["--timeout", "0"], ["--timeout", "nan"], ["--timeout", "inf"], ["--timeout", "x"], ["--max-size", "0"],
        ["--models", "nowhere.toml"],
        ["--host", "0.0.0.0", "--allow-remote"], ["--allow-host", "a b"], ["--allow-host", ""],
        ["--allow-host", "http://x/"], ["file"],
    ],
)  # fmt: skip
def test_arguments_that_are_wrong(run: Run, arguments: list[str]) -> None:
    result = run("serve", *arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("chatml: error: ")
    assert result.err.count("\n") == 1


def test_every_address_with_consent_and_a_name() -> None:
    with served("--host", "0.0.0.0", "--allow-remote", "--allow-host", "Prompts.example") as remote:
        assert remote.ask(Host=f"prompts.example:{remote.port}").status == 200
        assert remote.ask(Host="prompts.example").status == 200
        assert remote.ask(Host=f"evil.example:{remote.port}").status == 421
        own = {"Host": "prompts.example", "Origin": "https://prompts.example"}
        assert remote.inspect({"text": "hi"}, **own).status == 200
        assert remote.inspect({"text": "hi"}, **{**own, "Origin": "https://evil.example"}).status == 403


def test_models_of_ones_own(write: Write, tmp_path: Any) -> None:
    write("own.toml", '[models.mine]\nlike = "gpt-4o"\n')
    example = tmp_path / "own.toml"
    with served("--models", str(example)) as own:
        answer = own.inspect({"text": json.dumps(MESSAGES), "model": "mine"}).value
        assert answer["given"]["model"] == "mine", answer["problems"]
        assert b'"mine"' in own.ask().body
