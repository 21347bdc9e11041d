"""How each provider tells the balance of an account: one function and one entry of the table each.

A function takes the JSON of an answer and gives amounts by currency. Whatever is not as it is documented raises, and
the balance is unknown then: a number is never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Amounts = dict[str, float]


@dataclass(frozen=True, slots=True)
class BalanceApi:
    """Where a provider tells a balance.

    Attributes:
        path: below the origin of an endpoint's base URL, so that a key only goes where probes send it.
        read: from the JSON and the host to amounts; raises ValueError, KeyError or TypeError for any other shape.
        hosts: where an endpoint without a preset is recognised.
        source: where it is documented.
    """

    path: str
    read: Callable[[Any, str], Amounts]
    hosts: tuple[str, ...]
    source: str


def _deepseek(answer: Any, _: str) -> Amounts:
    found = {str(info["currency"]): _amount(info["total_balance"]) for info in answer["balance_infos"]}
    if not found:
        raise ValueError("no balance")
    return found


def _moonshot(answer: Any, host: str) -> Amounts:
    return {_by_host(host): _amount(answer["data"]["available_balance"])}


def _siliconflow(answer: Any, host: str) -> Amounts:
    return {_by_host(host): _amount(answer["data"]["totalBalance"])}


def _openrouter(answer: Any, _: str) -> Amounts:
    credit = answer["data"]
    return {"USD": _amount(credit["total_credits"]) - _amount(credit["total_usage"])}


def _stepfun(answer: Any, _: str) -> Amounts:
    if answer["type"] != "prepaid":  # who pays later has nothing that runs out
        raise ValueError("a postpaid account")
    return {"CNY": _amount(answer["balance"])}


def _novita(answer: Any, _: str) -> Amounts:
    return {"USD": _amount(answer["availableBalance"]) / 10_000}


APIS: Final[dict[str, BalanceApi]] = {
    "deepseek": BalanceApi(
        "/user/balance", _deepseek, ("api.deepseek.com",), "https://api-docs.deepseek.com/api/get-user-balance"
    ),
    "moonshot": BalanceApi(
        "/v1/users/me/balance",
        _moonshot,
        ("api.moonshot.cn", "api.moonshot.ai"),
        "https://platform.moonshot.ai/docs/api/balance",
    ),
    "siliconflow": BalanceApi(
        "/v1/user/info",
        _siliconflow,
        ("api.siliconflow.cn", "api.siliconflow.com"),
        "https://docs.siliconflow.cn/cn/api-reference/userinfo/get-user-info",
    ),
    # Wants a management key: with any other the balance is unknown.
    "openrouter": BalanceApi(
        "/api/v1/credits",
        _openrouter,
        ("openrouter.ai",),
        "https://openrouter.ai/docs/api/api-reference/credits/get-credits",
    ),
    "stepfun": BalanceApi(
        "/v1/accounts",
        _stepfun,
        ("api.stepfun.com",),
        "https://platform.stepfun.com/docs/zh/api-reference/accounts/get",
    ),
    "novita": BalanceApi(
        "/openapi/v1/billing/balance/detail",
        _novita,
        ("api.novita.ai",),
        "https://novita.ai/docs/api-reference/basic-get-user-balance",
    ),
}


def provider_of(provider: str, host: str) -> str | None:
    """The provider whose balances a host reports; None if it reports none.

    Args:
        provider: the endpoint's preset, or what it is called otherwise.
        host: of its base URL.
    """
    if provider in APIS:
        return provider
    return next((name for name, api in APIS.items() if host in api.hosts), None)


def _amount(value: Any) -> float:
    """An amount that is written as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("no amount")
    amount = float(value)
    if not math.isfinite(amount):
        raise ValueError("no amount")
    return amount


def _by_host(host: str) -> str:
    """The currency that a provider with a Chinese and an international site keeps accounts in."""
    for end, currency in ((".cn", "CNY"), (".ai", "USD"), (".com", "USD")):
        if host.endswith(end):
            return currency
    raise ValueError("a site whose currency is not known")
