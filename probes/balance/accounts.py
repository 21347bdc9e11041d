"""The accounts behind endpoints, and what their providers say that is left in them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aimon.network import address
from aimon.network.client import service_client
from aimon.probes.balance.providers import APIS, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.config.endpoint import Endpoint
    from aimon.probes.balance.providers import Amounts
    from aimon.security.secret import Secret

_TIMEOUT: Final = 10.0


class UnknownBalanceError(Exception):
    """A balance is not told; the message says why, without the key."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a provider that tells balances.

    Attributes:
        id: a fingerprint of origin and key.
        name: the first endpoint that uses it.
        model: of that endpoint.
        region: likewise.
        provider: who keeps it.
        origin: of the endpoint's base URL.
        key: its key.
    """

    id: str
    name: str
    model: str
    region: str
    provider: str
    origin: str
    key: Secret = field(repr=False)


def accounts(endpoints: Iterable[Endpoint]) -> tuple[Account, ...]:
    """The accounts of these endpoints: one for each key, in their order."""
    found: dict[str, Account] = {}
    for endpoint in endpoints:
        target = endpoint.target
        parts = urlsplit(target.base_url)
        provider = provider_of(target.provider, parts.hostname or "")
        if provider is None or target.api_key is None or endpoint.unready:
            continue
        origin = f"{parts.scheme}://{parts.netloc}"
        number = hashlib.sha256(f"{origin}\n{target.api_key.reveal()}".encode()).hexdigest()[:16]
        found.setdefault(
            number, Account(number, endpoint.name, target.model, endpoint.region, provider, origin, target.api_key)
        )
    return tuple(found.values())


def ask(account: Account) -> Amounts:
    """What the provider says is left, by currency; blocks for ten seconds at the most.

    Raises:
        UnknownBalanceError: it says nothing, or nothing that is understood.
    """
    api = APIS[account.provider]
    headers = {"Authorization": f"Bearer {account.key.reveal()}", "Accept": "application/json"}
    try:
        where = address.parse(account.origin, "an origin")
        answer = service_client.fetch(where, "GET", api.path, None, headers, timeout=_TIMEOUT, proxied=True)
    except (service_client.NoAnswerError, ValueError) as error:
        raise UnknownBalanceError(f"{account.provider} does not answer ({error})") from None
    if not answer.good:
        raise UnknownBalanceError(f"{account.provider} answers {answer.status} to {api.path}")
    try:
        return api.read(json.loads(answer.body), urlsplit(account.origin).hostname or "")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnknownBalanceError(f"{account.provider} does not answer {api.path} as it is documented") from None
