"""An agent: the model calls a tool, gets its result, and goes on until it answers in words.

Needs an endpoint of the dialect openai-chat.
--set steps=5 (calls of the model, at the most) --set result_tokens=200 --set answer_tokens=300
"""

from locust import between, task

from aimon.loadtests import AIUser, Message, document, question, setting

STEPS = setting("steps", 5)
RESULT_TOKENS = setting("result_tokens", 200)
ANSWER_TOKENS = setting("answer_tokens", 300)
QUERY = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
SEARCH = {"type": "function", "function": {"name": "search", "description": "Searches documents.", "parameters": QUERY}}


class Agent(AIUser):
    """Works on one task after the other."""

    wait_time = between(5, 15)

    @task
    def work(self) -> None:
        """One task; each answer of the model is a step."""
        said = [Message("user", f"Use the search, then answer: {question(30)}")]
        for step in range(1, STEPS + 1):
            answer = self.chat(said, name=f"step {step}", max_tokens=ANSWER_TOKENS, tools=[SEARCH])
            if not answer.tool_calls:
                return
            said.append(Message("assistant", answer.text or "", answer.tool_calls))
            said += [Message("tool", document(RESULT_TOKENS), tool_call_id=call.id) for call in answer.tool_calls]
