"""Customers who chat, and a program that has texts summarised: `locust -f locustfile.py`, with an aimon.yaml beside it.

endpoints:
  - {name: chat, preset: dashscope, model: qwen-plus}
  - {name: summaries, preset: deepseek, model: deepseek-chat}
"""
# ruff: noqa: INP001 - a file of its own, as every locustfile

from __future__ import annotations

import logging
from typing import Any

from locust import between, constant_throughput, events, task

from aimon.call import checks
from aimon.call.call import Message
from aimon.loadtests import AIUser, keep_report

SLOW = 5.0
REPORTED = checks.compile({"contains": "42"})

keep_report("report", slo=["ttft_p95<2s", "error_rate<1%"])


class Customer(AIUser):
    """Three of four users: each asks, reads the answer, and asks again."""

    endpoint = "chat"
    weight = 3
    wait_time = between(0.5, 2)

    @task(4)
    def ask(self) -> None:
        """A single question."""
        self.chat("Name three rivers of Yunnan.", name="question", max_tokens=100)

    @task
    def talk(self) -> None:
        """A conversation: the answer that really came is sent with the next question."""
        said = [Message("user", "Which river of Yunnan is the longest?")]
        answer = self.chat(said, name="first turn")
        if answer.text:
            said += [Message("assistant", answer.text), Message("user", "And where does it rise?")]
            self.chat(said, name="second turn")


class Desk(AIUser):
    """One of four: has a text summarised every two seconds, and looks whether the number is in the summary."""

    endpoint = "summaries"
    wait_time = constant_throughput(0.5)

    @task
    def summarise(self) -> None:
        """An answer without the number is a failure, `answer_mismatch`."""
        self.chat("Reply with exactly: 42 orders came in today.", name="summary", checks=REPORTED)


@events.request.add_listener
def note_slow_starts(name: str, context: dict[str, Any], **_: object) -> None:
    """Every call's Result is in the context of Locust's event."""
    result = context.get("result")
    if result is not None and (result.ttft or 0.0) > SLOW:
        logging.getLogger(__name__).warning(
            "%s: first text after %.1f s, request %s", name, result.ttft, result.request_id
        )
