"""Profiles: how the load of a test goes over time. Pure."""

from __future__ import annotations

from aimon.load_terms import PROFILES
from aimon.loadtests.engine.schedule import Phase

# Seconds, where neither --duration nor --requests says.
DURATIONS = dict(zip(PROFILES, (10.0, 60.0, 120.0, 60.0, 3600.0, 120.0, 120.0), strict=True))
SMOKE_REQUESTS = 5
LADDER_STEP = 20.0
"""Seconds of one concurrency of a ladder, where neither says."""

# A search without a bound of its own goes no further than this, per second, or than so many times its first rate.
SAFE_RATE = 100.0
_SAFE_GROWTH = 4.0

_SPIKE = 4.0
_SPIKE_SHARE = 0.2


def ceiling(rate: float | None) -> float:
    """The highest rate that a search tries unless it is told another one.

    Args:
        rate: with which it begins, per second; None for what the first call suggests.
    """
    return max(SAFE_RATE, _SAFE_GROWTH * (rate or 0.0))


def phases(profile: str, rate: float, duration: float, warmup: float = 0.0) -> tuple[Phase, ...]:
    """The rates of an open loop.

    `smoke`, `steady` and `soak` hold the rate, and differ in length. `ramp` goes up to it from a tenth, evenly.
    `spike` holds it, with four times as much in the middle fifth.

    Args:
        profile: one of PROFILES but those of SEARCHES, which choose their rates while they run.
        rate: calls per second.
        duration: seconds that count.
        warmup: seconds before them.

    Raises:
        ValueError: there is no such profile.
    """
    before = (Phase(warmup, rate / 10 if profile == "ramp" else rate),) if warmup else ()
    if profile in ("smoke", "steady", "soak"):
        return (*before, Phase(duration, rate))
    if profile == "ramp":
        return (*before, Phase(duration, rate / 10, rate))
    if profile == "spike":
        calm = duration * (1 - _SPIKE_SHARE) / 2
        return (*before, Phase(calm, rate), Phase(duration * _SPIKE_SHARE, rate * _SPIKE), Phase(calm, rate))
    raise ValueError(f"profile {profile!r} has no schedule: there are {', '.join(PROFILES)}")
