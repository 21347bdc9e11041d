"""The engine inside Locust: events, weights, and processes that were forked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chat_wire import counted, read_request, streamed
from command import printed
from peers import Peer
from services import free_port

if TYPE_CHECKING:
    import socket

LOCUSTFILE = """
import json, os
from locust import constant, events, task
from aimon.loadtests import AIUser

class Customer(AIUser):
    endpoint = "local"
    wait_time = constant(0.05)

    @task
    def ask(self):
        result = self.chat("Name three rivers of Yunnan.", name="rivers")
        assert result.text in ("pong", None), result

    @task
    def fail(self):
        assert self.chat("fail").status_code == 500

@events.request.add_listener
def on_request(name, response_time, exception, context, **_):
    result = context["result"]
    row = {"name": name, "ms": response_time, "due": result.latency_from_schedule, "outcome": result.outcome,
           "error": exception and str(exception), "cold": result.connection.cold, "pid": os.getpid()}
    with open(os.environ["EVENTS"], "a") as file:
        file.write(json.dumps(row) + "\\n")
"""

CONFIG = """
endpoints:
  - name: local
    dialect: openai-chat
    base_url: http://127.0.0.1:{port}/v1
    model: m
"""


def serve(connection: socket.socket) -> None:
    """Answers, or fails where the prompt asks for that, until the client leaves."""
    with contextlib.suppress(ConnectionError):  # the end of a run waits for no answer
        while body := read_request(connection)[1]:
            failing = json.loads(body)["messages"][0]["content"] == "fail"
            error = json.dumps({"error": {"message": f"request {id(body)} failed"}}).encode()
            connection.sendall(counted("500 Internal Server Error", error) if failing else streamed("pong"))


def locust(folder: Path, port: int, *options: str) -> tuple[list[dict[str, Any]], Any, str]:
    """Runs Locust; what its event listeners saw, its own statistics, and its log."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "aimon.yaml").write_text(CONFIG.format(port=port))
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--json", "--only-summary",
         "-u", "6", "-r", "100", "-t", "3s", "--stop-timeout", "5", "--exit-code-on-error", "0", *options],
        cwd=folder, env=environ | {"EVENTS": str(folder / "events")},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    # The workers print their own, empty ones before the master's.
    start = done.stdout.rindex("\n[\n") if "\n[\n" in done.stdout else 0
    return events, json.loads(done.stdout[start:]), done.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_a_locustfile(tmp_path: Path, processes: int) -> None:
    """Calls are requests to Locust, failures have few texts, and forked processes have connections of their own."""
    with Peer(serve) as peer:
        # A port of its own: tests that run at the same time would find each other's master at Locust's.
        port = str(free_port())
        own = ("--master-bind-port", port, "--master-port", port)
        options = ("--processes", str(processes), *own) if processes > 1 else ()
        events, statistics, log = locust(tmp_path, peer.port, *options)
    assert "Traceback" not in log
    by_name = {entry["name"]: entry for entry in statistics}
    assert set(by_name) == {"rivers", "local"}
    assert by_name["rivers"]["method"] == "chat"
    assert by_name["rivers"]["num_failures"] == 0
    assert by_name["local"]["num_failures"] == by_name["local"]["num_requests"] > 0
    assert sum(entry["num_requests"] for entry in statistics) == len(events)
    assert {(event["outcome"], event["error"]) for event in events} == {
        ("ok", None),
        ("server_error", "server_error (HTTP 500)"),
    }
    assert [event["ms"] for event in events] == pytest.approx([event["due"] * 1e3 for event in events])
    assert len({event["pid"] for event in events}) == processes
    assert 1 <= sum(event["cold"] for event in events) <= 6


def test_results_cross_processes() -> None:
    """A failure as Locust gets it survives pickling, which it needs on the way from worker to master."""
    program = (
        "import pickle; from aimon.loadtests.locust_plugin.user import CallError; from results import a_result; "
        "from aimon.call.outcome import Outcome as O; e = CallError(a_result(O.RATE_LIMITED, status_code=429)); "
        "c = pickle.loads(pickle.dumps(e)); print(c, c.result == e.result)"
    )
    folder = str(Path(__file__).parents[2] / "support")
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": folder},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "rate_limited (HTTP 429) True\n"


def test_the_core_stays_free_of_gevent() -> None:
    """Neither the core nor `aimon.loadtests` imports gevent or Locust before it has to."""
    program = (
        "import sys, aimon.exchange.exchange, aimon.loadtests; print(sorted({'gevent', 'locust'} & set(sys.modules)))"
    )
    assert printed(program) == "[]\n"
