"""What `aimon probe` leaves behind, read by those whom it is for: promtool, a gateway, the history, a supervisor."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aimon.cli.exits import Stop
from aimon.cli.probe.command import _address
from aimon.metrics.pushgateway import Gateway
from aimon.metrics.pushgateway import push as push_bodies
from aimon.metrics.totals import Identity
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess
from command import AIMON
from one_endpoint import configure
from services import free_port, scrape, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command import Command
    from services import Pushgateway, Servers

QWEN = Identity("qwen", "sim-1", "custom", "test")


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider whose model thinks, and which reads from a cache."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001, reasoning=6, cached_share=0.5)) as running:
        yield running


@pytest.fixture
def simulator(provider: SimulatorProcess, tmp_path: Path) -> SimulatorProcess:
    """The provider as at the start, and the configuration that names it."""
    provider.reset()
    configure(tmp_path, provider)
    return provider


def samples(text: str, name: str, **labels: str) -> dict[str, float]:
    """The values of a metric, where these labels agree, by `le` or `outcome` if it has either."""
    return {
        sample.labels.get("le", sample.labels.get("outcome", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    }


def test_promtool_has_nothing_to_say(
    run_aimon: Command, simulator: SimulatorProcess, require_binary: Callable[[str], Path], tmp_path: Path
) -> None:
    """Neither an error nor lint is found in a textfile, with history or without."""
    promtool = require_binary("promtool")
    simulator.set_faults("overloaded:count=1")
    for state in ("sqlite", "none"):
        for code in (1, 0) if state == "sqlite" else (0,):
            assert run_aimon("probe", "--textfile", f"{state}.prom", "--state", state).returncode == code
        text = tmp_path.joinpath(f"{state}.prom").read_text()
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert samples(text, "ai_probe_success") == {"": 1}
    counted = samples(tmp_path.joinpath("sqlite.prom").read_text(), "ai_api_requests_total")
    assert {outcome: value for outcome, value in counted.items() if value} == {"overloaded": 1, "ok": 1}


def test_an_objective_has_a_bucket_of_its_own(run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """Calls on both sides of thresholds that no default bucket has: the shares are exact."""
    for fault in (None, "slow:seconds=0.6", "slow:seconds=1.5"):
        simulator.set_faults(*([fault] if fault else []))
        assert run_aimon("probe", "--textfile", "t.prom").returncode == 0
    text = tmp_path.joinpath("t.prom").read_text()
    ttft = samples(text, "ai_api_time_to_first_token_seconds_bucket")
    latency = samples(text, "ai_api_request_duration_seconds_bucket", status="success")
    assert (ttft["0.437"], ttft["+Inf"]) == (1, 3)
    assert (latency["1.234"], latency["+Inf"]) == (2, 3)
    for buckets in (ttft, latency):
        counts = [buckets[bound] for bound in sorted(buckets, key=float)]
        assert counts == sorted(counts)


def test_usage_is_the_same_wherever_it_is_read(run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """JSON, history and metrics have the tokens that the simulator counted, reasoning and cache apart."""
    done = run_aimon("probe", "--json", "--textfile", "t.prom")
    [record] = simulator.truth(wait=5).records
    shown = json.loads(done.stdout)
    assert shown["usage"].pop("implausible") == []
    assert shown["usage"] == {
        "input": record.input_tokens,
        "output": record.output_tokens,
        "cached_input": record.input_tokens // 2,
        "reasoning": 6,
        "source": "reported",
    }
    with History(Path(run_aimon.env["AIMON_STATE_DIR"]) / "history.db") as history:
        [kept] = history.recent(QWEN, 10)
    assert {name: getattr(kept.usage, name) for name in shown["usage"]} == shown["usage"]
    assert kept.cost == shown["cost"] == pytest.approx((2 * record.input_tokens + 8 * record.output_tokens) / 1e6)
    text = tmp_path.joinpath("t.prom").read_text()
    assert samples(text, "ai_token_usage_input_total") == {"": record.input_tokens}
    assert samples(text, "ai_token_usage_output_total") == {"": record.output_tokens}
    assert samples(text, "ai_token_usage_cached_input_total") == {"": record.input_tokens // 2}
    assert samples(text, "ai_token_usage_reasoning_total") == {"": 6}


@pytest.mark.parametrize("state", ["sqlite", "gateway"])
def test_an_unknown_cost_is_nowhere_zero(
    run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path, servers: Servers, state: str
) -> None:
    """Without a price there is no cost and no share of the budget, also where an earlier version had pushed 0."""
    price = "    prices: {input: 2, output: 8, currency: CNY}\n"
    text = tmp_path.joinpath("aimon.yaml").read_text()
    tmp_path.joinpath("aimon.yaml").write_text(text.replace(price, ""))
    gateway = servers.pushgateway()
    labels = (("job", "aimon-probe"), ("region", "test"), ("endpoint", "qwen"))
    before = b'# TYPE ai_api_cost_yuan_total counter\nai_api_cost_yuan_total{model="sim-1",provider="custom"} 0\n'
    push_bodies(Gateway.parse(gateway.url), {labels: before})
    for calls in (1, 2):
        done = run_aimon("probe", "--push", gateway.url, "--state", state)
        assert done.returncode == 0, done.stderr
        exposed = gateway.get("/metrics")
        assert "ai_api_cost_" not in exposed
        assert "ai_probe_budget_spent_ratio" not in exposed
        assert [sample.value for sample in gateway.samples("ai_probe_daily_budget")] == [5]
        assert [sample.value for sample in gateway.samples("ai_api_unpriced_calls_total")] == [calls]
        assert [sample.value for sample in gateway.samples("ai_api_priced_calls_total")] == [0]


def test_state_in_the_gateway_needs_no_disk(
    run_aimon: Command, simulator: SimulatorProcess, pushgateway: Pushgateway
) -> None:
    """Nowhere to write, as in a container with a read-only root: runs add up all the same."""
    nowhere = "/proc/no-such-folder"
    env = dict.fromkeys(("HOME", "AIMON_STATE_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR"), nowhere)
    how = ("probe", "--push", pushgateway.url)
    blind = run_aimon(*how, env=env)
    assert (blind.returncode, blind.stdout.startswith("qwen ok ")) == (3, True)
    assert f"{nowhere}/history.db: " in blind.stderr
    assert [sample.value for sample in pushgateway.samples("ai_probe_success")] == [1]
    assert pushgateway.samples("ai_api_requests_total") == []
    for _ in range(3):
        done = run_aimon(*how, "--state", "gateway", env=env)
        assert (done.returncode, done.stderr) == (0, "")
    counts = {sample.labels["outcome"]: sample.value for sample in pushgateway.samples("ai_api_requests_total")}
    assert {outcome: value for outcome, value in counts.items() if value} == {"ok": 3}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_a_call_under_way_ends_first(
    number: signal.Signals, code: int, run_aimon: Command, simulator: SimulatorProcess, pushgateway: Pushgateway
) -> None:
    """Told to stop in the middle of a call: it ends, is printed, recorded, and in the last push."""
    simulator.configure("sim", ttft=1.0)
    with run_aimon.start("probe", "--every", "60s", "--push", pushgateway.url) as process:
        wait_for(lambda: simulator.truth().in_flight == 1, what="the call under way")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert ("running probes finish first" in err) == (number is not signal.SIGTERM)
    assert out.count(" qwen ok latency ") == 1
    assert simulator.truth().by_outcome == {"ok": 1}
    [ok] = [sample for sample in pushgateway.samples("ai_api_requests_total") if sample.value]
    assert (ok.labels["outcome"], ok.value) == ("ok", 1)
    assert [sample.value for sample in pushgateway.samples("ai_api_requests_in_flight")] == [0]
    with History(Path(run_aimon.env["AIMON_STATE_DIR"]) / "history.db") as history:
        assert len(history.recent(QWEN, 10)) == 1


def test_a_second_interrupt_does_not_wait(run_aimon: Command, simulator: SimulatorProcess) -> None:
    """The call under way is dropped, and the shell is told that it was an interrupt."""
    simulator.set_faults("hang")
    with run_aimon.start("probe", "--every", "60s") as process:
        wait_for(lambda: simulator.truth().in_flight == 1, what="the call under way")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "Ctrl-C again to abort them" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


def test_prometheus_scrapes_with_a_token(
    run_aimon: Command, simulator: SimulatorProcess, servers: Servers, tmp_path: Path
) -> None:
    """`authorization.credentials_file` as in the documentation; another target without it is down."""
    secret = tmp_path / "token"
    secret.write_text("a-token-0123456789abcdef\n")
    port = free_port()
    with run_aimon.start(
        "probe", "--every", "60s", "--listen", f"127.0.0.1:{port}", "--listen-token-file", "token"
    ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("metrics: ").strip().removesuffix("/metrics")
        prometheus = servers.prometheus(
            [
                scrape("allowed", url, authorization={"credentials_file": str(secret)}),
                scrape("stranger", url),
            ]
        )
        prometheus.wait_until('ai_api_requests_total{job="allowed", outcome="ok"} == 1')
        prometheus.wait_until('up{job="stranger"} == 0')
        assert prometheus.query('{job="stranger", __name__=~"ai.*"}') == []
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/healthy", timeout=5) as answer:
            assert answer.read() == b"ok\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert secret.read_text().strip() not in out


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("short", ["--listen", "0.0.0.0:9464"], "--listen-token-file token: a token is one line of at least 16 "),
        (None, ["--listen", "0.0.0.0:9464"], "--listen-token-file token can't be read: No such file or directory\n"),
        ("0123456789abcdef", [], "--listen-token-file is for those who scrape: add --listen HOST:PORT\n"),
    ],
)
def test_a_token_that_is_none_starts_nothing(
    content: str | None,
    arguments: list[str],
    said: str,
    run_aimon: Command,
    simulator: SimulatorProcess,
    tmp_path: Path,
) -> None:
    """A malformed token is exit code 2 before a port is opened or a call is made."""
    if content is not None:
        tmp_path.joinpath("token").write_text(content)
    done = run_aimon("probe", "--every", "60s", "--listen-token-file", "token", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert simulator.truth().requests == 0


def test_a_token_makes_an_address_that_others_can_reach_acceptable() -> None:
    """A token or --no-auth allows an open address; without either the message names both."""
    address = "0.0.0.0:9464"
    assert _address(address, every="30s", public=True) == ("0.0.0.0", 9464)  # noqa: S104 - nothing is opened
    with pytest.raises(Stop) as stop:
        _address(address, every="30s", public=False)
    assert stop.value.message == (
        f"--listen {address}: others can reach that address, and the metrics have no password: "
        "add --listen-token-file FILE, or --no-auth if that is meant, or listen on 127.0.0.1"
    )


def recorded(run_aimon: Command) -> int:
    """How many Results the history has."""
    with History(Path(run_aimon.env["AIMON_STATE_DIR"]) / "history.db") as history:
        return len(history.recent(QWEN, 1000))


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_results_that_cannot_be_printed_are_recorded(
    how: list[str], run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """A full disk behind stdout: exit code 3 says so, and what was paid for is in history and textfile."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [AIMON, "probe", "--textfile", "t.prom", *how],
            env=run_aimon.env, cwd=run_aimon.cwd, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, "aimon: stdout can't be written: No space left on device\n")
    assert recorded(run_aimon) == simulator.truth(wait=5).requests == 1
    assert samples(tmp_path.joinpath("t.prom").read_text(), "ai_probe_success") == {"": 1}


def test_a_loop_whose_reader_has_gone_ends_in_order(run_aimon: Command, simulator: SimulatorProcess) -> None:
    """With `| head -1` the loop ends at its next line, which is recorded."""
    with run_aimon.start("probe", "--every", "1s") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert " qwen ok " in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 141
    assert recorded(run_aimon) == simulator.truth(wait=5).requests >= 2
