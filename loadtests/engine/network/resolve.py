"""Names to addresses, once a name and not once a request: a load test is not meant to test the name server."""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any, NamedTuple

import gevent.socket
from gevent.event import AsyncResult

REFRESH = 60.0

_FAMILIES = {"any": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}


class Address(NamedTuple):
    """Where to connect to, as the socket module wants it."""

    family: int
    sockaddr: tuple[Any, ...]


class Resolver:
    """Addresses of host and port, asked for again after REFRESH seconds.

    Args:
        ip: "4" or "6" for addresses of that family alone, "any" for what the host has.
    """

    def __init__(self, ip: str = "any") -> None:
        self.family = _FAMILIES[ip]
        self._cached: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._asking: dict[tuple[str, int], AsyncResult[list[Address]]] = {}

    def known(self, host: str, port: int) -> list[Address] | None:
        """The addresses, where they have been asked for not long ago; None where `ask` has to."""
        asked_at, addresses = self._cached.get((host, port), (float("-inf"), None))
        return addresses if monotonic() - asked_at < REFRESH else None

    def ask(self, host: str, port: int) -> list[Address]:
        """The addresses from the system's resolver; callers who ask for the same meanwhile share the answer.

        Raises:
            OSError: the name has none (`socket.gaierror`), or the resolver failed.
            UnicodeError: it can't be a name.
        """
        host.encode("idna")  # here, since gevent prints what goes wrong in its threads
        name = (host, port)
        if (pending := self._asking.get(name)) is not None:
            return pending.get() or []
        pending = self._asking[name] = AsyncResult()
        try:
            # In gevent's thread pool: the loop goes on meanwhile.
            found = gevent.socket.getaddrinfo(host, port, self.family, socket.SOCK_STREAM)
        except OSError as error:
            pending.set_exception(error)
            raise
        except BaseException:
            # The one who asked was cut short by its own limit; the others must not wait for ever.
            pending.set_exception(TimeoutError(f"nobody waits for the address of {host} any more"))
            raise
        finally:
            del self._asking[name]
        addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in found]
        self._cached[name] = (monotonic(), addresses)
        pending.set(addresses)
        return addresses
