"""Throughput and percentiles of the part of a run in which concurrency was steady."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number
from aimon.language import pick
from aimon.load_terms import SEARCHES
from aimon.loadtests.report.chart_data import quantile
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.statistics import concurrency
from aimon.loadtests.statistics.censoring import values_needed
from aimon.log_histogram import ERROR, UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_GAMMA = (1 + ERROR) / (1 - ERROR)
_FAILED = "calls failed in it, so that the times of the others would flatter"


def summarize(run: RunResult, plan: Plan) -> dict[str, Any]:
    """`steady` of report.json; all but `why` is None if there was no such part."""
    found: concurrency.SteadyInterval | None = None
    why: str | None = None
    if plan.profile in SEARCHES:
        why = "the rate changes from step to step"
    elif len({phase.rate(at) for phase in _counted(plan) for at in (0.0, phase.duration)}) > 1:
        why = "the profile changes the rate"
    else:
        found = concurrency.steady_interval([run.stats.concurrency.row(second)[0] for second in range(int(run.window))])
        why = "concurrency was not level for long enough" if found is None else None
    if found is None:
        empty = dict.fromkeys(("start_s", "seconds", "in_flight", "ok_per_s", "output_tokens_per_s"))
        return {"why": why, **empty, "times": {}}
    rows = [run.stats.concurrency.row(second) for second in range(found.start, found.end)]
    times, why = _times(run.blocks.dump(), found)
    seconds = found.end - found.start
    return {
        "why": why,
        "start_s": found.start,
        "seconds": seconds,
        "in_flight": found.in_flight,
        "ok_per_s": sum(row[1] for row in rows) / seconds,
        "output_tokens_per_s": None if run.stats.usage.amounts["without"] else sum(row[2] for row in rows) / seconds,
        "times": times,
    }


def _counted(plan: Plan) -> Sequence[Any]:
    schedule = plan.schedule
    return () if schedule is None else schedule.phases[1 if plan.warmup else 0 :]


def _times(blocks: Sequence[Mapping[str, Any]], found: concurrency.SteadyInterval) -> tuple[dict[str, Any], str | None]:
    """Percentiles of the calls that ended in the interval, in seconds; or why there are none."""
    inside = [
        block
        for block in blocks
        if block["start_s"] >= found.start and block["start_s"] + block["seconds"] <= found.end
    ]
    if any(block["sent"] != block["ok"] for block in inside):
        return {}, _FAILED
    times = {}
    for name in ("latency", "latency_from_schedule", "ttft", "tpot", "itl"):
        buckets: Counter[str] = Counter()
        for block in inside:
            buckets.update(block["series"].get(name, {"buckets": {}})["buckets"])
        if count := sum(buckets.values()):
            times[f"{name}_s"] = {
                label: quantile(buckets, share, unit=UNIT, gamma=_GAMMA) if count >= values_needed(share) else None
                for label, share in SHARES.items()
            } | {"count": count}
    return times, None


def describe(steady: dict[str, Any], *, times: bool = True) -> str:
    """In one line, with latency and TTFT."""
    if steady["start_s"] is None:
        return f"{pick('none: ', '无：')}{reason(steady['why'])}"
    end = steady["start_s"] + steady["seconds"]
    tokens = steady["output_tokens_per_s"]
    said = [
        pick("from {} to {} s: {} in flight, {}/s ok", "从 {} 到 {} 秒：并发 {}，成功 {}/s").format(
            steady["start_s"], end, format_number(steady["in_flight"], 4), format_number(steady["ok_per_s"], 4)
        ),
        *([] if tokens is None else [pick("{} tokens/s out", "输出 {} token/s").format(format_number(tokens, 4))]),
    ]
    for key, name in (("latency_s", pick("latency", "延迟")), ("ttft_s", "TTFT")) if times else ():
        if key in steady["times"]:
            found = steady["times"][key]
            known = [f"{label} {found[label] * 1e3:.1f}" for label in SHARES if found[label] is not None]
            if known:
                said.append(f"{name} {', '.join(known)} ms")
    return ", ".join(said) + (f" ({reason(steady['why'])})" if steady["why"] else "")


def rows(steady: dict[str, Any]) -> list[tuple[str, ...]]:
    """For each kind of time its key, formatted percentiles and the number of values."""
    return [
        (
            key,
            *("-" if times[share] is None else format_duration(times[share]) for share in SHARES),
            f"{times['count']:,}",
        )
        for key, times in steady["times"].items()
    ]
