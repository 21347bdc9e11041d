"""The Pushgateway of a load test, looked at before the load is sent and paid for."""

from __future__ import annotations

from aimon.cli.exits import UNABLE, USAGE, Stop


def check(url: str) -> None:
    """Reads from it, which shows that it is there, is a Pushgateway, and takes the credentials.

    Raises:
        Stop: the address is none, or nothing can be pushed there.
    """
    from aimon.metrics.pushgateway import Gateway, PushError, read

    try:
        gateway = Gateway.parse(url)
    except ValueError as error:
        raise Stop(USAGE, f"--push: {error}") from error
    try:
        read(gateway)
    except PushError as error:
        raise Stop(UNABLE, f"--push: {error}: nothing was sent; --yes sends it all the same") from error
