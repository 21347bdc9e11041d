"""Resolves host names with a cache, so that a load test does not load the name server."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - as below
import socket
from time import monotonic
from typing import Any, NamedTuple

import gevent
import gevent.resolver.thread  # the first lookup would import both: tens of milliseconds that would look like DNS
import gevent.socket
from gevent.event import AsyncResult

REFRESH = 60.0

_FAMILIES = {"any": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}


class Address(NamedTuple):
    """An address for `socket.connect`."""

    family: int
    sockaddr: tuple[Any, ...]


class Resolver:
    """Resolves host and port, and caches the addresses for REFRESH seconds.

    Args:
        ip: "4" or "6" for addresses of that family only, "any" for both.
    """

    def __init__(self, ip: str = "any") -> None:
        self.family = _FAMILIES[ip]
        # With its threads it would be made in the first lookup, where this would look like DNS.
        gevent.get_hub().resolver  # noqa: B018 - it is made when it is first asked for
        self._cached: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._asking: dict[tuple[str, int], AsyncResult[list[Address]]] = {}

    def known(self, host: str, port: int) -> list[Address] | None:
        """The cached addresses; None if they are missing or too old."""
        asked_at, addresses = self._cached.get((host, port), (float("-inf"), None))
        return addresses if monotonic() - asked_at < REFRESH else None

    def ask(self, host: str, port: int) -> list[Address]:
        """Asks the system's resolver; concurrent callers for the same name share one lookup.

        Raises:
            OSError: the name has no address (`socket.gaierror`), or the resolver failed.
            UnicodeError: the text can't be a host name.
        """
        host.encode("idna")  # here, since gevent prints exceptions of its threads
        name = (host, port)
        if (pending := self._asking.get(name)) is not None:
            return pending.get() or []
        pending = self._asking[name] = AsyncResult()
        try:
            # In gevent's thread pool, so that the loop is not blocked.
            found = gevent.socket.getaddrinfo(host, port, self.family, socket.SOCK_STREAM)
        except OSError as error:
            pending.set_exception(error)
            raise
        except BaseException:
            # The caller's own timeout ended the lookup; the other callers must not wait for ever.
            pending.set_exception(TimeoutError(f"the lookup of {host} was cancelled"))
            raise
        finally:
            del self._asking[name]
        addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in found]
        self._cached[name] = (monotonic(), addresses)
        pending.set(addresses)
        return addresses
