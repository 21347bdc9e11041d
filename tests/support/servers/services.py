"""Real Prometheus, Pushgateway and Alertmanager for tests: processes on loopback ports of their own.

The fixture `servers` starts them, stops them with the test and attaches their logs where it fails.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import shutil
import socket
import subprocess
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")
S = TypeVar("S", bound="Service")
STARTUP_S = 30.0
SHUTDOWN_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series. `at` is unix time in seconds."""

    labels: dict[str, str]
    value: float
    at: float


class Service:
    """A server process with a port and a folder of its own; `start` returns when it is ready.

    It keeps its port over `stop` and `start`, so that clients find it again. To give it
    another configuration, change `config` and call `reload`.
    """

    def __init__(self, program: Path, folder: Path, config: dict[str, Any]) -> None:
        self.program = program
        self.folder = folder
        self.config = config
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config_path = folder / "config.yml"
        self._log_path = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def arguments(self) -> list[str]:
        """Return the command line after the program and its address."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the process and wait until it answers `/-/ready`.

        Raises:
            RuntimeError: It ended; the message holds its log.
            AssertionError: It was not ready within half a minute.
        """
        self._write_config()
        command = [str(self.program), f"--web.listen-address=127.0.0.1:{self.port}", *self.arguments()]
        with self._log_path.open("ab") as log:
            process = subprocess.Popen([*_die_with_parent(), *command], stdout=log, stderr=log, cwd=self.folder)
        self._process = process
        wait_for(lambda: self._ready() or process.poll() is not None, timeout=STARTUP_S)
        if process.poll() is not None:
            raise RuntimeError(f"{self.program.name} ended before it was ready:\n{self.log()}")

    def stop(self) -> None:
        """End the process as an operator would (SIGTERM), which lets it save its state."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the process at once (SIGKILL); what it had not saved is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start again, on the same port and folder."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Return all that the process has printed."""
        return self._log_path.read_text(errors="replace")

    def get(self, path: str, **parameters: str) -> str:
        """GET a path with query parameters and return the body.

        Raises:
            AssertionError: The answer was not a 2xx; the message holds its body.
        """
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return self._request("GET", f"{path}{query}")

    def post(self, path: str, body: str = "", content_type: str = "application/json") -> str:
        """POST a body and return the answer's; raises as `get` does."""
        return self._request("POST", path, body, {"Content-Type": content_type})

    def reload(self) -> None:
        """Write `config` and have the process read it."""
        self._write_config()
        self.post("/-/reload")

    def _write_config(self) -> None:
        self._config_path.write_text(json.dumps(self.config, indent=1))  # JSON is YAML too

    def _request(self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body.encode(), headers or {})
            response = connection.getresponse()
            text = response.read().decode()
        assert response.status // 100 == 2, f"{method} {self.url}{path}: {response.status}: {text}"
        return text

    def _ready(self) -> bool:
        try:
            self.get("/-/ready")
        except (OSError, AssertionError):  # not listening yet; listening and not ready yet (503)
            return False
        return True


class Pushgateway(Service):
    """A Pushgateway. `persistent` makes it remember its metrics over an orderly restart; `options` are added."""

    def __init__(self, program: Path, folder: Path, *, persistent: bool = False, options: Sequence[str] = ()) -> None:
        super().__init__(program, folder, config={})
        self.file = folder / "metrics.data" if persistent else None
        self._options = options

    def arguments(self) -> list[str]:
        """Return the command line after the program and its address."""
        return [f"--persistence.file={self.file or ''}", "--web.enable-admin-api", *self._options]

    def samples(self, name: str) -> list[Sample]:
        """Return the samples of this exact name that a scrape would find now."""
        at = time.time()
        return [
            Sample(sample.labels, sample.value, at)
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
            if sample.name == name
        ]


