"""From recorded results to incidents and notices: grouping, maintenance, kills at any moment."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aimon.config.channel import Channel
from aimon.config.incident_policy import IncidentPolicy, Threshold
from aimon.probes.history.database import HistoryError
from aimon.probes.incidents import announcements, reader
from aimon.probes.incidents.kinds import State
from aimon.probes.incidents.tracker import Watch, Watched
from aimon.probes.notify.notice import decode
from incident_world import DENIED, DOWN, LIMITED, OK, PAGER, POLICY, T0, World, deliver

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.call.outcome import Outcome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is."""
    return tmp_path / "history.db"


def test_an_outage_is_told_once_and_ended_once(path: Path) -> None:
    """After the wait for others; to the chat, too, which hears of no recovery."""
    world = World(path, "a")
    world.probe(("a", OK), ("a", DOWN), ("a", DOWN))
    assert world.notices() == []
    world.wait(10)
    world.wait(100)
    assert world.notices() == [("trigger", ["a"])]
    deliver(world)
    world.probe(("a", OK), ("a", OK))
    world.wait(100)
    assert world.notices() == [("trigger", ["a"]), ("resolve", ["a"])]
    assert world.notices("chat") == [("trigger", ["a"])]
    [incident] = reader.incidents(world.history.database).incidents
    assert (incident.outcome, incident.error) == ("server_error", "why server_error")
    assert (incident.began_at, incident.opened_at) == (T0 + 2, T0 + 3.5)
    assert [e.event for e in reader.timeline(world.history.database, incident.id)] == [
        "opened", "announced", "delivered", "delivered", "resolved",
    ]  # fmt: skip


def test_what_is_over_before_it_was_told_is_not_told(path: Path) -> None:
    """An incident that ends before its notice is due is not sent, neither beginning nor end; the page has it."""
    world = World(path, "a")
    world.probe(("a", DOWN), ("a", DOWN), ("a", OK), ("a", OK))
    world.wait(60)
    assert world.notices() == []
    assert world.incidents() == [("a", "outage", False)]


def test_a_provider_that_fails_is_told_of_once(path: Path) -> None:
    """One notice names all failing endpoints of a provider; only an endpoint that it did not name causes another."""
    world = World(path, "a", "b", "c", "d")
    world.probe(("a", DOWN), ("a", DOWN), ("b", DOWN), ("b", DOWN), ("c", DOWN))
    world.wait(10)
    assert world.notices() == [("trigger", ["a", "b"])]
    deliver(world)
    world.probe(("c", DOWN))
    world.wait(20)
    assert world.notices() == [("trigger", ["a", "b"])]  # c was named as one that fails, too
    world.probe(("d", DOWN), ("d", DOWN))
    world.wait(10)
    assert world.notices()[1:] == [("update", ["a", "b", "c", "d"])]
    deliver(world)
    for name in "abc":
        world.probe((name, OK), (name, OK))
    assert len(world.notices()) == 2
    world.probe(("d", OK), ("d", OK))
    assert world.notices()[2:] == [("resolve", ["a", "b", "c", "d"])]


def test_an_alertmanager_is_told_of_each_end(path: Path) -> None:
    """It has an alert for each incident; others are told when the last of them is over."""
    world = World(path, "a", "b")
    world.watch = Watch(world.watch.endpoints, {"a", "b"}, (PAGER, Channel("am", "alertmanager")))
    world.restart()
    world.probe(("a", DOWN), ("a", DOWN), ("b", DOWN), ("b", DOWN))
    world.wait(10)
    deliver(world)
    world.probe(("a", OK), ("a", OK))
    assert [action for action, _ in world.notices("am")] == ["trigger", "update"]
    assert [action for action, _ in world.notices()] == ["trigger"]


def test_an_account_fault_is_an_incident_of_its_own(path: Path) -> None:
    """A refused key is no outage; a rate limit is a warning, which the chat is not told of."""
    world = World(path, "a", "b")
    world.probe(("a", DENIED), ("a", DENIED), ("b", LIMITED), ("b", LIMITED))
    world.wait(10)
    assert world.incidents() == [("a", "account", True), ("b", "account", True)]
    world = World(path.with_name("other.db"), "b")
    world.probe(("b", LIMITED), ("b", LIMITED))
    world.wait(10)
    assert (len(world.notices()), len(world.notices("chat"))) == (1, 0)
    states = reader.states(world.history.database, {"b": 60.0, "new": 60.0}, world.now)
    assert (states["b"].state, states["new"].state) == (State.BLOCKED, State.UNKNOWN)
    assert reader.states(world.history.database, {"b": 60.0}, world.now + 999)["b"].state is State.UNKNOWN
    assert reader.states(world.history.database, {"b": 60.0}, world.now, planned=["b"])["b"].state is State.MAINTENANCE


