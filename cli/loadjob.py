"""From options to a Job: what the file says, which process does what, and what does not fit together."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadread import amount, rate, rate_of, seconds_of
from aimon.loadtests.job import ALONE, MASTER, PORT, WORKER, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aimon.cli.select import Flags
    from aimon.loadtests.plan import Plan

_PATIENCE = 60.0
_LOAD = (
    "profile", "rate", "max_rate", "arrivals", "variation", "concurrency", "duration", "requests", "warmup", "slo",
    "max_cost", "retry_after", "prompt_tokens", "output_tokens", "shared_prefix_tokens", "turns", "dataset", "trace",
    "trace_unit", "trace_speed",
)  # fmt: skip
_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "rate": rate_of,
    "max_rate": rate_of,
    "duration": seconds_of,
    "warmup": seconds_of,
    "max_cost": amount,
    "dataset": lambda _, path: str(path),
    "trace": lambda _, path: str(path),
}
_MASTERS = ("bind_host", "bind_port", "expect_workers", "wait")
_WORKERS = ("master_host", "master_port")


def load(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that say what load it is and what is asked, read; only what was given.

    Raises:
        Stop: one can't be read.
    """
    given = {name: options[name] for name in _LOAD if options[name] is not None}
    return {name: _READERS[name](_option(name), value) if name in _READERS else value for name, value in given.items()}


def manner(options: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    """Fields of a plan that come from options alone."""
    return {
        "config": _text(options["config"]),
        "flags": {name: value for name, value in asdict(flags).items() if value is not None},
        "cold": options["cold"],
        "metered": options["push"] is not None or options["listen"] is not None,
        "push": options["push"],
        "out": _text(options["out"]),
        "results": options["results"],
        "as_json": options["as_json"],
        "seed": options["seed"],
    }


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
    return {key: value for key, value in fields.items() if value is not None}, test.endpoint


def job(plan: Plan, options: Mapping[str, Any], processes: int | None) -> Job:
    """The job of the process that directs the run.

    Args:
        plan: of the run.
        options: of the command line.
        processes: what the file says.

    Raises:
        Stop: the options do not fit together.
    """
    _refuse(options, _WORKERS, "--worker")
    if options["master"]:
        if options["processes"] is not None:
            raise Stop(USAGE, "--processes starts workers on this machine and --master waits for others: keep one")
        return Job(
            role=MASTER,
            plan=plan,
            host=options["bind_host"] or "127.0.0.1",
            port=PORT if options["bind_port"] is None else options["bind_port"],
            expect=options["expect_workers"] or 1,
            patience=seconds_of("--wait", options["wait"]) or _PATIENCE,
        )
    _refuse(options, _MASTERS, "--master")
    count = options["processes"] or processes or 1
    if count == 1:
        return Job(role=ALONE, plan=plan)
    return Job(role=MASTER, plan=plan, processes=count, expect=count)


def serve(options: Mapping[str, Any]) -> int:
    """Is a worker, until its master lets it go.

    Raises:
        Stop: the options do not fit together.
    """
    from aimon.cli.loadstart import attend  # noqa: PLC0415  # start-up

    if options["name"] is not None or options["master"] or options["processes"] is not None:
        raise Stop(
            USAGE, "--worker takes everything from its master: give it --master-host, --master-port, -c and --out"
        )
    return attend(
        Job(
            role=WORKER,
            config=_text(options["config"]),
            host=options["master_host"] or "127.0.0.1",
            port=options["master_port"] or PORT,
            out=_text(options["out"]),
        )
    )


def _refuse(options: Mapping[str, Any], names: Sequence[str], role: str) -> None:
    for name in names:
        if options[name] is not None:
            raise Stop(USAGE, f"{_option(name)} is for a {role}: add that, or leave it out")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
