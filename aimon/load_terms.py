"""The fixed words of load tests and their bounds: the configuration, the command line and the engine share them."""

from __future__ import annotations

from typing import Final

PROFILES: Final = ("smoke", "steady", "ramp", "spike", "soak", "capacity", "limits")
SEARCHES: Final = ("capacity", "limits")
"""Profiles that choose their rates while they run."""

CONSTANT: Final = "constant"
POISSON: Final = "poisson"
GAMMA: Final = "gamma"
ARRIVALS: Final = (POISSON, CONSTANT, GAMMA)

TRACE_UNITS: Final = ("s", "ms", "us", "ns")
MOST_TRACE_SPEED: Final = 10_000
MOST_TURNS: Final = 1000
