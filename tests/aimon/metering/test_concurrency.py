"""Counts are exact, however many make calls at once, however the garbage collector runs, at once or a moment later."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

import aimon
from aimon.metering import default
from aimon.metering.meter import MAX_IDENTITIES
from aimon.metrics import definitions
from canned_http import ASKED, CHAT, DONE, STOP, STREAM, TEXT, USAGE, WHOLE, Canned, Client

if TYPE_CHECKING:
    from metered import Metered

LATER = pytest.mark.parametrize("metered", ["at once", "later"], indirect=True)


def _fork(client: Client) -> int:
    """Forks a child that makes a call of its own; returns 0 if it counted that one alone."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            client.post(ASKED)
            totals, _ = default.meter().snapshot()
            status = 0 if sum(totals.counters[definitions.REQUESTS].values()) == 1 else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@LATER
def test_a_hundred_threads(metered: Metered) -> None:
    """Each ten calls, with one client; scrapes go on meanwhile."""
    client = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})

    def work() -> None:
        for _ in range(10):
            client.post(ASKED)

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        aimon.metrics_text()
    assert metered.outcomes() == {"ok": 1000}
    assert metered.total(definitions.OUTPUT_TOKENS) == 3000
    assert metered.gauge(definitions.IN_FLIGHT) == [0]


@LATER
def test_a_thousand_tasks(metered: Metered) -> None:
    """At once, a third of which is cancelled half-way."""
    client = Client("httpx2", "async", lambda: Canned([TEXT, STOP, USAGE, DONE]), {})

    async def one(i: int, reached: asyncio.Event) -> None:
        async with client.http.stream("POST", CHAT, json=STREAM) as response:
            async for _ in response.aiter_raw():
                reached.set()
                await asyncio.sleep(3600 if i % 3 == 0 else 0)

    async def all_of_them() -> None:
        reached = [asyncio.Event() for _ in range(1000)]
        tasks = [asyncio.create_task(one(i, reached[i])) for i in range(1000)]
        for i in range(0, 1000, 3):
            await reached[i].wait()
            tasks[i].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_of_them())
    assert metered.outcomes() == {"ok": 666, "cancelled": 334}
    assert metered.gauge(definitions.IN_FLIGHT) == [0]


@LATER
def test_calls_that_are_thrown_away_are_cancelled(metered: Metered) -> None:
    """Neither read to the end nor closed: the garbage collector says so, even in the middle of a scrape."""
    client = Client("httpx2", "sync", lambda: Canned([TEXT, STOP]), {})
    for _ in range(20):
        request = client.http.build_request("POST", CHAT, json=STREAM)
        cycle = [client.http.send(request, stream=True)]
        cycle.append(cycle)
        del cycle
    gc.collect()
    assert metered.outcomes() == {"cancelled": 20}
    assert metered.gauge(definitions.IN_FLIGHT) == [0]


def test_memory_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six hundred calls later as much is held as before them; `benchmarks/metering.py --soak` makes 100,000."""
    monkeypatch.setattr(default, "_meter", None)
    default.use(default.read(environ={}))
    whole = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})
    streamed = Client("httpx2", "sync", lambda: Canned([TEXT, STOP, USAGE, DONE]), {})

    def calls(count: int) -> int:
        for _ in range(count):
            whole.post(ASKED)
            streamed.post(STREAM)
        default.meter().snapshot()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = calls(50)
        assert calls(300) - before < 64 << 10
    finally:
        tracemalloc.stop()


def test_models_without_end_become_other(metered: Metered) -> None:
    """An application that asks for whatever model its users name makes no series without end."""
    client = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})
    for i in range(MAX_IDENTITIES + 20):
        client.post({"model": f"m-{i}"})
    labels = {key[1] for key in metered.counter(definitions.REQUESTS)}
    assert len(labels) == MAX_IDENTITIES + 1
    assert metered.counter(definitions.REQUESTS)["chat", "other", "openai", "local", "success", "ok"] == 20


@LATER
def test_a_fork_in_the_middle_of_a_call(metered: Metered) -> None:
    """The call is the parent's; the child neither counts it nor waits for the parent's locks."""
    client = Client("httpx2", "sync", lambda: Canned([TEXT, STOP, DONE]), {})
    with client.http.stream("POST", CHAT, json=STREAM) as response:
        meter = default.meter()
        with meter._jobs._working:
            assert _fork(client) == 0
        response.read()
    assert metered.outcomes() == {"ok": 1}


@pytest.mark.parametrize("metered", ["later"], indirect=True)
def test_calls_that_wait_at_a_fork_are_the_parents(metered: Metered) -> None:
    """Counted once, there; the child has a thread of its own for its own."""
    client = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})
    for _ in range(30):
        client.post(ASKED)
    assert [_fork(client) for _ in range(3)] == [0, 0, 0]
    assert metered.outcomes() == {"ok": 30}


GREENLETS = """
from canned_http import ASKED, WHOLE, Canned, Client
from aimon.metering import default
client = Client("httpx2", "sync", lambda: Canned([WHOLE]), {})
def work():
    for _ in range(5):
        client.post(ASKED)
        gevent.sleep(0)
gevent.joinall([gevent.spawn(work) for _ in range(50)], raise_error=True)
totals, _ = default.meter().snapshot()
print(sum(totals.counters["ai_api_requests_total"].values()))
"""
PATCHED = "from gevent import monkey; monkey.patch_all(); import gevent"
TOO_LATE = f"""
from canned_http import ASKED, WHOLE, Canned, Client
Client("httpx2", "sync", lambda: Canned([WHOLE]), {{}}).post(ASKED)  # has started the thread that counts
{PATCHED}
"""


@pytest.mark.parametrize(("patched", "calls"), [(PATCHED, "250.0"), (TOO_LATE, "251.0")])
def test_greenlets(patched: str, calls: str) -> None:
    """Under gevent's patches, before the first call or after it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", patched + GREENLETS],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.strip() == calls, done.stderr


@pytest.mark.parametrize("name", ["http_client", "observe", "start_http_server"])
def test_names_are_loaded_on_first_use(name: str) -> None:
    """`import aimon` costs nothing that a command does not need."""
    program = f"import sys, aimon; assert 'aimon.metering' not in sys.modules; aimon.{name}; print('ok')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr
