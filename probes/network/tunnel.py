"""Opens a tunnel through a proxy, by CONNECT or SOCKS5, within the connect timeout."""

import time

import httpcore2

from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.network import failures, socks
from aimon.network import proxy as proxies
from aimon.network.proxy import Proxy
from aimon.probes.network.errors import ProxyError, TimedOutError


async def open_tunnel(
    stream: httpcore2.AsyncNetworkStream, proxy: Proxy, host: str, port: int, deadline: float | None
) -> None:
    """Asks the proxy at the other end of `stream` for a tunnel to a host.

    Args:
        stream: Connected to the proxy, over TLS if the proxy uses it.
        proxy: Its protocol and credentials.
        host: The host at the end of the tunnel; the proxy resolves it.
        port: TCP port there.
        deadline: When the tunnel must be open (seconds of `time.monotonic()`); `None` for no limit.

    Raises:
        ProxyError: The proxy refuses, closes the connection, or uses another protocol.
        httpcore2.ConnectTimeout: The time limit expired.
    """
    conversation = _Conversation(stream, deadline)
    try:
        if proxy.scheme == "socks5":
            await _socks(conversation, proxy, host, port)
        else:
            await _connect(conversation, proxy, host, port)
    except proxies.ProxyError as error:
        raise ProxyError(Failure(Outcome.CONNECT, str(error), error.reason)) from error
    except httpcore2.TimeoutException as error:
        raise TimedOutError(failures.no_tunnel_in_time()) from error
    except (httpcore2.ReadError, httpcore2.WriteError) as error:
        message = f"it broke the connection: {error}"
        raise ProxyError(Failure(Outcome.CONNECT, message, FailureReason.PROXY_FAILED)) from error


async def _connect(conversation: "_Conversation", proxy: Proxy, host: str, port: int) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    await conversation.send(proxies.connect_request(proxy, authority))
    answer = b""
    while not proxies.check_tunnel(answer, authority, proxy):
        # Byte by byte, since bytes after the head belong to the tunnel; the stream below reads larger chunks.
        answer += await conversation.receive(1)


async def _socks(conversation: "_Conversation", proxy: Proxy, host: str, port: int) -> None:
    handshake = socks.handshake(proxy, host, port)
    step = next(handshake)
    while True:
        await conversation.send(step.send)
        try:
            step = handshake.send(await conversation.receive(step.expect))
        except StopIteration:
            return


class _Conversation:
    """Writes to and reads from a stream within one time limit."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, deadline: float | None) -> None:
        self._stream = stream
        self._deadline = deadline

    async def send(self, data: bytes) -> None:
        """Sends all of it."""
        if data:
            await self._stream.write(data, self._left())

    async def receive(self, count: int) -> bytes:
        """Receives exactly that many bytes."""
        received = b""
        while len(received) < count:
            part = await self._stream.read(count - len(received), self._left())
            if not part:
                raise proxies.ProxyError("it closed the connection")
            received += part
        return received

    def _left(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
