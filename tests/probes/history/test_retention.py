"""What is forgotten and when, also by clocks that are wrong for a run or for hours; what is the latest all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.metrics import definitions
from aimon.metrics.pushgateway import Gateway
from aimon.probes.history.endpoint_status import endpoint_statuses
from aimon.probes.history.history import History, Last
from aimon.probes.history.retention import DAY, DEFAULT
from aimon.probes.history.windows import windows
from aimon.probes.publish.publish import push
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.state import GatewayState, SqliteState
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.call.result import Result
    from services import Pushgateway

NOON = 1_700_000_000.0 - 1_700_000_000.0 % DAY + DAY / 2
HOUR = 3600.0
# By how much a clock was wrong: set to 1970 or by a time zone, a few minutes off, a year ahead, in the next century.
ERRORS = [-NOON, -8 * HOUR, -300.0, 300.0, 8 * HOUR, 400 * DAY, 30_000 * DAY]


class Clock:
    """The machine's clock, which is `error` seconds ahead of the truth."""

    def __init__(self) -> None:
        self.truth = NOON
        self.error = 0.0

    def __call__(self) -> float:
        """What it says: unix time."""
        return self.truth + self.error


class Prober:
    """Probes once a minute, and stamps by the clock that it has."""

    def __init__(self, history: History, clock: Clock) -> None:
        self.history = history
        self.clock = clock

    def run(self, outcome: Outcome = Outcome.OK, *, times: int = 1, error: float = 0.0, every: float = 60.0) -> Result:
        """Probes so many times with the clock off by so much; returns the last Result."""
        for _ in range(times):
            self.clock.truth += every
            self.clock.error = error
            result = a_result(outcome, started_at=self.clock() - 1.5, cost=0.25, currency="CNY")
            self.history.append([result])
        self.clock.error = 0.0
        return result


@pytest.fixture
def prober(tmp_path: Path) -> Iterator[Prober]:
    """A prober with a new history."""
    clock = Clock()
    with History(tmp_path / "history.db", clock=clock) as history:
        history.database.query("PRAGMA synchronous = OFF")
        yield Prober(history, clock)


def test_old_results_go_and_failures_stay_longer(prober: Prober) -> None:
    """Successes lose their details after a week and go after 35 days; failures go after 180; totals stay."""
    for _ in range(190):
        prober.run(every=DAY / 2)
        prober.run(Outcome.DNS, every=DAY / 2)
    now, history = prober.clock.truth, prober.history
    in_full = [(each.outcome.value, each.started_at) for each in history.recent(QWEN, 1000)]
    figures = [(each.outcome, each.started_at) for each in history.samples(QWEN, 0)]

    def oldest(kept: list[tuple[str, float]], outcome: Outcome) -> float:
        return now - min(at for what, at in kept if what == outcome)

    assert oldest(in_full, Outcome.OK) == pytest.approx(DEFAULT.details, abs=1.1 * DAY)
    assert oldest(figures, Outcome.OK) == pytest.approx(DEFAULT.results, abs=1.1 * DAY)
    assert oldest(in_full, Outcome.DNS) == pytest.approx(DEFAULT.failures, abs=1.1 * DAY)
    assert oldest(figures, Outcome.DNS) == pytest.approx(DEFAULT.failures, abs=1.1 * DAY)
    assert history.totals().counters[definitions.REQUESTS][*QWEN, "success", "ok"] == 190
    [(days,)] = history.database.query("SELECT count(*) FROM spending")
    assert days == pytest.approx(DEFAULT.results / DAY, abs=2)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("wrong", [1, 90])
def test_a_clock_that_was_wrong_costs_no_history(error: float, wrong: int, prober: Prober) -> None:
    """For a run or for an hour and a half: everything is there, and so is what was spent today."""
    prober.run(times=4)
    prober.run(times=wrong, error=error)
    failed = prober.run(Outcome.SERVER_ERROR, times=3)
    assert len(prober.history.samples(QWEN, -1e12)) == 4 + wrong + 3
    assert len(prober.history.recent(QWEN, 1000)) == 4 + wrong + 3
    assert prober.history.last(QWEN).probe == failed
    assert prober.history.spent_today("qwen-prod", "CNY", prober.clock()) >= 0.25 * 7


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("wrong", [1, 90])
def test_the_latest_is_what_was_recorded_last(error: float, wrong: int, prober: Prober) -> None:
    """Status and gauges show the failures after it, with a last run that is now."""
    prober.run(times=4)
    prober.run(times=wrong, error=error)
    prober.run(Outcome.SERVER_ERROR, times=3)
    now = prober.clock()
    [standing] = endpoint_statuses(prober.history, [], ["24h"], last=30, now=now)
    assert standing.recent[-4:] == (Outcome.OK, *(Outcome.SERVER_ERROR,) * 3)
    assert (standing.state, standing.healthy) == ("server_error", False)
    assert standing.age == pytest.approx(0.0, abs=1.0)
    assert standing.ahead == (wrong if error >= 8 * HOUR else standing.ahead)
    gauges = SqliteState([MonitoredEndpoint(QWEN, interval=60)], prober.history).gauges(now)
    assert gauges.get(definitions.PROBE_SUCCESS, **QWEN.labels) == 0
    assert gauges.get(definitions.PROBE_LAST_RUN, **QWEN.labels) == pytest.approx(now, abs=1.0)
    success = gauges.get(definitions.PROBE_LAST_SUCCESS, **QWEN.labels)
    assert success is not None
    assert 0 < success < now
    if error >= 8 * HOUR:
        assert success == pytest.approx(NOON + 240, abs=1.0), "the last one whose time can be believed"


