"""One endpoint in the scheduler: when it is due, and whether it is being probed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aimon.probes.scheduling.times import times_of

if TYPE_CHECKING:
    import asyncio

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.scheduling.times import Times
    from aimon.probes.transcript import Transcript

# Seconds past its time after which an endpoint that has not been probed is overdue, beside the limits of its calls.
_GRACE = 60.0


class Entry:
    """State of one endpoint.

    Attributes:
        endpoint: as it is configured.
        failing: whether its last probe failed, so that `interval_failing` holds.
        due: when it is to be probed next, in seconds of the monotonic clock.
        planned: the same in unix time.
        apart: seconds after it within which no other time of its own is wanted.
        not_before: unix time that its next time of its own must be after.
        overdue: when it has hung for too long, on the same clock.
        timer: fires at `due`.
        transcripts: where the probe under way notes its exchanges, if it is to.
        probe: the probe that waits for a place or is under way; None if there is none.
    """

    __slots__ = (
        "apart",
        "due",
        "endpoint",
        "failing",
        "not_before",
        "overdue",
        "planned",
        "probe",
        "timer",
        "times",
        "transcripts",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.failing = False
        self.times: Times = times_of(endpoint)
        self.due = math.inf
        self.planned = math.inf
        self.apart = 0.0
        self.not_before = 0.0
        self.overdue = math.inf
        self.timer: asyncio.TimerHandle | None = None
        self.transcripts: list[Transcript] | None = None
        self.probe: asyncio.Future[list[Result]] | None = None

    def expect_by(self, at: float) -> None:
        """Its probe that starts at that time, or has, must end in time."""
        endpoint = self.endpoint
        self.overdue = at + min(endpoint.interval, _GRACE) + endpoint.timeouts.total * len(endpoint.canaries)

    def note(self, results: list[Result]) -> bool:
        """Takes over how its last probe went; returns whether its times are others now.

        A probe that was not made says nothing.
        """
        outcomes = [result.outcome for result in results if result.outcome.fault != "prober"]
        failing = any(outcome.fault is not None for outcome in outcomes) if outcomes else self.failing
        self.failing = failing
        return self.renew_times()

    def renew_times(self) -> bool:
        """Its times by its configuration and how it is; returns whether they are others now."""
        before, self.times = self.times, times_of(self.endpoint, failing=self.failing)
        if self.times == before:
            return False
        self.not_before = 0.0
        return True

    def next_transcript(self) -> Transcript:
        """Where the next exchange is noted."""
        from aimon.probes.transcript import Transcript  # noqa: PLC0415 - only for people who look into a failure

        transcript = Transcript()
        if self.transcripts is not None:
            self.transcripts.append(transcript)
        return transcript

    def cancel(self) -> None:
        """Lets its timer not fire any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
