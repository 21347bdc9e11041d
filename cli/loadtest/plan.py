"""Makes a Plan from options: fills in defaults, opens files, and refuses what can't be run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aimon.cli.console import note
from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest import scenarios
from aimon.config import missing
from aimon.config.request_options import RequestOptions
from aimon.language import pick
from aimon.load_terms import POISSON, SEARCHES
from aimon.loadtests.protocol import profiles
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.workload import Workload, open_source
from aimon.quantities import MAX_DAYS, UNITS

if TYPE_CHECKING:
    from aimon.config import LoadTestOptions
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Scenario
    from aimon.loadtests.workload import Source
    from aimon.pricing import PriceBook
    from aimon.quantities import Amount

_SMOKE_CONCURRENCY = 1
_LONGEST = MAX_DAYS * UNITS["d"]


def make_plan(
    endpoint: Endpoint, options: LoadTestOptions, prices: PriceBook, scenario: Scenario | None = None
) -> Plan:
    """The plan of a load test. Opens its dataset or trace, but sends nothing.

    Args:
        endpoint: the endpoint to call.
        options: of the file and the command line, which do not contradict each other.
        prices: the reporting currency, and what others are worth in it.
        scenario: Locust users that make the calls; by default that of the options, with this endpoint.

    Raises:
        Stop: the options are invalid together; says what to write instead.
    """
    if (needed := missing(options)) is not None:
        raise Stop(USAGE, needed)
    if scenario is None and options.scenario is not None:
        scenario = scenarios.scenario_of(options.scenario, options, [endpoint.name])
    steps = options.concurrency or ()
    concurrency = steps[0] if len(steps) == 1 else None
    requests, duration = options.requests, options.duration
    workload, skipped = Workload(), list[str]()
    if scenario is None:
        _check_protocol(endpoint)
        workload = _workload(options)
        source = _open(endpoint, workload)
        skipped = _skipped(source, workload)
        if (offsets := source.offsets()) is not None:
            requests, duration = source.size(), max(offsets)
    if options.profile == "smoke" and options.rate is None and duration is None:
        requests = requests or profiles.SMOKE_REQUESTS
        concurrency = concurrency or _SMOKE_CONCURRENCY
    if requests is not None and options.rate is not None:
        duration = requests / options.rate
        if duration > _LONGEST:
            raise Stop(USAGE, f"--requests {requests} take more than {MAX_DAYS} days at this --rate: write fewer")
    return Plan(
        endpoint=endpoint.name,
        profile=options.profile,
        rate=options.rate,
        max_rate=_max_rate(options),
        arrivals=options.arrivals or POISSON,
        variation=1.0 if options.variation is None else options.variation,
        concurrency=concurrency,
        ladder=list(steps) if len(steps) > 1 else [],
        max_in_flight=options.max_in_flight,
        scenario=scenario,
        duration=duration or (profiles.LADDER_STEP if len(steps) > 1 else profiles.DURATIONS[options.profile]),
        requests=requests,
        warmup=options.warmup or 0.0,
        workload=workload,
        request=_request(options),
        notes=skipped,
        retry_after=options.retry_after or 0,
        slo=[*options.slo],
        max_cost=_max_cost(options.max_cost, prices),
    )


def with_request(endpoint: Endpoint, options: LoadTestOptions) -> Endpoint:
    """The endpoint with the headers, body, time limit and exact output that the options ask for.

    Raises:
        Stop: a variable is not set, or the server has no such option.
    """
    try:
        return _request(options).applied(endpoint)
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error


def _request(options: LoadTestOptions) -> RequestOptions:
    return RequestOptions(
        headers=dict(options.headers),
        extra_body=dict(options.extra_body),
        timeout=options.timeout,
        exact_output=options.exact_output,
    )


def _skipped(source: Source, workload: Workload) -> list[str]:
    """The note about entries of the dataset that can't be sent."""
    bad = source.skipped()
    if not bad:
        return []
    entries = "1 entry" if len(bad) == 1 else f"{len(bad):,} entries"
    said = pick("{} of dataset {} skipped, the first: {}", "跳过了数据集 {1} 的 {0}，第一个：{2}").format(
        pick(f"{entries}", f"{len(bad):,} 条"), workload.dataset, bad[0]
    )
    note(said)
    return [said]


def _max_rate(options: LoadTestOptions) -> float | None:
    if options.max_rate is None and options.profile in SEARCHES:
        return profiles.ceiling(options.rate)
    return options.max_rate


def _workload(options: LoadTestOptions) -> Workload:
    return Workload(
        prompt_tokens=options.prompt_tokens,
        output_tokens=options.output_tokens,
        shared_prefix_tokens=options.shared_prefix_tokens or 0,
        turns=options.turns or 1,
        turn_delay=options.turn_delay or 0.0,
        dataset=_path("--dataset", options.dataset),
        strict_dataset=options.strict_dataset,
        trace=_path("--trace", options.trace),
        trace_unit=options.trace_unit,
        trace_speed=1.0 if options.trace_speed is None else options.trace_speed,
    )


def _path(option: str, written: str | None) -> str | None:
    """A path, with the variables in it expanded."""
    if written is None:
        return None
    from aimon.config.yaml import variables

    try:
        return variables.expand(written, os.environ)
    except ValueError as error:
        raise Stop(USAGE, f"{option}: {error}") from error


def _open(endpoint: Endpoint, workload: Workload) -> Source:
    """Reads the files of a workload, so that errors in them are found before anything is sent."""
    try:
        return open_source(endpoint, workload)
    except OSError as error:
        raise Stop(USAGE, f"{error.filename}: {error.strerror}: name a file that can be read") from error
    except ValueError as error:
        raise Stop(USAGE, str(error)) from error


def _check_protocol(endpoint: Endpoint) -> None:
    if endpoint.transport.http2:
        raise Stop(
            USAGE,
            f"endpoint {endpoint.name} has http2: true, and load tests speak HTTP/1.1: if the server speaks that, too, "
            "make an endpoint without http2 for them; a server of HTTP/2 alone can be probed only",
        )


def _max_cost(given: Amount | None, prices: PriceBook) -> float | None:
    if given is None:
        return None
    amount = prices.converted(given.value, given.currency)
    if amount is None:
        raise Stop(
            USAGE,
            f"--max-cost in {given.currency}: the reporting currency is {prices.currency}: write it in that, or add "
            f"fx: {{{given.currency}: …}} to the configuration",
        )
    return amount
