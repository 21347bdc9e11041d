"""Who carries out the stages of a run: this process alone. `distributed.master` has the other kind: many workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.loadtests.protocol.stage import Assignment, Stage, StatsDelta

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.loadtests.worker.worker import Worker


class WorkerPool(Protocol):
    """One or more workers, as the controller that directs them sees them.

    Attributes:
        lead_time: seconds from giving an stage to its start, in which it reaches everybody.
        lost_calls: that were under way at workers which were lost, as far as those had told.
    """

    lead_time: float
    lost_calls: int

    @property
    def workers(self) -> frozenset[str]:
        """The names of those that are there."""

    def run_first_call(self) -> tuple[Result, str | None]:
        """Makes the first call of the run, and says why there should be no more; None for more."""

    def start(self, stage: Stage) -> None:
        """Begins an stage; the one before must be done."""

    def wait(self, seconds: float) -> bool:
        """Returns True when the stage is done, and False if it is not after so many seconds."""

    def deltas(self) -> list[tuple[str, StatsDelta]]:
        """What happened since they were last asked for, by worker."""

    def notes(self) -> list[str]:
        """What people should know that happened since they were last asked for."""

    def stop(self, *, cut: bool) -> None:
        """Starts no more calls; with `cut`, ends those under way, too."""

    def close(self) -> None:
        """Lets everybody go home."""


class LocalWorker:
    """The worker of this very process."""

    lead_time = 0.0
    lost_calls = 0
    workers = frozenset({""})

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def run_first_call(self) -> tuple[Result, str | None]:
        """See WorkerPool."""
        return self._worker.run_first_call()

    def start(self, stage: Stage) -> None:
        """See WorkerPool."""
        self._worker.start(stage, Assignment(users=stage.users, extra_requests=stage.requests))

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
