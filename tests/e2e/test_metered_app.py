"""The example application, metered and without any probe: the guide's metrics, panels and four alerts in Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from aimon.simulator import Profile, SimulatorProcess
from dashboard_files import interpolated, load, panels
from overlay import rules
from services import free_port, scrape, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.simulator import Truth
    from services import Prometheus, Servers

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-of-an-application-0123456789"
PANELS = ("AI API 请求量", "Token 消耗(累计)", "API 延迟 P99", "日费用估算(¥)")
ALERTS = ("HighAPIErrorRate", "HighDailyCost", "HighAPILatency", "TokenSpike")
PRICE = {"AI_PRICE_INPUT": "5000", "AI_PRICE_OUTPUT": "5000"}
# The guide's, which the page on the guide names, and what they are equal to where the truth is known.
QUERIES = (
    "rate(ai_api_requests_total[5m])",
    "histogram_quantile(0.99, rate(ai_api_request_duration_seconds_bucket[5m]))",
    "ai_api_cost_total_yuan",
    "increase(ai_api_cost_total_yuan[24h])",
)


class App:
    """The example, with two workers, in a process of its own."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "examples"),
            "HOLYSHEEP_API_KEY": KEY,
            "AI_BASE_URL": base_url,
            "AIMON_MULTIPROC_DIR": str(folder / "calls"),
            **PRICE,
        }
        command = [sys.executable, str(ROOT / "examples" / "metered_app.py"), "--port", str(port), "--workers", "2"]
        self._process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)

    def ready(self) -> bool:
        """Whether it answers."""
        assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
        try:
            return httpx2.get(f"{self.url}/metrics/", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.communicate()


def _traffic(app: App, over: threading.Event, question: str) -> None:
    with httpx2.Client(timeout=60) as client:
        while not over.is_set():
            client.post(f"{app.url}/ask", content=question)


@pytest.fixture
def sim() -> Iterator[SimulatorProcess]:
    """Run a provider that fails now and then and is slow: above half a second, which is ten in the guide."""
    with SimulatorProcess(Profile("p", ttft=0.6, itl=0.0, key=KEY)) as simulator:
        simulator.set_faults("server_error:share=0.3")
        yield simulator


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus")
def test_the_guide_works_for_an_application_without_probes(
    servers: Servers, sim: SimulatorProcess, tmp_path: Path
) -> None:
    """For a metered application the guide's four alerts fire, its panels have data, and counts are the provider's."""
    app, over = App(tmp_path, sim.base_url("p")), threading.Event()
    question = "word " * 15_000  # with a call or two a second, more than a million tokens a minute
    threads = [threading.Thread(target=_traffic, args=(app, over, question)) for _ in range(8)]
    try:
        wait_for(app.ready, timeout=120, what="the application")
        prometheus = servers.prometheus(
            [scrape("my-app", app.url, metrics_path="/metrics/")], rule_files=[rules(tmp_path)]
        )
        prometheus.wait_until('up{job="my-app"} == 1')
        for thread in threads:
            thread.start()
        for alert in ALERTS:
            prometheus.wait_until(f'ALERTS{{alertname="{alert}", alertstate="firing"}}', timeout=120)
        for panel in panels(load("zh/cny/overview.json")):
            if panel["title"] in PANELS:
                for target in panel["targets"]:
                    prometheus.wait_until(interpolated(target["expr"]), timeout=60)
        for query in QUERIES:
            prometheus.wait_until(query, timeout=60)
        over.set()
        for thread in threads:
            thread.join()
        _counts_are_true(prometheus, sim.truth(wait=30))
    finally:
        over.set()
        app.stop()


def _counts_are_true(prometheus: Prometheus, truth: Truth) -> None:
    """Requests by outcome, and the cost, in yuan: to the cent."""
    failed = sum(record.outcome == "server_error" for record in truth.records)
    prometheus.wait_until(f"sum(ai_api_requests_total) == {len(truth.records)}", timeout=60)
    assert prometheus.value('sum(ai_api_requests_total{outcome="server_error"})') == failed
    answered = [record for record in truth.records if record.status == 200]
    paid = sum(record.input_tokens + record.output_tokens for record in answered) * 5000 / 1e6
    assert prometheus.value("sum(ai_api_cost_yuan_total)") == pytest.approx(paid, abs=0.005)
    assert prometheus.value("sum(ai_token_usage_estimated_output_total)") == 0
    prometheus.wait_until("sum(ai_api_cost_total_yuan) == sum(ai_api_cost_yuan_total)", timeout=60)
