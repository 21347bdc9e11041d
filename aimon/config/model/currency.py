"""Exchange rates: the file's own, and a rough one between yuan and dollar for those who give none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon.config.yaml.issues import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimon.config.model.config import Config
    from aimon.config.yaml.issues import Path
    from aimon.quantities import Amount

# Good enough for a budget, and better than no cost at all: public prices are in dollars.
YUAN_PER_DOLLAR: Final = 7.10
_USUAL: Final[Mapping[str, Mapping[str, float]]] = {
    "CNY": {"USD": YUAN_PER_DOLLAR},
    "USD": {"CNY": 1 / YUAN_PER_DOLLAR},
}


def rates(config: Config) -> dict[str, float]:
    """What one unit of each known currency is worth in the reporting currency."""
    return {**_USUAL.get(config.currency, {}), **config.fx, config.currency: 1.0}


def converted(amount: Amount, config: Config) -> float:
    """An amount in the reporting currency."""
    return amount.value * (rates(config)[amount.currency] if amount.currency else 1.0)


def missing_rates(config: Config) -> Iterator[Issue]:
    """Every amount can be converted into the reporting currency."""
    known = rates(config)
    for path, currency in _used(config):
        if currency is not None and currency not in known:
            yield Issue(path, f"no rate for {currency}: add fx: {{{currency}: …}}, its worth in {config.currency}")
    if config.fx.get(config.currency, 1.0) != 1.0:
        yield Issue(("fx", config.currency), f"one {config.currency} is one {config.currency}: remove it")


def _used(config: Config) -> Iterator[tuple[Path, str | None]]:
    # The public price list is in dollars.
    yield ("currency",), "USD"
    if config.defaults.budget.currency:
        yield ("defaults", "budget"), config.defaults.budget.currency
    for i, endpoint in enumerate(config.endpoints):
        if endpoint.budget is not None:
            yield ("endpoints", i, "budget"), endpoint.budget.currency
        if endpoint.prices is not None:
            yield ("endpoints", i, "prices", "currency"), endpoint.prices.currency
    if config.balance.amount is not None:
        yield ("balance", "amount"), config.balance.amount.currency
    for name, test in config.loadtests.items():
        if test.max_cost is not None:
            yield ("loadtests", name, "max_cost"), test.max_cost.currency
