"""Short questions, each on its own: what an assistant on a web page gets.

--set question_tokens=30 --set answer_tokens=150
"""

from locust import between, task

from aimon.loadtests import AIUser, question, setting

QUESTION_TOKENS = setting("question_tokens", 30)
ANSWER_TOKENS = setting("answer_tokens", 150)


class Asker(AIUser):
    """Asks, reads for a while, and asks something else."""

    wait_time = between(2, 8)

    @task
    def ask(self) -> None:
        """One question, which no cache has seen."""
        self.chat(question(QUESTION_TOKENS), name="question", max_tokens=ANSWER_TOKENS)
