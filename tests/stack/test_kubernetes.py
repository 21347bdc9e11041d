"""The pods of the manifests, as kustomize builds them, run by `podman kube play`.

A network alias does what a Service does. What podman knows nothing of (CronJob, NetworkPolicy, ServiceMonitor, fsGroup)
is not run: `tests/test_deploy.py` checks it against schemas. The CronJob's pod is run as a pod.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from stack_engine import SECRETS, Stack, address, get, inspect, podman, process_status, said, wait_for
from stack_images import PROVIDER

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "aimon-cluster"


def _builds_folders() -> bool:
    """Whether there is a kubectl whose kustomize takes folders as resources: 1.21 or newer."""
    if not shutil.which("kubectl"):
        return False
    version = json.loads(_kubectl("version", "--client", "-o", "json"))["clientVersion"]
    return (int(version["major"]), int(version["minor"].rstrip("+"))) >= (1, 21)


def _kubectl(*arguments: str) -> str:
    return subprocess.run(["kubectl", *arguments], check=True, capture_output=True, text=True).stdout


pytestmark = pytest.mark.skipif(not _builds_folders(), reason="NOT TESTED: needs kubectl 1.21 or newer")


class Cluster:
    """Plays manifests in a network of their own, in which the provider is the compose stack's simulator."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        podman("network", "create", NETWORK)
        podman("network", "connect", "--alias", PROVIDER, NETWORK, stack.container(PROVIDER))
        secret = _kubectl(
            *("create", "secret", "generic", "aimon-keys", "-n", "aimon", "--dry-run=client", "-o", "json"),
            f"--from-literal=DASHSCOPE_API_KEY={SECRETS['DASHSCOPE_API_KEY']}",
        )
        file = folder / "secret.json"
        # Podman 4 takes a Secret's data from its own secrets alone.
        if podman("version", "--format", "{{.Client.Version}}").startswith("4."):
            file.write_text(json.dumps(json.loads(secret)["data"]))
            podman("secret", "create", "aimon-keys", str(file))
        else:
            file.write_text(secret)
            podman("kube", "play", str(file))

    def built(self, name: str) -> list[dict[str, Any]]:
        """What kustomize makes of a folder of `deploy/kubernetes`."""
        place = self.stack.folder / "tests" / "stack" / "kubernetes" / name
        return list(yaml.safe_load_all(_kubectl("kustomize", str(place))))

    def play(self, name: str, documents: list[dict[str, Any]], alias: str) -> None:
        """Starts pods, which others reach as `alias`."""
        for each in of(documents, "Deployment"):
            for container in each["spec"]["template"]["spec"]["containers"]:
                for port in container["ports"]:
                    # Podman publishes each port on its machine, where compose has the same ones; a cluster does not.
                    port["hostPort"] = port["containerPort"] + 10_000
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        podman("kube", "play", "--network", f"{NETWORK}:alias={alias}", str(file))


def of(documents: list[dict[str, Any]], *kinds: str, name: str = "") -> list[dict[str, Any]]:
    """Those of some kinds, and of one name if it is given."""
    return [each for each in documents if each["kind"] in kinds and name in {"", each["metadata"]["name"]}]


def pod_address(pod: str) -> str:
    """Where a pod is in the network."""
    infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
    return address(infra, NETWORK)


def counted(gateway: str) -> float:
    """How many calls the gateway has."""
    families = text_string_to_metric_families(get(f"http://{gateway}:9091/metrics"))
    return sum(sample.value for each in families for sample in each.samples if sample.name == "ai_api_requests_total")


@pytest.fixture(scope="module")
def cluster(compose: Stack, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The network, with the key as a secret, and the gateway of the manifests, which answers."""
    made = Cluster(compose, tmp_path_factory.mktemp("cluster"))
    documents = made.built("serve")
    (claim,) = of(documents, "PersistentVolumeClaim", name="pushgateway")
    # What fsGroup does in a cluster: the gateway's own user may write to its volume.
    claim["metadata"]["annotations"] = {"volume.podman.io/uid": "65534", "volume.podman.io/gid": "65534"}
    gateway = [claim, *of(documents, "Deployment", name="pushgateway")]
    made.play("pushgateway", gateway, alias="pushgateway")
    wait_for(lambda: get(f"http://{pod_address('pushgateway-pod-0')}:9091/-/ready"), timeout=60, what="gateway ready")
    return made


def test_the_service_probes_and_is_scraped(cluster: Cluster) -> None:
    """The pod of the service has its ConfigMap, Secret and volume, runs without privileges, and ends on SIGTERM."""
    documents = cluster.built("serve")
    own = [*of(documents, "ConfigMap"), *of(documents, "PersistentVolumeClaim", "Deployment")]
    cluster.play("prober", [each for each in own if each["metadata"]["name"] != "pushgateway"], alias="aimon-probe")
    (container,) = of(documents, "Deployment", name="aimon-probe")[0]["spec"]["template"]["spec"]["containers"]
    here = f"http://{pod_address('aimon-probe-pod-0')}:9464"
    wait_for(lambda: get(f"{here}{container['livenessProbe']['httpGet']['path']}"), timeout=60, what="alive")
    wait_for(lambda: 'ai_probe_success{endpoint="qwen-prod"' in get(f"{here}/metrics"), timeout=60, what="a probe")
    success = [line for line in get(f"{here}/metrics").splitlines() if line.startswith("ai_probe_success{")]
    assert [line.rpartition(" ")[2] for line in success] == ["1"]
    name = "aimon-probe-pod-0-prober"
    seen = process_status(inspect(name)["State"]["Pid"])
    assert seen["Uid"].split() == seen["Gid"].split() == ["10001"] * 4
    assert {seen[f"Cap{each}"] for each in ("Prm", "Eff", "Bnd")} == {"0" * 16}
    assert seen["NoNewPrivs"] == "1"
    assert "Read-only file system" in said("exec", name, "touch", "/usr/x")
    assert "qwen-prod" in podman("exec", name, "aimon", "status", "--json")
    podman("pod", "stop", "--time", "75", "aimon-probe-pod-0")
    assert inspect(name)["State"]["ExitCode"] == 0


def test_runs_of_the_cronjob_count_on(cluster: Cluster) -> None:
    """Its pod, twice, without a disk: the second reads the first's total back, and adds."""
    documents = cluster.built("cronjob")
    (job,) = of(documents, "CronJob")
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    gateway = pod_address("pushgateway-pod-0")
    before = counted(gateway)
    for run in (1, 2):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"aimon-run-{run}"}, "spec": spec}
        cluster.play(f"run-{run}", [*of(documents, "ConfigMap"), pod], alias=f"run-{run}")
        code = podman("wait", f"aimon-run-{run}-probe")
        assert code == "0", said("logs", f"aimon-run-{run}-probe")
        assert counted(gateway) == before + run
    assert 'region="cluster"' in get(f"http://{gateway}:9091/metrics")
