"""The load test of `deploy/kubernetes/loadtest`: master, workers and policies fit each other, and the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aimon.config.loader import load
from aimon.quantities import seconds

KUBERNETES = Path(__file__).resolve().parent.parent / "deploy" / "kubernetes"
DEPLOY = (Path(__file__).resolve().parent.parent / "docs" / "deploy.md").read_text("utf-8")
PLACE = KUBERNETES / "loadtest"
BASE = "base"


def _all(folder: str) -> list[dict[str, Any]]:
    files = sorted((KUBERNETES / folder).glob("*.yaml"))
    documents = [d for file in files for d in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [d for d in documents if d.get("kind") not in {None, "Kustomization"}]


def _one(kind: str, name: str, folder: str = "loadtest") -> dict[str, Any]:
    (found,) = [d for d in _all(folder) if d["kind"] == kind and d["metadata"]["name"] == name]
    return found


def _options(job: dict[str, Any]) -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict((each.partition("=")[::2]) for each in container["args"] if each.startswith("--"))


MASTER, WORKERS = _one("Job", "aimon-loadtest-master"), _one("Job", "aimon-loadtest-workers")
SERVICE = _one("Service", "aimon-loadtest-master")
POLICIES = [d for d in _all("loadtest") if d["kind"] == "NetworkPolicy"]


def _labels(job: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = job["spec"]["template"]["metadata"]["labels"]
    return labels


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def _rules(labels: dict[str, str], direction: str) -> list[dict[str, Any]]:
    """The rules of all policies that hold for a pod; policies add up."""
    held = [policy["spec"] for policy in POLICIES if _selects(policy["spec"]["podSelector"], labels)]
    assert any(direction.title() in spec["policyTypes"] for spec in held), f"{labels} may do as they like"
    return [rule for spec in held for rule in spec.get(direction, [])]


def _peers(labels: dict[str, str], direction: str, port: int) -> list[dict[str, Any]]:
    side = "from" if direction == "ingress" else "to"
    rules = _rules(labels, direction)
    return [peer for rule in rules if port in [p["port"] for p in rule["ports"]] for peer in rule[side]]


def test_master_and_workers_find_each_other() -> None:
    """Host, port and number are the same in both jobs, the service and its selector."""
    master, workers = _options(MASTER), _options(WORKERS)
    (port,) = SERVICE["spec"]["ports"]
    (container,) = MASTER["spec"]["template"]["spec"]["containers"]
    assert workers["--master-host"] == SERVICE["metadata"]["name"]
    assert int(workers["--master-port"]) == port["port"] == int(master["--bind-port"])
    assert {"name": port["targetPort"], "containerPort": port["port"]} in container["ports"]
    assert SERVICE["spec"]["selector"] == _labels(MASTER)
    assert not SERVICE["spec"]["selector"].items() <= _labels(WORKERS).items()
    spec = WORKERS["spec"]
    assert int(master["--expect-workers"]) == spec["completions"] == spec["parallelism"] > 1


def test_a_run_is_bounded_and_never_repeated() -> None:
    """A run is bounded in time and money and not repeated; workers outlast the master, and are lost one by one."""
    master, workers = MASTER["spec"], WORKERS["spec"]
    options = _options(MASTER)
    assert float(options["--max-cost"]) > 0
    assert master["activeDeadlineSeconds"] >= seconds(options["--wait"]) + seconds(options["--duration"]) + 120
    assert workers["activeDeadlineSeconds"] > master["activeDeadlineSeconds"]
    assert master["backoffLimit"] == workers["backoffLimitPerIndex"] == 0
    assert workers["completionMode"] == "Indexed"
    for job in (master, workers):
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert job["ttlSecondsAfterFinished"] > 0


def test_a_worker_has_a_core_and_a_node_of_its_own() -> None:
    """A core is asked for and never taken away again; the workers are spread by the labels that they have."""
    spec = WORKERS["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["resources"]["requests"]["cpu"] == "1"
    assert "cpu" not in container["resources"]["limits"]
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"]["matchLabels"] == _labels(WORKERS)


def test_only_workers_reach_the_master() -> None:
    """Only workers reach the master, nothing reaches the workers, and each may call only what it needs."""
    master, workers, port = _labels(MASTER), _labels(WORKERS), SERVICE["spec"]["ports"][0]["port"]
    assert _peers(master, "ingress", port) == [{"podSelector": {"matchLabels": workers}}]
    assert len(_rules(master, "ingress")) == 1
    assert _rules(workers, "ingress") == []
    assert _peers(workers, "egress", port) == [{"podSelector": {"matchLabels": master}}]
    assert [peer["ipBlock"]["except"] for peer in _peers(workers, "egress", 443)] == [["169.254.0.0/16"]]
    assert _peers(master, "egress", 443) == []
    for labels in (master, workers):
        assert {"k8s-app": "kube-dns"} in [p["podSelector"]["matchLabels"] for p in _peers(labels, "egress", 53)]


def test_the_gateway_hears_from_the_master_alone() -> None:
    """The master reaches the gateway through the base's service; workers do not."""
    gateway = _one("Service", "pushgateway", BASE)
    (port,) = gateway["spec"]["ports"]
    assert _options(MASTER)["--push"] == f"http://{gateway['metadata']['name']}:{port['port']}"
    assert "--push" not in _options(WORKERS)
    selector = {"podSelector": {"matchLabels": gateway["spec"]["selector"]}}
    assert _peers(_labels(MASTER), "egress", port["port"]) == [selector]
    assert _peers(_labels(WORKERS), "egress", port["port"]) == []
    admitted = _peers(gateway["spec"]["selector"], "ingress", port["port"])
    assert admitted == [{"podSelector": {"matchLabels": _labels(MASTER)}}]


