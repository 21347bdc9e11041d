"""One simulator for all tests of an area, as new for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-simulated-0123456789abcdef"

PROFILES = (
    Profile("fast", ttft=0.002, itl=0.0005),
    Profile("thinker", ttft=0.002, itl=0.0005, reasoning=5, cached_share=0.5),
    Profile("hidden", ttft=0.002, itl=0.0005, reasoning=5, reasoning_visible=False),
    Profile("chunky", ttft=0.002, itl=0.0005, chunk_tokens=8, tokens=20),
    Profile("keyed", ttft=0.002, itl=0.0005, key=KEY, models={"known": {}, "long": {"tokens": 40}}),
    Profile("limited", ttft=0.002, itl=0.0005, rpm=1, burst=120, tpm=100_000),
    Profile("small", ttft=0.05, itl=0.0, tokens=1, slots=1, queue=2),
    *(Profile(vendor, vendor=vendor) for vendor in ("azure", "deepseek", "dashscope", "openrouter", "vllm")),
)


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Run one simulator for the whole session."""
    with Simulator(*PROFILES) as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    """Return the running simulator without faults, with an empty account and full buckets."""
    running.reset()
    return running
