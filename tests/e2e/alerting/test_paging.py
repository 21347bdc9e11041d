"""From a fault at a provider to the page, and back, through the real servers and the shipped configuration.

The configuration files are those that `deploy/` mounts, under the overlay of `overlay.py`. Faults are provoked in the
simulator, and `aimon probe --every 1s --push` finds them. Every notification is looked for in four places: PagerDuty,
mail, the webhook that Alertmanager calls, and the group robot that `aimon alerts bridge` passes it on to.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import overlay
from aimon.metrics.push_error import PushError
from aimon.metrics.pushgateway import Gateway
from aimon.metrics.pushgateway import push as push_bodies
from aimon.simulator import Profile, SimulatorProcess
from services import free_port, wait_for
from shipped import program, start
from sinks import Mailbox, Posts, http_sink, mail_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services import Prometheus, Pushgateway, Servers

# Those that come half the time leave successes between them: the endpoint is not down.
FAULTS = {
    "flaky": "server_error:share=0.5",
    "gone": "close",
    "limited": "rate_limited",
    "denied": "unauthorized",
    "wrong": "wrong:share=0.5",
}
# Providers that change: one begins to answer late, one talks without end. What was before, and what is then.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "slow": ({"ttft": 0.01}, {"ttft": 0.8}),
    "dear": ({"tokens": 1}, {"tokens": 400}),
}
ENDPOINTS = ("well", *FAULTS, *CHANGES)
# What each must lead to; critical ones page, warnings go to chat and mail.
PAGES = {"HighAPIErrorRate", "AIEndpointDown", "AIUnauthorized", "AIDailyCostVeryHigh"}
WARNINGS = {"AIRateLimited", "AICanaryWrong", "HighAPILatency", "AIPushFailing"}
# A token of the dear one costs 1 yuan: 20 short answers in the window are below 500, and three long ones above 1,000.
DEAR = {
    "prices": {"input": 0, "output": 1_000_000, "currency": "CNY"},
    "canaries": ["talk"],
    "budget": "1000000/day",
}
TALK = {"prompt": "Tell me a story.", "max_tokens": 1000}
# Twice as many calls, so that half of them are three in five seconds.
FLAKY = {"canaries": ["talk", "chat"]}
# Nobody has told what the others cost, and nobody minds.
OWN: dict[str, dict[str, Any]] = {"dear": DEAR, "flaky": FLAKY}
CLASH = (("job", "aimon-probe"), ("region", "local"), ("endpoint", "clash"))


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
        titles = [
            re.sub("<[^>]*>", "", post["markdown"]["content"].splitlines()[0]).strip("*")
            for post in self.posts.at("/robot")
        ]
        return {_name(title) for title in titles if title.startswith(f"[{status}")}

    def mails(self, status: str) -> set[str]:
        """Alerts that a mail came of."""
        subjects = [line for mail in self.mailbox.mails for line in mail.splitlines() if line.startswith("Subject:")]
        return {_name(line.removeprefix("Subject: ")) for line in subjects if f"[{status}" in line}

    def hooks(self, status: str) -> set[str]:
        """Alerts that Alertmanager's webhook told of: `firing` or `resolved`."""
        return {post["groupLabels"]["alertname"] for post in self.posts.at("/alerts") if post["status"] == status}

    def told(self, *, over: bool = False) -> dict[str, set[str]]:
        """Alerts by channel, or those that are told to be over."""
        status = "RESOLVED" if over else "FIRING"
        return {
            "page": self.pages("resolve" if over else "trigger"),
            "mail": self.mails(status),
            "hook": self.hooks(status.lower()),
            "chat": self.chats(status),
        }


def _name(title: str) -> str:
    return title.split("] ")[1].split(" ", maxsplit=1)[0]


@pytest.fixture
def pager() -> Iterator[Pager]:
    """The sinks, running."""
    with http_sink() as posts, mail_sink() as mailbox:
        yield Pager(posts, mailbox)


