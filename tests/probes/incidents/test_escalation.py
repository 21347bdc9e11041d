"""An incident that becomes graver: who was told of it is told of that once, under the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimon.config.channel import Channel
from aimon.config.incident_policy import IncidentPolicy, Threshold
from aimon.probes.incidents import conditions, reader
from aimon.probes.incidents.kinds import Kind, State
from aimon.probes.incidents.store import Opening
from aimon.probes.incidents.tracker import Watch
from aimon.probes.notify.dispatcher import Dispatcher
from aimon.security.secret import Secret
from incident_world import CHAT, DENIED, DOWN, LIMITED, OK, PAGER, T0, World, deliver
from services import wait_for
from sinks import http_sink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sinks import Posts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is."""
    return tmp_path / "history.db"


@pytest.fixture
def posts() -> Iterator[Posts]:
    """A server that keeps what is posted."""
    with http_sink() as found:
        yield found


def telling(path: Path, channels: Sequence[Channel], *names: str, **changes: Any) -> World:
    """A world with these channels."""
    world = World(path, *names, **changes)
    world.watch = Watch(world.watch.endpoints, world.watch.known, channels)
    world.restart()
    return world


def told_alerts(posts: Posts, root: str = "") -> list[dict[str, Any]]:
    """What an Alertmanager was told, in order."""
    bodies: list[Any] = list(posts.at(f"{root}/api/v2/alerts"))
    return [alert for body in bodies for alert in body]


def sent(world: World, channels: Sequence[Channel]) -> None:
    """Delivers all that waits."""
    delivering = Dispatcher(world.history.database.path, clock=lambda: world.now)
    delivering.configure(channels)
    waiting = "SELECT 1 FROM notices WHERE state = 'waiting'"
    wait_for(lambda: not world.history.database.query(waiting), what="an empty queue")
    delivering.close()


def test_degraded_becomes_an_outage(path: Path) -> None:
    """One group: everybody is told of the first, then once of the second, and of one end; also over a restart."""
    chat = Channel("chat", "feishu")
    world = telling(path, (PAGER, chat), "a")
    world.probe(("a", DOWN), ("a", OK), ("a", OK), ("a", DOWN))
    world.wait(10)
    assert reader.states(world.history.database, {"a": 60.0}, world.now)["a"].state is State.DEGRADED
    deliver(world)
    world.probe(("a", DOWN))
    assert world.incidents() == [("a", "unreliable", False), ("a", "outage", True)]
    assert reader.states(world.history.database, {"a": 60.0}, world.now)["a"].state is State.DOWN
    for _ in range(3):
        world.restart()
        world.wait(10)
    deliver(world)
    world.probe(*[("a", DOWN)] * 5)
    world.wait(60)
    world.probe(*[("a", OK)] * 5)
    for channel in ("pager", "chat"):
        assert [action for action, _ in world.notices(channel)] == ["trigger", "update", "resolve"]
    assert len({each.group for each in reader.incidents(world.history.database).incidents}) == 1


def test_who_is_told_of_critical_incidents_alone_is_told_of_the_outage(path: Path) -> None:
    """It is the first that they hear of it."""
    world = telling(path, (PAGER, CHAT), "a")
    world.probe(("a", DOWN), ("a", OK), ("a", OK), ("a", DOWN))
    world.wait(10)
    assert (len(world.notices()), len(world.notices("chat"))) == (1, 0)
    deliver(world)
    world.probe(("a", DOWN))
    world.wait(10)
    assert [action for action, _ in world.notices("chat")] == ["trigger"]


def test_of_several_degraded_endpoints_one_goes_down(path: Path) -> None:
    """The others are degraded as before: the outage is an alert of its own, and none stays open."""
    world = telling(path, (PAGER,), "a", "b")
    for name in "ab":
        world.probe((name, DOWN), (name, OK), (name, OK), (name, DOWN))
    world.wait(10)
    assert world.notices() == [("trigger", ["a", "b"])]
    deliver(world)
    world.probe(("a", DOWN))
    world.wait(10)
    assert world.notices()[1:] == [("trigger", ["a"])]
    deliver(world)
    world.probe(*[("a", OK)] * 3)
    assert world.notices()[2:] == [("resolve", ["a"])]
    world.probe(*[("b", OK)] * 3)
    assert world.notices()[3:] == [("resolve", ["a", "b"])]


