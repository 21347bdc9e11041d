"""The gauges of a load test: while it runs, and its results, which a Pushgateway keeps until the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.metrics import definitions
from aimon.metrics.totals import Gauges
from aimon.objectives import NOT_JUDGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.progress import Progress

JOB = "aimon-loadtest"
LASTING = (definitions.LOADTEST_CAPACITY, definitions.LOADTEST_LIMIT_REQUESTS, definitions.LOADTEST_LIMIT_TOKENS)
"""Results of searches: they stay until the next search of that kind, whatever other load tests run in between."""


def progress_gauges(moment: Progress, endpoint: Endpoint, *, run: str, profile: str) -> Gauges:
    """Gauges of a running load test; missing values are omitted.

    Args:
        moment: its progress.
        endpoint: the endpoint under test.
        run: start of the run as unix time in whole seconds, its label.
        profile: the profile of the run.
    """
    values = {
        definitions.LOADTEST_TARGET_RATE: moment.asked,
        definitions.LOADTEST_ACHIEVED_RATE: moment.achieved,
        definitions.LOADTEST_CLIENT_LAG: moment.client.get("lag_p99_s"),
        definitions.LOADTEST_USERS: moment.users,
        definitions.LOADTEST_IN_FLIGHT: moment.in_flight,
    }
    return _gauges(values, moment.slo, endpoint, run, profile)


def report_gauges(report: dict[str, Any], endpoint: Endpoint, *, run: str | None = None) -> Gauges:
    """Gauges of a report; missing values are omitted.

    Args:
        report: the values of report.json.
        endpoint: the endpoint under test.
        run: the run's label while it ran; by default the report's start.
    """
    values = {
        definitions.LOADTEST_TARGET_RATE: report["rate"]["asked"],
        definitions.LOADTEST_ACHIEVED_RATE: report["rate"]["achieved"],
        definitions.LOADTEST_CLIENT_LAG: report["client"]["lag_p99_s"],
        definitions.LOADTEST_CAPACITY: (report["capacity"] or {}).get("rate"),
        definitions.LOADTEST_LIMIT_REQUESTS: (report["limits"] or {}).get("requests_per_s"),
        definitions.LOADTEST_LIMIT_TOKENS: (report["limits"] or {}).get("tokens_per_min"),
        definitions.LOADTEST_USERS: report["config"]["concurrency"],
        definitions.LOADTEST_IN_FLIGHT: 0,
    }
    return _gauges(values, report["slo"], endpoint, run or str(int(report["started_at"])), report["profile"])


def _gauges(
    values: Mapping[str, float | None], slo: Iterable[Mapping[str, Any]], endpoint: Endpoint, run: str, profile: str
) -> Gauges:
    target = endpoint.target
    labels = {
        "endpoint": endpoint.name,
        "model": target.model,
        "provider": target.provider,
        "region": endpoint.region,
    }
    found = Gauges()
    for name, value in values.items():
        if value is not None:
            found.set(name, value, **labels)
    for row in slo:
        if row.get("verdict") == NOT_JUDGED:
            continue
        found.set(definitions.LOADTEST_SLO_MET, float(row["met"]), **labels, slo=row["expr"])
    found.set(definitions.LOADTEST_RUN_INFO, 1, **labels, run=run, profile=profile)
    found.set(definitions.LOADTEST_START, float(run), **labels, profile=profile)
    return found
