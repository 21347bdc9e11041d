"""CPU usage of the worker processes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class CpuUsage:
    """CPU seconds of each worker, and the wall-clock seconds in which it used them."""

    def __init__(self, parts: Iterable[CpuUsage] = ()) -> None:
        self._spent: dict[str, tuple[float, float]] = {}
        for part in parts:
            for worker, (cpu, wall) in part._spent.items():  # noqa: SLF001 - the same class
                self.add(worker, cpu, wall)

    def add(self, worker: str, cpu: float, wall: float) -> None:
        """Adds `cpu` seconds that a worker used in `wall` seconds."""
        before = self._spent.get(worker, (0.0, 0.0))
        self._spent[worker] = before[0] + cpu, before[1] + wall

    @property
    def busiest(self) -> float:
        """Share of a core that the busiest worker used, from 0 to 1."""
        return max((cpu / wall for cpu, wall in self._spent.values() if wall > 0), default=0.0)
