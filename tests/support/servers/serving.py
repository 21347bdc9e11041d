"""A running `aimon serve`, as an operator runs it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from command import AIMON
from services import free_port, wait_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path


class Answer(NamedTuple):
    """What the service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Serving:
    """`aimon serve` in a folder whose `aimon.yaml` is there; it keeps port and history over restarts.

    Attributes:
        port: of 127.0.0.1.
        process: the present one.
        trust: to speak TLS with it.
    """

    def __init__(
        self, folder: Path, env: Mapping[str, str], *options: str, trust: ssl.SSLContext | None = None
    ) -> None:
        self.port = free_port()
        self.trust = trust
        self._folder, self._env, self._options = folder, dict(env), options
        self._log = folder / "serve.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        command = [
            AIMON,
            "serve",
            f"--listen=127.0.0.1:{self.port}",
            *self._options,
        ]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self._folder, env=self._env, stdout=log, stderr=log)
        wait_for(self._up, timeout=60, what="aimon serve")
        assert self.process.poll() is None, self.said()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends it by a signal; returns its exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(60)

    def said(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Asks for a page; underscores in the names of headers stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(self._connection()) as connection:
            connection.request(method, path, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def _connection(self) -> http.client.HTTPConnection:
        if self.trust is not None:
            return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.trust)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def json(self, path: str) -> Any:
        """What the API says, which must succeed."""
        answer = self.ask(path)
        assert answer.status == http.HTTPStatus.OK, answer.text
        return json.loads(answer.body)

    def value(self, name: str, *having: str) -> float:
        """The sum of the samples of that name whose labels have all of those texts."""
        lines = self.ask("/metrics").text.splitlines()
        found = [
            line for line in lines if line.startswith((f"{name}{{", f"{name} ")) and all(h in line for h in having)
        ]
        assert found, name
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def _up(self) -> bool:
        if self.process.poll() is not None:
            return True
        try:
            return self.ask("/-/ready").status == http.HTTPStatus.OK
        except OSError:
            return False
