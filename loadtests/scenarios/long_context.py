"""Long prompts: documents that no cache has seen, and questions about one that all users share.

--set document_tokens=8000 --set answer_tokens=200 --set shared=3 (weight of the shared document against 1 of new ones)
"""

from locust import between, task

from aimon.loadtests import AIUser, document, question, setting

DOCUMENT_TOKENS = setting("document_tokens", 8000)
ANSWER_TOKENS = setting("answer_tokens", 200)
SHARED = setting("shared", 3)


class Reader(AIUser):
    """Asks about documents."""

    wait_time = between(5, 15)

    @task
    def read_new(self) -> None:
        """A document that begins with something new: the server reads all of it."""
        self.chat(f"{question(14)}\n\n{document(DOCUMENT_TOKENS)}", name="new document", max_tokens=ANSWER_TOKENS)

    @task(SHARED)
    def read_shared(self) -> None:
        """The same document before each question: a prompt cache saves reading it."""
        self.chat(f"{document(DOCUMENT_TOKENS)}\n\n{question(14)}", name="shared document", max_tokens=ANSWER_TOKENS)
