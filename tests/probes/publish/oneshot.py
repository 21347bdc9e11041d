"""A one-shot run as cron starts it, with synthetic Results instead of calls.

Usage: oneshot.py SETTINGS, where SETTINGS is JSON: state, path, gateway, results (a list of changes to a_result).
Prints `ready` before it records anything and waits for a line on stdin; exits with 3 if aimon could not do its job.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import prometheus_client.exposition  # noqa: F401 - before `ready`, so that kills hit the work and not the import

from aimon.call.outcome import Outcome
from aimon.metrics.push_error import PushError
from aimon.metrics.pushgateway import Gateway
from aimon.probes.history.database import HistoryError
from aimon.probes.publish.publish import push
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.open_state import open_state
from results import QWEN, a_result


def main() -> int:
    """Count the results and push."""
    settings = json.loads(sys.argv[1])
    results = [a_result(Outcome(changes.pop("outcome", "ok")), **changes) for changes in settings["results"]]
    gateway = Gateway.parse(settings["gateway"], timeout=5)
    monitored = [
        MonitoredEndpoint(
            QWEN, interval=60, currency="CNY", daily_budget=5, latency_slo=(4.0,), labels={"team": "search"}
        )
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        state = open_state(
            settings["state"], monitored, path=Path(settings["path"]) if settings["path"] else None, gateway=gateway
        )
        state.record(results)
        push(state, gateway, region=QWEN.region, owner="aimon.yaml")
        state.close()
    except (PushError, HistoryError) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
