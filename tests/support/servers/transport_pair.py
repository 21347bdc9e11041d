"""The same answers through both transports: the prober's, and the engine's in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.result import Result, Source
from aimon.config.endpoint import Transport
from aimon.probes import transport
from aimon.security.secret import Secret
from chat_wire import read_request
from engine_process import perform
from peers import PATIENCE, Peer, reset

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

KEY = "sk-test-1234567890"
CLOSE, RESET, HANG = "close", "reset", "hang"
TIMEOUTS = {"connect": 1.0, "ttft": 1.5, "total": 2.0}


class Answer(NamedTuple):
    """What a server says, piece by piece, and what it does then."""

    pieces: Sequence[bytes]
    then: str = CLOSE


class Pair(NamedTuple):
    """What each transport made of an answer."""

    prober: Result
    engine: Result


class NumberedPeer(Peer):
    """A peer that tells its handler which connection it is, in the order in which they were made."""

    def _accept(self) -> None:
        for number in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the end of the test
                return
            thread = threading.Thread(target=self._handle_numbered, args=(connection, number))
            self._threads.append(thread)
            thread.start()

    def _handle_numbered(self, connection: socket.socket, number: int) -> None:
        with contextlib.closing(connection):
            try:
                connection.settimeout(PATIENCE)
                self.serve(connection, number)  # type: ignore[call-arg]
            except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
                self.faults.append(error)


def play(answers: Sequence[Answer], *, dialect: str = "openai-chat", stream: bool = True, **plan: Any) -> list[Pair]:
    """Has both transports ask for all answers in order, each on a connection of its own."""

    def serve(connection: socket.socket, number: int) -> None:
        answer = answers[number % len(answers)]
        # A client that has seen enough hangs up, and is right to.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            read_request(connection)
            for piece in answer.pieces:
                connection.sendall(piece)
            if answer.then == HANG:
                while connection.recv(65536):
                    pass
            elif answer.then == RESET:
                reset(connection)

    with NumberedPeer(serve) as peer:  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{peer.port}/v1"
        target = Target("e", "custom", dialect, url, "m", api_key=Secret(KEY))
        timeouts = Timeouts(**TIMEOUTS)
        messages = (Message("user", "Hi"),) * (2 if dialect == "rerank" else 1)  # a query and a document
        call = Call(target, messages, stream=stream, source=Source.LOADTEST, timeouts=timeouts)

        async def probe() -> list[Result]:
            return [await transport.perform(call, Transport()) for _ in answers]

        prober = asyncio.run(probe())
        engine = perform(
            url, dialect=dialect, stream=stream, calls=len(answers), client={"cold": True}, timeouts=TIMEOUTS, **plan
        ).results
    return [Pair(*pair) for pair in zip(prober, engine, strict=True)]


def ask(url: str, **transported: Any) -> Pair:
    """Has both transports ask once, at any address."""
    target = Target("e", "custom", "openai-chat", url, "m", api_key=Secret(KEY))
    call = Call(target, (Message("user", "Hi"),), source=Source.LOADTEST, timeouts=Timeouts(**TIMEOUTS))
    prober = asyncio.run(transport.perform(call, Transport(**transported)))
    return Pair(prober, perform(url, timeouts=TIMEOUTS, transport=transported).only)


# What a clock or a socket decides.
OWN = {
    "started_at", "scheduled", "dns", "connect", "tls", "request_sent", "headers", "first_output", "first_reasoning",
    "first_token",
    "last_token", "end", "arrivals", "connection", "self_lag",
}  # fmt: skip


def seen(result: Result) -> dict[str, Any]:
    """What must be equal, the words of the error included, and which marks there are."""
    fields = {name: getattr(result, name) for name in result.__struct_fields__ if name not in OWN}
    marks = ("headers", "first_output", "first_reasoning", "first_token", "last_token")
    fields |= {f"has {mark}": getattr(result, mark) is not None for mark in marks}
    # A port is drawn anew, a time is measured.
    fields["error"] = re.sub(r"[0-9.]+", "N", result.error or "")
    return fields