class Prometheus(Service):
    """A Prometheus server. It looks for targets and Alertmanagers only five seconds after it started."""

    def arguments(self) -> list[str]:
        """Return the command line after the program and its address."""
        return [
            f"--config.file={self._config_path}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--web.enable-lifecycle",
            f"--web.user-assets={Path(__file__).parents[3] / 'dashboards' / 'prometheus' / 'assets'}",
            # An alert that fired before an Alertmanager was found is sent again after this (default: 1 min).
            "--rules.alert.resend-delay=1s",
        ]

    def api(self, path: str, **parameters: str) -> Any:
        """Return the `data` of an answer of the HTTP API, as in `api("rules")`."""
        return json.loads(self.get(f"/api/v1/{path}", **parameters))["data"]

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Evaluate PromQL at a unix time in seconds (default: now); a scalar has no labels."""
        parameters = {} if at is None else {"time": repr(at)}
        data = self.api("query", query=expression, **parameters)
        if data["resultType"] == "scalar":
            return [_sample({}, data["result"])]
        return [_sample(series["metric"], series["value"]) for series in data["result"]]

    def value(self, expression: str, at: float | None = None) -> float:
        """Evaluate PromQL that gives exactly one value.

        Raises:
            AssertionError: It gave none or several.
        """
        samples = self.query(expression, at)
        assert len(samples) == 1, f"{expression} gave {len(samples)} series: {samples}"
        return samples[0].value

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[list[Sample]]:
        """Evaluate PromQL over a range (unix times and step in seconds); one list a series."""
        data = self.api("query_range", query=expression, start=repr(start), end=repr(end), step=repr(step))
        return [[_sample(series["metric"], pair) for pair in series["values"]] for series in data["result"]]

    def wait_until(
        self, expression: str, holds: Callable[[list[Sample]], bool] = bool, timeout: float = 30.0
    ) -> list[Sample]:
        """Evaluate PromQL until its result `holds` (default: there is one), and return that.

        Raises:
            AssertionError: It did not within `timeout` seconds; the message shows the last result.
        """
        return wait_for(lambda: self.query(expression), holds, timeout=timeout, what=expression)

    def wait_for_scrape(self, timeout: float = 30.0) -> None:
        """Wait until each target has been scraped, successfully, by a scrape that began after this call.

        Raises:
            AssertionError: That did not happen within `timeout` seconds.
        """
        # Prometheus rounds a scrape's timestamp by up to 2 ms, to store it in less space.
        began = time.time() + 0.002
        targets = len(self.api("targets", state="active")["activeTargets"])
        # timestamp() tells a sample's own time only of a bare selector, hence the second half.
        scraped = f"timestamp(up) > {began!r} and up == 1"
        self.wait_until(scraped, lambda samples: len(samples) == targets, timeout)


class Alertmanager(Service):
    """An Alertmanager, alone (no cluster)."""

    def arguments(self) -> list[str]:
        """Return the command line after the program and its address."""
        data = self.folder / "data"
        return [f"--config.file={self._config_path}", f"--storage.path={data}", "--cluster.listen-address="]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts it holds, as `/api/v2/alerts` shows them."""
        alerts: list[dict[str, Any]] = json.loads(self.get("/api/v2/alerts"))
        return alerts


class Servers:
    """Starts servers, and stops them with the test; the fixture `servers` is one of these."""

    def __init__(self, folder: Path, require_binary: Callable[[str], Path]) -> None:
        self.started: list[Service] = []
        self._folder = folder
        self._require_binary = require_binary

    def pushgateway(self, *, persistent: bool = False, options: Sequence[str] = ()) -> Pushgateway:
        """Start a Pushgateway; `persistent` makes it remember its metrics over an orderly restart."""
        program, folder = self._require_binary("prometheus-pushgateway"), self._new_folder("pushgateway")
        return self._start(Pushgateway(program, folder, persistent=persistent, options=options))

    def prometheus(
        self,
        scrapes: Sequence[dict[str, Any]] = (),
        *,
        rule_files: Sequence[Path] = (),
        alertmanagers: Sequence[Alertmanager] = (),
    ) -> Prometheus:
        """Start a Prometheus with these `scrape_configs` (see `scrape`) and rules.

        It scrapes and evaluates twice a second, which keeps tests short.
        """
        program = self._require_binary("prometheus")
        targets = [{"targets": [f"127.0.0.1:{each.port}" for each in alertmanagers]}]
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "scrape_configs": list(scrapes),
            "rule_files": [str(path) for path in rule_files],
            "alerting": {"alertmanagers": [{"static_configs": targets}]},
        }
        return self._start(Prometheus(program, self._new_folder("prometheus"), config))

    def alertmanager(self, config: dict[str, Any]) -> Alertmanager:
        """Start an Alertmanager with this configuration."""
        program = self._require_binary("prometheus-alertmanager")
        return self._start(Alertmanager(program, self._new_folder("alertmanager"), config))

    def stop(self) -> None:
        """Stop all, the last one first."""
        for service in reversed(self.started):
            service.stop()

    def _new_folder(self, name: str) -> Path:
        return self._folder / f"{name}-{len(self.started)}"

    def _start(self, service: S) -> S:
        self.started.append(service)
        service.start()
        return service


def scrape(job: str, url: str, **options: Any) -> dict[str, Any]:
    """Return a scrape configuration for one server, as in `scrape("gateway", url, honor_labels=True)`."""
    address = urllib.parse.urlsplit(url).netloc
    return {"job_name": job, "static_configs": [{"targets": [address]}], **options}


def wait_for(read: Callable[[], T], holds: Callable[[T], bool] = bool, *, timeout: float = 60.0, what: str = "it") -> T:
    """Call `read` until its result `holds` (default: is true), and return that result.

    Raises:
        AssertionError: It did not within `timeout` seconds; the message shows `what` and the last result.
    """
    deadline = time.monotonic() + timeout
    while not holds(result := read()):
        assert time.monotonic() < deadline, f"{what} after {timeout} s: {result}"
        time.sleep(POLL_S)
    return result


def free_port() -> int:
    """Return a loopback port that nothing listens on.

    It is from below the range that the kernel gives to outgoing connections (from 32768 on Linux), so that
    none of them can take it before the server binds it, or while the server restarts.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _sample(labels: dict[str, str], pair: Sequence[Any]) -> Sample:
    at, value = pair
    return Sample(labels, float(value), float(at))


def _die_with_parent() -> list[str]:
    # Fixtures stop what they start; this is for when pytest itself is killed.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
