"""Metering by hand, for SDKs whose HTTP client is none of httpx or httpx2: `with aimon.observe(model="m") as call:`."""

from __future__ import annotations

import functools
import inspect
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aimon.call import token_estimate
from aimon.call.outcome import Outcome
from aimon.call.result import Result, Source, Usage
from aimon.dialects import usage as counts
from aimon.dialects.usage import MAX_COUNT
from aimon.metering import default, failures
from aimon.metering.meter import MAX_MODEL_CHARS, UNKNOWN_PROVIDER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from aimon.metering.meter import Meter


# Calls whose block has begun and not ended: of this task, thread or greenlet, the innermost last.
_open: ContextVar[tuple[CallByHand, ...]] = ContextVar("aimon_calls", default=())


def observe(*, model: str, endpoint: str = "chat", provider: str = UNKNOWN_PROVIDER) -> Observe:
    """Meters what happens in a `with` or `async with` block, or in a function that it decorates.

        with aimon.observe(model="qwen-plus", endpoint="chat") as call:
            answer = sdk.ask("…")
            call.usage(input=answer.tokens_in, output=answer.tokens_out)

    An exception is counted by what it says of the provider (HTTP status, code, timeout, connection) and goes on to the
    caller; one that says nothing of it is a fault of the application, `prober_error`. The result of a decorated
    function is looked at for a `usage`. Of a generator, the first item is the first token.

    Args:
        model: that is asked.
        endpoint: what the call is counted as.
        provider: who is called, as the presets name them; with it, list prices are known.
    """
    return Observe(model, endpoint, provider)


class Observe:
    """What `observe` gives: a context manager, sync and async, and a decorator."""

    def __init__(self, model: str, endpoint: str, provider: str) -> None:
        self._labels = (str(model)[:MAX_MODEL_CHARS], str(endpoint), str(provider))

    def __enter__(self) -> CallByHand:
        call = self._begin()
        _open.set((*_open.get(), call))
        return call

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        *outer, call = _open.get()
        _open.set(tuple(outer))
        call.end(error)

    async def __aenter__(self) -> CallByHand:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, place: object) -> None:
        self.__exit__(kind, error, place)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Meters each call of a function: plain, `async`, or a generator of either kind."""
        for is_kind, wrap in _WRAPPERS:
            if is_kind(function):
                return functools.wraps(function)(wrap(function, self._begin))
        return functools.wraps(function)(_plain(function, self._begin))

    def _begin(self) -> CallByHand:
        return CallByHand(default.meter(), *self._labels)


class CallByHand:
    """One call; its methods raise nothing."""

    def __init__(self, meter: Meter, model: str, endpoint: str, provider: str) -> None:
        self._meter = meter
        self._epoch = meter.epoch
        self._identity = meter.identity(endpoint, provider, model)
        self._usage = Usage()
        self._estimated: Usage | None = None
        self._first_token: float | None = None
        self._over = False
        meter.started(self, self._identity)
        self._started_at = time.time()
        self._started = time.monotonic()

    def first_token(self) -> None:
        """The first visible text has come; later ones change nothing."""
        if self._first_token is None:
            self._first_token = time.monotonic() - self._started

    def usage(
        self,
        reported: Any = None,
        *,
        input: int | None = None,  # noqa: A002 - what it is called everywhere
        output: int | None = None,
        cached_input: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """The tokens that the provider reported.

        Args:
            reported: its object of counts, in whatever names: an SDK's `response.usage`, or a mapping.
            input: all tokens that the model read.
            output: all tokens that it wrote.
            cached_input: those of `input` that came from a cache.
            reasoning: those of `output` that were spent on reasoning.
        """
        try:
            said: dict[str, int] = {}
            counts.gather(said, _mapping(reported))
            pairs = (("prompt", input), ("output", output), ("cached", cached_input), ("reasoning", reasoning))
            said |= {name: count for name, count in pairs if count is not None}
            if said:
                self._usage = counts.settle(said, wrote=False, characters=0, reasoned=True, max_tokens=MAX_COUNT)
        except Exception as error:  # noqa: BLE001 - a fault of the metering is not the application's
            self._meter.failed("answer", error)

    def estimate(self, *, prompt: str = "", answer: str = "") -> None:
        """The texts of a call whose provider reports no tokens, which are then estimated, and marked as such."""
        try:
            read = token_estimate.estimated(prompt) if prompt else None
            self._estimated = Usage(read, token_estimate.estimated(answer), source="estimated")
        except Exception as error:  # noqa: BLE001 - as above
            self._meter.failed("answer", error)

    def end(self, error: BaseException | None = None, *, collected: bool = False) -> None:
        """The call is over, with the exception that ended it."""
        if self._over:
            return
        self._over = True
        seconds = time.monotonic() - self._started
        job = functools.partial(self._count, error, seconds)
        if collected:
            self._meter.submit_later(job)
        else:
            # An exception that waited would hold on to everything that its traceback knows.
            self._meter.submit(job, soon=error is None)

    def _count(self, error: BaseException | None, seconds: float) -> None:
        if self._epoch != self._meter.epoch:
            return
        self._meter.landed(self)
        outcome, said, reason = Outcome.OK, None, None
        if isinstance(error, Exception):
            outcome, said, reason = failures.of_call(error, seconds=seconds)
        elif error is not None:
            outcome, said = Outcome.CANCELLED, "the application broke the call off"
        self._meter.record(
            Result(
                endpoint=self._identity.endpoint,
                provider=self._identity.provider,
                model=self._identity.model,
                region=self._identity.region,
                operation="by_hand",
                source=Source.APP,
                started_at=self._started_at,
                first_token=self._first_token,
                end=seconds,
                outcome=outcome,
                error=said,
                failure_reason=reason,
                usage=self._usage,
                estimated=self._estimated if self._usage.output is None else None,
            )
        )


def _mapping(reported: Any) -> Any:
    """An SDK's object of counts as a mapping."""
    for name in ("model_dump", "to_dict", "dict"):
        if callable(make := getattr(reported, name, None)):
            return make()
    return dict(vars(reported)) if hasattr(reported, "__dict__") else reported


