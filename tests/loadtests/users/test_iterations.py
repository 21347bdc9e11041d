"""Iterations of Locust users: where they begin and end, what they count, and which tasks and users they are of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "support" / "processes" / "scenario_program.py"


@pytest.fixture(name="cases", scope="module")
def cases_fixture() -> dict[str, Any]:
    """What the program's workers counted, by case."""
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_tasks_are_chosen_by_their_weights(cases: dict[str, Any]) -> None:
    """1000 iterations are divided 600 : 300 : 100, within the 99.9 % quantile of χ² with 2 degrees of freedom."""
    found = cases["weighted"]
    counts = [found["by_name"][name] for name in ("a", "c", "d")]
    assert (sum(counts), found["outcomes"], found["points"]) == (1000, {"ok": 1000}, 1000)
    assert found["by_name"]["b"] == found["by_name"]["a"]
    chi2 = sum((count - expected) ** 2 / expected for count, expected in zip(counts, (600, 300, 100), strict=True))
    assert chi2 < 13.8


def test_classes_are_chosen_by_their_weights(cases: dict[str, Any]) -> None:
    """600 arrivals are divided 400 : 200 by weight, within the 99.9 % quantile of χ² with 1 degree of freedom."""
    counts = cases["classes"]["by_name"]
    assert counts["many"] + counts["few"] == 600
    assert (counts["many"] - 400) ** 2 / 400 + (counts["few"] - 200) ** 2 / 200 < 10.8


def test_a_search_for_limits_sees_calls_and_one_for_capacity_iterations(cases: dict[str, Any]) -> None:
    """Points are iterations, as in the case above; observations are calls."""
    found = cases["calls"]
    assert (found["points"], found["seen"]) == (0, sum(found["by_name"].values()))
    assert found["outcomes"] == {"ok": 20}


def test_an_iteration_is_what_a_user_does_between_two_waits(cases: dict[str, Any]) -> None:
    """A sequence goes on where it was; a pause inside a task ends nothing; leaving it costs no iteration of its own."""
    found = cases["sequential"]
    assert found["first"] == ["one"]
    assert found["log"] == ["two", "one", "two", "one", "two", "one", "two", "one"]
    assert found["outcomes"] == {"ok": 8}


def test_a_nested_task_set_keeps_its_user_until_it_interrupts(cases: dict[str, Any]) -> None:
    """40 iterations, each with one call: going up and down between the sets is none."""
    assert cases["nested"]["outcomes"] == {"ok": 40}
    assert cases["nested"]["by_name"] == {"stay": 40}


def test_on_start_is_outside_and_a_wait_for_a_user_inside_of_the_measurement(cases: dict[str, Any]) -> None:
    """One user alone: the second arrival, 10 ms later, waits for the first one's 70; later calls have no schedule."""
    found = cases["slow"]
    assert found["first"] == ["login", "first", "second"]
    assert found["log"] == ["first", "second", "first", "second", "logout"]
    assert found["uncounted"] == 3
    assert 0.1 < found["from_schedule"]["first"] < 2
    assert found["from_schedule"]["second"] < 0.05
    assert found["iteration_max"] > found["from_schedule"]["first"]
    # It waited for its user, which is no lateness of the client; its own call took 50 ms.
    assert found["lateness_max"] < found["from_schedule"]["first"] - 0.05 - 0.03


def test_an_exception_breaks_off_its_iteration_alone(cases: dict[str, Any]) -> None:
    """An exception ends its iteration alone, and is counted by message and place; a failed call keeps its outcome."""
    found = cases["raising"]
    assert found["outcomes"] == {"ok": 2, "task_error": 3, "server_error": 1}
    assert (found["by_name"], found["points"], found["seen"]) == ({"before": 6, "after": 3}, 2, 4)
    ((said, count),) = found["errors"].items()
    assert said.startswith("KeyError: 'no such thing' (scenario_program.py:")
    assert count == 3


def test_a_user_that_leaves_is_replaced(cases: dict[str, Any]) -> None:
    """Each arrival makes another user."""
    assert cases["leaving"]["outcomes"] == {"ok": 5}


def test_a_scenario_may_end_the_test(cases: dict[str, Any]) -> None:
    """Locust's StopTest ends the run: no further arrival starts, and the report says why."""
    assert cases["ending"]["problem"] == "the scenario stopped the test: enough"
    assert cases["ending"]["started"] < 20, cases["ending"]


def test_a_run_does_not_begin_with_a_user_that_can_not(cases: dict[str, Any]) -> None:
    """A user that can't begin ends the run at its first iteration, which says why and where."""
    assert cases["broken"]["why"].startswith("the first iteration broke off: RuntimeError: no login (scenario_program")


def test_tags_choose_tasks(cases: dict[str, Any]) -> None:
    """Only tasks with a wanted tag run, and none with an excluded one."""
    assert cases["tagged"]["by_name"] == {"read": 60}


def test_arrivals_beyond_max_in_flight_wait_in_line(cases: dict[str, Any]) -> None:
    """Six at once, two at a time, a tenth of a second each: the last ends after three tenths; none is skipped."""
    found = cases["in flight"]
    assert (found["outcomes"], found["not_started"]) == ({"ok": 6}, 0)
    assert 0.29 < found["from_schedule"]["work"] < 2
    assert found["lateness_max"] < found["from_schedule"]["work"] - 0.1 - 0.1


def test_a_closed_loop_waits_as_its_users_do(cases: dict[str, Any]) -> None:
    """Two users, a wait of 50 ms after each call, half a second: about twenty calls, and no more than 26."""
    assert 4 <= cases["thinking"]["by_name"]["ask"] <= 26


def test_a_closed_loop_makes_as_many_iterations_as_asked(cases: dict[str, Any]) -> None:
    """Seven, by three users."""
    assert cases["counted"]["outcomes"] == {"ok": 7}


def test_users_are_divided_as_locust_divides_them(cases: dict[str, Any]) -> None:
    """One admin; of nine others six and three; five at each of two workers."""
    parts = cases["distributed"]
    assert [sum(part.values()) for part in parts] == [5, 5]
    total = {name: sum(part.get(name, 0) for part in parts) for name in ("Many", "Few", "Admin")}
    assert total == {"Many": 6, "Few": 3, "Admin": 1}
