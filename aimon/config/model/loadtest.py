"""The options of a load test: the keys of `loadtests:` in the file, and the options of `aimon loadtest`.

Both are read by the same value types and refused by the same rules. Messages name options as they are on the command
line; `in_keys` renames them for the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aimon import token_lengths
from aimon.config.model.sections import Section, key, many, rule, section, table
from aimon.config.model.values import secret_values
from aimon.config.model.values.types import (
    BODY_FIELDS,
    CONCURRENCY,
    DURATION,
    FLAG,
    HEADER_NAME,
    LENGTH,
    MONEY,
    NAME,
    OBJECTIVE,
    RATE,
    SETTING_NAME,
    TEMPLATE,
    TEXT,
    count,
    real,
    words,
)
from aimon.config.yaml.issues import Issue
from aimon.load_terms import ARRIVALS, GAMMA, MOST_TRACE_SPEED, MOST_TURNS, MOST_USERS, PROFILES, SEARCHES, TRACE_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimon.quantities import Amount


class LoadTestOptions(Section):
    """A load test that `aimon loadtest` can run by its name."""

    endpoint: str | None = key(NAME, "Which endpoint.", required=True, example="qwen-prod")
    profile: str = key(words(PROFILES, "profile"), "The shape of the load.", default="steady", example="capacity")
    rate: float | None = key(RATE, "Open loop: requests started per second or minute.", example="20/s")
    max_rate: float | None = key(RATE, "The most that a search for capacity or limits tries.", example="50/s")
    arrivals: str | None = key(words(ARRIVALS, "arrival process"), "Distribution of the arrivals of an open loop.")
    variation: float | None = key(
        real(0.01, 100), "Coefficient of variation of gamma arrivals: above 1 is bursts.", example=2
    )
    concurrency: tuple[int, ...] | None = key(
        CONCURRENCY, "Closed loop: concurrent users, or a ladder of such loops: `1,2,4,8` or `1..64`.", example=64
    )
    max_in_flight: int | None = key(
        count(1, MOST_USERS), "Open loop: the most iterations in flight; an arrival beyond waits.", example=100
    )
    duration: float | None = key(DURATION, "How long.", example="5m")
    requests: int | None = key(count(1, 1_000_000_000), "How many.", example=1000)
    warmup: float | None = key(DURATION, "How long before counting starts.", example="10s")
    scenario: str | None = key(
        TEMPLATE,
        "Locust users that make the calls: a scenario that ships with aimon, or FILE.py[:Class].",
        example="conversation",
    )
    settings: Mapping[str, str] = key(
        table(SETTING_NAME, TEXT), "Values that the scenario asks for.", make=dict, example={"turns": 3}
    )
    tags: tuple[str, ...] = key(many(TEXT), "Only tasks of the scenario with one of these tags.", default=())
    exclude_tags: tuple[str, ...] = key(many(TEXT), "No task of the scenario with one of these tags.", default=())
    host: str | None = key(
        TEMPLATE, "The address that the scenario's HTTP users call.", example="https://shop.example.com"
    )
    prompt_tokens: str | None = key(LENGTH, "Length of synthetic prompts, or its distribution.", example="N(512,64)")
    output_tokens: str | None = key(LENGTH, "Limit of the answers' length, or its distribution.", example=128)
    shared_prefix_tokens: int | None = key(
        count(1, token_lengths.MOST), "Number of tokens with which all synthetic prompts begin alike.", example=1000
    )
    turns: int | None = key(count(1, MOST_TURNS), "Questions in each synthetic conversation.", example=3)
    turn_delay: float | None = key(
        DURATION, "Time between an answer and the next question of its conversation.", example="2s"
    )
    dataset: str | None = key(TEMPLATE, "A file of prompts.", example="prompts.jsonl")
    strict_dataset: bool = key(
        FLAG, "Whether one bad entry of the dataset stops the run; it is skipped otherwise.", default=False
    )
    trace: str | None = key(TEMPLATE, "A file of calls to replay with their timestamps.", example="trace.csv")
    trace_unit: str | None = key(
        words(TRACE_UNITS, "unit"), "Unit of the trace's timestamps, if its format does not say.", example="s"
    )
    trace_speed: float | None = key(
        real(1 / MOST_TRACE_SPEED, MOST_TRACE_SPEED),
        "Speed of the replay relative to the recording.",
        example=0.5,
    )
    exact_output: bool = key(
        FLAG, "Whether the server is made to write exactly as many tokens as the limit.", default=False
    )
    headers: Mapping[str, str] = key(
        table(HEADER_NAME, TEMPLATE),
        "Headers added to each request; a secret is written `${NAME}`.",
        make=dict,
        example={"X-Team": "search"},
    )
    extra_body: Mapping[str, Any] = key(
        BODY_FIELDS, "Fields added to the JSON body of each request.", make=dict, example={"top_k": 20}
    )
    timeout: float | None = key(
        DURATION, "Limit of each call, to the end of its answer; by default that of the endpoint.", example="120s"
    )
    retry_after: int | None = key(count(1, 100), "How often a call is repeated after a Retry-After.", example=1)
    slo: tuple[str, ...] = key(many(OBJECTIVE), "What must hold.", default=(), example=["p99<10s", "error_rate<1%"])
    max_cost: Amount | None = key(MONEY, "Stops before it costs more.", example="20.00")
    processes: int | None = key(count(1, 256), "Worker processes.", example=2)


def contradictions(options: LoadTestOptions) -> Iterator[Issue]:
    """Issues of options that exclude each other."""
    yield from _of_trace(options) if options.trace is not None else _of_loop(options)
    yield from _of_scenario(options)
    if (options.variation is None) == (options.arrivals == GAMMA):
        yield Issue(
            ("variation" if options.arrivals != GAMMA else "arrivals",),
            "--variation goes with --arrivals gamma, and gamma with it: give both, such as --variation 2",
        )
    yield from secret_values.issues("headers", options.headers, "here")
    yield from secret_values.of_body("extra_body", options.extra_body)
    if options.strict_dataset and options.dataset is None:
        yield Issue(("strict_dataset",), "--strict-dataset is for a dataset: add --dataset FILE, or leave it out")
    if options.turn_delay is not None and options.dataset is None and (options.turns or 1) == 1:
        yield Issue(
            ("turn_delay",),
            "--turn-delay is between the turns of a conversation: add --turns, such as 3, or a --dataset that has them",
        )
    if options.concurrency is not None and options.arrivals is not None:
        yield Issue(
            ("arrivals",),
            "--arrivals: a closed loop has none: leave it out, or give --rate in place of --concurrency",
        )


def missing(options: LoadTestOptions) -> str | None:
    """What a run still needs, in words; None for nothing. A test in the file may leave it to the command line."""
    if options.trace is not None or options.profile in (*SEARCHES, "smoke"):
        return None
    if options.rate is not None or options.concurrency is not None:
        return None
    return f"--profile {options.profile} needs --rate, such as 20/s, or --concurrency, such as 16"


def _of_trace(options: LoadTestOptions) -> Iterator[Issue]:
    if options.profile != "steady":
        yield Issue(("profile",), f"--trace: its timestamps are the load: leave out --profile {options.profile}")
    for name in ("rate", "max_rate", "arrivals", "concurrency", "requests", "duration", "warmup"):
        if getattr(options, name) is not None:
            yield Issue((name,), f"--trace: its timestamps are the load: leave out {flag(name)}")


_OF_WORKLOADS: Final = (
    "prompt_tokens", "output_tokens", "shared_prefix_tokens", "turns", "turn_delay", "dataset", "trace",
)  # fmt: skip
_OF_SCENARIOS: Final = ("settings", "tags", "exclude_tags", "host")


def _of_scenario(options: LoadTestOptions) -> Iterator[Issue]:
    if options.scenario is not None:
        for name in _OF_WORKLOADS:
            if getattr(options, name) is not None:
                yield Issue((name,), f"{flag(name)}: the scenario's own code says what is asked: leave it out")
        return
    for name in _OF_SCENARIOS:
        if getattr(options, name):
            yield Issue((name,), f"{flag(name)} is for a scenario: add --scenario NAME or FILE.py, or leave it out")


def _of_loop(options: LoadTestOptions) -> Iterator[Issue]:
    profile, searches = options.profile, options.profile in SEARCHES
    if options.rate is not None and options.concurrency is not None:
        yield Issue(("concurrency",), "--rate is an open loop and --concurrency a closed one: keep one of the two")
    elif options.concurrency is not None and (searches or profile in ("ramp", "spike")):
        yield Issue(
            ("concurrency",),
            f"--concurrency: --profile {profile} is an open loop: give --rate, or neither for a search",
        )
    if options.max_in_flight is not None and (options.rate is None or searches):
        yield Issue(("max_in_flight",), "--max-in-flight bounds an open loop: it goes with --rate, and with no search")
    if options.max_rate is not None and not searches:
        yield Issue(("max_rate",), "--max-rate bounds a search: it goes with --profile capacity or limits")
    elif options.max_rate is not None and options.rate is not None and options.max_rate < options.rate:
        yield Issue(("max_rate",), "--max-rate is below --rate, at which the search begins: make it higher")
    if options.concurrency is not None and len(options.concurrency) > 1 and profile != "steady":
        yield Issue(("concurrency",), f"--concurrency: a ladder has steady steps: leave out --profile {profile}")
    if options.requests is None:
        return
    if options.duration is not None:
        yield Issue(("requests",), "--requests and --duration both say when to end: keep one of the two")
    if searches:
        yield Issue(("requests",), f"--requests: --profile {profile} ends when it knows: give --duration to bound it")
    elif profile in ("ramp", "spike"):
        yield Issue(("requests",), f"--requests: --profile {profile} is over time: give --duration in its place")


_FLAGS: Final = {"retry_after": "--honour-retry-after", "headers": "--header", "settings": "--set"}
_KEYS: Final = {flag: name for name, flag in _FLAGS.items()}
_FLAG: Final = re.compile(r"--[a-z]+(?:-[a-z]+)*")


def flag(name: str) -> str:
    """The command line's option for a key of the file."""
    return _FLAGS.get(name) or f"--{name.replace('_', '-')}"


def in_keys(message: str) -> str:
    """A message about options in the words of the file: `max_rate` instead of `--max-rate`."""
    return _FLAG.sub(lambda found: _KEYS.get(found[0]) or found[0][2:].replace("-", "_"), message)


@rule(LoadTestOptions)
def _rule(options: LoadTestOptions) -> Iterator[Issue]:
    for issue in contradictions(options):
        yield issue._replace(message=in_keys(issue.message))


LOAD_TEST: Final = section(LoadTestOptions)
