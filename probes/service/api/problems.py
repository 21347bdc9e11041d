"""Errors of the API, as application/problem+json (RFC 9457): what is wrong, where, and what to write instead."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """Why a request was not answered. `parameter` names what is to blame."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    parameter: str | None = None


class ProblemError(Exception):
    """A request that can't be answered."""

    def __init__(self, status: int, detail: str, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.parameter = status, detail, parameter


def response(error: ProblemError, headers: dict[str, str] | None = None) -> Response:
    """The answer to such a request."""
    problem = Problem(HTTPStatus(error.status).phrase, error.status, error.detail, parameter=error.parameter)
    return Response(msgspec.json.encode(problem), error.status, headers, MEDIA_TYPE)
