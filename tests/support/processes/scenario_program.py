"""Runs workers with Locust users of its own, without a server, and prints what they did as JSON.

One process for many cases, since Locust takes long to import and patches the standard library.
"""

# isort: skip_file
from __future__ import annotations

import locust  # noqa: F401 - first, for its patches

import json
from pathlib import Path
from typing import Any

import gevent
from locust import SequentialTaskSet, TaskSet, User, between, constant, tag, task
from locust.exception import StopTest, StopUser

from aimon.load_terms import CONSTANT
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.loadtests.locust_plugin.statistics import without_statistics
from aimon.loadtests.protocol.plan import Plan, Scenario
from aimon.loadtests.protocol.stage import CALLS, POINTS, Assignment, Stage
from aimon.loadtests.users import environment, requests
from aimon.loadtests.users.distribution import users_of
from aimon.loadtests.users.iterations import LocustIterations
from aimon.loadtests.users.loader import LoadedScenario
from aimon.loadtests.worker.worker import Worker

log: list[str] = []


class Recorded(User):
    """A user whose calls only take time."""

    abstract = True

    def call(self, name: str, seconds: float = 0.0, exception: Exception | None = None) -> None:
        """Says that a request has ended."""
        gevent.sleep(seconds)
        log.append(name)
        self.environment.events.request.fire(
            request_type="call", name=name, response_time=seconds * 1e3, response_length=0, exception=exception,
            context={},
        )  # fmt: skip


def called(user: User, name: str) -> None:
    """A call of a task set's user."""
    assert isinstance(user, Recorded)
    user.call(name)


def run(classes: list[type[User]], stage: Stage, *, users: int = 0, most: int | None = None, **more: Any) -> Any:
    """What one worker counts in one stage; the first iteration goes before it."""
    log.clear()
    scenario = Scenario(file=__file__, tags=more.pop("tags", []), exclude_tags=more.pop("exclude_tags", []))
    plan = Plan(
        endpoint=None, duration=1, rate=None if users else 10.0, concurrency=users or None, scenario=scenario, **more
    )
    made = environment.new_environment()
    runner = without_statistics(made, lambda: environment.ScenarioRunner(made))
    made.runner = runner
    environment.fill(made, scenario, LoadedScenario(Path(__file__), classes, []))
    environment.begin(made)
    worker = Worker(plan, lambda recorder: LocustIterations(plan, made, recorder, index=0))
    first = worker.run_first()
    before = len(log)
    worker.start(stage, Assignment(users=users, max_in_flight=most, extra_requests=stage.requests))
    worker.done.wait()
    delta = worker.take_delta()
    worker.close()
    environment.end(made)
    made.events.request.remove_listener(requests.on_request)  # type: ignore[no-untyped-call]
    iterations = delta.iterations
    assert iterations is not None
    return {
        "why": first.why,
        "first": log[:before],
        "log": log[before:],
        "by_name": {name: stats.sent for name, stats in delta.by_name.items()},
        "outcomes": dict(iterations.outcomes),
        "errors": dict(iterations.errors),
        "not_started": iterations.not_started,
        "uncounted": delta.uncounted,
        "problem": delta.problem,
        "points": len(delta.points),
        "seen": len(delta.seen),
        "from_schedule": {name: stats.series["latency_from_schedule"].max for name, stats in delta.by_name.items()},
        "iteration_max": iterations.series["latency_from_schedule"].max,
        "lateness_max": max((stats.series["start_lateness"].max or 0 for stats in delta.by_name.values()), default=0),
        "started": delta.started,
    }


def arrivals(count: int, rate: float = 200.0, record: str = "") -> Stage:
    """An open loop."""
    return Stage(number=1, schedule=Schedule((Phase(count / rate, rate),), CONSTANT), record=record)


class Weighted(Recorded):
    """Three tasks, of which the first has the weight 6, the second 3."""

    @task(6)
    def often(self) -> None:
        """Two calls."""
        self.call("a")
        self.call("b")

    @task(3)
    def sometimes(self) -> None:
        """One."""
        self.call("c")

    @task
    def seldom(self) -> None:
        """One."""
        self.call("d")


class Steps(SequentialTaskSet):
    """One step after the other, whichever user is taken."""

    @task
    def one(self) -> None:
        """The first."""
        called(self.user, "one")

    @task
    def two(self) -> None:
        """The second, which pauses in the middle of what it does."""
        self.wait()  # type: ignore[no-untyped-call]
        called(self.user, "two")

    @task
    def leave(self) -> None:
        """Goes on with the task set above at once: part of the same iteration."""
        self.interrupt()  # type: ignore[no-untyped-call]


