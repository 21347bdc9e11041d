"""Probes periodically: each endpoint at its own fixed times, never two probes of one endpoint at once."""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from typing import TYPE_CHECKING

from aimon.probes.probe_all import CONCURRENCY, STAGGER
from aimon.probes.transport import warm_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.probe import Prober

HEARTBEAT = 1.0


def offset(name: str, interval: float) -> float:
    """The offset of an endpoint's probes in its interval: stable across restarts, spread over the endpoints."""
    return zlib.crc32(name.encode()) / 2**32 * interval


def next_beat(now: float, interval: float, phase: float) -> float:
    """The first time after `now` that is `phase` past a multiple of the interval; all in wall-clock seconds."""
    beats = (now - phase) // interval + 1
    return beats * interval + phase


class Scheduler:
    """Runs until `stop`, then waits for the probes in flight.

    Args:
        endpoints: the endpoints, each probed at its own interval.
        prober: makes the probes.
        on_result: called with each Result; awaited, so that a slow recorder can't pile up work.
        concurrency: the most endpoints that are probed at once.

    Attributes:
        heartbeat: unix time at which every endpoint was last known to be probed in time; it stops when one is overdue,
            so that a hanging scheduler does not look alive.
        lag: seconds by which the last probe started after its time.
        under_way: names of the endpoints that are being probed.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        prober: Prober,
        on_result: Callable[[Endpoint, Result], Awaitable[None]],
        *,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self.heartbeat = 0.0
        self._beaten = -math.inf
        self.lag = 0.0
        self.under_way: set[str] = set()
        self._endpoints = endpoints
        self._prober = prober
        self._on_result = on_result
        self._places = asyncio.Semaphore(concurrency)
        self._stopping = asyncio.Event()
        self._overdue: dict[str, float] = {}

    @property
    def silence(self) -> float:
        """Seconds since the heartbeat, whatever the wall clock was set to meanwhile; infinite before the first."""
        return time.monotonic() - self._beaten

    def stop(self) -> None:
        """Starts no more probes; `run` returns when those in flight have ended."""
        self._stopping.set()

    async def run(self) -> None:
        """Probes until `stop`: every endpoint once at the start, then at its fixed times."""
        await warm_up((endpoint.target, endpoint.transport) for endpoint in self._endpoints)
        async with asyncio.TaskGroup() as group:
            for i, endpoint in enumerate(self._endpoints):
                group.create_task(self._serve(endpoint, i * STAGGER))
            group.create_task(self._beat())

    async def _serve(self, endpoint: Endpoint, delay: float) -> None:
        interval = endpoint.interval
        phase = offset(endpoint.name, interval)
        start = time.time() + delay
        due = time.monotonic() + delay
        # The times are on the wall clock, so that they survive restarts; waiting is monotonic. A first time that would
        # come right after the first probe is skipped.
        following = time.monotonic() + next_beat(start + interval / 2, interval, phase) - time.time()
        while True:
            self._overdue[endpoint.name] = due + interval + endpoint.timeouts.total * len(endpoint.canaries)
            if await self._stopped_before(due):
                return
            await self._probe(endpoint, due)
            while following <= time.monotonic():
                following += interval  # a time that passed while the probe ran is skipped: no overlap, no catching up
            due, following = following, following + interval

    async def _probe(self, endpoint: Endpoint, due: float) -> None:
        async with self._places:
            for canary in endpoint.canaries:
                self.lag = max(0.0, time.monotonic() - due)
                self.under_way.add(endpoint.name)
                try:
                    result = await self._prober.probe(endpoint, canary, scheduled=due)
                finally:
                    self.under_way.discard(endpoint.name)
                await self._on_result(endpoint, result)
                due = time.monotonic()

    async def _stopped_before(self, due: float) -> bool:
        if self._stopping.is_set():
            return True
        try:
            async with asyncio.timeout_at(due):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _beat(self) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            if all(now <= limit for limit in self._overdue.values()):
                self.heartbeat = time.time()
                self._beaten = now
            await self._stopped_before(now + HEARTBEAT)
