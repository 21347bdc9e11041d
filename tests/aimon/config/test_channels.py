"""Channels of notifications, and thresholds of incidents, as the service gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimon.config import ConfigError, channels, load, loader, resolve
from aimon.config.incident_policy import DEFAULT, IncidentPolicy, Threshold
from aimon.security.secret import Secret

EVERYTHING = Path(__file__).parent / "good" / "everything.yaml"
ONE = 'endpoints:\n  - {name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m'


def test_channels_with_their_secrets(tmp_path: Path) -> None:
    """Variables are expanded, files read, and two URLs of one service told apart by a number."""
    (tmp_path / "key").write_text("routing-key-0123\n", encoding="utf-8")
    environ = {"SLACK_TOKENS": "a/b", "ROUTING_KEY_FILE": str(tmp_path / "key"), "TOKEN": "t", "SECRET": "s"}
    environ |= {"ROBOT": "https://oapi.dingtalk.com/robot/send?access_token=x", "LANG": "C"}
    found = {channel.name: channel for channel in channels(load(EVERYTHING), environ)}
    assert list(found) == ["slack", "slack-2", "oncall", "alertmanager", "hook", "group"]
    assert found["slack-2"].url == Secret("slack://a/b/other")
    assert found["oncall"].routing_key == Secret("routing-key-0123")
    assert (found["oncall"].min_severity, found["oncall"].per_hour) == ("critical", None)
    assert (found["hook"].recovery, found["hook"].secret) == (False, Secret("s"))
    assert (found["group"].per_hour, found["group"].language, found["slack"].per_hour) == (5, "zh", 30)
    assert "access_token" not in repr(found["group"])


def test_all_that_is_missing_is_told_at_once() -> None:
    """One error lists every missing variable and file, each with its place."""
    with pytest.raises(ConfigError) as caught:
        channels(load(EVERYTHING), {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    assert "notify[0].url: the variable SLACK_TOKENS is not set: export SLACK_TOKENS=…" in lines[0]


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        ("", DEFAULT),
        (", slo: {latency_p50: 1s, latency_p90: 2s, latency_p99: 9s, ttft_p50: 1s}", IncidentPolicy(latency=9.0)),
        (", slo: {latency_p99: 9s}, degraded: {latency: 3s, resolve: 2}", IncidentPolicy(latency=3.0, steady=2)),
        (", incident: {open: 1 of 1}, degraded: {slow: none}", IncidentPolicy(open=Threshold(1, 1), slow=None)),
    ],
)
def test_thresholds_of_an_endpoint(more: str, policy: IncidentPolicy) -> None:
    """Limits of time come from the objective of the highest percentile, unless they are given."""
    assert resolve(loader.parse(f"{ONE}{more}}}\n"), environ={})[0].incidents == policy


def test_each_threshold_of_an_endpoint_is_merged_with_the_defaults() -> None:
    """Key by key, as limits of time are."""
    text = f"{ONE}, incident: {{resolve: 9}}, degraded: {{failures: 5 of 9}}}}\n"
    text += "defaults: {incident: {open: 2 of 2, resolve: 4}, degraded: {failures: none, ttft: 2s}}\n"
    assert resolve(loader.parse(text), environ={})[0].incidents == IncidentPolicy(
        open=Threshold(2, 2), resolve=9, failures=Threshold(5, 9), ttft=2.0
    )
