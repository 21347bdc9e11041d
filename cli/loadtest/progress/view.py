"""The interface of the views of a load test, and the plain view: a line every five seconds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import floor, inf
from typing import TYPE_CHECKING, Protocol

from aimon.cli.format import money
from aimon.cli.loadtest.progress.figures import percentile, verdict
from aimon.formatting import format_rate

if TYPE_CHECKING:
    from aimon.loadtests.protocol.progress import Progress, Times

_EVERY = 5.0  # seconds between lines


@dataclass(frozen=True, slots=True)
class Subject:
    """The run that a view shows. `max_cost` is in the currency of the run."""

    endpoint: str
    profile: str
    max_cost: float | None = None


class View(Protocol):
    """Shows the progress of a run."""

    def show(self, moment: Progress) -> None:
        """Shows the state of the run."""

    def say(self, text: str) -> None:
        """Shows a message."""

    def close(self) -> None:
        """Ends the view with one line, and restores the terminal. May be called again."""


class Lines:
    """A line every five seconds of the run, on stderr."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._due = -inf
        self._last: Progress | None = None

    def show(self, moment: Progress) -> None:
        """Prints a line, if one is due."""
        self._last = moment
        if moment.elapsed >= self._due:
            self._due = (floor(moment.elapsed / _EVERY) + 1) * _EVERY
            self.say(line(self._subject, moment))

    def say(self, text: str) -> None:
        """Prints it."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Prints the end of the run."""
        if self._last is not None:
            self.say(last_line(self._last))
            self._last = None


def line(subject: Subject, moment: Progress) -> str:
    """The state of a run on one line. Times are of the calls that ended in the last seconds."""
    parts = [f"{moment.elapsed:4.0f} s"]
    if moment.phase != subject.profile:
        parts.append(moment.phase)
    if moment.asked is not None:
        parts.append(f"asked {format_rate(moment.asked)}")
    parts.append(f"started {format_rate(moment.achieved)}")
    if moment.users is not None:
        parts.append(f"users {moment.users}")
    parts += [f"in flight {moment.in_flight}", *_calls(moment), *_times(moment.now)]
    if moment.tokens_per_s:
        parts.append(f"tokens {'about ' if moment.tokens_estimated else ''}{format_rate(moment.tokens_per_s)}")
    parts += _worth(moment)
    if moment.client.get("bottleneck"):
        parts.append("THE CLIENT IS THE BOTTLENECK")
    return "  ".join(parts)


def last_line(moment: Progress) -> str:
    """The last known state on one line. Times are of the whole run."""
    return "  ".join([f"{moment.elapsed:4.0f} s", "ended", *_calls(moment), *_times(moment.overall), *_worth(moment)])


def _calls(moment: Progress) -> list[str]:
    failures = [f"{outcome} {count}" for outcome, count in moment.outcomes.items() if outcome != "ok" and count]
    return [f"ok {moment.ok}/{moment.sent}", *failures]


def _times(times: dict[str, Times]) -> list[str]:
    parts = []
    for name, label in (("latency", ""), ("ttft", "ttft ")):
        if (kind := times.get(name)) is not None and (kind.count or kind.at_least):
            # With few calls P99 is only the slowest one.
            names = ("p50",) if "p99" in kind.needs else ("p50", "p99")
            parts += [f"{label}{each} {percentile(kind, each)}" for each in names]
    return parts


def _worth(moment: Progress) -> list[str]:
    """Cost, and the objectives so far."""
    cost = [] if moment.cost is None else [f"cost {money(moment.cost, moment.currency)}"]
    return cost + [f"{row['expr']} {verdict(row)}" for row in moment.slo]
