"""Every failure of a connection has an outcome, a message and a reason, which is the same for both transports."""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

import pytest

from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.network import failures, proxy

DOCS = Path(__file__).parents[3] / "docs" / "probe.md"
PROXY = proxy.Proxy("http", "proxy.example", 3128, "HTTPS_PROXY")


def test_the_documentation_lists_every_reason() -> None:
    """docs/probe.md names all reasons, and none that there is not."""
    section = DOCS.read_text(encoding="utf-8").partition("### Failure reasons")[2].partition("\n## ")[0]
    table = section.partition("| --- |")[2]
    assert set(re.findall(r"`([a-z_]+)`", table)) == {reason.value for reason in FailureReason}


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (errno.ECONNREFUSED, Outcome.CONNECT, "refused"),
        (errno.ECONNRESET, Outcome.CONNECT, "reset"),
        (errno.EHOSTUNREACH, Outcome.CONNECT, "unreachable"),
        (errno.ENETUNREACH, Outcome.CONNECT, "unreachable"),
        (errno.ETIMEDOUT, Outcome.CONNECT, "connect_timeout"),
        (errno.EINVAL, Outcome.CONNECT, "connect_failed"),
        (errno.EMFILE, Outcome.PROBER_ERROR, "local_limit"),
        (errno.EACCES, Outcome.PROBER_ERROR, "local_limit"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else None,
)
def test_a_connection_that_fails(code: int, outcome: Outcome, reason: str) -> None:
    """The last errno decides; limits of this machine are not the endpoint's fault."""
    failure = failures.not_connected([("192.0.2.1:443", errno.EINVAL), ("192.0.2.2:443", code)])
    assert (failure.outcome, failure.reason) == (outcome, reason)
    assert failure.message.startswith("cannot connect: 192.0.2.1:443: ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "closed"),
        (ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), "reset"),
        (BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)), "reset"),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "broken"),
        ("the connection was closed", "broken"),
    ],
    ids=["closed", "reset", "pipe", "unreachable", "words"],
)
@pytest.mark.parametrize(("headed", "outcome"), [(False, Outcome.CONNECT), (True, Outcome.STREAM_TRUNCATED)])
def test_a_connection_that_ends(headed: bool, outcome: Outcome, error: OSError | None, reason: str) -> None:
    """The outcome depends on how far the answer had come, the reason on how the connection ended."""
    failure = failures.ended(headed=headed, error=error)
    assert (failure.outcome, failure.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (failures.not_resolved("proxy.example", socket.gaierror(socket.EAI_NONAME, "")), "proxy_unreachable"),
        (failures.not_resolved_in_time("proxy.example", 5), "proxy_unreachable"),
        (failures.not_connected([("192.0.2.1:3128", errno.ECONNREFUSED)]), "proxy_unreachable"),
        (failures.not_connected_in_time("192.0.2.1:3128", 5), "proxy_unreachable"),
        (failures.no_tunnel_in_time(), "proxy_failed"),
        (failures.ended(headed=False), "proxy_failed"),
        (failures.expired(Outcome.TIMEOUT_TTFT, 15), "proxy_failed"),
        (failures.handshake_broken("api.example"), "tls_closed"),
        (Failure(Outcome.CONNECT, "it opened no tunnel", FailureReason.PROXY_DENIED), "proxy_denied"),
    ],
    ids=lambda value: value.reason if isinstance(value, Failure) else None,
)
def test_on_the_way_through_a_proxy(failure: Failure, reason: str) -> None:
    """The proxy is named, and the reason blames it, except where the fault is known to be another's."""
    told = failures.through(PROXY, failure)
    assert (told.outcome, told.reason) == (failure.outcome, reason)
    assert told.message == f"through the proxy http://proxy.example:3128 (HTTPS_PROXY): {failure.message}"


def test_a_fault_of_this_machine_is_no_proxys() -> None:
    """A missing file descriptor is blamed neither on the endpoint nor on the proxy."""
    failure = failures.not_connected([("192.0.2.1:3128", errno.EMFILE)])
    assert failures.through(PROXY, failure) == failure
