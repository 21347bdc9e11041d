"""Endpoints that name no canary are asked the question of their dialect, and answers to it are judged right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aimon import config
from aimon.call.outcome import Outcome
from aimon.probes.probe import Prober
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result

DIALECTS = ("openai-completions", "rerank", "openai-images", "openai-speech", "openai-embeddings", "openai-models")


@pytest.fixture(name="sim", scope="module")
def sim_fixture() -> Iterator[SimulatorProcess]:
    """A provider of everything."""
    with SimulatorProcess(Profile(ttft=0.01, itl=0.001)) as running:
        yield running


def probed(sim: SimulatorProcess, dialect: str, **more: str) -> Result:
    """The Result of a probe with the endpoint's first canary."""
    flags = {"dialect": dialect, "base_url": sim.base_url(), "model": "m"}
    (endpoint,) = config.resolve(config.from_flags(**flags, **more))
    return asyncio.run(Prober().probe(endpoint, endpoint.canaries[0]))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_question_of_each_dialect(sim: SimulatorProcess, dialect: str) -> None:
    """The question of each dialect passes on a right answer and fails on a wrong one."""
    sim.clear_faults()
    result = probed(sim, dialect)
    assert (result.outcome, result.error) == (Outcome.OK, None)
    assert sim.truth(wait=5).records[-1].outcome == "ok"
    sim.set_faults("wrong_shape")
    assert probed(sim, dialect).outcome is Outcome.MALFORMED


@pytest.mark.parametrize(
    ("dialect", "text"),
    [("openai-completions", "Something else entirely."), ("rerank", "0 2 1")],
)
def test_a_wrong_answer_to_it(sim: SimulatorProcess, dialect: str, text: str) -> None:
    """A base model that does not go on with the pattern, and a ranking whose first document is a wrong one."""
    sim.set_faults("wrong")
    result = probed(sim, dialect)
    assert (result.outcome, result.text) == (Outcome.ANSWER_MISMATCH, text)
