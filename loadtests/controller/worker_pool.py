"""The workers of a run, as its controller sees them; LocalWorker is this process, `distributed.master` has many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.loadtests.protocol.stage import Assignment, Stage, StatsDelta

if TYPE_CHECKING:
    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.worker.worker import Worker


class WorkerPool(Protocol):
    """One or more workers.

    Attributes:
        lead_time: seconds between sending a stage and its start, so that it reaches all workers.
        lost_calls: calls under way at workers that were lost, by their last statistics.
    """

    lead_time: float
    lost_calls: int

    @property
    def workers(self) -> frozenset[str]:
        """The names of the workers that are ready."""

    def run_first(self) -> FirstIteration:
        """Runs the first iteration, outside the counts."""

    def start(self, stage: Stage) -> None:
        """Starts a stage. The stage before must be done."""

    def wait(self, seconds: float) -> bool:
        """Waits at most so many seconds for the end of the stage; returns whether it has ended."""

    def deltas(self) -> list[tuple[str, StatsDelta]]:
        """Statistics since the last call of this method, with the name of the worker."""

    def notes(self) -> list[str]:
        """Messages for the user since the last call of this method."""

    def stop(self, *, cut: bool) -> None:
        """Starts no more calls; with `cut`, ends those under way, too."""

    def close(self) -> None:
        """Disconnects all workers."""


class LocalWorker:
    """The worker in this process."""

    lead_time = 0.0
    lost_calls = 0
    workers = frozenset({""})

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def run_first(self) -> FirstIteration:
        """See WorkerPool."""
        return self._worker.run_first()

    def start(self, stage: Stage) -> None:
        """See WorkerPool."""
        self._worker.start(
            stage, Assignment(users=stage.users, max_in_flight=stage.max_in_flight, extra_requests=stage.requests)
        )

    def wait(self, seconds: float) -> bool:
        """See WorkerPool."""
        return bool(self._worker.done.wait(seconds))

    def deltas(self) -> list[tuple[str, StatsDelta]]:
        """See WorkerPool."""
        return [("", self._worker.take_delta())]

    def notes(self) -> list[str]:
        """See WorkerPool."""
        return []

    def stop(self, *, cut: bool) -> None:
        """See WorkerPool."""
        self._worker.stop(cut=cut)

    def close(self) -> None:
        """See WorkerPool."""
        self._worker.close()
