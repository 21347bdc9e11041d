"""Where notifications end in a test: an HTTP server that keeps (and may pass on) what is posted, and a mail server."""

from __future__ import annotations

import json
import socketserver
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from receiving import MailSession, answer, posted

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
            body = posted(self)
            path, _, query = self.path.partition("?")
            posts.queries.append(query)
            status, said = _ANSWERS.get(path, (200, {}))
            if path == "/robot" and posts.refuse:
                status, said = 200, {"errcode": posts.refuse, "errmsg": "refused"}
                posts.refuse = 0
            else:
                posts.received.setdefault(path, []).append(body)
            if path in posts.onward:
                status = _pass_on(posts.onward[path], body)
            answer(self, status, said)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posts.url = f"http://127.0.0.1:{server.server_address[1]}"
    with _running(server):
        yield posts


def _pass_on(url: str, body: dict[str, Any]) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - a loopback URL of the test
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - likewise
            return int(response.status)
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
    """Runs a mail server that keeps all mail."""
    mailbox = Mailbox()

    class Session(MailSession):
        def took(self, mail: str, password: str) -> None:
            mailbox.mails.append(mail)
            mailbox.passwords.add(password)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
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
