"""A Locust user that calls an AI endpoint, for locustfiles with Locust's task weights and web UI.

from locust import between, task
from aimon.loadtests import AIUser

class Customer(AIUser):
    endpoint = "qwen-prod"          # of aimon.yaml, or an aimon.config.Endpoint
    wait_time = between(1, 5)

    @task
    def ask(self):
        self.chat("Name three rivers of Yunnan.", max_tokens=100)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from locust import User

from aimon.call.call import Call, Message
from aimon.call.containment import contained
from aimon.call.outcome import Outcome
from aimon.call.result import Source
from aimon.loadtests.locust_plugin import clients
from aimon.loadtests.locust_plugin.driven import driver_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locust.env import Environment

    from aimon.call.checks import Check
    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.pricing import PriceBook


class CallError(Exception):
    """A failed call, as Locust shows it.

    Locust lists every distinct message separately, so this has only the outcome and HTTP status; the provider's message
    is in `result.error`.
    """

    def __init__(self, result: Result) -> None:
        status = "" if result.status_code is None else f" (HTTP {result.status_code})"
        super().__init__(f"{result.outcome}{status}")
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.result,)


class AIUser(User):
    """Base class of users that call an AI endpoint; aimon measures every `chat`.

    Attributes:
        endpoint: a name in aimon.yaml (found as by `aimon probe`), or an Endpoint. Under `aimon loadtest` it may be
            left out: then it is the one of the command line. Locust's own `host` is ignored.
        cold: a new connection for each call instead of kept-alive ones.
        honour_retry_after: how often a call answered with Retry-After is repeated; every attempt counts.
    """

    abstract = True
    endpoint: ClassVar[str | Endpoint | None] = None
    cold: ClassVar[bool] = False
    honour_retry_after: ClassVar[int] = 0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._endpoint, self._prices = clients.endpoint_of(type(self).__name__, self.endpoint)

    def chat(
        self,
        prompt: str | Iterable[Message],
        *,
        name: str | None = None,
        max_tokens: int = 64,
        temperature: float | None = None,
        reasoning: str | None = None,
        stream: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        checks: tuple[Check, ...] = (),
        scheduled: float | None = None,
    ) -> Result:
        """Makes one call and reports it to Locust; returns a Result for failures, too, and raises nothing.

        Listeners of Locust's `request` event find the Result in `context["result"]`, and in `context["gaps"]` the
        seconds between its chunks of text. Locust's response time counts from `scheduled` if it is given, else from
        the start.

        Args:
            prompt: the user's message, or a conversation.
            name: the request name in Locust; the endpoint's name by default.
            max_tokens: limit of the answer.
            temperature: the endpoint's by default.
            reasoning: off, minimal, low, medium or high; the endpoint's by default.
            stream: the endpoint's by default.
            tools: that the model may call, as OpenAI's chat completions have them; `result.tool_calls` are its calls of
                them. A Message("assistant", "", calls) and a Message("tool", answer, tool_call_id=call.id) go on from
                there. For the dialect openai-chat.
            checks: checks of the answer.
            scheduled: when the call was due, by `time.monotonic()`.
        """
        endpoint = self._endpoint
        if tools and endpoint.target.dialect != "openai-chat":
            raise ValueError(
                f"tools are called in openai-chat only, and {endpoint.name} speaks {endpoint.target.dialect}"
            )
        call = Call(
            target=endpoint.target,
            messages=(Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt),
            max_tokens=max_tokens,
            stream=endpoint.stream if stream is None else stream,
            temperature=endpoint.temperature if temperature is None else temperature,
            reasoning=reasoning or endpoint.reasoning,
            exact_output=endpoint.exact_output,
            body={"tools": list(tools)} if tools else None,
            checks=checks,
            timeouts=endpoint.timeouts,
            source=Source.LOADTEST,
            region=endpoint.region,
        )
        return self._perform(call, endpoint, self._prices, name, scheduled)

    def embed(
        self, texts: str | Iterable[str], *, endpoint: str | Endpoint | None = None, name: str | None = None
    ) -> Result:
        """Asks for the vectors of texts, and reports the call as `chat` does.

        Args:
            texts: one, or several in one call.
            endpoint: of the dialect openai-embeddings; the user's own by default.
            name: the request name in Locust; the endpoint's name by default.

        Raises:
            ValueError: the endpoint speaks another dialect.
        """
        place, prices = clients.endpoint_of(type(self).__name__, endpoint or self.endpoint)
        if place.target.dialect != "openai-embeddings":
            raise ValueError(
                f"{place.name} speaks {place.target.dialect}: for vectors name an endpoint of openai-embeddings"
            )
        call = Call(
            target=place.target,
            messages=tuple(Message("user", text) for text in ([texts] if isinstance(texts, str) else texts)),
            stream=False,
            timeouts=place.timeouts,
            source=Source.LOADTEST,
            region=place.region,
        )
        return self._perform(call, place, prices, name, None)

    def _perform(
        self, call: Call, endpoint: Endpoint, prices: PriceBook, name: str | None, scheduled: float | None
    ) -> Result:
        """Makes a call, counts it, and reports it to Locust."""
        client = clients.shared(endpoint.transport, self.cold, self.honour_retry_after)
        driver = driver_of(self)
        if driver is not None and scheduled is None:
            scheduled = driver.take_due()
        first = scheduled is not None
        for k, attempt in enumerate(client.attempts(call, scheduled=scheduled)):
            result = contained("priced", attempt, prices.cost)
            gaps = client.gaps
            if driver is not None:
                driver.count(result, name or endpoint.name, gaps, first=first, again=k > 0)
            self._report(result, name or endpoint.name, gaps)
        if driver is not None:
            driver.conclude(result)
        return result

    def _report(self, result: Result, name: str, gaps: list[float]) -> None:
        self.environment.events.request.fire(
            request_type=result.operation,
            name=name,
            response_time=result.latency_from_schedule * 1e3,
            response_length=len(result.text or ""),
            response=None,
            context={**self.context(), "result": result, "gaps": gaps},
            exception=None if result.outcome is Outcome.OK else CallError(result),
            start_time=result.started_at,
        )
