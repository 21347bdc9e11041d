"""What a load test may take, before anything is sent: bounds of every profile, what is asked about, what is refused."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from aimon.call.call import Message, Target, Timeouts
from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest import forecast
from aimon.cli.loadtest.plan import make_plan
from aimon.config import LoadTestOptions
from aimon.config.endpoint import Canary, Endpoint, Transport
from aimon.loadtests.prediction import CALLS_PER_STREAM, Prediction, predict
from aimon.pricing import Price, PriceBook
from aimon.probes.selection import Selection
from aimon.quantities import Amount
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.loadtests.protocol.plan import Plan
    from command import Command

CENT = Price.of({"input": 0, "output": 0, "per_request": 0.01, "currency": "CNY"})


def selection(price: Price | None = CENT, *, dialect: str = "openai-chat", timeout: float = 10.0) -> Selection:
    """An endpoint, and what its calls cost."""
    target = Target("local", "p", dialect, "http://127.0.0.1:9/v1", "m")
    canary = Canary("echo", (Message("user", "hi"),), max_tokens=7)
    endpoint = Endpoint(target, (canary,), timeouts=Timeouts(total=timeout))
    book = PriceBook(endpoints={} if price is None else {"local": price}, currency="CNY")
    return Selection((endpoint,), "local", "CNY", book, "aimon.yaml", whole=True)


def plan(options: dict[str, Any], chosen: Selection | None = None, **more: Any) -> Plan:
    """The plan of these options, as the command line makes it."""
    chosen = chosen or selection()
    made = make_plan(chosen.endpoints[0], LoadTestOptions(**options), chosen.prices)
    changed: Plan = msgspec.structs.replace(made, **more)
    return changed


def bounds(options: dict[str, Any], chosen: Selection | None = None) -> Prediction:
    """What it predicts of them."""
    chosen = chosen or selection()
    return predict(plan(options, chosen), chosen.endpoints[0], chosen.prices)


@pytest.mark.parametrize(
    ("options", "calls", "duration", "mean", "peak", "concurrency"),
    [
        ({"profile": "smoke"}, 5, None, None, None, 1),
        ({"rate": 20.0, "duration": 60.0}, 1200, 60, 20, 20, 200),
        ({"rate": 20.0, "duration": 60.0, "warmup": 10.0}, 1400, 70, 20, 20, 200),
        ({"rate": 0.5, "requests": 3}, 3, 6, 0.5, 0.5, 3),
        ({"profile": "ramp", "rate": 10.0, "duration": 100.0}, 550, 100, 5.5, 10, 100),
        ({"profile": "spike", "rate": 10.0, "duration": 100.0}, 1600, 100, 16, 40, 400),
        ({"profile": "soak", "rate": 1.0}, 3600, 3600, 1, 1, 10),
        ({"concurrency": (4,), "requests": 50}, 50, None, None, None, 4),
        ({"concurrency": (4,), "duration": 10.0}, 4 * (1 + 10 * CALLS_PER_STREAM), 10, None, None, 4),
        ({"concurrency": (1, 2, 4), "requests": 50}, 150, None, None, None, 4),
        ({"concurrency": (1, 2), "duration": 10.0}, 3 * (1 + 10 * CALLS_PER_STREAM), 20, None, None, 2),
        (
            {"concurrency": (4,), "requests": 50, "warmup": 5.0},
            50 + 4 * (1 + 5 * CALLS_PER_STREAM),
            None,
            None,
            None,
            4,
        ),
        ({"profile": "capacity", "duration": 100.0}, 12_000, 120, None, 100, 1000),
        ({"profile": "capacity", "duration": 100.0, "rate": 50.0}, 24_000, 120, None, 200, 2000),
        ({"profile": "limits", "duration": 100.0, "max_rate": 7.0}, 700, 100, None, 7, 70),
        ({"rate": 10.0, "duration": 10.0, "retry_after": 2}, 300, 10, 10, 10, 100),
    ],
)
def test_every_profile_is_bounded(  # one for each column
    options: dict[str, Any],
    calls: int,
    duration: float | None,
    mean: float | None,
    peak: float | None,
    concurrency: int,
) -> None:
    """The forecast of each profile is an upper bound that includes the first call and the warm-up."""
    found = bounds(options)
    assert found.requests == 1 + calls
    assert found.cost == pytest.approx(found.requests * 0.01)
    assert found.output_tokens == 7 * found.requests
    assert (found.duration_s, found.rate_mean, found.rate_peak) == (duration, mean, peak)
    assert found.concurrency == concurrency


def test_a_trace_is_bounded(tmp_path: Path) -> None:
    """The forecast of a trace has its densest second and the most calls within a timeout."""
    file = tmp_path / "t.csv"
    rows = "".join(f"{at},10,5\n" for at in (0, 900, 1800, 9000, 9500, 9800, 9950, 18_900))
    file.write_text(f"timestamp,input_length,output_length\n{rows}")
    found = bounds({"trace": str(file), "trace_speed": 0.5}, selection(timeout=20.0))
    assert (found.requests, found.output_tokens) == (9, 45)
    assert found.duration_s == pytest.approx(37.8)
    assert (found.rate_peak, found.concurrency) == (3, 7)


def test_searches_stop_at_a_safe_rate_unless_told() -> None:
    """A hundred a second, or four times the first rate."""
    assert plan({"profile": "capacity"}).max_rate == 100
    assert plan({"profile": "limits", "rate": 90.0}).max_rate == 360
    assert plan({"profile": "capacity", "max_rate": 5000.0}).max_rate == 5000


def test_what_has_no_answer_costs_none() -> None:
    """Embeddings have a price of input alone."""
    price = Price.of({"input": 2.0, "currency": "CNY"})
    found = bounds({"rate": 1.0, "duration": 10.0}, selection(price, dialect="openai-embeddings"))
    assert found.output_tokens == 0
    assert found.input_tokens is not None
    assert found.cost == pytest.approx(found.input_tokens * 2e-6)


def test_http2_is_refused() -> None:
    """Before the first call: load tests do not speak it."""
    endpoint = replace(selection().endpoints[0], transport=Transport(http2=True))
    with pytest.raises(Stop, match=r"endpoint local has http2: true, and load tests speak HTTP/1\.1") as stopped:
        plan({"rate": 1.0}, replace(selection(), endpoints=(endpoint,)))
    assert stopped.value.code == USAGE


# What is asked


class Typed(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def confirm(
    options: dict[str, Any], chosen: Selection | None = None, *, yes: bool = False, quiet: bool = False
) -> None:
    """Asks about a plan of these options."""
    chosen = chosen or selection()
    forecast.confirm(plan(options, chosen), chosen, None, yes=yes, quiet=quiet)


DEAR = {"rate": 100.0, "duration": 336.0}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (DEAR, "up to 33,601 calls, up to 336.01 CNY; no --max-cost"),
        (DEAR | {"max_cost": None}, "up to 33,601 calls, up to 336.01 CNY; no --max-cost"),
        (
            {"profile": "capacity", "duration": 80.0},
            (
                "up to 10,001 calls, up to 100.01 CNY, assuming the search going on at its highest rate, 100/s, all "
                "the time; no --max-cost"
            ),
        ),
    ],
)
def test_a_line_says_what_it_may_cost(options: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before it starts; with --yes nothing is asked."""
    confirm({key: value for key, value in options.items() if value is not None}, yes=True)
    assert capsys.readouterr().err == f"{line}\n"


