"""A webhook of anybody's: JSON, signed with HMAC-SHA256 where there is a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.probes.notify import text
from aimon.probes.notify.posting import Delivery, Sender, http_address, post, rfc3339
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from aimon.config.channel import Channel


def webhook(channel: Channel) -> Sender:
    """Posts to the channel's address.

    Raises:
        ValueError: the address is not valid.
    """
    where = http_address(channel.url, query=True)
    redactor = Redactor(channel.secrets)

    def send(delivery: Delivery) -> None:
        said = text.message(delivery.notice, channel.language)
        body = _as_object(delivery, said.title, said.text)
        # Lets a receiver recognise repetitions: the same for each attempt, another for each update.
        changes = sum(1 + (subject.raised_at is not None) for subject in delivery.notice.subjects)
        key = f"{delivery.notice.uid}:{delivery.notice.action}:{changes}"
        post(
            where, body, redactor, "the webhook", token=channel.token, secret=channel.secret,
            headers={"Idempotency-Key": key},
        )  # fmt: skip

    return Sender(send)


def _as_object(delivery: Delivery, title: str, said: str) -> dict[str, Any]:
    """The body of a webhook; its keys are an interface (docs/notifications.md)."""
    notice = delivery.notice
    return {
        "version": 1,
        "id": notice.uid,
        "action": notice.action.value,
        "maybe_repeated": delivery.maybe_repeated,
        "kind": notice.kind,
        "severity": notice.severity,
        "provider": notice.scope,
        "opened_at": rfc3339(notice.opened_at),
        "resolved_at": None if notice.resolved_at is None else rfc3339(notice.resolved_at),
        "title": title,
        "text": said,
        "incidents": [
            {
                "id": subject.incident,
                "kind": subject.kind or notice.kind,
                "endpoint": subject.endpoint,
                "model": subject.model,
                "provider": subject.provider,
                "region": subject.region,
                "severity": subject.severity,
                "opened_at": rfc3339(subject.opened_at),
                "resolved_at": None if subject.resolved_at is None else rfc3339(subject.resolved_at),
                "outcome": subject.outcome,
                "error": subject.error,
                "flapping": subject.flapping,
            }
            for subject in notice.subjects
        ],
        "also_failing": list(notice.suspects),
    }
