"""The metrics of a load test while it runs: scraped, pushed, and what Prometheus makes of them over several runs."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.cli.loadtest.progress import push as loadpush
from aimon.cli.loadtest.progress.live import Live
from aimon.dashboards.boards import loadtest
from aimon.loadtests.protocol import progress_lines
from aimon.metrics import exposition
from aimon.metrics.pushgateway import Gateway, push
from aimon.metrics.totals import Totals
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from dashboard_files import interpolated
from moments import ENDPOINT, a_moment, a_report, totals
from results import QWEN, a_result
from services import free_port, scrape, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimon.loadtests.protocol.progress import Progress
    from command import Command
    from services import Prometheus, Pushgateway, Servers

REQUESTS = "ai_api_requests_total"
CALLS = f'sum({REQUESTS}{{job="aimon-loadtest"}})'


class Run:
    """A run that tells what the test has it tell, and whoever follows it."""

    def __init__(self, **options: Any) -> None:
        common: dict[str, Any] = {"profile": "steady", "quiet": False, "plain": True, "listen": None, "push": None}
        self.live = Live(endpoint=ENDPOINT, **(common | options))
        read, write = os.pipe()
        self._pipe = os.fdopen(write, "wb", buffering=0)
        self._records = os.fdopen(read, "rb")
        self._thread = Thread(target=self.live.follow, args=(self._records,))
        self._thread.start()

    def tell(self, record: Progress | progress_lines.FinalReport) -> None:
        """Says how it goes."""
        self._pipe.write(progress_lines.encode(record))

    def end(self) -> None:
        """Says no more, and waits until that is known."""
        self._pipe.close()
        self._thread.join()
        self._records.close()


@contextmanager
def running(**options: Any) -> Iterator[Run]:
    """A run that ends with the block."""
    run = Run(**options)
    try:
        with run.live:
            try:
                yield run
            finally:
                run.end()
    finally:
        run.end()


def samples(text: str, *names: str) -> dict[str, float]:
    """The values of series of these names, by name and the labels that tell them apart."""
    found = {}
    for line in text.splitlines():
        if line.startswith(names):
            series, value = line.rsplit(" ", 1)
            found[series] = float(value)
    return found


def calls(gateway: Pushgateway) -> dict[str, float]:
    """The calls that the gateway knows of, by outcome, as far as there were any."""
    return {sample.labels["outcome"]: sample.value for sample in gateway.samples(REQUESTS) if sample.value}


def value(gateway: Pushgateway, name: str) -> float | None:
    """A gauge of the endpoint in the gateway."""
    found = gateway.samples(f"ai_loadtest_{name}")
    assert all(sample.labels["job"] == "aimon-loadtest" for sample in found)
    assert all(sample.labels["region"] == QWEN.region for sample in found)
    return found[0].value if found else None


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushes are closer together than in life."""
    monkeypatch.setattr(loadpush, "PERIOD", 0.1)


