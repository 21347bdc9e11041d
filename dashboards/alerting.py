"""Fires an alert that is clearly a test at an Alertmanager, and resolves it: is anybody told?

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import http.client
import json
import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

NAME = "AimonTest"
_POLL_S = 0.2
# It ends by itself if nobody is left to resolve it.
_LONGEST = timedelta(minutes=15)


class AlertmanagerError(Exception):
    """The Alertmanager did not answer, or not as one does."""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Where it is: `http://host:9093`, with a prefix if it has one. `timeout` is in seconds."""

    url: str
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("write the Alertmanager's address as http://host:9093")

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to the API and gives what it answers, None if that is nothing.

        Raises:
            AlertmanagerError: no answer, or not a 2xx with JSON.
        """
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        address = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        content = None if body is None else json.dumps(body).encode()
        try:
            with closing(kind(parts.hostname or "", parts.port, timeout=self.timeout)) as connection:
                headers = {"Content-Type": "application/json"} if content else {}
                connection.request(method, f"{parts.path.rstrip('/')}/api/v2{path}", content, headers)
                response = connection.getresponse()
                text = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise AlertmanagerError(f"the Alertmanager at {address} does not answer ({reason})") from error
        if response.status // 100 != 2:
            raise AlertmanagerError(f"the Alertmanager at {address} answers {response.status} {response.reason}")
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise AlertmanagerError(f"{address} does not answer as an Alertmanager does: check the address") from error


@dataclass(frozen=True, slots=True)
class TestAlert:
    """One test alert; `identity` tells it from those of others."""

    __test__ = False  # pytest takes classes called Test… for tests

    severity: str = "warning"
    identity: str = field(default_factory=lambda: os.urandom(4).hex())

    def fire(self, alertmanager: Alertmanager) -> None:
        """Posts it.

        Raises:
            AlertmanagerError: it was not taken.
        """
        now = datetime.now(UTC)
        alertmanager.request("POST", "/alerts", [self._alert(now, now + _LONGEST)])

    def wait_until_seen(self, alertmanager: Alertmanager, timeout: float = 10.0) -> dict[str, Any]:
        """Waits until the Alertmanager has it, and gives it as its API shows it, with `status` and `receivers`.

        Raises:
            AlertmanagerError: it does not have it within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        path = "/alerts?filter=" + quote(f'test_id="{self.identity}"')
        while True:
            found = [each for each in alertmanager.request("GET", path) if each["status"]["state"] != "unprocessed"]
            if found:
                alert: dict[str, Any] = found[0]
                return alert
            if time.monotonic() > deadline:
                raise AlertmanagerError(f"the Alertmanager took the alert, but does not show it after {timeout:g} s")
            time.sleep(_POLL_S)

    def resolve(self, alertmanager: Alertmanager) -> None:
        """Ends it.

        Raises:
            AlertmanagerError: that was not taken.
        """
        now = datetime.now(UTC)
        alertmanager.request("POST", "/alerts", [self._alert(now - timedelta(seconds=1), now)])

    def _alert(self, begins: datetime, ends: datetime) -> dict[str, Any]:
        return {
            "labels": {"alertname": NAME, "severity": self.severity, "test_id": self.identity},
            "annotations": {
                "summary": "TEST: aimon tries whether alerts arrive",
                "description": "Nothing is wrong. Somebody ran `aimon alerts test`; it resolves by itself.",
                "summary_zh": "测试：检查 aimon 告警能否送达",
                "description_zh": "一切正常。有人执行了 `aimon alerts test`；稍后会自动恢复。",
            },
            "startsAt": begins.isoformat(),
            "endsAt": ends.isoformat(),
        }
