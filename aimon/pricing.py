"""The cost of a call in the reporting currency; None if it is unknown, never 0 instead.

A price comes from the configuration (of the endpoint, or of a model's name) or else from genai-prices, the
public price list in a Python package (USD; imported on first use, since that takes 0.1 s). A price in another
currency needs a rate: `fx: {USD: 7.10}` says that 1 USD is 7.10 of the reporting currency.

Prices in yuan are not shipped. Vendors publish them in tiers and change them often, and they are not the dollar
price times a rate, so prices in the code would soon be wrong: put the prices of your contract into `prices`.
A self-hosted server (vLLM, Ollama) has no list price either; its cost is unknown unless configured, and
`prices: {input: 0, output: 0}` says that it is free.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimon.call.call import Target

PER = {"1M": 1_000_000, "1K": 1_000}

# Our preset's name → the provider's id in genai-prices. Other presets have no list price there, or are proxies, whose
# operator names the models and sets the price.
LISTED_PROVIDERS = MappingProxyType(
    {
        "openai": "openai",
        "anthropic": "anthropic",
        "gemini": "google",
        "azure": "azure",
        "deepseek": "deepseek",
        "zhipu": "zhipuai",
        "moonshot": "moonshotai",
        "minimax": "minimax",
        "openrouter": "openrouter",
        "groq": "groq",
        "mistral": "mistral",
        "xai": "x-ai",
        "together": "together",
        "fireworks": "fireworks",
    }
)

# The prices that apply to text calls; other prices of a listed model (audio, images, searches) do not apply.
_LISTED_RATES = ("input_mtok", "output_mtok", "cache_read_mtok", "output_reasoning_mtok", "requests_kcount")

# Prices change at full minutes (time-of-day tariffs), so one lookup per minute is exact.
_MINUTE = 60.0
_MAX_CACHED = 1024

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class PriceError(ValueError):
    """An invalid price: `key` names it, `problem` says what to write instead."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


class Price(msgspec.Struct, frozen=True):
    """What a call costs, in `currency` per token and per request.

    Cached input and reasoning without a price of their own cost the same as other input and output. An `input` or
    `output` of None is unknown: the cost of calls that have such tokens is unknown (embeddings have no output).
    The rates apply up to `linear_up_to` input tokens; `calculate` costs calls with longer prompts (tiers).
    """

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    reasoning: float | None = None
    per_request: float = 0.0
    currency: str = "USD"
    source: str = "config"
    linear_up_to: float = math.inf
    calculate: Callable[[Usage], float | None] | None = None

    @classmethod
    def of(cls, spec: Mapping[str, object], *, currency: str = "USD", source: str = "config") -> Price:
        """Reads `{input: 2.0, output: 8.0, cached_input: 0.5, currency: CNY, per: 1M}`. None counts as omitted.

        Args:
            spec: amounts per million tokens, or per thousand with `per: 1K`; `per_request` is per request.
            currency: of the amounts, unless `spec` says otherwise.
            source: where the price comes from, for people: it becomes the Result's `price_source`.

        Raises:
            PriceError: an unknown key, or a value that is not an amount.
        """
        spec = {key: value for key, value in spec.items() if value is not None}
        for key in spec:
            if key not in _SPEC_KEYS:
                raise PriceError(str(key), f"unknown; known are {', '.join(_SPEC_KEYS)}")
        per = spec.get("per", "1M")
        if per not in PER:
            raise PriceError("per", "write 1M or 1K: how many tokens the amounts are for")
        if "input" not in spec and "per_request" not in spec:
            raise PriceError("input", "missing: write the price of input tokens")
        tokens = PER[str(per)]

        def rate(key: str) -> float | None:
            return _amount(key, spec[key]) / tokens if key in spec else None

        return cls(
            input=rate("input"),
            output=rate("output"),
            cached_input=rate("cached_input"),
            reasoning=rate("reasoning"),
            per_request=_amount("per_request", spec.get("per_request", 0.0)),
            currency=_currency("currency", spec.get("currency", currency)),
            source=source,
        )


ESTIMATED = "tokens estimated from the text"
_SPEC_KEYS = ("input", "output", "cached_input", "reasoning", "per_request", "currency", "per")


