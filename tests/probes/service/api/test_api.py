"""What the API answers, and what it says to requests that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from aimon.call.outcome import Outcome
from aimon.probes.heartbeats.beats import Beat
from aimon.probes.heartbeats.state import uptime
from aimon.probes.history.database import HistoryError
from results import a_result
from service_app import NOW, ServiceApp
from service_world import ServiceWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3600.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceApp]:
    """A service whose first endpoint failed every seventh time in the last 20 hours, and whose second is refused."""
    found = ServiceApp(tmp_path_factory.mktemp("service"))
    qwen, kimi = found.identities()["qwen"], found.identities()["kimi"]
    mixed = [
        a_result(
            Outcome.DNS if i % 7 == 0 else Outcome.OK, qwen, started_at=NOW - 5 - i * 600.0, end=9.0 if i % 2 else 1
        )
        for i in range(119, 0, -1)
    ]
    found.append([*mixed, a_result(Outcome.OK, qwen, started_at=NOW - 5)])
    found.append([a_result(Outcome.UNAUTHORIZED, kimi, started_at=NOW - 50, error="wrong key", status_code=401)])
    yield found
    found.close()


@pytest.fixture(scope="module")
def client(service: ServiceApp) -> Iterator[TestClient]:
    """A client of it, without a socket."""
    with TestClient(service.app) as opened:
        yield opened


def test_endpoints_and_their_state(client: TestClient) -> None:
    """In the order of the configuration; what is not known is null."""
    found = client.get("/api/v1/endpoints").json()
    assert (found["total"], found["next"]) == (3, None)
    qwen, kimi, never = found["endpoints"]
    assert (qwen["state"], qwen["outcome"], qwen["fault"]) == ("up", "ok", None)
    assert (kimi["state"], kimi["outcome"], kimi["fault"], kimi["error"]) == (
        "refused", "unauthorized", "account", "wrong key",
    )  # fmt: skip
    assert (never["state"], never["outcome"], never["last_run_at"]) == ("unknown", None, None)
    day = qwen["uptime"]["24h"]
    assert (day["counted"], day["plain"]) == (120, 103 / 120)
    assert day["weighted"] == pytest.approx(day["plain"] - 0.5 * sum(1 for i in range(120) if i % 2 and i % 7) / 120)
    assert kimi["uptime"]["24h"] == {"plain": None, "weighted": None, "counted": 0}
    assert qwen["latency_s"]["p50"] == pytest.approx(1.5, rel=0.01)
    assert qwen["latency_s"]["p95"] == pytest.approx(9, rel=0.01)
    assert qwen["latency_s"]["p99"] == pytest.approx(9, rel=0.01)
    assert never["latency_s"] == {"p50": None, "p95": None, "p99": None}
    assert qwen["cost"][0]["currency"] == "CNY"
    assert (qwen["tokens"]["today"]["input"], qwen["tokens"]["month"]["input"]) == (0, 20 * 103)


def test_pages_of_endpoints(client: TestClient) -> None:
    """Each endpoint once; filters apply before the pages are made."""
    names, cursor = [], None
    while True:
        page = client.get("/api/v1/endpoints", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        names += [each["name"] for each in page["endpoints"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["qwen", "kimi", "never"]
    assert [e["name"] for e in client.get("/api/v1/endpoints?state=refused").json()["endpoints"]] == ["kimi"]


def test_one_endpoint_in_detail(client: TestClient) -> None:
    """90 segments and points, and the last failures in full."""
    found = client.get("/api/v1/endpoints/qwen", params={"window": "7d", "failures": 3}).json()
    assert found["window"] == "7d"
    assert (len(found["segments"]), len(found["series"]), len(found["last_failures"])) == (90, 90, 3)
    assert sum(segment["outcomes"].get("dns", 0) for segment in found["segments"]) == 17
    assert {segment["reason"] for segment in found["segments"]} == {None, "dns"}
    assert found["last_failures"][0]["full"]["outcome"] == "dns"


def test_results_filtered_and_by_the_page(client: TestClient) -> None:
    """Failures of one endpoint, all of them once, the newest first."""
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        query: dict[str, Any] = {"endpoint": "qwen", "failed": "true", "limit": 5, **cursor}
        page = client.get("/api/v1/results", params=query).json()
        seen += page["results"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len({each["id"] for each in seen}) == 17
    assert [each["id"] for each in seen] == sorted((each["id"] for each in seen), reverse=True)
    by_fault = client.get("/api/v1/results?fault=account&outcome=unauthorized&outcome=forbidden").json()["results"]
    assert [each["endpoint"] for each in by_fault] == ["kimi"]
    recent = client.get("/api/v1/results", params={"since": "2023-11-14T23:59:00Z", "endpoint": "qwen"}).json()
    assert [each["outcome"] for each in recent["results"]] == ["ok"]


@pytest.mark.parametrize(
    ("path", "status", "parameter", "words"),
    [
        ("endpoints?limit=0", 400, "limit", "limit: expected a whole number >= 1"),
        ("endpoints?limit=x", 400, "limit", "limit: expected a whole number, got text"),
        ("endpoints?limt=5", 400, "limt", "no parameter 'limt'; did you mean 'limit'?"),
        ("endpoints?limit=5&limit=6", 400, "limit", "limit: given twice"),
        ("endpoints?state=good", 400, "state", "state: invalid enum value 'good': write one of up, down, refused,"),
        ("endpoints?cursor=gone", 400, "cursor", "cursor: no endpoint of this list"),
        ("endpoints/qwem", 404, None, "no endpoint 'qwem'; did you mean 'qwen'?"),
        ("uptime?window=1y", 400, "window", "window: invalid enum value '1y': write one of 24h, 30d, 7d, 90d"),
        ("uptime?endpoint=nope", 400, "endpoint", "no endpoint 'nope'"),
        ("results?since=yesterday", 400, "since", "since: invalid RFC3339"),
        ("results?since=2023-11-14T00:00:00", 400, "since", "timezone"),
        ("results?cursor=-1", 400, "cursor", "cursor:"),
        ("incidents/7", 404, None, "no incident 7"),
        ("incidents/x", 404, None, "'x' is no number"),
        ("nothing", 404, None, "openapi.json has all paths"),
    ],
)
def test_what_is_wrong_is_said(path: str, status: int, parameter: str | None, words: str, client: TestClient) -> None:
    """As application/problem+json, with the parameter that is to blame and what to write."""
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = answer.json()
    assert (found["status"], found.get("parameter")) == (status, parameter)
    assert words in found["detail"]


def test_a_method_that_is_not_for_a_path(client: TestClient) -> None:
    """The answer names those that are."""
    answer = client.put("/api/v1/announcements")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answer.json()["detail"] == "PUT is not for this path: GET, HEAD, POST"


def test_announcements_and_maintenance(client: TestClient) -> None:
    """Made, listed, taken back; bodies that make no sense are refused with the field that is to blame."""
    made = client.post(
        "/api/v1/announcements", json={"title": "New region", "severity": "warning", "endpoints": ["qwen"]}
    )
    assert made.status_code == 201
    [found] = client.get("/api/v1/announcements").json()["announcements"]
    assert (found["id"], found["title"], found["shown"], found["endpoints"]) == (
        made.json()["id"],
        "New region",
        True,
        ["qwen"],
    )
    assert client.delete(f"/api/v1/announcements/{found['id']}").status_code == 204
    assert client.delete(f"/api/v1/announcements/{found['id']}").status_code == 404
    window = {"title": "Upgrade", "starts": "2023-11-15T01:00:00Z", "ends": "2023-11-15T02:00:00Z"}
    made = client.post("/api/v1/maintenance", json=window)
    planned = client.get("/api/v1/maintenance").json()["maintenances"]
    assert [(each["id"], each["title"], each["current"]) for each in planned] == [
        (made.json()["id"], "Upgrade", False),
        (None, "Backup", False),
    ]
    assert client.delete(f"/api/v1/maintenance/{made.json()['id']}").status_code == 204
    for body, parameter in (
        ({**window, "ends": "2023-11-15T00:30:00Z"}, "ends"),
        ({**window, "endpoints": ["nope"]}, "endpoints"),
        ({**window, "title": " "}, "title"),
        ({**window, "titel": "x"}, None),
        ({"title": "x"}, None),
    ):
        answer = client.post("/api/v1/maintenance", json=body)
        assert (answer.status_code, answer.json().get("parameter")) == (422, parameter)
    assert client.post("/api/v1/maintenance", content=b"{").json()["detail"].startswith("the body is no JSON")
    assert client.post("/api/v1/maintenance", content=b" " * 70_000).status_code == 413


def test_a_heartbeat_is_up_until_it_falls_silent(client: TestClient, service: ServiceApp) -> None:
    """An empty report means that all is well; one may say that it is not."""

    def nightly() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/api/v1/heartbeats").json()["heartbeats"][0]
        return found

    assert (nightly()["state"], nightly()["uptime"]["24h"]) == ("unknown", None)
    answer = client.post("/api/v1/heartbeat/nightly")
    assert (answer.status_code, answer.json()["due_at"]) == (200, "2023-11-15T01:10:00Z")
    service.now = NOW + 4100
    assert (nightly()["state"], nightly()["uptime"]["24h"]) == ("up", 1.0)
    service.now = NOW + 2 * 4200
    assert (nightly()["state"], nightly()["uptime"]["24h"]) == ("silent", 0.5)
    assert client.post("/api/v1/heartbeat/nightly", json={"status": "down", "message": "disk full"}).status_code == 200
    assert (nightly()["state"], nightly()["message"]) == ("down", "disk full")
    service.now = NOW
    assert client.post("/api/v1/heartbeat/nightly", json={"status": "ill"}).status_code == 422
    assert "did you mean 'nightly'" in client.post("/api/v1/heartbeat/nightli").json()["detail"]


def test_a_heartbeat_may_have_a_token_of_its_own(client: TestClient) -> None:
    """Which is asked for, whatever the service's own is."""
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer no"}, 401),
        ({"Authorization": "Bearer beat-it"}, 200),
    ):
        assert client.post("/api/v1/heartbeat/guarded", headers=headers).status_code == status


