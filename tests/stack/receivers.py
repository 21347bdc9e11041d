"""Runs in a container: PagerDuty, a WeCom robot, a webhook and a mail server, under the hosts that aimon ships with.

Speaks HTTPS on port 443 and SMTP with STARTTLS on port 587, and writes a line of JSON to `/received` for each
notification: who was called, at which path, and what was said.
"""

from __future__ import annotations

import json
import os
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from receiving import MailSession, answer, posted

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
FILE = Path("/received") / f"{os.uname().nodename}.jsonl"
# What PagerDuty says to an event, and a WeCom robot to a message.
ANSWERS = {"events.pagerduty.com": (202, {"status": "success"}), "qyapi.weixin.qq.com": (200, {"errcode": 0})}
LOCK = threading.Lock()


def keep(**notification: Any) -> None:
    """Writes one notification."""
    with LOCK, FILE.open("a") as file:
        file.write(json.dumps(notification) + "\n")


class Posts(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as the host would."""

    def do_POST(self) -> None:
        """Keeps the body, which is JSON."""
        host = self.headers["Host"]
        keep(host=host, path=self.path, body=posted(self))
        answer(self, *ANSWERS.get(host, (200, {})))


class Mails(MailSession):
    """Takes encrypted mail."""

    tls = CONTEXT

    def took(self, mail: str, password: str) -> None:
        """Keeps it, with the password."""
        keep(host="mail.example.com", path="", body={"mail": mail, "password": password})


class MailServer(socketserver.ThreadingTCPServer):
    """One thread a connection."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serves until the container ends."""
    CONTEXT.load_cert_chain("/trust/certificate.pem", "/trust/key.pem")
    web = ThreadingHTTPServer(("0.0.0.0", 443), Posts)  # noqa: S104 - in a network namespace without a way out
    web.socket = CONTEXT.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    MailServer(("0.0.0.0", 587), Mails).serve_forever()  # noqa: S104 - likewise


if __name__ == "__main__":
    main()
