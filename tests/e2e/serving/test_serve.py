"""`aimon serve` as an operator meets it: metrics, probes on demand, reloads, kills, a full disk, a clean end."""

from __future__ import annotations

import gzip
import inspect
import os
import re
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from aimon.cli.exits import USAGE, Stop
from aimon.cli.serve.command import serve
from aimon.metrics import scrape_text
from aimon.metrics.definitions import REQUESTS
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess
from services import wait_for
from serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command

pytestmark = pytest.mark.e2e
KEY = "sk-test-4f8Kq2LmZx90"
CONFIG = """\
defaults: {{interval: 1s}}
endpoints:
  - {{name: a, dialect: openai-chat, base_url: "{url}", model: sim-1, api_key: "${{KEY}}", interval: {interval}}}
  - {{name: b, dialect: openai-chat, base_url: "{url}", model: sim-1}}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider that answers at once."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as running:
        yield running


@pytest.fixture
def config(provider: SimulatorProcess, tmp_path: Path) -> Path:
    """A configuration of two endpoints, of which one is probed by itself."""
    path = tmp_path / "aimon.yaml"
    path.write_text(CONFIG.format(url=provider.base_url("sim"), interval='"0 0 1 1 *"'))
    return path


@pytest.fixture
def service(config: Path, clean_env: dict[str, str]) -> Iterator[Serving]:
    """A running service."""
    with Serving(config.parent, {**clean_env, "KEY": KEY}) as running:
        yield running


def succeeded(service: Serving, name: str = "b") -> float:
    """How many probes of an endpoint are counted as successes."""
    return service.value("ai_api_requests_total", f'endpoint="{name}"', 'outcome="ok"')


def test_from_the_start_to_the_end(service: Serving, config: Path, provider: SimulatorProcess) -> None:
    """Without options: metrics in both formats, a probe on demand, good and bad reloads, and an end by SIGTERM."""
    wait_for(lambda: succeeded(service) >= 2, timeout=60)
    plain = service.ask("/metrics")
    assert plain.headers["content-type"] == scrape_text.PLAIN
    strict = service.ask("/metrics", accept="application/openmetrics-text;version=1.0.0", accept_encoding="gzip")
    families = list(text_string_to_metric_families(gzip.decompress(strict.body).decode()))  # type: ignore[no-untyped-call]
    assert {"ai_api_requests", "aimon_scheduler_missed_runs"} <= {family.name for family in families}
    assert service.ask("/-/healthy").status == 200

    assert succeeded(service, "a") == 0
    once = service.ask("/probe?endpoint=a")
    again = service.ask("/probe?endpoint=a")
    assert 'ai_probe_success{endpoint="a"' in once.text
    assert again.text == once.text  # shared, since each costs money
    assert service.ask("/probe?endpoint=a&debug=true").status == 429
    told = service.ask("/probe?endpoint=b&debug=true").text
    assert "POST http://127.0.0.1" in told
    assert "data: [DONE]" in told
    wait_for(lambda: succeeded(service, "a") == 1, timeout=30)
    assert (service.ask("/probe?endpoint=c").status, service.ask("/probe").status) == (404, 404)
    cross_site = {"sec_fetch_site": "cross-site"}
    assert service.ask("/probe?endpoint=b", **cross_site).status == 403

    good = config.read_text()
    config.write_text(good + "x: 1\n")
    refused = service.ask("/-/reload", "POST")
    assert (refused.status, "x: unknown key" in refused.text) == (422, True)
    assert service.value("aimon_config_last_reload_successful") == 0
    config.write_text(CONFIG.format(url=provider.base_url("sim"), interval="1s"))
    os.kill(service.process.pid, signal.SIGHUP)
    wait_for(lambda: succeeded(service, "a") >= 2, timeout=30)
    assert service.value("aimon_config_last_reload_successful") == 1
    assert service.ask("/-/reload", "POST", **cross_site).status == 403
    assert service.end() == 0
    assert KEY not in service.said()
    assert "x: unknown key" in service.said()


def test_counters_go_on_after_a_kill(service: Serving) -> None:
    """SIGKILL loses nothing that was shown; probes resume without a burst of those that were not due."""
    wait_for(lambda: succeeded(service) >= 3, timeout=60)
    shown = succeeded(service)
    service.end(signal.SIGKILL)
    service.start()
    assert succeeded(service) >= shown
    wait_for(lambda: succeeded(service) > shown, timeout=30)


def test_a_full_disk(service: Serving, clean_env: dict[str, str]) -> None:
    """On a full disk probing goes on and is reported; later all waiting results are recorded once."""
    wait_for(lambda: succeeded(service) >= 1, timeout=60)
    limits = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    # Writes past it fail, as on a full disk.
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    wait_for(lambda: service.value("aimon_results_waiting") >= 2, timeout=60)
    assert service.value("aimon_history_available") == 0
    assert service.ask("/-/healthy").status == 200
    shown = succeeded(service)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, limits)
    wait_for(lambda: service.value("aimon_results_waiting") == 0, timeout=60)
    assert service.value("aimon_history_available") == 1
    assert service.value("aimon_results_dropped_total") == 0
    assert succeeded(service) >= shown + 2
    assert service.end() == 0
    with History(Path(clean_env["AIMON_STATE_DIR"]) / "history.db", read_only=True) as history:
        identity = next(each for each in history.identities() if each.endpoint == "b")
        kept = len(history.samples(identity, 0))
        assert history.totals().counters[REQUESTS][*identity, "success", "ok"] == kept > shown


def test_a_machine_without_time_zone_data(config: Path, clean_env: dict[str, str], run_aimon: Command) -> None:
    """As small images are: UTC works with announcements, windows and cron; of another zone it says what to install."""
    clean_env |= {"KEY": KEY, "PYTHONTZPATH": ""}
    once = "{title: m, start: 2026-01-01T00:00, end: 2026-01-01T01:00}"
    again = "{title: n, cron: '0 3 * * 0', duration: 1h}"
    announced = "announcements: [{title: a, start: 2026-01-01T00:00}]"
    config.write_text(f"{config.read_text()}maintenance: [{once}, {again}]\n{announced}\n")
    with Serving(config.parent, clean_env) as service:
        wait_for(lambda: succeeded(service) >= 1, timeout=60)
        assert service.ask("/").status == 200
        assert service.end() == 0
    config.write_text(f"timezone: Asia/Shanghai\n{config.read_text()}")
    done = run_aimon("config", "check")
    assert (done.returncode, "install the package tzdata" in done.stderr + done.stdout) == (2, True), done.stderr


def test_what_the_command_line_refuses(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others could reach it without a token; a share, a certificate or a token that is none."""
    monkeypatch.chdir(config.parent)
    monkeypatch.setenv("KEY", KEY)
    weak, absent = config.with_name("token"), config.with_name("absent")
    weak.write_text("short")
    options: dict[str, Any] = {**dict.fromkeys(inspect.signature(serve).parameters), "no_auth": False}
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"listen": "0.0.0.0:0"}, "add --token-file FILE, or --no-auth"),
        ({"share": "3/3"}, "counts from 0: from 0 to 2"),
        ({"tls_cert": absent}, "there is no such file"),
        ({"tls_key": absent}, "add --tls-cert FILE"),
        ({"token_file": weak}, "openssl rand -hex 32"),
        ({"config": absent}, "aimon init"),
    ]
    for refused, message in refusals:
        with pytest.raises(Stop, match=re.escape(message)) as stopped:
            serve(**{**options, **refused})
        assert stopped.value.code == USAGE
