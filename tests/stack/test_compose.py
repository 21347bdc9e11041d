"""The compose file, stood up: what runs is healthy, is kept in as the file says, and measures."""

from __future__ import annotations

import pytest

from stack_engine import (
    COMPOSE,
    GATEWAY,
    PROMETHEUS,
    SECRETS,
    SERVICES,
    Stack,
    get,
    inspect,
    podman,
    process_status,
    query,
    said,
    wait_for,
)

OURS = [name for name in SERVICES if COMPOSE["services"][name]["image"].startswith("aimon:")]


def test_all_are_healthy_and_watched(compose: Stack) -> None:
    """All containers pass their health checks, Prometheus scrapes its targets, and has loaded the rules."""
    assert [name for name in SERVICES if not compose.healthy(name)] == []
    up = wait_for(lambda: query("up"), lambda found: len(found) == 3, timeout=60, what="targets")
    assert {labels["job"]: value for labels, value in up} == {"pushgateway": 1, "prometheus": 1, "alertmanager": 1}
    told = get(f"{PROMETHEUS}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [each["url"] for each in told] == ["http://alertmanager:9093/api/v2/alerts"]

    def unhealthy() -> list[str]:
        groups = get(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]

    wait_for(unhealthy, lambda names: not names, timeout=60, what="rules that are not healthy")


@pytest.mark.parametrize("service", OURS)
def test_a_container_of_ours_is_kept_in(compose: Stack, service: str) -> None:
    """The kernel shows each process without root, capabilities or new privileges, and nothing to write to."""
    found = inspect(compose.container(service))
    processes = podman("top", compose.container(service), "hpid").split()[1:]
    assert len(processes) >= 2, "init and aimon"
    for process in processes:
        seen = process_status(int(process))
        assert seen["Uid"].split() == seen["Gid"].split() == ["10001"] * 4
        assert {seen[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        assert seen["NoNewPrivs"] == "1"
    assert found["HostConfig"]["ReadonlyRootfs"]
    tried = said("exec", compose.container(service), "touch", "/usr/x", "/opt/aimon/x")
    assert tried.count("Read-only file system") == 2


def test_secrets_are_files_and_nowhere_else(outage: Stack) -> None:
    """Secrets from files are in no container's environment or command, and no secret is in a log."""
    for service in SERVICES:
        found = inspect(outage.container(service))
        known = str([found["Config"]["Env"], found["Config"]["Cmd"], found["Args"]])
        in_files = [secret for name, secret in SECRETS.items() if name != "DASHSCOPE_API_KEY"]
        assert [secret for secret in in_files if secret in known] == []
        log = said("logs", outage.container(service))
        assert [secret for secret in (*SECRETS.values(), "stack-robot-key") if secret in log] == []


def test_probes_appear_in_prometheus(outage: Stack) -> None:
    """Prometheus has the probes of both probers once, with the region and endpoint of aimon.yaml."""
    found = {(labels["job"], labels["region"], labels["endpoint"]) for labels, _ in query("ai_probe_success")}
    assert found == {("aimon-probe", "local", name) for name in ("sim-chat", "sim-claude", "qwen-prod")}
    pushed = get(f"{GATEWAY}/metrics")
    assert 'endpoint="qwen-prod"' in pushed
    assert query('sum(ai_api_requests_total{endpoint="qwen-prod", status="success"}) > 0')
