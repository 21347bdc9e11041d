"""What operators and their tools ask for: `/metrics`, `/-/healthy`, `/-/ready`, `/-/reload`."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aimon.metrics import scrape_text
from aimon.probes.service.metrics.self_metrics import self_metrics

if TYPE_CHECKING:
    from starlette.requests import Request

    from aimon.probes.service.context import ServiceContext

# Seconds: with an older heartbeat the scheduler is taken to hang.
STALE = 10.0
# zlib's lowest level: metrics shrink to a thirtieth by it, and hardly more by any other.
_QUICKLY = 1


def metrics(request: Request) -> Response:
    """Everything for Prometheus, in the format that it prefers, compressed if it may be."""
    context: ServiceContext = request.app.state.context
    openmetrics = accepts(request.headers.get("accept", ""), "application/openmetrics-text")
    body = scrape_text.document([*context.state.parts(), self_metrics(context)], openmetrics=openmetrics)
    headers = {"Content-Type": scrape_text.OPENMETRICS if openmetrics else scrape_text.PLAIN, "Vary": "Accept"}
    if accepts(request.headers.get("accept-encoding", ""), "gzip"):
        body = gzip.compress(body, _QUICKLY, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept, Accept-Encoding"}
    return Response(body, headers=headers)


def accepts(header: str, wanted: str) -> bool:
    """Whether an Accept or Accept-Encoding header names something, and does not refuse it (q=0)."""
    for each in header.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if name == wanted:
            return not any(part.replace(" ", "").startswith("q=0") and not part.strip("q=0. ") for part in parameters)
    return False


def healthy(request: Request) -> Response:
    """Whether the scheduler keeps its times: if not, restart the process."""
    context: ServiceContext = request.app.state.context
    silence = min(context.scheduler.silence, context.clock() - context.status.started_at)
    if silence > STALE and not context.status.draining:
        return PlainTextResponse(f"the scheduler has not kept its times for {silence:.0f} s\n", 503)
    return PlainTextResponse("ok\n")


def ready(request: Request) -> Response:
    """Whether to send requests here: not before the scheduler runs, and not while the service ends."""
    context: ServiceContext = request.app.state.context
    if context.status.draining:
        return PlainTextResponse("ending: probes under way are the last\n", 503)
    if not context.scheduler.heartbeat:
        return PlainTextResponse("starting\n", 503)
    return PlainTextResponse("ok\n")


async def reload(request: Request) -> Response:
    """Reads the configuration again; the one before stays if something in it is wrong."""
    context: ServiceContext = request.app.state.context
    refused = await context.reload()
    if refused is None:
        return PlainTextResponse("the configuration was read again\n")
    return PlainTextResponse(f"the configuration before stays in use:\n{refused}\n", 422)


ROUTES = (
    Route("/metrics", metrics),
    Route("/-/healthy", healthy),
    Route("/-/ready", ready),
    Route("/-/reload", reload, methods=["POST"]),
)
