"""aimon's report of a locustfile's AIUsers, in one process or over all of Locust's workers.

from aimon.loadtests import AIUser, keep_report

keep_report("report", slo=["ttft_p95<2s", "error_rate<1%"])
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import locust

from aimon.loadtests.console import say
from aimon.loadtests.locust_plugin import settings
from aimon.loadtests.locust_plugin.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Sequence


def keep_report(folder: str | Path, *, slo: Sequence[str] = (), leave_out_ramp: bool = False) -> None:
    """Writes report.json, report.md and report.html for each endpoint, in a folder of its name, when a test ends.

    Call it once, in the locustfile. In a distributed test the master writes the statistics of all workers. Every test
    replaces the files of the previous one. Locust's exit code is 1 if an objective is not met.

    Args:
        folder: parent of the endpoints' folders.
        slo: objectives, as for `aimon loadtest --slo`.
        leave_out_ramp: leaves out the calls that began before all users were there, as Locust's `--reset-stats` does;
            the report says how many these were.

    Raises:
        ValueError: an objective is invalid; says what to write instead.
    """
    collector = Collector(Path(folder), slo, leave_out_ramp=leave_out_ramp)
    if settings.in_aimon():
        say("aimon loadtest: keep_report is for Locust's own command: here --out and --slo say what is reported")
        return
    events = locust.events
    for hook, listener in (
        (events.init, collector.on_init),
        (events.test_start, collector.on_start),
        (events.spawning_complete, collector.on_spawned),
        (events.request, collector.on_request),
        (events.test_stopping, collector.on_stopping),
        (events.test_stop, collector.on_stop),
        (events.quitting, collector.on_quitting),
    ):
        hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's
