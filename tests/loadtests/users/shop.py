"""A scenario of three weighted tasks over two endpoints, for tests."""

from __future__ import annotations

from locust import constant, task

from aimon.loadtests import AIUser, setting

ANSWER = setting("answer_tokens", 4)


class Buyer(AIUser):
    """Asks twice as often as it searches."""

    endpoint = "chat"
    weight = 2
    wait_time = constant(0.05)

    def on_start(self) -> None:
        """A call outside the measurement."""
        self.chat("hello", name="login", max_tokens=ANSWER)

    @task(2)
    def ask(self) -> None:
        """One call."""
        self.chat("hi", name="question", max_tokens=ANSWER)

    @task
    def talk(self) -> None:
        """Two, one after the other."""
        self.chat("hi", name="first turn", max_tokens=ANSWER)
        self.chat("hi again", name="second turn", max_tokens=ANSWER)


class Clerk(AIUser):
    """Calls the other endpoint."""

    endpoint = "summaries"
    wait_time = constant(0.05)

    @task
    def summarise(self) -> None:
        """One call."""
        self.chat("long text", name="summary", max_tokens=ANSWER)
