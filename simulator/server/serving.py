"""Serves a request, from its first byte to its record: checks, faults, queue, answer, in this order."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from aimon.simulator.answer.answers import ANSWERS, answer
from aimon.simulator.answer.script import Script, plain, sound, streamed, whole
from aimon.simulator.model.faults import FAULTS, FaultBook, Rule, expected_outcome
from aimon.simulator.model.latency import Clock
from aimon.simulator.server.playback import play
from aimon.simulator.server.response_faults import HTML, JSON, SPOILS, SSE
from aimon.simulator.wire import models, rerank
from aimon.simulator.wire.headers import id_headers, limit_headers, negative_limits, retry_headers
from aimon.simulator.wire.openai import embeddings, media
from aimon.simulator.wire.registry import ERRORS, WIRES, Target
from aimon.simulator.wire.shape import Call, Headers, Problem, RequestError, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.simulator.model.profile import Profile
    from aimon.simulator.server.connection import Connection
    from aimon.simulator.world.provider import Provider

_MODEL = "sim-model"
_SLOW = 1.0
_LONGEST_MODEL = 200


class ProviderError(Exception):
    """The request gets an HTTP error."""

    def __init__(self, kind: str, outcome: str, *, headers: Headers | None = None, **details: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.outcome = outcome
        self.headers = headers or []
        self.details = details


@dataclass(slots=True)
class Request:
    """One request, and the decisions about it."""

    target: Target
    provider: Provider
    connection: Connection
    headers: Mapping[str, str]
    faults: FaultBook
    profile: Profile = field(init=False)

    def __post_init__(self) -> None:
        self.profile = self.provider.profile
        self.connection.headers = id_headers(self.target.family, self.vendor, self.connection.record.id)

    def repeat_key(self, key: str) -> None:
        """Echoes the key in the answer's headers, as a gateway in debug mode does."""
        ids = id_headers(self.target.family, self.vendor, f"{self.connection.record.id}-{key}")
        self.connection.headers = [*ids, ("x-debug-authorization", f"Bearer {key}")]

    @property
    def vendor(self) -> str:
        """The vendor whose bodies and headers the OpenAI dialects use."""
        return "azure" if self.target.azure else self.profile.vendor


async def serve(request: Request, raw: bytes) -> None:
    """Answers one request, with its fault if any; `raw` is its body."""
    try:
        await _serve(request, raw)
    except ProviderError as error:
        request.connection.record.outcome = error.outcome
        await refuse(request, error)


async def refuse(request: Request, error: ProviderError) -> None:
    """Sends an HTTP error in the provider's format."""
    problem = Problem(
        kind=error.kind,
        vendor=request.vendor,
        model=request.connection.record.model,
        key=_sent_key(request),
        request_id=request.connection.record.id,
        **error.details,
    )
    family = request.target.family
    status, body = ERRORS[family](problem)
    headers = error.headers + retry_headers(family, request.vendor, problem.retry_after)
    page = isinstance(body, str)
    data = body.encode() if page else dumps(body).encode()
    await request.connection.respond(status, HTML if page else JSON, data, headers)


async def _serve(request: Request, raw: bytes) -> None:
    record, target = request.connection.record, request.target
    body = _parse(raw)
    record.model = (target.model or str(body.get("model", "")))[:_LONGEST_MODEL]
    record.stream = target.stream or body.get("stream") is True
    rule = request.faults.pick(request.profile.name, record.model, target.dialect, streamed=record.stream)
    stage = None
    if rule:
        stage = FAULTS[rule.fault].stage
        record.fault = rule.fault
        record.outcome = _expected(request, rule)
    if rule and stage == "connection":
        # Ends only with the connection.
        await SPOILS[rule.fault](request.connection, rule, record.stream)
    _check_key(request)
    if rule and stage == "error":
        raise ProviderError(rule.fault, record.outcome, retry_after=rule.retry_after)
    if rule and stage == "body":
        await SPOILS[rule.fault](request.connection, rule, record.stream)
        return
    await _OPERATIONS.get(target.dialect, _chat)(request, body, rule)


