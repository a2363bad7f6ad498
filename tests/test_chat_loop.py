"""The chat loop of the examples, against a server of our own that speaks Chat Completions."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chatml

EXAMPLE = Path(__file__).parents[1] / "examples" / "chat_loop.py"
MODEL = "gpt-4o-mini"
pytest.importorskip("openai", reason="the example needs the official client")


class Server(http.server.BaseHTTPRequestHandler):
    """Answers each request with the number of its messages, and bills what `count` says and one token more."""

    requests: list[dict[str, Any]]

    def do_POST(self) -> None:
        """Answer as Chat Completions does."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path.endswith("/chat/completions")
        self.requests.append(body)
        billed = chatml.count(body["messages"], model=body["model"])
        answer = {
            "id": "c", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": f"I got {len(body['messages'])} messages."}}],
            "usage": {"prompt_tokens": billed + 1, "completion_tokens": 6, "total_tokens": billed + 7},
        }  # fmt: skip
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a server, and the requests that it gets."""
    requests: list[dict[str, Any]] = []
    handler = type("Handler", (Server,), {"requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/v1", requests
        running.shutdown()


def run(address: str, lines: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), "--base-url", address, "--model", MODEL, *options]
    environment = {"OPENAI_API_KEY": "none", "PATH": "", "PYTHONPATH": str(EXAMPLE.parents[1]), "NO_PROXY": "*"}
    return subprocess.run(
        command, input=lines, capture_output=True, text=True, timeout=120, env=environment, cwd=cwd, check=False
    )


def test_a_chat(server: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    address, requests = server
    done = run(address, "Hello!\nAnd again.\n\nnever read\n", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "I got 2 messages.\nI got 4 messages.\n")
    first = chatml.count(requests[0]["messages"], model=MODEL)
    second = chatml.count(requests[1]["messages"], model=MODEL)
    assert done.stderr == (
        f"[{first} tokens counted, {first + 1} billed, exact]\n[{second} tokens counted, {second + 1} billed, exact]\n"
    )


def test_a_chat_keeps_within_its_budget_and_goes_on(server: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    address, requests = server
    options = ("--max-tokens", "120", "--reserve", "20", "--save", "chat.json")
    for _ in range(2):
        done = run(address, "Tell me more about it, please.\n" * 8, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "messages left out: it is older than what fits]" in done.stderr
    assert len(requests) == 16
    assert all(chatml.count(one["messages"], model=MODEL) <= 100 for one in requests)
    assert all(one["messages"][0]["role"] == "system" for one in requests)
    assert len(chatml.Conversation.load(tmp_path / "chat.json")) == 1 + 16 * 2


def test_a_message_that_can_never_fit(server: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    address, requests = server
    done = run(address, "word " * 500 + "\n", "--max-tokens", "120", "--reserve", "20", cwd=tmp_path)
    assert (done.returncode, done.stdout, requests) == (1, "", [])
    assert done.stderr.endswith("; start a new conversation\n")
