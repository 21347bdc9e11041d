"""The options of `aimon loadtest` in groups, and their conversion to typer's parameters.

Each group is a frozen dataclass, so that the rest of the command has types to follow. What the file can say, too, is
text here: `aimon.config.override` reads it with the parsers of the file.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path  # noqa: TC003 - `grouped` reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from aimon.cli.options.language import Language  # noqa: TC001 - `grouped` reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Callable

_Text = str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Load, requests and objectives: keys of `loadtests:` in the file, under the same names."""

    profile: Annotated[_Text, typer.Option(help="smoke, steady, ramp, spike, soak, capacity or limits.")] = None
    rate: Annotated[_Text, typer.Option(help="Open loop: calls to start, such as 20/s or 90/m.")] = None
    max_rate: Annotated[
        _Text, typer.Option(help="The most that a search for capacity or limits tries; 100/s by default.")
    ] = None
    arrivals: Annotated[_Text, typer.Option(help="Open loop: poisson (default), constant or gamma.")] = None
    variation: Annotated[
        _Text,
        typer.Option(metavar="NUMBER", help="Gamma arrivals: coefficient of variation; above 1 is bursts."),
    ] = None
    concurrency: Annotated[
        _Text,
        typer.Option(metavar="COUNT", help="Closed loop: concurrent users; 1,2,4,8 or 1..64 for a ladder."),
    ] = None
    max_in_flight: Annotated[
        _Text,
        typer.Option(metavar="COUNT", help="Open loop: the most iterations in flight; an arrival beyond waits."),
    ] = None
    duration: Annotated[_Text, typer.Option(help="How long, such as 2m.")] = None
    requests: Annotated[
        _Text, typer.Option(metavar="COUNT", help="How many calls, or iterations of a scenario, instead of how long.")
    ] = None
    warmup: Annotated[_Text, typer.Option(help="Before counting starts, such as 10s.")] = None
    retry_after: Annotated[
        _Text,
        typer.Option(
            "--honour-retry-after",
            metavar="COUNT",
            help="Repeat a call up to this many times after a Retry-After; each counts.",
        ),
    ] = None
    max_cost: Annotated[_Text, typer.Option(help="Stop before the cost exceeds this, such as 5.00.")] = None
    scenario: Annotated[
        _Text,
        typer.Option(metavar="NAME|FILE", help="Locust users: a scenario of --list, or FILE.py[:Class,Class]."),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Scenario: a value that it asks for; repeatable."),
    ] = None
    tags: Annotated[
        list[str] | None,
        typer.Option("--tags", "-T", metavar="TAG", help="Scenario: only tasks with this tag; repeatable."),
    ] = None
    exclude_tags: Annotated[
        list[str] | None,
        typer.Option("--exclude-tags", "-E", metavar="TAG", help="Scenario: no task with this tag; repeatable."),
    ] = None
    host: Annotated[
        _Text, typer.Option(metavar="URL", help="Scenario: the address that its HTTP users call, as Locust's.")
    ] = None
    prompt_tokens: Annotated[_Text, typer.Option(help="Length of synthetic prompts: 512, N(512,64) or U(100,900).")] = (
        None
    )
    output_tokens: Annotated[_Text, typer.Option(help="Limit of the answers' length, likewise.")] = None
    shared_prefix_tokens: Annotated[
        _Text, typer.Option(metavar="COUNT", help="Begin all prompts with the same text of this many tokens.")
    ] = None
    turn_delay: Annotated[
        _Text, typer.Option(help="Time between an answer and the next question of its conversation, such as 2s.")
    ] = None
    strict_dataset: Annotated[
        bool, typer.Option("--strict-dataset", help="Refuse a dataset with a bad entry, instead of skipping the entry.")
    ] = False
    exact_output: Annotated[
        bool,
        typer.Option(
            "--exact-output", help="Make the server write exactly as many tokens as it may (min_tokens, ignore_eos)."
        ),
    ] = False
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'K: V'", help="Add a header; a secret as ${NAME}; repeatable."),
    ] = None
    extra_body: Annotated[
        _Text, typer.Option(metavar="JSON", help="""Add fields to each request's body: '{"top_k": 20}'.""")
    ] = None
    timeout: Annotated[_Text, typer.Option(help="Limit of each call, to the end of its answer, such as 120s.")] = None
    turns: Annotated[_Text, typer.Option(metavar="COUNT", help="Questions in each synthetic conversation.")] = None
    dataset: Annotated[
        _Text, typer.Option(metavar="FILE", help="Prompts: JSONL (OpenAI batch, ShareGPT, prompt or messages).")
    ] = None
    trace: Annotated[_Text, typer.Option(metavar="FILE", help="Replay a trace with its timestamps: JSONL or CSV.")] = (
        None
    )
    trace_unit: Annotated[
        _Text, typer.Option(help="Unit of the trace's timestamps, if not that of its format: s, ms, us or ns.")
    ] = None
    trace_speed: Annotated[
        _Text,
        typer.Option(metavar="NUMBER", help="Replay the trace at this multiple of its recorded speed, such as 0.5."),
    ] = None
    slo: Annotated[
        list[str] | None,
        typer.Option(metavar="OBJECTIVE", help="What must hold, such as 'p99<10s'; repeatable."),
    ] = None
    processes: Annotated[_Text, typer.Option(metavar="COUNT", help="Worker processes on this machine.")] = None

    @property
    def given(self) -> dict[str, str | list[str] | bool]:
        """Those that were given, by their names in the file."""
        return {each.name: text for each in fields(self) if (text := getattr(self, each.name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Execution and output."""

    cold: Annotated[bool, typer.Option("--cold", help="A fresh connection for each call.")] = False
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the scenarios that ship with aimon.")] = False
    web: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve Locust's web page while it runs, such as 127.0.0.1:8089."),
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of random arrivals and lengths.")] = 0
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate requests, tokens and cost; send nothing.")] = (
        False
    )
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Send without asking, even if the load is expensive or implausibly dense."),
    ] = False
    push: Annotated[
        str | None, typer.Option(help="Push metrics to this Pushgateway, during the run and at its end.")
    ] = None
    listen: Annotated[str | None, typer.Option(help="Serve /metrics while it runs, such as 127.0.0.1:9464.")] = None
    listen_token_file: Annotated[
        Path | None,
        typer.Option(
            "--listen-token-file",
            metavar="FILE",
            help="With --listen: the file with the token that scrapers must send as Bearer.",
        ),
    ] = None
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Allow --listen and --web on an address that others can reach.")
    ] = False
    out: Annotated[Path | None, typer.Option(help="Write report.html, .json, .md and .csv to this folder.")] = None
    out_mode: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="Who may read its files, such as 640; 600, you alone, by default."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the report that --out holds.")] = False
    results: Annotated[bool, typer.Option("--results", help="Write every call to results.jsonl.gz in --out, too.")] = (
        False
    )
    repeat: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            help="Run it this many times in a row, and report the spread between the runs.",
            min=2,
            max=100,
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="report.json on stdout.")] = False
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False
    language: Language = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing while it runs.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionOptions:
    """Distributed runs: the role of this process."""

    master: Annotated[bool, typer.Option("--master", help="Direct workers that connect from other machines.")] = False
    bind_host: Annotated[str | None, typer.Option(help="Master: address to listen on; 127.0.0.1 by default.")] = None
    bind_port: Annotated[
        int | None, typer.Option(help="Master: port to listen on; 5557 by default.", min=0, max=65535)
    ] = None
    expect_workers: Annotated[int | None, typer.Option(help="Master: workers to wait for; 1 by default.", min=1)] = None
    wait: Annotated[str | None, typer.Option(help="Master: how long to wait for them; 60s by default.")] = None
    worker: Annotated[bool, typer.Option("--worker", help="Be a worker: carry out the plan of a master.")] = False
    master_host: Annotated[str | None, typer.Option(help="Worker: where the master is; 127.0.0.1 by default.")] = None
    master_port: Annotated[
        int | None, typer.Option(help="Worker: the master's port; 5557 by default.", min=1, max=65535)
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Master and worker: the token that both must know."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """The endpoint: by name from the file, or described without a file."""

    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE.py]...", help="An endpoint, one of `loadtests:`, or a scenario's file."),
    ] = None
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None
    preset: Annotated[str | None, typer.Option(help="Provider, such as openai.")] = None
    dialect: Annotated[str | None, typer.Option(help="Dialect, such as openai-chat.")] = None
    base_url: Annotated[str | None, typer.Option(help="Address, up to /v1.")] = None
    model: Annotated[str | None, typer.Option(help="Model.")] = None
    api_key_env: Annotated[str | None, typer.Option(help="The variable that holds the key.", metavar="NAME")] = None


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Converts a command whose parameters are groups of options to typer's form: one parameter for each option."""
    groups = {name: group for name, group in get_type_hints(command).items() if name != "return"}
    options: dict[str, inspect.Parameter] = {}
    for group in groups.values():
        hints = get_type_hints(group, include_extras=True)
        for each in fields(group):
            options[each.name] = inspect.Parameter(
                each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
            )

    def run(**given: Any) -> int:
        return command(
            **{name: group(**{each.name: given[each.name] for each in fields(group)}) for name, group in groups.items()}
        )

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature([*options.values()])  # type: ignore[attr-defined]  # what typer asks for
    run.__annotations__ = {name: option.annotation for name, option in options.items()}
    return run
