"""How endpoints are, what they used, and their single results, as page and API ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Connection, Limits, Usage
from aimon.probes.history.history import History
from aimon.probes.history.queries.overview import State, overviews
from aimon.probes.history.queries.results import ResultFilter, last_failures, results
from aimon.probes.history.queries.usage import Spent, Tokens, spent, tokens_used
from aimon.probes.history.retention import DAY
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.probes.history.queries.overview import Overview

NOON = 1_700_006_400.0 - 1_700_006_400.0 % DAY + DAY / 2  # 15 November 2023
OTHER = QWEN._replace(endpoint="other")
MINUTE = 60.0


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A new history."""
    with History(tmp_path / "history.db", clock=lambda: NOON) as opened:
        opened.database.query("PRAGMA synchronous = OFF")
        yield opened


def overview_of(history: History, now: float = NOON) -> Overview:
    """The overview of the one endpoint, probed once a minute."""
    [found] = overviews(history.database, now, {QWEN: MINUTE})
    return found


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([], State.UNKNOWN),
        ([Outcome.DNS, Outcome.OK], State.UP),
        ([Outcome.OK, Outcome.DNS], State.DOWN),
        ([Outcome.OK, Outcome.SERVER_ERROR], State.DOWN),
        ([Outcome.OK, Outcome.UNAUTHORIZED], State.REFUSED),
        ([Outcome.OK, Outcome.MODEL_NOT_FOUND], State.REFUSED),
        ([Outcome.OK, Outcome.BUDGET_SKIPPED], State.PAUSED),
        ([Outcome.OK, Outcome.PROBER_ERROR], State.UP),
        ([Outcome.PROBER_ERROR], State.UNKNOWN),
    ],
)
def test_the_state_is_that_of_the_last_probe_that_was_made(
    outcomes: list[Outcome], state: State, history: History
) -> None:
    """By whose fault it is; a fault of the prober says nothing."""
    for i, outcome in enumerate(outcomes):
        history.append([a_result(outcome, started_at=NOON - 30 + i)])
    assert overview_of(history).state is state


def test_an_endpoint_that_is_not_probed_any_more_is_silent(history: History) -> None:
    """After three intervals; and if its last probe is in the future, nobody can tell."""
    history.append([a_result(started_at=NOON)])
    assert overview_of(history, NOON + 170).state is State.UP
    assert overview_of(history, NOON + 190).state is State.SILENT
    assert overview_of(history, NOON - 90).state is State.UNKNOWN


def test_the_last_probe_shows_certificate_and_limits(history: History) -> None:
    """As the provider gave them; what it did not say is missing, not zero."""
    assert (overview_of(history).certificate_expiry, overview_of(history).headroom) == (None, {})
    limits = Limits(requests_limit=60, requests_remaining=15, tokens_remaining=7)
    history.append(
        [
            a_result(started_at=NOON - 9, connection=Connection(certificate_expiry=1.8e9), limits=limits),
            a_result(Outcome.BUDGET_SKIPPED, started_at=NOON - 1),
        ]
    )
    found = overview_of(history)
    assert (found.certificate_expiry, found.headroom) == (1.8e9, {"requests": 0.25})
    assert (found.last_run_at, found.last_success_at) == (NOON, NOON - 7.5)


def test_what_was_used_today_and_this_month(history: History) -> None:
    """By UTC: the month's first day counts, the day before does not."""
    usage = Usage(input=20, output=10)
    at = [NOON, NOON - DAY, NOON - 14 * DAY, NOON - 15 * DAY]
    history.append([a_result(started_at=each, usage=usage, cost=0.5, currency="CNY") for each in at])
    history.append([a_result(started_at=NOON, usage=Usage(), cost=0.125, currency="USD")])
    assert spent(history.database, NOON) == {"qwen-prod": (Spent("CNY", 0.5, 1.5), Spent("USD", 0.125, 0.125))}
    used = tokens_used(history.database, NOON, [QWEN])[QWEN]
    assert (used.today, used.month) == (Tokens(20, 10), Tokens(60, 30))
    with history.database.transaction() as connection:  # as in a file that was brought up to date
        connection.execute("UPDATE rollups SET input_tokens = NULL WHERE start < ?", (NOON - 2 * DAY,))
    used = tokens_used(history.database, NOON, [QWEN])[QWEN]
    assert (used.today, used.month) == (Tokens(20, 10), Tokens(None, 30))
    assert overview_of(history).tokens == used
    assert overviews(history.database, NOON, {OTHER: MINUTE})[0].spent == ()


def test_results_come_by_the_page(history: History) -> None:
    """The newest first, each once, whatever else is recorded between two pages."""
    history.append([a_result(Outcome.DNS if i % 5 == 0 else Outcome.OK, started_at=NOON + i) for i in range(40)])
    history.append([a_result(identity=OTHER, started_at=NOON + 50)])
    seen, before = [], None
    while True:
        page, before = results(history.database, ResultFilter(endpoint="qwen-prod"), limit=7, before=before)
        seen += [each.started_at - NOON for each in page]
        history.append([a_result(started_at=NOON + 99)])
        if before is None:
            break
    assert seen == list(range(39, -1, -1))
    failed = ResultFilter(outcomes=frozenset({Outcome.DNS}), since=NOON + 10, until=NOON + 35)
    page, before = results(history.database, failed, limit=7)
    assert ([each.started_at - NOON for each in page], before) == ([35, 30, 25, 20, 15, 10], None)
    assert page[0].full == a_result(Outcome.DNS, started_at=NOON + 35)


def test_a_page_looks_at_so_many_records_only(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rare outcome is found over several pages, of which some are empty."""
    monkeypatch.setattr("aimon.probes.history.queries.results.SCANNED", 10)
    history.append([a_result(Outcome.TLS, started_at=NOON), *(a_result(started_at=NOON) for _ in range(35))])
    pages: list[int] = []
    before = None
    while not pages or before is not None:
        page, before = results(
            history.database, ResultFilter(outcomes=frozenset({Outcome.TLS})), limit=5, before=before
        )
        pages.append(len(page))
    assert pages == [0, 0, 0, 1]


def test_the_last_failures_are_whole(history: History) -> None:
    """The newest first; what was never made is no failure."""
    failure = a_result(Outcome.SERVER_ERROR, started_at=NOON, error="boom", status_code=503, request_id="r-1")
    skipped = a_result(Outcome.BUDGET_SKIPPED, started_at=NOON)
    history.append([a_result(Outcome.DNS, started_at=NOON), failure, a_result(started_at=NOON), skipped])
    found = last_failures(history.database, QWEN, 5)
    assert [each.outcome for each in found] == [Outcome.SERVER_ERROR, Outcome.DNS]
    assert found[0].full == failure
    assert last_failures(history.database, OTHER, 5) == []
