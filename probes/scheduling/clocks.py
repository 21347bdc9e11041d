"""The three clocks of the scheduler, and what it means when they move apart.

Waiting is on the monotonic clock, which nobody sets; the times of probes are on the wall clock. When the wall clock is
set, or the machine was suspended, the times in seconds of the monotonic clock are wrong, and are computed anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

# A wall clock that NTP slews moves by less than this in a second.
STEP = 1.0


class Clock:
    """The machine's clocks, in seconds."""

    def monotonic(self) -> float:
        """Since some point in the past; stands still while the machine is suspended (on Linux)."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix time."""
        return time.time()

    def since_boot(self) -> float:
        """As the monotonic clock, with the time that the machine was suspended, where the system tells it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock moved by `wall` seconds more than time passed; `suspended` of them the machine slept."""

    wall: float
    suspended: float


class ClockWatch:
    """Tells when the wall clock was set or the machine was suspended, when asked often enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall_ahead, self._boot_ahead = self._differences()

    def check(self) -> Jump | None:
        """What has happened since the last check; None if nothing has."""
        wall_ahead, boot_ahead = self._differences()
        jump = Jump(wall_ahead - self._wall_ahead, max(0.0, boot_ahead - self._boot_ahead))
        self._wall_ahead, self._boot_ahead = wall_ahead, boot_ahead
        return jump if abs(jump.wall) >= STEP or jump.suspended >= STEP else None

    def _differences(self) -> tuple[float, float]:
        now = self._clock.monotonic()
        return self._clock.wall() - now, self._clock.since_boot() - now
