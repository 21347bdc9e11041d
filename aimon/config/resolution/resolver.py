"""Resolves the configuration into what the prober runs: defaults filled in, variables expanded, keys read."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import structs

from aimon import dialects, pricing, providers
from aimon.call.call import Message, Timeouts
from aimon.config.endpoint import Budget, Canary, Endpoint, LatencyObjective, Slo, Transport
from aimon.config.model import currency, rules
from aimon.config.model.values import expectations
from aimon.config.resolution import incidents, reasoning_models
from aimon.config.resolution.defaults import effective
from aimon.config.resolution.environment import EndpointExpander
from aimon.config.resolution.schedule import timing
from aimon.config.yaml import variables
from aimon.config.yaml.issues import ConfigError, LocatedIssue, shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimon.call.call import Target
    from aimon.config.model import config as model
    from aimon.config.model.config import Config

ECHO: Final = "echo"
_ECHO = Canary(ECHO, (Message("user", "Reply with exactly: {nonce}"),), {"contains": "{nonce}"}, max_tokens=64)

# Stands for an address that is not known; nothing is ever sent there (RFC 2606).
_NOWHERE: Final = "http://unknown.invalid"

_QUERY_AND_DOCUMENT: Final = 2

# The dialects that don't answer in words have a question of their own.
_IMPLICIT: Final = {
    providers.EMBEDDINGS: Canary("embedding", (Message("user", "aimon {nonce}"),)),
    providers.MODELS: Canary("models", ()),
    # Models without instructions continue a pattern.
    providers.COMPLETIONS: Canary(
        "continuation",
        (Message("user", "The code is {nonce}.\nThe code is {nonce}.\nThe code is"),),
        {"contains": "{nonce}"},
        max_tokens=16,
    ),
    # The document that answers the query is the second one.
    providers.RERANK: Canary(
        "ranking",
        (
            Message("user", "Where is parcel {nonce}?"),
            Message("user", "Cold noodles are eaten with vinegar in summer."),
            Message("user", "Parcel {nonce} is in the warehouse at the harbour."),
            Message("user", "The choir meets on Tuesday evenings."),
        ),
        {"regex": "^1\\b"},
    ),
    # The tokens of a picture count as output.
    providers.IMAGES: Canary("picture", (Message("user", "A red circle on white, number {nonce}"),), max_tokens=1024),
    providers.SPEECH: Canary("speech", (Message("user", "Number {nonce}."),), {"regex": "^audio/"}),
}


def resolve(
    config: Config, names: Iterable[str] = (), environ: Mapping[str, str] = os.environ, *, lenient: bool = False
) -> tuple[Endpoint, ...]:
    """The endpoints as the prober runs them.

    Only those named need their variables and key files.

    Args:
        config: what the file says.
        names: which endpoints; all of them if there are none.
        environ: where variables are looked up.
        lenient: whether an endpoint whose variables, keys or files are missing is given all the same, with the reason
            in `unready`, as long as there are others.

    Raises:
        ConfigError: there is no such endpoint, a variable is not set, a key can't be read, …: all of it at once.
    """
    canaries = _Canaries(config)
    problems: list[LocatedIssue] = []
    missing: list[LocatedIssue] = []
    region = _region(config, environ, problems)
    endpoints: list[Endpoint] = []
    for index in _selected(config, tuple(names)):
        written = effective(config, config.endpoints[index])
        expander = EndpointExpander(written, index, config.document, environ)
        endpoint = _endpoint(config, written, expander, canaries, region)
        if expander.problems and lenient and not expander.refused:
            missing += expander.problems
            endpoint = _unready(config, written, expander, canaries, region)
        else:
            problems += expander.problems
        if endpoint is not None:
            endpoints.append(endpoint)
    if problems or (missing and all(endpoint.unready for endpoint in endpoints)):
        raise ConfigError(dict.fromkeys(problems + missing))  # what a variable says is no endpoint's alone
    return tuple(endpoints)


def key_files(config: Config, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Where the keys of endpoints are that are in a file, by the endpoints' names."""
    found = {}
    for endpoint in config.endpoints:
        if endpoint.api_key_file is not None:
            with suppress(ValueError):  # a variable that is not set; `resolve` has told
                found[endpoint.name] = Path(variables.expand(endpoint.api_key_file, environ))
    return found


