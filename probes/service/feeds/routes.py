"""Routes of badges, of the feed and of the JSON for other status pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from aimon.config.yaml.issues import shown, suggestion
from aimon.probes.history.database import HistoryError
from aimon.probes.service.api.problems import ProblemError, response
from aimon.probes.service.feeds import atom, badges, status_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.requests import Request

    from aimon.probes.service.context import ServiceContext

# Seconds: a page of many readers asks no more often than anything changes.
_FRESH = {"Cache-Control": "max-age=30"}


def _badge(request: Request) -> Response:
    context: ServiceContext = request.app.state.context
    name = request.path_params["name"]
    metric = _choice(request, "metric", badges.METRICS, "state")
    window = _choice(request, "window", badges.WINDOWS, "24h")
    language = _choice(request, "lang", badges.LANGUAGES, "en")
    found = {endpoint.name: endpoint for endpoint in context.endpoints}
    if name not in found:
        raise ProblemError(404, f"no endpoint '{shown(name)}'; {suggestion(name, found)}")
    drawn = badges.badge(context, found[name], metric, window, language, context.clock())
    return Response(drawn, headers=_FRESH, media_type="image/svg+xml")


def _feed(request: Request) -> Response:
    context: ServiceContext = request.app.state.context
    language = _choice(request, "lang", badges.LANGUAGES, "en")
    made = atom.feed(context.open_history().database, _base(request), context.status.started_at, language)
    return Response(made, headers=_FRESH, media_type=atom.MEDIA_TYPE)


def _status(request: Request) -> Response:
    context: ServiceContext = request.app.state.context
    made = msgspec.json.encode(status_json.status(context, _base(request), context.clock()))
    return Response(made, headers=_FRESH, media_type="application/json")


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _choice(request: Request, name: str, known: Collection[str], default: str) -> str:
    value = request.query_params.get(name, default)
    if value not in known:
        raise ProblemError(400, f"{name}: '{shown(value)}' is none: write one of {', '.join(known)}", name)
    return value


def _answering(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Says what is wrong instead of failing."""

    def respond(request: Request) -> Response:
        try:
            return answer(request)
        except ProblemError as error:
            return response(error)
        except HistoryError as error:
            return response(ProblemError(503, f"the history can't be used: {error}"))

    return respond


ROUTES = (
    Route("/badge/{name}.svg", _answering(_badge)),
    Route("/incidents.atom", _answering(_feed)),
    Route("/status.json", _answering(_status)),
    # Where Statuspage has it, for those who only ask for an address.
    Route("/api/v2/summary.json", _answering(_status)),
)
