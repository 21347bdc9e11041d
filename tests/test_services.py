"""The fixtures for real servers do what they promise; all else about metrics rests on them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from services import Servers, scrape, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from services import Pushgateway

TEXT = "text/plain"


def test_a_pushed_value_arrives_in_prometheus(pushgateway: Pushgateway, servers: Servers) -> None:
    """Push, scrape, query: the value and labels that went in come out, and so does the next value."""
    pushgateway.post("/metrics/job/aimon-probe/endpoint/a", "answers_total 3\n", TEXT)
    prometheus = servers.prometheus([scrape("gateway", pushgateway.url, honor_labels=True)])

    (sample,) = prometheus.wait_until("answers_total")
    assert (sample.value, sample.labels["job"], sample.labels["endpoint"]) == (3.0, "aimon-probe", "a")

    pushgateway.post("/metrics/job/aimon-probe/endpoint/a", "answers_total 5\n", TEXT)
    prometheus.wait_for_scrape()
    assert prometheus.value("answers_total") == 5.0

    now = time.time()
    (series,) = prometheus.query_range("answers_total", now - 1, now, 0.1)
    assert series[-1].value == 5.0


def test_prometheus_scrapes_what_a_reload_adds(pushgateway: Pushgateway, servers: Servers) -> None:
    """`reload` takes the changed configuration; before it the target is unknown."""
    prometheus = servers.prometheus()
    assert prometheus.api("targets")["activeTargets"] == []

    prometheus.config["scrape_configs"] = [scrape("gateway", pushgateway.url)]
    prometheus.reload()

    (sample,) = prometheus.wait_until("up == 1")
    assert sample.labels["job"] == "gateway"


def test_scalars_and_past_times_can_be_asked_for(servers: Servers) -> None:
    """A scalar is one sample without labels, evaluated when the test says."""
    (sample,) = servers.prometheus().query("time() + 1", at=1_700_000_000.5)
    assert (sample.labels, sample.value, sample.at) == ({}, 1_700_000_001.5, 1_700_000_000.5)


def test_a_wrong_query_fails_with_prometheus_words(servers: Servers) -> None:
    """A test that misspells PromQL learns why."""
    with pytest.raises(AssertionError, match="unclosed left parenthesis"):
        servers.prometheus().query("sum(up")


@pytest.mark.parametrize(("persistent", "kept"), [(True, [2.0]), (False, [])])
def test_pushgateway_remembers_over_a_restart(servers: Servers, *, persistent: bool, kept: list[float]) -> None:
    """Only a gateway with a persistence file keeps its groups; both keep their address."""
    gateway = servers.pushgateway(persistent=persistent)
    gateway.post("/metrics/job/x", "runs_total 2\n", TEXT)
    assert [sample.value for sample in gateway.samples("runs_total")] == [2.0]

    gateway.restart()

    assert [sample.value for sample in gateway.samples("runs_total")] == kept


def test_a_stopped_server_refuses_connections(pushgateway: Pushgateway) -> None:
    """`stop` is what a test of an unreachable gateway needs, and may be called twice."""
    pushgateway.stop()
    pushgateway.stop()
    with pytest.raises(ConnectionRefusedError):
        pushgateway.get("/metrics")


def test_a_server_that_cannot_start_shows_its_log(servers: Servers) -> None:
    """A wrong configuration fails at once, with the server's own words."""
    with pytest.raises(RuntimeError, match="field nonsense not found"):
        servers.alertmanager({"nonsense": 1})


def test_an_alert_reaches_alertmanager(servers: Servers, tmp_path: Path) -> None:
    """A rule that holds fires in Prometheus and is active in the Alertmanager it is told to use."""
    rules = tmp_path / "rules.yml"
    rule = {"alert": "Always", "expr": "vector(1)", "labels": {"severity": "page"}}
    rules.write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    alertmanager = servers.alertmanager({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})
    prometheus = servers.prometheus(rule_files=[rules], alertmanagers=[alertmanager])

    prometheus.wait_until('ALERTS{alertname="Always", alertstate="firing"}')
    (alert,) = wait_for(alertmanager.alerts)

    assert alert["labels"] == {"alertname": "Always", "severity": "page"}
