"""Shows the metrics: a server of its own, a page of an ASGI or WSGI application, a registry, a Pushgateway."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aimon.metering import default
from aimon.metrics import exposition, pushgateway, read_back
from aimon.network.server.listen import HEALTH, Listener, is_loopback, why_not

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping

    from prometheus_client.metrics_core import Metric

    from aimon.metrics.totals import Totals

    Message = MutableMapping[str, Any]

PORT: Final = 9464
JOB: Final = "aimon-app"
_PLAIN: Final = "text/plain; charset=utf-8"
_ALIVE: Final = (HTTPStatus.OK, b"ok\n", _PLAIN)

_listeners: list[Listener] = []
_held: dict[tuple[str, str], Totals] = {}


def start_http_server(
    port: int = PORT, host: str = "127.0.0.1", *, token: str | None = None, no_auth: bool = False
) -> Listener:
    """Serves `/metrics` and `/-/healthy` from a thread, until `aimon.shutdown()` or the end of the process.

    Args:
        port: 0 takes a free one; the result's `url` tells which.
        host: address to listen on.
        token: what scrapers must send as a bearer token.
        no_auth: others may read the metrics without one.

    Raises:
        ValueError: others can reach that address, and nothing says that they may.
        OSError: the address can't be had; says why.
    """
    if not (is_loopback(host) or token or no_auth):
        raise ValueError(f"others can reach {host}: give token=…, or no_auth=True if that is meant")
    default.meter()
    try:
        listener = Listener(host, port, {"/metrics": _page, HEALTH: lambda: _ALIVE}, token=token)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {why_not(error)}") from error
    listener.__enter__()
    _listeners.append(listener)
    return listener


def shutdown() -> None:
    """Counts what has ended, and stops the servers that `start_http_server` started."""
    default.meter().snapshot()
    while _listeners:
        _listeners.pop().__exit__()


def metrics_text() -> bytes:
    """The text of a scrape, in Prometheus' format 0.0.4."""
    body, _ = exposition.render(*default.meter().snapshot())
    return body


def _page() -> tuple[HTTPStatus, bytes, str]:
    return HTTPStatus.OK, metrics_text(), exposition.CONTENT_TYPE


class Collector:
    """For the registry of an application that has metrics of its own: `REGISTRY.register(aimon.Collector())`."""

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        return exposition.Exposition(*default.meter().snapshot()).collect()


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application that answers every path with the metrics: mount it at /metrics."""
    body = metrics_text()
    start_response("200 OK", [("Content-Type", exposition.CONTENT_TYPE), ("Content-Length", str(len(body)))])
    return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]


async def asgi_app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """An ASGI application that answers every path with the metrics: mount it at /metrics."""
    from anyio import to_thread  # noqa: PLC0415 - only here; comes with httpx

    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    # In a thread: with many series the text takes milliseconds, for which the application's calls would wait.
    body = await to_thread.run_sync(metrics_text)
    headers = [(b"content-type", exposition.CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def push(url: str, *, job: str = JOB) -> None:
    """Pushes the counts to a Pushgateway, on top of those that earlier runs of the job have pushed.

    For jobs that end before anybody scrapes them. Counters go on from run to run; one run of a job at a time.

    Args:
        url: `http://host:9091`; credentials come from the environment, as those of `aimon probe --push`.
        job: the label.

    Raises:
        PushError: the gateway can't be read, or did not take all.
        ValueError: that is no address of a Pushgateway.
    """
    gateway = pushgateway.Gateway.parse(url)
    totals, _ = default.meter().snapshot()
    before = _held.get((gateway.url, job))
    if before is None:
        before = _held[gateway.url, job] = read_back.read_back(gateway, job).totals
    together = before.copy()
    together.merge(totals)
    region = default.meter().settings.region
    pushgateway.push(gateway, exposition.push_bodies(together, None, job=job, region=region))


@contextlib.contextmanager
def batch(url: str, *, job: str = JOB) -> Iterator[None]:
    """Pushes at the end of a block, however it ends: `with aimon.batch("http://pushgateway:9091", job="nightly"):`."""
    try:
        yield
    finally:
        push(url, job=job)