def test_windows_have_what_was_recorded_by_now(prober: Prober) -> None:
    """Results from the future are in none until then, however many there are."""
    prober.run(times=4)
    prober.run(Outcome.DNS, times=30, error=8 * HOUR)
    prober.run(times=6)
    [hour, day] = windows(prober.history, QWEN, prober.clock(), [HOUR, DAY])
    assert (hour.total, day.total) == (10, 10)
    assert prober.history.ahead(QWEN, prober.clock()) == 30


def test_a_last_run_in_the_future_is_no_sign_of_life(prober: Prober) -> None:
    """The prober stopped before the clock was set back: whether it still runs nobody can tell."""
    prober.run(times=4, error=8 * HOUR)
    [standing] = endpoint_statuses(prober.history, [], ["1h"], last=30, now=prober.clock())
    assert (standing.state, standing.healthy, standing.age) == ("ok", False, None)
    assert standing.lead == pytest.approx(8 * HOUR, abs=1.0)
    shown = standing.as_object()
    assert (shown["last_run_age_s"], shown["recorded_in_the_future"]) == (None, 4)
    prober.run()
    [standing] = endpoint_statuses(prober.history, [], ["1h"], last=30, now=prober.clock())
    assert (standing.healthy, standing.lead, standing.ahead) == (True, None, 4)


def test_what_is_stored_ahead_of_now_is_replaced(prober: Prober) -> None:
    """By the next run, whatever its outcome; a success that never had a credible time is not known."""
    prober.run(error=400 * DAY)
    failed = prober.run(Outcome.DNS)
    assert prober.history.last(QWEN) == Last(prober.clock(), None, failed)
    good = prober.run()
    assert prober.history.last(QWEN) == Last(prober.clock(), prober.clock(), good)


def test_a_history_that_is_not_written_to_does_not_age(prober: Prober) -> None:
    """After half a year without a run the next one forgets nothing: it may be the clock."""
    prober.run(times=4)
    prober.run(every=200 * DAY)
    assert len(prober.history.samples(QWEN, 0)) == 5


@pytest.mark.parametrize("error", [8 * HOUR, 400 * DAY])
def test_in_the_gateway_a_time_ahead_of_now_is_replaced(error: float, pushgateway: Pushgateway) -> None:
    """One run by a wrong clock, then a failure: the dead man's alert has a last run that is now."""
    clock, monitored = Clock(), MonitoredEndpoint(QWEN, interval=60, currency="CNY", daily_budget=1)
    gateway = Gateway.parse(pushgateway.url)

    def run(outcome: Outcome, *, off: float = 0.0) -> GatewayState:
        clock.truth += 60.0
        clock.error = off
        state = GatewayState([monitored], gateway, clock=clock)
        state.spent_today(monitored, clock())
        state.record([a_result(outcome, started_at=clock() - 1.5, cost=0.25, currency="CNY")])
        push(state, gateway, region="cn-east", now=clock())
        clock.error = 0.0
        return state

    run(Outcome.OK)
    run(Outcome.OK, off=error)
    state = run(Outcome.SERVER_ERROR)
    gauges = state.gauges(clock())
    assert gauges.get(definitions.PROBE_LAST_RUN, **QWEN.labels) == clock()
    assert gauges.get(definitions.PROBE_LAST_SUCCESS, **QWEN.labels) == 0
    assert gauges.get(definitions.PROBE_SUCCESS, **QWEN.labels) == 0
    assert state.totals().counters[definitions.REQUESTS][*QWEN, "success", "ok"] == 2
    # The run of another day had replaced what the gateway held of this one.
    assert state.spent_today(monitored, clock()) == pytest.approx(0.75 if error < DAY / 2 else 0.5)
