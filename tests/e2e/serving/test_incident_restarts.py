"""A real service that is killed in the middle of an incident: everybody is told once of its beginning and its end."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aimon.simulator import Profile, Simulator
from command import AIMON
from services import free_port, wait_for
from sinks import http_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command
    from services import Servers

CONFIG = """
defaults:
  interval: 1s
  incident: {{open: 2 of 3, resolve: 2, group_wait: 1s}}
endpoints:
  - {{name: a, dialect: openai-chat, base_url: "{base}", model: sim-1}}
  - {{name: b, dialect: openai-chat, base_url: "{base}", model: sim-2}}
notify:
  - {{name: pager, kind: pagerduty, routing_key: "${{ROUTING_KEY}}", url: "{sink}/pagerduty"}}
  - {{name: hook, kind: webhook, url: "{sink}/hook"}}
  - {{name: alertmanager, kind: alertmanager, url: "{alertmanager}"}}
"""


@contextmanager
def serving(run_aimon: Command, *, kill: bool) -> Iterator[subprocess.Popen[bytes]]:
    """`aimon serve`, until the end of the block; then killed (SIGKILL) or stopped (SIGTERM)."""
    program = [AIMON, "serve", "--listen", f"127.0.0.1:{free_port()}"]
    process = subprocess.Popen(
        [*program, "--history", "history.db"],
        env={**run_aimon.env, "ROUTING_KEY": "routing-key-0123"},
        cwd=run_aimon.cwd,
    )
    try:
        yield process
        process.kill() if kill else process.terminate()
        assert process.wait(30) == (-9 if kill else 0)
    finally:
        process.kill()
        process.wait()


@pytest.mark.e2e
def test_a_service_that_is_killed_tells_everybody_once(run_aimon: Command, servers: Servers) -> None:
    """Two endpoints of one server fail; three processes live through it, two of which are killed."""
    history = run_aimon.cwd / "history.db"

    def rows(sql: str) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as connection:
                return connection.execute(sql).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []

    def delivered(action: str) -> int:
        return len(rows(f"SELECT 1 FROM notices WHERE action = '{action}' AND state = 'delivered'"))  # noqa: S608 - a constant

    def failures() -> int:
        return len(rows("SELECT 1 FROM results WHERE outcome = 'server_error'"))

    alertmanager = servers.alertmanager({"route": {"receiver": "r"}, "receivers": [{"name": "r"}]})

    def alerts() -> set[tuple[str, str]]:
        found = json.loads(alertmanager.get("/api/v2/alerts"))
        return {(alert["labels"]["endpoint"], alert["labels"]["kind"]) for alert in found}

    with http_sink() as posts, Simulator(Profile("sim", ttft=0.01, itl=0.001)) as provider:
        text = CONFIG.format(base=provider.base_url(), sink=posts.url, alertmanager=alertmanager.url)
        (run_aimon.cwd / "aimon.yaml").write_text(text, encoding="utf-8")
        with serving(run_aimon, kill=True):
            wait_for(lambda: len(rows("SELECT 1 FROM results")) >= 2, what="a probe of each")
            provider.set_faults("server_error")
            wait_for(lambda: delivered("trigger") == 3, what="three deliveries")
            assert alerts() == {("a", "outage"), ("b", "outage")}
        before = failures()
        with serving(run_aimon, kill=True):
            wait_for(lambda: failures() >= before + 6, what="more failures")
        provider.clear_faults()
        with serving(run_aimon, kill=False):
            wait_for(lambda: delivered("resolve") == 3, what="three deliveries of the end")
            wait_for(lambda: not alerts(), what="no alert")
    events = posts.at("/pagerduty")
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["dedup_key"] == events[1]["dedup_key"]
    hooks = posts.at("/hook")
    assert [hook["action"] for hook in hooks] == ["trigger", "resolve"]
    assert {incident["endpoint"] for incident in hooks[1]["incidents"]} == {"a", "b"}
    assert len(rows("SELECT 1 FROM incidents")) == 2