def _answered(call: CallByHand, result: Any) -> None:
    """A function's result may tell the tokens."""
    for name in ("usage", "usage_metadata", "usageMetadata"):
        found = result.get(name) if isinstance(result, dict) else getattr(result, name, None)
        if found is not None:
            call.usage(found)


def _plain(function: Callable[..., Any], begin: Callable[[], CallByHand]) -> Callable[..., Any]:
    def metered(*args: Any, **options: Any) -> Any:
        call = begin()
        try:
            result = function(*args, **options)
        except BaseException as error:
            call.end(error)
            raise
        _answered(call, result)
        call.end()
        return result

    return metered


def _coroutine(function: Callable[..., Any], begin: Callable[[], CallByHand]) -> Callable[..., Any]:
    async def metered(*args: Any, **options: Any) -> Any:
        call = begin()
        try:
            result = await function(*args, **options)
        except BaseException as error:
            call.end(error)
            raise
        _answered(call, result)
        call.end()
        return result

    return metered


def _generator(function: Callable[..., Any], begin: Callable[[], CallByHand]) -> Callable[..., Any]:
    def metered(*args: Any, **options: Any) -> Iterator[Any]:
        call = begin()
        try:
            for item in function(*args, **options):
                call.first_token()
                _answered(call, item)
                yield item
        except BaseException as error:
            # A generator that is thrown away says so from the garbage collector.
            call.end(error, collected=isinstance(error, GeneratorExit))
            raise
        call.end()

    return metered


def _async_generator(function: Callable[..., Any], begin: Callable[[], CallByHand]) -> Callable[..., Any]:
    async def metered(*args: Any, **options: Any) -> AsyncIterator[Any]:
        call = begin()
        try:
            async for item in function(*args, **options):
                call.first_token()
                _answered(call, item)
                yield item
        except BaseException as error:
            call.end(error, collected=isinstance(error, GeneratorExit))
            raise
        call.end()

    return metered


_WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
)
