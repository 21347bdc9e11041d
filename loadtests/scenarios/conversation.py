"""Conversations: each question comes with all that was said before, after a time to think.

--set turns=4 --set question_tokens=40 --set answer_tokens=200 --set thinking=5 (seconds before the next question)
"""

import gevent
from locust import between, task

from aimon.loadtests import AIUser, Message, question, setting

TURNS = setting("turns", 4)
QUESTION_TOKENS = setting("question_tokens", 40)
ANSWER_TOKENS = setting("answer_tokens", 200)
THINKING = setting("thinking", 5.0)


class Partner(AIUser):
    """Holds one conversation after the other."""

    wait_time = between(5, 20)

    @task
    def talk(self) -> None:
        """One conversation; a failed answer ends it."""
        said: list[Message] = []
        for turn in range(1, TURNS + 1):
            said.append(Message("user", question(QUESTION_TOKENS)))
            answer = self.chat(said, name=f"turn {turn}", max_tokens=ANSWER_TOKENS)
            if not answer.text or turn == TURNS:
                return
            said.append(Message("assistant", answer.text))
            gevent.sleep(THINKING)
