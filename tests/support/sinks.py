"""Where notifications end in a test: an HTTP server that keeps (and may pass on) what is posted, and a mail server."""

from __future__ import annotations

import base64
import json
import socketserver
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What PagerDuty says to an event, and a WeCom robot to a message.
_ANSWERS = {"/pagerduty": (202, {"status": "success"}), "/robot": (200, {"errcode": 0, "errmsg": "ok"})}


@dataclass
class Posts:
    """What was posted, by path without query.

    `refuse` is a robot's error code for the next message; `onward` maps paths to URLs that get what is posted, too, and
    whose answer is given.
    """

    url: str = ""
    onward: dict[str, str] = field(default_factory=dict)
    received: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    refuse: int = 0

    def at(self, path: str) -> list[dict[str, Any]]:
        """What was posted to one path."""
        return list(self.received.get(path, []))


@contextmanager
def http_sink() -> Iterator[Posts]:
    """Runs the HTTP server."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path, _, query = self.path.partition("?")
            posts.queries.append(query)
            status, answer = _ANSWERS.get(path, (200, {}))
            if path == "/robot" and posts.refuse:
                status, answer = 200, {"errcode": posts.refuse, "errmsg": "refused"}
                posts.refuse = 0
            else:
                posts.received.setdefault(path, []).append(body)
            if path in posts.onward:
                status = _pass_on(posts.onward[path], body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posts.url = f"http://127.0.0.1:{server.server_address[1]}"
    with _running(server):
        yield posts


def _pass_on(url: str, body: dict[str, Any]) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - a loopback URL of the test
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@dataclass
class Mailbox:
    """Mails as they arrived, and the passwords that were used."""

    address: str = ""
    mails: list[str] = field(default_factory=list)
    passwords: set[str] = field(default_factory=set)


@contextmanager
def mail_sink() -> Iterator[Mailbox]:
    """Runs a mail server that takes all mail after AUTH PLAIN (RFC 5321, RFC 4616)."""
    mailbox = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "EHLO":
                    self._say("250-sink\r\n250 AUTH PLAIN")
                elif verb == "AUTH":
                    mailbox.passwords.add(base64.b64decode(line.split()[2]).decode().split("\0")[2])
                    self._say("235 welcome")
                elif verb == "DATA":
                    self._say("354 go on")
                    mailbox.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    mailbox.address = f"127.0.0.1:{server.server_address[1]}"
    with _running(server):
        yield mailbox


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
