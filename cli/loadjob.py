"""From options to a Job: what the file says, which process does what, and what does not fit together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadread import rate, seconds_of
from aimon.loadtests.job import ALONE, MASTER, PORT, WORKER, Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aimon.cli.select import Flags
    from aimon.loadtests.plan import Plan

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Where:
    """The options that say on which processes a run takes place."""

    processes: int | None
    master: bool
    bind_host: str | None
    bind_port: int | None
    expect_workers: int | None
    wait: str | None
    worker: bool
    master_host: str | None
    master_port: int | None


def present(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def given(flags: Flags) -> dict[str, str]:
    """Those that were given."""
    return present(asdict(flags))


def written(name: str | None, path: Path | None, flags: Flags) -> tuple[dict[str, Any], str | None]:
    """What the file says about a load test of that name, and its endpoint; otherwise the name is an endpoint's.

    Raises:
        Stop: the configuration is wrong.
    """
    if name is None or flags.given:
        return {}, name
    from aimon import config  # noqa: PLC0415  # start-up

    try:
        test = config.load(path).loadtests.get(name)
    except config.ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    if test is None:
        return {}, name
    fields = asdict(test) | {
        "slo": list(test.slo) or None,
        "max_cost": test.max_cost,
        "rate": None if test.rate is None else rate(test.rate),
    }
    fields.pop("endpoint")
    return present(fields), test.endpoint


def job(plan: Plan, where: Where, processes: int | None) -> Job:
    """The job of the process that directs the run.

    Args:
        plan: of the run.
        where: the options.
        processes: what the file says.

    Raises:
        Stop: the options do not fit together.
    """
    for option, value in (("--master-host", where.master_host), ("--master-port", where.master_port)):
        if value is not None:
            raise Stop(USAGE, f"{option} is for a --worker: add that, or leave it out")
    if where.master:
        if where.processes is not None:
            raise Stop(USAGE, "--processes starts workers on this machine and --master waits for others: keep one")
        return Job(
            role=MASTER,
            plan=plan,
            host=where.bind_host or "127.0.0.1",
            port=PORT if where.bind_port is None else where.bind_port,
            expect=where.expect_workers or 1,
            patience=seconds_of("--wait", where.wait) or _PATIENCE,
        )
    for option, value in (
        ("--bind-host", where.bind_host),
        ("--bind-port", where.bind_port),
        ("--expect-workers", where.expect_workers),
        ("--wait", where.wait),
    ):
        if value is not None:
            raise Stop(USAGE, f"{option} is for a --master: add that, or leave it out")
    count = where.processes or processes or 1
    if count == 1:
        return Job(role=ALONE, plan=plan)
    return Job(role=MASTER, plan=plan, processes=count, expect=count)


def serve(where: Where, config: Path | None, out: Path | None, name: str | None) -> int:
    """Is a worker, until its master lets it go.

    Raises:
        Stop: the options do not fit together.
    """
    from aimon.cli.loadstart import attend  # noqa: PLC0415  # start-up

    if name is not None or where.master or where.processes is not None:
        raise Stop(
            USAGE, "--worker takes everything from its master: give it --master-host, --master-port, -c and --out"
        )
    return attend(
        Job(
            role=WORKER,
            config=None if config is None else str(config),
            host=where.master_host or "127.0.0.1",
            port=where.master_port or PORT,
            out=None if out is None else str(out),
        )
    )
