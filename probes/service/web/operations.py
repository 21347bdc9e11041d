"""What operators and their tools ask for: `/metrics`, `/-/healthy`, `/-/ready`, `/-/reload`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aimon.metrics import scrape_text
from aimon.probes.service.metrics.self_metrics import self_metrics
from aimon.probes.service.web.compression import accepts

if TYPE_CHECKING:
    from starlette.requests import Request

    from aimon.probes.service.context import ServiceContext

# Seconds: with an older heartbeat the scheduler is taken to hang.
STALE = 10.0


def metrics(request: Request) -> Response:
    """Everything for Prometheus, in the format that it prefers."""
    context: ServiceContext = request.app.state.context
    openmetrics = accepts(request.headers.get("accept", ""), "application/openmetrics-text")
    body = scrape_text.document([*context.state.parts(), self_metrics(context)], openmetrics=openmetrics)
    headers = {"Content-Type": scrape_text.OPENMETRICS if openmetrics else scrape_text.PLAIN, "Vary": "Accept"}
    return Response(body, headers=headers)


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