def _unready(
    config: Config, written: model.EndpointSection, expander: EndpointExpander, canaries: _Canaries, region: str
) -> Endpoint:
    """An endpoint that can't be called, with the reason, complete enough for its metrics and results."""
    target = rules.target(written, base_url=_NOWHERE, headers={}, query={})
    interval, cron = timing(written.interval or config.defaults.interval, config.timezone)
    return Endpoint(
        target=target,
        canaries=canaries.of(written, expander),
        region=region,
        interval=interval,
        interval_failing=written.interval_failing,
        cron=cron,
        budget=_budget(config, written),
        slo=slo_of(written.slo),
        incidents=incidents.policy(written, slo_of(written.slo)),
        prices=_price(config, written),
        secrets=tuple(expander.secrets),
        unready="; ".join(problem.message for problem in expander.problems),
    )


def _region(config: Config, environ: Mapping[str, str], problems: list[LocatedIssue]) -> str:
    try:
        return variables.expand(config.region, environ)
    except ValueError as error:
        problems.append(config.document.problem(("region",), str(error)))
        return ""


def price_book(config: Config, endpoints: Iterable[Endpoint]) -> pricing.PriceBook:
    """What the calls of these endpoints cost, in the reporting currency."""
    return pricing.PriceBook(
        endpoints={endpoint.name: endpoint.prices for endpoint in endpoints if endpoint.prices is not None},
        currency=config.currency,
        fx=currency.rates(config),
    )


def _selected(config: Config, names: tuple[str, ...]) -> list[int]:
    """The places of the named endpoints, in the order of the file."""
    known = {endpoint.name: index for index, endpoint in enumerate(config.endpoints)}
    unknown = [name for name in names if name not in known]
    if unknown:
        file = config.document.file
        raise ConfigError(
            [LocatedIssue(f"no endpoint '{shown(name)}'; {suggestion(name, known)}", file=file) for name in unknown]
        )
    return sorted({known[name] for name in names}) if names else list(range(len(known)))


def _endpoint(
    config: Config, written: model.EndpointSection, expander: EndpointExpander, canaries: _Canaries, region: str
) -> Endpoint | None:
    """The endpoint, or None where `expander` has noted a problem that leaves none."""
    target = _target(written, expander)
    transport = Transport(
        ca_file=expander.ca_file(written.ca_file),
        proxy=expander.proxy(written.proxy),
        ip=written.ip or "any",
        http2=bool(written.http2),
    )
    if target is not None and not written.proxy:
        expander.env_proxy(target.base_url)
    labels = expander.texts(written.labels, "labels")
    asked = canaries.of(written, expander)
    if target is None or expander.problems:
        return None
    limits = written.timeout
    interval, cron = timing(written.interval or config.defaults.interval, config.timezone)
    return Endpoint(
        target=target,
        canaries=asked,
        region=region,
        interval=interval,
        interval_failing=written.interval_failing,
        cron=cron,
        timeouts=Timeouts(limits.connect or 0.0, limits.ttft or 0.0, limits.total or 0.0),
        stream=bool(written.stream) and target.dialect not in dialects.WITHOUT_STREAM,
        temperature=written.temperature,
        reasoning=written.reasoning,
        budget=_budget(config, written),
        slo=slo_of(written.slo),
        incidents=incidents.policy(written, slo_of(written.slo)),
        labels=labels,
        prices=_price(config, written),
        transport=transport,
        secrets=tuple(expander.secrets),
    )