class Sequential(Recorded):
    """A user that goes through a sequence, again and again."""

    fixed_count = 1
    wait_time = constant(0.02)
    tasks = [Steps]  # noqa: RUF012 - as Locust has it


class Nested(Recorded):
    """A task set in a task set, which is left half of the time."""

    @task
    class Inner(TaskSet):
        """Stays until it is interrupted."""

        @task
        def stay(self) -> None:
            """A call."""
            called(self.user, "stay")

        @task
        def go(self) -> None:
            """No call, but the next task of the user."""
            self.interrupt()  # type: ignore[no-untyped-call]


class Slow(Recorded):
    """Takes long to begin, and its first call too."""

    fixed_count = 1

    def on_start(self) -> None:
        """A call outside the measurement."""
        self.call("login", 0.3)

    def on_stop(self) -> None:
        """Another one."""
        self.call("logout")

    @task
    def work(self) -> None:
        """The call that counts, and another one that is late by itself."""
        self.call("first", 0.05)
        self.call("second", 0.02)


class Raising(Recorded):
    """Whose code is wrong in every other iteration after the first."""

    made = 0

    @task
    def work(self) -> None:
        """Counts how often it ran."""
        Raising.made += 1
        number = Raising.made
        self.call("before")
        if number % 2 == 0:
            raise KeyError("no such thing")
        self.call("after", exception=ValueError("bad") if number == 3 else None)


class Leaving(Recorded):
    """A user that is gone after one iteration."""

    @task
    def work(self) -> None:
        """A call, and the end of the user."""
        self.call("once")
        raise StopUser


class Ending(Recorded):
    """Ends the test in its third iteration."""

    made = 0

    @task
    def work(self) -> None:
        """Counts."""
        Ending.made += 1
        number = Ending.made
        self.call("work")
        if number == 3:
            raise StopTest("enough")


class Broken(Recorded):
    """Can't even begin."""

    def on_start(self) -> None:
        """Raises."""
        raise RuntimeError("no login")

    @task
    def work(self) -> None:
        """Never."""


class Tagged(Recorded):
    """Three tasks with tags."""

    @tag("read")
    @task
    def read(self) -> None:
        """Has a tag."""
        self.call("read")

    @tag("read", "big")
    @task
    def read_big(self) -> None:
        """Has two."""
        self.call("read big")

    @task
    def write(self) -> None:
        """Has none."""
        self.call("write")


class Thinking(Recorded):
    """Waits between its tasks."""

    wait_time = between(0.04, 0.06)

    @task
    def ask(self) -> None:
        """A call."""
        self.call("ask")


class Many(Recorded):
    """A third of the users."""

    weight = 2

    @task
    def ask(self) -> None:
        """A call."""
        self.call("many")


class Few(Recorded):
    """The others."""

    @task
    def ask(self) -> None:
        """A call."""
        self.call("few")


class Admin(Recorded):
    """Of whom there is one."""

    fixed_count = 1

    @task
    def ask(self) -> None:
        """A call."""
        self.call("admin")


def distributed() -> Any:
    """Users of three classes, at two workers."""
    classes: list[type[User]] = [Many, Few, Admin]
    return [users_of(classes, 10, index, 2) for index in (0, 1)]


class Slow2(Recorded):
    """A call of a tenth of a second."""

    @task
    def work(self) -> None:
        """The call."""
        self.call("work", 0.1)


CASES = {
    "weighted": lambda: run([Weighted], arrivals(1000, 2000.0, POINTS)),
    "calls": lambda: run([Weighted], arrivals(20, 200.0, CALLS)),
    "sequential": lambda: run([Sequential], arrivals(8)),
    "nested": lambda: run([Nested], arrivals(40)),
    "slow": lambda: run([Slow], arrivals(2, 100.0)),
    "raising": lambda: run([Raising], arrivals(6, 50.0, POINTS)),
    "leaving": lambda: run([Leaving], arrivals(5, 50.0)),
    "ending": lambda: run([Ending], arrivals(20, 50.0)),
    "broken": lambda: run([Broken], arrivals(1)),
    "tagged": lambda: run([Tagged], arrivals(60, 2000.0), tags=["read"], exclude_tags=["big"]),
    "in flight": lambda: run([Slow2], arrivals(6, 1000.0), most=2),
    "thinking": lambda: run([Thinking], Stage(number=1, users=2, duration=0.5), users=2),
    "counted": lambda: run([Thinking], Stage(number=1, users=3, requests=7), users=3),
    "classes": lambda: run([Many, Few], arrivals(600, 2000.0)),
    "distributed": distributed,
}


def main() -> None:
    """Runs all cases."""
    print(json.dumps({name: case() for name, case in CASES.items()}, default=str))


if __name__ == "__main__":
    main()