def configuration(simulator: SimulatorProcess, folder: Path, names: tuple[str, ...] = ENDPOINTS) -> str:
    """Writes an aimon.yaml with an endpoint for each fault and change, and one that stays well."""
    endpoints = [
        {"name": name, "dialect": "openai-chat", "base_url": simulator.base_url(name), "model": "sim-1"}
        | ({"budget": "none"} | OWN.get(name, {}))
        for name in names
    ]
    path = folder / "aimon.yaml"
    document = {"region": "local", "currency": "CNY", "endpoints": endpoints, "canaries": {"talk": TALK, "chat": TALK}}
    path.write_text(json.dumps(document))
    return str(path)


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
    pager.posts.onward["/alerts"] = f"http://127.0.0.1:{port}/alerts"
    env = {**clean_env, "AIMON_STATE_DIR": str(tmp_path)}
    prometheus, gateway = start(servers, pager.posts, pager.mailbox, tmp_path)
    profiles = [Profile(name, **{"ttft": 0.01, "itl": 0.001} | CHANGES.get(name, ({}, {}))[0]) for name in ENDPOINTS]
    to_bridge = ("alerts", "bridge", "--to", "wecom", "--url-file", str(robot), "--listen", f"127.0.0.1:{port}")
    with SimulatorProcess(*profiles) as simulator, program(*to_bridge, env=env):
        probing = ("probe", "--config", configuration(simulator, tmp_path), "--every", "1s", "--push", gateway.url)
        with program(*probing, env=env):
            _stays_silent(prometheus, pager)
            _break(simulator, gateway)
            _is_told(pager)
            _mend(simulator, gateway)
            _wait(pager, PAGES, WARNINGS, 120, over=True)
        _wait(pager, {"AIProberStopped"}, set(), 90)
        with program(*probing, env=env):
            _wait(pager, {"AIProberStopped"}, set(), 90, over=True)
    assert pager.mailbox.passwords == {"mail-password"}
    assert {event["routing_key"] for event in pager.posts.at("/pagerduty")} == {"R0UTINGKEY"}
    assert pager.posts.at("/heartbeat")[0]["alerts"][0]["labels"]["alertname"] == "Watchdog"


def _break(simulator: SimulatorProcess, gateway: Pushgateway) -> None:
    simulator.set_faults(*(_rule(name, fault) for name, fault in FAULTS.items()))
    for name, (_, changed) in CHANGES.items():
        simulator.configure(name, **changed)
    with pytest.raises(PushError, match="400"):
        clash(gateway, "counter")


def _mend(simulator: SimulatorProcess, gateway: Pushgateway) -> None:
    simulator.clear_faults()
    for name, (before, _) in CHANGES.items():
        simulator.configure(name, **before)
    clash(gateway, "gauge")


def _rule(name: str, fault: str) -> str:
    kind, _, options = fault.partition(":")
    return f"{kind}:profile={name}{',' + options if options else ''}"


def _stays_silent(prometheus: Prometheus, pager: Pager) -> None:
    """All endpoints are well for some time, and nothing but the Watchdog fires."""
    prometheus.reload()  # from here on with the shipped configuration
    wait_for(
        lambda: (
            prometheus.value("count(ai_probe_success == 1) or vector(0)"),
            prometheus.value("min(count_over_time(ai_probe_success[10s])) or vector(0)"),
            bool(pager.posts.at("/heartbeat")),
        ),
        lambda seen: seen[0] == len(ENDPOINTS) and seen[1] >= 8 and seen[2],
        timeout=40,
        what="endpoints that are up, their samples in 10 s, a heartbeat",
    )
    assert firing(prometheus) == {"Watchdog"}
    assert (pager.posts.at("/pagerduty"), pager.posts.at("/robot"), pager.mailbox.mails) == ([], [], [])


