"""Who carries out the orders of a run: this process alone. `distributed.master` has the other kind: many workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.loadtests.protocol.stage import Order, Part, Report

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.loadtests.worker.worker import Worker


class Crew(Protocol):
    """One or more workers, as the session that directs them sees them.

    Attributes:
        lead: seconds from giving an order to its start, in which it reaches everybody.
        lost_calls: that were under way at workers which were lost, as far as those had told.
    """

    lead: float
    lost_calls: int

    @property
    def workers(self) -> frozenset[str]:
        """The names of those that are there."""

    def first(self) -> tuple[Result, str | None]:
        """Makes the first call of the run, and says why there should be no more; None for more."""

    def start(self, order: Order) -> None:
        """Begins an order; the one before must be done."""

    def wait(self, seconds: float) -> bool:
        """Returns True when the order is done, and False if it is not after so many seconds."""

    def reports(self) -> list[tuple[str, Report]]:
        """What happened since they were last asked for, by worker."""

    def notes(self) -> list[str]:
        """What people should know that happened since they were last asked for."""

    def stop(self, *, cut: bool) -> None:
        """Starts no more calls; with `cut`, ends those under way, too."""

    def close(self) -> None:
        """Lets everybody go home."""


class Alone:
    """The worker of this very process."""

    lead = 0.0
    lost_calls = 0
    workers = frozenset({""})

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def first(self) -> tuple[Result, str | None]:
        """See Crew."""
        return self._worker.first()

    def start(self, order: Order) -> None:
        """See Crew."""
        self._worker.start(order, Part(users=order.users, more=order.requests))

    def wait(self, seconds: float) -> bool:
        """See Crew."""
        return bool(self._worker.done.wait(seconds))

    def reports(self) -> list[tuple[str, Report]]:
        """See Crew."""
        return [("", self._worker.report())]

    def notes(self) -> list[str]:
        """See Crew."""
        return []

    def stop(self, *, cut: bool) -> None:
        """See Crew."""
        self._worker.stop(cut=cut)

    def close(self) -> None:
        """See Crew."""
        self._worker.close()
