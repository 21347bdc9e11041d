"""From a fault at a provider to the page, and back, through the real servers and the shipped configuration.

The configuration files are those that `deploy/` mounts, under the overlay of `overlay.py`. Faults are provoked in the
simulator; `aimon probe --every 1s --push` finds them. Slow and costly calls, of which a minute would have to pass, are
recorded through the API of the prober instead.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import overlay
from aimon.metrics import Identity
from aimon.probes.publish import push
from aimon.probes.state import open_state
from aimon.probes.watched import Watched
from aimon.pushgateway import Gateway, PushError
from aimon.pushgateway import push as push_bodies
from aimon.simulator import Profile, SimulatorProcess
from results import a_result
from services import free_port, wait_for
from sinks import Mailbox, Posts, http_sink, mail_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services import Prometheus, Pushgateway, Servers

# Those that come half the time leave successes between them: the endpoint is not down.
FAULTS = {
    "flaky": "server_error:share=0.5",
    "gone": "close",
    "limited": "rate_limited",
    "denied": "unauthorized",
    "wrong": "wrong:share=0.5",
}
# What each fault must lead to; critical ones page, warnings go to chat and mail.
PAGES = {"AIHighErrorRate", "AIEndpointDown", "AIUnauthorized", "AIDailyCostVeryHigh"}
WARNINGS = {"AIRateLimited", "AICanaryWrong", "AIHighLatencyP99", "AIPushFailing"}
BATCH = Identity("batch", "sim-1", "custom", "local")
CLASH = (("job", "aimon-probe"), ("region", "local"), ("endpoint", "clash"))
AIMON = Path(sys.executable).with_name("aimon")


class Pager:
    """What reached the sinks."""

    def __init__(self, posts: Posts, mailbox: Mailbox) -> None:
        self.posts = posts
        self.mailbox = mailbox

    def pages(self, action: str) -> set[str]:
        """Alerts that PagerDuty was told of: `trigger` or `resolve`, of an incident that was triggered."""
        events = self.posts.at("/pagerduty")
        opened = {e["dedup_key"]: _name(e["payload"]["summary"]) for e in events if e["event_action"] == "trigger"}
        return {opened[e["dedup_key"]] for e in events if e["event_action"] == action}

    def chats(self, status: str) -> set[str]:
        """Alerts that the group robot has written of: `FIRING` or `RESOLVED`."""
        titles = [post["markdown"]["content"].splitlines()[0].strip("*") for post in self.posts.at("/robot")]
        return {_name(title) for title in titles if title.startswith(f"[{status}")}

    def mails(self, status: str) -> set[str]:
        """Alerts that a mail came of."""
        subjects = [line for mail in self.mailbox.mails for line in mail.splitlines() if line.startswith("Subject:")]
        return {_name(line.removeprefix("Subject: ")) for line in subjects if f"[{status}" in line}


def _name(title: str) -> str:
    return title.split("] ")[1].split(" ", maxsplit=1)[0]


@pytest.fixture
def pager() -> Iterator[Pager]:
    """The sinks, running."""
    with http_sink() as posts, mail_sink() as mailbox:
        yield Pager(posts, mailbox)


@contextmanager
def program(*arguments: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `aimon` until the block ends."""
    process = subprocess.Popen([AIMON, *arguments], env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def stack(servers: Servers, pager: Pager, bridge: int, folder: Path) -> tuple[Prometheus, Pushgateway]:
    """Starts the servers with the shipped configuration, overlaid."""
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "pagerduty_routing_key").write_text("R0UTINGKEY")
    (secrets / "smtp_password").write_text("mail-password")
    alertmanager = servers.alertmanager(
        overlay.alertmanager(
            secrets,
            {
                "https://events.pagerduty.com/v2/enqueue": f"{pager.posts.url}/pagerduty",
                "mail.example.com:587": pager.mailbox.address,
                "http://bridge:9465": f"http://127.0.0.1:{bridge}",
                "https://heartbeat.example.com/aimon": f"{pager.posts.url}/heartbeat",
            },
        )
    )
    gateway = servers.pushgateway(persistent=True)
    prometheus = servers.prometheus()
    prometheus.config = overlay.prometheus(
        overlay.rules(folder),
        {
            "alertmanager:9093": f"127.0.0.1:{alertmanager.port}",
            "pushgateway:9091": f"127.0.0.1:{gateway.port}",
            "127.0.0.1:9090": f"127.0.0.1:{prometheus.port}",
        },
    )
    return prometheus, gateway


def configuration(simulator: SimulatorProcess, folder: Path) -> str:
    """Writes an aimon.yaml with an endpoint for each fault, and one that stays well."""
    endpoints = [
        {"name": name, "dialect": "openai-chat", "base_url": simulator.base_url(name), "model": "sim-1"}
        for name in ("well", *FAULTS)
    ]
    path = folder / "aimon.yaml"
    path.write_text(json.dumps({"region": "local", "currency": "CNY", "endpoints": endpoints}))
    return str(path)


class Batch:
    """An endpoint whose calls are recorded through the API: slow and dear, or not."""

    def __init__(self, gateway: Pushgateway, folder: Path) -> None:
        watched = [Watched(BATCH, interval=1, currency="CNY")]
        self._gateway = Gateway.parse(gateway.url)
        self._state = open_state("sqlite", watched, path=folder / "batch.db")

    def record(self, **changes: Any) -> None:
        """Records a call that ends now, and pushes."""
        self._state.record([a_result(identity=BATCH, started_at=time.time(), **changes)])
        push(self._state, self._gateway, region="local", owner="batch")

    def until(self, holds: Callable[[], bool], timeout: float, what: Callable[[], str], **changes: Any) -> None:
        """Records such calls until something holds."""

        def step() -> bool:
            self.record(**changes)
            return holds()

        try:
            wait_for(step, timeout=timeout)
        except AssertionError:
            raise AssertionError(what()) from None

    def close(self) -> None:
        """Closes the history."""
        self._state.close()


