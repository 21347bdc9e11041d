"""Whether the client, and not the endpoint, limited what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.loadtests.statistics.histogram import UNIT

if TYPE_CHECKING:
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.histogram import Histogram

# Beyond 95 % of a core the client's own queues grow; measured against a server that logs its writes.
_CPU = 0.92
_LAG = 0.010
_LATENESS = 0.010
# With fewer values than that the 99th percentile is the worst one, which may be chance: then the median tells.
_ENOUGH = 100


# A number of which the client's own lag is so large a share says nothing of the endpoint.
_OWN = 0.5
# So many gaps of no length, while the loop was later than the mean gap, are chunks that waited for the client together.
_COALESCED = 0.01


def check(stats: CallStats, cpu: float) -> dict[str, Any]:
    """`{bottleneck, reasons, lag_p99_s, start_lateness_p99_s, cpu}`.

    Args:
        stats: what was counted.
        cpu: the share of one core that the process used.
    """
    lag = stats.series["lag"].quantile(0.99)
    lateness = stats.series["start_lateness"].quantile(0.99)
    reasons = []
    if cpu > _CPU:
        reasons.append(f"the client used {cpu:.0%} of its core")
    for what, series, most in (
        ("the client's event loop was", stats.series["lag"], _LAG),
        ("calls started", stats.series["start_lateness"], _LATENESS),
    ):
        share, name = (0.99, "99th percentile") if series.count >= _ENOUGH else (0.5, "median")
        late = series.quantile(share)
        if late is not None and late > most:
            reasons.append(f"{what} {late * 1e3:.0f} ms late at the {name}")
    # A connection that the server was resetting is nobody's overload.
    if failed := stats.unmeasured - stats.counts["stale"]:
        reasons.append(f"{failed} calls failed in the client itself")
    if missed := stats.counts["not_started"]:
        reasons.append(f"{missed} calls could not be started, since too many were under way")
    return {
        "bottleneck": bool(reasons),
        "reasons": reasons,
        "lag_p99_s": lag,
        "start_lateness_p99_s": lateness,
        "cpu": cpu,
    }


def distorted(stats: CallStats, name: str, column: str | float, value: float) -> bool:
    """Whether a number of a client that was the bottleneck is known to be the client's own, and not only suspect.

    Args:
        stats: what was counted.
        name: of the series.
        column: a share for a percentile, or `mean` or `max`.
        value: what was counted for that, in seconds.
    """
    lag = stats.series["lag"]
    if name == "itl":
        # Late reads make some gaps vanish and others longer; their mean stays.
        return column != "mean" and _coalesced(stats)
    own = _column(lag, column)
    if name == "latency_from_schedule":
        own += _column(stats.series["start_lateness"], column)
    elif name == "tpot":
        own *= stats.series["tpot"].count / max(1, stats.series["itl"].count)
    return own >= _OWN * value


def _coalesced(stats: CallStats) -> bool:
    gaps, lag = stats.series["itl"], stats.series["lag"].quantile(0.99)
    if not gaps.count or lag is None or lag < (gaps.mean or 0.0):
        return False
    return gaps.count - gaps.count_above(UNIT) >= _COALESCED * gaps.count


def _column(series: Histogram, column: str | float) -> float:
    found = series.quantile(column) if isinstance(column, float) else getattr(series, column)
    return found or 0.0
