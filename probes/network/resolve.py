"""Name resolution in a thread, timed there, that can be abandoned."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import msgspec

from aimon.network import failures
from aimon.probes.network.errors import ResolveError


class Address(msgspec.Struct, frozen=True):
    """One address of a host, in the form that socket functions use."""

    family: int
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        return failures.shown_address(self.family, self.sockaddr)


async def resolve(host: str, port: int, family: int, timeout: float | None) -> tuple[Sequence[Address], float]:
    """Finds the addresses of a host.

    Args:
        host: A name or an address literal.
        port: TCP port, kept in the addresses.
        family: `socket.AF_INET`, `AF_INET6`, or `AF_UNSPEC` for both.
        timeout: Seconds to wait for the resolver; `None` for no limit.

    Returns:
        The addresses in the order to try them: the resolver's order, with the families alternating (RFC 8305, section
        4); and when the resolver answered, in seconds of `time.monotonic()`.

    Raises:
        ResolveError: There are none, or the resolver did not answer in time.
    """
    try:
        addresses, answered = _look_up(host, port, family, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):  # a name, not a literal
        addresses, answered = await _in_thread(host, port, family, timeout)
    first = [address for address in addresses if address.family == addresses[0].family]
    others = [address for address in addresses if address.family != addresses[0].family]
    turns = chain.from_iterable(zip_longest(first, others))
    return [address for address in turns if address is not None], answered


_Answer = tuple[list[Address], float]


def _look_up(host: str, port: int, family: int, flags: int) -> _Answer:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, socket.IPPROTO_TCP, flags)
    return [Address(entry[0], entry[4]) for entry in found], time.monotonic()


async def _in_thread(host: str, port: int, family: int, timeout: float | None) -> _Answer:
    """Calls the system's blocking resolver in a thread.

    Each lookup has a thread of its own. In the loop's shared pool of a few threads, slow lookups would delay the
    others, and the delay would be measured as DNS time; asyncio would also wait for the pool at exit, long after the
    deadline. A daemon thread can be abandoned.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Answer] = loop.create_future()

    def deliver(found: _Answer | Exception) -> None:
        if answer.done():  # the caller no longer waits
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def work() -> None:
        try:
            found: _Answer | Exception = _look_up(host, port, family, 0)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the task that waits
            found = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(deliver, found)

    threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            return await answer
    except TimeoutError:
        raise ResolveError(failures.not_resolved_in_time(host, timeout or 0.0)) from None
    except (OSError, UnicodeError) as error:
        raise ResolveError(failures.not_resolved(host, error, family)) from error
