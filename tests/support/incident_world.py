"""A history with an incident tracker on it: results that a test makes up, and a clock that it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.config.channel import Channel
from aimon.config.incident_policy import IncidentPolicy, Threshold
from aimon.metrics.totals import Identity
from aimon.probes.history.history import History
from aimon.probes.incidents import reader
from aimon.probes.incidents.tracker import IncidentTracker, Watch, Watched
from aimon.probes.notify.notice import decode
from results import a_result

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_700_000_000.0
OK, DOWN, DENIED, LIMITED = Outcome.OK, Outcome.SERVER_ERROR, Outcome.UNAUTHORIZED, Outcome.RATE_LIMITED
POLICY = IncidentPolicy(open=Threshold(2, 3), resolve=2, failures=Threshold(2, 10), steady=3, group_wait=10.0)
PAGER = Channel("pager", "pagerduty")
CHAT = Channel("chat", "feishu", min_severity="critical", recovery=False)


class World:
    """A history with a tracker on it, and a clock that the test moves."""

    def __init__(self, path: Path, *names: str, policy: IncidentPolicy = POLICY, scope: str = "dashscope") -> None:
        self.history = History(path)
        self.now = T0
        self.watch = Watch({name: Watched(name, policy, scope) for name in names}, set(names), (PAGER, CHAT))
        self.restart()

    def restart(self) -> None:
        """What a new process does."""
        self.tracker = IncidentTracker(self.history.database, self.watch, now=self.now)

    def probe(self, *said: tuple[str, Outcome], process: bool = True) -> None:
        """Records results, a second apart."""
        for name, outcome in said:
            self.now += 1.0
            identity = Identity(name, "m", "dashscope", "local")
            self.history.append([a_result(outcome, identity, started_at=self.now, end=0.5, error=f"why {outcome}")])
        if process:
            self.tracker.tick(self.now)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.tracker.tick(self.now)

    def notices(self, channel: str = "pager") -> list[tuple[str, list[str]]]:
        """Actions and endpoints of what is queued for a channel, in order."""
        rows = self.history.database.query(
            "SELECT notice FROM notices WHERE channel = ? AND state != 'dropped' ORDER BY id", (channel,)
        )
        found = [decode(text) for (text,) in rows]
        return [(notice.action.value, [subject.endpoint for subject in notice.subjects]) for notice in found]

    def incidents(self) -> list[tuple[str, str, bool]]:
        """Endpoint, kind, and whether it is open, oldest first."""
        page = reader.incidents(self.history.database)
        return [(each.endpoint, each.kind.value, each.is_open) for each in reversed(page.incidents)]


def deliver(world: World) -> None:
    """As if the queue were empty again: everything that waits has been delivered."""
    with world.history.database.transaction() as connection:
        connection.execute(
            "UPDATE notices SET state = 'delivered', attempts = 1, done_at = ? WHERE state = 'waiting'", (world.now,)
        )
