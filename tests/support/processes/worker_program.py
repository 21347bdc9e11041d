"""Runs one worker of a load test, in which one stage of handling Results fails every third time.

Arguments: the endpoint's base URL and the stage. Prints what the worker reports, as JSON.
"""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import msgspec

from aimon.call.call import Message, Target, Timeouts
from aimon.call.result import Usage
from aimon.config.endpoint import Canary, Endpoint
from aimon.loadtests.load import PromptLoad
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.protocol.stage import Assignment, Stage, pack
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.workload.canary import CanarySource
from aimon.pricing import PriceBook

CALLS = 6


def break_every_third(owner: Any, name: str) -> None:
    """Has a method fail the third, sixth, … time."""
    original, numbers = getattr(owner, name), itertools.count(1)

    def method(*arguments: Any, **options: Any) -> Any:
        if next(numbers) % 3 == 0:
            raise ZeroDivisionError("by zero")
        return original(*arguments, **options)

    setattr(owner, name, method)


def say_too_much() -> None:
    """Every third usage is of 400 digits."""
    numbers = itertools.count(1)

    def cost(_: PriceBook, result: Any) -> Any:
        much = Usage(input=10**400, output=1)
        return msgspec.structs.replace(result, usage=much) if next(numbers) % 3 == 0 else result

    PriceBook.cost = cost  # type: ignore[assignment,method-assign]


def main(base_url: str, stage: str) -> None:
    """One call beforehand, and then CALLS of two users."""
    stages: dict[str, Any] = {
        "priced": lambda: break_every_third(PriceBook, "cost"),
        "a count of 400 digits": say_too_much,
        "tallied": lambda: break_every_third(CallStats, "observe"),
        "told": lambda: break_every_third(CanarySource, "on_result"),
        "taken": lambda: break_every_third(CanarySource, "next_item"),
    }
    stages[stage]()
    target = Target("e", "custom", "openai-chat", base_url, "m")
    endpoint = Endpoint(target, (Canary("c", (Message("user", "hi"),)),), timeouts=Timeouts(5, 5, 5))
    plan = Plan(endpoint="e", duration=5, metered=stage != "a count of 400 digits")
    worker = PromptLoad(endpoint, PriceBook(currency="USD")).worker(plan)
    worker.run_first()
    worker.start(Stage(number=1, users=2, requests=CALLS), Assignment(users=2, extra_requests=CALLS))
    worker.done.wait()
    delta = worker.take_delta()
    pack(delta)  # as it travels to a master
    worker.close()
    print(json.dumps({"outcomes": dict(delta.stats.outcomes), "started": delta.started, "problem": delta.problem}))


if __name__ == "__main__":
    main(*sys.argv[1:])
