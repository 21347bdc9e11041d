"""How servers of tests take notifications: posts of JSON, and mails. Also runs in a container, where aimon is not."""

from __future__ import annotations

import base64
import json
import socketserver
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from http.server import BaseHTTPRequestHandler


def posted(request: BaseHTTPRequestHandler) -> Any:
    """The JSON that was posted."""
    return json.loads(request.rfile.read(int(request.headers["Content-Length"])))


def answer(request: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    """Answers with JSON."""
    content = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


class MailSession(socketserver.StreamRequestHandler):
    """Takes all mail after AUTH PLAIN (RFC 5321, RFC 4616), where `tls` is set after STARTTLS (RFC 3207) alone."""

    tls: ssl.SSLContext | None = None

    def took(self, mail: str, password: str) -> None:
        """Called with each mail, and the password that its sender gave."""
        raise NotImplementedError

    def handle(self) -> None:
        """Speaks SMTP until the client leaves."""
        password, secured = "", self.tls is None
        self._say("220 receiver")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self._say("250-receiver\r\n250 AUTH PLAIN" if secured else "250-receiver\r\n250 STARTTLS")
            elif verb == "STARTTLS" and self.tls is not None:
                self._say("220 go on")
                self.connection = self.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                secured = True
            elif not secured and verb in {"AUTH", "MAIL"}:
                self._say("530 encrypt first")
            elif verb == "AUTH":
                password = base64.b64decode(line.split()[2]).decode().split("\0")[2]
                self._say("235 welcome")
            elif verb == "DATA":
                self._say("354 go on")
                self.took("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")), password)
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
