"""What a worker uses for a plan: endpoint, key, input files, output folder. On another machine they are its own.

A master decides how much load there is and when. If it also chose the address and the variable that holds the key,
anyone who can pose as a master could have any variable of a worker sent anywhere, and any file read or replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aimon import config

if TYPE_CHECKING:
    from aimon.config import Config
    from aimon.loadtests.protocol.job import Job
    from aimon.loadtests.protocol.plan import Plan


class WorkerSettings(NamedTuple):
    """The plan as this worker runs it, its configuration, and the folder of its files."""

    plan: Plan
    loaded: Config | None
    folder: Path | None


def worker_settings(job: Job, plan: Plan) -> WorkerSettings:
    """The settings of a worker for its master's plan.

    Raises:
        ConfigError: its configuration is wrong, or has no such endpoint.
        ValueError: something is missing on its command line; says what to add.
    """
    if job.parent is None:
        plan = _on_a_machine_of_its_own(job, plan)
    if job.configuration is not None:
        loaded: Config | None = config.from_data(job.configuration)
    elif plan.flags:
        loaded = config.from_flags(**plan.flags)
    elif plan.scenario is not None and (job.parent is not None or config.find(job.config and Path(job.config)) is None):
        # A scenario of users that speak HTTP themselves needs no configuration.
        loaded = None
    else:
        loaded = config.load(None if job.config is None else Path(job.config))
    if loaded is not None and plan.scenario is None and plan.endpoint is None and len(loaded.endpoints) > 1:
        names = ", ".join(endpoint.name for endpoint in loaded.endpoints)
        raise ValueError(f"start it with the name of one of its endpoints ({names}): aimon loadtest NAME --worker")
    return WorkerSettings(plan, loaded, None if plan.out is None else Path(plan.out))


def _on_a_machine_of_its_own(job: Job, plan: Plan) -> Plan:
    """The plan, with the addresses, keys and files of the worker in place of the master's.

    Raises:
        ValueError: the plan needs what this worker was not given.
    """
    for option, wanted, given in (
        ("--dataset FILE", plan.workload.dataset, job.dataset),
        ("--trace FILE", plan.workload.trace, job.trace),
        ("--out DIR", plan.out if plan.results else None, job.out),
    ):
        if wanted is not None and given is None:
            raise ValueError(f"the master's run has one, and this worker takes no file or folder from it: add {option}")
    if plan.request.headers and not job.headers:
        # Its variables are this machine's, and whoever poses as a master must not choose which of them are sent.
        names = ", ".join(plan.request.headers)
        raise ValueError(f"the master's run adds headers ({names}), and this worker takes none from it: add --header")
    workload = msgspec.structs.replace(
        plan.workload,
        dataset=job.dataset if plan.workload.dataset is not None else None,
        trace=job.trace if plan.workload.trace is not None else None,
    )
    scenario = plan.scenario
    if scenario is not None and scenario.file is not None:
        if job.scenario is None or job.scenario.file is None:
            raise ValueError(
                f"the master runs {scenario.title}, and this worker takes no code from it: name your own copy of that "
                "file, as in aimon loadtest FILE.py --worker"
            )
        scenario = msgspec.structs.replace(scenario, file=job.scenario.file)
    return msgspec.structs.replace(
        plan,
        scenario=scenario,
        config=job.config,
        flags=job.flags,
        endpoint=job.endpoint or (None if job.flags else plan.endpoint),
        workload=workload,
        request=msgspec.structs.replace(plan.request, headers=job.headers),
        out=job.out,
        out_mode=job.out_mode,
        push=None,
    )
