"""Account balances: what each provider says, how long they last, and the incident before they run out."""

from __future__ import annotations

import json
from threading import Thread
from threading import enumerate as enumerate_threads
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimon.config import loader, resolve
from aimon.config.channel import Channel
from aimon.probes.balance import ledger
from aimon.probes.balance.accounts import UnknownBalanceError, accounts, ask
from aimon.probes.balance.ledger import DAY, Balance, per_day
from aimon.probes.balance.observer import BalanceObserver, is_low
from aimon.probes.balance.providers import APIS, provider_of
from aimon.probes.history.database import Database
from aimon.probes.incidents import reader
from aimon.probes.incidents.kinds import Kind
from aimon.probes.incidents.tracker import IncidentTracker, Watch
from aimon.probes.notify import sentences
from aimon.simulator import Profile, Simulator
from services import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.config.endpoint import Endpoint
    from aimon.probes.service.context import ServiceContext

T0 = 1_700_000_000.0
KEY = "sk-recognisable0123456789"
# As the providers' documentation shows them.
DOCUMENTED: dict[str, tuple[str, Any, dict[str, float]]] = {
    "deepseek": (
        "api.deepseek.com",
        {"is_available": True, "balance_infos": [{"currency": "CNY", "total_balance": "110.00"}]},
        {"CNY": 110.0},
    ),
    "moonshot": ("api.moonshot.cn", {"code": 0, "data": {"available_balance": 49.58894}}, {"CNY": 49.58894}),
    "siliconflow": ("api.siliconflow.com", {"code": 20000, "data": {"totalBalance": "88.88"}}, {"USD": 88.88}),
    "openrouter": ("openrouter.ai", {"data": {"total_credits": 100.5, "total_usage": 25.75}}, {"USD": 74.75}),
    "stepfun": ("api.stepfun.com", {"object": "account", "type": "prepaid", "balance": 26.0}, {"CNY": 26.0}),
    "novita": ("api.novita.ai", {"availableBalance": "1000000", "cashBalance": "800000"}, {"USD": 100.0}),
}


@pytest.mark.parametrize("name", sorted(APIS))
def test_documented_answers(name: str) -> None:
    """The documented answer of each provider gives the amount and the currency of its site."""
    host, answer, amounts = DOCUMENTED[name]
    assert APIS[name].read(answer, host) == pytest.approx(amounts)
    assert provider_of("custom", host) == name


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(st.sampled_from(
        ["data", "balance", "type", "balance_infos", "currency", "total_balance", "available_balance", "totalBalance"]
    ), parts, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(sorted(APIS)), VALUES)
@settings(max_examples=60)
def test_no_number_comes_of_another_shape(name: str, answer: Any) -> None:
    """It is as documented, finite numbers and all, or it is refused."""
    try:
        found = APIS[name].read(answer, DOCUMENTED[name][0])
    except (ValueError, KeyError, TypeError):
        return
    assert found
    assert all(isinstance(amount, float) and abs(amount) < float("inf") for amount in found.values())


def test_a_site_of_unknown_currency_tells_nothing() -> None:
    """An amount without its currency is no amount."""
    with pytest.raises(ValueError, match="currency is not known"):
        APIS["moonshot"].read(DOCUMENTED["moonshot"][1], "127.0.0.1")


def endpoints(base: str, *presets: str) -> tuple[Endpoint, ...]:
    """Endpoints of presets that are all at one server, with one key."""
    written = [
        {"name": f"{preset}-{i}", "preset": preset, "model": "m", "base_url": base, "api_key": "${KEY}"}
        for i, preset in enumerate(presets)
    ]
    return resolve(loader.parse(json.dumps({"endpoints": written})), environ={"KEY": KEY})


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    """A provider with a balance."""
    with Simulator(Profile("sim", key=KEY, balance=42.5)) as running:
        yield running


def test_accounts_are_asked_with_their_key(provider: Simulator) -> None:
    """Two endpoints with one key are one account; a provider that tells nothing is none; errors hold no key."""
    found = accounts(endpoints(provider.base_url(), "deepseek", "deepseek", "openai", "openrouter"))
    assert [(each.name, each.provider) for each in found] == [("deepseek-0", "deepseek")]
    assert ask(found[0]) == {"CNY": 42.5}
    provider.configure("sim", balance=-1.5)
    assert ask(found[0]) == {"CNY": -1.5}
    provider.configure("sim", balance=None)
    with pytest.raises(UnknownBalanceError, match=r"^deepseek answers 404 to /user/balance$"):
        ask(found[0])
    [router] = accounts(endpoints(provider.base_url(), "openrouter"))
    provider.configure("sim", balance=42.5)
    assert ask(router) == {"USD": pytest.approx(42.5)}
    assert KEY not in repr(found[0])


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(60, 90_000), st.floats(0, 1000)), max_size=20))
def test_the_rate_is_what_was_spent_over_the_time(steps: list[tuple[float, float]]) -> None:
    """The rate is the spending over the time, whatever was paid in meanwhile."""
    at, amount, paid = T0, 100.0, 0.0
    readings = [(at, amount)]
    for gap, after in steps:
        at += gap
        paid += max(0.0, after - amount)
        amount = after
        readings.append((at, amount))
    found = per_day(readings)
    if at - T0 < 6 * 3600 or not steps:
        assert found is None
    else:
        spent = 100.0 + paid - amount
        assert found == pytest.approx(spent / (at - T0) * DAY, abs=1e-6)


