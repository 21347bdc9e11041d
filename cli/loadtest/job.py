"""From a Plan to a Job: the role of each process, and options that exclude each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import quantities
from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest import scenarios
from aimon.cli.options.out_mode import out_mode
from aimon.config.model.loadtest import flag
from aimon.loadtests.protocol.job import ALONE, MASTER, PORT, WORKER, Job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimon.cli.endpoints import Flags
    from aimon.cli.loadtest.options import DistributionOptions, EndpointOptions, LoadOptions, RunOptions
    from aimon.loadtests.protocol.job import Web
    from aimon.loadtests.protocol.plan import Plan

_PATIENCE = 60.0
_MASTERS = ("bind_host", "bind_port", "expect_workers", "wait")
_WORKERS = ("master_host", "master_port")
_OF_THE_RUN = ("cold", "push", "listen", "web", "results", "as_json", "dry_run")
_ITS_OWN = ("dataset", "trace", "headers", "scenario")
_FILELESS = ("preset", "dialect", "base_url", "model", "api_key_env")


def with_run(plan: Plan, config: Path | None, flags: Flags, run: RunOptions) -> Plan:
    """The plan with the options that exist only on the command line: execution and output."""
    return msgspec.structs.replace(
        plan,
        endpoint=None if flags.given else plan.endpoint,
        config=_text(config),
        flags={name: value for name, value in asdict(flags).items() if value is not None},
        cold=run.cold,
        metered=run.push is not None or run.listen is not None,
        push=run.push,
        out=_text(run.out),
        results=run.results,
        out_mode=out_mode(run.out_mode),
        as_json=run.as_json,
        seed=run.seed,
    )


def direct(
    plan: Plan,
    configuration: dict[str, Any] | None,
    processes: int | None,
    given: LoadOptions,
    among: DistributionOptions,
    web: Web | None = None,
) -> Job:
    """The job of the process that directs the run.

    Args:
        plan: of the run.
        configuration: of its endpoint, as data; None for a scenario without one.
        processes: number of workers on this machine, from the file or the command line.
        given: the load options of the command line.
        among: the role of this process in a distributed run.
        web: where Locust's web page is served.

    Raises:
        Stop: the options do not fit together.
    """
    _refuse(among, _WORKERS, "--worker")
    count = (among.expect_workers or 1) if among.master else (processes or 1)
    if plan.max_in_flight is not None and plan.max_in_flight < count:
        raise Stop(USAGE, f"--max-in-flight {plan.max_in_flight}: each of {count} workers needs one: give more")
    if among.master:
        if given.processes is not None:
            raise Stop(USAGE, "--processes starts workers on this machine and --master waits for others: keep one")
        host = among.bind_host or "127.0.0.1"
        return Job(
            role=MASTER,
            plan=plan,
            configuration=configuration,
            host=host,
            port=PORT if among.bind_port is None else among.bind_port,
            token=_token(among.token_file, host, "--bind-host"),
            expect=among.expect_workers or 1,
            patience=_wait(among.wait),
            web=web,
        )
    _refuse(among, (*_MASTERS, "token_file"), "--master")
    if count == 1:
        return Job(role=ALONE, plan=plan, configuration=configuration, web=web)
    return Job(role=MASTER, plan=plan, configuration=configuration, processes=count, expect=count, web=web)


def web_address(text: str, *, public: bool) -> Web:
    """Where `--web` serves Locust's page.

    Raises:
        Stop: it is no address, or others can reach it and should not.
    """
    from aimon.loadtests.protocol.job import Web
    from aimon.network.server.listen import is_loopback, split_address

    try:
        host, port = split_address(text)
    except ValueError as error:
        raise Stop(USAGE, f"--web: {error}") from error
    if not is_loopback(host) and not public:
        raise Stop(
            USAGE,
            f"--web {text}: others can reach that address, and whoever sees the page can stop the run: serve it on "
            "127.0.0.1, or add --no-auth if that is meant",
        )
    return Web(host=host, port=port, public=public)


def run_worker(where: EndpointOptions, given: LoadOptions, run: RunOptions, among: DistributionOptions) -> int:
    """Runs a worker until its master releases it; returns the exit code.

    Raises:
        Stop: the options do not fit together.
    """
    from aimon.cli.loadtest.process import attend
    from aimon.config import LoadTestOptions, override

    if among.master or given.processes is not None:
        raise Stop(USAGE, "--worker does what a master says: leave out --master and --processes")
    for name in [name for name in given.given if name not in _ITS_OWN]:
        raise Stop(USAGE, f"{flag(name)} is for the master to say: leave it out")
    for group, names in ((among, _MASTERS), (run, _OF_THE_RUN)):
        for name in names:
            if getattr(group, name):
                raise Stop(USAGE, f"{flag(name)} is for the master to say: leave it out")
    try:
        headers = dict(override(LoadTestOptions(), {"headers": given.headers} if given.headers else {}).headers)
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error
    flags = {name: text for name in _FILELESS if (text := getattr(where, name)) is not None}
    written, endpoints = scenarios.split(where.names or [], given.scenario)
    if len(endpoints) > 1:
        raise Stop(USAGE, f"a worker has one endpoint, or those of its scenario: leave out {endpoints[1]}")
    own = endpoints[0] if endpoints else None
    if flags and own is not None:
        raise Stop(USAGE, "a name chooses an endpoint of a file: leave it out, or leave out --preset etc.")
    host = among.master_host or "127.0.0.1"
    return attend(
        Job(
            role=WORKER,
            config=_text(where.config),
            endpoint=own,
            scenario=None if written is None else scenarios.parse(written),
            flags=flags,
            dataset=given.dataset,
            trace=given.trace,
            headers=headers,
            token=_token(among.token_file, host, "--master-host"),
            host=host,
            port=among.master_port or PORT,
            out=_text(run.out),
            out_mode=out_mode(run.out_mode),
        )
    )


def _wait(text: str | None) -> float:
    if text is None:
        return _PATIENCE
    try:
        return quantities.seconds(text)
    except ValueError as error:
        raise Stop(USAGE, f"--wait {text}: {error}") from error


def _token(path: Path | None, host: str, option: str) -> str | None:
    """The token that master and workers share.

    Raises:
        Stop: the file contains none, or none was given for a port that other machines can reach.
    """
    from aimon.network.server.listen import is_loopback, read_token

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


def _refuse(among: DistributionOptions, names: Sequence[str], role: str) -> None:
    for name in names:
        if getattr(among, name) is not None:
            raise Stop(USAGE, f"{flag(name)} is for a {role}: add that, or leave it out")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