def test_slow_calls_degrade(path: Path) -> None:
    """An endpoint whose successes take too long."""
    world = World(path, "a", policy=IncidentPolicy(latency=0.1, slow=Threshold(2, 2)))
    world.probe(("a", OK), ("a", OK))
    assert world.incidents() == [("a", "slow", True)]


def test_what_was_recorded_before_the_first_start_is_not_judged(path: Path) -> None:
    """Somebody probed for a month before; but what was recorded while the service was down is."""
    world = World(path)
    world.probe(("a", DOWN), ("a", DOWN), process=False)
    world.watch = Watch({"a": Watched("a", POLICY, "dashscope")}, {"a"}, (PAGER,))
    world.restart()
    world.wait(60)
    assert world.incidents() == []
    world.probe(("a", DOWN), ("a", DOWN), process=False)
    world.restart()
    world.wait(1)
    assert world.incidents() == [("a", "outage", True)]


def test_incidents_of_what_is_not_watched_any_more_are_ended(path: Path) -> None:
    """Incidents of endpoints that are no longer watched are ended, but not those of another process's endpoints."""
    world = World(path, "a", "b")
    world.probe(("a", DOWN), ("a", DOWN), ("b", DOWN), ("b", DOWN))
    world.wait(10)
    deliver(world)
    world.tracker.configure(Watch({}, {"a"}, (PAGER,)), world.now)
    assert world.incidents() == [("a", "outage", True), ("b", "outage", False)]
    world.tracker.configure(Watch({}, set(), (PAGER,)), world.now)
    assert world.notices() == [("trigger", ["a", "b"]), ("resolve", ["a", "b"])]


def script() -> list[tuple[str, Outcome]]:
    """Results of three endpoints that fail, recover and flap."""
    chance = random.Random(7)
    bad = {"a": 0.5, "b": 0.3, "c": 0.1}
    return [(name, DOWN if chance.random() < bad[name] else OK) for _ in range(30) for name in "abc"]


def outcome_of(world: World) -> tuple[Any, Any]:
    """Everything that was kept and queued, without numbers and keys."""
    told = world.history.database.query("SELECT channel, action, notice FROM notices ORDER BY id")
    notices = [(channel, action, decode(text).subjects) for channel, action, text in told]
    found = reader.incidents(world.history.database, limit=999).incidents
    return notices, [(e.endpoint, e.kind, e.began_at, e.opened_at, e.resolved_at) for e in found]


def test_a_kill_at_any_moment_loses_and_doubles_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of the tracker fails some of the time, before or after its commit, and a new process goes on."""
    calm = World(path, "a", "b", "c")
    for said in script():
        calm.probe(said)
    killed = World(path.with_name("killed.db"), "a", "b", "c")
    chance, transaction = random.Random(11), killed.history.database.transaction
    kills = 0

    @contextmanager
    def deadly() -> Iterator[sqlite3.Connection]:
        fate = chance.random()
        with transaction() as connection:
            yield connection
            if fate < 0.3:
                raise HistoryError("killed before the commit")
        if fate > 0.7:
            raise HistoryError("killed after the commit")

    for said in script():
        killed.probe(said, process=False)
        while True:
            try:
                with monkeypatch.context() as patch:
                    patch.setattr(killed.history.database, "transaction", deadly)
                    killed.tracker.tick(killed.now)
                break
            except HistoryError:
                kills += 1
                killed.restart()
    assert kills > 25
    assert outcome_of(killed) == outcome_of(calm)
    assert len(outcome_of(calm)[0]) >= 4


def test_announcements_and_maintenance_of_the_api(path: Path) -> None:
    """They are kept; those of the configuration are replaced by it, and not by the API."""
    world = World(path, "a")
    database = world.history.database
    number = announcements.announce(database, "New region", now=T0, ends=T0 + 10, endpoints=["a"])
    assert [each.title for each in announcements.announcements(database, T0 + 9)] == ["New region"]
    assert announcements.announcements(database, T0 + 10) == ()
    assert announcements.withdraw(database, number)
    assert not announcements.withdraw(database, number)
    window = announcements.plan(database, "Move", T0, T0 + 60, now=T0, endpoints=["a"])
    [planned] = announcements.maintenances(database)
    assert (planned.covers("a", T0), planned.covers("b", T0), planned.covers("a", T0 + 60)) == (True, False, False)
    assert announcements.cancel(database, window)
    with pytest.raises(ValueError, match="must end after it starts"):
        announcements.plan(database, "Move", T0, T0, now=T0)
