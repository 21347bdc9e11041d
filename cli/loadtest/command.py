"""`aimon loadtest`: how much an endpoint serves, and how fast, under a load of your choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.cli import listening
from aimon.cli.endpoints import Flags, select
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadtest import options as o  # noqa: TC001  # typer reads the annotations at run time
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.cli.endpoints import Selection

_FILELESS = ("preset", "dialect", "base_url", "model", "api_key_env")


def loadtest(  # one for each option
    name: o.Name = None,
    config: o.Config = None,
    profile: o.Profile = None,
    rate: o.Rate = None,
    max_rate: o.MaxRate = None,
    arrivals: o.Arrivals = None,
    variation: o.Variation = None,
    concurrency: o.Concurrency = None,
    duration: o.Duration = None,
    requests: o.Requests = None,
    warmup: o.Warmup = None,
    cold: o.Cold = False,
    retry_after: o.RetryAfter = None,
    prompt_tokens: o.PromptTokens = None,
    output_tokens: o.OutputTokens = None,
    shared_prefix_tokens: o.SharedPrefix = None,
    turns: o.Turns = None,
    dataset: o.Dataset = None,
    trace: o.Trace = None,
    trace_unit: o.TraceUnit = None,
    trace_speed: o.TraceSpeed = None,
    seed: o.Seed = 0,
    slo: o.Slo = None,
    max_cost: o.MaxCost = None,
    dry_run: o.DryRun = False,
    yes: o.Yes = False,
    push: o.Push = None,
    listen: o.Listen = None,
    listen_token_file: o.TokenFile = None,
    no_auth: o.NoAuth = False,
    out: o.Out = None,
    out_mode: o.OutMode = None,
    overwrite: o.Overwrite = False,
    results: o.Results = False,
    as_json: o.AsJson = False,
    plain: o.Plain = False,
    quiet: o.Quiet = False,
    processes: o.Processes = None,
    master: o.Master = False,
    bind_host: o.BindHost = None,
    bind_port: o.BindPort = None,
    expect_workers: o.ExpectWorkers = None,
    wait: o.Patience = None,
    worker: o.Worker = False,
    master_host: o.MasterHost = None,
    master_port: o.MasterPort = None,
    token_file: o.FleetToken = None,
    preset: o.Preset = None,
    dialect: o.Dialect = None,
    base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
) -> int:
    """Put an endpoint under load and report what it does. The load is sent in earnest, and costs money.

    Exit codes: 0 good; 1 an objective was not met or the run was aborted; 2 usage or configuration; 3 a push or a
    file failed, workers did not come or calls were lost with one; 130 interrupted, with partial results.
    """
    # By their names, which are those of the file, too: from here on both are treated alike.
    options = dict(locals())
    _check_installed()
    if worker:
        from aimon.cli.loadtest import job as loadjob

        return loadjob.serve(options)
    return _run(options)


def _run(options: Mapping[str, Any]) -> int:
    """Does what the options say, with what the file says of a load test of that name."""
    from aimon.cli.loadtest import forecast, gateway, output_folder
    from aimon.cli.loadtest import job as loadjob
    from aimon.cli.loadtest.plan import make_plan

    for name in ("results", "overwrite", "out_mode"):
        if options[name] and options["out"] is None:
            raise Stop(USAGE, f"--{name.replace('_', '-')}: say where: add --out DIR")
    flags = Flags(**{field: options[field] for field in _FILELESS})
    written, endpoint = loadjob.written(options["name"], options["config"], flags)
    selection = _one(select([endpoint] if endpoint else [], options["config"], flags))
    plan = make_plan(selection, written | loadjob.load(options), loadjob.manner(options, flags))
    if options["dry_run"]:
        return forecast.show(plan, selection)
    job = loadjob.job(plan, options, written.get("processes"))
    output_folder.prepare(options["out"], overwrite=options["overwrite"])
    if options["push"] is not None and not options["yes"]:
        gateway.check(options["push"])
    forecast.confirm(plan, selection, options["config"], yes=options["yes"], quiet=options["quiet"])
    from aimon.cli.loadtest.process import start

    shown = {name: options[name] for name in ("listen", "no_auth", "plain", "quiet")}
    token = listening.token(options["listen_token_file"], options["listen"])
    return start(job, selection.endpoints[0], token=token, **shown)


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
