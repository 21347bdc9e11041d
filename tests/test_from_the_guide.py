"""The page on the guide, row by row: metrics, panels and alerts are there as it says, and its queries run.

The queries are asked of a Prometheus that scrapes an application which the guide's own code measures: no prober, no
`outcome`, and the names that Python's client library makes of the guide's. `tests/e2e/alerting/test_stack.py` asks
them of probes and load tests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from aimon.dashboards.rules import ruleset
from aimon.dashboards.rules.document import Alert, Recording
from aimon.metrics.definitions import find
from dashboard_files import interpolated, load, panels
from overlay import rules
from programs import require_binary
from services import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import Prometheus

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "from-the-guide.md").read_text("utf-8")
GROUPS = {group.name: group.rules for group in ruleset.default()}
RULES = [rule for found in GROUPS.values() for rule in found]
BOARDS = {"Overview": "overview", "Endpoint": "endpoint", "Tokens and cost": "tokens", "Load test": "loadtest"}
# What the client library makes of the guide's name for the cost, and the name of a group of alerts.
FOREIGN = {"ai_api_cost_total_yuan_total", "ai_api_alerts"}
FIRING = 'ALERTS{alertname="HighAPIErrorRate", alertstate="firing"}'
QUERIES = re.findall(r"^```promql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0].splitlines()


def _tables(section: str) -> list[list[list[str]]]:
    """The tables of a section, each its rows without the headline, each its cells."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()][2:] for block in blocks
    ]


MENDED = [re.findall(r"`([^`]+)`", row[2])[0] for row in _tables("Queries")[0]]


def test_every_metric_exists() -> None:
    """Every metric of the page is a defined family or a recorded series, as the guide's own name for the cost is."""
    recorded = {rule.record for rule in RULES if isinstance(rule, Recording)}
    named = set(re.findall(r"(?<!:)\b(?:ai_[a-z_]+|endpoint:ai_[a-z_]+:[a-z]+\d\w)", PAGE)) - FOREIGN
    missing = [name for name in named - recorded if find(re.sub("_(bucket|sum|count)$", "", name)) is None]
    assert missing == []
    assert "ai_api_cost_total_yuan" in recorded & named


def test_the_guides_alerts() -> None:
    """The group holds these four and no other, with the guide's thresholds, waits and severities."""
    rows = _tables("Alerts")[0]
    alerts = [rule for rule in GROUPS["ai_api_alerts"] if isinstance(rule, Alert)]
    assert [row[0].strip("`") for row in rows] == [alert.name for alert in alerts]
    thresholds = ("0.05", "500", "10", "1000000")
    for (_, condition, wait, severity, _), alert, threshold in zip(rows, alerts, thresholds, strict=True):
        assert (alert.pending, alert.severity) == (wait, severity)
        assert f" > {threshold}" in alert.expr
        assert threshold in condition.replace(",", "")
    windows = [set(re.findall(r"\[(\w+)\]", alert.expr)) for alert in alerts]
    assert windows == [{"5m"}, {"24h"}, {"5m"}, {"2m"}]


def test_every_alert_exists() -> None:
    """The rules have every alert that the page names."""
    alerts = {rule.name for rule in RULES if isinstance(rule, Alert)}
    assert set(re.findall(r"`(AI[A-Z]\w+|High\w+|TokenSpike)`", PAGE)) <= alerts


@pytest.mark.parametrize("row", _tables("Panels")[0], ids=lambda row: row[1])
def test_the_guides_panels(row: list[str]) -> None:
    """The Chinese board has each panel under the guide's title, the English one under its translation."""
    chinese, english, board, _ = row
    for language, title in (("zh", chinese), ("en", english)):
        assert title in {panel["title"] for panel in panels(load(f"{language}/cny/{BOARDS[board]}.json"))}


@pytest.mark.parametrize("row", _tables("Panels")[1], ids=lambda row: row[0])
def test_the_recommended_set(row: list[str]) -> None:
    """All panels of a row are on its board."""
    titles = {panel["title"] for panel in panels(load(f"en/cny/{BOARDS[row[3]]}.json"))}
    assert set(row[2].split("; ")) <= titles


class Application:
    """The metrics of the guide's code, with the client library's own buckets."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._requests = Counter("ai_api_requests_total", "-", ["model", "endpoint", "status"], registry=registry)
        self._duration = Histogram("ai_api_request_duration_seconds", "-", ["model", "endpoint"], registry=registry)
        self._tokens = [
            Counter(f"ai_token_usage_{kind}_total", "-", ["model"], registry=registry) for kind in ("input", "output")
        ]
        self._cost = Counter("ai_api_cost_total_yuan", "-", ["model"], registry=registry)
        self.server, self._thread = start_http_server(0, "127.0.0.1", registry)

    def call(self, status: str) -> None:
        """One call, of 1.5 s and 2 yuan."""
        self._requests.labels("gpt-4o", "chat", status).inc()
        self._duration.labels("gpt-4o", "chat").observe(1.5)
        if status == "success":
            for counter in self._tokens:
                counter.labels("gpt-4o").inc(100)
            self._cost.labels("gpt-4o").inc(2)

    def stop(self) -> None:
        """Ends its server."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Prometheus]:
    """A Prometheus with the shipped rules, of a faster minute, that has scraped the application."""
    folder = tmp_path_factory.mktemp("measured")
    servers, application = Servers(folder, lambda name: require_binary(name, pytestconfig)), Application()
    try:
        target = f"127.0.0.1:{application.server.server_port}"
        prometheus = servers.prometheus(
            [{"job_name": "app", "static_configs": [{"targets": [target]}]}], rule_files=[rules(folder)]
        )
        prometheus.wait_until("up == 1")
        for _ in range(200):
            application.call("success")
            application.call("error")
            prometheus.wait_for_scrape()
            if prometheus.query(FIRING):
                break
        yield prometheus
    finally:
        servers.stop()
        application.stop()


@pytest.mark.requires_binary("prometheus")
@pytest.mark.parametrize("query", [*QUERIES, *MENDED])
def test_every_query_runs_on_an_application(measured: Prometheus, query: str) -> None:
    """The guide's own and those that mend them; one that compares with a limit gives nothing below it."""
    expression, _, limit = query.partition(" > 500")
    samples = measured.query(expression if limit == "" and expression != query else query)
    assert samples
    assert all(sample.value == sample.value for sample in samples), "NaN"


@pytest.mark.requires_binary("prometheus")
def test_an_application_is_watched(measured: Prometheus) -> None:
    """The cost has the guide's name, half of the calls fail, and its alert says whose; its panels have data."""
    measured.wait_until("ai_api_cost_total_yuan == ai_api_cost_total_yuan_total >= 10")
    firing = measured.query(f"last_over_time({FIRING}[5m])")
    assert [(s.labels["job"], s.labels["endpoint"], s.labels["model"]) for s in firing] == [("app", "chat", "gpt-4o")]
    titles = {row[1] for row in _tables("Panels")[0]}
    for panel in panels(load("en/cny/overview.json")):
        if panel["title"] in titles:
            assert measured.query(interpolated(panel["targets"][0]["expr"])), panel["title"]
