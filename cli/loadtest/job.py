"""From options to a Job: what the file says, which process does what, and what does not fit together."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest.parse import amount, rate, rate_of, seconds_of
from aimon.cli.out_mode import out_mode
from aimon.loadtests.protocol.job import ALONE, MASTER, PORT, WORKER, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aimon.cli.endpoints import Flags
    from aimon.loadtests.protocol.plan import Plan

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
_OF_THE_RUN = ("cold", "push", "listen", "results", "as_json", "dry_run")
_OWN_FILES = ("dataset", "trace")
_FILELESS = ("preset", "dialect", "base_url", "model", "api_key_env")


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
        "out_mode": out_mode(options["out_mode"]),
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
    from aimon import config

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
            token=_token(options["token_file"], options["bind_host"] or "127.0.0.1", "--bind-host"),
            expect=options["expect_workers"] or 1,
            patience=seconds_of("--wait", options["wait"]) or _PATIENCE,
        )
    _refuse(options, (*_MASTERS, "token_file"), "--master")
    count = options["processes"] or processes or 1
    if count == 1:
        return Job(role=ALONE, plan=plan)
    return Job(role=MASTER, plan=plan, processes=count, expect=count)


def serve(options: Mapping[str, Any]) -> int:
    """Is a worker, until its master lets it go.

    Raises:
        Stop: the options do not fit together.
    """
    from aimon.cli.loadtest.process import attend

    if options["master"] or options["processes"] is not None:
        raise Stop(USAGE, "--worker does what a master says: leave out --master and --processes")
    for name in (*_LOAD, *_MASTERS, *_OF_THE_RUN):
        if options[name] and name not in _OWN_FILES:
            raise Stop(USAGE, f"{_option(name)} is for the master to say: leave it out")
    flags = {name: options[name] for name in _FILELESS if options[name] is not None}
    if flags and options["name"] is not None:
        raise Stop(USAGE, "a name chooses an endpoint of a file: leave it out, or leave out --preset etc.")
    host = options["master_host"] or "127.0.0.1"
    return attend(
        Job(
            role=WORKER,
            config=_text(options["config"]),
            endpoint=options["name"],
            flags=flags,
            dataset=_text(options["dataset"]),
            trace=_text(options["trace"]),
            token=_token(options["token_file"], host, "--master-host"),
            host=host,
            port=options["master_port"] or PORT,
            out=_text(options["out"]),
            out_mode=out_mode(options["out_mode"]),
        )
    )


def _token(path: Path | None, host: str, option: str) -> str | None:
    """What master and workers must both know.

    Raises:
        Stop: the file holds none, or there is none where others can reach the port.
    """
    from aimon.probes.publish.listen import is_loopback, read_token

    if path is not None:
        try:
            return read_token(path)
        except ValueError as error:
            raise Stop(USAGE, f"--token-file {error}") from error
    if is_loopback(host):
        return None
    raise Stop(
        USAGE,
        f"{option} {host}: others can reach that port, and whoever does could take part: add --token-file FILE, the "
        "same for the master and all workers; openssl rand -hex 32 writes a token",
    )


def _refuse(options: Mapping[str, Any], names: Sequence[str], role: str) -> None:
    for name in names:
        if options[name] is not None:
            raise Stop(USAGE, f"{_option(name)} is for a {role}: add that, or leave it out")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