def test_a_rate_limit_becomes_a_refused_key(path: Path) -> None:
    """The same incident is critical from then on; a further refusal changes nothing, nor does a rate limit."""
    world = telling(path, (PAGER, CHAT), "a")
    world.probe(("a", LIMITED), ("a", LIMITED))
    world.wait(10)
    deliver(world)
    world.probe(("a", DENIED), ("a", LIMITED), ("a", DENIED))
    world.wait(10)
    world.wait(10)
    assert [action for action, _ in world.notices()] == ["trigger", "update"]
    assert [action for action, _ in world.notices("chat")] == ["trigger"]
    [incident] = reader.incidents(world.history.database).incidents
    assert (incident.severity, incident.outcome, incident.is_open) == ("critical", "unauthorized", True)
    assert "raised" in [event.event for event in reader.timeline(world.history.database, incident.id)]


def test_an_account_that_is_low_is_empty(path: Path) -> None:
    """The warning of its balance becomes critical, once; it is no less grave while it stays low."""
    world = telling(path, (PAGER,), "a")

    def look(severity: str, said: str) -> None:
        world.now += 60
        opening = Opening("a", "p", "m", "r", Kind.BALANCE, severity, False, world.now, world.now, None, said)
        conditions.update(world.history.database, Kind.BALANCE, {"a": opening}, [], ["a"], (PAGER,), world.now)
        world.wait(1)
        deliver(world)

    for severity, said in (("warning", "5"), ("warning", "4"), ("critical", "0"), ("critical", "0"), ("warning", "1")):
        look(severity, said)
    assert [action for action, _ in world.notices()] == ["trigger", "update"]
    [incident] = reader.incidents(world.history.database).incidents
    assert (incident.severity, incident.error) == ("critical", "0")


def test_pagerduty_and_alertmanager_escalate(path: Path, posts: Posts) -> None:
    """PagerDuty: one deduplication key, a higher severity. Alertmanager: the alert of before ends, one begins."""
    pager = Channel("pager", "pagerduty", Secret(f"{posts.url}/pagerduty"), Secret("routing-key-0123"))
    alerts = Channel("am", "alertmanager", Secret(f"{posts.url}/am"))
    hook = Channel("hook", "webhook", Secret(f"{posts.url}/hook"))
    channels = (pager, alerts, hook)
    world = telling(path, channels, "a", "b")
    world.probe(("a", DOWN), ("a", OK), ("a", OK), ("a", DOWN))
    world.wait(10)
    sent(world, channels)
    world.probe(("a", DOWN))
    world.wait(10)
    sent(world, channels)
    world.probe(*[("a", OK)] * 5)
    sent(world, channels)
    events = posts.at("/pagerduty")
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    said = [(event["payload"]["severity"], event["payload"]["summary"]) for event in events[:2]]
    assert said == [("warning", "[DEGRADED] a: intermittent failures"), ("critical", "[DOWN] a: outage")]
    assert [(each["action"], each["kind"], each["severity"]) for each in posts.at("/hook")] == [
        ("trigger", "unreliable", "warning"), ("update", "outage", "critical"), ("resolve", "outage", "critical"),
    ]  # fmt: skip
    last: dict[tuple[str, str], str] = {}
    for alert in told_alerts(posts, "/am"):
        last[alert["labels"]["kind"], alert["labels"]["severity"]] = alert["endsAt"]
    assert set(last) == {("unreliable", "warning"), ("outage", "critical")}
    assert all(ends < "2023-11-15" for ends in last.values())  # in the test's past: none is open


def test_an_alert_whose_severity_rises_is_another_alert(path: Path, posts: Posts) -> None:
    """The severity is a label of an alert: the one with the lower severity ends when the other begins."""
    alerts = Channel("am", "alertmanager", Secret(posts.url))
    world = telling(path, (alerts,), "a")
    world.probe(("a", LIMITED), ("a", LIMITED))
    world.wait(10)
    sent(world, (alerts,))
    world.probe(("a", DENIED))
    world.wait(10)
    sent(world, (alerts,))
    ends = {alert["labels"]["severity"]: alert["endsAt"] for alert in told_alerts(posts)}
    assert ends["warning"].startswith("2023-11-14T22:13")
    assert ends["critical"] > ends["warning"]
    assert world.now > T0


def test_slow_and_down_are_two_things(path: Path) -> None:
    """Calls that fail say nothing of how long calls take: its incident goes on, and is told apart."""
    policy = IncidentPolicy(
        open=Threshold(2, 3), resolve=2, latency=0.1, slow=Threshold(2, 2), steady=2, failures=None, group_wait=1.0
    )
    world = telling(path, (PAGER,), "a", policy=policy)
    world.probe(("a", OK), ("a", OK), ("a", DOWN), ("a", DOWN))
    world.wait(2)
    assert world.incidents() == [("a", "slow", True), ("a", "outage", True)]
    assert [action for action, _ in world.notices()] == ["trigger", "trigger"]
