"""The container engine of scripts/stack_test.py, and the stack that compose stands up in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from stack_images import HOSTS, ROOT, RUN

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text("utf-8"))
PROMETHEUS, GATEWAY, ALERTMANAGER = (f"http://127.0.0.1:{port}" for port in (9090, 9091, 9093))
# What `docker compose --profile probe --profile sim --profile chat up` stands up, but for Grafana; Debian's
# podman-compose knows no profiles.
SERVICES = ("prober", "prober-sim", "simulator", "bridge", "pushgateway", "prometheus", "alertmanager")
# What the simulator is told: one of the two endpoints is down; and, as compose.yaml has it, nothing but its own faults.
OUTAGE = ("close:dialect=openai-chat", "server_error:share=0.02")
MENDED = OUTAGE[1:]
# Recognisable, and in no other place: a search for them finds a leak.
SECRETS = {
    "DASHSCOPE_API_KEY": "sk-stack-dashscope-key",
    "pagerduty_routing_key": "stack-routing-key",
    "smtp_password": "stack-mail-password",
    "robot_url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=stack-robot-key",
}


def podman(*arguments: str, check: bool = True, timeout: float = 120) -> str:
    """Runs podman and returns its output, without errors, which it has also where all is well.

    Raises:
        AssertionError: It failed, and `check` was asked for.
    """
    done = subprocess.run(["podman", *arguments], check=False, timeout=timeout, capture_output=True, text=True)
    message = f"podman {' '.join(arguments)}: {done.returncode}: {done.stderr}{done.stdout}"
    assert not check or done.returncode == 0, message
    return done.stdout.strip()


def said(*arguments: str) -> str:
    """Runs podman, whether it fails or not, and returns output and errors."""
    kept: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return str(subprocess.run(["podman", *arguments], check=False, timeout=60, **kept).stdout)


def inspect(name: str) -> dict[str, Any]:
    """What podman knows of a container."""
    (found,) = json.loads(podman("container", "inspect", name))
    return dict(found)


def address(name: str, network: str) -> str:
    """A container's address in a network."""
    return str(inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def process_status(pid: int) -> dict[str, str]:
    """What the kernel says of a process of a container: whose it is, what it may do."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}


def get(url: str, **parameters: str) -> Any:
    """What is at a URL: JSON if it is that, or text.

    Raises:
        OSError: It does not answer, or with an error.
    """
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    try:
        with urllib.request.urlopen(f"{url}{query}", timeout=20) as response:  # noqa: S310 - in the tests' own network
            text = response.read().decode()
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise
    return json.loads(text) if text[:1] in {"{", "["} else text


def wait_for(read: Callable[[], T], holds: Callable[[T], bool] = bool, *, timeout: float, what: str) -> T:
    """Calls `read` once a second until its result `holds`; an address that does not answer holds nothing.

    Raises:
        AssertionError: It did not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < deadline:
        try:
            if holds(result := read()):
                return result
            last = result
        except OSError as error:
            last = error
        time.sleep(1)
    raise AssertionError(f"{what} after {timeout} s: {last}")


class Stack:
    """The stack of `deploy/compose`, in a copy of what it mounts: secrets are made there, and not in the checkout."""

    network = "aimon_aimon"

    def __init__(self) -> None:
        self.folder = RUN / "checkout"
        for name in ("deploy", "dashboards", "tests/stack", "tests/support"):
            ignored = shutil.ignore_patterns("secrets", ".env", "__pycache__")
            shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)
        shutil.copytree(RUN / "trust", self.folder / "trust")
        self.received = self.folder / "received"
        self.received.mkdir()
        self._simulator = ""

    def compose(self, *arguments: str, timeout: float = 240) -> str:
        """Runs compose with the overlay; returns what it printed.

        Raises:
            AssertionError: It failed.
        """
        files = ("-f", "compose.yaml", "-f", "../../tests/stack/compose.overlay.yaml")
        done = subprocess.run(
            ["podman-compose", "-p", "aimon", *files, *arguments],
            cwd=self.folder / "deploy" / "compose",
            env={**os.environ, "DASHSCOPE_API_KEY": SECRETS["DASHSCOPE_API_KEY"]},
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
        )  # fmt: skip
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.returncode}: {done.stdout}"
        return done.stdout

    def up(self) -> None:
        """Makes the secrets, as documented, and starts the services."""
        place = self.folder / "deploy" / "compose"
        subprocess.run(["./secrets.sh"], cwd=place, check=True, capture_output=True)
        for file in (place / "secrets").iterdir():
            if file.name in SECRETS:
                file.write_text(SECRETS[file.name])
        self.compose("up", "-d", *SERVICES, *HOSTS)

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"aimon_{service}_1"

    def healthy(self, service: str) -> bool:
        """Whether a service's own health check passes now.

        Run as Docker does. Podman would repeat it by systemd, which is not here, and Debian's podman-compose hands it
        over wrongly quoted.
        """
        _, *check = COMPOSE["services"][service]["healthcheck"]["test"]
        return (
            subprocess.run(
                ["podman", "exec", self.container(service), *check], check=False, capture_output=True
            ).returncode
            == 0
        )

    @property
    def simulator(self) -> str:
        """The simulator's control address."""
        self._simulator = self._simulator or f"http://{address(self.container('simulator'), self.network)}:8399/_sim"
        return self._simulator

    def fault(self, *rules: str) -> None:
        """Replaces the simulator's faults."""
        request = urllib.request.Request(f"{self.simulator}/faults", json.dumps(rules).encode())  # noqa: S310 - as above
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - likewise

    def notifications(self, host: str) -> list[dict[str, Any]]:
        """What a host outside was told."""
        lines = [line for file in sorted(self.received.iterdir()) for line in file.read_text().splitlines()]
        return [each for each in map(json.loads, lines) if each["host"] == host]

    def logs(self) -> str:
        """The last words of all containers."""
        names = podman("ps", "--all", "--format", "{{.Names}}").split()
        return "\n".join(f"== {name}\n{said('logs', '--tail', '30', name)}" for name in names)


def query(expression: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus answers now: labels and value of each series."""
    answer = get(f"{PROMETHEUS}/api/v1/query", query=expression)
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]


def value(expression: str) -> float | None:
    """The one value of an expression; None where there is no series."""
    found = query(expression)
    return found[0][1] if found else None
