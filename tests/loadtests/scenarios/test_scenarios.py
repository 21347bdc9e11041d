"""The scenarios that ship: what they send is what the simulator received, by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.loadtests.workload.questions import document, question
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command

SCENARIOS = Path(__file__).parents[3] / "loadtests" / "scenarios"
NAMES = {"agent", "chat", "conversation", "long_context", "mix", "rag"}
SMALL = ("document_tokens=300", "thinking=0.05", "turns=3", "passages=2", "passage_tokens=50")


# Ends a run of Locust after six calls: three conversations, between which users wait for seconds.
UNTIL_SIX = """
import gevent
from locust import events

ended = []

@events.request.add_listener
def count(name, **_):
    ended.append(name)
    if len(ended) == 6:
        gevent.spawn(environment.runner.quit)  # not in the greenlet of a user, which it ends

@events.init.add_listener
def keep(environment, **_):
    globals()["environment"] = environment
"""


@pytest.fixture(name="sim", scope="module")
def sim_fixture() -> Iterator[SimulatorProcess]:
    """A model, a larger one, and one for vectors."""
    fast: dict[str, Any] = {"ttft": 0.01, "itl": 0.001, "tokens": 4}
    with SimulatorProcess(*(Profile(name, **fast) for name in ("model", "large", "vectors"))) as running:
        yield running


def configure(run_aimon: Command, sim: SimulatorProcess) -> None:
    """An endpoint for each provider of the simulator."""
    dialects = {"model": "openai-chat", "large": "openai-chat", "vectors": "openai-embeddings"}
    rows = [
        f"  - {{name: {name}, dialect: {dialect}, base_url: {sim.base_url(name)}, model: m}}\n"
        for name, dialect in dialects.items()
    ]
    (run_aimon.cwd / "aimon.yaml").write_text("endpoints:\n" + "".join(rows))


def run(run_aimon: Command, sim: SimulatorProcess, *arguments: str) -> tuple[dict[str, Any], Counter[str]]:
    """The report of a run, and its calls by name."""
    configure(run_aimon, sim)
    sim.truth(wait=10, reset=True)
    given = [part for text in SMALL for part in ("--set", text) if text.partition("=")[0] in arguments[0]]
    done = run_aimon("loadtest", *arguments[1:], *given, "--json", "-q")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return report, Counter({row["name"]: row["requests"]["sent"] for row in report["by_name"]})


@pytest.mark.e2e
def test_all_of_them_under_a_profile(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Vectors, tools, turns and documents: the simulator's own records have as many of each, with the same tokens."""
    asked = "document_tokens thinking turns passages passage_tokens"
    file = str(Path(__file__).with_name("every.py"))
    load = ("--profile", "ramp", "--rate", "20/s", "--duration", "3s")
    report, sent = run(run_aimon, sim, asked, file, "model", "vectors", *load)
    truth = sim.truth(wait=10)
    # The first iteration is not counted, and its calls are those that the counts leave out.
    extra = report["ended"]["uncounted"]
    assert report["requests"]["by_outcome"] == {"ok": sent.total()}
    assert truth.requests == sent.total() + extra
    vectors = [record for record in truth.records if record.dialect == "openai-embeddings"]
    called = [record for record in truth.records if record.finish == "tool_calls"]
    assert 0 <= len(vectors) - sent["embed"] <= extra
    assert 0 <= len(called) - sent["step 1"] <= extra
    assert sent["embed"] == sent["answer"] > 0
    assert sent["step 1"] == sent["step 2"] > 0
    assert sent["turn 1"] == sent["turn 2"] == sent["turn 3"] > 0
    assert sent["question"] > 0
    assert sent["new document"] + sent["shared document"] > 0
    assert set(sent) <= {
        "embed", "answer", "step 1", "step 2", "turn 1", "turn 2", "turn 3", "question", "new document",
        "shared document",
    }  # fmt: skip
    tokens = report["tokens"]
    assert tokens["output"] <= truth.output_tokens
    assert tokens["input"] <= truth.input_tokens
    tools = next(row for row in report["by_name"] if row["name"] == "step 1")
    assert (tools["ttft_s"], tools["first_output_s"]["count"]) == (None, sent["step 1"])


@pytest.mark.e2e
def test_a_mix_over_two_endpoints_with_a_master_and_two_workers(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Each endpoint gets the calls that are its own, and the weights are kept."""
    load = ("--rate", "40/s", "--duration", "3s", "--processes", "2", "--set", "chat=3", "--set", "long_context=1")
    report, sent = run(run_aimon, sim, "document_tokens", "--scenario", "mix", "model", "large", *load)
    truth = sim.truth(wait=10)
    extra = report["ended"]["uncounted"]
    assert (report["workers"], report["requests"]["by_outcome"]) == (2, {"ok": 120})
    assert truth.requests == 120 + extra
    assert 0 <= truth.by_profile["model"] - sent["question"] <= extra
    assert 0 <= truth.by_profile["large"] - sent["new document"] - sent["shared document"] <= extra
    # 90 of 120 are expected; the standard deviation is 4.7.
    assert 66 <= sent["question"] <= 114


@pytest.mark.e2e
def test_a_scenario_under_locusts_own_command(run_aimon: Command, sim: SimulatorProcess) -> None:
    """The endpoint and the values come from the environment."""
    configure(run_aimon, sim)
    sim.truth(wait=10, reset=True)
    environment = {"AIMON_ENDPOINT": "model", "AIMON_SET_THINKING": "0.01", "AIMON_SET_TURNS": "2"}
    (run_aimon.cwd / "until.py").write_text(UNTIL_SIX)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("locust"), "-f", f"{SCENARIOS / 'conversation.py'},until.py", "--headless",
            "-u", "3", "-r", "3", "-t", "60s", "--only-summary",
        ],
        env=run_aimon.env | environment, cwd=run_aimon.cwd, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sim.truth(wait=10).by_outcome == {"ok": 6}
    assert "turn 2" in done.stderr + done.stdout


def test_the_list_is_what_ships_and_what_is_documented() -> None:
    """Each is readable: about thirty lines, with a first line that says what it is, and a row in the documentation."""
    files = {path.stem: path.read_text(encoding="utf-8") for path in SCENARIOS.glob("[a-z]*.py")}
    assert set(files) == NAMES
    page = (SCENARIOS.parents[1] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    for name, text in files.items():
        assert len(text.splitlines()) <= 45, name
        assert f"| `{name}` |" in page
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        asked = [part.split('"')[1] for part in text.split("setting(")[1:]]
        assert [each for each in asked if f"`{each}`" not in row and each not in ("model", "embeddings")] == []


def test_questions_and_documents_have_the_length_that_is_asked_for() -> None:
    """Questions are all different, and documents are the same unless another one is asked for."""
    assert question(40) != question(40)
    assert len(document(500).split()) == 500
    assert document(500) == document(500) != document(500, number=7)
    assert len(document(500, number=7).split()) == 500
