"""`aimon loadtest`: the throughput and latency of an endpoint under a given load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli.endpoints import Flags
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadtest.options import (  # `grouped` reads the annotations at run time
    DistributionOptions,
    EndpointOptions,
    LoadOptions,
    RunOptions,
    grouped,
)
from aimon.cli.options import listening
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from aimon.cli.loadtest.waiting_process import WaitingProcess


@grouped
def loadtest(endpoint: EndpointOptions, load_options: LoadOptions, run: RunOptions, among: DistributionOptions) -> int:
    """Put an endpoint under load, or run a scenario of Locust users, and report. The requests are real and cost money.

    Exit codes: 0 good; 1 an objective was not met or the run was aborted; 2 usage or configuration; 3 a push or a
    file failed, workers did not connect or one was lost with its calls; 130 interrupted, with partial results.
    """
    if run.list_scenarios:
        from aimon.cli.loadtest import scenarios

        return scenarios.show()
    _check_installed()
    if among.worker:
        from aimon.cli.loadtest import job

        return job.run_worker(endpoint, load_options, run, among)
    from aimon.cli.loadtest.waiting_process import started_ahead

    with started_ahead(endpoint, load_options, run, among) as waiting:
        return _run(endpoint, load_options, run, among, waiting)


def _run(
    where: EndpointOptions,
    given: LoadOptions,
    run: RunOptions,
    among: DistributionOptions,
    waiting: WaitingProcess | None,
) -> int:
    """Runs the load test of that name, endpoint or scenario; options of the command line win over the file's."""
    from aimon.cli.loadtest import forecast, job, output_folder, subject
    from aimon.cli.loadtest.plan import make_plan

    for name in ("results", "overwrite", "out_mode"):
        if getattr(run, name) and run.out is None:
            raise Stop(USAGE, f"--{name.replace('_', '-')}: say where: add --out DIR")
    found = subject.find(where, given)
    options, selection, endpoint = found.options, found.selection, found.selection.endpoints[0]
    flags = Flags(where.preset, where.dialect, where.base_url, where.model, where.api_key_env)
    plan = make_plan(endpoint, options, selection.prices, found.scenario)
    plan = job.with_run(plan, where.config, flags, run)
    if run.dry_run:
        return forecast.show(plan, selection, where.config, runs=run.repeat or 1)
    web = None if run.web is None else job.web_address(run.web, public=run.no_auth)
    todo = job.direct(plan, found.configuration, options.processes, given, among, web)
    output_folder.prepare(run.out, overwrite=run.overwrite)
    if run.push is not None and not run.yes:
        from aimon.cli.loadtest.progress import push

        push.check(run.push)
    forecast.confirm(plan, selection, where.config, yes=run.yes, quiet=run.quiet, runs=run.repeat or 1)
    from aimon.cli.loadtest.repeat import start

    token = listening.token(run.listen_token_file, run.listen)
    return start(todo, endpoint, run, token=token, waiting=waiting)


def _check_installed() -> None:
    from importlib.util import find_spec

    for module in ("gevent", "httptools", "numpy"):
        if find_spec(module) is None:
            raise Stop(UNABLE, f"load tests need {module}: {how_to_add('loadtest')}")
