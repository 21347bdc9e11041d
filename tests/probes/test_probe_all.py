"""One sweep: who is called when, how many at once, and that one who hangs holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Canary, Endpoint
from aimon.metrics.totals import Identity
from aimon.probes.probe import Prober
from aimon.probes.probe_all import CONCURRENCY, STAGGER, probe_all
from aimon.simulator import Profile, SimulatorProcess
from results import a_result

if TYPE_CHECKING:
    from aimon.call.result import Result

Serve = Callable[[str], Awaitable[None]]


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only where it would wait, and then at once: exact times without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]  # what the loop waits in

        def leap(timeout: float | None) -> Any:
            assert timeout is not None, "nobody would ever wake up"
            self._now += timeout
            return select(0)

        self._selector.select = leap  # type: ignore[attr-defined]  # the same

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now


class Stub:
    """Stands for the network: notes calls with their times, and serves each as told."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.calls: list[tuple[float, str, str]] = []
        self.under_way = 0
        self.most = 0

    async def probe(self, asked: Endpoint, canary: Canary) -> Result:
        """One call, noted."""
        self.calls.append((asyncio.get_running_loop().time(), asked.name, canary.name))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.serve(asked.name)
        self.under_way -= 1
        return a_result(identity=Identity(asked.name, "m", "p", "r"), canary=canary.name)


def endpoint(name: str, url: str = "http://127.0.0.1:1/v1", canaries: int = 1, ttft: float = 1.0) -> Endpoint:
    """An endpoint with some canaries."""
    target = Target(name, "custom", "openai-chat", url, "m")
    questions = tuple(Canary(f"c{i}", (Message("user", "hi"),)) for i in range(canaries))
    return Endpoint(target, questions, timeouts=Timeouts(5.0, ttft, 5.0))


def swept(stub: Stub, endpoints: list[Endpoint], concurrency: int = CONCURRENCY) -> tuple[list[Result], list[Result]]:
    """The Results that a sweep returns, and those that it told as they came."""
    told: list[Result] = []

    async def main() -> list[Result]:
        return await probe_all(endpoints, stub, concurrency=concurrency, on_result=told.append)  # type: ignore[arg-type]  # a stub

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(main()), told


def test_starts_are_staggered() -> None:
    """The i-th endpoint starts 3 ms after the one before it, though each takes a second."""
    stub = Stub(lambda _: asyncio.sleep(1.0))
    swept(stub, [endpoint(f"e{i}") for i in range(50)])
    assert [name for _, name, _ in stub.calls] == [f"e{i}" for i in range(50)]
    assert [at for at, *_ in stub.calls] == pytest.approx([i * STAGGER for i in range(50)], abs=1e-9)
    assert stub.most == 50


def test_canaries_follow_each_other() -> None:
    """Those of one endpoint in turn; Results in the order of the endpoints, whatever the order of their ends."""
    durations = {"slow": 9.0, "quick": 1.0}
    stub = Stub(lambda name: asyncio.sleep(durations[name]))
    results, told = swept(stub, [endpoint("slow", canaries=2), endpoint("quick", canaries=3)])
    assert [(r.endpoint, r.canary) for r in results] == [
        *(("slow", f"c{i}") for i in range(2)),
        *(("quick", f"c{i}") for i in range(3)),
    ]
    assert [r.endpoint for r in told] == ["quick", "quick", "quick", "slow", "slow"]
    assert [at for at, name, _ in stub.calls if name == "quick"] == pytest.approx([0.003, 1.003, 2.003])


@pytest.mark.parametrize(("concurrency", "most", "takes"), [(1, 1, 24.0), (3, 3, 8.0), (5, 5, 6.0), (100, 12, 2.0)])
def test_the_cap(concurrency: int, most: int, takes: float) -> None:
    """Never more endpoints under way than allowed, and no place is left empty while somebody waits."""
    stub = Stub(lambda _: asyncio.sleep(1.0))
    swept(stub, [endpoint(f"e{i}", canaries=2) for i in range(12)], concurrency)
    assert stub.most == most
    assert stub.calls[-1][0] + 1.0 == pytest.approx(takes, abs=12 * STAGGER + 1e-9)


def test_one_who_hangs_holds_up_nobody() -> None:
    """The others end at their times, and are told then; the one comes last, in its own place of the order."""
    stub = Stub(lambda name: asyncio.sleep(600.0 if name == "e3" else 1.0))
    results, told = swept(stub, [endpoint(f"e{i}") for i in range(10)], concurrency=4)
    assert [r.endpoint for r in results] == [f"e{i}" for i in range(10)]
    assert told[-1].endpoint == "e3"
    assert max(at for at, *_ in stub.calls) < 3.1
    assert len(told) == 10


def test_a_sweep_that_is_stopped_has_told_what_it_had() -> None:
    """Cancelled while one hangs: the other Results are with whoever was told."""
    told: list[Result] = []
    stub = Stub(lambda name: asyncio.sleep(600.0 if name == "e1" else 1.0))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10.0):
                await probe_all([endpoint(f"e{i}") for i in range(4)], stub, on_result=told.append)  # type: ignore[arg-type]  # a stub

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(main())
    assert [r.endpoint for r in told] == ["e0", "e2", "e3"]


def test_real_calls_beside_one_that_hangs() -> None:
    """Thirty providers and one that never answers: only its own call shows it."""
    with SimulatorProcess(Profile("well", ttft=0.05), Profile("stuck")) as simulator:
        simulator.set_faults("hang:profile=stuck")
        asked = [endpoint("stuck", simulator.base_url("stuck"))]
        asked += [endpoint(f"e{i}", simulator.base_url("well")) for i in range(30)]
        told: list[Result] = []
        results = asyncio.run(probe_all(asked, Prober(), on_result=told.append))
    assert [r.outcome for r in results] == [Outcome.TIMEOUT_TTFT] + [Outcome.OK] * 30
    assert told[-1].endpoint == "stuck"
    assert max(r.started_at + r.end for r in results[1:]) < results[0].started_at + results[0].end
