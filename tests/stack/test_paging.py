"""From a fault at a provider to four receivers and back, while what measures is killed, stopped and loaded."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stack_engine import GATEWAY, MENDED, SECRETS, Stack, get, inspect, podman, query, value, wait_for

ALERT = "AIEndpointDown"
# The rule waits for three intervals and a minute, Alertmanager for half a minute more.
PAGED_S = 330
# Alertmanager tells what has changed in a group after five minutes.
RESOLVED_S = 400
KILLED = ("prober-sim", "pushgateway", "prometheus")
HISTORY = """
import sqlite3
print(sqlite3.connect("/var/lib/aimon/history.db").execute("select count(*) from results").fetchone()[0])
"""


def told(stack: Stack, *, over: bool) -> dict[str, list[dict[str, Any]]]:
    """What each receiver was told of the alert, or of its end."""
    action, word = ("resolve", "RESOLVED") if over else ("trigger", "FIRING")
    pages = stack.notifications("events.pagerduty.com")
    opened = {each["body"]["dedup_key"] for each in pages if f"] {ALERT}" in str(each["body"].get("payload"))}
    mails = stack.notifications("mail.example.com")
    robot = stack.notifications("qyapi.weixin.qq.com")
    return {
        "page": [p for p in pages if p["body"]["event_action"] == action and p["body"]["dedup_key"] in opened],
        "mail": [
            mail for mail in mails if re.search(rf"^Subject: \[{word}.*{ALERT}", mail["body"]["mail"], re.MULTILINE)
        ],
        "robot": [post for post in robot if re.search(rf"\[{word}.*{ALERT}", post["body"]["markdown"]["content"])],
    }


def requests(stack: Stack) -> int:
    """How many calls the simulator had, after those in flight have ended."""
    return int(get(f"{stack.simulator}/truth", wait="5", limit="0")["requests"])


def pushed(job: str = "aimon-probe") -> float:
    """How many calls of the simulated endpoints the gateway has."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(get(f"{GATEWAY}/metrics"))
        for sample in family.samples
        if sample.name == "ai_api_requests_total"
        and sample.labels["job"] == job
        and sample.labels["endpoint"].startswith("sim-")
    )


def scraped(job: str = "aimon-probe") -> float | None:
    """How many of them Prometheus has."""
    return value(f'sum(ai_api_requests_total{{job="{job}", endpoint=~"sim-.*"}})')


def agree(stack: Stack, what: str, lost: int = 0) -> float:
    """Waits until history, gateway and Prometheus have one number of calls, and returns it.

    Raises:
        AssertionError: They don't within a minute, or it is not the simulator's but for those that a kill took.
    """

    def seen() -> tuple[int, float, float | None, int]:
        history = int(podman("exec", stack.container("prober-sim"), "python", "-c", HISTORY))
        return history, pushed(), scraped(), requests(stack)

    def holds(found: tuple[int, float, float | None, int]) -> bool:
        history, gateway, prometheus, truth = found
        return history == gateway == prometheus and truth - lost <= history <= truth

    return wait_for(seen, holds, timeout=90, what=f"{what}: history, gateway, Prometheus, simulator")[1]


def test_the_outage_is_told_to_all(outage: Stack) -> None:
    """PagerDuty, mail and the group robot, each with its secret; the endpoint that is well is not named."""
    found = wait_for(lambda: told(outage, over=False), lambda found: all(found.values()), timeout=PAGED_S, what="told")
    (page,) = found["page"]
    assert page["path"] == "/v2/enqueue"
    assert page["body"]["routing_key"] == SECRETS["pagerduty_routing_key"]
    assert page["body"]["payload"]["severity"] == "critical"
    assert found["mail"][0]["body"]["password"] == SECRETS["smtp_password"]
    assert found["robot"][0]["path"] == "/cgi-bin/webhook/send?key=stack-robot-key"
    assert all("sim-chat" in str(each) and "sim-claude" not in str(each) for (each, *_) in found.values())
    assert outage.notifications("heartbeat.example.com")[0]["body"]["status"] == "firing"


def test_kills_lose_and_double_nothing(outage: Stack) -> None:
    """Prober, gateway and Prometheus, killed at random moments: totals go on, and never back."""
    outage.fault(*MENDED)
    before = agree(outage, "before")
    seed = random.randrange(10_000)
    moments = random.Random(seed)
    victims = moments.sample(KILLED * 2, len(KILLED) * 2)
    for victim in victims:
        time.sleep(moments.uniform(0, 12))
        if moments.random() < 0.5:
            podman("kill", outage.container(victim))
            podman("start", outage.container(victim))
        else:
            crash(outage.container(victim))
    # A probe under way of each endpoint ends unrecorded with its prober.
    after = agree(outage, f"after kills (seed {seed})", lost=2 * victims.count("prober-sim"))
    assert after > before
    # A total that went back would be counted twice.
    assert [found for found in query("resets(ai_api_requests_total[30m])") if found[1]] == []


def test_a_prober_that_is_stopped_ends_its_probe_first(outage: Stack) -> None:
    """Within its grace period: the call under way is recorded and pushed, by what PID 1 passes on."""
    name = outage.container("prober-sim")
    before = agree(outage, "before", lost=len(KILLED) * 2)
    missing = requests(outage) - before
    outage.fault("slow:seconds=8")
    wait_for(lambda: in_flight(outage), bool, timeout=60, what="a probe under way")
    began = time.monotonic()
    podman("stop", "--time", "75", name)
    took = time.monotonic() - began
    outage.fault(*MENDED)
    state = inspect(name)["State"]
    assert state["ExitCode"] == 0
    assert 1 < took < 40, took
    assert pushed() == requests(outage) - missing
    podman("start", name)


def in_flight(stack: Stack) -> int:
    """How many calls the simulator is answering."""
    return int(get(f"{stack.simulator}/truth", limit="0")["in_flight"])


def test_a_load_test_pushes_what_it_sent(outage: Stack) -> None:
    """The one that the compose file has: a minute, its objectives met; gateway and Prometheus have each call."""
    probes, calls = pushed(), requests(outage)
    printed = outage.compose("run", "--rm", "loadtest", timeout=200)
    sent = pushed("aimon-loadtest")
    assert sent == pytest.approx(1200, rel=0.02), printed
    wait_for(lambda: scraped("aimon-loadtest"), lambda seen: seen == sent, timeout=60, what="load test in Prometheus")
    # Those that the prober sent meanwhile are the rest.
    wait_for(
        lambda: (pushed() - probes, requests(outage) - calls - sent), lambda both: both[0] == both[1], timeout=60,
        what="calls of the prober, by gateway and simulator",
    )  # fmt: skip


def test_the_end_of_the_outage_is_told_to_all(outage: Stack) -> None:
    """The end of the outage reaches the same receivers once, although processes were killed meanwhile."""
    found = wait_for(
        lambda: told(outage, over=True), lambda found: all(found.values()), timeout=RESOLVED_S, what="told"
    )
    assert len(found["page"]) == 1
    opened = {page["body"]["dedup_key"] for page in told(outage, over=False)["page"]}
    assert {page["body"]["dedup_key"] for page in found["page"]} == opened


def crash(name: str) -> None:
    """Ends a container's first process, as the kernel would, and waits until its policy has started it again."""
    pid = inspect(name)["State"]["Pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: inspect(name)["State"], lambda now: now["Running"] and now["Pid"] != pid, timeout=60, what=name)
