"""Starts the process of a load test, forwards signals to it, and shows its progress."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from aimon.cli import console
from aimon.cli.exits import INTERRUPTED, UNABLE, Stop
from aimon.cli.loadtest.waiting_process import WaitingProcess
from aimon.loadtests.protocol.spawn import spawn

if TYPE_CHECKING:
    from aimon.cli.loadtest.options import RunOptions
    from aimon.cli.loadtest.progress.live import Live
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.job import Job

_PATIENCE = 30.0


class Finished(NamedTuple):
    """How a run ended: the exit code, and its report as JSON values; None if there is none."""

    code: int
    report: dict[str, Any] | None


def run_once(
    job: Job,
    endpoint: Endpoint,
    options: RunOptions,
    *,
    token: str | None,
    waiting: WaitingProcess | None = None,
    show: bool = True,
) -> Finished:
    """Runs a job that has a plan, and shows its progress.

    Args:
        job: what to run.
        endpoint: the endpoint that it calls.
        options: for display, serving and pushing.
        token: what scrapers must send.
        waiting: a process that may run it, if it is of the right kind.
        show: also print the result.

    Raises:
        Stop: it was killed, or its metrics can't be served or pushed.
    """
    from aimon.cli.loadtest.progress.live import Live

    plan = job.plan
    assert plan is not None  # noqa: S101 - only workers have none
    live = Live(
        endpoint=endpoint,
        profile=plan.profile,
        quiet=options.quiet,
        plain=options.plain,
        listen=options.listen,
        push=plan.push,
        no_auth=options.no_auth,
        token=token,
        max_cost=plan.max_cost,
    )
    with live:
        code, out = _follow(job, live, waiting)
        # Before the last push, which an unreachable gateway delays.
        if show:
            _show(out, live.report, plan.as_json)
        if live.advice is not None:
            print(f"aimon loadtest: {live.advice}", file=sys.stderr)
    if live.push_problem is not None:
        print(f"aimon loadtest: --push: {live.push_problem}", file=sys.stderr)
        code = code if code == INTERRUPTED else UNABLE
    return Finished(code, live.report)


def _show(out: bytes, report: dict[str, Any] | None, as_json: bool) -> None:
    """Draws the report on a terminal; otherwise prints the output of the run's process, which is UTF-8."""
    if as_json or not console.is_terminal():
        console.write_data(out)
    elif report is None:
        print(out.decode(errors="replace"), end="", flush=True)
    else:
        from aimon.cli.report import result

        result.draw(report)


def attend(job: Job) -> int:
    """Runs a job that needs no view; returns its exit code.

    Raises:
        Stop: it was killed.
    """
    # A session of its own, as in `WaitingProcess`.
    with _SignalForwarder() as signals, spawn(job.program, start_new_session=True) as child:
        signals.forward_to(child)
        return _exit_code(_hand_over(child, job))


def _follow(job: Job, live: Live, waiting: WaitingProcess | None) -> tuple[int, bytes]:
    """Runs a job with a live view; returns its exit code and its stdout."""
    with _SignalForwarder() as signals:
        if waiting is not None and waiting.program != job.program:
            waiting.close()
            waiting = None
        with waiting or WaitingProcess(job.program) as process:
            child = process.child
            signals.forward_to(child)
            assert child.stdout is not None  # noqa: S101 - they are pipes
            assert child.stderr is not None  # noqa: S101
            stdout, out = child.stdout, list[bytes]()
            helpers = [
                Thread(target=live.follow, args=(process.records,)),
                Thread(target=live.relay, args=(child.stderr,)),
                Thread(target=lambda: out.append(stdout.read())),
            ]
            for helper in helpers:
                helper.start()
            code = _hand_over(child, msgspec.structs.replace(job, progress=process.progress))
            for helper in helpers:
                helper.join()
    return _exit_code(code), b"".join(out)


class _SignalForwarder:
    """Forwards Ctrl-C and SIGTERM to the measuring process; a signal before its start is forwarded then.

    So no signal interrupts this process while threads and pipes depend on the other one.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._came = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def forward_to(self, child: subprocess.Popen[bytes]) -> None:
        """Sets the process that signals are forwarded to."""
        self._child = child
        if self._came:
            child.terminate()

    def _take(self, *_: object) -> None:
        self._came = True
        if self._child is not None:
            # Not SIGINT, which causes a traceback in a process that is starting.
            self._child.terminate()


def _exit_code(code: int) -> int:
    """The exit code of the command, from that of the process."""
    if code == -signal.SIGTERM:
        # The signal came before there was a report.
        return INTERRUPTED
    if code < 0:
        raise Stop(UNABLE, f"the load test's process was killed by signal {-code}: there is no report")
    return code


def _hand_over(child: subprocess.Popen[bytes], job: Job) -> int:
    """Sends the job to the process, and waits for its end."""
    assert child.stdin is not None  # noqa: S101 - it is a pipe
    try:
        child.stdin.write(msgspec.json.encode(job))
        child.stdin.close()
        return child.wait()
    except BrokenPipeError:
        # The process ended before it had read the job; its reason is on stderr.
        with suppress(BrokenPipeError):  # of what the pipe did not take
            child.stdin.close()
        try:
            return child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            return UNABLE
