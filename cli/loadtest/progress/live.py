"""Shows, serves and pushes the progress of a run: the view, `--listen` and `--push`.

This runs in the process of the command, so that the measuring process only writes one line a second for drawing,
scraping and pushing.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, suppress
from http import HTTPStatus
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Self

import msgspec

from aimon import __version__
from aimon.call.failure import FailureReason
from aimon.call.outcome import Outcome
from aimon.cli.console import can_draw
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadtest.progress.view import Lines, Subject
from aimon.cli.options import listening
from aimon.loadtests import metrics
from aimon.loadtests.protocol import progress_lines, totals_codec
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges, Totals
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.cli.loadtest.progress.push import Pusher
    from aimon.cli.loadtest.progress.view import View
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.progress import Progress
    from aimon.loadtests.protocol.progress_lines import FinalReport
    from aimon.network.server.listen import Listener, Page


class Live:
    """Follows one run. Listener and pusher work within the `with` block; the last push is at its end.

    Args:
        endpoint: that is called.
        profile: of the run.
        quiet: show nothing.
        plain: show lines, even on a terminal.
        listen: HOST:PORT to serve /metrics on.
        push: a Pushgateway's address.
        no_auth: `listen` may be an address that other machines can reach.
        token: what scrapers must send.
        max_cost: the cost at which the run stops.

    Raises:
        Stop: on entry, if `listen` or `push` is invalid.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        profile: str,
        quiet: bool,
        plain: bool,
        listen: str | None,
        push: str | None,
        no_auth: bool = False,
        token: str | None = None,
        max_cost: float | None = None,
    ) -> None:
        self._endpoint, self._profile = endpoint, profile
        self._listen, self._push, self._no_auth, self._token = listen, push, no_auth, token
        self._identity = endpoint.identity
        subject = Subject(endpoint.name, profile, max_cost)
        self._view: View | None = None if quiet else choose(subject, plain=plain)
        self._quiet, self._lock = quiet, Lock()
        self._redactor = Redactor(endpoint.secrets)
        self._moment: Progress | None = None
        self._found: FinalReport | None = None
        self._run: str | None = None
        self._ended = False
        self._pusher: Pusher | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._listen is not None:
                listener = stack.enter_context(self._listener(self._listen))
                self.say(f"metrics: {listener.url}/metrics")
            if self._push is not None:
                self._pusher = stack.enter_context(self._make_pusher(self._push))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._close_view()
        self._open.close()

    @property
    def push_problem(self) -> str | None:
        """Why the last push failed, or None. After the `with` block: the push at the end of the run."""
        return None if self._pusher is None else self._pusher.problem

    @property
    def report(self) -> dict[str, Any] | None:
        """The values of report.json; None if the run ended without a report."""
        return None if self._found is None else self._found.report

    @property
    def advice(self) -> str | None:
        """What to do about the call that aborted the run; None if none did."""
        ended = {} if self._found is None else self._found.report["ended"]
        if ended.get("outcome") is None:
            return None
        from aimon.cli.advice import advise

        reason = ended.get("failure_reason")
        return advise(Outcome(ended["outcome"]), ended["status_code"], reason and FailureReason(reason))

    def follow(self, stream: IO[bytes]) -> None:
        """Reads progress records until the end of the stream, and then closes the view.

        It reads on even if the view fails: a full pipe would stop the run.
        """
        reported = False
        try:
            for line in stream:
                try:
                    self._take(progress_lines.decode(line))
                except msgspec.MsgspecError as error:
                    # A line without a line break is the last one of a killed process.
                    if line.endswith(b"\n") and not reported:
                        reported = True
                        self._print(f"aimon: this is a bug in aimon: what the run tells can't be read: {error}")
        finally:
            self._close_view()

    def relay(self, lines: Iterable[bytes]) -> None:
        """Prints what the run's process writes to stderr, above the view."""
        for line in lines:
            self._print(self._redactor.text(line.decode(errors="replace").rstrip()))

    def say(self, text: str) -> None:
        """Prints a line above the view, from any thread; nothing with --quiet."""
        if not self._quiet:
            self._print(self._redactor.line(text))

    def _print(self, text: str) -> None:
        if not self._on_view(lambda view: view.say(text)):
            _stderr(text)

    def _take(self, record: Progress | FinalReport) -> None:
        if isinstance(record, progress_lines.FinalReport):
            self._found = record
            return
        self._run = self._run or str(int(time.time() - record.elapsed))
        self._moment = record
        for note in record.notes:
            self.say(note)
        self._on_view(lambda view: view.show(record))
        if self._pusher is not None:
            self._pusher.begin()

    def _on_view(self, act: Callable[[View], None]) -> bool:
        """Calls the view, if there is one; a view that fails is dropped. Returns whether there was one."""
        with self._lock:
            view = self._view
            if view is None:
                return False
            try:
                act(view)
            except Exception as error:  # noqa: BLE001 - the run is worth more than the view of it
                self._view = None
                with suppress(Exception):  # it may have failed after hiding the cursor
                    view.close()
                if not isinstance(error, OSError):  # stderr is closed
                    _stderr(f"aimon: this is a bug in aimon: no view any more: {type(error).__name__}: {error}")
        return True

    def _close_view(self) -> None:
        self._on_view(lambda view: view.close())

    def _snapshot(self) -> tuple[Totals, Gauges] | None:
        """The metrics of this run; None before its first record."""
        moment, found = self._moment, self._found
        if found is not None:
            gauges = metrics.report_gauges(found.report, self._endpoint, run=self._run)
            dumped = found.totals
        elif moment is not None and self._run is not None:
            gauges = metrics.progress_gauges(moment, self._endpoint, run=self._run, profile=self._profile)
            dumped = moment.totals
            if self._ended:
                gauges.set(definitions.LOADTEST_IN_FLIGHT, 0, **self._identity.labels)
        else:
            return None
        return Totals() if dumped is None else totals_codec.load(dumped), gauges

    def _metrics(self) -> Page:
        from aimon.metrics import exposition

        totals, gauges = self._snapshot() or (Totals(), Gauges())
        gauges.set(definitions.BUILD_INFO, 1, version=__version__)
        body, kind = exposition.render(totals, gauges)
        return HTTPStatus.OK, body, kind

    def _listener(self, text: str) -> Listener:
        from aimon.network.server.listen import Listener, why_not

        host, port = listening.address(text, public=self._no_auth or self._token is not None)
        try:
            return Listener(host, port, {"/metrics": self._metrics}, token=self._token)
        except OSError as error:
            raise Stop(UNABLE, f"--listen {text}: {why_not(error)}") from error

    def _make_pusher(self, url: str) -> Pusher:
        from aimon.cli.loadtest.progress.push import Pusher
        from aimon.metrics.pushgateway import Gateway

        try:
            gateway = Gateway.parse(url)
        except ValueError as error:
            raise Stop(USAGE, f"--push: {error}") from error
        return Pusher(gateway, self._identity, self._snapshot, self.say)


def _stderr(text: str) -> None:
    with suppress(OSError, ValueError):  # stderr is closed, so nothing can be reported
        print(text, file=sys.stderr, flush=True)


def choose(subject: Subject, *, plain: bool) -> View:
    """A drawn view if stderr is a terminal that can be drawn on, otherwise lines."""
    if plain or not can_draw(sys.stderr):
        return Lines(subject)
    from aimon.cli.loadtest.progress.screen import Screen

    return Screen(subject)
