"""Carries out a Plan that comes as JSON on stdin: `python -m aimon.loadtests.run`. Started by `aimon loadtest`.

A process of its own, since gevent's loop has it. Keys come from the environment and files that the configuration
names, as everywhere, and never through arguments or the plan. The report goes to stdout, progress to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import msgspec

from aimon import config
from aimon.loadtests import publish, report, workload
from aimon.loadtests.engine.client import Client
from aimon.loadtests.engine.process import allow_connections
from aimon.loadtests.guard import Guard
from aimon.loadtests.plan import Plan
from aimon.loadtests.profiles import SEARCHES
from aimon.loadtests.record import ABORTED, COMPLETE, INTERRUPTED
from aimon.loadtests.session import MAX_IN_FLIGHT, Session
from aimon.pushgateway import PushError

GOOD, FAILED, USAGE, UNABLE, INTERRUPTED_CODE = 0, 1, 2, 3, 130
_PROGRESS = 5.0


def main() -> int:
    """Does what the plan says; the exit codes are those of aimon."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    try:
        loaded = (
            config.from_flags(**plan.flags) if plan.flags else config.load(Path(plan.config) if plan.config else None)
        )
        endpoint = config.resolve(loaded, [plan.endpoint] if plan.endpoint else [])[0]
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return USAGE
    allow_connections(MAX_IN_FLIGHT)
    client = Client(endpoint.transport)
    prices = config.price_book(loaded, [endpoint])
    make = workload.maker(endpoint, plan.prompt_tokens, plan.output_tokens)
    session = Session(plan, client, make, prices, Guard(plan.max_cost, storms=plan.profile not in SEARCHES))
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, partial(session.stop, INTERRUPTED, "it was stopped by a signal", cut=True))
    watch = gevent.spawn(_watch, session, os.getppid())
    try:
        session.perform()
    finally:
        watch.kill()
        client.close()
    built = report.build(session.run, plan, endpoint.name)
    return _deliver(built, plan, endpoint)


def _deliver(built: dict[str, Any], plan: Plan, endpoint: Any) -> int:
    code = exit_code(built)
    print(msgspec.json.encode(built).decode() if plan.as_json else report.markdown(built), flush=True)
    try:
        if plan.out is not None:
            for path in report.save(built, Path(plan.out)):
                print(f"written: {path}", file=sys.stderr)
        if plan.push is not None:
            publish.push(built, endpoint, plan.push)
    except (OSError, PushError, ValueError) as error:
        print(f"aimon loadtest: {error}", file=sys.stderr)
        code = code if code == INTERRUPTED_CODE else UNABLE
    if built["client"]["bottleneck"]:
        print(
            f"aimon loadtest: the client was the bottleneck: {'; '.join(built['client']['reasons'])}", file=sys.stderr
        )
    if code == FAILED:
        print(f"aimon loadtest: {report.verdict(built)}", file=sys.stderr)
    return code


def exit_code(built: dict[str, Any]) -> int:
    """0 good; 1 an objective was missed, nothing succeeded or the run was aborted; 130 interrupted."""
    ended = built["ended"]["how"]
    if ended == INTERRUPTED:
        return INTERRUPTED_CODE
    missed = any(not row["met"] for row in built["slo"])
    if (capacity := built["capacity"]) is not None and ended == COMPLETE:
        # The search goes beyond the objectives on purpose.
        return FAILED if capacity["rate"] is None else GOOD
    if built["limits"] is not None and ended == COMPLETE:
        return GOOD
    return FAILED if ended == ABORTED or missed or not built["requests"]["ok"] else GOOD


def _watch(session: Session, parent: int) -> None:
    """Says how it goes, and ends a run whose starter has died."""
    passed = 0.0
    while True:
        gevent.sleep(1)
        passed += 1
        if os.getppid() != parent:
            session.stop(INTERRUPTED, "the process that started it has ended", cut=True)
            return
        if passed % _PROGRESS == 0:
            tally = session.run.tally
            print(
                f"{passed:.0f} s: {tally.sent} ended, {tally.ok} ok, {session.in_flight} in flight",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