def _target(written: model.EndpointSection, expander: EndpointExpander) -> Target | None:
    key = expander.api_key()
    base_url = expander.optional(written.base_url, "base_url")
    model_name = expander.text(written.model, "model") if written.model else None
    headers, query = expander.headers(written.headers), expander.texts(written.query, "query")
    if expander.problems:
        return None
    try:
        target = rules.target(
            written, base_url=base_url, api_key=key, model_name=model_name, headers=headers, query=query
        )
        return structs.replace(target, secrets=tuple(expander.secrets))
    except ValueError as error:
        # Only what a variable holds is still unchecked here; its value is not for a message.
        message = str(error).removeprefix("base_url ").replace(repr(base_url), repr(written.base_url))
        expander.complain(message, "base_url")
        return None


def _budget(config: Config, written: model.EndpointSection) -> Budget | None:
    amount = written.budget or config.defaults.budget
    return None if amount.value == math.inf else Budget(currency.converted(amount, config), config.currency)


def slo_of(written: model.SloSection | None) -> Slo:
    """The objectives that are written: `latency_p99: 10s` is the 0.99 quantile of latency below 10 s."""
    if written is None:
        return Slo()
    values = structs.asdict(written)
    availability = values.pop("availability")
    objectives = [
        LatencyObjective(measure, float(f"0.{quantile}"), value)
        for name, value in values.items()
        if value is not None
        for measure, _, quantile in [name.partition("_p")]
    ]
    return Slo(availability, tuple(objectives))


def _price(config: Config, written: model.EndpointSection) -> pricing.Price | None:
    prices = written.prices
    return None if prices is None else pricing.Price.of(structs.asdict(prices), currency=config.currency)


class _Canaries:
    """Makes the canaries of each endpoint, and each of them once: compiling a check can cost."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made: dict[tuple[str, int], Canary] = {}

    def of(self, written: model.EndpointSection, expander: EndpointExpander) -> tuple[Canary, ...]:
        """The canaries of an endpoint with defaults filled in."""
        dialect = rules.dialect_of(written)
        if written.canaries is None and dialect in _IMPLICIT:
            return (_IMPLICIT[dialect],)
        names = self._config.defaults.canaries if written.canaries is None else written.canaries
        canaries = tuple(self._canary(name, self._max_tokens(written, name)) for name in names)
        if dialect == providers.RERANK:
            for i, canary in enumerate(canaries):
                if len(canary.messages) < _QUERY_AND_DOCUMENT:
                    message = f"'{canary.name}' has no documents: give it messages, the query first and then documents"
                    expander.refuse(message, "canaries", i)
        if dialect == providers.EMBEDDINGS:
            for i, canary in enumerate(canaries):
                if expectations.wants_text(canary.expect):
                    message = f"'{canary.name}' expects text, but embeddings are numbers; of checks, latency_max fits"
                    expander.refuse(message, "canaries", i)
        return canaries

    def _max_tokens(self, written: model.EndpointSection, name: str) -> int:
        """What the endpoint says, taken as it is; else what the canary needs, and room to think."""
        if written.max_tokens is not None:
            return written.max_tokens
        asked = self._config.canaries.get(name)
        own = asked.max_tokens if asked else _ECHO.max_tokens
        wanted = own or self._config.defaults.max_tokens
        return max(wanted, reasoning_models.floor(written.model or "", written.reasoning))

    def _canary(self, name: str, max_tokens: int) -> Canary:
        key = (name, max_tokens)
        if key not in self._made:
            asked = self._config.canaries.get(name)
            self._made[key] = (
                replace(_ECHO, max_tokens=max_tokens)
                if asked is None
                else Canary(name, _messages(asked), asked.expect, max_tokens)
            )
        return self._made[key]


def _messages(asked: model.CanarySection) -> tuple[Message, ...]:
    system = (Message("system", asked.system),) if asked.system else ()
    turns = [Message("user", asked.prompt)] if asked.prompt else []
    return (*system, *turns, *(Message(turn.role, turn.content) for turn in asked.messages))