def clash(gateway: Pushgateway, kind: str) -> None:
    """Pushes a group whose type of a metric is that of the others (gauge), or is not."""
    body = f"# TYPE ai_probe_success {kind}\nai_probe_success 1\n".encode()
    push_bodies(Gateway.parse(gateway.url), {CLASH: body})


def firing(prometheus: Prometheus) -> set[str]:
    """Names of the alerts that fire now."""
    return {sample.labels["alertname"] for sample in prometheus.query('ALERTS{alertstate="firing"}')}


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus", "prometheus-pushgateway", "prometheus-alertmanager")
def test_faults_page_and_resolve(servers: Servers, pager: Pager, tmp_path: Path, clean_env: dict[str, str]) -> None:
    """Healthy: silence. Each fault: its notification, in every channel it belongs to. Mended: resolved."""
    robot, port = tmp_path / "robot_url", free_port()
    robot.write_text(f"{pager.posts.url}/robot?key=robot-key\n")
    env = {**clean_env, "AIMON_STATE_DIR": str(tmp_path)}
    prometheus, gateway = stack(servers, pager, port, tmp_path)
    profiles = [Profile(name, ttft=0.01, itl=0.001) for name in ("well", *FAULTS)]
    batch = Batch(gateway, tmp_path)
    to_bridge = ("alerts", "bridge", "--to", "wecom", "--url-file", str(robot), "--listen", f"127.0.0.1:{port}")
    with SimulatorProcess(*profiles) as simulator, program(*to_bridge, env=env):
        probing = ("probe", "--config", configuration(simulator, tmp_path), "--every", "1s", "--push", gateway.url)
        with program(*probing, env=env):
            _stays_silent(prometheus, pager, batch)
            simulator.set_faults(*(_rule(name, fault) for name, fault in FAULTS.items()))
            with pytest.raises(PushError, match="400"):
                clash(gateway, "counter")
            _is_told(pager, batch)
            simulator.clear_faults()
            clash(gateway, "gauge")
            _is_resolved(prometheus, pager, batch)
        batch.until(lambda: "AIProberStopped" in pager.pages("trigger"), 30, lambda: str(firing(prometheus)))
        with program(*probing, env=env):
            batch.until(lambda: "AIProberStopped" in pager.pages("resolve"), 30, lambda: str(firing(prometheus)))
    batch.close()
    assert pager.mailbox.passwords == {"mail-password"}
    assert {event["routing_key"] for event in pager.posts.at("/pagerduty")} == {"R0UTINGKEY"}
    assert pager.posts.at("/heartbeat")[0]["alerts"][0]["labels"]["alertname"] == "Watchdog"


def _rule(name: str, fault: str) -> str:
    kind, _, options = fault.partition(":")
    return f"{kind}:profile={name}{',' + options if options else ''}"


def _stays_silent(prometheus: Prometheus, pager: Pager, batch: Batch) -> None:
    """All endpoints are well for some time, and nothing but the Watchdog fires."""
    everyone = len(FAULTS) + 2
    batch.record()
    prometheus.reload()  # from here on with the shipped configuration: there is something to be seen
    batch.until(
        lambda: (
            prometheus.value("count(ai_probe_success == 1) or vector(0)") == everyone
            and prometheus.value("min(count_over_time(ai_probe_success[10s]))") >= 8
            and bool(pager.posts.at("/heartbeat"))
        ),
        40,
        lambda: str([(s.labels, s.value) for s in prometheus.query("ai_probe_success")]),
    )
    assert firing(prometheus) == {"Watchdog"}
    assert (pager.posts.at("/pagerduty"), pager.posts.at("/robot"), pager.mailbox.mails) == ([], [], [])


def _is_told(pager: Pager, batch: Batch) -> None:
    pager.posts.refuse = 45009  # the robot's own limit: the bridge answers 502 and Alertmanager tries again
    batch.until(
        lambda: (
            pager.pages("trigger") >= PAGES
            and pager.chats("FIRING") >= PAGES | WARNINGS
            and pager.mails("FIRING") >= PAGES | WARNINGS
        ),
        40,
        lambda: f"{pager.pages('trigger')} {pager.chats('FIRING')} {pager.mails('FIRING')}",
        end=12.0,
        last_token=11.9,
        cost=200.0,
    )
    texts = [event["payload"]["custom_details"]["firing"] for event in pager.posts.at("/pagerduty")]
    assert any("gone is down" in text and "gone 不可用" in text for text in texts)
    assert not any("<error" in text for text in texts)


def _is_resolved(prometheus: Prometheus, pager: Pager, batch: Batch) -> None:
    batch.until(
        lambda: (
            pager.pages("resolve") >= PAGES
            and pager.chats("RESOLVED") >= PAGES | WARNINGS
            and pager.mails("RESOLVED") >= PAGES | WARNINGS
        ),
        60,
        lambda: f"{firing(prometheus)} {pager.pages('resolve')} {pager.chats('RESOLVED')} {pager.mails('RESOLVED')}",
    )
