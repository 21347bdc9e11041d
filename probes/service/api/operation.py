"""An operation of the API: a table entry from which its route and its part of the OpenAPI document are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from aimon.probes.history.database import HistoryError
from aimon.probes.service.api import parameters
from aimon.probes.service.api.problems import ProblemError, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from aimon.probes.history.database import Database
    from aimon.probes.service.context import ServiceContext

PREFIX = "/api/v1"


class Nothing(msgspec.Struct):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read.

    Attributes:
        context: of the service.
        now: unix time.
        path: the parameters in the path.
        query: those of the query string, as the operation's type.
        body: the body, as the operation's type.
        token: what was sent as `Authorization: Bearer`.
        service_token: what clients of the service must know; None lets everybody in.
    """

    context: ServiceContext
    now: float
    path: dict[str, str]
    query: Any
    body: Any
    token: str | None = None
    service_token: str | None = None

    @property
    def database(self) -> Database:
        """The history's file, to be read.

        Raises:
            HistoryError: it can't be read.
        """
        return self.context.open_history().database

    @property
    def writable(self) -> Database:
        """The history's file, to be written.

        Raises:
            ProblemError: it can't be written at present.
        """
        if (database := self.context.database) is None:
            raise ProblemError(503, f"the history can't be written: {self.context.history_problem}")
        return database


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        method: of HTTP.
        path: after `/api/v1`; parameters in braces.
        name: unique.
        summary: one line.
        group: what it is about.
        answer: what it answers; None where there is no content.
        handle: does it; runs in a thread. Raises ProblemError.
        description: what is not obvious.
        query: its query parameters.
        body: its body, if it takes one.
        status: of a good answer.
        errors: statuses of bad ones, beside 400 (a parameter is wrong) and 503 (the history can't be used).
    """

    method: str
    path: str
    name: str
    summary: str
    group: str
    answer: type[msgspec.Struct] | None
    handle: Callable[[Call], msgspec.Struct | None]
    description: str = ""
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()

    async def respond(self, request: Request) -> Response:
        """Answers a request."""
        try:
            content = await _content(request) if self.body is not None else b""
            return await run_in_threadpool(self._answer, request, content)
        except ProblemError as error:
            return response(error)

    def _answer(self, request: Request, content: bytes) -> Response:
        context: ServiceContext = request.app.state.context
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        call = Call(
            context,
            context.clock(),
            dict(request.path_params),
            parameters.query(request.query_params.multi_items(), self.query),
            None if self.body is None else parameters.body(content, self.body),
            token.strip() if scheme.lower() == "bearer" else None,
            getattr(request.app.state, "token", None),
        )
        try:
            answer = self.handle(call)
        except HistoryError as error:
            raise ProblemError(503, f"the history can't be used: {error}") from error
        headers = {"Cache-Control": "no-store"}
        if answer is None:
            return Response(None, self.status, headers)
        return Response(msgspec.json.encode(answer), self.status, headers, "application/json")


async def _content(request: Request) -> bytes:
    """The body, as far as it may be long."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > parameters.LARGEST_BODY:
            break
    return content
