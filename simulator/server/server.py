"""The simulator as a running server: in a thread of this process, or in the foreground."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from aimon.simulator.client import Control, RuleLike
from aimon.simulator.model.profile import Profile
from aimon.simulator.server.app import application
from aimon.simulator.world.world import World

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from types import TracebackType

# Longer than any test's pause between two requests on one connection.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
_FILES = 8192


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn chooses the class at run time
    """uvicorn's HTTP protocol, which also passes data to the application that ASGI lacks.

    `scope["state"]` is a copy of `app_state`: it has the transport, for invalid ends, and when the request's bytes
    arrived.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {"transport": transport}

    def data_received(self, data: bytes) -> None:
        self.app_state["received"] = time.monotonic()
        super().data_received(data)

    def shutdown(self) -> None:
        """Closes all connections when the simulator stops, including those of hanging answers."""
        self.transport.abort()


class Simulator(Control):
    """A simulator in a background thread of this process; a context manager.

    Entering it again restarts it at the same URL with the same faults and truth.

    Args:
        *profiles: The providers, each under its name as path prefix; the first also at the root.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        certfile, keyfile: PEM files; with them, the simulator uses TLS.
        seed: Of all random numbers: latency and shares of faults.
        records: How many of the latest records are kept.

    Raises:
        SettingError: Two profiles of one name.
        OSError: On entry: the address is not free, or a PEM file can't be read (ssl.SSLError: is invalid).
    """

    def __init__(
        self,
        *profiles: Profile,
        host: str = "127.0.0.1",
        port: int = 0,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        seed: int = 0,
        records: int = 10_000,
    ) -> None:
        self.profiles = profiles or (Profile(),)
        self._host, self._port = host, port
        self._scheme = "https" if certfile else "http"
        self._config = uvicorn.Config(
            application(World(self.profiles, seed, records)),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ssl_certfile=certfile,
            ssl_keyfile=keyfile,
        )

    def __enter__(self) -> Self:
        if not self._config.loaded:
            self._config.load()
        self._server = uvicorn.Server(self._config)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # It listens from here on: connections before the thread accepts wait in the backlog.
        listener = socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        # asyncio sets TCP_NODELAY only on sockets with an explicit protocol. Without it, Nagle's algorithm delays
        # tokens by 40 ms (delayed acknowledgements) on every connection that was used before.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = listener.getsockname()[1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        super().__init__(f"{self._scheme}://{shown}:{self._port}")
        self._thread = threading.Thread(target=self._run, args=(listener,), name="simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve([listener]))


def serve(
    *profiles: Profile,
    rules: Sequence[RuleLike] = (),
    host: str = "127.0.0.1",
    port: int = 8099,
    certfile: str | os.PathLike[str] | None = None,
    keyfile: str | os.PathLike[str] | None = None,
    seed: int = 0,
    ready: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """Runs a simulator until SIGINT or SIGTERM; call it from the main thread.

    Args:
        *profiles: The providers; default: one with default settings.
        rules: Faults from the start.
        host: The address. The control endpoints have no password: use loopback or a private network.
        port: The port; 0 takes a free one.
        certfile: A PEM file; with it, the simulator uses TLS.
        keyfile: Its key.
        seed: Of all random numbers.
        ready: Called when it listens, with the running simulator (its `url` and `base_url`).

    Raises:
        SettingError: An invalid rule or profile.
        OSError: The address is not free, or a PEM file can't be read.
    """
    allow_many_connections()
    stop = threading.Event()
    simulator = Simulator(*profiles, host=host, port=port, certfile=certfile, keyfile=keyfile, seed=seed)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with simulator:
            simulator.set_faults(*rules)
            ready(simulator)
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def allow_many_connections() -> None:
    """Raises this process's soft limit of open files, often 1024, for load tests with more connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
