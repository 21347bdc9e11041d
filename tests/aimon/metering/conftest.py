"""A meter of its own for each test, and one simulator for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.metering import default
from aimon.simulator import Profile, Simulator
from metered import Metered

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-metered-0123456789abcdef"
PRICES = {"gpt-*": {"input": 1.0, "output": 2.0, "cached_input": 0.5}}


@pytest.fixture
def metered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Metered:
    """The meter of this process, fresh, in yuan, with a price for gpt-* models.

    It keeps the Results, and so counts calls at once; with the parameter "later" it does neither.
    """
    kept = Metered()
    listeners = () if getattr(request, "param", None) == "later" else (kept.results.append,)
    chosen = default.read(prices=PRICES, currency="CNY", on_result=listeners, environ={})
    monkeypatch.setattr(default, "_meter", None)
    default.use(chosen)
    return kept


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Run one simulator for the whole session."""
    with Simulator(
        Profile("fast", ttft=0.003, itl=0.0005, key=KEY),
        Profile("thinker", ttft=0.003, itl=0.0005, reasoning=5, cached_share=0.5),
    ) as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    """Return the running simulator without faults, with an empty account."""
    running.reset()
    return running
