"""`--every`: probes periodically, and records and publishes the results, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from aimon.cli import console
from aimon.cli.exits import GOOD, INTERRUPTED, READER_GONE, UNABLE, Stop
from aimon.cli.probe.once import announce, build_info, showable
from aimon.cli.probe.repeats import Repeats
from aimon.metrics import definitions
from aimon.network.server.listen import HEALTH, Listener, why_not
from aimon.probes.probe import Prober
from aimon.probes.publish import publish
from aimon.probes.publish.recorder import PublishError
from aimon.probes.scheduling.scheduler import HEARTBEAT, Scheduler
from aimon.probes.state.monitored import MonitoredEndpoint

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.cli.probe.live import LiveTable
    from aimon.cli.probe.options import ProbeOptions
    from aimon.config.endpoint import Endpoint
    from aimon.metrics.totals import Gauges
    from aimon.network.server.listen import Page
    from aimon.probes.publish.recorder import Recorder
    from aimon.probes.selection import Selection

# Seconds in which results are gathered for one push.
GATHER = 2.0
# With an older heartbeat the prober counts as hanging.
STALE = 10 * HEARTBEAT


def run_loop(selection: Selection, recorder: Recorder, options: ProbeOptions) -> int:
    """Probes until SIGTERM or SIGHUP (exit code 0), or Ctrl-C (130); running probes finish first, and are recorded."""
    announce(selection, recorder)
    return asyncio.run(_Loop(selection, recorder, options).run())


class _Loop:
    def __init__(self, selection: Selection, recorder: Recorder, options: ProbeOptions) -> None:
        self._currency = selection.currency
        self._endpoints = selection.endpoints
        self._recorder = recorder
        self._options = options
        self._lost = False  # without the state, later pushes lack the Result
        self._trouble = ""
        self._repeats = Repeats()
        self._table: LiveTable | None = None
        self._published = True
        self._mute = False
        self._unread = False  # stdout is closed
        self._interrupted = False
        self._fresh = asyncio.Event()
        self._closing = asyncio.Event()
        prober = Prober(redactor=selection.redactor(), spent=self._spent, key_files=selection.key_files(console.note))
        self._scheduler = Scheduler(selection.endpoints, prober, self._take, concurrency=options.concurrency)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._scheduler.stop)
        # Under nohup it is ignored, and stays ignored.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        with contextlib.ExitStack() as stack:
            if self._options.listen is not None:
                stack.enter_context(self._listener(*self._options.listen))
            if not self._options.as_json and console.can_draw(sys.stdout):
                stack.callback(self._open_table().close)
            publisher = asyncio.create_task(self._publish_as_it_goes())
            await self._scheduler.run()
            await self._record_the_rest()
            self._closing.set()
            self._fresh.set()
            await publisher
        if self._lost or (self._mute and not self._unread) or not self._published:
            return UNABLE
        if self._unread:
            return READER_GONE
        return INTERRUPTED if self._interrupted else GOOD

    def _open_table(self) -> LiveTable:
        from aimon.cli.probe.live import LiveTable

        self._table = LiveTable([endpoint.name for endpoint in self._endpoints], self._repeats)
        return self._table

    def _hang_up(self) -> None:
        self._scheduler.stop()
        console.note("stopping: the terminal was closed (SIGHUP); running probes finish first (nohup prevents this)")

    def _interrupt(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait
        self._interrupted = True
        console.note("stopping: running probes finish first (Ctrl-C again to abort them)")
        self._scheduler.stop()

    async def _take(self, endpoint: Endpoint, result: Result) -> None:  # noqa: ARG002 - the scheduler's signature
        results = showable(self._recorder.price([result]), self._recorder, self._options)
        try:
            # In a thread: a synced write takes milliseconds, which other probes would see as latency.
            results = await asyncio.to_thread(self._recorder.record, results)
        except PublishError as error:
            self._lost |= not self._recorder.state.waiting
            self._tell_of_history(str(error))
        else:
            self._tell_of_history("")
        self._fresh.set()
        # Shown afterwards: results are recorded even if stdout fails.
        for counted in results:
            if not self._mute:
                self._try_to_say(counted)

    def _tell_of_history(self, trouble: str) -> None:
        """Reports once that results are not recorded, and once that they are again."""
        if trouble == self._trouble:
            return
        waiting = "; they wait for the next time" if self._recorder.state.waiting else ""
        console.note(f"aimon: {trouble}{waiting}" if trouble else "aimon: results are recorded again")
        self._trouble = trouble

    async def _record_the_rest(self) -> None:
        if not self._recorder.state.waiting:
            return
        with contextlib.suppress(PublishError):
            await asyncio.to_thread(self._recorder.record, [])
        if left := self._recorder.state.waiting:
            self._lost = True
            console.note(f"aimon: {left} results are not recorded: {self._recorder.state.problem}")

    def _try_to_say(self, result: Result) -> None:
        try:
            self._say(result)
        except OSError as error:
            self._mute = True
            console.mute()
            self._unread = isinstance(error, BrokenPipeError)
            if self._unread:
                self._scheduler.stop()  # as in `aimon probe --every 30s | head`
            else:
                console.note(f"aimon: stdout can't be written: {error.strerror}")

    def _say(self, result: Result) -> None:
        if self._options.as_json:
            from aimon.probes.result_json import as_line

            console.write_data(as_line(result) + b"\n")
        elif self._table is not None:
            self._table.show(result)
        else:
            print(f"{time.strftime('%H:%M:%S', time.localtime(result.started_at))} {self._repeats.line(result)}")
        sys.stdout.flush()

    async def _publish_as_it_goes(self) -> None:
        """Publishes new results, and once more at the end; never two pushes at a time."""
        while self._fresh.is_set() or not self._closing.is_set():
            await self._fresh.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    await self._closing.wait()
            self._fresh.clear()
            await self._publish()

    async def _publish(self) -> None:
        try:
            await asyncio.to_thread(self._recorder.publish, self._gauges())
        except Exception as error:  # noqa: BLE001 - whatever it is, the next push must still be tried
            self._published = False
            console.note(f"aimon: {error}")
        else:
            self._published = True

    def _spent(self, endpoint: Endpoint) -> float:
        return self._recorder.state.spent_today(MonitoredEndpoint.of(endpoint, self._currency), time.time())

    def _gauges(self) -> Gauges:
        gauges = build_info()
        under_way = self._scheduler.under_way
        for endpoint in self._endpoints:
            identity = endpoint.identity
            gauges.set(definitions.IN_FLIGHT, float(endpoint.name in under_way), **identity.labels)
        gauges.set(definitions.SCHEDULER_HEARTBEAT, self._scheduler.heartbeat)
        gauges.set(definitions.SCHEDULER_LAG, self._scheduler.lag)
        return gauges

    def _listener(self, host: str, port: int) -> Listener:
        try:
            listener = Listener(
                host, port, {"/metrics": self._metrics, HEALTH: self._health}, token=self._options.token
            )
        except OSError as error:
            raise Stop(UNABLE, f"--listen {host}:{port}: {why_not(error)}") from error
        console.note(f"metrics: {listener.url}/metrics")
        return listener

    def _metrics(self) -> Page:
        from aimon.metrics import exposition

        body, kind = exposition.render(*publish.snapshot(self._recorder.state, self._gauges(), live=True))
        return HTTPStatus.OK, body, kind

    def _health(self) -> Page:
        if (silence := self._scheduler.silence) > STALE:
            body = f"the scheduler has not kept its times for {silence:.0f} s\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, body.encode(), "text/plain; charset=utf-8"
        return HTTPStatus.OK, b"ok\n", "text/plain; charset=utf-8"
