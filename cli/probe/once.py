"""One run of `aimon probe`: probes, records, shows and publishes; returns the exit code."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from aimon import __version__, files
from aimon.call.containment import contained
from aimon.call.outcome import Outcome
from aimon.cli import console
from aimon.cli.exits import FAILED, GOOD, INTERRUPTED, UNABLE
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges
from aimon.probes.probe import Prober
from aimon.probes.probe_all import probe_all
from aimon.probes.publish import publish
from aimon.probes.publish.recorder import PublishError
from aimon.probes.state.monitored import MonitoredEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.cli.probe.options import ProbeOptions
    from aimon.config.endpoint import Endpoint
    from aimon.probes.publish.recorder import Recorder
    from aimon.probes.selection import Selection


def run_once(selection: Selection, recorder: Recorder, options: ProbeOptions) -> int:
    """Probes every endpoint of the selection once; returns the exit code.

    Results from before an interrupt are shown and recorded too.
    """
    unable = not announce(selection, recorder)
    results: list[Result] = []
    prober = Prober(redactor=selection.redactor(), spent=spending(selection, recorder))
    interrupted = False
    try:
        asyncio.run(probe_all(selection.endpoints, prober, concurrency=options.concurrency, on_result=results.append))
    except KeyboardInterrupt:
        interrupted = True
        done = {result.endpoint for result in results}
        left_out = sum(endpoint.name not in done for endpoint in selection.endpoints)
        console.note(f"interrupted: {len(results)} results are kept, {left_out} endpoints were not finished")
    results = showable(recorder.price(_in_order(results, selection.endpoints)), recorder, options)
    # Recorded first: results are kept even if later steps fail.
    try:
        results = recorder.record(results)
    except PublishError as error:
        console.note(f"aimon: {error}")
        unable = True
    try:
        show(results, options)
    except BrokenPipeError:
        # The pipe is closed (`| head`); recording and publishing continue.
        console.mute()
    except OSError as error:
        console.mute()
        console.note(f"aimon: stdout can't be written: {error.strerror}")
        unable = True
    if options.junit is not None:
        unable |= not _done(lambda: write_junit(results, options))
    unable |= not _done(lambda: recorder.publish(build_info()))
    return _exit_code(results, interrupted=interrupted, unable=unable)


def _done(step: Callable[[], None]) -> bool:
    """Runs one step and reports its failure; returns whether it succeeded."""
    try:
        step()
    except PublishError as error:
        console.note(f"aimon: {error}")
        return False
    return True


def build_info() -> Gauges:
    """The version of aimon, as a gauge."""
    gauges = Gauges()
    gauges.set(definitions.BUILD_INFO, 1, version=__version__)
    return gauges


def announce(selection: Selection, recorder: Recorder) -> bool:
    """Pushes new endpoints at 0 before their first probe; returns whether that succeeded."""
    from aimon.metrics.push_error import PushError
    from aimon.probes.history.database import HistoryError

    if recorder.gateway is None or recorder.owner is None:
        return True
    try:
        publish.announce(recorder.state, recorder.gateway, region=selection.region, owner=recorder.owner)
    except (PushError, HistoryError) as error:
        console.note(f"aimon: {error}")
        return False
    return True


def spending(selection: Selection, recorder: Recorder) -> Callable[[Endpoint], float]:
    """The spending of each endpoint today, read once before the run."""
    from aimon.metrics.push_error import PushError

    spent: dict[str, float] = {}
    for endpoint in selection.endpoints:
        if endpoint.budget is not None:
            try:
                spent[endpoint.name] = recorder.state.spent_today(
                    MonitoredEndpoint.of(endpoint, selection.currency), time.time()
                )
            except PushError as error:
                # Probing continues: one probe costs little, and the gateway's failure has its own exit code.
                console.note(f"aimon: what was spent today is not known: {error}")
                break
    return lambda endpoint: spent.get(endpoint.name, 0.0)


def showable(results: Sequence[Result], recorder: Recorder, options: ProbeOptions) -> list[Result]:
    """The Results; a `prober_error` replaces one that can't be shown, so that the others are."""
    if options.as_json:
        from aimon.probes.result_json import as_line as shown
    else:
        from aimon.cli.probe.table import cells as shown  # type: ignore[assignment]

    def attempt(result: Result) -> None:
        shown(result)

    return [contained("shown", result, attempt, redactor=recorder.redactor) for result in results]


def show(results: Sequence[Result], options: ProbeOptions) -> None:
    """Prints the Results as asked for.

    Raises:
        OSError: stdout can't be written: its pipe is closed, or its disk is full.
    """
    if options.as_json:
        from aimon.probes.result_json import as_line

        console.write_data(b"".join(as_line(result) + b"\n" for result in results))
    else:
        from aimon.cli.probe import table

        table.show(results)
    sys.stdout.flush()


def write_junit(results: Sequence[Result], options: ProbeOptions) -> None:
    """Writes the JUnit file.

    Raises:
        PublishError: it can't be written.
    """
    from aimon.cli.probe import junit

    assert options.junit is not None  # noqa: S101 - the caller has looked
    try:
        junit.write(options.junit, results)
    except OSError as error:
        raise PublishError(f"the JUnit file is not written: {files.problem(error)}") from error


def _in_order(results: Sequence[Result], endpoints: Sequence[Endpoint]) -> list[Result]:
    places = {endpoint.name: i for i, endpoint in enumerate(endpoints)}
    return sorted(results, key=lambda result: places[result.endpoint])


def _exit_code(results: Sequence[Result], *, interrupted: bool, unable: bool) -> int:
    if interrupted:
        return INTERRUPTED
    if unable or any(result.outcome is Outcome.PROBER_ERROR for result in results):
        return UNABLE
    bad = any(result.outcome not in (Outcome.OK, Outcome.BUDGET_SKIPPED) for result in results)
    return FAILED if bad else GOOD
