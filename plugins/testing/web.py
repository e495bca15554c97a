"""A real HTTP server on loopback, for tests of what asks online services: scripted, recorded, or misbehaving."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    """Unquoted, in order."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    at: float
    """By the monotonic clock, which the processes of a machine share."""

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does with a request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    truncated: bool = False
    """Say that the body is longer than it is, and hang up."""
    reset: bool = False
    """Hang up without a word."""
    seconds_a_byte: float = 0.0
    """Let the body out a byte at a time."""

    @classmethod
    def of(cls, value: Any, status: int = 200, **more: Any) -> Reply:
        """Return a reply of JSON."""
        return cls(status, json.dumps(value).encode(), **more)


Answer = Callable[[Received], Reply]


class WebService:
    """A server that answers by a function, and keeps every request.

    with WebService(lambda request: Reply.of({"data": []})) as service:
        ...  # ask service.url; then look at service.received
    """

    def __init__(self, answer: Answer | Sequence[Reply]) -> None:
        self.received: list[Received] = []
        self._replies = None if callable(answer) else list(answer)
        self._answer = answer if callable(answer) else self._next
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> WebService:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, received: Received) -> Reply:
        """Keep a request and return what to do with it."""
        with self._lock:
            self.received.append(received)
            return self._answer(received)

    def let_out(self, write: Callable[[bytes], Any], reply: Reply) -> None:
        """Write a body, slowly where the reply says so, and no longer than the server lives."""
        if not reply.seconds_a_byte:
            write(reply.body)
            return
        for byte in reply.body:
            if self._closing.wait(reply.seconds_a_byte):
                return
            write(bytes([byte]))

    def _next(self, received: Received) -> Reply:
        """Answer with the replies in turn; the last one stays."""
        assert self._replies, "a service without a reply"
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def _handler(service: WebService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
            pass

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            received = Received(
                self.command,
                parts.path,
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
                time.monotonic(),
            )
            reply = service.reply(received)
            try:
                self._send(reply)
            except OSError:
                # The client has hung up: its right.
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            if reply.reset:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status)
            self.send_header("content-type", reply.media_type)
            self.send_header("content-length", str(len(reply.body) + (1000 if reply.truncated else 0)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            service.let_out(self.wfile.write, reply)
            self.close_connection = self.close_connection or reply.truncated

    return Handler


class Recordings:
    """Answers by recorded exchanges: one JSON file each, `{"request": {method, uri, body}, "response": {…}}`.

    A request is found by its method, path, body and parameters, but for those in `ignored`, after `spelling`; what
    is not recorded is answered 404 with a body that says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ignored: Sequence[str] = ("fields", "limit"),
        spelling: Callable[[str], str] = str.casefold,
    ) -> None:
        self._ignored = frozenset(ignored)
        self._spelling = spelling
        self._replies: dict[str, Reply] = {}
        for path in sorted(folder.glob("*.json")):
            exchange = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(exchange, dict) or "request" not in exchange:
                continue
            request, response = exchange["request"], exchange["response"]
            parts = urlsplit(request["uri"])
            body = response["body"] if isinstance(response["body"], str) else json.dumps(response["body"])
            name = self._name(request["method"], parts.path, parse_qsl(parts.query), request.get("body"))
            media_type = response.get("content_type") or "application/json"
            self._replies.setdefault(name, Reply(response["status"], body.encode(), media_type=media_type))

    def __call__(self, received: Received) -> Reply:
        """Return the recorded reply."""
        name = self._name(received.method, received.path, received.query, received.body.decode() or None)
        return self._replies.get(name) or Reply.of({"error": f"no recording of {name}"}, status=404)

    def _name(self, method: str, path: str, query: Sequence[tuple[str, str]], body: Any) -> str:
        parsed = json.loads(body) if isinstance(body, str) and body else body or None
        kept = sorted((key, value) for key, value in query if key not in self._ignored)
        return self._spelling(json.dumps([method, path, kept, parsed], sort_keys=True))
