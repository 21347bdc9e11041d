"""What the type of a single value can't check: which keys belong together, and what must not be in the file.

A rule yields an Issue for each key that is to blame. `CONFIG` is the type of the whole file, with these rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec.structs import asdict

from aimon import providers
from aimon.config.model import config as model
from aimon.config.model import currency
from aimon.config.model.sections import rule, section
from aimon.config.model.values import secret_values, times
from aimon.config.yaml import variables
from aimon.config.yaml.issues import Issue, is_keylike, shown
from aimon.dialects import reasoning
from aimon.network.address import split
from aimon.pricing import Price, PriceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimon.call.call import Target
    from aimon.security.secret import Secret

_SECRET_VARIABLE = re.compile(r"(?i)(^|_)(key|token|secret|password|passwd|credentials?)(_|$)|apikey")
is_sensitive = secret_values.is_sensitive


@rule(model.Config)
def config(written: model.Config) -> Iterator[Issue]:
    """There is something to probe, and every amount can be converted into the reporting currency."""
    if not written.endpoints:
        yield Issue(("endpoints",), "the list is empty: add an endpoint; `aimon init` shows how")
    yield from currency.missing_rates(written)


@rule(model.TimeoutSection)
def timeouts(limits: model.TimeoutSection) -> Iterator[Issue]:
    """A limit that the total would always cut short is a mistake."""
    for name in ("connect", "ttft"):
        value = getattr(limits, name)
        if value is not None and limits.total is not None and value > limits.total:
            yield Issue((name,), "longer than total, which would always strike first: make it shorter")


@rule(model.PricesSection)
def prices(written: model.PricesSection) -> Iterator[Issue]:
    """Prices say what something costs."""
    try:
        Price.of(asdict(written))
    except PriceError as error:
        yield Issue((error.key,), error.problem)


@rule(model.CanarySection)
def canary(asked: model.CanarySection) -> Iterator[Issue]:
    """A canary has a prompt or messages, and expects `{nonce}` only if these contain it."""
    if asked.prompt is None and not asked.messages:
        yield Issue((), 'nothing is asked; add prompt: "Reply with exactly: {nonce}"')
    if asked.prompt is not None and asked.messages:
        yield Issue(("messages",), "prompt already asks: keep one of the two")
    told = " ".join([asked.prompt or "", asked.system or "", *(message.content for message in asked.messages)])
    if "{nonce}" in str(asked.expect) and "{nonce}" not in told:
        yield Issue(("expect",), "the answer can't hold {nonce}, which the prompt doesn't mention: add it there")


@rule(model.EndpointSection)
def endpoint(written: model.EndpointSection) -> Iterator[Issue]:
    """An endpoint can be reached, its keys fit together, and it holds no secrets."""
    yield from _address(written)
    yield from _reasoning(written)
    yield from _secrets(written)
    if written.api_key is not None and written.api_key_file is not None:
        yield Issue(("api_key_file",), "api_key already gives the key: keep one of the two")
    yield from _intervals(written)


@rule(model.DefaultsSection)
def defaults(written: model.DefaultsSection) -> Iterator[Issue]:
    """Defaults hold no secrets either."""
    yield from _labels(written.labels)
    yield from _intervals(written)


def dialect_of(written: model.EndpointSection) -> str | None:
    """The dialect that is spoken; None where neither it nor a preset is given."""
    return written.dialect or (providers.get(written.preset).dialect if written.preset else None)


def usual_key(written: model.EndpointSection) -> str | None:
    """The preset's own key variable, if the endpoint leaves its key to it.

    The vendor's key goes to the vendor alone: never, unasked, to wherever base_url points.
    """
    if written.preset is None or written.base_url is not None or written.api_key_file is not None:
        return None
    return None if written.api_key is not None else providers.get(written.preset).key_env


def may_be_keyless(written: model.EndpointSection) -> bool:
    """Whether the usual key may be missing: there are other credentials, or the preset stays on this machine."""
    if any(map(is_sensitive, [*written.headers, *written.query])):
        return True
    base = providers.get(written.preset).base_url if written.preset else None
    return urlsplit(base or "").hostname in {"127.0.0.1", "localhost"}


def _address(written: model.EndpointSection) -> Iterator[Issue]:
    if written.preset is None and written.dialect is None:
        yield Issue((), "nothing says what to call; add a preset (preset: openai), or a dialect and a base_url")
    elif written.preset is None and written.base_url is None:
        yield Issue(("base_url",), "missing; add the URL, up to and including /v1 where the provider has one")
    elif not variables.names(written.base_url or ""):
        try:
            target(written, base_url=written.base_url)
        except ValueError as error:
            message = str(error).removeprefix("base_url ")
            yield Issue(("base_url",), message.replace(repr(written.base_url), f"'{shown(written.base_url or '')}'"))
    if written.model is None and dialect_of(written) not in (None, providers.MODELS):
        yield Issue(("model",), "missing; add the provider's name of the model to ask")


def target(
    written: model.EndpointSection,
    *,
    base_url: str | None,
    api_key: Secret | None = None,
    model_name: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Target:
    """The target of an endpoint, with what has been expanded in place of what is written.

    Raises:
        ValueError: the base URL is missing or unusable; says what to write.
    """
    split(base_url or "", "write https://host/v1, or what the provider's documentation says")
    return providers.target(
        written.preset,
        endpoint=written.name,
        model=model_name or written.model or "",
        api_key=api_key,
        dialect=written.dialect,
        base_url=base_url,
        auth=written.auth,
        headers=written.headers if headers is None else headers,
        query=written.query if query is None else query,
        quirks={name: value for name, value in asdict(written.quirks).items() if value is not None},
        provider=written.provider,
    )


def _reasoning(written: model.EndpointSection) -> Iterator[Issue]:
    dialect = dialect_of(written)
    style = written.quirks.reasoning_style
    if dialect is None or (written.reasoning is None and style is None):
        return
    try:
        reasoning.check(dialect, style, written.reasoning or "off")
    except ValueError as error:
        yield Issue(("reasoning",) if style is None else ("quirks", "reasoning_style"), str(error))


def _secrets(written: model.EndpointSection) -> Iterator[Issue]:
    for place, values in (("headers", written.headers), ("query", written.query)):
        yield from secret_values.issues(place, values)
    yield from _labels(written.labels)


def _labels(labels: Mapping[str, str]) -> Iterator[Issue]:
    for name, value in labels.items():
        if is_keylike(value) or any(_SECRET_VARIABLE.search(variable) for variable in variables.names(value)):
            yield Issue(("labels", name), "labels are public: a secret must not be one")


def _intervals(written: model.EndpointSection | model.DefaultsSection) -> Iterator[Issue]:
    """`interval_failing` is not longer than `interval`."""
    failing = written.interval_failing
    if failing is not None and failing < times.SHORTEST:
        yield Issue(("interval_failing",), "at least 1s, since every probe costs money")
    if failing is not None and isinstance(written.interval, float) and failing > written.interval:
        yield Issue(("interval_failing",), "longer than interval: it is for probing more often while an endpoint fails")


CONFIG: Final = section(model.Config)
"""The whole file, with the rules above."""
