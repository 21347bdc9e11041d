"""The ASGI application: control below /_sim, everything else to the providers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.routing import Mount, Router

from aimon.simulator.server import balances
from aimon.simulator.server.connection import ClientGoneError, Connection, Message, Receive, Send
from aimon.simulator.server.control import control_routes
from aimon.simulator.server.serving import ProviderError, Request, refuse, serve
from aimon.simulator.wire.registry import Target, family_of, route
from aimon.simulator.world.truth import Record

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from aimon.simulator.world.world import World


def application(world: World) -> Router:
    """The routes of a simulator."""
    return Router([Mount("/_sim", routes=control_routes(world)), Mount("/", app=_providers(world))])


def _providers(world: World) -> ASGIApp:
    """Handles each request to a provider, from its first byte to its record."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        provider, path = world.find(scope["path"])
        if scope["method"] == "GET" and path in balances.SHAPES:
            key = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            await balances.answer(provider.profile, path, key)(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        target = route(scope["method"], path, scope["query_string"].decode("latin-1"), headers)
        record = Record(world.new_id(), provider.profile.name, received=scope["state"]["received"])
        connection = Connection(scope, receive, send, record)
        request = Request(target or Target("", family_of(path, headers)), provider, connection, headers, world.faults)
        world.ledger.open(record)
        try:
            raw = await connection.body()
            if target is None:
                record.outcome = "model_not_found"
                await refuse(request, ProviderError("not_found", record.outcome, message=f"{scope['method']} {path}"))
            else:
                record.dialect = target.dialect
                await _while_connected(request, raw)
        except ClientGoneError:
            record.outcome = "abandoned"
        finally:
            world.ledger.close(record)

    return answer


async def _while_connected(request: Request, raw: bytes) -> None:
    """Serves until the answer has ended or the connection is closed, whichever comes first."""
    serving = asyncio.current_task()
    assert serving is not None  # noqa: S101 - a coroutine always runs in a task

    async def cancel_when_gone() -> None:
        await request.connection.disconnected()
        serving.cancel()

    watcher = asyncio.create_task(cancel_when_gone())
    try:
        await serve(request, raw)
    except asyncio.CancelledError:
        if not watcher.done():
            raise  # not by the client: the server is stopping
        serving.uncancel()
        if not request.connection.record.fault:
            request.connection.record.outcome = "abandoned"
    finally:
        watcher.cancel()
