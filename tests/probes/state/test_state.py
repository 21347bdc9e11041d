"""State between runs: what each kind remembers, and what is pushed, announced and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.metrics import definitions
from aimon.metrics import pushgateway as http
from aimon.metrics.exposition import push_bodies
from aimon.metrics.push_error import PushError
from aimon.metrics.pushgateway import Gateway
from aimon.metrics.totals import Gauges, Identity
from aimon.probes.history.database import HistoryError
from aimon.probes.publish.publish import announce, push, snapshot, write_textfile
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.open_state import open_state
from aimon.probes.state.state import JOB
from results import QWEN, a_result
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aimon.probes.state.state import State
    from services import Pushgateway

NOON = 1_700_006_400.0 - 1_700_006_400.0 % 86_400 + 43_200
WATCHED = MonitoredEndpoint(QWEN, interval=60, currency="CNY", daily_budget=5)
GPT = MonitoredEndpoint(Identity("gpt-prod", "gpt-5", "openai", "cn-east"), interval=60, currency="CNY")
OWNER = "/etc/aimon.yaml"


@pytest.fixture
def opened(tmp_path: Path, pushgateway: Pushgateway, request: pytest.FixtureRequest) -> Callable[..., State]:
    """Opens the state of a new run of some kind: `opened("sqlite", WATCHED, GPT)`."""

    def new_run(kind: str, *monitored: MonitoredEndpoint) -> State:
        gateway = Gateway.parse(pushgateway.url)
        state = open_state(kind, monitored, path=tmp_path / "history.db", gateway=gateway)
        request.addfinalizer(state.close)
        return state

    return new_run


@pytest.fixture
def gateway(pushgateway: Pushgateway) -> Gateway:
    """The real gateway."""
    return Gateway.parse(pushgateway.url)


def values(pushgateway: Pushgateway, name: str, label: str = "endpoint") -> dict[str, float]:
    """What the gateway has of a metric that is not 0, by one of its labels."""
    return {sample.labels[label]: sample.value for sample in pushgateway.samples(name) if sample.value}


@pytest.mark.parametrize("kind", ["sqlite", "gateway"])
def test_runs_add_up(kind: str, opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway) -> None:
    """Counters, buckets and sums of two runs are pushed together; gauges are of the last."""
    for end, outcome in ((0.7, Outcome.OK), (1.4, Outcome.OK), (0.1, Outcome.DNS)):
        state = opened(kind, WATCHED)
        state.record([a_result(outcome, end=end, status_code=None)])
        push(state, gateway, region="cn-east", owner=OWNER)
    assert values(pushgateway, "ai_api_requests_total", "outcome") == {"ok": 2, "dns": 1}
    assert values(pushgateway, "ai_api_cost_yuan_total") == {"qwen-prod": 0.004}
    assert values(pushgateway, "ai_token_usage_input_total") == {"qwen-prod": 40}
    assert values(pushgateway, "ai_api_request_duration_seconds_sum", "status") == pytest.approx(
        {"success": 2.1, "error": 0.1}
    )
    buckets = {
        sample.labels["le"]: sample.value
        for sample in pushgateway.samples("ai_api_request_duration_seconds_bucket")
        if sample.labels["status"] == "success"
    }
    assert [buckets[bound] for bound in ("0.5", "1", "2", "+Inf")] == [0, 1, 2, 2]
    assert values(pushgateway, "ai_probe_success") == {}
    assert values(pushgateway, "ai_probe_last_success_timestamp_seconds") == {"qwen-prod": 1_700_000_001.4}


@pytest.mark.parametrize("kind", ["sqlite", "gateway"])
def test_a_new_boundary_counts_from_then_on(
    kind: str, opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """An SLO of 4 s comes and goes: no bucket falls, and those that stay go on counting."""
    state = opened(kind, WATCHED)
    state.record([a_result(end=3.5)])
    push(state, gateway, region="cn-east")
    seen = []
    for slo in ((4.0,), ()):
        state = opened(kind, MonitoredEndpoint(QWEN, currency="CNY", latency_slo=slo))
        state.record([a_result(end=3.6)])
        push(state, gateway, region="cn-east")
        buckets = pushgateway.samples("ai_api_request_duration_seconds_bucket")
        seen.append({s.labels["le"]: s.value for s in buckets if s.labels["status"] == "success"})
    with_slo, without = seen
    # The call of 3.5 s was counted in (3, 5] and nobody knows better any more.
    assert [with_slo[bound] for bound in ("3", "4", "5", "+Inf")] == [0, 1, 2, 2]
    assert "4" not in without
    assert [without[bound] for bound in ("3", "5", "+Inf")] == [0, 3, 3]


@pytest.mark.parametrize("kind", ["sqlite", "gateway"])
def test_the_day_spending_goes_on(kind: str, opened: Callable[..., State], gateway: Gateway) -> None:
    """Over runs of the same day, and from nothing the day after."""
    state = opened(kind, WATCHED)
    state.record([a_result(started_at=NOON, cost=1.25)])
    push(state, gateway, region="cn-east", now=NOON + 2)
    state = opened(kind, WATCHED)
    assert state.spent_today(WATCHED, NOON + 60) == 1.25
    state.record([a_result(started_at=NOON + 60, cost=0.5)])
    assert state.spent_today(WATCHED, NOON + 61) == 1.75
    assert state.spent_today(WATCHED, NOON + 86_400) == 0


def test_without_state_only_this_run_was(opened: Callable[..., State], gateway: Gateway) -> None:
    """Its spending is its own, its totals may be scraped and are not pushed."""
    opened("none", WATCHED).record([a_result(started_at=NOON, cost=1.25)])
    state = opened("none", WATCHED)
    state.record([a_result(started_at=NOON, cost=0.5)])
    assert state.spent_today(WATCHED, NOON) == 0.5
    assert snapshot(state)[0] is None
    scraped, gauges = snapshot(state, live=True)
    assert scraped is not None
    assert scraped.counters["ai_api_cost_yuan_total"] == {tuple(QWEN): 0.5}
    assert gauges.get(definitions.PROBE_SUCCESS, **QWEN.labels) == 1
    announce(state, gateway, region="cn-east", owner=OWNER)
    assert http.read(gateway) == []


def test_without_a_disk_only_probed_endpoints_are_replaced(
    opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """A run of one endpoint leaves the gauges of the other alone."""
    state = opened("gateway", WATCHED, GPT)
    state.record([a_result(), a_result(identity=GPT.identity)])
    push(state, gateway, region="cn-east")
    state = opened("gateway", WATCHED, GPT)
    state.record([a_result(identity=GPT.identity)])
    push(state, gateway, region="cn-east")
    assert values(pushgateway, "ai_api_requests_total") == {"qwen-prod": 1, "gpt-prod": 2}
    assert values(pushgateway, "ai_probe_success") == {"qwen-prod": 1, "gpt-prod": 1}


def test_without_a_disk_a_push_can_be_repeated(opened: Callable[..., State], gateway: Gateway) -> None:
    """A loop whose push failed, or seemed to, pushes the same again: absolute values, counted once."""
    state = opened("gateway", WATCHED)
    for _ in range(3):
        push(state, gateway, region="cn-east")
        state.record([a_result()])
        push(state, gateway, region="cn-east")
        push(state, gateway, region="cn-east")
    again = opened("gateway", WATCHED)
    again.record([a_result()])
    assert again.totals().counters[definitions.REQUESTS][*QWEN, "success", "ok"] == 4


def test_without_a_disk_other_peoples_groups_are_not_read(opened: Callable[..., State], gateway: Gateway) -> None:
    """Another job that counts the same endpoint, and metrics that are not ours."""
    state = opened("gateway", WATCHED)
    state.record([a_result()])
    http.push(gateway, push_bodies(*snapshot(state), job="aimon-loadtest", region="cn-east"))
    foreign = b"# TYPE ai_api_requests_total gauge\n# TYPE other gauge\nother 1\n"
    http.push(gateway, {(("job", JOB), ("region", "elsewhere")): foreign})
    fresh = opened("gateway", WATCHED)
    fresh.record([a_result()])
    assert fresh.totals().counters[definitions.REQUESTS][*QWEN, "success", "ok"] == 1


@pytest.mark.parametrize("kind", ["sqlite", "gateway"])
def test_new_endpoints_are_announced_at_zero(
    kind: str, opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """Once: an endpoint that was pushed before is not announced again, and keeps its gauges."""
    state = opened(kind, WATCHED)
    announce(state, gateway, region="cn-east", owner=OWNER)
    outcomes = pushgateway.samples("ai_api_requests_total")
    every = {outcome.value for outcome in Outcome} - {"cancelled"}  # no probe is broken off
    assert {sample.labels["outcome"]: sample.value for sample in outcomes} == dict.fromkeys(every, 0)
    state.record([a_result()])
    push(state, gateway, region="cn-east", owner=OWNER)
    announce(opened(kind, WATCHED, GPT), gateway, region="cn-east", owner=OWNER)
    assert values(pushgateway, "ai_api_requests_total") == {"qwen-prod": 1}
    assert values(pushgateway, "ai_probe_success") == {"qwen-prod": 1}
    assert values(pushgateway, "aimon_endpoint_info") == {"qwen-prod": 1, "gpt-prod": 1}


def test_a_run_of_some_endpoints_deletes_none_of_the_others(
    opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """`aimon probe NAME` knows that NAME was pushed; of the others it knows nothing."""
    push(opened("sqlite", WATCHED, GPT), gateway, region="cn-east", owner=OWNER)
    push(opened("sqlite", WATCHED), gateway, region="cn-east", owner=OWNER, whole=False)
    assert values(pushgateway, "aimon_endpoint_info") == {"qwen-prod": 1, "gpt-prod": 1}
    push(opened("sqlite", WATCHED), gateway, region="cn-east", owner=OWNER)
    assert values(pushgateway, "aimon_endpoint_info") == {"qwen-prod": 1}


def test_groups_of_removed_endpoints_are_deleted(
    opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """Those that this configuration pushed and has no more; not those of another one."""
    push(opened("sqlite", WATCHED, GPT), gateway, region="cn-east", owner=OWNER)
    push(opened("sqlite", GPT), gateway, region="cn-east", owner="/etc/other.yaml")
    push(opened("sqlite"), gateway, region="cn-east", owner=OWNER)
    assert values(pushgateway, "aimon_endpoint_info") == {"gpt-prod": 1}
    push(opened("sqlite"), gateway, region="cn-east", owner="/etc/other.yaml")
    assert values(pushgateway, "aimon_endpoint_info") == {}


def test_a_group_that_could_not_be_deleted_is_deleted_later(
    opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """It is remembered until it is gone, also if an endpoint moves to another region."""
    moved = MonitoredEndpoint(QWEN._replace(region="eu-west"))
    push(opened("sqlite", WATCHED), gateway, region="cn-east", owner=OWNER)
    pushgateway.stop()
    with pytest.raises(PushError):
        push(opened("sqlite", moved), gateway, region="eu-west", owner=OWNER)
    pushgateway.start()
    push(opened("sqlite", WATCHED), gateway, region="cn-east", owner=OWNER)
    push(opened("sqlite", moved), gateway, region="eu-west", owner=OWNER)
    assert values(pushgateway, "aimon_endpoint_info", "region") == {"eu-west": 1}


def test_gauges_about_no_endpoint_have_a_group_of_their_own(
    opened: Callable[..., State], gateway: Gateway, pushgateway: Pushgateway
) -> None:
    """Gauges without an endpoint, such as the version, are pushed as a group of their own."""
    extra = Gauges()
    extra.set(definitions.BUILD_INFO, 1, version="1.2.3")
    push(opened("sqlite", WATCHED), gateway, region="cn-east", extra=extra)
    [sample] = pushgateway.samples("aimon_build_info")
    assert sample.labels == {"version": "1.2.3", "region": "cn-east", "job": "aimon-probe", "instance": ""}


def test_a_textfile_has_the_totals_of_all_runs(opened: Callable[..., State], tmp_path: Path) -> None:
    """A textfile has the totals of all runs from the history; without state it has only gauges."""
    path = tmp_path / "aimon.prom"
    for _ in range(2):
        state = opened("sqlite", WATCHED)
        state.record([a_result()])
        write_textfile(state, path)
    assert 'outcome="ok",provider="dashscope",region="cn-east",status="success"} 2.0' in path.read_text()
    state = opened("none", WATCHED)
    state.record([a_result()])
    write_textfile(state, path)
    assert "ai_api_requests_total" not in path.read_text()
    assert "ai_probe_success" in path.read_text()


def test_a_push_that_hangs_is_told_from_one_that_waits(
    opened: Callable[..., State], gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the lock for too long."""
    monkeypatch.setattr("aimon.probes.state.state.PUSH_LOCK_TIMEOUT", 0.0)
    with (
        opened("sqlite", WATCHED).sole_pusher(),
        pytest.raises(HistoryError, match=r"history\.db\.lock: held by another process for more than 0 s"),
    ):
        push(opened("sqlite", WATCHED), gateway, region="cn-east")


def test_a_state_that_is_none_is_refused(tmp_path: Path) -> None:
    """The kinds there are, and what `gateway` needs."""
    with pytest.raises(ValueError, match="no state 'redis': write one of sqlite, gateway, none"):
        open_state("redis", [WATCHED])
    with pytest.raises(ValueError, match="--state gateway keeps totals in a Pushgateway: give its address"):
        open_state("gateway", [WATCHED])


def test_an_unreachable_gateway_is_an_error_of_the_state(tmp_path: Path) -> None:
    """Nothing is made up in its place."""
    state = open_state("gateway", [WATCHED], gateway=Gateway.parse(f"http://127.0.0.1:{free_port()}"))
    state.record([a_result()])
    for question in (state.totals, lambda: state.gauges(NOON), lambda: state.spent_today(WATCHED, NOON)):
        with pytest.raises(PushError, match="Connection refused"):
            question()