def _amount(key: str, value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise PriceError(key, "write an amount, 0 or more, such as 2.50")
    return float(value)


def _currency(key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) != 3 or not value.isascii() or not value.isalpha():
        raise PriceError(key, "write the three letters of a currency, such as USD or CNY")
    return value.upper()


def cost(usage: Usage, price: Price) -> float | None:
    """The cost of a call with that usage, in the currency of the price.

    None if the usage is unknown, has tokens without a price, contradicts itself (more cached input than input), or
    lacks a count that was implausible and that the price needs. Answers without output tokens (embeddings) need not
    report them.
    """
    priced, tokens = price.output is not None, usage.output
    if usage.input is None or (priced and tokens is None) or (tokens and not priced):
        return None
    if usage.implausible and _asks_for(price, usage.implausible):
        return None
    if usage.input > price.linear_up_to and price.calculate is not None:
        return price.calculate(usage)
    prompt = _part(usage.input, price.input, usage.cached_input, price.cached_input)
    answer = _part(tokens or 0, price.output, usage.reasoning, price.reasoning)
    return None if prompt is None or answer is None else prompt + answer + price.per_request


def _asks_for(price: Price, counts: Iterable[str]) -> bool:
    """Whether a price depends on one of these counts."""
    special = {"cached_input": price.cached_input, "reasoning": price.reasoning}
    return price.calculate is not None or any(name not in special or special[name] is not None for name in counts)


def _part(tokens: int, rate: float | None, special: int | None, special_rate: float | None) -> float | None:
    """The cost of tokens, of which the `special` ones may have a rate of their own."""
    if not tokens and not special:
        return 0.0
    if rate is None:
        return None
    if special_rate is None or not special:
        return tokens * rate
    return (tokens - special) * rate + special * special_rate if special <= tokens else None


class PriceBook:
    """Finds prices and costs calls.

    Args:
        endpoints: prices by the endpoint's name; these take precedence.
        models: prices by `provider/model` or `model`, which may contain `*` and `?`. An exact name takes
            precedence over patterns, and the first matching pattern over later ones.
        currency: the reporting currency.
        fx: how much of the reporting currency 1 of another currency is.

    Raises:
        PriceError: an invalid currency or rate.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Price] = _EMPTY,
        models: Mapping[str, Price] = _EMPTY,
        currency: str = "USD",
        fx: Mapping[str, float] = _EMPTY,
    ) -> None:
        self.currency = _currency("currency", currency)
        self._endpoints = dict(endpoints)
        self._models = {name.casefold(): price for name, price in models.items()}
        self._fx = {_currency("fx", name): _amount(f"fx.{name}", rate) for name, rate in fx.items()}
        for name, rate in self._fx.items():
            if not rate:
                raise PriceError(f"fx.{name}", f"write how much {self.currency} 1 {name} is, such as 7.10")
        self._fx[self.currency] = 1.0
        self._found: dict[tuple[str, str], Price | None] = {}
        self._listed: dict[tuple[str, str, str | None], tuple[float, Price | None]] = {}

    def converted(self, amount: float, currency: str | None) -> float | None:
        """Converts an amount in `currency` (None: the reporting one) to the reporting currency; None without a rate."""
        rate = self._fx.get(currency or self.currency)
        return None if rate is None else amount * rate

    def price(
        self,
        provider: str,
        model: str,
        endpoint: str | None = None,
        at: float | None = None,
        response_model: str | None = None,
    ) -> Price | None:
        """The price of a model, or None if it is unknown.

        Args:
            provider: the preset's name.
            model: the requested model.
            endpoint: the configured name.
            at: Unix time of the call; by default now.
            response_model: the model that answered, if known. The price list is searched for it before the requested
                model, which may be an alias, or on Azure the name of a deployment.
        """
        if endpoint is not None and (price := self._endpoints.get(endpoint)) is not None:
            return price
        if self._models:
            try:
                price = self._found[provider, model]
            except KeyError:
                price = self._configured(provider, model)
                if len(self._found) >= _MAX_CACHED:
                    self._found.clear()
                self._found[provider, model] = price
            if price is not None:
                return price
        return self._list_price(provider, model, response_model, at)

    def knows(self, provider: str, model: str, endpoint: str | None = None) -> bool:
        """Whether the cost of calls can be known: there is a price, and a rate for its currency.

        If False, calls may still have a cost: the answer may name a model with a price (aliases, Azure deployments).
        """
        price = self.price(provider, model, endpoint)
        return price is not None and price.currency in self._fx

    def cost(self, result: Result) -> Result:
        """The Result with `cost`, `currency` and `price_source`; unchanged if the cost is unknown.

        If the provider did not report the tokens, the cost is of an estimate, and `price_source` says so. If only a
        rate is missing, the cost stays None and `price_source` says which rate.
        """
        usage = result.usage if result.estimated is None else result.estimated
        if usage.input is None:
            return result
        price = self.price(result.provider, result.model, result.endpoint, result.started_at, result.response_model)
        amount = None if price is None else cost(usage, price)
        if price is None or amount is None:
            return result
        rate = self._fx.get(price.currency)
        if rate is None:
            lacking = f"{price.currency} price, no fx rate to {self.currency}"
            return msgspec.structs.replace(result, price_source=lacking)
        source = price.source
        if price.currency != self.currency:
            source = f"{source}, 1 {price.currency} = {rate:g} {self.currency}"
        if result.estimated is not None:
            source = f"{source}, {ESTIMATED}"
        return msgspec.structs.replace(result, cost=amount * rate, currency=self.currency, price_source=source)

    def estimate(self, target: Target, operation: str, *, prompt_tokens: int, answer_tokens: int) -> Result:
        """A successful call with these token counts, priced as by `cost`: for forecasts."""
        return self.cost(
            Result(
                endpoint=target.endpoint,
                provider=target.provider,
                model=target.model,
                operation=operation,
                started_at=0.0,
                end=0.0,
                outcome=Outcome.OK,
                usage=Usage(prompt_tokens, answer_tokens, source="estimated"),
            )
        )

    def _configured(self, provider: str, model: str) -> Price | None:
        names = (f"{provider}/{model}".casefold(), model.casefold())
        for name in names:
            if (price := self._models.get(name)) is not None:
                return price
        for pattern, price in self._models.items():
            if any(fnmatchcase(name, pattern) for name in names):
                return price
        return None

    def _list_price(self, provider: str, model: str, response_model: str | None, at: float | None) -> Price | None:
        listed = LISTED_PROVIDERS.get(provider)
        if listed is None:
            return None
        minute = (datetime.now(UTC).timestamp() if at is None else at) // _MINUTE
        key = (listed, model, response_model)
        known = self._listed.get(key)
        if known is not None and known[0] == minute:
            return known[1]
        when = datetime.fromtimestamp(minute * _MINUTE, UTC)
        price = None
        for name in (response_model, model):
            if name and price is None:
                price = _listed_price(listed, name, when)
        if len(self._listed) >= _MAX_CACHED:
            self._listed.clear()  # names of response models come from outside, so their number has no limit
        self._listed[key] = (minute, price)
        return price


def _listed_price(provider: str, model: str, when: datetime) -> Price | None:
    """The price of a model in genai-prices at that time."""
    genai_prices = import_module("genai_prices")
    source = f"genai-prices {genai_prices.__version__}"
    try:
        listed = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=0, output_tokens=0),
            model,
            provider_id=provider,
            genai_request_timestamp=when,
        ).model_price
    except LookupError:
        return None
    rates = {name: rate for name in _LISTED_RATES if (rate := getattr(listed, name)) is not None}
    if not rates:
        # The list omits the prices of free models, and also prices that it does not know.
        free = model.endswith(":free")
        return Price(input=0.0, output=0.0, source=source) if free else None
    starts = [tier.start for rate in rates.values() for tier in getattr(rate, "tiers", ())]
    base = {name: float(getattr(rate, "base", rate)) for name, rate in rates.items()}
    return Price(
        input=_per_token(base.get("input_mtok")),
        output=_per_token(base.get("output_mtok")),
        cached_input=_per_token(base.get("cache_read_mtok")),
        reasoning=_per_token(base.get("output_reasoning_mtok")),
        per_request=base.get("requests_kcount", 0.0) / 1000,
        source=source,
        linear_up_to=min(starts, default=math.inf),
        calculate=_tiered(genai_prices, listed) if starts else None,
    )


def _per_token(per_million: float | None) -> float | None:
    return None if per_million is None else per_million / 1_000_000


def _tiered(genai_prices: Any, listed: Any) -> Callable[[Usage], float | None]:
    """The cost function of a price with tiers: genai-prices calculates the cost of each call."""

    def calculate(usage: Usage) -> float | None:
        try:
            tokens = genai_prices.Usage(
                input_tokens=usage.input,
                output_tokens=usage.output or 0,
                cache_read_tokens=usage.cached_input,
                output_reasoning_tokens=usage.reasoning,
            )
            return float(listed.calc_price(tokens)["total_price"])
        except ValueError:  # the counts contradict each other
            return None

    return calculate
