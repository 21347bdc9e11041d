"""The sockets between master and workers: Locust's, with authentication and validation of messages. Needs gevent.

With a token, connections use CurveZMQ: both sides prove in the handshake, over fresh keys and nonces, that they know
it, and everything after that is encrypted and authenticated. What is no valid message (see `envelope`) is dropped and
counted.

http://curvezmq.org/page:read-the-docs, https://rfc.zeromq.org/spec/27/ (ZAP, the check of keys)
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from types import SimpleNamespace
from typing import Any

import gevent
import zmq.green as zmq
from locust import runners
from locust.exception import RPCError
from locust.rpc.protocol import Message
from locust.rpc.zmqrpc import BaseSocket
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from aimon.loadtests.distributed.envelope import (
    EXPECTED_OF_WORKERS,
    LARGEST,
    Envelope,
    EnvelopeError,
    from_master,
    from_worker,
)

_MASTER, _WORKER = b"aimon load test: master", b"aimon load test: worker"
_FAILURES = zmq.Event.HANDSHAKE_FAILED_NO_DETAIL | zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_AUTH


class SecureSockets:
    """The sockets that Locust's runners of this process use.

    Args:
        token: that both sides must know; None accepts anyone who can reach the port.

    Attributes:
        dropped: invalid messages.
        refused: connections whose other side did not know the token, or did not speak ZeroMQ.
        final: a connection of this side was refused in a way that ZeroMQ does not try again.
    """

    def __init__(self, token: str | None) -> None:
        self.dropped = self.refused = 0
        self.final = False
        self._token = None if token is None else token.encode()
        # The runners make their sockets themselves, also anew when a connection broke, by these names.
        runners.rpc = SimpleNamespace(  # type: ignore[assignment,attr-defined]  # an import of theirs
            Server=partial(_MasterSocket, self), Client=partial(_WorkerSocket, self)
        )

    def guard(self, socket: zmq.Socket[bytes], *, listens: bool) -> None:
        """Prepares a socket that is not connected yet."""
        socket.setsockopt(zmq.MAXMSGSIZE, LARGEST)
        gevent.spawn(self._count_refusals, socket.get_monitor_socket(_FAILURES), ours=not listens)
        if self._token is None:
            return
        own, other = (_MASTER, _WORKER) if listens else (_WORKER, _MASTER)
        socket.curve_publickey, socket.curve_secretkey = _keys(self._token, own)
        expected, _ = _keys(self._token, other)
        if listens:
            socket.curve_server = True
            socket.zap_domain = b"aimon"
            checks = socket.context.socket(zmq.REP)
            checks.bind("inproc://zeromq.zap.01")
            gevent.spawn(_check_keys, checks, z85.decode(expected))
        else:
            socket.curve_serverkey = expected

    def _count_refusals(self, monitor: zmq.Socket[bytes], *, ours: bool) -> None:
        while True:
            event = parse_monitor_message(monitor.recv_multipart())["event"]
            self.refused += 1
            self.final = self.final or (ours and event != zmq.Event.HANDSHAKE_FAILED_NO_DETAIL)


def _keys(token: bytes, role: bytes) -> tuple[bytes, bytes]:
    """The public and the secret key of one side; whoever has the token knows those of both."""
    secret = z85.encode(hmac.digest(token, role, hashlib.sha256))
    return zmq.curve_public(secret), secret


def _check_keys(socket: zmq.Socket[bytes], expected: bytes) -> None:
    """Answers ZeroMQ's question whether a client with that key may come in."""
    while True:
        version, request, _, _, _, mechanism, *credentials = socket.recv_multipart()
        known = mechanism == b"CURVE" and len(credentials) == 1 and hmac.compare_digest(credentials[0], expected)
        status, text = (b"200", b"OK") if known else (b"400", b"another token")
        socket.send_multipart([version, request, status, text, b"", b""])


class _MasterSocket(BaseSocket):
    def __init__(self, sockets: SecureSockets, host: str, port: int) -> None:
        super().__init__(zmq.ROUTER, self.ipv4_only(host, port))  # type: ignore[no-untyped-call]  # Locust's
        self._sockets = sockets
        sockets.guard(self.socket, listens=True)
        address = f"tcp://{_bracketed(host)}"
        try:
            self.port = self.socket.bind_to_random_port(address) if port == 0 else port
            if port != 0:
                self.socket.bind(f"{address}:{port}")
        except zmq.ZMQError as error:
            raise RPCError(error.strerror or str(error)) from error

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message of a worker, and its id."""
        envelope = _receive(self.socket, self._sockets, from_worker)
        return envelope.worker, Message(*envelope)  # type: ignore[no-untyped-call]  # Locust's


class _WorkerSocket(BaseSocket):
    def __init__(self, sockets: SecureSockets, host: str, port: int, identity: str) -> None:
        super().__init__(zmq.DEALER, self.ipv4_only(host, port))  # type: ignore[no-untyped-call]  # Locust's
        self._sockets, self._identity = sockets, identity
        sockets.guard(self.socket, listens=False)
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.connect(f"tcp://{_bracketed(host)}:{port}")

    def send(self, msg: Message) -> None:
        """Sends only messages that aimon's master expects; Locust would also send its own statistics."""
        if msg.type in EXPECTED_OF_WORKERS:
            super().send(msg)

    def recv(self) -> Message:
        """The next message of the master."""
        envelope = _receive(self.socket, self._sockets, partial(from_master, worker=self._identity))
        return Message(*envelope)  # type: ignore[no-untyped-call]  # Locust's


def _receive(socket: zmq.Socket[bytes], sockets: SecureSockets, read: Any) -> Envelope:
    while True:
        try:
            frames = socket.recv_multipart()
        except zmq.ZMQError as error:
            raise RPCError("the connection is broken") from error
        try:
            envelope: Envelope = read(frames)
        except EnvelopeError:
            sockets.dropped += 1
        else:
            return envelope


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
