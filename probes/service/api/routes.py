"""The table of operations as routes, and the document that describes them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from aimon.config.yaml.issues import shown
from aimon.probes.service.api import openapi, problems
from aimon.probes.service.api.operation import PREFIX
from aimon.probes.service.api.operations import OPERATIONS

if TYPE_CHECKING:
    from starlette.requests import Request


@lru_cache(maxsize=1)
def _document() -> bytes:
    return msgspec.json.format(msgspec.json.encode(openapi.document()), indent=1)


def _openapi(_: Request) -> Response:
    return Response(_document(), media_type="application/json")


def _unknown(request: Request) -> Response:
    """There is nothing of this path, or it takes other methods."""
    path = request.url.path
    methods = sorted(method for route in ROUTES if route.path_regex.match(path) for method in route.methods or ())
    if methods and request.method not in methods:
        allowed = ", ".join(methods)
        problem = problems.ProblemError(405, f"{request.method} is not for this path: {allowed}")
        return problems.response(problem, {"Allow": allowed})
    known = f"{PREFIX}/openapi.json has all paths"
    return problems.response(problems.ProblemError(404, f"there is no {shown(path)}: {known}"))


ROUTES: tuple[Route, ...] = (
    *(Route(PREFIX + each.path, each.respond, methods=[each.method], name=each.name) for each in OPERATIONS),
    Route(f"{PREFIX}/openapi.json", _openapi),
)
FALLBACK = Route(
    f"{PREFIX}/{{rest:path}}", _unknown, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
)
"""What comes last, for answers that say what is wrong in the API's own words."""
