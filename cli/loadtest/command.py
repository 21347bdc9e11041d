"""`aimon loadtest`: how much an endpoint serves, and how fast, under a load of your choice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aimon.cli import listening
from aimon.cli.endpoints import Flags, load, select
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadtest.options import (  # `grouped` reads the annotations at run time
    DistributionOptions,
    EndpointOptions,
    LoadOptions,
    RunOptions,
    grouped,
)
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from aimon.probes.selection import Selection


@grouped
def loadtest(endpoint: EndpointOptions, load_options: LoadOptions, run: RunOptions, among: DistributionOptions) -> int:
    """Put an endpoint under load and report what it does. It sends real requests, which cost money.

    Exit codes: 0 good; 1 an objective was not met or the run was aborted; 2 usage or configuration; 3 a push or a
    file failed, workers did not come or calls were lost with one; 130 interrupted, with partial results.
    """
    _check_installed()
    if among.worker:
        from aimon.cli.loadtest import job

        return job.run_worker(endpoint, load_options, run, among)
    return _run(endpoint, load_options, run, among)


def _run(where: EndpointOptions, given: LoadOptions, run: RunOptions, among: DistributionOptions) -> int:
    """Runs the load test of that name, or of that endpoint; options of the command line win over the file's."""
    from aimon.cli.loadtest import forecast, job, output_folder
    from aimon.cli.loadtest.plan import make_plan, with_request
    from aimon.config import LoadTestOptions, override, to_data

    for name in ("results", "overwrite", "out_mode"):
        if getattr(run, name) and run.out is None:
            raise Stop(USAGE, f"--{name.replace('_', '-')}: say where: add --out DIR")
    flags = Flags(where.preset, where.dialect, where.base_url, where.model, where.api_key_env)
    loaded = load(where.config, flags)
    test = None if where.name is None or flags.given else loaded.loadtests.get(where.name)
    chosen = where.name if test is None else test.endpoint
    selection = _one(select([chosen] if chosen else [], where.config, flags, loaded=loaded))
    try:
        options = override(test or LoadTestOptions(), given.given)
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error
    endpoint = with_request(selection.endpoints[0], options)
    selection = replace(selection, endpoints=(endpoint,))
    plan = job.with_run(make_plan(endpoint, options, selection.prices), where.config, flags, run)
    if run.dry_run:
        return forecast.show(plan, selection, where.config, runs=run.repeat or 1)
    todo = job.direct(plan, to_data(loaded, selection.endpoints[0].name), options.processes, given, among)
    output_folder.prepare(run.out, overwrite=run.overwrite)
    if run.push is not None and not run.yes:
        from aimon.cli.loadtest import push

        push.check(run.push)
    forecast.confirm(plan, selection, where.config, yes=run.yes, quiet=run.quiet, runs=run.repeat or 1)
    from aimon.cli.loadtest.repeat import start

    token = listening.token(run.listen_token_file, run.listen)
    return start(todo, selection.endpoints[0], run, token=token)


def _check_installed() -> None:
    from importlib.util import find_spec

    for module in ("gevent", "httptools", "numpy"):
        if find_spec(module) is None:
            raise Stop(UNABLE, f"load tests need {module}: {how_to_add('loadtest')}")


def _one(selection: Selection) -> Selection:
    if len(selection.endpoints) > 1:
        names = ", ".join(each.name for each in selection.endpoints)
        raise Stop(USAGE, f"a load test is for one endpoint: name one of {names}")
    return selection
