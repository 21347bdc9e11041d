"""`--every`: a Result that could not be recorded is not forgotten because a later push went well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aimon.call.call import Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.cli.exits import GOOD, UNABLE
from aimon.cli.probe.loop import _Loop
from aimon.cli.probe.options import ProbeOptions
from aimon.cli.probe.repeats import Repeats
from aimon.config.endpoint import Canary, Endpoint
from aimon.pricing import PriceBook
from aimon.probes.history.database import HistoryError
from aimon.probes.publish.recorder import Recorder
from aimon.probes.selection import Selection
from aimon.probes.state.state import MemoryState
from results import a_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result


class FullDisk(MemoryState):
    """A state that can't take the first Result."""

    def __init__(self, failures: int) -> None:
        super().__init__([])
        self.failures = failures
        self.recorded = 0

    def record(self, results: Sequence[Result]) -> None:  # noqa: ARG002 - the interface
        """Fails as long as there are failures left."""
        self.recorded += 1
        if self.recorded <= self.failures:
            raise HistoryError("the disk is full")


class Waits(FullDisk):
    """One that keeps what it can't take."""

    waiting = 0

    def record(self, results: Sequence[Result]) -> None:
        """As above; what was kept goes with what is taken."""
        try:
            super().record(results)
        except HistoryError as error:
            self.waiting += len(results)
            self.problem = str(error)
            raise
        self.waiting = 0


@pytest.mark.parametrize(("failures", "code"), [(0, GOOD), (1, UNABLE)])
def test_a_lost_result_decides_the_exit_code(failures: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One write that failed, well pushes after it: exit code 3, and the reason on stderr."""
    assert run_loop(FullDisk(failures)) == code
    assert ("the disk is full" in capsys.readouterr().err) == bool(failures)


@pytest.mark.parametrize(("failures", "code"), [(2, GOOD), (10_000, UNABLE)])
def test_results_that_wait_are_not_lost(failures: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused and recorded with a later one: all is well, and each change is said once."""
    assert run_loop(Waits(failures)) == code
    said = capsys.readouterr().err
    assert said.count("the disk is full; they wait for the next time") == 1
    assert ("aimon: results are recorded again" in said) == (code == GOOD)
    assert ("results are not recorded: the disk is full\n" in said.splitlines(keepends=True)[-1]) == (code == UNABLE)


def test_a_failure_is_told_in_full_once() -> None:
    """A repeated failure is shown as a count, whatever its request id; a different one is shown in full."""
    repeats = Repeats()

    def told(outcome: Outcome, error: str) -> str:
        return repeats.line(a_result(outcome, error=error, status_code=401))

    assert "Check the key" in told(Outcome.UNAUTHORIZED, "no such key (req_0a1)")
    for count in (2, 3):
        said = told(Outcome.UNAUTHORIZED, f"no such key (req_{count}f9)")
        assert said == f"qwen-prod unauthorized latency 1.50 s ({count} in a row)"
    assert "key revoked" in told(Outcome.UNAUTHORIZED, "key revoked")
    assert told(Outcome.OK, "") == told(Outcome.OK, "") == "qwen-prod ok latency 1.50 s ttft 400 ms"
    assert "Check the key" in told(Outcome.UNAUTHORIZED, "key revoked")


def run_loop(state: FullDisk) -> int:
    """Runs a loop with that state until it was asked three times to record; returns the exit code."""
    target = Target("e", "custom", "openai-chat", "http://127.0.0.1:1/v1", "m")
    canary = Canary("echo", (Message("user", "hi"),))
    endpoint = Endpoint(target, (canary,), interval=0.05, timeouts=Timeouts(1, 1, 1))
    prices = PriceBook(currency="USD")
    options = ProbeOptions(
        as_json=True, junit=None, push=None, textfile=None, state="none", history=None, concurrency=1, every=0.05,
        listen=None, set_aside_damaged=False,
    )  # fmt: skip

    async def main() -> int:
        loop = _Loop(
            Selection((endpoint,), "local", "USD", prices, None, whole=True), Recorder(state, prices, "local"), options
        )
        running = asyncio.create_task(loop.run())
        async with asyncio.timeout(10):
            while state.recorded < 3:  # noqa: ASYNC110 - what it waits for is the loop's own doing
                await asyncio.sleep(0.01)
        loop._scheduler.stop()
        return await running

    return asyncio.run(main())
