"""`aimon loadtest`: how much an endpoint serves, and how fast, under a load of your choice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aimon.cli import loadoptions as o  # noqa: TC001  # typer reads the annotations at run time
from aimon.cli.console import note
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadread import amount, rate_of, seconds_of
from aimon.cli.select import Flags, select

if TYPE_CHECKING:
    from aimon.cli.select import Selection
    from aimon.loadtests.plan import Plan


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
    seed: o.Seed = 0,
    slo: o.Slo = None,
    max_cost: o.MaxCost = None,
    dry_run: o.DryRun = False,
    push: o.Push = None,
    listen: o.Listen = None,
    no_auth: o.NoAuth = False,
    out: o.Out = None,
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
    preset: o.Preset = None,
    dialect: o.Dialect = None,
    base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
) -> int:
    """Put an endpoint under load and report what it does. The load is sent in earnest, and costs money.

    Exit codes: 0 good; 1 an objective was missed or the run was aborted; 2 usage or configuration; 3 a push or a
    file failed, or workers did not come; 130 interrupted, with partial results.
    """
    _check_installed()
    from aimon.cli import loadjob  # noqa: PLC0415  # start-up

    where = loadjob.Where(
        processes, master, bind_host, bind_port, expect_workers, wait, worker, master_host, master_port
    )
    if worker:
        return loadjob.serve(where, config, out, name)
    load = {
        "profile": profile,
        "rate": rate_of("--rate", rate),
        "max_rate": rate_of("--max-rate", max_rate),
        "arrivals": arrivals,
        "variation": variation,
        "concurrency": concurrency,
        "duration": seconds_of("--duration", duration),
        "requests": requests,
        "warmup": seconds_of("--warmup", warmup),
        "slo": slo,
        "max_cost": amount("--max-cost", max_cost),
        "retry_after": retry_after,
    }
    asked = {
        "prompt_tokens": prompt_tokens,
        "output_tokens": output_tokens,
        "shared_prefix_tokens": shared_prefix_tokens,
        "turns": turns,
        "dataset": None if dataset is None else str(dataset),
        "trace": None if trace is None else str(trace),
    }
    flags = Flags(preset, dialect, base_url, model, api_key_env)
    written, endpoint = loadjob.written(name, config, flags)
    selection = _one(select([endpoint] if endpoint else [], config, flags))
    from aimon.cli.loadplan import make_plan  # noqa: PLC0415

    if results and out is None:
        raise Stop(USAGE, "--results: say where: add --out DIR")
    more = {
        "config": None if config is None else str(config),
        "flags": loadjob.given(flags),
        "cold": cold,
        "metered": push is not None or listen is not None,
        "push": push,
        "out": None if out is None else str(out),
        "results": results,
        "as_json": as_json,
        "seed": seed,
    }
    plan = make_plan(selection, written | loadjob.present(load) | loadjob.present(asked), more)
    if dry_run:
        return _predict(plan, selection)
    job = loadjob.job(plan, where, written.get("processes"))
    from aimon.cli.loadstart import start  # noqa: PLC0415

    return start(job, selection.endpoints[0], listen=listen, no_auth=no_auth, plain=plain, quiet=quiet)


def _check_installed() -> None:
    from importlib.util import find_spec  # noqa: PLC0415  # start-up

    for module in ("gevent", "httptools", "numpy"):
        if find_spec(module) is None:
            raise Stop(UNABLE, f"load tests need {module}: pip install 'aimon[loadtest]'")


def _one(selection: Selection) -> Selection:
    if len(selection.endpoints) > 1:
        names = ", ".join(each.name for each in selection.endpoints)
        raise Stop(USAGE, f"a load test is for one endpoint: name one of {names}")
    return selection


def _predict(plan: Plan, selection: Selection) -> int:
    from aimon.loadtests.plan import predict  # noqa: PLC0415  # start-up

    found = predict(plan, selection.endpoints[0], selection.prices)
    shown = {name: getattr(found, name) for name in ("requests", "input_tokens", "output_tokens", "cost", "currency")}
    if plan.as_json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name.replace('_', ' ')}: {'not known beforehand' if value is None else value}")
    note("nothing was sent; answers that end early take fewer tokens")
    return 0
