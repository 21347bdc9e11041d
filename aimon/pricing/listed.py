"""Prices of genai-prices, the public price list in a Python package.

Importing it takes longer than a probe, so that what it said is kept on disk (`list_cache`) for the next process.
"""

from __future__ import annotations

import math
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aimon.pricing.list_cache import ListCache
from aimon.pricing.price import Price

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aimon.call.result import Usage

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

_cache = ListCache("genai_prices")


def listed_price(provider: str, model: str, when: datetime) -> Price | None:
    """The price of a model in genai-prices at that time; None if it has none."""
    known = _cache.get(provider, model)
    if known is not None:
        return known.price
    genai_prices = import_module("genai_prices")
    source = f"genai-prices {genai_prices.__version__}"
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=0, output_tokens=0),
            model,
            provider_id=provider,
            genai_request_timestamp=when,
        )
    except LookupError:
        _cache.put(provider, model, None)
        return None
    price = _price(genai_prices, found.model_price, source, free=model.endswith(":free"))
    # A tariff by the time of day, or with tiers, is looked up anew.
    if not isinstance(found.model.prices, list) and (price is None or price.calculate is None):
        _cache.put(provider, model, price)
    return price


def _price(genai_prices: Any, listed: Any, source: str, *, free: bool) -> Price | None:
    rates = {name: rate for name in _LISTED_RATES if (rate := getattr(listed, name)) is not None}
    if not rates:
        # The list omits the prices of free models, and also prices that it does not know.
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
