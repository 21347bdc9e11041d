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

COMPLETE: Final = "complete"
INCOMPLETE: Final = "incomplete"
INTERRUPTED: Final = "interrupted"
ABORTED: Final = "aborted"
"""How a run ends, as its report says it."""

TRACE_UNITS: Final = ("s", "ms", "us", "ns")
MOST_TRACE_SPEED: Final = 10_000
MOST_TURNS: Final = 1000
MOST_USERS: Final = 100_000
_MOST_STEPS = 32
CONCURRENCY_PATTERN: Final = r"\s*[0-9]+\s*(\.\.\s*[0-9]+\s*|(,\s*[0-9]+\s*)*)"


def concurrencies(text: str) -> tuple[int, ...]:
    """The concurrencies of `64`, of a ladder `1,2,4,8`, or of `1..64`, which doubles from step to step.

    Raises:
        ValueError: it is not one of these; says what to write.
    """
    parts = [part.strip() for part in text.split(",")]
    first, dots, last = (part.strip() for part in text.partition(".."))
    if not all(part.isascii() and part.isdigit() for part in ((first, last) if dots else parts)):
        raise ValueError(f"{text!r} is no concurrency: write a number, such as 64, or a ladder, 1,2,4,8 or 1..64")
    steps = _doubling(int(first), int(last)) if dots else [int(part) for part in parts]
    if not all(1 <= step <= MOST_USERS for step in steps):
        raise ValueError(f"{text!r}: a concurrency is from 1 to {MOST_USERS}")
    if sorted(set(steps)) != steps:
        raise ValueError(f"{text!r}: the steps of a ladder rise: write 1,2,4,8 or 1..64")
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"{text!r}: a ladder has at most {_MOST_STEPS} steps")
    return tuple(steps)


def _doubling(first: int, last: int) -> list[int]:
    """The powers of two times `first` up to `last`, which is the last step in any case."""
    steps = [first]
    while 0 < steps[-1] < last and len(steps) <= _MOST_STEPS:
        steps.append(min(steps[-1] * 2, last))
    return steps if steps[-1] == last else [first, last]
