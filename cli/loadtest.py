"""`aimon loadtest`: how much an endpoint serves, and how fast, under a load of your choice."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aimon.cli.console import note
from aimon.cli.exits import INTERRUPTED, UNABLE, USAGE, Stop
from aimon.cli.select import Flags, select

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.cli.select import Selection
    from aimon.loadtests.plan import Plan

_PATIENCE = 30.0


def loadtest(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="An endpoint, or one of `loadtests:`.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None,
    profile: Annotated[str | None, typer.Option(help="smoke, steady, ramp, spike, soak, capacity or limits.")] = None,
    rate: Annotated[str | None, typer.Option(help="Open loop: calls started, such as 20/s or 90/m.")] = None,
    arrivals: Annotated[str | None, typer.Option(help="Open loop: poisson (default) or constant.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Closed loop: streams at a time.")] = None,
    duration: Annotated[str | None, typer.Option(help="How long, such as 2m.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="How many calls, instead of how long.")] = None,
    warmup: Annotated[str | None, typer.Option(help="Before counting starts, such as 10s.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="Length of synthetic prompts.")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=1, help="Limit of the answers' length.")] = None,
    slo: Annotated[list[str] | None, typer.Option(help="What must hold, such as 'p99<10s'; repeatable.")] = None,
    max_cost: Annotated[str | None, typer.Option(help="Stop before it costs more, such as 5.00.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what it would take.")] = False,
    push: Annotated[str | None, typer.Option(help="Push the result to this Pushgateway.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write report.html, .json and .md to this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="report.json on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Of random arrivals.")] = 0,
    preset: Annotated[str | None, typer.Option(help="Without a file: provider, such as openai.")] = None,
    dialect: Annotated[str | None, typer.Option(help="Without a file: dialect, such as openai-chat.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Without a file: address, up to /v1.")] = None,
    model: Annotated[str | None, typer.Option(help="Without a file: model.")] = None,
    api_key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable that holds the key.")] = None,
) -> int:
    """Put an endpoint under load and report what it does. The load is sent in earnest, and costs money.

    Exit codes: 0 good; 1 an objective was missed or the run was aborted; 2 usage or configuration; 3 a push or a
    file failed; 130 interrupted, with partial results.
    """
    given = {
        "profile": profile,
        "rate": _read("--rate", rate, "rate"),
        "arrivals": arrivals,
        "concurrency": concurrency,
        "duration": _read("--duration", duration, "seconds"),
        "requests": requests,
        "warmup": _read("--warmup", warmup, "seconds"),
        "prompt_tokens": prompt_tokens,
        "output_tokens": output_tokens,
        "slo": slo or None,
        "max_cost": _read("--max-cost", max_cost, "money"),
    }
    flags = Flags(preset, dialect, base_url, model, api_key_env)
    _check_installed()
    from aimon.cli.loadplan import make_plan  # noqa: PLC0415  # start-up

    written, endpoint = _written(name, config, flags)
    selection = select([endpoint] if endpoint else [], config, flags)
    if len(selection.endpoints) > 1:
        names = ", ".join(each.name for each in selection.endpoints)
        raise Stop(USAGE, f"a load test is for one endpoint: name one of {names}")
    more = {
        "config": str(config) if config is not None else None,
        "flags": {key: value for key, value in _given(flags).items() if value is not None},
        "push": push,
        "out": str(out) if out is not None else None,
        "as_json": as_json,
        "seed": seed,
    }
    plan = make_plan(selection, {**written, **{key: value for key, value in given.items() if value is not None}}, more)
    if dry_run:
        return _predict(plan, selection)
    return _start(plan)


def _check_installed() -> None:
    from importlib.util import find_spec  # noqa: PLC0415  # start-up

    for module in ("gevent", "httptools", "numpy"):
        if find_spec(module) is None:
            raise Stop(UNABLE, f"load tests need {module}: pip install 'aimon[loadtest]'")


def _given(flags: Flags) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415  # start-up

    return asdict(flags)


def _read(option: str, text: str | None, kind: str) -> Any:
    """Reads a rate, a duration or an amount; None stays None."""
    from aimon import quantities  # noqa: PLC0415  # start-up
    from aimon.cli.loadrate import rate  # noqa: PLC0415

    if text is None:
        return None
    readers: dict[str, Callable[[str], Any]] = {
        "rate": rate,
        "seconds": quantities.seconds,
        "money": quantities.money,
    }
    try:
        return readers[kind](text)
    except ValueError as error:
        raise Stop(USAGE, f"{option} {text}: {error}") from error


def _written(name: str | None, path: Path | None, flags: Flags) -> tuple[dict[str, Any], str | None]:
    """What the file says about a load test of that name, and its endpoint; otherwise the name is an endpoint's."""
    if name is None or flags.given:
        return {}, name
    from dataclasses import asdict  # noqa: PLC0415  # start-up

    from aimon import config  # noqa: PLC0415
    from aimon.cli.loadrate import rate  # noqa: PLC0415

    try:
        test = config.load(path).loadtests.get(name)
    except config.ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    if test is None:
        return {}, name
    for field in ("dataset", "processes"):
        if getattr(test, field) is not None:
            raise Stop(USAGE, f"loadtests.{name}.{field}: not supported by this version: remove it")
    fields = {key: value for key, value in asdict(test).items() if value is not None and key != "endpoint"}
    fields["slo"] = list(test.slo)
    fields["max_cost"] = test.max_cost
    fields["rate"] = None if test.rate is None else rate(test.rate)
    return {key: value for key, value in fields.items() if value is not None}, test.endpoint


def _predict(plan: Plan, selection: Selection) -> int:
    from aimon.loadtests import workload  # noqa: PLC0415  # start-up
    from aimon.loadtests.plan import predict  # noqa: PLC0415

    call = workload.maker(selection.endpoints[0], plan.prompt_tokens, plan.output_tokens)()
    found = predict(plan, call, selection.prices)
    shown = {name: getattr(found, name) for name in ("requests", "input_tokens", "output_tokens", "cost", "currency")}
    if plan.as_json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name.replace('_', ' ')}: {'not known beforehand' if value is None else value}")
    note("nothing was sent; answers that end early take fewer tokens")
    return 0


def _start(plan: Plan) -> int:
    """Runs the plan in a process of its own, since gevent is not for this one."""
    import subprocess  # noqa: PLC0415  # start-up
    import sys  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    with subprocess.Popen(
        [sys.executable, "-m", "aimon.loadtests.run"],
        stdin=subprocess.PIPE,
        # Ctrl-C of a terminal goes to its whole group; this way it comes once, and from here.
        start_new_session=True,
    ) as child:
        return _attend(child, msgspec.json.encode(plan))


def _attend(child: Any, plan: bytes) -> int:
    import signal  # noqa: PLC0415  # start-up
    import subprocess  # noqa: PLC0415

    def forward(*_: object) -> None:
        child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child.stdin.write(plan)
        child.stdin.close()
        code = child.wait()
    except BrokenPipeError:
        # It died before it had read the plan, and has said why.
        try:
            code = child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            code = UNABLE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code == -signal.SIGINT:
        # It came before there was anything to report.
        return INTERRUPTED
    if code < 0:
        raise Stop(UNABLE, f"the load test's process was killed by signal {-code}: there is no report")
    return int(code)