def test_a_limit_of_cost_is_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --max-cost the line has the limit, and nothing is asked."""
    confirm(DEAR | {"max_cost": Amount(5.0)})
    assert capsys.readouterr().err == "up to 33,601 calls, up to 336.01 CNY; ends at 5.00 CNY (--max-cost)\n"


def test_without_a_terminal_a_dear_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal an expensive run is refused with advice; a cheap one or one of unknown price is not."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(Stop) as stopped:
        confirm(DEAR)
    assert stopped.value.code == USAGE
    assert stopped.value.message == ("this may cost up to 336.01 CNY: bound it with --max-cost, or agree with --yes")
    confirm({"rate": 1.0, "duration": 60.0})
    confirm(DEAR, selection(None))


@pytest.mark.parametrize(
    ("typed", "sent"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_on_a_terminal_somebody_is_asked(monkeypatch: pytest.MonkeyPatch, typed: str, *, sent: bool) -> None:
    """On a terminal a question is asked; an empty answer means no."""
    screen = Typed()
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    monkeypatch.setattr(sys, "stderr", screen)
    if sent:
        confirm(DEAR)
    else:
        with pytest.raises(Stop, match="nothing was sent"):
            confirm(DEAR)
    assert "this may cost up to 336.01 CNY. Send it? [y/N] " in screen.getvalue()


def test_a_trace_that_can_hardly_be_right_is_asked_about(tmp_path: Path) -> None:
    """An implausible trace is asked about, unless --trace-unit or --yes is given."""
    file = tmp_path / "t.jsonl"
    lines = [{"timestamp": k, "input_length": 9, "output_length": 1} for k in range(500)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(Stop, match=r"500 calls in 0\.499 s, 1,002/s: say the unit with --trace-unit, or agree with"):
        confirm({"trace": str(file)})
    confirm({"trace": str(file)}, yes=True)
    confirm({"trace": str(file), "trace_unit": "ms"})
    confirm({"trace": str(file), "trace_unit": "s"})


@pytest.mark.parametrize(
    ("price", "line"),
    [
        (
            None,
            (
                "--max-cost can't be kept: no price of m is known; add to endpoint local in aimon.yaml:\n"
                "    prices: {input: 2.00, output: 8.00, currency: CNY}  # per million tokens, of your contract"
            ),
        ),
        (
            Price.of({"input": 1, "output": 1, "currency": "USD"}),
            (
                "--max-cost can't be kept: USD price, no fx rate to CNY; add in aimon.yaml:\n"
                "  fx: {USD: 7.10}  # what 1 USD is in CNY"
            ),
        ),
        (
            Price.of({"input": 1, "currency": "CNY"}),
            (
                "--max-cost can't be kept: no price of m is known; add to endpoint local in aimon.yaml:\n"
                "    prices: {input: 2.00, output: 8.00, currency: CNY}  # per million tokens, of your contract"
            ),
        ),
    ],
)
def test_a_limit_of_cost_without_a_price_is_refused(price: Price | None, line: str) -> None:
    """Before the first call, with the line to add; --yes does not help."""
    with pytest.raises(Stop) as stopped:
        confirm({"rate": 1.0, "duration": 5.0, "max_cost": Amount(5.0)}, selection(price), yes=True)
    assert (stopped.value.code, stopped.value.message) == (USAGE, line)


@pytest.mark.e2e
def test_the_command(run_aimon: Command) -> None:
    """A dry run shows it all and sends nothing, to a port where nobody listens; a dear one stops before that."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        "endpoints: [{name: e, dialect: openai-chat, base_url: 'http://127.0.0.1:9/v1', model: m, "
        "prices: {input: 0, output: 0, per_request: 0.047}}]\n"
    )
    dry = run_aimon("loadtest", "e", "--rate", "10/s", "--duration", "100s", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines() == [
        "requests: at most 1,001, the first call included",
        "duration: 1 min 40 s",
        "rate: 10.0/s on average, 10.0/s at its peak",
        "concurrency: at most 600, if every call took its whole timeout",
        "input tokens: at most 7,007",
        "output tokens: at most 64,064",
        "cost: at most 47.05 CNY",
    ]
    told = json.loads(run_aimon("loadtest", "e", "--rate", "10/s", "--duration", "100s", "--dry-run", "--json").stdout)
    assert (told["requests"], told["currency"], told["cost"]) == (1001, "CNY", pytest.approx(47.047))
    refused = run_aimon("loadtest", "e", "--rate", "10/s", "--duration", "100s")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "this may cost up to 47.05 CNY: bound it with --max-cost, or agree with --yes" in refused.stderr


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("http://127.0.0.1:9", 3, "nothing was sent; --yes sends it all the same"),
        ("ftp://127.0.0.1", 2, "--push: "),
        ("{sim}", 3, "nothing was sent; --yes sends it all the same"),
    ],
    ids=["nobody", "no address", "no Pushgateway"],
)
def test_a_gateway_is_looked_at_first(run_aimon: Command, address: str, code: int, words: str) -> None:
    """One that is not there, or is none, is said before anything is sent."""
    with SimulatorProcess(Profile()) as sim:
        where = [*target_flags(sim.base_url()), "--profile", "smoke"]
        done = run_aimon("loadtest", *where, "--push", address.format(sim=sim.base_url()))
        assert (done.returncode, done.stdout) == (code, "")
        assert words in done.stderr
        assert "ok" not in sim.truth(limit=0).by_outcome
