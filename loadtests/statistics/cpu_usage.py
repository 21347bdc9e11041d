"""How busy the processes of a run are. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class CpuUsage:
    """Processor time of each worker, and the time that passed meanwhile, in seconds."""

    def __init__(self, parts: Iterable[CpuUsage] = ()) -> None:
        self._spent: dict[str, tuple[float, float]] = {}
        for part in parts:
            for worker, (cpu, wall) in part._spent.items():  # noqa: SLF001 - the same class
                self.add(worker, cpu, wall)

    def add(self, worker: str, cpu: float, wall: float) -> None:
        """A worker has spent so much processor time in so much time."""
        before = self._spent.get(worker, (0.0, 0.0))
        self._spent[worker] = before[0] + cpu, before[1] + wall

    @property
    def busiest(self) -> float:
        """The share of a core that the busiest worker used: 0 for none, 1 for a whole core."""
        return max((cpu / wall for cpu, wall in self._spent.values() if wall > 0), default=0.0)