def _wait(pager: Pager, pages: set[str], warnings: set[str], timeout: float, *, over: bool = False) -> None:
    """Waits until every channel was told of these alerts, or that they are over."""
    wanted = {channel: pages if channel == "page" else pages | warnings for channel in pager.told()}
    wait_for(
        lambda: {channel: wanted[channel] - told for channel, told in pager.told(over=over).items()},
        lambda missing: not any(missing.values()),
        timeout=timeout,
        what="alerts that are missing",
    )


def _is_told(pager: Pager) -> None:
    pager.posts.refuse = 45009  # the robot's own limit: the bridge answers 502 and Alertmanager tries again
    _wait(pager, PAGES, WARNINGS, 120)
    texts = [event["payload"]["custom_details"]["firing"] for event in pager.posts.at("/pagerduty")]
    assert any("gone is down" in text and "gone 不可用" in text for text in texts)
    assert any("Do: Run aimon probe gone" in text for text in texts)
    assert not any("<error" in text or "<no value>" in text for text in texts)
    # A prober that a busy machine holds up for the seconds that are minutes here has rightly stopped.
    assert _about(pager, "denied") - {"AIProberStopped"} == {"AIUnauthorized"}
    assert _about(pager, "limited") == set()  # a warning: nobody is got out of bed by the account's own limit


def _about(pager: Pager, endpoint: str) -> set[str]:
    """Alerts that PagerDuty was told of for an endpoint."""
    return {
        _name(event["payload"]["summary"])
        for event in pager.posts.at("/pagerduty")
        if event["event_action"] == "trigger" and f"{endpoint}: " in event["payload"]["custom_details"]["firing"]
    }


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus", "prometheus-pushgateway", "prometheus-alertmanager")
def test_a_wrong_key_is_one_page_without_inhibitions(
    servers: Servers, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    """The rules alone, in an Alertmanager that inhibits nothing: one alert, with the right advice; and 429s warn."""
    wrong = {"denied": "AIUnauthorized", "limited": "AIRateLimited"}
    with http_sink() as posts, SimulatorProcess(*(Profile(name, ttft=0.01) for name in wrong)) as simulator:
        simulator.set_faults(*(_rule(name, FAULTS[name]) for name in wrong))
        hook = {"name": "hook", "webhook_configs": [{"url": f"{posts.url}/hook", "send_resolved": False}]}
        route = {"receiver": "hook", "group_by": ["..."], "group_wait": "100ms", "group_interval": "1s"}
        alertmanager = servers.alertmanager({"route": route, "receivers": [hook]})
        gateway = servers.pushgateway()
        prometheus = servers.prometheus()
        overlay.local_prometheus(overlay.rules(tmp_path), (alertmanager, gateway, prometheus))
        prometheus.reload()
        probing = ("probe", "--config", configuration(simulator, tmp_path, tuple(wrong)), "--every", "1s")
        with program(*probing, "--push", gateway.url, env={**clean_env, "AIMON_STATE_DIR": str(tmp_path)}):
            for endpoint, alert in wrong.items():
                # Longer than the windows and waits of the alerts that must not fire.
                fired = f'ALERTS{{alertname="{alert}", endpoint="{endpoint}", alertstate="firing"}}'
                prometheus.wait_until(f"count_over_time({fired}[30s]) > 20", timeout=60)
        told = [alert for post in posts.at("/hook") for alert in post["alerts"]]
    found = {(alert["labels"].get("endpoint"), alert["labels"]["alertname"]) for alert in told}
    assert found - {(None, "Watchdog")} == set(wrong.items())
    severities = {alert["labels"]["alertname"]: alert["labels"]["severity"] for alert in told}
    assert (severities["AIUnauthorized"], severities["AIRateLimited"]) == ("critical", "warning")
    advice = {alert["annotations"]["action"] for alert in told if alert["labels"]["alertname"] == "AIUnauthorized"}
    assert [text.startswith("Put the right key where") for text in advice] == [True]
