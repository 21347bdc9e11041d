"""What is under `deploy/`: valid against the schemas, and right where schemas can't see."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped] # it has no types
import pytest
import typer
import yaml

from aimon.cli.main import app
from aimon.config.loader import load
from aimon.dashboards.rules import build

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
STACK: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
OURS = "aimon:0.1.0"
# Services that end by themselves: neither watched nor started again.
ONE_SHOT = {"loadtest"}


def _manifests() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        if path.name not in {"aimon.yaml", "kustomization.yaml"}:
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                yield path, document


def _template(manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
    template: dict[str, Any] = spec["template"]
    return template


MANIFESTS = list(_manifests())
PODS = [(d["metadata"]["name"], _template(d)) for _, d in MANIFESTS if d["kind"] in {"CronJob", "Deployment", "Job"}]


@pytest.mark.parametrize("name", sorted(STACK["services"]))
def test_compose_services_are_pinned_checked_and_kept_in(name: str) -> None:
    """A version of three numbers, a health check, and ports on this machine's loopback alone."""
    service = STACK["services"][name]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_every_file_that_compose_mounts_exists() -> None:
    """Docker would make a folder of what is missing, and the service would start without its configuration."""
    mounts = [volume for service in STACK["services"].values() for volume in service.get("volumes", [])]
    # A variable stands for its default.
    mounts = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount) for mount in mounts]
    files = {mount.split(":")[0] for mount in mounts if mount.startswith(".")}
    assert len(files) >= 8
    missing = [file for file in files if not (COMPOSE.parent / file).exists()]
    assert missing == []
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == set(STACK["volumes"])


def test_compose_names_only_what_it_defines() -> None:
    """Secrets, networks and dependencies; every secret is one that secrets.sh makes."""
    script = (COMPOSE.parent / "secrets.sh").read_text(encoding="utf-8")
    for service in STACK["services"].values():
        assert set(service.get("secrets", [])) <= set(STACK["secrets"])
        assert service["networks"] == ["aimon"]
        for dependency, condition in service.get("depends_on", {}).items():
            assert "healthcheck" in STACK["services"][dependency]
            assert condition == {"condition": "service_healthy"}
            # Compose starts a dependency only if it is in one of the profiles that are asked for.
            profiles = service.get("profiles", [])
            assert set(profiles) <= set(STACK["services"][dependency].get("profiles", profiles))
    for name, secret in STACK["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert name in script


def test_the_script_makes_each_secret_once(tmp_path: Path) -> None:
    """A random password that stays on the second run, empty files for the rest, in a folder closed to others."""
    script = tmp_path / "secrets.sh"
    shutil.copy(COMPOSE.parent / "secrets.sh", script)
    first, second = (subprocess.run([script], capture_output=True, text=True, check=True).stdout for _ in range(2))
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    password = made.pop("grafana_admin_password")
    assert re.fullmatch("[0-9a-f]{48}", password)
    assert password not in first + second
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert made == dict.fromkeys(set(STACK["secrets"]) - {"grafana_admin_password"}, "")
    assert "user admin" in first
    assert "user admin" not in second


def test_compose_has_no_password() -> None:
    """Grafana's comes from a file; nothing sets one here."""
    settings = [
        (name, value)
        for service in STACK["services"].values()
        for name, value in (service.get("environment") or {}).items()
        if "PASSWORD" in name or "KEY" in name
    ]
    assert ("GF_SECURITY_ADMIN_PASSWORD__FILE", "/run/secrets/grafana_admin_password") in settings
    assert all(value is None or value.startswith("/run/secrets/") for _, value in settings)


def test_compose_keeps_what_must_be_kept() -> None:
    """The gateway remembers its groups; Prometheus keeps 35 days, since the longest windows are 30."""
    assert "--persistence.file=/data/metrics" in STACK["services"]["pushgateway"]["command"]
    assert "--storage.tsdb.retention.time=35d" in STACK["services"]["prometheus"]["command"]


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").rglob("aimon*.yaml")), ids=lambda path: path.name)
def test_configurations_are_valid(path: Path) -> None:
    """Each aimon.yaml is read without a problem, and knows what a call costs: there are budgets and boards of cost."""
    endpoints = load(path).endpoints
    assert endpoints
    assert all(endpoint.prices is not None for endpoint in endpoints)


def test_the_datasource_is_the_prometheus_of_the_stack() -> None:
    """Address and scrape interval are those of compose and prometheus.yml."""
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    scraping = yaml.safe_load((ROOT / "dashboards" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "aimon.yml").read_text("utf-8"))["providers"]
    assert any(v.endswith(f":{provider['options']['path']}:ro") for v in STACK["services"]["grafana"]["volumes"])


@pytest.mark.parametrize(("path", "manifest"), MANIFESTS, ids=lambda each: getattr(each, "stem", None))
def test_manifests_pass_strict_validation(path: Path, manifest: dict[str, Any]) -> None:
    """Unknown fields and wrong types are errors; the Prometheus Operator's kinds have no schema there."""
    if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
        assert manifest["kind"] in {"ServiceMonitor", "PrometheusRule"}, path
        return
    kubernetes_validate.validate(manifest, "1.32", strict=True)


@pytest.mark.parametrize(("name", "pod"), PODS, ids=[name for name, _ in PODS])
def test_pods_are_locked_down(name: str, pod: dict[str, Any]) -> None:
    """Pods have no root, capabilities or token, write to volumes only, refer to secrets, and bound their memory."""
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", container["image"]), name
        assert container["resources"]["limits"]["memory"]
        assert all("secretKeyRef" in variable["valueFrom"] for variable in container.get("env", []))
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in spec["volumes"]}


