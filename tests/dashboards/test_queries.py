"""Every query of every dashboard on a real Prometheus, filled by aimon's own metrics, scraped and pushed."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from aimon.call.result import Source
from aimon.dashboards.boards import promql
from aimon.metrics.exposition import push_bodies
from aimon.metrics.pushgateway import Gateway, push
from aimon.network.server.listen import Listener
from board_data import DEAD, DOLLARS, IDLE, YUAN, Growing, idle_groups
from dashboard_files import NAMES, interpolated, queries
from overlay import rules
from programs import require_binary
from services import Servers, scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import Prometheus

SCRAPES = 12
ASKED = {asked.expr: asked.where for name in NAMES for asked in queries(name)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a looping prober, a load test, and a gateway that one-shot runs push to."""
    folder = tmp_path_factory.mktemp("filled")
    servers = Servers(folder, lambda name: require_binary(name, pytestconfig))
    with ExitStack() as stack:
        stack.callback(servers.stop)
        gateway = servers.pushgateway()
        prober, tested = Growing(YUAN), Growing(YUAN, Source.LOADTEST)
        pages = [
            stack.enter_context(Listener("127.0.0.1", 0, {"/metrics": source.page})) for source in (prober, tested)
        ]
        target = Gateway.parse(gateway.url)
        for bodies in idle_groups():
            push(target, bodies)
        prometheus = servers.prometheus(
            [
                scrape("prober", pages[0].url),
                scrape("aimon-loadtest", pages[1].url),
                scrape("gateway", gateway.url, honor_labels=True),
            ],
            rule_files=[rules(folder)],
        )
        prometheus.wait_until("count(up == 1) == 3")
        pushed = Growing(DOLLARS)
        for _ in range(SCRAPES):
            gauges = pushed.count()
            push(target, push_bodies(pushed.totals, gauges, job="aimon-probe", region=DOLLARS.region))
            prometheus.wait_for_scrape()
        prometheus.wait_until('ALERTS{alertstate="firing", alertname=~"AI.+"}')
        yield prometheus


def test_every_query_gives_series(filled: Prometheus) -> None:
    """With traffic, no query is empty or NaN, and every variable is replaced."""
    empty = {}
    for expr, where in ASKED.items():
        samples = filled.query(interpolated(expr))
        if not samples or any(math.isnan(sample.value) for sample in samples):
            empty[where] = (expr, samples)
    assert not empty


def test_no_query_gives_nan_on_an_idle_system(filled: Prometheus) -> None:
    """An endpoint that was declared and never called shows zeros or nothing."""
    assert filled.value(f'sum(ai_api_requests_total{{endpoint="{IDLE.endpoint}"}})') == 0
    for expr, where in ASKED.items():
        samples = filled.query(interpolated(expr, endpoint=IDLE.endpoint))
        assert not [sample for sample in samples if math.isnan(sample.value)], where


def test_a_dead_prober_is_not_up(filled: Prometheus) -> None:
    """An endpoint whose last successful probe was an hour ago is shown as stopped and counts as not up."""
    states = {sample.labels["endpoint"]: sample.value for sample in filled.query(interpolated(promql.up()))}
    assert states[DEAD.endpoint] == -1
    assert {states[YUAN.endpoint], states[DOLLARS.endpoint]} <= {0, 1}
    assert filled.value(interpolated(promql.up_ratio(), endpoint=DEAD.endpoint)) == 0
    window = promql.while_fresh(promql.latest("ai_probe_availability_ratio", 'window="24h"'))
    shown = {sample.labels["endpoint"] for sample in filled.query(interpolated(window))}
    assert shown == {YUAN.endpoint, DOLLARS.endpoint}


def test_sums_are_those_of_the_counters(filled: Prometheus) -> None:
    """Sums and ratios equal the counters'; the load test's capacity is compared with production's rate."""
    chosen = {"job": "prober", "endpoint": YUAN.endpoint}
    counted = filled.value(interpolated(promql.share_of_all('status="error"', promql.CALLS), **chosen))
    assert 0 < counted < 1
    assert filled.value(interpolated(promql.availability(), **chosen)) < 1
    capacity = filled.query(interpolated(promql.any_job("ai_loadtest_capacity_requests_per_second"), **chosen))
    assert [sample.value for sample in capacity] == [25]
    refused = filled.query(interpolated(promql.total("ai_api_requests_total", 'outcome="rate_limited"'), **chosen))
    assert refused[0].value > 0
