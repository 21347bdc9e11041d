"""The whole stack at once: what is pushed by probes and load tests fills every board, and every rule is healthy.

Prometheus, Pushgateway and Alertmanager have the very configuration that compose mounts, under the overlay of
`overlay.py`. A looping prober and load tests count in yuan, and a one-shot prober in dollars, so that the boards of
both currencies have something to show. The guide's own queries are asked, too.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import overlay
from aimon.simulator import Profile, SimulatorProcess
from certificates import Authority
from dashboard_files import NAMES, interpolated, queries
from services import wait_for
from shipped import program, start
from sinks import http_sink, mail_sink

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from command import Command
    from services import Prometheus, Servers

# Where the load tests find two slots' worth of capacity, a limit of requests and one of tokens.
PROFILES = (
    Profile("chat", ttft=0.02, itl=0.002, rpm=60_000, tpm=6_000_000, cached_share=0.5),
    Profile("shaky", ttft=0.02, itl=0.002),
    Profile("idle"),
    Profile("slots", ttft=0.05, itl=0.001, slots=2),
    Profile("requests", ttft=0.01, itl=0.001, rpm=300),
    Profile("tokens", ttft=0.01, itl=0.001, tpm=9000),
)
FAULTS = ("rate_limited:profile=shaky,share=0.2", "unauthorized:profile=shaky,share=0.2", "hang:profile=idle")
# Those that end by themselves, by the endpoint that they look into.
SEARCHES = {"slots": "capacity", "requests": "limits", "tokens": "limits"}
LOADS = {
    "chat": ("--rate", "10/s", "--duration", "5m", "--slo", "p99<10s", "--slo", "error_rate<1%"),
    "secure": ("--concurrency", "1", "--duration", "5m"),
}
PRICES = {"input": 2, "output": 8, "cached_input": 1}
IDLE = "idle"
# The queries that docs/from-the-guide.md says work as they are.
GUIDE = re.findall(
    r"^```promql\n(.*?)^```", (overlay.ROOT / "docs" / "from-the-guide.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)[0].splitlines()
RULES = [rule for group in yaml.safe_load(overlay.RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]
ASKED = {
    (name.rpartition("/")[2] == "loadtest.json", asked.expr): asked.where for name in NAMES for asked in queries(name)
}
# No load test counts in dollars: what it cost in them is not known, which is no 0.
UNKNOWN = [expr for of_load_test, expr in ASKED if of_load_test and "ai_api_cost_usd_total" in expr]


def run(run_aimon: Command, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Runs `aimon` in the test's folder until the block ends."""
    return program(*arguments, env=run_aimon.env, cwd=run_aimon.cwd, log=run_aimon.cwd / "log")


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus", "prometheus-pushgateway", "prometheus-alertmanager")
def test_every_panel_has_data_and_every_rule_is_healthy(servers: Servers, tmp_path: Path, run_aimon: Command) -> None:
    """All boards, languages and currencies while it lives; no NaN of what idles, nor when all has come to rest."""
    with ExitStack() as stack:
        posts, mailbox = stack.enter_context(http_sink()), stack.enter_context(mail_sink())
        prometheus, gateway = start(servers, posts, mailbox, tmp_path)
        prometheus.reload()
        push = ("--push", gateway.url)
        _configure(stack, tmp_path)
        _declare_only(prometheus, push, run_aimon)
        with _everything(push, run_aimon) as searches:
            for _ in range(2):
                assert run_aimon("probe", "--config", "dollars.yaml", *push).returncode == 0
                prometheus.wait_for_scrape()
            for name, search in searches.items():
                assert search.wait(40) == 0, (tmp_path / "log").read_text()
                assert prometheus.wait_until(f'{{__name__=~"ai_loadtest_(capacity|limit)_.+", endpoint="{name}"}} > 0')
            wait_for(lambda: _without_series(prometheus), lambda empty: not empty, timeout=20, what="without series")
            assert [query for query in GUIDE if not prometheus.query(query)] == []
            assert [query for query in UNKNOWN if prometheus.query(_interpolated(True, query))] == []
            assert _not_a_number(prometheus, endpoint=IDLE) == []
            _rules_are_healthy(prometheus)
        prometheus.wait_until("sum(rate(ai_api_requests_total[10s])) == 0")
        assert _not_a_number(prometheus) == []
        assert [e["alerts"][0]["labels"]["alertname"] for e in posts.at("/heartbeat")][:1] == ["Watchdog"]


