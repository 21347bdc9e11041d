"""The control endpoints: what they do, and what they say about a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimon.simulator import Control, SettingError
from rawhttp import Reply, ask, post, request

if TYPE_CHECKING:
    from aimon.simulator import Simulator


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "cut", "share": 0.5},
        [{"fault": "cut", "share": 0.5}],
        "cut:share=0.5",
        ["cut:share=50%"],
        {"rules": [{"fault": "cut", "share": 0.5}]},
        {"rules": ["cut:share=.5"], "mode": "replace"},
    ],
)
def test_rules_in_every_form(sim: Simulator, body: Any) -> None:
    """A rule may be an object or a text, alone, in a list, or in the full form."""
    sim.set_faults("hang")
    assert post(f"{sim.url}/_sim/faults", body).status == 200
    (rule,) = sim.faults()
    assert (rule["fault"], rule["share"], rule["struck"]) == ("cut", 0.5, 0)


def test_adding_and_clearing(sim: Simulator) -> None:
    """Rules can be added to those in force, and all removed."""
    sim.set_faults("cut")
    sim.add_faults("hang", "wrong")
    assert [rule["fault"] for rule in sim.faults()] == ["cut", "hang", "wrong"]
    sim.clear_faults()
    assert sim.faults() == []


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("faults", b"{", "the body is not JSON: Expecting property name enclosed in double quotes"),
        ("faults", {"fault": "cutt"}, "fault: unknown name 'cutt'; did you mean 'cut'?"),
        ("faults", {"rules": [], "mod": "add"}, "faults: unknown name 'mod'; did you mean 'mode'?"),
        ("faults", {"rules": [], "mode": "append"}, "mode: 'append' is not one of add, replace"),
        ("faults", [{"fault": "cut", "profile": "slwo"}], "rule, profile: unknown name 'slwo'; known: fast, "),
        ("faults", 5, 'a rule must be an object such as {"fault": "cut", "share": 0.1}, not 5'),
        ("config", {"ttft": 1}, 'config: must be an object such as {"profile": "slow", "ttft": 0.1}'),
        ("config", {"profile": "fats", "ttft": 1}, "profile: unknown name 'fats'; did you mean 'fast'?"),
        ("config", {"profile": "fast", "tttf": 1}, "profile fast: unknown name 'tttf'; did you mean 'ttft'?"),
        ("config", {"profile": "fast", "ttft": -1}, "ttft: must be at least 0, not -1"),
        ("config", {"profile": "fast", "name": "x"}, "name: is the address of a running provider"),
    ],
)
def test_mistakes(sim: Simulator, path: str, body: Any, message: str) -> None:
    """A mistake is a 400 that says what is wrong, and nothing has changed."""
    sim.set_faults("wrong")
    reply = post(f"{sim.url}/_sim/{path}", body)
    assert reply.status == 400
    assert reply.json["error"].startswith(message)
    assert [rule["fault"] for rule in sim.faults()] == ["wrong"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rest", "truth: unknown name 'rest'; did you mean 'reset'?"),
        ("limit=many", "limit: must be a number of at least 0, not 'many'"),
        ("wait=-1", "wait: must be a number of at least 0, not '-1'"),
        ("profile=fats", "profile: unknown name 'fats'; did you mean 'fast'?"),
    ],
)
def test_wrong_queries(sim: Simulator, query: str, message: str) -> None:
    """A wrong query is refused, and the answer says what to write instead."""
    reply = request("GET", f"{sim.url}/_sim/truth?{query}=" if "=" not in query else f"{sim.url}/_sim/truth?{query}")
    assert (reply.status, reply.json["error"]) == (400, message)


def test_configuration_takes_effect(sim: Simulator) -> None:
    """A change holds from the next request on, shows in the configuration, and ends with a reset."""
    sim.configure("fast", tokens=3, key="sk-new")
    assert ask(f"{sim.url}/fast", "openai-chat").status == 401
    shown = request("GET", f"{sim.url}/_sim/config").json["fast"]
    assert (shown["tokens"], shown["key"], shown["service_time"]) == (3, "****", pytest.approx(0.003))
    sim.reset()
    ask(f"{sim.url}/fast", "openai-chat")
    assert sim.truth().records[-1].output_tokens == 20


def test_new_limits_start_full(sim: Simulator) -> None:
    """A changed limit has a full bucket of its own."""
    sim.configure("fast", rpm=1)
    assert [ask(f"{sim.url}/fast", "openai-chat").status for _ in range(2)] == [200, 429]
    sim.configure("fast", rpm=2)
    assert ask(f"{sim.url}/fast", "openai-chat").status == 200


def test_health_names_the_profiles(sim: Simulator) -> None:
    """The health endpoint answers, and names the providers."""
    reply: Reply = request("GET", f"{sim.url}/_sim/health")
    assert reply.json["status"] == "ok"
    assert reply.json["profiles"][:2] == ["fast", "thinker"]


def test_control_by_url(sim: Simulator) -> None:
    """Whoever knows the URL can steer it; a refusal is the simulator's own message."""
    control = Control(sim.url + "/")
    control.set_faults({"fault": "overloaded", "count": 1})
    assert ask(f"{sim.url}/fast", "openai-chat").status == 503
    assert control.truth().by_fault == {"overloaded": 1}
    with pytest.raises(SettingError, match="did you mean 'overloaded'"):
        control.set_faults("overlaoded")
    with pytest.raises(LookupError, match="no ended request req_none"):
        control.record("req_none")


def test_control_requests_are_not_counted(sim: Simulator) -> None:
    """Steering leaves no trace in the account."""
    sim.set_faults("cut")
    sim.configure("fast", tokens=3)
    assert sim.truth().requests == 0
