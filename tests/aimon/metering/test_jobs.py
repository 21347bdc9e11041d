"""Jobs are done once, in their order, soon, by whoever is there to do them."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aimon.metering import default
from aimon.metering.jobs import MOST, Jobs
from aimon.metrics import definitions
from canned_http import ASKED, WHOLE, Canned, Client
from services import wait_for

if TYPE_CHECKING:
    from metered import Metered


@pytest.fixture
def faults() -> list[Exception]:
    """What jobs raised."""
    return []


@pytest.fixture
def queue(faults: list[Exception]) -> Jobs:
    """Jobs without any yet."""
    return Jobs(faults.append)


def test_a_thread_does_them_in_their_order(queue: Jobs) -> None:
    """Though nobody looks, and again after it had nothing to do."""
    done: list[int] = []
    for count in (10, 20):
        for i in range(count - 10, count):
            queue.soon(lambda i=i: done.append(i))  # type: ignore[misc]
        wait_for(lambda: len(done), lambda found, count=count: found == count, what="jobs done")  # type: ignore[misc]
    assert done == list(range(20))


def test_no_job_is_left_behind(queue: Jobs) -> None:
    """However many threads add some while the thread that does them falls asleep and wakes up."""
    done: list[int] = []

    def add() -> None:
        for i in range(500):
            queue.soon(lambda i=i: done.append(i))  # type: ignore[misc]

    threads = [threading.Thread(target=add) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(done) == 10_000, what="the jobs")


def test_the_caller_does_them_when_the_thread_does_not(queue: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that was frozen, or under a server that runs no threads of its applications."""
    monkeypatch.setattr(queue, "_run", lambda: None)
    done: list[int] = []
    for i in range(3 * MOST):
        queue.soon(lambda i=i: done.append(i))  # type: ignore[misc]
        assert len(done) >= i + 1 - MOST
    assert done == list(range(3 * MOST))


def test_without_a_thread_they_are_done_at_once(queue: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done: list[int] = []
    for i in range(3):
        queue.soon(lambda i=i: done.append(i))  # type: ignore[misc]
        assert done == list(range(i + 1))


def test_whoever_looks_sees_all_of_them(queue: Jobs) -> None:
    """Those that come meanwhile are done afterwards."""
    done: list[str] = []
    queue.soon(lambda: done.append("before"))
    with queue.done():
        assert done == ["before"]
        queue.now(lambda: done.append("meanwhile"))
        assert done == ["before"]
    assert done == ["before", "meanwhile"]


def test_a_job_that_fails_stops_no_other(queue: Jobs, faults: list[Exception]) -> None:
    """It is told to the meter."""
    done: list[str] = []
    queue.soon(lambda: done.remove("nothing"))
    queue.soon(lambda: done.append("next"))
    wait_for(lambda: done == ["next"], what="the next job")
    assert [type(fault) for fault in faults] == [ValueError]


def _requests() -> float:
    """What is counted already, without anything that waits."""
    return sum(default.meter().totals.counters.get(definitions.REQUESTS, {}).values())


@pytest.mark.parametrize("metered", ["later"], indirect=True)
def test_a_call_is_counted_a_moment_later(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was about is then let go."""
    held: list[Any] = []
    begin = default.meter().started

    def started(call: object, identity: Any) -> None:
        held.append(weakref.ref(call._request))  # type: ignore[attr-defined]
        begin(call, identity)

    monkeypatch.setattr(default.meter(), "started", started)
    Client("httpx2", "sync", lambda: Canned([WHOLE]), {}).post(ASKED)
    wait_for(lambda: _requests() == 1, what="the count")
    gc.collect()
    wait_for(lambda: held[0]() is None, what="the end of the request")
    assert metered.outcomes() == {"ok": 1}


@pytest.mark.parametrize("metered", ["later"], indirect=True)
def test_a_large_call_does_not_wait(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that little is held of those that do."""
    monkeypatch.setattr(Jobs, "_run", lambda _: None)
    client = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})
    client.post(ASKED)
    assert _requests() == 0
    client.post({**ASKED, "user": "x" * (300 << 10)})
    assert _requests() == 2
    assert metered.outcomes() == {"ok": 2}
