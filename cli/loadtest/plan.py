"""From options to a Plan: what is missing is filled in, and what does not fit together is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.cli.exits import USAGE, Stop
from aimon.loadtests.engine.schedule import CONSTANT, GAMMA, POISSON
from aimon.loadtests.protocol import profiles
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.statistics import slo
from aimon.loadtests.workload import Workload, open_source

if TYPE_CHECKING:
    from aimon.cli.endpoints import Selection
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.workload import Source
    from aimon.quantities import Amount

_SMOKE_CONCURRENCY = 1
_WORKLOAD = Workload.__struct_fields__


def make_plan(selection: Selection, options: dict[str, Any], more: dict[str, Any]) -> Plan:
    """The plan.

    Args:
        selection: the one endpoint.
        options: what was asked for, on the command line or in the file; no value is None.
        more: fields of the Plan that need no look.

    Raises:
        Stop: it makes no sense, and what to write instead.
    """
    options = {key: value for key, value in options.items() if key != "processes"}
    workload = _workload({key: options.pop(key) for key in _WORKLOAD if key in options})
    profile = options.pop("profile", "steady")
    if profile not in profiles.NAMES:
        raise Stop(USAGE, f"--profile {profile}: there are {', '.join(profiles.NAMES)}")
    if workload.trace is not None:
        _check_trace(profile, options)
    else:
        _check_loop(profile, options)
    _check_arrivals(options)
    _check_slo(options.get("slo", []))
    _check_protocol(selection.endpoints[0])
    source = _open(selection.endpoints[0], workload)
    rate = options.get("rate")
    duration = options.pop("duration", None)
    requests = options.pop("requests", None)
    if (offsets := source.offsets()) is not None:
        requests, duration = source.size(), max(offsets)
    elif requests is not None and duration is not None:
        raise Stop(USAGE, "--requests and --duration both say when to end: keep one of the two")
    if profile == "smoke" and rate is None and duration is None:
        requests = requests or profiles.SMOKE_REQUESTS
        options.setdefault("concurrency", _SMOKE_CONCURRENCY)
    if profile in profiles.SEARCHES:
        options.setdefault("max_rate", profiles.ceiling(rate))
    if requests is not None and rate is not None:
        if profile in ("ramp", "spike"):
            raise Stop(USAGE, f"--requests: --profile {profile} is over time: give --duration in its place")
        duration = requests / rate
    return Plan(
        endpoint=None if more["flags"] else selection.endpoints[0].name,
        profile=profile,
        duration=duration or profiles.DURATIONS[profile],
        requests=requests,
        workload=workload,
        max_cost=_amount(options.pop("max_cost", None), selection.currency),
        **options,
        **more,
    )


def _check_loop(profile: str, options: dict[str, Any]) -> None:
    rate, concurrency = options.get("rate"), options.get("concurrency")
    if rate is not None and concurrency is not None:
        raise Stop(USAGE, "--rate is an open loop and --concurrency a closed one: keep one of the two")
    if profile in (*profiles.SEARCHES, "ramp", "spike") and concurrency is not None:
        raise Stop(USAGE, f"--concurrency: --profile {profile} is an open loop: give --rate, or neither for a search")
    if profile not in (*profiles.SEARCHES, "smoke") and rate is None and concurrency is None:
        raise Stop(USAGE, f"--profile {profile} needs --rate, such as 20/s, or --concurrency, such as 16")
    if options.get("max_rate") is not None and profile not in profiles.SEARCHES:
        raise Stop(USAGE, "--max-rate bounds a search: it goes with --profile capacity or limits")
    if profile in profiles.SEARCHES and options.get("requests") is not None:
        raise Stop(USAGE, f"--requests: --profile {profile} ends when it knows: give --duration to bound it")


def _check_trace(profile: str, options: dict[str, Any]) -> None:
    if profile != "steady":
        raise Stop(USAGE, f"--trace: its timestamps are the load: leave out --profile {profile}")
    for name in ("rate", "arrivals", "concurrency", "requests", "duration", "warmup"):
        if options.get(name) is not None:
            raise Stop(USAGE, f"--trace: its timestamps are the load: leave out --{name}")


def _check_arrivals(options: dict[str, Any]) -> None:
    arrivals = options.get("arrivals", POISSON)
    if arrivals not in (POISSON, CONSTANT, GAMMA):
        raise Stop(USAGE, f"--arrivals {arrivals}: there are {POISSON}, {CONSTANT} and {GAMMA}")
    if (options.get("variation") is None) == (arrivals == GAMMA):
        raise Stop(USAGE, "--variation goes with --arrivals gamma, and gamma with it: give both, such as --variation 2")
    if options.get("concurrency") is not None and "arrivals" in options:
        raise Stop(USAGE, "--arrivals: a closed loop has none: leave it out, or give --rate in place of --concurrency")


def _open(endpoint: Endpoint, workload: Workload) -> Source:
    """Reads the files of a workload, so that what is wrong with them is known before anything is sent."""
    try:
        return open_source(endpoint, workload)
    except OSError as error:
        raise Stop(USAGE, f"{error.filename}: {error.strerror}: name a file that can be read") from error
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error


def _workload(given: dict[str, Any]) -> Workload:
    workload = Workload(**given)
    try:
        workload.check()
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error
    return workload


def _check_protocol(endpoint: Endpoint) -> None:
    if endpoint.transport.http2:
        raise Stop(
            USAGE,
            f"endpoint {endpoint.name} has http2: true, and load tests speak HTTP/1.1: if the server speaks that, too, "
            "make an endpoint without http2 for them; a server of HTTP/2 alone can be probed only",
        )


def _check_slo(texts: list[str]) -> None:
    for text in texts:
        try:
            slo.parse(text)
        except ValueError as error:
            raise Stop(USAGE, f"--slo {error}") from error


def _amount(given: Amount | None, currency: str) -> float | None:
    if given is None:
        return None
    if given.currency not in (None, currency):
        raise Stop(USAGE, f"--max-cost in {given.currency}: the reporting currency is {currency}: write it in that")
    return given.value
