"""What a worker runs at the times of its schedule: iterations, of one call each or of a Locust user's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.protocol.stage import Assignment, Stage

MayStart: TypeAlias = "Callable[[], float | None]"
"""Whether a user may start an iteration: seconds since the stage started, or None to end the user."""


class Users(Protocol):
    """Users of a closed loop, each with one iteration after the other."""

    def start(self) -> None:
        """Starts the users."""

    def stop(self) -> None:
        """Ends every user after its current iteration."""

    def wait(self) -> None:
        """Blocks until all users have ended."""


class Iterations(Protocol):
    """Makes the calls of iterations, and counts them with the worker's Recorder.

    Attributes:
        in_flight: calls under way, or iterations of a scenario.
        users: users of a scenario, by class.
    """

    @property
    def in_flight(self) -> int:
        """See above."""

    @property
    def users(self) -> dict[str, int]:
        """See above."""

    def offsets(self) -> Iterator[float] | None:
        """Offsets of the arrivals of a trace in seconds; None for everything else."""

    def first(self) -> FirstIteration:
        """Runs one iteration outside the counts, which says whether the run may begin."""

    def start_stage(self, epoch: float) -> None:
        """Another stage starts at `epoch`, by `time.monotonic()`."""

    def run(self, due: float, since: float, waited: float) -> None:
        """Runs one iteration of an open loop to its end.

        Args:
            due: by `time.monotonic()`.
            since: the same in seconds from the start of the stage.
            waited: seconds for which `--max-in-flight` held it up.
        """

    def closed_loop(self, more: int, stage: Stage, assignment: Assignment, may_start: MayStart) -> Users:
        """Users of a closed loop, which have not started yet.

        Args:
            more: how many.
            stage: that they are of.
            assignment: this worker's share of it.
            may_start: called before each iteration.
        """

    def stop(self, why: str | None = None) -> None:
        """Cancels what calls wait for; with `why`, ends calls under way, as prober errors that say so."""

    def close(self) -> None:
        """Closes all connections. No call may be under way."""
