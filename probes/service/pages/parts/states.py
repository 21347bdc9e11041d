"""What a page shows of a state: a kind, which has a colour and a shape, and a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Fault

if TYPE_CHECKING:
    from aimon.probes.history.queries.uptime import Segment
    from aimon.probes.service.pages.wording.words import Words

UP, DEGRADED, DOWN, ACCOUNT, MAINTENANCE, UNKNOWN = "up", "degraded", "down", "account", "maintenance", "unknown"
# In the order in which readers should see them.
KINDS = (DOWN, ACCOUNT, DEGRADED, UNKNOWN, MAINTENANCE, UP)
PROBLEMS = frozenset({DOWN, ACCOUNT, DEGRADED, UNKNOWN})
ANY_PROBLEM = "problems"

# Below this share of successes most readers would call it an outage.
_MOSTLY = 0.5


def kind_of(segment: Segment) -> str | None:
    """The kind of state of a segment; None where nothing was measured."""
    if segment.counted:
        if segment.ok == segment.counted and not segment.slow:
            return UP
        return DEGRADED if segment.ok > _MOSTLY * segment.counted else DOWN
    if segment.maintenance:
        return MAINTENANCE
    refused = any(outcome.fault in (Fault.ACCOUNT, Fault.CONFIG) for outcome, _ in segment.failures)
    return ACCOUNT if refused else None


def text_of(segment: Segment, words: Words) -> str:
    """When a segment was, how many of its probes succeeded, and what the others ended with."""
    lines = [words.stretch(segment.since, segment.until)]
    if not segment.total:
        return f"{lines[0]}\n{words.t('no probe')}"
    made = segment.total - segment.planned
    if made:
        lines.append(words.t("{ok} of {n} probes succeeded", ok=segment.ok, n=made))
    if segment.slow:
        lines.append(words.t("{n} slower than the objective", n=segment.slow))
    lines += [f"{outcome.value}: {count}" for outcome, count in segment.failures[:3]]
    if segment.planned:
        lines.append(words.t("{n} in maintenance, not counted", n=segment.planned))
    return "\n".join(lines)