async def _chat(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    record, target = request.connection.record, request.target
    wire = WIRES[target.dialect]
    if target.family == "anthropic" and "anthropic-version" not in request.headers:
        raise ProviderError("bad_request", "bad_request", message="anthropic-version: header is required")
    call = _read(wire.read, body, target.model)
    profile = _known_model(request, call.model)
    said = answer(call, profile, record.id.removeprefix("req_"), int(time.time()))
    said.vendor, said.key = request.vendor, _sent_key(request)
    if rule and rule.fault in ANSWERS:
        ANSWERS[rule.fault](said, call)
    if rule and rule.fault == "header_echo":
        request.repeat_key(said.key)
    record.input_tokens, record.finish = call.input_tokens, said.finish.value
    headers = _admit(request, call.input_tokens + said.output_tokens)
    if said.negative_limits:
        headers = negative_limits()
    clock = Clock(profile, request.provider.rng, _extra_wait(rule))
    if record.stream:
        script = streamed(said, wire, clock, rule, array=target.array)
        await _perform(request, script, headers, JSON if target.array else SSE)
    else:
        await _perform(request, plain(said, wire, clock, rule), headers)


async def _embed(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    call = _read(embeddings.read, body, request.target.model)
    profile = _known_model(request, call.model)
    request.connection.record.input_tokens = call.input_tokens
    headers = _admit(request, call.input_tokens)
    data = dumps(embeddings.body(call, empty=bool(rule and rule.fault == "empty"))).encode()
    due = Clock(profile, request.provider.rng, _extra_wait(rule)).due(0)
    await _perform(request, whole(data, due, rule), headers)


async def _rerank(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    call = _read(rerank.read, body, request.target.model)
    profile = _known_model(request, call.model)
    request.connection.record.input_tokens = call.input_tokens
    headers = _admit(request, call.input_tokens)
    data = dumps(rerank.body(call, fault=rule.fault if rule else "")).encode()
    due = Clock(profile, request.provider.rng, _extra_wait(rule)).due(0)
    await _perform(request, whole(data, due, rule), headers)


async def _draw(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    call = _read(media.read_image, body, request.target.model)
    profile = _known_model(request, call.model)
    record = request.connection.record
    record.input_tokens, record.output_tokens = call.input_tokens, media.IMAGE_TOKENS
    headers = _admit(request, call.input_tokens + record.output_tokens)
    answer = media.image(call, int(time.time()), empty=bool(rule and rule.fault == "empty"))
    due = Clock(profile, request.provider.rng, _extra_wait(rule)).due(0)
    await _perform(request, whole(dumps(answer).encode(), due, rule), headers)


async def _speak(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    """Sends audio as it is generated, a piece for each token of the text."""
    call = _read(media.read_speech, body, request.target.model)
    profile = _known_model(request, call.model)
    request.connection.record.input_tokens = call.input_tokens
    headers = _admit(request, call.input_tokens)
    form = "wav" if body.get("response_format") == "wav" else "mp3"
    clock = Clock(profile, request.provider.rng, _extra_wait(rule))
    pieces = [] if rule and rule.fault == "empty" else list(media.speech(call, form))
    await _perform(request, sound(pieces, clock, rule), headers, f"audio/{'mpeg' if form == 'mp3' else form}")


async def _list_models(request: Request, body: Mapping[str, Any], rule: Rule | None) -> None:
    """Lists the models, which takes no time and no slot."""
    del body
    target, names = request.target, list(request.profile.models) or [_MODEL]
    if target.model:
        _known_model(request, target.model)
        listing = models.one(target.family, target.model)
    else:
        listing = models.listing(target.family, names)
    script = whole(dumps(listing).encode(), _extra_wait(rule), rule)
    connection = request.connection
    connection.record.service = connection.record.received
    await play(connection, script, connection.record.received, JSON, _admit(request, 0))


_OPERATIONS = {
    "openai-embeddings": _embed,
    "rerank": _rerank,
    "openai-images": _draw,
    "openai-speech": _speak,
    "openai-models": _list_models,
}


async def _perform(request: Request, script: Script, headers: Headers, content_type: str = JSON) -> None:
    """Waits for a slot and plays the script in it."""
    record, slots, queue = request.connection.record, request.provider.slots, request.profile.queue
    if queue is not None and slots.full and slots.queued >= queue:
        raise ProviderError("overloaded", "overloaded")
    start = record.service = await slots.acquire(record.received)
    ended = None
    try:
        await play(request.connection, script, start, content_type, headers)
        ended = start + script.end_due
    finally:
        slots.release(time.monotonic() if ended is None else ended)


def _parse(raw: bytes) -> Mapping[str, Any]:
    """The request's JSON object; empty if it is not one, which every operation refuses with its own error."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _read(read: Callable[[Mapping[str, Any], str], Call], body: Mapping[str, Any], path_model: str) -> Call:
    try:
        return read(body, path_model)
    except RequestError as error:
        raise ProviderError("bad_request", "bad_request", message=error.message, param=error.param) from error


def _known_model(request: Request, model: str) -> Profile:
    profile = request.profile.for_model(model)
    if profile is None:
        raise ProviderError("model_not_found", _expected(request, Rule("model_not_found")))
    return profile


def _check_key(request: Request) -> None:
    sent = _sent_key(request)
    request.connection.record.key_sent = bool(sent)
    wanted = request.profile.key
    if wanted is not None and not compare_digest(sent.encode(), wanted.encode()):
        # Gemini answers a wrong key with 400, all others with 401.
        kind = "key_invalid" if request.target.family == "gemini" else "unauthorized"
        raise ProviderError(kind, "unauthorized")


def _sent_key(request: Request) -> str:
    """The key, from the place that the provider uses; empty without one."""
    for name in ("api-key", "x-api-key", "x-goog-api-key"):
        if name in request.headers:
            return request.headers[name]
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


def _admit(request: Request, tokens: int) -> Headers:
    """The limit headers of an allowed request."""
    verdict = request.provider.limiter.admit(time.monotonic(), tokens)
    headers = limit_headers(request.target.family, verdict, time.time())
    if verdict.exceeded:
        kind = "rate_limited" if verdict.exceeded == "requests" else "token_rate_limited"
        raise ProviderError(kind, "rate_limited", headers=headers, retry_after=verdict.retry_after)
    return headers


def _expected(request: Request, rule: Rule) -> str:
    streamed = request.connection.record.stream
    return expected_outcome(rule, dialect=request.target.dialect, streamed=streamed, vendor=request.vendor)


def _extra_wait(rule: Rule | None) -> float:
    """The delay that the fault `slow` adds."""
    if rule is None or rule.fault != "slow":
        return 0.0
    return _SLOW if rule.seconds is None else rule.seconds
