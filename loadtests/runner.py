"""The process of a load test, from its Job (JSON on stdin) to the report.

`aimon loadtest` starts it, since gevent takes over the process that it runs in: with `prompts_runner.py`, or with
`locust_runner.py` where Locust takes part. Keys come from the environment and from files that the configuration names,
and never through arguments or the job.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import msgspec

from aimon import exit_codes, files
from aimon.config import ConfigError, from_data
from aimon.load_terms import INTERRUPTED
from aimon.loadtests import output
from aimon.loadtests.console import say
from aimon.loadtests.controller.controller import RunController
from aimon.loadtests.controller.progress_pipe import ProgressPipe
from aimon.loadtests.controller.worker_pool import LocalWorker
from aimon.loadtests.load import open_load
from aimon.loadtests.protocol.job import MASTER, Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust.env import Environment

    from aimon.loadtests.distributed.master import MasterPool
    from aimon.loadtests.load import Load
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult
    from aimon.loadtests.worker.call_log import CallLog

_CHECK_INTERVAL = 0.5
_REPORT_BYTES = 8 << 20


def read_job() -> Job:
    """The job on stdin.

    Raises:
        SystemExit: there is none, since the process that started this one has ended.
    """
    text = sys.stdin.buffer.read()
    if not text:
        raise SystemExit(exit_codes.UNABLE)
    return msgspec.json.decode(text, type=Job)


def run_job(job: Job) -> int:
    """Runs the load and delivers the report; returns the exit code."""
    plan = job.plan
    assert plan is not None  # noqa: S101 - only workers have none
    with ExitStack() as stack:
        pool = None
        try:
            if job.role == MASTER:
                pool = _listen(job, plan, stack)
            loaded = None if job.configuration is None else from_data(job.configuration)
            load = open_load(plan, loaded, None if pool is None else pool.environment)
        except ConfigError as error:
            say(str(error))
            return exit_codes.USAGE
        except ValueError as error:
            say(f"aimon loadtest: {error}")
            return exit_codes.USAGE
        except OSError as error:
            say(f"aimon loadtest: {files.problem(error)}")
            return exit_codes.UNABLE
        output.prepare(plan)
        pipe = None if job.progress is None else stack.enter_context(ProgressPipe(job.progress))
        try:
            # The call log may fill the disk: reserve space for the report.
            with nullcontext() if plan.out is None else files.reserve(Path(plan.out), _REPORT_BYTES):
                if pool is not None:
                    result = _run_distributed(job, plan, load, pool, pipe)
                else:
                    result = _run_alone(job, plan, load, pipe)
        except OSError as error:
            say(f"aimon loadtest: {files.problem(error)}")
            return exit_codes.UNABLE
        except (ValueError, RuntimeError) as error:
            say(f"aimon loadtest: {error}")
            return exit_codes.UNABLE
        return output.deliver(result, plan, load, pipe)


def _run_alone(job: Job, plan: Plan, load: Load, pipe: ProgressPipe | None) -> RunResult:
    """Sends the load from this process."""
    log = _call_log(Path(plan.out), plan.out_mode) if plan.results and plan.out is not None else None
    controller = None
    try:
        worker = LocalWorker(load.worker(plan, log=log))
        controller = RunController(plan, worker, None if pipe is None else pipe.send)
        controller.run.notes += load.notes
        with _stopping(controller), _web_page(job, load, controller, None):
            load.begin(partial(controller.stop, INTERRUPTED))
            try:
                return controller.execute()
            finally:
                worker.close()
                load.end()
    finally:
        problem = None if log is None else log.close()
        if problem is not None and controller is not None:
            controller.run.unwritten.append(problem)


def _call_log(folder: Path, mode: int) -> CallLog:
    from aimon.loadtests.worker.call_log import NAME, CallLog  # noqa: PLC0415 - only --results writes one

    return CallLog(folder / NAME, mode=mode)


def _listen(job: Job, plan: Plan, stack: ExitStack) -> MasterPool:
    """The master of a run, which workers can reach until the stack is closed."""
    import secrets  # noqa: PLC0415 - only a master needs them

    from aimon.loadtests.distributed.master import MasterPool  # noqa: PLC0415 - needs Locust

    # Workers that the master starts get a token on stdin, since other programs on this machine can reach the port.
    token = secrets.token_hex() if job.processes else job.token
    pool = MasterPool(plan, job.host, job.port, job.expect, token=token)
    stack.callback(pool.close)
    if not job.processes:
        say(f"waiting for {job.expect} workers on {job.host}:{pool.port}")
    return pool


def _run_distributed(job: Job, plan: Plan, load: Load, pool: MasterPool, pipe: ProgressPipe | None) -> RunResult:
    """Has workers send the load: processes of this machine, or of others."""
    from aimon.loadtests.distributed.processes import Processes  # noqa: PLC0415 - needs Locust

    pool.model = load.model
    controller = RunController(plan, pool, None if pipe is None else pipe.send)
    controller.run.notes += load.notes
    page = _web_page(job, load, controller, pool.environment)
    with _stopping(controller), Processes(job, pool.port, pool.token) as processes, page:
        try:
            pool.gather(job.patience, processes.gone)
            load.begin(partial(controller.stop, INTERRUPTED))
            result = controller.execute()
        finally:
            pool.close()
            load.end()
    result.unwritten += processes.problems
    return result


@contextmanager
def _web_page(job: Job, load: Load, controller: RunController, environment: Environment | None) -> Iterator[None]:
    """Serves Locust's web page during a run, if there is to be one; `environment` is a master's."""
    if job.web is None:
        yield
        return
    from aimon.loadtests.users.environment import web_environment  # noqa: PLC0415 - imports Locust
    from aimon.loadtests.users.web import WebPage  # noqa: PLC0415

    stop = partial(controller.stop, INTERRUPTED)
    with WebPage(web_environment(load, environment), job.web, load.name, stop) as page:
        controller.on_delta = page.add
        yield
        page.finish()


@contextmanager
def _stopping(controller: RunController) -> Iterator[None]:
    """Stops the run on a signal, and when the process that started this one has ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, partial(controller.stop, INTERRUPTED, "it was stopped by a signal", cut=True))
    watch = gevent.spawn(_watch_parent, controller, os.getppid())
    try:
        yield
    finally:
        watch.kill()


def _watch_parent(controller: RunController, parent: int) -> None:
    """Stops the run when its parent process has ended."""
    while os.getppid() == parent:
        gevent.sleep(_CHECK_INTERVAL)
    controller.stop(INTERRUPTED, "the process that started it has ended", cut=True)