def _configure(stack: ExitStack, folder: Path) -> None:
    """Starts the providers, one of them with TLS, and writes the configurations."""
    authority = Authority(folder)
    authority.server("localhost")
    (leaf,) = folder.glob("leaf-*.pem")
    plain = stack.enter_context(SimulatorProcess(*PROFILES))
    secure = stack.enter_context(SimulatorProcess(Profile("secure", ttft=0.05), certfile=leaf, keyfile=leaf))
    plain.set_faults(*FAULTS)
    endpoints = [_endpoint(each.name, plain.base_url(each.name)) for each in PROFILES if each.name != IDLE]
    over_tls = secure.base_url("secure").replace("127.0.0.1", "localhost")
    endpoints.append(_endpoint("secure", over_tls) | {"ca_file": str(authority.file)})
    for name, document in {
        "yuan": {"region": "local", "currency": "CNY", "endpoints": endpoints},
        "dollars": {"region": "abroad", "currency": "USD", "endpoints": [_endpoint("dollars", plain.base_url("chat"))]},
        IDLE: {"endpoints": [_endpoint(IDLE, plain.base_url(IDLE))]},
    }.items():
        (folder / f"{name}.yaml").write_text(json.dumps(document))


def _endpoint(name: str, base_url: str) -> dict[str, Any]:
    return {"name": name, "dialect": "openai-chat", "base_url": base_url, "model": "sim-1", "prices": PRICES}


def _declare_only(prometheus: Prometheus, push: tuple[str, str], run_aimon: Command) -> None:
    """An endpoint whose first probe never ends: its series were announced at 0 before it began."""
    with run(run_aimon, "probe", "--config", f"{IDLE}.yaml", *push) as prober:
        prometheus.wait_until(f'ai_api_requests_total{{endpoint="{IDLE}", outcome="ok"}} == 0')
        prober.kill()


@contextmanager
def _everything(push: tuple[str, str], run_aimon: Command) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A looping prober and load tests that go on; given are the searches among them, which end by themselves."""
    common = ("--config", "yuan.yaml", *push)
    with ExitStack() as stack:
        stack.enter_context(run(run_aimon, "probe", "--every", "1s", *common))
        for name, how in LOADS.items():
            stack.enter_context(run(run_aimon, "loadtest", name, *how, *common))
        yield {
            name: stack.enter_context(run(run_aimon, "loadtest", name, "--profile", profile, *common))
            for name, profile in SEARCHES.items()
        }


def _interpolated(of_load_test: bool, expr: str, **chosen: str) -> str:
    """As Grafana sends it; whoever looks at the board of load tests has chosen their job, the only one it offers."""
    return interpolated(expr, **({"job": "aimon-loadtest"} if of_load_test else {}), **chosen)


def _without_series(prometheus: Prometheus) -> dict[str, str]:
    """Queries that give nothing now, by where they are asked; not one may give NaN meanwhile."""
    empty = {}
    for (of_load_test, expr), where in ASKED.items():
        samples = prometheus.query(_interpolated(of_load_test, expr))
        assert not any(math.isnan(sample.value) for sample in samples), (where, expr)
        if not samples and not (of_load_test and expr in UNKNOWN):
            empty[where] = expr
    return empty


def _not_a_number(prometheus: Prometheus, **chosen: str) -> list[str]:
    """Where NaN would be shown."""
    return [
        where
        for (of_load_test, expr), where in ASKED.items()
        if any(math.isnan(s.value) for s in prometheus.query(_interpolated(of_load_test, expr, **chosen)))
    ]


def _rules_are_healthy(prometheus: Prometheus) -> None:
    """As many rules as the shipped file has, each evaluated, none with an error."""
    loaded = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert len(loaded) == len(RULES)
    assert {rule["name"] for rule in loaded} == {rule.get("record", rule.get("alert")) for rule in RULES}
    assert {(rule["health"], rule.get("lastError")) for rule in loaded} == {("ok", None)}
