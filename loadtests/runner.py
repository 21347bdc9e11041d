"""A whole run, from the job to the report: in this process alone, or as the master of others."""

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

_LOOK = 0.5
_REPORT_BYTES = 8 << 20


def conduct(job: Job) -> int:
    """Does what the job says and delivers the report; the exit codes are those of aimon."""
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
            # What is logged meanwhile may fill the disk, and the report is worth more.
            with nullcontext() if plan.out is None else files.reserve(Path(plan.out), _REPORT_BYTES):
                alone = job.role != MASTER
                run = _alone(plan, endpoint, prices, pipe) if alone else _direct(job, plan, endpoint, pipe)
        except OSError as error:
            say(f"aimon loadtest: {files.problem(error)}")
            return exit_codes.UNABLE
        except (ValueError, RuntimeError) as error:
            say(f"aimon loadtest: {error}")
            return exit_codes.UNABLE
        return output.deliver(run, plan, endpoint, pipe)


def _alone(plan: Plan, endpoint: Endpoint, prices: PriceBook, pipe: ProgressPipe | None) -> RunResult:
    """All of it in this process."""
    log = CallLog(Path(plan.out) / NAME, mode=plan.out_mode) if plan.results and plan.out is not None else None
    controller = None
    try:
        worker = LocalWorker(Worker(plan, endpoint, prices, log=log))
        controller = RunController(plan, worker, None if pipe is None else pipe.send)
        with _attentive(controller):
            try:
                return controller.execute()
            finally:
                worker.close()
    finally:
        problem = None if log is None else log.close()
        if problem is not None and controller is not None:
            controller.run.unwritten.append(problem)


def _direct(job: Job, plan: Plan, endpoint: Endpoint, pipe: ProgressPipe | None) -> RunResult:
    """Others do it, here or elsewhere."""
    from aimon.loadtests.distributed.master import MasterPool  # noqa: PLC0415 - Locust, which who works alone does without
    from aimon.loadtests.distributed.processes import Processes  # noqa: PLC0415

    # Workers that it starts itself get a token on their stdin: others on this machine can reach the port, too.
    token = secrets.token_hex() if job.processes else job.token
    pool = MasterPool(plan, job.host, job.port, job.expect, model=endpoint.target.model, token=token)
    if not job.processes:
        say(f"waiting for {job.expect} workers on {job.host}:{pool.port}")
    controller = RunController(plan, pool, None if pipe is None else pipe.send)
    with _attentive(controller), Processes(job, pool.port, token) as processes:
        try:
            pool.gather(job.patience, processes.gone)
            run = controller.execute()
        finally:
            pool.close()
    run.unwritten += processes.problems
    return run


@contextmanager
def _attentive(controller: RunController) -> Iterator[None]:
    """With an eye on signals and on whoever started this process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, partial(controller.stop, INTERRUPTED, "it was stopped by a signal", cut=True))
    watch = gevent.spawn(_watch_parent, controller, os.getppid())
    try:
        yield
    finally:
        watch.kill()


def _watch_parent(controller: RunController, parent: int) -> None:
    """Ends a run whose starter has died."""
    while os.getppid() == parent:
        gevent.sleep(_LOOK)
    controller.stop(INTERRUPTED, "the process that started it has ended", cut=True)
