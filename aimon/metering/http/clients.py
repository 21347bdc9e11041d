"""Has the calls of a client metered: of a new HTTP client, or of a client that exists already."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aimon.metering import default
from aimon.metering.http.transports import LIBRARIES, Watched, library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    from aimon.metering.meter import Meter

    Client = TypeVar("Client")

# Where SDKs keep their HTTP clients: openai, anthropic, groq and others generated alike; google-genai; mistral.
_PLACES: Final = (
    ("_client",),
    ("_api_client", "_httpx_client"),
    ("_api_client", "_async_httpx_client"),
    ("sdk_configuration", "client"),
    ("sdk_configuration", "async_client"),
)
# google-genai's asyncio client makes a client of its own for every event loop.
_LOOP_CLIENTS: Final = "_loop_clients"
_INNER_CLASS: Final = "_inner_client_cls"


def http_client(
    *, endpoint: str | None = None, provider: str | None = None, library: str = "httpx2", **options: Any
) -> Any:
    """An HTTP client for an SDK, whose calls are metered: `OpenAI(http_client=aimon.http_client())`.

    Args:
        endpoint: what the calls are counted as; the operation (`chat`) where it is left out.
        provider: who is called; told by the host where it is left out.
        library: httpx2, or httpx for SDKs that take that.
        options: of the library's Client, `transport` among them.

    Raises:
        ImportError: the library is not installed.
        ValueError: there is no such library.
    """
    module = _module(library)
    return instrument(module.Client(**_as_sdks_do(module, options)), endpoint=endpoint, provider=provider)


def async_http_client(
    *, endpoint: str | None = None, provider: str | None = None, library: str = "httpx2", **options: Any
) -> Any:
    """As `http_client`, for asyncio: `AsyncOpenAI(http_client=aimon.async_http_client())`."""
    module = _module(library)
    return instrument(module.AsyncClient(**_as_sdks_do(module, options)), endpoint=endpoint, provider=provider)


def _as_sdks_do(module: Any, options: dict[str, Any]) -> dict[str, Any]:
    """As the clients that SDKs make themselves: they follow redirects, wait for ten minutes, and call 1,000 at once."""
    limits = module.Limits(max_connections=1000, max_keepalive_connections=100)
    return {"follow_redirects": True, "timeout": module.Timeout(600.0, connect=5.0), "limits": limits} | options


def _module(name: str) -> Any:
    if name not in LIBRARIES:
        raise ValueError(f"library={name!r}: write one of {', '.join(LIBRARIES)}")
    return library(name).module


def instrument(client: Client, *, endpoint: str | None = None, provider: str | None = None) -> Client:
    """Has the calls of a client metered, from now on; `uninstrument` undoes it.

    Args:
        client: of an SDK (openai, anthropic, google-genai and others that use httpx or httpx2), or of these libraries.
        endpoint: what the calls are counted as; the operation (`chat`) where it is left out.
        provider: who is called; told by the host where it is left out.

    Returns:
        The same client. One that is metered already stays as it is.

    Raises:
        TypeError: no HTTP client of httpx or httpx2 was found in it.
    """
    meter = default.meter()
    for http in _clients(client):
        _wrap(http, meter, endpoint, provider)
    return client


def uninstrument(client: Client) -> Client:
    """Ends the metering of a client; calls that go on are still counted. Returns the same client.

    Raises:
        TypeError: no HTTP client of httpx or httpx2 was found in it.
    """
    for http in _clients(client):
        _unwrap(http)
    return client


def _unwrap(http: Any) -> None:
    http._transport = _bare(http._transport)  # noqa: SLF001 - see docs/decisions/0014-metering-at-the-transport.md
    http._mounts = {pattern: _bare(mount) for pattern, mount in http._mounts.items()}  # noqa: SLF001 - as above
    if hasattr(http, _LOOP_CLIENTS):
        vars(http).pop(_INNER_CLASS, None)
        for inner in list(getattr(http, _LOOP_CLIENTS).values()):
            _unwrap(inner)


def _wrap(http: Any, meter: Meter, endpoint: str | None, provider: str | None) -> None:
    own = next(each for each in _known() if isinstance(http, (each.module.Client, each.module.AsyncClient)))
    kind = own.sync if isinstance(http, own.module.Client) else own.asynchronous

    def watched(transport: Any) -> Any:
        if transport is None or isinstance(transport, Watched):
            return transport
        return kind(transport, meter, endpoint=endpoint, provider=provider)

    http._transport = watched(http._transport)  # noqa: SLF001 - see docs/decisions/0014-metering-at-the-transport.md
    http._mounts = {pattern: watched(mount) for pattern, mount in http._mounts.items()}  # noqa: SLF001 - as above
    if hasattr(http, _LOOP_CLIENTS) and _INNER_CLASS not in vars(http):
        make = getattr(http, _INNER_CLASS)

        def inner(**options: Any) -> Any:
            made = make(**options)
            _wrap(made, meter, endpoint, provider)
            return made

        setattr(http, _INNER_CLASS, inner)
        for existing in list(getattr(http, _LOOP_CLIENTS).values()):
            _wrap(existing, meter, endpoint, provider)


def _bare(transport: Any) -> Any:
    return transport.wrapped if isinstance(transport, Watched) else transport


def _clients(client: Any) -> Iterator[Any]:
    """The HTTP clients in a client."""
    kinds = tuple(kind for each in _known() for kind in (each.module.Client, each.module.AsyncClient))
    if isinstance(client, kinds):
        yield client
        return
    found = [http for place in _PLACES if isinstance(http := _at(client, place), kinds)]
    if not found:
        raise TypeError(
            f"{type(client).__module__}.{type(client).__name__} has no client of httpx or httpx2 that aimon knows of: "
            "give its HTTP client, or use aimon.observe() around its calls"
        )
    yield from found


def _at(client: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        client = getattr(client, name, None)
    return client


def _known() -> Iterator[Any]:
    """The libraries that are there: a client of one that nobody has imported does not exist."""
    for name in LIBRARIES:
        if name in sys.modules:
            with suppress(ImportError):
                yield library(name)
