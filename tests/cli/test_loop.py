"""`--every`: a Result that could not be recorded is not forgotten because a later push went well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aimon.call import Message, Target, Timeouts
from aimon.cli.exits import GOOD, UNABLE
from aimon.cli.loop import _Loop
from aimon.cli.probe import Options
from aimon.cli.select import Selection
from aimon.config.endpoint import Canary, Endpoint
from aimon.pricing import PriceBook
from aimon.probes.database import HistoryError
from aimon.probes.recorder import Recorder
from aimon.probes.state import MemoryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.result import Result


class FullDisk(MemoryState):
    """A state that can't take the first Result."""

    def __init__(self, failures: int) -> None:
        super().__init__([])
        self.failures = failures
        self.recorded = 0

    def record(self, results: Sequence[Result]) -> None:  # noqa: ARG002  # the interface
        """Fails as long as there are failures left."""
        self.recorded += 1
        if self.recorded <= self.failures:
            raise HistoryError("the disk is full")


@pytest.mark.parametrize(("failures", "code"), [(0, GOOD), (1, UNABLE)])
def test_a_lost_result_decides_the_exit_code(failures: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One write that failed, well pushes after it: exit code 3, and the reason on stderr."""
    target = Target("e", "custom", "openai-chat", "http://127.0.0.1:1/v1", "m")
    canary = Canary("echo", (Message("user", "hi"),))
    endpoint = Endpoint(target, (canary,), interval=0.05, timeouts=Timeouts(1, 1, 1))
    prices = PriceBook(currency="USD")
    state = FullDisk(failures)
    options = Options(
        as_json=True, junit=None, push=None, textfile=None, state="none", history=None, concurrency=1, every=0.05,
        listen=None, set_aside_damaged=False,
    )  # fmt: skip

    async def main() -> int:
        loop = _Loop(
            Selection((endpoint,), "local", "USD", prices, None, whole=True), Recorder(state, prices, "local"), options
        )
        running = asyncio.create_task(loop.run())
        async with asyncio.timeout(10):
            while state.recorded < 3:  # noqa: ASYNC110  # what it waits for is the loop's own doing
                await asyncio.sleep(0.01)
        loop._scheduler.stop()
        return await running

    assert asyncio.run(main()) == code
    assert ("the disk is full" in capsys.readouterr().err) == bool(failures)
