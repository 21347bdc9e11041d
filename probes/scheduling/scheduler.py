"""Probes periodically: each endpoint at its own times, never two probes of one endpoint at once."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from typing import TYPE_CHECKING

from aimon.call.containment import report
from aimon.probes.probe_all import CONCURRENCY, STAGGER
from aimon.probes.scheduling.clocks import Clock, ClockWatch
from aimon.probes.scheduling.entry import Entry
from aimon.probes.scheduling.lateness import Lateness
from aimon.probes.transport import warm_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.probe import Prober
    from aimon.probes.transcript import Transcript

HEARTBEAT = 1.0
# Seconds between the first probes: half a core for a thousand endpoints, so that probes that are due have room.
_FIRST_APART = 2 * STAGGER
# Seconds after a time within which the next one can't be: the clocks drift apart by less.
_CLOSE = 0.01


class Scheduler:
    """Runs until `stop`, then waits for the probes in flight. Everything but the attributes is of its own loop.

    A time at which the probe before has not ended, or still waits for a place, is missed: there is no overlap and no
    catching up.

    Args:
        endpoints: the endpoints, each probed at its own times.
        prober: makes the probes.
        on_result: called with each Result; awaited, so that a slow recorder can't pile up work.
        concurrency: the most endpoints that are probed at once.
        paused: tells of an endpoint whether its times are to be passed over at that unix time, as in maintenance.
        recent: names of endpoints that were probed less than an interval ago, by a process before this one: they are
            not probed at the start.
        clock: the machine's clocks.

    Attributes:
        heartbeat: unix time at which every endpoint was last known to be probed in time; it stops when one is overdue,
            so that a hanging scheduler does not look alive.
        lag: seconds by which the last probe started after its time.
        lateness: of all starts so far, as a histogram.
        missed: times at which no probe started, by reason: `overlap` (the one before had not ended), `concurrency` (it
            waited for a place), `stalled` (the process did not run, or the machine slept).
        jumps: how often the wall clock was set or the machine was suspended.
        under_way: names of the endpoints that are being probed.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        prober: Prober,
        on_result: Callable[[Endpoint, Result], Awaitable[None]],
        *,
        concurrency: int = CONCURRENCY,
        paused: Callable[[Endpoint, float], bool] = lambda _, __: False,
        recent: Container[str] = (),
        clock: Clock | None = None,
    ) -> None:
        self.heartbeat = 0.0
        self._beaten = -math.inf
        self.lag = 0.0
        self.lateness = Lateness()
        self.missed: Counter[str] = Counter({"overlap": 0, "concurrency": 0, "stalled": 0})
        self.jumps = 0
        self.under_way: set[str] = set()
        self._clock = clock or Clock()
        self._entries = {endpoint.name: Entry(endpoint) for endpoint in endpoints}
        self._prober, self._on_result = prober, on_result
        self._concurrency, self._paused, self._recent = concurrency, paused, recent
        self._waiting: deque[tuple[Entry, float]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    @property
    def silence(self) -> float:
        """Seconds since the heartbeat, whatever the wall clock was set to meanwhile; infinite before the first."""
        return self._clock.monotonic() - self._beaten

    def due_at(self, name: str) -> float | None:
        """Unix time at which an endpoint is to be probed next; None if that is not known."""
        entry = self._entries.get(name)
        if entry is None or not math.isfinite(entry.due):
            return None
        return self._clock.wall() + entry.due - self._clock.monotonic()

    def stop(self) -> None:
        """Starts no more probes; `run` returns when those in flight have ended."""
        self._stopping.set()

    async def run(self) -> None:
        """Probes until `stop`: endpoints with an interval once at the start, then all at their times."""
        await warm_up((entry.endpoint.target, entry.endpoint.transport) for entry in self._entries.values())
        self._watch = ClockWatch(self._clock)
        self._begin(self._entries.values())
        await self._beat()
        for entry in self._entries.values():
            entry.cancel()
        for entry, _ in self._waiting:
            self._end(entry, [])
        self._waiting.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def configure(self, endpoints: Sequence[Endpoint], prober: Prober) -> None:
        """Takes over other endpoints, while it runs. A probe under way ends as it began.

        Endpoints whose times are the same keep their place in them.
        """
        await warm_up((endpoint.target, endpoint.transport) for endpoint in endpoints)
        self._prober = prober
        before, self._entries = self._entries, {}
        new = []
        for endpoint in endpoints:
            entry = before.pop(endpoint.name, None)
            if entry is None:
                new.append(entry := Entry(endpoint))
            else:
                entry.endpoint = endpoint
                if entry.renew_times():
                    self._plan(entry)
            self._entries[endpoint.name] = entry
        for gone in before.values():
            gone.cancel()
        self._waiting = deque(each for each in self._waiting if each[0] not in before.values())
        for gone in before.values():
            if gone.endpoint.name not in self.under_way:
                self._end(gone, [])
        self._begin(new)

    async def probe_now(self, name: str, transcripts: list[Transcript] | None = None) -> list[Result]:
        """The results of a probe of that endpoint: of the one under way, else of one that starts as soon as it can.

        Args:
            name: of the endpoint.
            transcripts: where the exchanges are noted; then the one under way is waited for, and another follows.

        Raises:
            KeyError: there is no such endpoint.
        """
        entry = self._entries[name]
        while transcripts is not None and entry.probe is not None:
            await asyncio.shield(entry.probe)
        if entry.probe is None:
            entry.transcripts = transcripts
            self._start(entry, self._clock.monotonic())
        return [] if entry.probe is None else await asyncio.shield(entry.probe)

    def _begin(self, entries: Iterable[Entry]) -> None:
        """Endpoints with an interval are probed at once, a little apart, unless their own time comes sooner."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for i, entry in enumerate(entries):
            delay = i * _FIRST_APART
            wanted = entry.endpoint.cron is None and entry.endpoint.name not in self._recent
            self._plan(entry, at=now + delay if wanted and entry.times.after(wall) > wall + delay else None)

    def _plan(self, entry: Entry, at: float | None = None) -> None:
        """Sets when an endpoint is due next: at a time of the monotonic clock, or at the next of its own times."""
        entry.cancel()
        if self._stopping.is_set():
            return
        now, wall = self._clock.monotonic(), self._clock.wall()
        if at is None:
            entry.planned, entry.apart = entry.times.after(max(wall, entry.not_before)), _CLOSE
            entry.due = now + entry.planned - wall
        else:
            # A time of its own that would come right after is passed over.
            entry.planned, entry.apart = wall + at - now, entry.endpoint.interval / 2
            entry.due = at
        if entry.probe is None:
            entry.expect_by(entry.due)
        if math.isfinite(entry.due):
            entry.timer = asyncio.get_running_loop().call_at(entry.due, self._fire, entry)

    def _fire(self, entry: Entry) -> None:
        now, due = self._clock.monotonic(), entry.due
        wall = self._clock.wall()
        entry.not_before = entry.planned + entry.apart
        # The process was stopped, or did not get to run, for more than one of its times.
        self.missed["stalled"] += entry.times.between(wall - (now - due) + entry.apart, wall)
        if not self._paused(entry.endpoint, wall):
            if entry.probe is None:
                self._start(entry, due)
            else:
                running = entry.endpoint.name in self.under_way
                self.missed["overlap" if running else "concurrency"] += 1
        self._plan(entry)

    def _start(self, entry: Entry, due: float) -> None:
        if self._stopping.is_set():
            return
        entry.probe = asyncio.get_running_loop().create_future()
        if len(self._tasks) < self._concurrency:
            self._run_probe(entry, due)
        else:
            self._waiting.append((entry, due))

    def _run_probe(self, entry: Entry, due: float) -> None:
        entry.expect_by(self._clock.monotonic())
        task = asyncio.get_running_loop().create_task(self._probe(entry, due), name=entry.endpoint.name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            report(task.get_name(), "probed", error)
        while self._waiting and len(self._tasks) < self._concurrency and not self._stopping.is_set():
            self._run_probe(*self._waiting.popleft())

    async def _probe(self, entry: Entry, due: float) -> None:
        endpoint, prober = entry.endpoint, self._prober
        results: list[Result] = []
        self.under_way.add(endpoint.name)
        try:
            for canary in endpoint.canaries:
                self.lag = self.lateness.observe(self._clock.monotonic() - due)
                more = {} if entry.transcripts is None else {"transcript": entry.next_transcript()}
                result = await prober.probe(endpoint, canary, scheduled=due, **more)
                results.append(result)
                await self._on_result(endpoint, result)
                due = self._clock.monotonic()
        finally:
            self.under_way.discard(endpoint.name)
            self._end(entry, results)
            if entry.note(results) and self._entries.get(endpoint.name) is entry:
                self._plan(entry)

    def _end(self, entry: Entry, results: list[Result]) -> None:
        if entry.probe is not None and not entry.probe.done():
            entry.probe.set_result(results)
        entry.probe = entry.transcripts = None
        entry.expect_by(entry.due)

    async def _beat(self) -> None:
        while not self._stopping.is_set():
            if (jump := self._watch.check()) is not None:
                self._jumped(jump.suspended)
            now = self._clock.monotonic()
            if all(now <= entry.overdue for entry in self._entries.values()):
                self.heartbeat = self._clock.wall()
                self._beaten = now
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await self._stopping.wait()

    def _jumped(self, suspended: float) -> None:
        """The times of the wall clock come at other times of the monotonic one now."""
        self.jumps += 1
        wall = self._clock.wall()
        for entry in self._entries.values():
            self.missed["stalled"] += entry.times.between(wall - suspended, wall)
            entry.not_before = 0.0
            # What is due right away, such as the first probes, is not put off.
            if (left := entry.due - self._clock.monotonic()) > HEARTBEAT:
                self._plan(entry)
            else:
                entry.planned = wall + left
