"""The figures above which the general alerts fire. Those of the guide, where it names one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Seconds; money in the reporting currency; shares as ratios.

    `latency_p99` and `ttft_p95` are boundaries of their histograms, so that slow calls are counted exactly.
    """

    error_ratio: float = 0.05
    daily_cost: float = 500.0
    daily_cost_critical: float = 1000.0
    latency_p99: float = 10.0
    ttft_p95: float = 5.0
    tokens_per_minute: float = 1_000_000.0
    qps: float = 100.0
    rate_limited_per_minute: float = 10.0
    certificate_days: float = 14.0
    certificate_days_critical: float = 3.0
    budget_ratio: float = 0.8
    balance_days: float = 7.0
