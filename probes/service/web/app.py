"""The HTTP application: a table of routes, behind middlewares for access and compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware

from aimon.probes.service.api import routes as api
from aimon.probes.service.feeds import routes as feeds
from aimon.probes.service.pages import routes as pages
from aimon.probes.service.web import on_demand, operations
from aimon.probes.service.web.access import SecurityHeaders, TokenAuth
from aimon.probes.service.web.compression import Compression

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from aimon.probes.service.context import ServiceContext

ROUTES: tuple[BaseRoute, ...] = (
    *operations.ROUTES,
    *on_demand.ROUTES,
    *pages.ROUTES,
    *feeds.ROUTES,
    *api.ROUTES,
    api.FALLBACK,
)


def application(context: ServiceContext, *, token: str | None = None) -> Starlette:
    """The application; `app.state.context` is replaced when the configuration is.

    Args:
        context: what routes may read and do.
        token: what clients must know; None lets everybody in.
    """
    middleware = [Middleware(Compression), Middleware(SecurityHeaders), Middleware(TokenAuth, token=token)]
    app = Starlette(routes=ROUTES, middleware=middleware)
    app.state.context = context
    app.state.token = token  # for heartbeats, which may have one of their own
    return app
