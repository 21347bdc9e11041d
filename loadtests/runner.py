"""Executes a job from plan to report, in this process alone or as the master of workers."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gevent

from aimon import config, exit_codes, files
from aimon.loadtests import output
from aimon.loadtests.console import say
from aimon.loadtests.controller.controller import RunController
from aimon.loadtests.controller.progress_pipe import ProgressPipe
from aimon.loadtests.controller.worker_pool import LocalWorker
from aimon.loadtests.protocol.job import MASTER, Job
from aimon.loadtests.report.run_result import INTERRUPTED
from aimon.loadtests.worker.call_log import NAME, CallLog
from aimon.loadtests.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult
    from aimon.pricing import PriceBook

_CHECK_INTERVAL = 0.5
_REPORT_BYTES = 8 << 20


def run_job(job: Job) -> int:
    """Executes the job and writes the report; returns the exit code."""
    plan = job.plan
    assert plan is not None  # noqa: S101 - only workers have none
    try:
        loaded = config.from_data(job.configuration or {})
        endpoint = config.resolve(loaded)[0]
        prices = config.price_book(loaded, [endpoint])
    except config.ConfigError as error:
        say(str(error))
        return exit_codes.USAGE
    with ExitStack() as stack:
        pipe = None if job.progress is None else stack.enter_context(ProgressPipe(job.progress))
        try:
            # The call log may fill the disk: reserve space for the report.
            with nullcontext() if plan.out is None else files.reserve(Path(plan.out), _REPORT_BYTES):
                alone = job.role != MASTER
                run = _run_alone(plan, endpoint, prices, pipe) if alone else _run_as_master(job, plan, endpoint, pipe)
        except OSError as error:
            say(f"aimon loadtest: {files.problem(error)}")
            return exit_codes.UNABLE
        except (ValueError, RuntimeError) as error:
            say(f"aimon loadtest: {error}")
            return exit_codes.UNABLE
        return output.deliver(run, plan, endpoint, pipe)


def _run_alone(plan: Plan, endpoint: Endpoint, prices: PriceBook, pipe: ProgressPipe | None) -> RunResult:
    """Runs the load in this process."""
    log = CallLog(Path(plan.out) / NAME, mode=plan.out_mode) if plan.results and plan.out is not None else None
    controller = None
    try:
        worker = LocalWorker(Worker(plan, endpoint, prices, log=log))
        controller = RunController(plan, worker, None if pipe is None else pipe.send)
        with _stopping_early(controller):
            try:
                return controller.execute()
            finally:
                worker.close()
    finally:
        problem = None if log is None else log.close()
        if problem is not None and controller is not None:
            controller.run.unwritten.append(problem)


def _run_as_master(job: Job, plan: Plan, endpoint: Endpoint, pipe: ProgressPipe | None) -> RunResult:
    """Runs the load in worker processes, on this machine or others."""
    from aimon.loadtests.distributed.master import MasterPool  # noqa: PLC0415 - Locust, unneeded by a run in one process
    from aimon.loadtests.distributed.processes import Processes  # noqa: PLC0415

    # Workers that the master starts get a token on stdin, since other programs on this machine can reach the port.
    token = secrets.token_hex() if job.processes else job.token
    pool = MasterPool(plan, job.host, job.port, job.expect, model=endpoint.target.model, token=token)
    if not job.processes:
        say(f"waiting for {job.expect} workers on {job.host}:{pool.port}")
    controller = RunController(plan, pool, None if pipe is None else pipe.send)
    with _stopping_early(controller), Processes(job, pool.port, token) as processes:
        try:
            pool.gather(job.patience, processes.gone)
            run = controller.execute()
        finally:
            pool.close()
    run.unwritten += processes.problems
    return run


@contextmanager
def _stopping_early(controller: RunController) -> Iterator[None]:
    """Stops the run on SIGINT, on SIGTERM, and when the parent process ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, partial(controller.stop, INTERRUPTED, "it was stopped by a signal", cut=True))
    watch = gevent.spawn(_watch_parent, controller, os.getppid())
    try:
        yield
    finally:
        watch.kill()


def _watch_parent(controller: RunController, parent: int) -> None:
    """Stops the run when the parent process ends."""
    while os.getppid() == parent:
        gevent.sleep(_CHECK_INTERVAL)
    controller.stop(INTERRUPTED, "the process that started it has ended", cut=True)
