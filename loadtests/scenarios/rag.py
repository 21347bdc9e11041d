"""Retrieval: the question becomes a vector, and goes to the model together with the passages that were found.

Endpoints: the model, and one of the dialect openai-embeddings (aimon loadtest --scenario rag MODEL EMBEDDINGS).
--set passages=4 --set passage_tokens=300 --set answer_tokens=200
"""

from locust import between, task

from aimon.loadtests import AIUser, document, endpoints, question, setting

MODEL, EMBEDDINGS = endpoints() if len(endpoints()) > 1 else (setting("model", ""), setting("embeddings", ""))
if not EMBEDDINGS:
    raise ValueError("name two endpoints: the model, and one of the dialect openai-embeddings")
PASSAGES = setting("passages", 4)
PASSAGE_TOKENS = setting("passage_tokens", 300)
ANSWER_TOKENS = setting("answer_tokens", 200)


class Searcher(AIUser):
    """Asks questions about documents that are looked up first."""

    endpoint = MODEL
    wait_time = between(2, 8)

    @task
    def search_and_ask(self) -> None:
        """Without a vector nothing could be looked up, and nothing is asked."""
        asked = question(30)
        if self.embed(asked, endpoint=EMBEDDINGS, name="embed").ok:
            found = "\n\n".join(document(PASSAGE_TOKENS, number=7 * place) for place in range(PASSAGES))
            self.chat(f"Answer from these passages.\n\n{found}\n\n{asked}", name="answer", max_tokens=ANSWER_TOKENS)
