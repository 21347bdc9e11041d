"""`--listen` and its related options, for every command that serves metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path


def address(text: str, *, public: bool, option: str = "--listen-token-file") -> tuple[str, int]:
    """The host and port of `--listen`.

    Args:
        text: HOST:PORT.
        public: whether other machines may reach it: with a token, or explicitly allowed.
        option: the option for the token's file, for messages.

    Raises:
        Stop: it is not an address, or other machines could reach it without a token.
    """
    from aimon.network.server.listen import is_loopback, split_address

    try:
        host, port = split_address(text)
    except ValueError as error:
        raise Stop(USAGE, f"--listen: {error}") from error
    if not is_loopback(host) and not public:
        raise Stop(
            USAGE,
            f"--listen {text}: others can reach that address, and the metrics have no password: "
            f"add {option} FILE, or --no-auth if that is meant, or listen on 127.0.0.1",
        )
    return host, port


def token(path: Path | None, listen: str | None, *, option: str = "--listen-token-file") -> str | None:
    """The token that scrapers must send; None without a file.

    Raises:
        Stop: there is nothing to scrape, or the file contains no token.
    """
    if path is None:
        return None
    from aimon.network.server.listen import read_token

    if listen is None:
        raise Stop(USAGE, f"{option} is for those who scrape: add --listen HOST:PORT")
    try:
        return read_token(path)
    except ValueError as error:
        raise Stop(USAGE, f"{option} {error}") from error
