"""Whether the client, and not the endpoint, limited what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.statistics.tally import Tally

# Beyond 95 % of a core the client's own queues grow; measured against a server that logs its writes.
_CPU = 0.92
_LAG = 0.010
_LATENESS = 0.010


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
    if lag is not None and lag > _LAG:
        reasons.append(f"the client's event loop was {lag * 1e3:.0f} ms late at the 99th percentile")
    if lateness is not None and lateness > _LATENESS:
        reasons.append(f"calls started {lateness * 1e3:.0f} ms late at the 99th percentile")
    if missed := tally.counts["not_started"]:
        reasons.append(f"{missed} calls could not be started, since too many were under way")
    return {
        "bottleneck": bool(reasons),
        "reasons": reasons,
        "lag_p99_s": lag,
        "start_lateness_p99_s": lateness,
        "cpu": cpu,
    }