@pytest.mark.requires_binary("promtool")
def test_a_scrape_while_it_runs(require_binary: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the version before the run has told anything; then what it told last; promtool has no complaint."""
    with running(listen="127.0.0.1:0") as run:
        url = capsys.readouterr().err.strip().removeprefix("metrics: ")

        def page() -> str:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - it is http
                assert response.headers["Content-Type"] == exposition.CONTENT_TYPE
                return str(response.read().decode())

        assert [line.split("{")[0] for line in page().splitlines() if line[0] != "#"] == ["aimon_build_info"]
        for ok, refused, in_flight in ((0, 0, 3), (40, 2, 12)):
            run.tell(a_moment(in_flight=in_flight, totals=totals(ok, refused), slo=a_report()["slo"]))
            text = wait_for(page, lambda text, n=in_flight: f" {n}.0\n" in text)  # type: ignore[misc]  # a default
            counted = samples(text, REQUESTS)
            assert sum(counted.values()) == ok + refused
            assert sum(number for series, number in counted.items() if 'outcome="rate_limited"' in series) == refused
            assert [*samples(text, "ai_api_request_duration_seconds_count").values()] == [ok, refused]
        linted = subprocess.run(
            [require_binary("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False
        )
        assert (linted.stdout, linted.stderr) == (b"", b"")
        assert [*samples(text, "ai_loadtest_target", "ai_loadtest_achieved").values()] == [40.0, 40.1]
        assert [*samples(text, "ai_loadtest_slo_met").values()] == [1.0, 0.0]


def status(url: str, token: str | None) -> int:
    """What a scrape with that token is answered."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:  # noqa: S310 - it is http
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_a_scrape_needs_the_token_if_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """A scrape without the token, or with another one, gets 401."""
    token = "a-token-of-sixteen-or-more"
    with running(listen="127.0.0.1:0", token=token):
        url = capsys.readouterr().err.strip().removeprefix("metrics: ")
        assert status(url, token) == 200
        assert status(url, "another-token-of-that-size") == status(url, None) == 401


def test_an_address_that_cannot_be_listened_on_is_said_before_any_call() -> None:
    """An address that is in use, malformed or open to others is refused before any call."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Stop) as stop, running(listen=address):
            pass
    assert (stop.value.code, stop.value.message) == (
        UNABLE,
        f"--listen {address}: the port is in use: choose another, or 0 for any that is free",
    )
    with pytest.raises(Stop, match="write HOST:PORT") as stop, running(listen="9464"):
        pass
    assert stop.value.code == USAGE
    with pytest.raises(Stop, match="or --no-auth if that is meant") as stop, running(listen="192.0.2.1:0"):
        pass
    assert stop.value.code == USAGE
    for allowed in ({"no_auth": True}, {"token": "a-token-of-sixteen-or-more"}):
        with pytest.raises(Stop, match="this machine has no such address"), running(listen="192.0.2.1:0", **allowed):
            pass
    with pytest.raises(Stop, match="--push: not an http:// or https:// address") as stop, running(push="ftp://x"):
        pass
    assert stop.value.code == USAGE


@pytest.mark.usefixtures("hurried")
def test_pushes_during_the_run_and_at_its_end(pushgateway: Pushgateway) -> None:
    """The first push has series at 0, the last one the result; then nothing is in flight."""
    with running(push=pushgateway.url) as run:
        run.tell(a_moment(in_flight=1, totals=totals(0)))
        wait_for(lambda: value(pushgateway, "in_flight"), lambda number: number == 1)
        born = pushgateway.samples(REQUESTS)
        assert {sample.labels["outcome"] for sample in born} >= {"ok", "rate_limited", "timeout_total"}
        assert sum(sample.value for sample in born) == 0
        run.tell(a_moment(in_flight=12, totals=totals(7, 2)))
        wait_for(lambda: value(pushgateway, "in_flight"), lambda number: number == 12)
        assert calls(pushgateway) == {"ok": 7, "rate_limited": 2}
        info = pushgateway.samples("ai_loadtest_run_info")[0].labels
        run.tell(progress_lines.FinalReport(report=a_report(capacity={"rate": 23.5}), totals=totals(9, 2)))
    assert calls(pushgateway) == {"ok": 9, "rate_limited": 2}
    assert value(pushgateway, "in_flight") == 0
    assert value(pushgateway, "achieved_requests_per_second") == 39.9
    assert value(pushgateway, "capacity_requests_per_second") == 23.5
    assert [sample.labels for sample in pushgateway.samples("ai_loadtest_run_info")] == [info]
    assert run.live.push_problem is None


def test_a_run_without_a_report_is_not_left_in_flight(pushgateway: Pushgateway) -> None:
    """If the process of a run is killed, its last values stay and nothing is in flight."""
    with running(push=pushgateway.url) as run:
        run.tell(a_moment(in_flight=12, totals=totals(7)))
    assert value(pushgateway, "in_flight") == 0
    assert value(pushgateway, "target_requests_per_second") == 40
    assert calls(pushgateway) == {"ok": 7}


def test_a_run_that_told_nothing_pushes_nothing(pushgateway: Pushgateway) -> None:
    """A run that failed before it began leaves the metrics of the run before."""
    with running(push=pushgateway.url) as run:
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(3)))
    with running(push=pushgateway.url):
        pass
    assert calls(pushgateway) == {"ok": 3}


def test_a_capacity_outlives_other_load_tests(pushgateway: Pushgateway) -> None:
    """A measured capacity stays until the next search; objectives and rates are those of the last run."""
    with running(push=pushgateway.url) as run:
        found = {"capacity": {"rate": 23.5}, "limits": {"requests_per_s": 8.3, "tokens_per_min": 60_000.0}}
        run.tell(progress_lines.FinalReport(report=a_report(**found), totals=totals(1)))
    with running(push=pushgateway.url) as run:
        run.tell(a_moment(totals=totals(0)))
        run.tell(
            progress_lines.FinalReport(report=a_report(slo=[], rate={"asked": None, "achieved": 3.0}), totals=totals(1))
        )
    assert value(pushgateway, "capacity_requests_per_second") == 23.5
    assert value(pushgateway, "limit_requests_per_second") == 8.3
    assert value(pushgateway, "limit_tokens_per_minute") == 60_000
    assert value(pushgateway, "target_requests_per_second") is None
    assert value(pushgateway, "slo_met") is None
    with running(push=pushgateway.url) as run:
        run.tell(progress_lines.FinalReport(report=a_report(capacity={"rate": 30.0}), totals=totals(1)))
    assert value(pushgateway, "capacity_requests_per_second") == 30


@pytest.mark.usefixtures("hurried")
def test_a_gateway_that_is_down_does_not_end_the_run(
    pushgateway: Pushgateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreachable gateway is reported once, and its return once; in the end it has every count."""
    pushgateway.stop()
    with running(push=f"http://user:secret-password@127.0.0.1:{pushgateway.port}") as run:
        run.tell(a_moment(totals=totals(1)))
        problem = wait_for(lambda: run.live.push_problem)
        assert problem is not None
        assert "does not answer (Connection refused)" in problem
        pushgateway.start()
        wait_for(lambda: run.live.push_problem, lambda problem: problem is None)
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(5)))
    assert run.live.push_problem is None
    assert calls(pushgateway) == {"ok": 5}
    said = capsys.readouterr().err
    assert said.count("does not answer") == 1
    assert said.count("the Pushgateway takes pushes again") == 1
    assert "secret-password" not in said + problem


