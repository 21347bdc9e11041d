"""A scenario of Locust's own documentation under a profile, with a plug-in; and Locust's page in a real browser."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from loadtest_command import SOON

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from command import Command

pytestmark = pytest.mark.e2e

# https://docs.locust.io/en/stable/quickstart.html, the second example, word for word but for the pause of a second
# between the items, which is a tenth here.
QUICKSTART = """
import time
from locust import HttpUser, task, between

class QuickstartUser(HttpUser):
    wait_time = between(1, 5)

    @task
    def hello_world(self):
        self.client.get("/hello")
        self.client.get("/world")

    @task(3)
    def view_items(self):
        for item_id in range(10):
            self.client.get(f"/item?id={item_id}", name="/item")
            time.sleep(0.1)

    def on_start(self):
        self.client.post("/login", json={"username":"foo", "password":"bar"})
"""

PLUGIN = """
from locust import events

seen = open("seen.txt", "a", buffering=1)

@events.init.add_listener
def on_init(environment, runner, **_):
    environment.events.request.add_listener(lambda request_type, name, **_: print(request_type, name, file=seen))
    events.test_start.add_listener(lambda **_: print("start", type(runner).__name__, file=seen))
    events.test_stop.add_listener(lambda environment, **_: print("stop", environment.stats is not None, file=seen))
    events.quitting.add_listener(lambda **_: print("quitting", file=seen))
"""


class Shop(BaseHTTPRequestHandler):
    """Answers everything, and notes what was asked."""

    protocol_version = "HTTP/1.1"
    asked: Counter[str]

    def do_GET(self) -> None:
        """Two bytes; a third of the items are missing."""
        self.asked[self.path.partition("?")[0]] += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        missing = self.path in ("/item?id=0", "/item?id=1", "/item?id=2")
        self.send_response(404 if missing else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815 - the name that http.server asks for

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def shop() -> Iterator[tuple[str, Counter[str]]]:
    """A web server on loopback, and what it was asked for."""
    asked: Counter[str] = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("CountingShop", (Shop,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_example_of_locusts_documentation_runs_under_a_ramp(run_aimon: Command) -> None:
    """Requests of Locust's example are measured under their names, and a plug-in's listener sees each."""
    (run_aimon.cwd / "plugin.py").write_text(PLUGIN)
    (run_aimon.cwd / "quickstart.py").write_text(f"import plugin\n{QUICKSTART}")
    with shop() as (host, asked):
        options = ("--profile", "ramp", "--rate", "12/s", "--duration", "3s", "--seed", "3", "--json")
        done = run_aimon("loadtest", "quickstart.py", "--host", host, *options)
        assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {row["name"]: row["requests"] for row in report["by_name"]}
    assert set(rows) == {"/hello", "/world", "/item"}
    iterations = report["iterations"]
    # 3 s at 6.6 a second.
    assert iterations["ended"] == 20
    assert rows["/hello"]["sent"] + rows["/item"]["sent"] / 10 == 20
    failed, sent = rows["/item"]["sent"] * 3 // 10, rows["/item"]["sent"]
    assert rows["/item"]["by_outcome"] == {"ok": sent - failed, "bad_request": failed}
    assert iterations["by_outcome"]["bad_request"] == rows["/item"]["sent"] / 10
    # The server was asked for more by the logins, and by the first iteration.
    assert sum(asked.values()) == report["requests"]["sent"] + report["ended"]["uncounted"]
    assert asked["/login"] > 0
    lines = Counter((run_aimon.cwd / "seen.txt").read_text().split("\n"))
    assert (lines["start ScenarioRunner"], lines["stop True"], lines["quitting"]) == (1, 1, 1)
    assert {path: lines[f"GET {path}"] for path in rows} == {path: asked[path] for path in rows}
    assert lines["POST /login"] == asked["/login"]


def address(run: subprocess.Popen[str]) -> str:
    """Where the page is, once the run says so."""
    assert run.stderr is not None
    for line in run.stderr:
        if found := re.search(r"Locust's web page: (http://\S+)", line):
            return found[1]
    raise AssertionError("it never served a page")


def test_locusts_page_shows_the_numbers_of_the_report(run_aimon: Command) -> None:
    """Locust's page in Chromium shows statistics and failures by name; its stop button ends the run with a report."""
    (run_aimon.cwd / "shop.py").write_text(
        "from locust import task\nfrom aimon.loadtests import AIUser\n\n"
        "class Buyer(AIUser):\n    @task(3)\n    def ask(self):\n        self.chat('hi', name='question')\n"
        "    @task\n    def talk(self):\n        self.chat('hi', name='a turn')\n"
        "        self.chat('hi', name='last turn')\n"
    )
    with SimulatorProcess(Profile(ttft=0.03, tokens=3)) as sim, sync_playwright() as playwright:
        sim.set_faults("server_error:share=0.2")
        load = ["--rate", "20/s", "--duration", "10m", "--web", "127.0.0.1:0", "--json"]
        with run_aimon.start("loadtest", "shop.py", *target_flags(sim.base_url()), *load) as run:
            page_address = address(run)
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            page = browser.new_page()
            page.goto(page_address)
            row = page.get_by_role("row").filter(has_text="question")
            expect(row).to_be_visible(timeout=SOON * 1000)
            page.get_by_role("tab", name="Failures").click()
            expect(page.get_by_text("server_error").first).to_be_visible(timeout=SOON * 1000)
            page.get_by_role("tab", name="Statistics").click()
            stopping = page.expect_response(lambda answer: answer.url.endswith("/stop"))
            with stopping as stopped:
                page.get_by_role("button", name="Stop").click()
            assert stopped.value.ok
            # The page asks every two seconds, and the run waits for it.
            last = page.wait_for_event(
                "response",
                lambda answer: answer.url.endswith("/stats/requests") and answer.json()["state"] == "stopped",
                timeout=SOON * 1000,
            ).json()
            browser.close()
            out, said = run.communicate(timeout=SOON)
    report = json.loads(out)
    assert run.returncode == 130, said
    assert report["ended"]["why"] == "it was stopped on Locust's web page"
    shown = {entry["name"]: entry for entry in last["stats"]}
    expected = {row["name"]: row for row in report["by_name"]}
    assert set(shown) == {*expected, "Aggregated"}
    for name, row in expected.items():
        requests = row["requests"]
        assert shown[name]["num_requests"] == requests["sent"]
        assert shown[name]["num_failures"] == requests["sent"] - requests["ok"]
        # Where the client was late, the report withholds its maximum.
        most = (row["latency_from_schedule_s"] or {}).get("max")
        if most is not None:
            assert shown[name]["max_response_time"] == pytest.approx(most * 1e3, abs=1)
    assert shown["Aggregated"]["num_requests"] == report["requests"]["sent"]
    failures = {(error["name"], error["error"]): error["occurrences"] for error in last["errors"]}
    outcomes = {
        (name, outcome): count
        for name, row in expected.items()
        for outcome, count in row["requests"]["by_outcome"].items()
        if outcome != "ok"
    }
    assert failures == outcomes
