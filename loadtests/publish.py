"""The metrics of a load test, for a Pushgateway: what it found stays there until the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon import export, families, pushgateway
from aimon.metrics import Gauges

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint

JOB = "aimon-loadtest"


def gauges(report: dict[str, Any], endpoint: Endpoint) -> Gauges:
    """The report as gauges; what there was none of is left out."""
    target = endpoint.target
    labels = {
        "endpoint": endpoint.name,
        "model": target.model,
        "provider": target.provider,
        "region": endpoint.region,
    }
    values = {
        families.LOADTEST_TARGET_RATE: report["rate"]["asked"],
        families.LOADTEST_ACHIEVED_RATE: report["rate"]["achieved"],
        families.LOADTEST_CLIENT_LAG: report["client"]["lag_p99_s"],
        families.LOADTEST_CAPACITY: (report["capacity"] or {}).get("rate"),
        families.LOADTEST_LIMIT_REQUESTS: (report["limits"] or {}).get("requests_per_s"),
        families.LOADTEST_LIMIT_TOKENS: (report["limits"] or {}).get("tokens_per_min"),
        families.LOADTEST_USERS: report["config"]["concurrency"],
    }
    found = Gauges()
    for name, value in values.items():
        if value is not None:
            found.set(name, value, **labels)
    for row in report["slo"]:
        found.set(families.LOADTEST_SLO_MET, float(row["met"]), **labels, slo=row["expr"])
    run = str(int(report["started_at"]))
    found.set(families.LOADTEST_RUN_INFO, 1, **labels, run=run, profile=report["profile"])
    return found


def push(report: dict[str, Any], endpoint: Endpoint, url: str) -> None:
    """Replaces the endpoint's group of the job.

    Raises:
        ValueError: that is no address of a Pushgateway.
        PushError: the gateway could not be reached, or refused.
    """
    gateway = pushgateway.Gateway.parse(url)
    bodies = export.push_bodies(None, gauges(report, endpoint), job=JOB, region=endpoint.region)
    pushgateway.push(gateway, bodies)
