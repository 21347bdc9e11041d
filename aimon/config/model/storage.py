"""What is kept of the past and for how long, and programs that report in by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aimon.config.model.sections import Section, ValueType, key, rule
from aimon.config.model.values.types import DURATION, NAME, TEMPLATE, TEXT
from aimon.config.yaml.issues import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS: Final = {"MB": 1_000_000, "GB": 1_000_000_000}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(MB|GB)")
LEAST_SIZE: Final = 20_000_000


def size(value: object) -> int:
    """Bytes, from a text such as `500MB` or `2GB`.

    Raises:
        ValueError: not one; the message says what to write.
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a size such as 500MB or 2GB")
    found = round(float(match[1]) * _UNITS[match[2]])
    if found < LEAST_SIZE:
        raise ValueError(f"at least {size_text(LEAST_SIZE)}: the newest results of all endpoints must have room")
    return found


def size_text(value: int) -> str:
    """Writes bytes the way `size` reads them."""
    unit = "GB" if value % _UNITS["GB"] == 0 else "MB"
    return f"{value / _UNITS[unit]:.6f}".rstrip("0").rstrip(".") + unit


SIZE = ValueType(size, {"type": "string", "pattern": f"^{_SIZE.pattern}$"}, size_text)


class HistorySection(Section):
    """How long the history keeps what. Older entries are deleted, and the oldest ones when the file gets too large."""

    details: float = key(
        DURATION, "Successes in full, with the text of the answer.", default=7 * 86_400.0, example="7d"
    )
    results: float = key(
        DURATION,
        "Successes as figures (time, outcome, latency, TTFT); longer windows are made of roll-ups.",
        default=35 * 86_400.0,
        example="35d",
    )
    failures: float = key(DURATION, "Failures, in full.", default=180 * 86_400.0, example="180d")
    rollups: float = key(DURATION, "Counts and histograms by day.", default=366 * 86_400.0, example="366d")
    max_size: int = key(
        SIZE,
        "Maximum size of the file; beyond it the oldest entries are deleted, failures last.",
        default=1_000_000_000,
        example="500MB",
    )


@rule(HistorySection)
def history(written: HistorySection) -> Iterator[Issue]:
    """Results are kept at least as long as their details; failures and roll-ups at least as long as results."""
    if written.results < 86_400:
        yield Issue(("results",), "at least 1d: the windows of an hour and a day are made of single results")
    for shorter, longer in (("details", "results"), ("results", "failures"), ("results", "rollups")):
        if getattr(written, longer) < getattr(written, shorter):
            yield Issue((longer,), f"shorter than {shorter}: make it at least as long")


class HeartbeatSection(Section):
    """A program that reports in by itself (POST /api/v1/heartbeat/NAME), and is down when it falls silent."""

    name: str = key(NAME, "Its name; unique, and none of an endpoint.", required=True, example="nightly-batch")
    every: float = key(DURATION, "How often it reports in.", required=True, example="1h")
    grace: float = key(DURATION, "How late a report may be.", default=60.0, example="5m")
    title: str | None = key(TEXT, "What it is, for the status page.", example="Nightly evaluation")
    token_file: str | None = key(
        TEMPLATE,
        "A file that holds its token, which it sends as `Authorization: Bearer …`; that of the service by default.",
        example="/run/secrets/nightly-token",
    )
