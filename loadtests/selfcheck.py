"""Whether the client, and not the endpoint, limited what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.statistics.tally import Tally

# Beyond 95 % of a core the client's own queues grow; measured against a server that logs its writes.
_CPU = 0.92
_LAG = 0.010
_LATENESS = 0.010
# With fewer values than that the 99th percentile is the worst one, which may be chance: then the median tells.
_ENOUGH = 100


def check(tally: Tally, cpu: float) -> dict[str, Any]:
    """`{bottleneck, reasons, lag_p99_s, start_lateness_p99_s, cpu}`.

    Args:
        tally: what was counted.
        cpu: the share of one core that the process used.
    """
    lag = tally.series["lag"].quantile(0.99)
    lateness = tally.series["start_lateness"].quantile(0.99)
    reasons = []
    if cpu > _CPU:
        reasons.append(f"the client used {cpu:.0%} of its core")
    for what, series, most in (
        ("the client's event loop was", tally.series["lag"], _LAG),
        ("calls started", tally.series["start_lateness"], _LATENESS),
    ):
        share, name = (0.99, "99th percentile") if series.count >= _ENOUGH else (0.5, "median")
        late = series.quantile(share)
        if late is not None and late > most:
            reasons.append(f"{what} {late * 1e3:.0f} ms late at the {name}")
    if missed := tally.counts["not_started"]:
        reasons.append(f"{missed} calls could not be started, since too many were under way")
    return {
        "bottleneck": bool(reasons),
        "reasons": reasons,
        "lag_p99_s": lag,
        "start_lateness_p99_s": lateness,
        "cpu": cpu,
    }