@pytest.mark.parametrize(
    ("amount", "rate", "written", "low"),
    [
        (100.0, 10.0, "days: 7d", False),
        (60.0, 10.0, "days: 7d", True),
        (60.0, None, "days: 7d", False),
        (60.0, 0.0, "days: 7d", False),
        (0.0, None, "days: 7d", True),
        (19.0, None, "amount: 20", True),
        (19.0, None, "amount: 2 USD", False),
        (14.0, None, "amount: 2 USD", True),
    ],
)
def test_when_a_balance_is_low(amount: float, rate: float | None, written: str, low: bool) -> None:
    """A balance is low by days at the present rate, or by an amount in any currency; an unknown one is not low."""
    config = loader.parse(
        f'endpoints: [{{name: a, dialect: openai-chat, base_url: "http://h/v1", model: m}}]\nbalance: {{{written}}}\n'
    )
    balance = Balance("x", "a", "deepseek", "CNY", amount, T0, rate)
    assert is_low(balance, config) is low
    assert sentences.left(balance.amount, balance.currency, balance.days_left).startswith(f"{amount:,.2f} CNY left")


def test_the_ledger_keeps_readings(tmp_path: Path) -> None:
    """The latest of each currency, with its rate; an old one is left out."""
    with Database(tmp_path / "history.db") as database:
        assert ledger.balances(database, T0) == []
        ledger.prepare(database)
        with database.transaction() as connection:
            for hour in range(25):
                amounts = [("CNY", 100.0 - hour), ("USD", 5.0)]
                ledger.note(connection, "x", "a", "deepseek", amounts, T0 + hour * 3600)
        now = T0 + DAY
        cny, usd = ledger.balances(database, now)
        assert (cny.currency, cny.amount, usd.days_left) == ("CNY", 76.0, None)
        assert cny.per_day == pytest.approx(24.0)
        assert cny.days_left == pytest.approx(76 / 24)
        assert ledger.balances(database, now + 7200, newer_than=now + 1) == []


def test_an_incident_opens_before_an_account_runs_out(tmp_path: Path, provider: Simulator) -> None:
    """A low balance opens an incident, which ends when there is enough again; PagerDuty gets both."""
    provider.configure("sim", balance=15.0)
    config = loader.parse(
        f"""endpoints: [{{name: a, preset: deepseek, model: m, base_url: "{provider.base_url()}", api_key: "${{KEY}}"}}]
balance: {{amount: 20, interval: 1h}}
"""
    )
    pager = Channel("pager", "pagerduty")
    with Database(tmp_path / "history.db") as database:
        selection = SimpleNamespace(config=config, channels=(pager,))
        context = SimpleNamespace(
            selection=selection, database=database, endpoints=resolve(config, environ={"KEY": KEY})
        )
        observer = BalanceObserver()

        def ask_again(balance: float) -> None:
            provider.configure("sim", balance=balance)
            observer.configure(cast("ServiceContext", context))
            observer.tick(T0)
            wait_for(lambda: not threads("aimon-balances"), what="the answer")
            observer.tick(T0 + 1)

        ask_again(15.0)
        [incident] = reader.incidents(database).incidents
        assert (incident.endpoint, incident.kind, incident.severity) == ("a", Kind.BALANCE, "warning")
        assert incident.error == "15.00 CNY left"
        tracker = IncidentTracker(database, Watch({}, {"a"}, (pager,)), now=T0)
        tracker.tick(T0 + 2)
        assert database.query("SELECT action, state FROM notices") == [("trigger", "waiting")]
        with database.transaction() as connection:
            connection.execute("UPDATE notices SET state = 'delivered', attempts = 1")
        ask_again(24.0)  # more than the threshold, but not by a quarter
        assert reader.incidents(database, only_open=True).total == 1
        ask_again(30.0)
        assert reader.incidents(database, only_open=True).total == 0
        assert database.query("SELECT action FROM notices ORDER BY id") == [("trigger",), ("resolve",)]


def threads(name: str) -> list[Thread]:
    """Those of that name which run."""
    return [thread for thread in enumerate_threads() if thread.name == name]
