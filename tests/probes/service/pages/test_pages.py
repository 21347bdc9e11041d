"""What the status page says of endpoints, incidents and itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Limits
from aimon.probes.history.database import HistoryError
from page_text import HOSTILE, text_of
from service_world import ServiceWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
currency: CNY
defaults: {interval: 60s}
endpoints:
  - {name: qwen, preset: dashscope, model: qwen-plus, api_key: "${KEY}", budget: 5.00/day}
  - {name: claude, preset: anthropic, model: claude-sonnet-4-5, api_key: "${KEY}"}
announcements:
  - {title: "Moving <b>house</b>", text: "Expect nothing & more"}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceWorld]:
    """Two endpoints, and a clock that stands still."""
    monkeypatch.setenv("KEY", "sk-test-0123456789")
    monkeypatch.setenv("TZ", "UTC")
    with ServiceWorld(tmp_path, CONFIG) as made:
        yield made


def test_the_verdict_counts_endpoints_by_their_state(world: ServiceWorld) -> None:
    """An endpoint that was never probed is unknown; all that are measured and up make the page say so."""
    assert "Nothing is known of 2 of 2 endpoints" in text_of(world.get("/"))
    world.probe("qwen")
    assert "Nothing is known of 1 of 2 endpoints 1 unknown, 1 up" in text_of(world.get("/"))
    world.probe("claude")
    assert "All endpoints are up 2 up · as of" in text_of(world.get("/"))


def test_one_failure_is_no_outage_and_several_are_an_incident(world: ServiceWorld) -> None:
    """A failed probe shows at once; it is down when an incident opens, and the timeline tells when and why."""
    world.probe("claude")
    world.probe("qwen", Outcome.SERVER_ERROR, error="HTTP 500")
    first = text_of(world.get("/"))
    assert "1 of 2 endpoints are degraded" in first
    assert "qwen last probe failed" in first
    assert "server_error: HTTP 500" in first
    for _ in range(5):
        world.probe("qwen", Outcome.SERVER_ERROR, error="HTTP 500")
        world.probe("claude")
    page = text_of(world.get("/"))
    assert "1 of 2 endpoints are down" in page
    assert "Open incidents qwen is down open for" in page
    for _ in range(6):
        world.probe("qwen")
        world.probe("claude")
    page = text_of(world.get("/"))
    assert "All endpoints are up" in page
    assert "Past incidents qwen is down resolved" in page
    assert "resolved" in text_of(world.get("/endpoint/qwen"))


def test_a_refused_key_does_not_count_against_the_provider(world: ServiceWorld) -> None:
    """Availability stays unknown, and the state says whose fault it is."""
    for _ in range(6):
        world.probe("qwen", Outcome.UNAUTHORIZED, error="HTTP 401")
    page = text_of(world.get("/?q=qwen"))
    assert "qwen blocked: key, quota or configuration" in page
    assert "– not known" in page
    assert "unauthorized account 6 100 %" in text_of(world.get("/endpoint/qwen"))


def test_the_page_of_an_endpoint_shows_its_figures(world: ServiceWorld) -> None:
    """Percentiles with what they rest on, cost against the budget, limits, and the last failures in full."""
    limits = Limits(requests_limit=100, requests_remaining=25)
    for _ in range(20):
        world.probe("qwen", limits=limits)
    world.probe("qwen", Outcome.STREAM_TRUNCATED, error="cut", request_id="req-77", after=1.0)
    page = text_of(world.get("/endpoint/qwen"))
    assert "24 hours 95.23 % 95.23 % weighted by impact" in page
    assert re.search(r"P50 (49[89]|50[012]) ms of 20 successful probes", page)
    assert "P99 – needs 100 successful probes" in page
    assert "cost today ¥0.0400 of ¥5.00 a day" in page
    assert "tokens today 600 400 in, 200 out" in page
    assert "ok nobody 20 95.23 % stream_truncated provider 1 4.7 %" in page
    assert "request id req-77" in page
    assert "No failure" in text_of(world.get("/endpoint/claude"))


def test_what_comes_from_outside_is_inert(world: ServiceWorld) -> None:
    """Markup in error texts, answers and announcements is shown as text."""
    for _ in range(4):
        world.probe("qwen", Outcome.SERVER_ERROR, error=HOSTILE, error_code=HOSTILE, request_id=HOSTILE, text=HOSTILE)
    for path in ("/", "/endpoint/qwen", f"/?q={HOSTILE}"):
        page = world.get(path)
        assert not re.search(r"<script>|<img|<b>|onerror=alert\(2\)>[^&]", page), path
    assert HOSTILE in text_of(world.get("/endpoint/qwen"))
    assert "Moving <b>house</b>" in text_of(world.get("/"))


def test_readers_find_endpoints_by_words_and_state(world: ServiceWorld) -> None:
    """Each word must be in the name, the model, the provider or the region; problems come first."""
    world.probe("claude")
    both = text_of(world.get("/"))
    assert both.index("qwen not probed yet") < both.index("claude up")
    assert "qwen" not in text_of(world.get("/?q=anthropic+sonnet")).split("Endpoints")[-1]
    assert "claude" not in text_of(world.get("/?state=problems")).split("Endpoints")[-1]
    assert "No endpoint matches." in text_of(world.get("/?q=nothing"))
    assert text_of(world.get("/?period=x&state=y&page=-1&page=99999999999")) == text_of(world.get("/"))


def test_language_and_theme_are_kept_in_cookies(world: ServiceWorld) -> None:
    """The browser's language counts until the reader chooses; unknown values are ignored."""
    assert "没有配置接口" not in world.get("/")
    assert "AI 接口状态" in world.get("/", **{"accept-language": "zh-CN,zh;q=0.9"})
    answer = world.client.get("/?lang=zh&theme=dark&period=7d", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?period=7d")
    page = world.get("/")
    assert '<html lang="zh" data-theme="dark">' in page
    assert "2 个接口中有 2 个状态未知" in text_of(page)
    assert '<html lang="zh" data-theme="dark">' in world.get("/?theme=<script>")


def test_the_page_says_what_the_service_cannot_do(world: ServiceWorld) -> None:
    """A full disk and a configuration that was refused are on the page; the rest of it stays."""
    world.probe("qwen")
    world.state.problem = "the disk is full"
    world.context.status.reload_error = "aimon.yaml:3:1: no"
    page = text_of(world.get("/"))
    assert "Results can't be recorded: the disk is full" in page
    assert "The configuration before stays in use: aimon.yaml:3:1: no" in page
    assert "qwen up" in page


def test_without_a_history_there_is_a_page_that_says_so(world: ServiceWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a 503, so that nobody takes an empty page for the truth."""

    def broken() -> None:
        raise HistoryError("history.db: is no database")

    object.__setattr__(world.context, "open_history", broken)
    answer = world.client.get("/")
    assert answer.status_code == 503
    assert "The history can't be read history.db: is no database" in text_of(answer.text)


def test_an_endpoint_that_does_not_exist_is_not_found(world: ServiceWorld) -> None:
    """The page of a name that nothing has is a 404; so is a file that is none of the page's."""
    answer = world.client.get("/endpoint/%3Cscript%3E")
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert world.client.get("/static/..%2Froutes.py").status_code == 404


def test_files_of_the_page_are_cached_for_ever_under_an_address_that_changes(world: ServiceWorld) -> None:
    """Style sheet and script are found under the addresses that the page names."""
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', world.get("/")):
        answer = world.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "?" in address


def test_maintenance_and_announcements_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that goes on makes its endpoints be under maintenance; one to come is announced."""
    monkeypatch.setenv("KEY", "sk-test-0123456789")
    windows = """
maintenance:
  - {title: upgrade, start: "2025-11-28T11:00:00Z", end: "2025-11-28T13:00:00Z", endpoints: [qwen]}
  - {title: later, start: "2025-11-29T11:00:00Z", end: "2025-11-29T13:00:00Z"}
"""
    with ServiceWorld(tmp_path, CONFIG + windows) as world:
        world.probe("claude")
        page = text_of(world.get("/"))
        assert "All endpoints are up" not in page
        assert "1 under maintenance" in page
        assert "Maintenance: upgrade" in page
        assert "Maintenance to come: later" in page
        assert "upgrade" not in text_of(world.get("/endpoint/claude"))
