"""The image: what is in it, what it weighs, how soon it runs, and as whom."""

from __future__ import annotations

import json
import re
import time

import pytest

from stack_engine import podman
from stack_images import AIMON, BASE, PROBING

MB = 1_000_000
# Beyond the base.
LIMITS_MB = {PROBING: 120, AIMON: 200}
TOOLS = ("cc", "gcc", "g++", "ld", "make", "git", "pip", "pip3", "uv", "cargo")
INSTALLED = f"""
import importlib.metadata, json, re, shutil
found = importlib.metadata.distributions(path=importlib.import_module("site").getsitepackages())
installed = {{re.sub("[-_.]+", "-", each.name).lower(): each.version for each in found}}
tools = [tool for tool in {TOOLS} if shutil.which(tool)]
print(json.dumps([installed, json.load(open("/opt/aimon/sbom.cdx.json")), tools]))
"""
PROBE = """
cd "$(mktemp -d)"
echo 'endpoints: [{name: here, dialect: openai-chat, base_url: http://127.0.0.1:8399/v1, model: sim-1}]' > aimon.yaml
aimon sim --port 8399 --ttft 10ms >log 2>&1 &
for attempt in $(seq 60); do
    aimon probe >log 2>&1 && break
    sleep 0.2
done
id -u && aimon status --json
"""
STARTS = """
import subprocess, time
took = []
for _ in range(5):
    began = time.monotonic()
    subprocess.run(["aimon", "--version"], check=True, capture_output=True)
    took.append(time.monotonic() - began)
print(min(took))
"""


def run(*arguments: str, image: str = AIMON, options: tuple[str, ...] = ()) -> str:
    """What a container prints that is kept in as the compose file has it; it reaches nobody."""
    kept_in = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=none")
    return podman("run", "--rm", *kept_in, *options, image, *arguments)


def weight(image: str) -> tuple[float, int]:
    """Megabytes and layers."""
    (found,) = json.loads(podman("image", "inspect", image))
    return found["Size"] / MB, len(found["RootFS"]["Layers"])


@pytest.mark.parametrize("image", LIMITS_MB)
def test_weight(image: str) -> None:
    """Beyond the base: a user, and one layer of files."""
    (base, under), (size, layers) = weight(BASE), weight(image)
    print(f"{image}: {size - base:.0f} MB in {layers - under} layers beyond the base's {base:.0f} MB")
    assert size - base < LIMITS_MB[image]
    assert layers - under <= 3


@pytest.mark.parametrize("image", LIMITS_MB)
def test_what_is_installed_is_what_the_bill_of_materials_says(image: str) -> None:
    """The image has the packages and versions of its bill of materials, and no compiler or installer."""
    installed, bill, tools = json.loads(run("-c", INSTALLED, image=image, options=("--entrypoint=python",)))
    assert tools == []
    assert bill["bomFormat"] == "CycloneDX"
    named = [(re.sub("[-_.]+", "-", each["name"]).lower(), each["version"]) for each in bill["components"]]
    assert sorted(named) == sorted(installed.items())
    assert installed["aimon-probes"] == "0.1.0"
    assert ("locust" in installed) == (image == AIMON)


def test_nothing_of_the_build_stays() -> None:
    """The image has no source, no installer and no cache."""
    script = "ls -d /src /opt/uv /opt/aimon /root/.cache 2>/dev/null || true"
    assert run("-c", script, options=("--entrypoint=sh", "--user=0:0")) == "/opt/aimon"


@pytest.mark.parametrize("user", ["10001:10001", "123456:0"])
def test_any_user_probes_and_keeps_a_history(user: str) -> None:
    """The image's own, and one that it has not; nothing can be written but a volume for the history, and /tmp."""
    options = (f"--user={user}", "--tmpfs=/tmp", "--volume=/var/lib/aimon", "--entrypoint=sh")
    *_, uid, status = run("-c", PROBE, options=options).splitlines()
    assert uid == user.partition(":")[0]
    assert json.loads(status)["endpoint"] == "here"


def test_start() -> None:
    """A process of the image starts quickly; the fastest of five, since other containers run meanwhile."""
    inside = float(run("-c", STARTS, options=("--entrypoint=python",)))
    began = time.monotonic()
    run("--version")
    print(
        f"aimon --version: {inside:.2f} s in a container, {time.monotonic() - began:.2f} s with the container's start"
    )
    assert inside < 2
