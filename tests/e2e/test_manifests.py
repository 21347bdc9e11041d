"""The load test of `deploy/kubernetes/loadtest` as its manifests start it: their arguments, on loopback."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from aimon.simulator import Profile, SimulatorProcess
from command import AIMON
from services import free_port, wait_for

if TYPE_CHECKING:
    from command import Command
    from services import Pushgateway

PLACE = Path(__file__).resolve().parent.parent.parent / "deploy" / "kubernetes" / "loadtest"
RATE, SECONDS = 50, 4


def _container(manifest: str) -> dict[str, Any]:
    job = next(yaml.safe_load_all((PLACE / manifest).read_text("utf-8")))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _arguments(manifest: str, changed: dict[str, str]) -> list[str]:
    """Those of a container, with other addresses and less load."""
    given = _container(manifest)["args"]
    return [f"{name}={changed[name]}" if (name := each.partition("=")[0]) in changed else each for each in given]


@pytest.mark.e2e
def test_master_and_workers_do_one_load_test(run_aimon: Command, tmp_path: Path, pushgateway: Pushgateway) -> None:
    """The workers that the manifest has share the rate, end with the master, and the gateway has what they did."""
    port = str(free_port())
    (key,) = [variable["name"] for variable in _container("workers.yaml")["env"]]
    changed = {
        "--master-host": "127.0.0.1",
        "--master-port": port,
        "--bind-host": "127.0.0.1",
        "--bind-port": port,
        "--token-file": str(tmp_path / "token"),
        "--push": pushgateway.url,
        "--rate": f"{RATE}/s",
        "--duration": f"{SECONDS}s",
    }
    (tmp_path / "token").write_text("a-token-of-thirty-two-characters\n")
    with SimulatorProcess(Profile("sim", ttft=0.02, itl=0.001, key="sk-cluster")) as simulator, ExitStack() as stack:
        document = yaml.safe_load((PLACE / "aimon.yaml").read_text("utf-8"))
        # The master makes no call: its NetworkPolicy lets it reach no endpoint.
        for role, url in (("master", f"http://127.0.0.1:{free_port()}/v1"), ("workers", simulator.base_url("sim"))):
            document["endpoints"][0]["base_url"] = url
            (tmp_path / f"{role}.yaml").write_text(json.dumps(document))

        def start(manifest: str) -> subprocess.Popen[str]:
            command = [str(AIMON), *_arguments(manifest, changed | {"--config": manifest})]
            env = run_aimon.env | {key: "sk-cluster"}
            process = subprocess.Popen(
                command, cwd=tmp_path, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        count = int(next(each for each in _container("master.yaml")["args"] if "--expect" in each).partition("=")[2])
        workers = [start("workers.yaml") for _ in range(count)]
        master = start("master.yaml")
        log, _ = master.communicate(timeout=60)
        assert master.returncode == 0, log
        # As docs/deploy.md takes it from the pod's log.
        report = json.loads(next(line for line in log.splitlines() if line.startswith("{")))
        wait_for(lambda: [worker.poll() for worker in workers], lambda codes: None not in codes, what="workers' ends")
        assert [worker.returncode for worker in workers] == [0] * count, [w.communicate()[0] for w in workers]
        truth = simulator.truth(wait=5)
    assert report["workers"] == count
    assert report["rate"]["achieved"] == pytest.approx(RATE, rel=0.25)  # 200 Poisson arrivals: 3.5 sigma
    assert report["requests"]["sent"] + report["ended"]["uncounted"] == truth.requests
    (told,) = [sample.value for sample in pushgateway.samples("ai_api_requests_total") if sample.value]
    assert told == truth.requests
