"""What a call costs: prices, and the arithmetic of tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimon.call.result import Usage

PER = {"1M": 1_000_000, "1K": 1_000}


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
            return amount_of(key, spec[key]) / tokens if key in spec else None

        return cls(
            input=rate("input"),
            output=rate("output"),
            cached_input=rate("cached_input"),
            reasoning=rate("reasoning"),
            per_request=amount_of("per_request", spec.get("per_request", 0.0)),
            currency=currency_of("currency", spec.get("currency", currency)),
            source=source,
        )


_SPEC_KEYS = ("input", "output", "cached_input", "reasoning", "per_request", "currency", "per")


def amount_of(key: str, value: object) -> float:
    """An amount of money that a configuration gives.

    Raises:
        PriceError: it is none.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise PriceError(key, "write an amount, 0 or more, such as 2.50")
    return float(value)


def currency_of(key: str, value: object) -> str:
    """The code of a currency that a configuration gives, in capitals.

    Raises:
        PriceError: it is none.
    """
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
