"""Plays a script: each write at its absolute due time, so that delays do not accumulate."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aimon.simulator.server.connection import Connection, forever
from aimon.simulator.wire.shape import Kind

if TYPE_CHECKING:
    from aimon.simulator.answer.script import Script
    from aimon.simulator.wire.shape import Headers

# Maximum number of due writes in a row before other requests get a turn.
_TURN = 32


async def play(connection: Connection, script: Script, start: float, content_type: str, headers: Headers) -> None:
    """Writes a response; returns after a clean end; after any other end, waits until the connection is closed.

    Args:
        connection: The connection to write to.
        script: The writes, timed from `start`.
        start: When service began, on time.monotonic().
        content_type: Of the response.
        headers: In addition to the content type and the request id.
    """
    record = connection.record
    await _until(start + script.head_due)
    await connection.start(200, content_type, headers, script.length)
    for number, step in enumerate(script.steps):
        if number % _TURN == _TURN - 1:
            # Before a write: a client may close as soon as it has the terminal event.
            await asyncio.sleep(0)
        if step.data:
            due = start + step.due
            await _until(due)
            written = await connection.write(step.data, text=step.kind is Kind.TEXT)
            record.lateness = max(record.lateness, written - due)
        record.output_tokens += step.tokens
        if step.kind is Kind.THOUGHT:
            record.reasoning_tokens += step.tokens
    await _until(start + script.end_due)
    if script.end == "close":
        await connection.close()
    elif script.end == "reset":
        await connection.reset()
    elif script.end == "hang":
        await forever()
    await connection.finish()


async def _until(due: float) -> None:
    """Sleeps until a time on time.monotonic()."""
    wait = due - time.monotonic()
    if wait > 0:
        await asyncio.sleep(wait)
