"""A notice: all that a channel gets, complete, so that it can be sent after a restart, too."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What a notice is about."""

    TRIGGER = "trigger"
    UPDATE = "update"  # more endpoints than were named, or a graver state
    RESOLVE = "resolve"
    TEST = "test"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in a notice. Times are unix time; `error` is redacted.

    `kind`: its own, where it is another than the notice's: of an endpoint that was degraded before it was down.
    `raised_from`, `raised_at`: its severity before it rose, and when it rose.
    """

    incident: int
    endpoint: str
    provider: str
    model: str
    region: str
    severity: str
    opened_at: float
    resolved_at: float | None = None
    outcome: str | None = None
    error: str | None = None
    flapping: bool = False
    kind: str | None = None
    raised_from: str | None = None
    raised_at: float | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to which endpoints.

    Attributes:
        uid: of the group of incidents, the same from its first notice to its last: a deduplication key.
        action: what it is about.
        kind: of the incidents: outage, account, config, unreliable, slow, balance; `test` for a test.
        severity: the highest of the incidents.
        scope: the provider that they have in common.
        opened_at: unix time of the first of them.
        resolved_at: unix time at which the last was over; None while one is open.
        subjects: the incidents.
        suspects: further endpoints of that provider whose last probe failed.
        ended_by: why incidents ended that are not over: `outage` (it became one), `removed` (from the configuration).
    """

    uid: str
    action: Action
    kind: str
    severity: str
    scope: str
    opened_at: float
    resolved_at: float | None = None
    subjects: tuple[Subject, ...] = ()
    suspects: tuple[str, ...] = ()
    ended_by: str | None = None


def current(notice: Notice) -> tuple[Subject, ...]:
    """The incidents without those that became another one of the same endpoint, which says more."""
    own = {subject.endpoint for subject in notice.subjects if subject.kind in (None, notice.kind)}
    return tuple(
        subject
        for subject in notice.subjects
        if subject.kind in (None, notice.kind) or subject.endpoint not in own or subject.resolved_at is None
    )


def encode(notice: Notice) -> str:
    """As text for the queue."""
    return msgspec.json.encode(notice).decode()


def decode(text: str) -> Notice:
    """The inverse.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    return msgspec.json.decode(text, type=Notice)
