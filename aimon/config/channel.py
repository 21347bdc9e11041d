"""A channel of notifications as the service uses it: variables expanded, secrets read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimon.language import ENGLISH

if TYPE_CHECKING:
    from aimon.security.secret import Secret


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notifications go, and which.

    Attributes:
        name: unique.
        kind: pagerduty, alertmanager, webhook, wecom, dingtalk, feishu or apprise.
        url: its address; None where the kind has one of its own.
        routing_key: PagerDuty's.
        secret: what messages are signed with.
        token: bearer token.
        min_severity: info, warning or critical; less severe incidents are not sent.
        per_hour: the most incidents sent within an hour; None: no limit.
        recovery: whether the end of an incident is sent.
        language: of its messages.
    """

    name: str
    kind: str
    url: Secret | None = field(default=None, repr=False)
    routing_key: Secret | None = field(default=None, repr=False)
    secret: Secret | None = field(default=None, repr=False)
    token: Secret | None = field(default=None, repr=False)
    min_severity: str = "info"
    per_hour: int | None = None
    recovery: bool = True
    language: str = ENGLISH

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that must never be shown."""
        return tuple(each for each in (self.url, self.routing_key, self.secret, self.token) if each is not None)
