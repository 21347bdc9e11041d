"""PagerDuty's Events API v2: an alert with a deduplication key, so that a repetition changes nothing.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.probes.notify import text
from aimon.probes.notify.notice import Action
from aimon.probes.notify.posting import Delivery, Sender, http_address, needed, post, rfc3339
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from aimon.config.channel import Channel

URL: Final = "https://events.pagerduty.com/v2/enqueue"
# The API cuts longer ones off.
_SUMMARY_CHARS: Final = 1024


def pagerduty(channel: Channel) -> Sender:
    """Sends to the service whose integration key is the channel's.

    Raises:
        ValueError: there is no key, or the address is not valid.
    """
    where = http_address(channel.url, URL)
    key = needed(channel.routing_key, "routing_key")
    redactor = Redactor(channel.secrets)

    def send(delivery: Delivery) -> None:
        notice = delivery.notice
        event: dict[str, Any] = {
            "routing_key": key.reveal(),
            "event_action": "resolve" if notice.action is Action.RESOLVE else "trigger",
            "dedup_key": notice.uid,
        }
        if notice.action is not Action.RESOLVE:
            said = text.message(notice, channel.language)
            event["payload"] = {
                "summary": said.title[:_SUMMARY_CHARS],
                "source": notice.scope or "aimon",
                "severity": notice.severity,
                "timestamp": rfc3339(notice.opened_at),
                "component": ", ".join(list(dict.fromkeys(subject.endpoint for subject in notice.subjects))[:20]),
                "class": notice.kind,
                "custom_details": {"incidents": said.text.splitlines()},
            }
            event["client"] = "aimon"
        post(where, event, redactor, "PagerDuty")
        if notice.action is Action.TEST:
            post(where, {**event, "event_action": "resolve"}, redactor, "PagerDuty")

    return Sender(send)