@pytest.mark.parametrize("folder", ["base", "cronjob", "serve"])
def test_no_load_test_starts_with_the_prober(folder: str) -> None:
    """No kustomization leads to it, and no selector of the prober's services, monitors or policies takes its pods."""
    text = (KUBERNETES / folder / "kustomization.yaml").read_text("utf-8")
    assert "loadtest" not in text
    for manifest in _all(folder):
        spec = manifest.get("spec", {})
        selectors = [spec.get("podSelector"), spec.get("selector")]
        for selector in filter(None, selectors):
            matched = selector.get("matchLabels", selector)
            assert not any(matched.items() <= _labels(job).items() for job in (MASTER, WORKERS)), manifest


def test_it_uses_what_the_prober_brought() -> None:
    """Namespace, service account, Secret and key are the prober's; the endpoint is in the configuration."""
    document = yaml.safe_load((PLACE / "kustomization.yaml").read_text("utf-8"))
    assert document["namespace"] == _one("Namespace", "aimon", BASE)["metadata"]["name"]
    (generated,) = document["configMapGenerator"]
    prober = _one("CronJob", "aimon-probe", "cronjob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for job in (MASTER, WORKERS):
        spec = job["spec"]["template"]["spec"]
        assert spec["serviceAccountName"] == _one("ServiceAccount", "aimon", BASE)["metadata"]["name"]
        config, token = spec["volumes"]
        assert config == {"name": "config", "configMap": {"name": generated["name"]}}
        # Which docs/deploy.md says how to make; master and workers read the same file of it.
        assert f"secret generic -n aimon {token['secret']['secretName']} " in DEPLOY
        (place,) = [each["mountPath"] for each in spec["containers"][0]["volumeMounts"] if each["name"] == "token"]
        assert _options(job)["--token-file"] == f"{place}/token"
        assert spec["containers"][0]["env"] == prober["containers"][0]["env"]
    name = MASTER["spec"]["template"]["spec"]["containers"][0]["args"][1]
    (endpoint,) = load(PLACE / "aimon.yaml").endpoints
    assert endpoint.name == name
