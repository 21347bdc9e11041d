"""Whether the client, and not the endpoint, limited what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.log_histogram import UNIT

if TYPE_CHECKING:
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.histogram import Histogram

# Above 95 % of a core the client's own queues grow, as measured against a server that logs its writes.
_CPU = 0.92
_LAG = 0.010
_LATENESS = 0.010
# With fewer values the 99th percentile is the maximum, which may be chance: the median decides.
_ENOUGH = 100


# A value of which the client's own lag is at least this share says nothing of the endpoint.
_OWN = 0.5
# Share of zero gaps, with a lag above the mean gap, from which on chunks were read together by a late client.
_COALESCED = 0.01


def check(stats: CallStats, cpu: float) -> dict[str, Any]:
    """`{bottleneck, reasons, lag_p99_s, start_lateness_p99_s, cpu}`.

    Args:
        stats: statistics of the calls.
        cpu: the share of a core that the busiest process used.
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
    # A connection being reset by the server is no sign of overload.
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
    """Whether a client that was the bottleneck certainly distorted a value, and did not only make it suspect.

    Args:
        stats: statistics of the calls.
        name: the series.
        column: the share of a percentile, or `mean` or `max`.
        value: the measured value, in seconds.
    """
    lag = stats.series["lag"]
    if name == "itl":
        # Late reads shorten some gaps and lengthen others; the mean stays.
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
