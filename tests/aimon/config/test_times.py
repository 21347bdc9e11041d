"""Cron expressions and maintenance windows: what they mean in seconds of unix time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from aimon.config import Endpoint, load, maintenance_of, resolve
from aimon.config.loader import parse
from aimon.config.maintenance import Maintenance

BERLIN = ZoneInfo("Europe/Berlin")
FILE = """
timezone: Europe/Berlin
endpoints:
  - {{name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m, interval: "{interval}"}}
  - {{name: b, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}}
maintenance:
  - {{title: Moving, endpoints: [a], start: 2027-03-28T01:00, end: 2027-03-28T04:00}}
  - {{title: Moving on, start: 2027-03-28T01:00+00:00, end: 2027-03-28T04:00+00:00}}
  - {{title: Backup, cron: "30 3 * * 0", duration: 90m}}
"""


def at(text: str) -> float:
    """Unix time of a moment in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def first(interval: str) -> Endpoint:
    """The first endpoint of the file, with that interval."""
    return resolve(parse(FILE.format(interval=interval)), ["a"], environ={})[0]


@pytest.mark.parametrize(
    ("written", "longest", "per_day"),
    [
        ("*/5 * * * *", 300.0, 288),
        ("0 9 * * *", 25 * 3600.0, 1),  # a day of 25 hours, when summer time ends
        ("0 9 * * 1-5", 73 * 3600.0, 5 / 7),
        ("30s", 30.0, 2880),
    ],
)
def test_interval_and_rounds_per_day(written: str, longest: float, per_day: float) -> None:
    """The interval of a cron expression is its longest pause; costs are computed from how often it comes on average."""
    found = first(written)
    assert found.interval == longest
    assert found.rounds_per_day == pytest.approx(per_day, rel=0.01)
    assert (found.cron is None) == (written == "30s")


def test_maintenance_in_the_files_time_zone() -> None:
    """A moment without an offset is meant in `timezone`, also where summer time begins."""
    moving, moving_on, backup = maintenance_of(parse(FILE.format(interval="60s")))
    assert moving.current(at("2027-03-28T01:00")) == (at("2027-03-28T01:00"), at("2027-03-28T04:00"))
    assert moving.duration == 2 * 3600.0
    assert moving.current(at("2027-03-28T04:00")) is None
    assert (moving.concerns("a"), moving.concerns("b"), moving_on.concerns("b")) == (True, False, True)
    assert moving_on.current(at("2027-03-28T03:00")) == (at("2027-03-28T03:00"), at("2027-03-28T06:00"))
    assert backup.current(at("2027-04-04T03:29")) is None
    assert backup.current(at("2027-04-04T03:30")) == (at("2027-04-04T03:30"), at("2027-04-04T05:00"))
    assert backup.current(at("2027-04-04T04:59:59")) == (at("2027-04-04T03:30"), at("2027-04-04T05:00"))
    assert backup.current(at("2027-04-04T05:00")) is None


def test_all_windows_of_a_month() -> None:
    """`between` gives those that have begun before and those that end after; `following` gives the next one."""
    backup = Maintenance("Backup", duration=5400.0, cron="30 3 * * 0", zone=BERLIN)
    found = backup.between(at("2027-04-04T04:00"), at("2027-04-25T03:31"))
    assert [start for start, _ in found] == [at(f"2027-04-{day:02}T03:30") for day in (4, 11, 18, 25)]
    assert backup.following(at("2027-04-04T03:30")) == (at("2027-04-11T03:30"), at("2027-04-11T05:00"))
    once = Maintenance("Once", start=100.0, duration=50.0)
    assert once.between(0.0, 100.0) == []
    assert once.between(0.0, 101.0) == once.between(149.0, 1000.0) == [(100.0, 150.0)]
    assert (once.following(99.0), once.following(100.0)) == ((100.0, 150.0), None)


def test_maintenance_stays_with_the_service() -> None:
    """A load test's process is told of one endpoint, and needs no window that names another."""
    from pathlib import Path

    from aimon.config import from_data, to_data

    config = load(Path(__file__).parent / "good" / "everything.yaml")
    assert from_data(to_data(config, "full")).maintenance == ()