def test_the_services_token_guards_the_rest(tmp_path: Path) -> None:
    """Also heartbeats that have none of their own."""
    service = ServiceApp(tmp_path, token="secret")
    with TestClient(service.app) as client:
        assert client.get("/api/v1/endpoints").status_code == 401
        assert client.post("/api/v1/heartbeat/nightly").status_code == 401
        known = {"Authorization": "Bearer secret"}
        assert client.post("/api/v1/heartbeat/nightly", headers=known).status_code == 200
        assert client.post("/api/v1/heartbeat/guarded", headers=known).status_code == 401
        assert client.get("/api/v1/endpoints", headers=known).status_code == 200

        def broken() -> Any:
            raise HistoryError("history.db: its disk fails or is full")

        service.break_history(broken)
        answer = client.get("/api/v1/endpoints", headers=known)
        assert (answer.status_code, answer.json()["detail"]) == (
            503, "the history can't be used: history.db: its disk fails or is full",
        )  # fmt: skip
    service.close()


def test_the_uptime_of_a_heartbeat() -> None:
    """It is well for its interval and grace after each good report; the time before the first one does not count."""
    beats = [Beat(100, True, None), Beat(160, True, None), Beat(300, False, None), Beat(320, True, None)]
    assert uptime(beats, 70, 0, 100) is None
    assert uptime(beats, 70, 0, 160) == 1.0
    assert uptime(beats, 70, 100, 400) == (60 + 70 + 70) / 300
    assert uptime(beats, 70, 200, 330) == (30 + 10) / 130
    assert uptime([], 70, 0, 100) is None


def test_pages_of_incidents_are_not_moved_by_new_ones(tmp_path: Path) -> None:
    """Each incident once, though another opens between two pages; a filter holds on each of them."""
    config = "endpoints:\n" + "".join(
        f"  - {{name: e{i}, dialect: openai-chat, base_url: 'http://127.0.0.1:1/v1', model: m}}\n" for i in range(6)
    )

    def down(name: str) -> None:
        for _ in range(3):
            world.probe(name, Outcome.SERVER_ERROR, after=1.0)

    with ServiceWorld(tmp_path, config) as world:
        for i in range(5):
            down(f"e{i}")
        address, seen = "/api/v1/incidents?kind=outage&limit=2", []
        page = world.client.get(address).json()
        down("e5")
        while True:
            seen += [each["endpoint"] for each in page["incidents"]]
            if page["next"] is None:
                break
            page = world.client.get(f"{address}&cursor={page['next']}").json()
    assert seen == ["e4", "e3", "e2", "e1", "e0"]
    assert page["total"] == 6
