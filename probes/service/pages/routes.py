"""The status page: `/`, a page for each endpoint, and the files that pages refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from aimon.probes.history.database import HistoryError
from aimon.probes.service.pages import preferences, sources
from aimon.probes.service.pages.render import STATIC, render, static
from aimon.probes.service.pages.wording.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from aimon.probes.service.context import ServiceContext

_YEAR = 365 * 86_400


def _page(make: Callable[[ServiceContext, Request, Words], tuple[str, str, object]]) -> Callable[[Request], Response]:
    """A route: keeps the reader's settings, and says so where the history can't be read."""

    def route(request: Request) -> Response:
        if chosen := preferences.chosen_now(request):
            answer: Response = RedirectResponse(preferences.without_choices(request), 303)
            for name, value in chosen.items():
                answer.set_cookie(name, value, max_age=_YEAR, path=request.scope.get("root_path") or "/", httponly=True)
            return answer
        context: ServiceContext = request.app.state.context
        words = Words(preferences.language(request), context.clock())
        try:
            template, title, view = make(context, request, words)
        except HistoryError as error:
            template, title = "broken.html", words.t("The history can't be read")
            # Where it can't be written either, that says more: there may be no file yet.
            return HTMLResponse(render(template, request, words, title, context.history_problem or str(error)), 503)
        except sources.UnknownEndpointError as error:
            title = words.t("There is no such endpoint")
            return HTMLResponse(render("broken.html", request, words, title, str(error)), 404)
        return HTMLResponse(render(template, request, words, title, view), headers={"Cache-Control": "no-cache"})

    return route


def _overview(context: ServiceContext, request: Request, words: Words) -> tuple[str, str, object]:
    view = sources.overview(context, request.scope.get("root_path", ""), request.query_params, words)
    return "overview.html", view.verdict, view


def _detail(context: ServiceContext, request: Request, words: Words) -> tuple[str, str, object]:
    name, root = request.path_params["name"], request.scope.get("root_path", "")
    if name in {each.name for each in context.heartbeats}:
        program = sources.program(context, root, name, request.query_params, words)
        return "program.html", f"{program.name}: {program.state}", program
    view = sources.detail(context, root, name, request.query_params, words)
    return "detail.html", f"{view.name}: {view.state}", view


def file(request: Request) -> Response:
    """A style sheet, a script or an image; the address changes with the content."""
    name = request.path_params["name"]
    if name not in STATIC:
        return Response(status_code=404)
    return Response(
        static(name), media_type=STATIC[name], headers={"Cache-Control": f"public, max-age={_YEAR}, immutable"}
    )


ROUTES = (
    Route("/", _page(_overview)),
    Route("/endpoint/{name:path}", _page(_detail)),
    Route("/static/{name}", file),
)
