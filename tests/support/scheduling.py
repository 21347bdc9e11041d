"""Endpoints that nobody calls, a prober that notes who would be called, and clocks that are set by hand."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aimon.call.call import Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Canary, Endpoint
from aimon.probes.scheduling.clocks import Clock
from results import a_result

if TYPE_CHECKING:
    from aimon.call.result import Result


def endpoint(name: str, interval: float = 0.05, canaries: int = 1) -> Endpoint:
    """An endpoint that nobody calls."""
    target = Target(name, "custom", "openai-chat", "http://127.0.0.1:1/v1", "m")
    questions = tuple(Canary(f"c{i}", (Message("user", "hi"),)) for i in range(canaries))
    return Endpoint(target, questions, interval=interval, timeouts=Timeouts(0.1, 0.1, 0.1))


class Prober:
    """Stands for the network: notes who is called when, and answers when it is let."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.under_way = 0
        self.most = 0
        self.outcome = Outcome.OK
        self.gate = asyncio.Event()
        self.gate.set()

    async def probe(self, asked: Endpoint, canary: Canary, *, scheduled: float | None = None) -> Result:
        """One call, noted."""
        assert scheduled is None or scheduled <= time.monotonic() + 0.001
        self.calls.append(f"{asked.name} {canary.name}")
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return a_result(self.outcome)


class SetClock(Clock):
    """Clocks that are moved by hand, from where the machine's are."""

    def __init__(self) -> None:
        self.ahead, self.slept = 0.0, 0.0

    def wall(self) -> float:
        """Unix time, and how far the clock was set ahead."""
        return super().wall() + self.ahead

    def since_boot(self) -> float:
        """What has passed, sleep included."""
        return self.monotonic() + self.slept


async def until(holds: Any) -> None:
    """Lets the loop run until something holds, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what it waits for is the scheduler's own state
            await asyncio.sleep(0.005)
