"""What all AIUsers of a process share: the configuration of their endpoints, and the connections to them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimon import config
from aimon.config.request_options import RequestOptions
from aimon.loadtests.engine.client import Client
from aimon.pricing import PriceBook

if TYPE_CHECKING:
    from aimon.config import Config
    from aimon.config.endpoint import Endpoint, Transport

_clients: dict[tuple[Transport, bool, int], Client] = {}

# `locust --processes` forks: the child must not read from the parent's connections.
os.register_at_fork(after_in_child=_clients.clear)


@dataclass(slots=True)
class _Setup:
    """How endpoints are found: as `aimon probe` finds them, unless `use` has said otherwise."""

    loaded: Config | None = None
    default: str | None = None
    request: RequestOptions = field(default_factory=RequestOptions)
    cold: bool = False
    honour_retry_after: int = 0


_setup = _Setup()
_endpoints: dict[str, tuple[Endpoint, PriceBook]] = {}


def use(
    loaded: Config | None, default: str | None, *, request: RequestOptions, cold: bool, honour_retry_after: int
) -> None:
    """Sets the configuration of a run of `aimon loadtest`.

    Args:
        loaded: has the endpoints; None where there is no configuration.
        default: endpoint of users that name none.
        request: what is added to each request.
        cold: for all users, whatever their class says.
        honour_retry_after: likewise, if it is not 0.
    """
    _setup.loaded, _setup.default, _setup.request = loaded, default, request
    _setup.cold, _setup.honour_retry_after = cold, honour_retry_after
    _endpoints.clear()


def endpoint_of(user: str, named: str | Endpoint | None) -> tuple[Endpoint, PriceBook]:
    """The endpoint of a user class, and what its calls cost.

    Raises:
        ConfigError: the configuration is wrong, or has no such endpoint.
        ValueError: the class names none, and there is no default.
    """
    if named is None:
        named = _setup.default or os.environ.get("AIMON_ENDPOINT")
    if named is None:
        raise ValueError(
            f'{user} names no endpoint: write `endpoint = "NAME"` in the class, name one on the command line of aimon '
            "loadtest, or in the variable AIMON_ENDPOINT"
        )
    if not isinstance(named, str):
        # The prices of the endpoint, or else of the price list.
        return named, PriceBook(endpoints={} if named.prices is None else {named.name: named.prices})
    if named not in _endpoints:
        loaded = _setup.loaded or config.load()
        endpoint = _setup.request.applied(config.resolve(loaded, [named])[0])
        _endpoints[named] = endpoint, config.price_book(loaded, [endpoint])
    return _endpoints[named]


def shared(transport: Transport, cold: bool, honour_retry_after: int) -> Client:
    """The client of all users with these options."""
    cold, retries = cold or _setup.cold, _setup.honour_retry_after or honour_retry_after
    key = transport, cold, retries
    if (client := _clients.get(key)) is None:
        client = _clients[key] = Client(transport, cold=cold, honour_retry_after=retries)
    return client


def stop_retrying() -> None:
    """Cancels pending retries of all clients."""
    for client in _clients.values():
        client.stop_retrying()


def close(why: str = "the run was interrupted") -> None:
    """Ends all calls as prober errors that say why, and closes all connections."""
    for client in _clients.values():
        client.close(why)
