"""`--push`, for every command that pushes what probes have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from aimon.metrics.pushgateway import Gateway


def gateway(url: str) -> Gateway:
    """The Pushgateway at an address.

    Raises:
        Stop: the address is invalid.
    """
    from aimon.metrics.pushgateway import Gateway

    try:
        return Gateway.parse(url)
    except ValueError as error:
        raise Stop(USAGE, f"--push: {error}") from error
