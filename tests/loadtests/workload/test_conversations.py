"""Conversations of several turns: histories of real answers, and which one goes on next."""

from __future__ import annotations

import asyncio
import json
import statistics
from typing import TYPE_CHECKING

from aimon.call.call import Message, Target
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Endpoint
from aimon.loadtests.workload import Source, Tokens, WorkItem, Workload, mean_tokens, open_source
from aimon.loadtests.workload.conversations import Conversations
from aimon.loadtests.workload.source import Turn
from aimon.probes import transport
from aimon.simulator.model.profile import Profile
from aimon.simulator.model.text import count_tokens
from aimon.simulator.process import SimulatorProcess
from results import a_result

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = Endpoint(Target("e", "p", "openai-chat", "http://127.0.0.1/v1", "m"), ())


def conversations(turns: int, **where: int) -> Source:
    """Synthetic ones of 20 tokens a question and 10 an answer."""
    return open_source(ENDPOINT, Workload(turns=turns, prompt_tokens="20", output_tokens="10"), **where)


def roles(ask: WorkItem) -> str:
    """The roles of its messages by their first letters."""
    return "".join(message.role[0] for message in ask.call.messages)


def test_the_history_is_what_was_really_said(tmp_path: Path) -> None:
    """Each turn carries all before it, as the simulator counts, with its own answers in place of the recorded ones."""
    file = tmp_path / "d.jsonl"
    remarks = [("human", "Reply with exactly: alpha"), ("gpt", "recorded"), ("human", "Reply with exactly: beta beta")]
    recorded = [{"from": speaker, "value": value} for speaker, value in remarks]
    file.write_text(json.dumps({"conversations": [*recorded, {"from": "human", "value": "And then?"}]}))
    with SimulatorProcess(Profile(tokens=3)) as sim:
        endpoint = Endpoint(Target("e", "p", "openai-chat", sim.base_url(), "m"), ())
        source = open_source(endpoint, Workload(dataset=str(file)))
        for _ in range(3):
            ask = source.next_item()
            result = asyncio.run(transport.perform(ask.call, endpoint.transport))
            source.on_result(ask, result)
        received = [record.input_tokens for record in sim.truth(wait=10).records]
    assert ask.call.messages == (
        Message("user", "Reply with exactly: alpha"),
        Message("assistant", "alpha"),
        Message("user", "Reply with exactly: beta beta"),
        Message("assistant", "beta beta"),
        Message("user", "And then?"),
    )
    assert (result.outcome, result.text) == (Outcome.OK, "the rain in")
    said = [count_tokens(message.content) for message in ask.call.messages]
    assert received == [sum(said[:1]), sum(said[:3]), sum(said)]
    assert roles(source.next_item()) == "u"


def test_synthetic_turns() -> None:
    """The first begins with a nonce, every one has the length asked for, and the last ends the conversation."""
    source = conversations(3)
    ask = source.next_item()
    opening = ask.call.messages
    for text in ("one", "two"):
        source.on_result(ask, a_result(text=text))
        ask = source.next_item()
    assert ask.call.messages[:1] == opening
    assert [message.content for message in ask.call.messages[1::2]] == ["one", "two"]
    # The request has six tokens in five words.
    assert [len(message.content.split()) + 1 for message in ask.call.messages[2::2]] == [20, 20]
    assert ask.call.max_tokens == 10
    source.on_result(ask, a_result(text="three"))
    following = source.next_item()
    assert roles(following) == "u"
    assert following.call.messages != opening


def test_the_longest_waiting_goes_on_first() -> None:
    """Conversations go on in the order of their answers; one without an answer does not go on."""
    source = conversations(2)
    asks = [source.next_item() for _ in range(4)]
    for k in (2, 0, 3):
        source.on_result(asks[k], a_result(text=f"answer {k}"))
    going_on = [source.next_item() for _ in range(3)]
    assert [ask.call.messages[0] for ask in going_on] == [asks[k].call.messages[0] for k in (2, 0, 3)]
    assert [ask.call.messages[1].content for ask in going_on] == ["answer 2", "answer 0", "answer 3"]
    assert roles(source.next_item()) == "u"


def test_a_failed_turn_ends_its_conversation() -> None:
    """There is no answer to go on from."""
    source = conversations(2)
    source.on_result(source.next_item(), a_result(Outcome.OVERLOADED, text="half an ans"))
    source.on_result(source.next_item(), a_result(text=None))
    assert [roles(source.next_item()) for _ in range(2)] == ["u", "u"]


def test_no_more_conversations_than_calls_in_flight() -> None:
    """With 8 calls at a time there are at most 8 conversations, however long they are."""
    source = conversations(5)
    in_flight = [source.next_item() for _ in range(8)]
    openings = set()
    for _ in range(100):
        for ask in in_flight:
            openings.add(ask.call.messages[0].content)
            source.on_result(ask, a_result(text="fine"))
        in_flight = [source.next_item() for _ in range(8)]
    assert len(openings) == 8 * 100 / 5


def test_the_mean_is_that_of_all_turns() -> None:
    """Prompts grow by what was said, if every answer is as long as it may be."""
    source = conversations(4)
    said = []
    for _ in range(4):
        ask = source.next_item()
        questions = len(ask.call.messages[::2])
        said.append(20 * questions + 10 * (questions - 1))
        source.on_result(ask, a_result(text="fine"))
    assert mean_tokens(source).prompt == statistics.mean(said) == 65
    assert mean_tokens(source).answer == 10


def test_lengths_do_not_depend_on_when_answers_come() -> None:
    """Conversation k of a worker and seed has the same lengths, whatever the order of answers."""
    spec = Workload(turns=3, prompt_tokens="U(14,200)", output_tokens="U(1,100)")

    def lengths(order: list[int]) -> dict[int, list[tuple[int, int]]]:
        source = open_source(ENDPOINT, spec, seed=4)
        asks = {k: source.next_item() for k in range(3)}
        found: dict[int, list[tuple[int, int]]] = {k: [] for k in asks}
        for _ in range(3):
            for k in order:
                ask = asks[k]
                found[k].append((len(ask.call.messages[-1].content.split()), ask.call.max_tokens))
                source.on_result(ask, a_result(text="fine"))
                asks[k] = source.next_item()
        return found

    assert lengths([2, 0, 1]) == lengths([0, 1, 2])


def test_a_turn_waits_for_its_delay() -> None:
    """Another conversation begins meanwhile, and the waiting one goes on as soon as its time has come."""
    now = 100.0
    turns = (Turn((Message("user", "one"),), 5), Turn((Message("user", "two"),), 5))
    source = Conversations(ENDPOINT, lambda: turns, Tokens(1, 1), delay=2.0, clock=lambda: now)
    source.on_result(source.next_item(), a_result(text="fine"))
    now = 101.9
    assert roles(source.next_item()) == "u"
    now = 102.0
    assert roles(source.next_item()) == "uau"
    assert open_source(ENDPOINT, Workload(turns=2, turn_delay=3.0)).next_item().turn == 1