def test_a_gateway_that_is_down_at_the_end_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway that is down at the end is returned as a problem, and not printed."""
    with running(push=f"http://127.0.0.1:{free_port()}") as run:
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(5)))
    assert run.live.push_problem is not None
    assert run.live.push_problem.endswith("(Connection refused): is it running, and is the address right?")
    assert capsys.readouterr().err == ""


def test_what_cannot_be_pushed_is_owned_up_to() -> None:
    """Totals that are none: a problem, and not a thread that dies in silence."""
    with running(push=f"http://127.0.0.1:{free_port()}") as run:
        run.tell(a_moment(totals={"counters": 5}))
    assert run.live.push_problem == "this is a bug in aimon: nothing was pushed: KeyError: 'bounds'"


@pytest.fixture
def prometheus(servers: Servers, pushgateway: Pushgateway) -> Prometheus:
    """A Prometheus that scrapes the gateway twice a second."""
    started = servers.prometheus([scrape("gateway", pushgateway.url, honor_labels=True)])
    started.wait_until("up == 1")
    return started


@pytest.mark.e2e
@pytest.mark.usefixtures("hurried")
def test_prometheus_counts_every_call_of_every_run_once(prometheus: Prometheus, pushgateway: Pushgateway) -> None:
    """Three runs in one group, of which Prometheus sees the second at its end alone, with more calls than the first.

    Had that one begun at 0 again, 150 calls after 100 would have looked like 50.
    """
    with running(push=pushgateway.url) as run:
        run.tell(a_moment(totals=totals(0)))
        prometheus.wait_until(f"{CALLS} == 0")
        run.tell(a_moment(totals=totals(60)))
        prometheus.wait_until(f"{CALLS} == 60")
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(90, 10)))
    prometheus.wait_until(f"{CALLS} == 100")
    with running(push=pushgateway.url) as run:
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(150)))
    prometheus.wait_until(f"{CALLS} == 250")
    with running(push=pushgateway.url) as run:
        run.tell(a_moment(totals=totals(0)))
        prometheus.wait_for_scrape()
        run.tell(a_moment(totals=totals(20)))
        prometheus.wait_until(f"{CALLS} == 270")
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(20, 20)))
    prometheus.wait_until(f"{CALLS} == 290")
    prometheus.wait_for_scrape()
    assert prometheus.value(f"sum(resets({REQUESTS}[5m]))") == 0
    # increase() extrapolates; the difference does not.
    rose = f"max_over_time({REQUESTS}[5m]) - min_over_time({REQUESTS}[5m])"
    by_outcome = prometheus.query(f"sum by (outcome) ({rose}) > 0")
    assert {sample.labels["outcome"]: sample.value for sample in by_outcome} == {"ok": 260, "rate_limited": 30}
    assert prometheus.value(f"sum({rose.replace(REQUESTS, 'ai_api_request_duration_seconds_count')})") == 290
    assert prometheus.value(f"sum(increase({REQUESTS}[5m]))") == pytest.approx(290, rel=0.05)


@pytest.mark.e2e
@pytest.mark.usefixtures("hurried")
def test_every_panel_of_the_board_has_something_to_show(prometheus: Prometheus, pushgateway: Pushgateway) -> None:
    """While a run goes on that follows a search for capacity and limits."""
    limits = {"requests_per_s": 8.3, "tokens_per_min": 60_000.0}
    with running(push=pushgateway.url) as run:
        run.tell(
            progress_lines.FinalReport(report=a_report(capacity={"rate": 23.5}, limits=limits), totals=totals(1, 1))
        )
    with running(push=pushgateway.url) as run:
        for number in range(4):
            run.tell(a_moment(users=64, slo=a_report()["slo"], totals=totals(10 * number, number)))
            prometheus.wait_until(f"{CALLS} == {2 + 11 * number}")
            prometheus.wait_for_scrape()
        empty = {
            panel.title.en: query.expr
            for row in loadtest.board("CNY").rows
            for panel in row.panels
            for query in panel.queries
            if not prometheus.query(interpolated(query.expr, job="aimon-loadtest"))
        }
    assert empty == {}


def test_histograms_go_on_where_their_boundaries_were_others(pushgateway: Pushgateway) -> None:
    """A threshold that has gone since: its bucket is counted in the next one."""
    before = Totals()
    before.declare(QWEN, thresholds={"ai_api_request_duration_seconds": [1.25]})
    before.observe(a_result(end=1.2))
    bodies = exposition.push_bodies(before, None, job="aimon-loadtest", region=QWEN.region)
    push(Gateway.parse(pushgateway.url), bodies)
    with running(push=pushgateway.url) as run:
        run.tell(progress_lines.FinalReport(report=a_report(), totals=totals(3)))
    assert calls(pushgateway) == {"ok": 4}
    buckets = {
        sample.labels["le"]: sample.value
        for sample in pushgateway.samples("ai_api_request_duration_seconds_bucket")
        if sample.labels["status"] == "success"
    }
    assert (buckets["1"], buckets["2"], buckets["+Inf"]) == (0, 4, 4)


@pytest.mark.e2e
def test_what_is_pushed_is_what_the_simulator_did(pushgateway: Pushgateway, run_aimon: Command) -> None:
    """Two runs of the command, one of them on two processes: every call is counted once, the first and all others."""
    with SimulatorProcess(Profile(rpm=1200, burst=0.5, ttft=0.02)) as sim:
        where = [*target_flags(sim.base_url()), "--push", pushgateway.url]
        for load in (
            ["--rate", "40/s", "--duration", "2s"],
            ["--concurrency", "4", "--requests", "90", "--processes=2"],
        ):
            done = run_aimon("loadtest", *where, *load)
            assert done.returncode == 0, done.stderr
            truth = dict(sim.truth(wait=10, limit=0).by_outcome)
            assert truth["rate_limited"] > 0
            assert calls(pushgateway) == truth
            assert pushgateway.samples("ai_loadtest_in_flight")[0].value == 0
    assert len(pushgateway.samples("ai_loadtest_run_info")) == 1
