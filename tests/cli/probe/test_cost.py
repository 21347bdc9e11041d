"""What probing costs, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from aimon.call.call import Message, Target
from aimon.cli.probe import cost
from aimon.config.endpoint import Budget, Canary, Endpoint
from aimon.pricing import Price, PriceBook

if TYPE_CHECKING:
    from command import Command

PRICE = Price.of({"input": 100, "output": 200, "currency": "CNY"})


def endpoint(name: str, *, dialect: str = "openai-chat", interval: float = 60.0) -> Endpoint:
    """It asks 8 tokens for 50, and 4 for 10."""
    canaries = tuple(
        Canary(f"c{size}", (Message("user", "x" * 4 * size),), max_tokens=limit) for size, limit in ((8, 50), (4, 10))
    )
    return Endpoint(Target(name, "p", dialect, "http://127.0.0.1:9/v1", "m"), canaries, interval=interval)


def book(*names: str, price: Price = PRICE) -> PriceBook:
    """Prices of some endpoints."""
    return PriceBook(endpoints=dict.fromkeys(names, price), currency="CNY")


ROUND = (12 * 100 + 60 * 200) / 1e6


@pytest.mark.parametrize(("interval", "rounds"), [(60.0, 1440), (30.0, 2880), (3600.0, 24)])
def test_all_canaries_as_often_as_the_interval_says(interval: float, rounds: int) -> None:
    """The cost is of all canaries at the interval's frequency, with answers of maximum length."""
    assert cost.per_day(endpoint("e", interval=interval), book("e")) == pytest.approx(rounds * ROUND)


def test_what_has_no_answer() -> None:
    """Embeddings cost their input, and a list of models nothing, whatever its price."""
    price = Price.of({"input": 100, "currency": "CNY"})
    found = cost.per_day(endpoint("e", dialect="openai-embeddings"), book("e", price=price))
    assert found == pytest.approx(1440 * 12 * 100 / 1e6)
    assert cost.per_day(endpoint("e", dialect="openai-models"), book()) == 0


def test_it_is_said_of_each_and_of_all() -> None:
    """A budget bounds it; an unknown cost is none, and is said."""
    bounded = replace(endpoint("b"), budget=Budget(5.0, "CNY"))
    blind = replace(bounded, target=replace(bounded.target, endpoint="d"))
    assert list(cost.lines([endpoint("a"), bounded, endpoint("c"), blind], book("a", "b"))) == [
        "probing costs at most, if every answer is as long as it may be:",
        "  a: 19.01 CNY a day, 570.24 CNY a month, every 1m",
        "  b: 5.00 CNY a day, 150.00 CNY a month, every 1m, by its budget; 19.01 CNY a day, 570.24 CNY a month without",
        "  c: not known, every 1m: no price of m in CNY is known",
        (
            "  d: not known, every 1m: no price of m in CNY is known, so its budget can't stop it: "
            "write prices: {input: …, output: …}, or budget: none"
        ),
        "  all together: 24.01 CNY a day, 720.24 CNY a month, without 2 of unknown cost",
    ]


@pytest.mark.e2e
def test_a_dry_run_of_a_probe_sends_nothing(run_aimon: Command) -> None:
    """A dry run of a probe sends nothing, and --every sets the interval of its estimate."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        "endpoints: [{name: e, dialect: openai-chat, base_url: 'http://127.0.0.1:9/v1', model: m, "
        "prices: {input: 0, output: 0, per_request: 0.01}}]\n"
    )
    done = run_aimon("probe", "--dry-run", "--every", "10m")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "probing costs at most, if every answer is as long as it may be:",
        "  e: 1.44 CNY a day, 43.20 CNY a month, every 10m",
        "nothing was sent",
    ]
