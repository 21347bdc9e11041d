"""Sends a test alert to an Alertmanager and resolves it, to check that notifications arrive.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from aimon.notifications.alertmanager import Alertmanager, AlertmanagerError
from aimon.security.redact import bounded

NAME = "AimonTest"
_POLL_S = 0.2
# It expires by itself if this process ends before it is resolved.
_LONGEST = timedelta(minutes=15)


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
        raise AlertmanagerError(alertmanager.foreign())
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
