"""Finds the price of a call and costs it, in the reporting currency."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage
from aimon.pricing.listed import LISTED_PROVIDERS, listed_price
from aimon.pricing.price import Price, PriceError, amount_of, cost, currency_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call.call import Target

ESTIMATED = "tokens estimated from the text"
# Prices change at full minutes (time-of-day tariffs), so one lookup per minute is exact.
_MINUTE = 60.0
_MAX_CACHED = 1024

_EMPTY: Mapping[str, Any] = MappingProxyType({})


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
        self.currency = currency_of("currency", currency)
        self._endpoints = dict(endpoints)
        self._models = {name.casefold(): price for name, price in models.items()}
        self._fx = {currency_of("fx", name): amount_of(f"fx.{name}", rate) for name, rate in fx.items()}
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
                price = listed_price(listed, name, when)
        if len(self._listed) >= _MAX_CACHED:
            self._listed.clear()  # names of response models come from outside, so their number has no limit
        self._listed[key] = (minute, price)
        return price
