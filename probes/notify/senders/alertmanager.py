"""An Alertmanager as a channel (API v2): one alert for each incident; grouping and routing are the Alertmanager's.

An alert that nobody repeats is forgotten there, so those that go on are sent again every minute (`RESEND`), and end by
themselves five minutes after aimon does.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aimon.probes.notify import text
from aimon.probes.notify.notice import Action
from aimon.probes.notify.posting import Sender, http_address, post, rfc3339
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.channel import Channel
    from aimon.probes.notify.notice import Notice, Subject

RESEND: Final = 60.0
_EXPIRES: Final = 5 * RESEND


def alertmanager(channel: Channel) -> Sender:
    """Posts alerts to the channel's address.

    Raises:
        ValueError: the address is not valid.
    """
    where = http_address(channel.url)
    redactor = Redactor(channel.secrets)

    def send(notices: Sequence[Notice]) -> None:
        alerts = [alert for notice in notices for alert in _alerts(notice, time.time())]
        if alerts:
            post(where, alerts, redactor, "the Alertmanager", path="/api/v2/alerts", token=channel.token)

    return Sender(lambda delivery: send([delivery.notice]), send)


def _alerts(notice: Notice, now: float) -> list[dict[str, Any]]:
    """An alert for each incident. Their labels are the same from the first to the last, since they are the identity."""
    found = []
    for subject in notice.subjects or (None,):
        ended = None if subject is None else subject.resolved_at
        if ended is None and notice.action is Action.RESOLVE:
            ended = notice.resolved_at or now
        ends = now + _EXPIRES if ended is None else ended
        if notice.action is Action.TEST:
            ends = now + 1
        began = notice.opened_at if subject is None else subject.opened_at
        if subject is not None and subject.raised_from is not None and subject.raised_at is not None:
            # The severity is a label: with another one it is another alert, and this one is over.
            before = msgspec.structs.replace(subject, severity=subject.raised_from)
            found.append(_alert(notice, before, began, subject.raised_at))
        found.append(_alert(notice, subject, began, ends))
    return found


def _alert(notice: Notice, subject: Subject | None, began: float, ends: float) -> dict[str, Any]:
    return {
        "labels": _labels(notice, subject),
        "annotations": _annotations(notice, subject),
        "startsAt": rfc3339(began),
        # Alertmanager wants an end after the start.
        "endsAt": rfc3339(max(ends, began + 0.001)),
    }


def _labels(notice: Notice, subject: Subject | None) -> dict[str, str]:
    labels = {"alertname": "AIIncident", "kind": notice.kind, "severity": notice.severity, "incident": notice.uid}
    if subject is None:
        return labels
    own = {"endpoint": subject.endpoint, "model": subject.model, "provider": subject.provider, "region": subject.region}
    kind = subject.kind or notice.kind
    labels |= {"kind": kind, "severity": subject.severity, "incident": str(subject.incident), **own}
    return {name: value for name, value in labels.items() if value}


def _annotations(notice: Notice, subject: Subject | None) -> dict[str, str]:
    english, chinese = (text.message(_alone(notice, subject), language) for language in ("en", "zh"))
    said = {"summary": english.title, "description": english.text}
    return said | {"summary_zh": chinese.title, "description_zh": chinese.text}


def _alone(notice: Notice, subject: Subject | None) -> Notice:
    # The annotations are those of the alert's beginning, also when it ends.
    action = Action.TRIGGER if notice.action is not Action.TEST else Action.TEST
    if subject is None:
        return msgspec.structs.replace(notice, action=action, subjects=(), suspects=(), ended_by=None)
    return msgspec.structs.replace(
        notice, action=action, kind=subject.kind or notice.kind, subjects=(subject,), suspects=(), ended_by=None
    )
