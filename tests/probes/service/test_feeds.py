"""Badges, the Atom feed and the JSON for other status pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from aimon.call.outcome import Outcome
from aimon.probes.incidents import reader
from aimon.probes.incidents.kinds import Kind
from aimon.probes.incidents.reader import Incident
from aimon.probes.service.feeds import badges
from results import a_result
from service_app import NOW, ServiceApp
from service_world import ServiceWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"
ONE = """
endpoints:
  - {name: a, dialect: openai-chat, base_url: "http://127.0.0.1:9/v1", model: m}
"""
HOSTILE = "</title><script>alert(1)</script>\"' onload=x \0\x1b[31m\u202e\ud800"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with one endpoint that works, one that is down, and one that was never probed."""
    service = ServiceApp(tmp_path_factory.mktemp("service"))
    names = service.identities()
    service.append([a_result(identity=names["qwen"], started_at=NOW - i * 60.0) for i in range(1, 30)])
    service.append([a_result(Outcome.SERVER_ERROR, names["kimi"], started_at=NOW - 60.0)])
    with TestClient(service.app) as opened:
        yield opened
    service.close()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("qwen.svg", "qwen: up"),
        ("kimi.svg", "kimi: down"),
        ("never.svg?metric=state&lang=zh", "never: 未知"),
        ("qwen.svg?metric=uptime&window=7d", "qwen uptime 7d: 100 %"),
        ("kimi.svg?metric=uptime", "kimi uptime 24h: 0.00 %"),
        ("never.svg?metric=uptime", "never uptime 24h: unknown"),
        ("qwen.svg?metric=latency&lang=zh", "qwen 延迟 P95: 1.5 s"),
        ("kimi.svg?metric=latency", "kimi latency P95: unknown"),
    ],
)
def test_badges(query: str, said: str, client: TestClient) -> None:
    """The text is in the picture and for those who can't see it; what is not known is not a number."""
    answer = client.get(f"/badge/{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    root = ET.fromstring(answer.text)  # noqa: S314 - made here
    assert (root.get("aria-label"), root.findtext(f"{SVG}title")) == (said, said)
    assert ": ".join(text.text or "" for text in root.iter(f"{SVG}text")) == said


def test_badges_that_cannot_be(client: TestClient) -> None:
    """An unknown endpoint, metric or window is named, with what to write."""
    assert "did you mean 'qwen'" in client.get("/badge/qwem.svg").json()["detail"]
    assert client.get("/badge/qwen.svg?metric=cost").json()["detail"] == (
        "metric: 'cost' is none: write one of state, uptime, latency"
    )
    assert client.get("/badge/qwen.svg?metric=uptime&window=1y").status_code == 400


@settings(max_examples=50)
@given(st.one_of(st.just(HOSTILE), st.text(max_size=80)), st.text(max_size=80))
def test_a_badge_is_inert_whatever_it_says(label: str, value: str) -> None:
    """It is XML with the elements that it always has, and its texts are text."""
    root = ET.fromstring(badges.draw(label, value, "#000"))  # noqa: S314 - made here
    names = [element.tag.removeprefix(SVG) for element in root.iter()]
    assert names == ["svg", "title", "rect", "path", "g", "text", "text"]
    assert set(root.keys()) == {"width", "height", "role", "aria-label"}


def incident(error: str, resolved: float | None = None) -> Incident:
    """An outage of an hour ago."""
    return Incident(
        "qwen", "ollama", HOSTILE, "local", Kind.OUTAGE, "critical", False,
        NOW - 3700, NOW - 3600, "server_error", error,
        id=7, resolved_at=resolved, ended_by=None, group="uid-1",
    )  # fmt: skip


def test_the_feed_tells_of_incidents(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Valid Atom with hostile texts inert; an entry keeps its id when the incident is over, and is updated."""
    empty = ET.fromstring(client.get("/incidents.atom").content)  # noqa: S314 - made here
    assert (empty.findtext(f"{ATOM}updated"), empty.findall(f"{ATOM}entry")) == ("2023-11-15T00:00:00Z", [])
    ids = []
    for resolved, state in ((None, "open"), (NOW - 60, "resolved")):
        page = reader.Page((incident(HOSTILE, resolved),), 1)
        monkeypatch.setattr(reader, "incidents", lambda *_, _page=page, **__: _page)
        answer = client.get("/incidents.atom?lang=en")
        assert answer.headers["content-type"].startswith("application/atom+xml")
        root = ET.fromstring(answer.content)  # noqa: S314 - made here
        entry = root.find(f"{ATOM}entry")
        assert entry is not None
        assert entry.findtext(f"{ATOM}title") == f"qwen: outage (server_error), {state}"
        assert "<script>alert(1)</script>" in (entry.findtext(f"{ATOM}content") or "")
        ids.append(entry.findtext(f"{ATOM}id"))
        assert root.findtext(f"{ATOM}updated") == ("2023-11-14T23:59:00Z" if resolved else "2023-11-14T23:00:00Z")
        assert entry.find(f"{ATOM}link").get("href") == "http://testserver/endpoint/qwen"  # type: ignore[union-attr]
    assert ids[0] == ids[1]
    assert (ids[0] or "").startswith("urn:uuid:")


@pytest.mark.parametrize("path", ["/status.json", "/api/v2/summary.json"])
def test_status_for_other_pages(path: str, client: TestClient) -> None:
    """In the words of Statuspage; an endpoint of which nothing is known has none of them."""
    found = client.get(path).json()
    assert found["status"] == {"indicator": "major", "description": "Some endpoints are down"}
    assert [(each["name"], each["status"], each["aimon_state"]) for each in found["components"]] == [
        ("qwen", "operational", "up"),
        ("kimi", "major_outage", "down"),
        ("never", None, "unknown"),
    ]
    assert (found["incidents"], found["scheduled_maintenances"]) == ([], [])


def test_an_endpoint_that_never_worked_is_not_up(tmp_path: Path) -> None:
    """Its first failure opens no incident yet, and nothing else speaks for it."""
    with ServiceWorld(tmp_path, ONE) as world:
        world.probe("a", Outcome.CONNECT)
        assert "a: down" in world.get("/badge/a.svg")
        assert world.client.get("/status.json").json()["status"]["description"] != "All endpoints work"


def test_a_real_incident_is_in_the_feed_and_in_the_status(tmp_path: Path) -> None:
    """It is told when it opens, and again when it is over."""
    with ServiceWorld(tmp_path, ONE) as world:
        for outcome in (Outcome.OK, *[Outcome.SERVER_ERROR] * 5):
            world.probe("a", outcome)
        [entry] = ET.fromstring(world.get("/incidents.atom")).findall(f"{ATOM}entry")  # noqa: S314 - made here
        assert "a" in (entry.findtext(f"{ATOM}title") or "")
        assert len(world.client.get("/status.json").json()["incidents"]) == 1
        before = entry.findtext(f"{ATOM}updated")
        for _ in range(6):
            world.probe("a")
        [entry] = ET.fromstring(world.get("/incidents.atom")).findall(f"{ATOM}entry")  # noqa: S314 - made here
        assert entry.findtext(f"{ATOM}updated") != before
        assert "a: up" in world.get("/badge/a.svg")
