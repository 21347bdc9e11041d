"""Programs that report in, on the status page and in the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.metrics.totals import Gauges
from aimon.probes.heartbeats import beats
from aimon.probes.heartbeats.beats import Beat
from aimon.probes.heartbeats.observer import HeartbeatObserver
from aimon.probes.heartbeats.state import shares, uptime
from aimon.probes.service.metrics.incident_metrics import add_incidents
from page_text import HOSTILE, text_of
from service_world import T0, ServiceWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3600.0
CONFIG = """
endpoints: [{name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}]
heartbeats:
  - {name: nightly, every: 1h, grace: 1m, title: Nightly evaluation}
  - {name: new, every: 5m}
"""


class World(ServiceWorld):
    """A service that watches two programs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CONFIG)
        self.state.database = self.history.database
        self.observer = HeartbeatObserver()
        self.observer.configure(self.context)

    def report(self, at: float, message: str | None = None, *, well: bool = True) -> None:
        """A program reports in."""
        beats.record(self.history.database, "nightly", Beat(at, well, message))
        self.at(at)

    def at(self, now: float) -> None:
        """The time that the service believes in."""
        self.now = now
        self.observer.tick(now)

    def gauge(self, name: str) -> float | None:
        """A metric of the program that reports in."""
        gauges = Gauges()
        add_incidents(gauges, self.context)
        return gauges.get(f"aimon_heartbeat_{name}", heartbeat="nightly")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The service."""
    monkeypatch.setenv("TZ", "UTC")
    with World(tmp_path) as made:
        yield made


def test_a_program_falls_silent_and_comes_back(world: World) -> None:
    """The page says so, in the verdict, on its card and on its own page, with its incident; so do the metrics."""
    page = text_of(world.get("/"))
    assert "Programs nightly not reported yet Nightly evaluation – not known" in page
    assert world.gauge("up") is None
    world.probe("a")
    for hours in range(4):
        world.report(T0 + hours * HOUR)
    assert "nightly well Nightly evaluation 100 % over 24 hours" in text_of(world.get("/"))
    assert world.gauge("up") == 1.0
    assert world.gauge("last_report_timestamp_seconds") == T0 + 3 * HOUR
    assert world.gauge("due_timestamp_seconds") == T0 + 4 * HOUR + 60

    world.at(T0 + 5 * HOUR)
    page = text_of(world.get("/"))
    assert "1 of 2 programs do not report that they are well" in page
    assert "Open incidents nightly does not report that it is well open for 59 min" in page
    assert "nightly no report in time for 59 min" in page
    own = text_of(world.get("/endpoint/nightly"))
    assert "nightly no report in time for 59 min Nightly evaluation · every 1h, 1m late at the most" in own
    assert "began: no report for more than 61m" in own
    assert "Reports 2 h ago well 3 h ago well 4 h ago well 5 h ago well" in own
    assert world.gauge("up") == 0.0

    world.report(T0 + 6 * HOUR, f"no disk {HOSTILE}", well=False)
    page = world.get("/endpoint/nightly")
    assert HOSTILE not in page
    assert "nightly it says that it is not well" in text_of(page)
    assert "0 s ago not well no disk" in text_of(page)
    world.report(T0 + 6 * HOUR + 60)
    assert "1 of 2 programs" not in text_of(world.get("/"))
    own = text_of(world.get("/endpoint/nightly?period=7d"))
    assert "nightly does not report that it is well resolved" in own
    # It was well for four hours and a minute, of six and a minute.
    assert "66.7 % of the time since its first report" in own


def test_in_chinese(world: World) -> None:
    """Nothing of it is left in English, in the incident neither."""
    world.report(T0)
    world.at(T0 + 2 * HOUR)
    own = text_of(world.get("/endpoint/nightly", **{"accept-language": "zh"}))
    assert "未按时上报 已持续 59 分钟" in own
    assert "开始：超过 61m 没有上报" in own
    assert "每 1h 上报一次，最多晚 1m" in own
    assert "no report" not in own
    feed = world.get("/incidents.atom?lang=zh")
    assert "nightly: 未按时上报正常状态, 未恢复" in feed
    assert ">开始于 2025-11-28T13:01:00Z\n超过 61m 没有上报<" in feed


def test_the_parts_of_a_bar_add_up_to_its_uptime() -> None:
    """Also with reports that are late, not well, or of a clock that was set back."""
    reports = [Beat(T0 + at, at % 7 != 3, None) for at in (5, 300, 330, 900, 903, 2000, 2100, 1500, 3400)]
    starts = range(int(T0) - 400, int(T0) + 4000, 100)
    found = shares(reports, 120.0, starts, T0 + 3950)
    assert found[:4] == [None] * 4
    ordered = sorted(reports)
    weights = [min(100.0, T0 + 3950 - start) - max(0.0, T0 + 5 - start) for start in starts[4:]]
    total = sum(share * weight for share, weight in zip(found[4:], weights, strict=True) if share is not None)
    whole = uptime(ordered, 120.0, T0 - 400, T0 + 3950)
    assert whole == pytest.approx(total / sum(weights))