def test_the_cron_job_is_one_writer_and_ends_in_time() -> None:
    """Forbid, a starting deadline, an end below the period, no retries; the configured interval is the period."""
    (job,) = [manifest["spec"] for _, manifest in MANIFESTS if manifest["kind"] == "CronJob"]
    minutes = int(re.fullmatch(r"\*/(\d+) \* \* \* \*", job["schedule"])[1])  # type: ignore[index] # fails if not so
    run = job["jobTemplate"]["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["startingDeadlineSeconds"] >= 10
    assert run["activeDeadlineSeconds"] < 60 * minutes
    assert run["backoffLimit"] == 0
    assert run["template"]["spec"]["restartPolicy"] == "Never"
    assert "--state=gateway" in run["template"]["spec"]["containers"][0]["args"]
    assert load(KUBERNETES / "cronjob" / "aimon.yaml").defaults.interval == 60 * minutes


@pytest.mark.parametrize("folder", ["base", "cronjob", "serve", "loadtest"])
def test_kustomizations_name_files_that_exist(folder: str) -> None:
    """Every file that a kustomization names exists, and it names every manifest of its folder."""
    place = KUBERNETES / folder
    document = yaml.safe_load((place / "kustomization.yaml").read_text("utf-8"))
    generated = [file for each in document.get("configMapGenerator", []) for file in each["files"]]
    assert all((place / each).exists() for each in [*document["resources"], *generated])
    assert {path.name for path in place.glob("*.yaml")} - {"kustomization.yaml"} == {
        each for each in [*document["resources"], *generated] if each.endswith(".yaml")
    }


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: kustomize is not tried")
@pytest.mark.parametrize("folder", ["cronjob", "serve", "loadtest"])
def test_kustomize_builds_what_is_applied(folder: str) -> None:
    """All in one namespace, valid, and pods name the ConfigMaps that were generated, whose names have a hash."""
    command = ["kubectl", "kustomize", str(KUBERNETES / folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    manifests = list(yaml.safe_load_all(built.stdout))
    made = {each["metadata"]["name"] for each in manifests if each["kind"] == "ConfigMap"}
    for manifest in manifests:
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "aimon"
        if not manifest["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(manifest, "1.32", strict=True)
        if manifest["kind"] in {"CronJob", "Deployment", "Job"}:
            volumes = _template(manifest)["spec"]["volumes"]
            assert {each["configMap"]["name"] for each in volumes if "configMap" in each} <= made


@pytest.mark.parametrize("place", sorted((ROOT / "dashboards" / "grafana").glob("*/*")), ids=lambda place: place.name)
def test_every_dashboard_is_a_config_map(place: Path) -> None:
    """One for each file of a language and currency, small enough for one, with the label of Grafana's sidecar."""
    document = yaml.safe_load((place / "kustomization.yaml").read_text("utf-8"))
    files = [file for each in document["configMapGenerator"] for file in each["files"]]
    assert sorted(files) == sorted(path.name for path in place.glob("*.json"))
    assert all((place / file).stat().st_size < 1_000_000 for file in files)
    assert document["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}


def test_the_operator_gets_the_same_rules() -> None:
    """The PrometheusRule holds the default set."""
    resource = yaml.safe_load(build.OPERATOR_PATH.read_text("utf-8"))
    assert resource["spec"] == yaml.safe_load(build.PATH.read_text("utf-8"))
    assert resource["kind"] == "PrometheusRule"


def test_services_reach_the_pods_they_name() -> None:
    """Selectors of services, monitors and policies are labels of pods or services; named ports exist."""
    pods = [pod["metadata"]["labels"] for _, pod in PODS]
    services = [d for _, d in MANIFESTS if d["kind"] == "Service"]
    ports = {p["name"] for _, pod in PODS for c in pod["spec"]["containers"] for p in c.get("ports", [])}
    for service in services:
        assert service["spec"]["selector"] in pods
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for _, monitor in MANIFESTS:
        if monitor["kind"] == "ServiceMonitor":
            wanted = monitor["spec"]["selector"]["matchLabels"]
            assert wanted in [service["metadata"]["labels"] for service in services]
            assert all(endpoint["honorLabels"] for endpoint in monitor["spec"]["endpoints"])


COMMANDS = [
    *[(f"compose {name}", each["command"]) for name, each in STACK["services"].items() if each["image"] == OURS],
    *[
        (f"{path.parent.name} {container['name']}", container["args"])
        for path, manifest in MANIFESTS
        if manifest["kind"] in {"CronJob", "Deployment", "Job"}
        for container in _template(manifest)["spec"]["containers"]
        if container["image"] == OURS
    ],
]


def _parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command line makes of arguments; nothing is run.

    Raises:
        typer.TyperException: it does not understand them.
    """
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    context = command.make_context(command.name, rest)
    parameters: dict[str, Any] = context.params
    return parameters


@pytest.mark.parametrize(("name", "arguments"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_command_line_knows_every_option(name: str, arguments: list[str]) -> None:
    """The command line has every option of each container that runs aimon."""
    assert len(_parsed(arguments)) >= len(arguments) - 2


def test_an_option_that_is_unknown_would_show() -> None:
    """The parser of the test above is the real one, which refuses."""
    with pytest.raises(typer.TyperException, match="--evry"):
        _parsed(["probe", "--evry=30s"])


def test_the_image_runs_as_nobody_special() -> None:
    """Two stages, the second without a compiler's leavings; a numeric user, so that runAsNonRoot can be checked."""
    lines = (ROOT / "deploy" / "Dockerfile").read_text("utf-8").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("FROM")] == ["${BASE}"] * 2
    assert "ARG BASE=python:3.13-slim-bookworm" in lines
    assert "USER 10001:10001" in lines[lines.index("FROM ${BASE}") :]
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
    packages = {"aimon", "cli", "dashboards", "docs", "loadtests", "probes", "simulator"}
    assert packages <= copied
    # Every extra unless less is asked for: load tests are run from the same image.
    assert "ARG EXTRAS=all" in lines
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{package}" for package in packages} <= set(ignored)
    assert any(STACK["services"][name]["image"] == OURS for name in STACK["services"])
