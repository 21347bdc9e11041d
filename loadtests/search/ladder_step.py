"""One step of a ladder: what its statistics say of a concurrency. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.loadtests.search.ladder import LadderStep
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.formatting import format_slo_value
from aimon.loadtests.statistics.self_check import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.cpu_usage import CpuUsage
    from aimon.loadtests.statistics.iteration_stats import IterationStats
    from aimon.loadtests.statistics.slo import Objective


class Statistics(Protocol):
    """The statistics of a stage."""

    stats: CallStats
    by_name: dict[str, CallStats]
    iterations: IterationStats | None
    cpu_usage: CpuUsage


def judge(users: int, step: Statistics, objectives: Sequence[Objective], window: float) -> LadderStep:
    """The result of a stage with so many users, of which `window` seconds count."""
    stats, iterations = step.stats, step.iterations
    client = check(stats, step.cpu_usage.busiest)
    judged = slo.judge(objectives, stats, window, by_name=step.by_name, bottleneck=client["bottleneck"])
    missed = [row for row in judged if not row["met"]]
    latency = stats.sample("latency") if iterations is None else iterations.sample("duration")
    served = stats.served if iterations is None else iterations.served
    return LadderStep(
        concurrency=users,
        duration_s=window,
        sent=stats.sent,
        ok=stats.ok,
        iterations_per_s=_per_second(served, window),
        calls_per_s=_per_second(stats.served, window),
        output_tokens_per_s=stats.usage.summary(window)["output_per_s"],
        latency_mean_s=latency.values.mean,
        latency_p50_s=latency.known(0.5),
        latency_p95_s=latency.known(0.95),
        ttft_p50_s=stats.sample("ttft").known(0.5),
        ttft_p95_s=stats.sample("ttft").known(0.95),
        tpot_p50_s=stats.sample("tpot").known(0.5),
        met=not missed,
        why="; ".join(f"{row['expr']} was {format_slo_value(row)}" for row in missed),
        limited=bool(client["bottleneck"]),
    )


def _per_second(served: Mapping[str, float], window: float) -> float | None:
    return served["ok"] / window if window > 0 else None
