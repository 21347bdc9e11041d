"""Runs in a container: PagerDuty, a WeCom robot, a webhook and a mail server, under the hosts that aimon ships with.

Speaks HTTPS on port 443 and SMTP with STARTTLS on port 587 (RFC 3207), and writes a line of JSON to `/received` for
each notification: who was called, at which path, and what was said.
"""

from __future__ import annotations

import base64
import json
import os
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
        keep(host=host, path=self.path, body=json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status, answer = ANSWERS.get(host, (200, {}))
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Mails(socketserver.StreamRequestHandler):
    """Takes all mail, after STARTTLS and AUTH PLAIN (RFC 5321, RFC 4616)."""

    def handle(self) -> None:
        """Speaks SMTP; what must be encrypted is refused before it is."""
        self._password, self._secured = "", False
        self._say("220 receiver")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self._say("250-receiver\r\n250 AUTH PLAIN" if self._secured else "250-receiver\r\n250 STARTTLS")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self._secured = True
            elif not self._secured and verb in {"AUTH", "MAIL"}:
                self._say("530 encrypt first")
            elif verb == "AUTH":
                self._password = base64.b64decode(line.split()[2]).decode().split("\0")[2]
                self._say("235 welcome")
            elif verb == "DATA":
                self._say("354 go on")
                text = "".join(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                keep(host="mail.example.com", path="", body={"mail": text, "password": self._password})
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


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
