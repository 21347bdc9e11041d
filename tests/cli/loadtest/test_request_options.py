"""`aimon loadtest` with headers, fields of the body, a time limit and answers of an exact length, at the simulator."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

pytestmark = pytest.mark.e2e

KEY = "gateway-key-0123456789abcdef"
KNOWING = Profile("knowing", vendor="vllm", key=KEY, tokens=5, ttft=0.01, itl=0.001)
IGNORANT = Profile("ignorant", key=KEY, tokens=5, ttft=0.01, itl=0.001)


@pytest.fixture(scope="module")
def sim() -> Iterator[SimulatorProcess]:
    """An inference server that takes min_tokens, and a server that passes over it; both ask for a key."""
    with SimulatorProcess(KNOWING, IGNORANT) as running:
        yield running


def run(run_aimon: Command, base_url: str, out: Path) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    """Six calls with every option; the report, the calls, and all that was written anywhere."""
    where = ["--preset", "vllm", "--base-url", base_url, "--model", "m"]
    options = ["--header", "x-api-key: ${GATEWAY_KEY}", "--extra-body", '{"user": "load"}', "--timeout", "20s"]
    load = ["--exact-output", "--output-tokens", "30", "--concurrency", "2", "--requests", "6"]
    outputs = ["--out", str(out), "--results", "--json"]
    done = run_aimon("loadtest", *where, *options, *load, *outputs, env={"GATEWAY_KEY": KEY})
    assert done.returncode == 0, done.stderr
    calls = gzip.decompress((out / "results.jsonl.gz").read_bytes())
    written = [path.read_bytes() for path in out.iterdir() if path.suffix != ".gz"]
    everything = b"".join(written) + calls + done.stdout.encode() + done.stderr.encode()
    return json.loads(done.stdout), [json.loads(line) for line in calls.splitlines()], everything


def test_headers_body_and_exact_lengths_reach_the_server(
    run_aimon: Command, sim: SimulatorProcess, tmp_path: Path
) -> None:
    """Every answer has the tokens asked for; the key in a header is accepted, and shown nowhere, even if repeated."""
    sim.set_faults({"fault": "header_echo", "profile": "knowing"})
    report, calls, everything = run(run_aimon, sim.base_url("knowing"), tmp_path / "out")
    truth = sim.truth(wait=10, profile="knowing").records
    assert [record.output_tokens for record in truth] == [30] * 7
    assert {record.key_sent for record in truth} == {True}
    assert report["tokens"]["output"] == 6 * 30
    assert report["notes"] == []
    request = report["config"]["request"]
    assert request["headers"] == {"x-api-key": "${GATEWAY_KEY}"}
    assert (request["extra_body"], request["timeout"], request["exact_output"]) == ({"user": "load"}, 20.0, True)
    assert len(calls) == 6
    assert KEY.encode() not in everything


def test_answers_shorter_than_asked_are_noted(run_aimon: Command, sim: SimulatorProcess, tmp_path: Path) -> None:
    """If a server ignores min_tokens, the report says how many answers are short; errors do not repeat the key."""
    sim.set_faults({"fault": "event_echo", "profile": "ignorant", "count": 3})
    report, calls, everything = run(run_aimon, sim.base_url("ignorant"), tmp_path / "out")
    failed = [call["error"] for call in calls if call["outcome"] != "ok"]
    assert (
        failed == ["An upstream server refused the key ****"] * 2
    )  # the first call, which is not counted, was another
    assert report["notes"] == ["4 of 4 answers were shorter than --exact-output asked for: the server stopped before"]
    assert KEY.encode() not in everything
