"""Sends a test alert to an Alertmanager and resolves it, to check that notifications arrive.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from aimon.network import address, service_client
from aimon.security import credentials
from aimon.security.redact import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.network.address import HttpAddress
    from aimon.security.secret import Secret

VARIABLES: Final = "AIMON_ALERTMANAGER"
NAME = "AimonTest"
_POLL_S = 0.2
# It expires by itself if this process ends before it is resolved.
_LONGEST = timedelta(minutes=15)


class AlertmanagerError(Exception):
    """The Alertmanager did not answer, or gave an invalid answer."""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """The address of an Alertmanager, with its path prefix, and credentials. `timeout` is in seconds a request."""

    address: HttpAddress
    authorization: Secret | None = None
    timeout: float = service_client.TIMEOUT

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str] | None = None) -> Self:
        """Reads an address such as `http://host:9093`.

        Credentials are those of AIMON_ALERTMANAGER_TOKEN, or AIMON_ALERTMANAGER_USERNAME and …_PASSWORD (or the files
        that …_FILE name), else the address's own.

        Raises:
            ValueError: it is no address, or the credentials are none.
        """
        where = address.parse(url, "write the Alertmanager's address as http://host:9093")
        return cls(where, credentials.authorization(VARIABLES, where.username, where.secret, environ))

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to the API and returns its JSON answer, or None if it is empty.

        Raises:
            AlertmanagerError: no answer, or not a 2xx with JSON.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        where = f"the Alertmanager at {self.address.url}"
        try:
            answer = service_client.fetch(
                self.address, method, f"/api/v2{path}", content, headers,
                timeout=self.timeout, authorization=self.authorization,
            )  # fmt: skip
        except service_client.NoAnswerError as error:
            raise AlertmanagerError(f"{where} does not answer ({error})") from error
        if answer.status in {401, 403}:
            raise AlertmanagerError(
                f"{where} answers {answer}: set {VARIABLES}_TOKEN, or {VARIABLES}_USERNAME and {VARIABLES}_PASSWORD"
            )
        if not answer.good:
            said = answer.excerpt(200)
            raise AlertmanagerError(f"{where} answers {answer}{f': {said}' if said else ''}")
        try:
            return json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError) as error:
            raise AlertmanagerError(_foreign(self)) from error


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """An alert's status in the Alertmanager: `state` is active or suppressed, `receivers` are those notified."""

    state: str
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestAlert:
    """One test alert; `identity` distinguishes it from other test alerts."""

    __test__ = False  # pytest takes classes called Test… for tests

    severity: str = "warning"
    identity: str = field(default_factory=lambda: os.urandom(4).hex())

    def fire(self, alertmanager: Alertmanager) -> None:
        """Posts the alert.

        Raises:
            AlertmanagerError: it was not accepted.
        """
        now = datetime.now(UTC)
        alertmanager.request("POST", "/alerts", [self._alert(now, now + _LONGEST)])

    def wait_until_seen(self, alertmanager: Alertmanager, timeout: float = 10.0) -> AlertStatus:
        """Waits until the Alertmanager lists the alert, and returns its status.

        Raises:
            AlertmanagerError: it is not listed within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        path = "/alerts?filter=" + quote(f'test_id="{self.identity}"')
        while True:
            seen = next(filter(None, map(_seen, _list(alertmanager.request("GET", path), alertmanager))), None)
            if seen is not None:
                return seen
            if time.monotonic() > deadline:
                raise AlertmanagerError(f"the Alertmanager took the alert, but does not show it after {timeout:g} s")
            time.sleep(_POLL_S)

    def resolve(self, alertmanager: Alertmanager) -> None:
        """Resolves the alert.

        Raises:
            AlertmanagerError: that was not accepted.
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


def _list(answer: Any, alertmanager: Alertmanager) -> list[Any]:
    if not isinstance(answer, list):
        raise AlertmanagerError(_foreign(alertmanager))
    return answer


def _seen(alert: Any) -> AlertStatus | None:
    """The status of a listed alert; None while it is unprocessed or if it is invalid."""
    try:
        state, receivers = alert["status"]["state"], [receiver["name"] for receiver in alert["receivers"]]
    except (KeyError, TypeError):
        return None
    if state == "unprocessed":
        return None
    return AlertStatus(bounded(str(state), 40), tuple(bounded(str(name), 80) for name in receivers))


def _foreign(alertmanager: Alertmanager) -> str:
    return f"{alertmanager.address.url} does not answer as an Alertmanager does: check the address"
