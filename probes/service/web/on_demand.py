"""`/probe?endpoint=NAME`: one probe of a configured endpoint, now.

It spends no more than scheduled probes may: the endpoint's budget holds, there is one probe of an endpoint at a time,
which everybody who asks meanwhile shares, and for a few seconds the answer stays the same.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aimon.call.outcome import Outcome
from aimon.config.yaml.issues import shown, suggestion
from aimon.metrics import scrape_text
from aimon.probes.history.history import Last
from aimon.probes.state.gauges import endpoint_gauges, last_of
from aimon.probes.state.monitored import MonitoredEndpoint

if TYPE_CHECKING:
    from starlette.requests import Request

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.scheduling.scheduler import Scheduler
    from aimon.probes.service.context import ServiceContext
    from aimon.probes.transcript import Transcript

# Seconds for which a result answers others who ask.
FRESH = 5.0


class OnDemand:
    """Probes on demand, in the scheduler's loop; may be asked from another."""

    def __init__(self, scheduler: Scheduler, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduler, self._loop = scheduler, loop
        self._latest: dict[str, tuple[float, list[Result]]] = {}

    def wait(self, name: str) -> float:
        """Seconds until the endpoint may be asked for another probe than the last one."""
        made_at, _ = self._latest.get(name, (-FRESH, []))
        return max(0.0, made_at + FRESH - time.monotonic())

    async def probe(self, name: str, transcripts: list[Transcript] | None = None) -> list[Result]:
        """The results of a probe; empty if the service is ending.

        Raises:
            KeyError: there is no such endpoint.
        """
        future = asyncio.run_coroutine_threadsafe(self._probe(name, transcripts), self._loop)
        return await asyncio.wrap_future(future)

    async def _probe(self, name: str, transcripts: list[Transcript] | None) -> list[Result]:
        if transcripts is None and self.wait(name):
            return self._latest[name][1]
        results = await self._scheduler.probe_now(name, transcripts)
        self._latest[name] = time.monotonic(), results
        return results


async def probe(request: Request) -> Response:
    """Metrics of one probe, as blackbox_exporter gives them; with `debug=true` the whole exchange as text."""
    context: ServiceContext = request.app.state.context
    name = request.query_params.get("endpoint", "")
    found = {endpoint.name: endpoint for endpoint in context.endpoints}
    if name not in found:
        hint = suggestion(name, found) if name else "add ?endpoint=NAME, with a name of the configuration"
        return PlainTextResponse(f"no endpoint '{shown(name)}'; {hint}\n", 404)
    debug = request.query_params.get("debug", "") in {"true", "1"}
    if debug and (seconds := context.on_demand.wait(name)):
        return PlainTextResponse(
            f"{name} was probed just now, and each probe costs money: ask again in {seconds:.0f} s\n",
            429,
            {"Retry-After": f"{seconds:.0f}"},
        )
    transcripts: list[Transcript] | None = [] if debug else None
    try:
        results = await context.on_demand.probe(name, transcripts)
    except KeyError:  # a reload has removed it
        results = []
    if not results:
        return PlainTextResponse("not probed: the service is ending, or its configuration has changed\n", 503)
    if transcripts is not None:
        redactor = context.redactor()
        texts = [each.render(result, redactor) for each, result in zip(transcripts, results, strict=False)]
        return PlainTextResponse("\n".join(texts))
    body = scrape_text.document([_parts(found[name], context, results)], openmetrics=False)
    return Response(body, headers={"Content-Type": scrape_text.PLAIN})


def _parts(endpoint: Endpoint, context: ServiceContext, results: list[Result]) -> scrape_text.Parts:
    """Of several canaries, one that failed decides."""
    ordered = sorted(results, key=lambda result: result.outcome is not Outcome.OK)
    last = last_of(ordered, Last(), context.clock())
    monitored = MonitoredEndpoint.of(endpoint, context.selection.currency)
    spent = context.state.spending.today(endpoint.name)
    return scrape_text.parts(None, endpoint_gauges(monitored, last, spent=spent))


ROUTES = (Route("/probe", probe),)
