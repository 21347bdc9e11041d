"""Pushes to a Pushgateway as results come in, for a service that Prometheus can't reach."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.metrics.totals import Gauges
    from aimon.probes.publish.recorder import Recorder

# Seconds in which results are gathered for one push.
GATHER = 2.0


class Pusher:
    """Never makes two pushes at a time, and one more at the end.

    Args:
        recorder: what to push with, as the configuration is now.
        gauges: what to push beside its state.
        say: is told once why pushes fail, and once that they succeed again.
    """

    def __init__(
        self, recorder: Callable[[], Recorder], gauges: Callable[[], Gauges], say: Callable[[str], None]
    ) -> None:
        self._recorder, self._gauges, self._say = recorder, gauges, say
        self._fresh, self._closing = asyncio.Event(), asyncio.Event()
        self._trouble = ""

    def note(self) -> None:
        """There are results to push."""
        self._fresh.set()

    async def run(self) -> None:
        """Pushes until `close`."""
        while not self._closing.is_set():
            await self._fresh.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    await self._closing.wait()
            self._fresh.clear()
            await self._push()

    def close(self) -> None:
        """`run` pushes once more, and returns."""
        self._closing.set()
        self._fresh.set()

    async def _push(self) -> None:
        trouble = ""
        try:
            await asyncio.to_thread(self._recorder().publish, self._gauges())
        except Exception as error:  # noqa: BLE001 - whatever it is, the next push must still be tried
            trouble = str(error)
        if trouble != self._trouble:
            self._say(f"aimon: {trouble}" if trouble else "aimon: pushes arrive again")
            self._trouble = trouble
