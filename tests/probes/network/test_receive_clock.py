"""When bytes arrived: the kernel's stamps, against a server that says when it wrote."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from aimon.loadtests.engine.network.receive_clock import ReceiveClock
from aimon.network import kernel_timestamps
from aimon.network.kernel_timestamps import enable_stamps, keep_stamping
from aimon.probes.network import NetworkBackend, NetworkMarks, watch_lag
from aimon.probes.network.receive_clock import StampClock, receive
from certificates import Authority, over_tls
from peers import PATIENCE, Peer

if TYPE_CHECKING:
    import httpcore2

BLOCKED = 0.05
# A machine that does something else between the readings of two clocks can't tell them apart more finely.
CLOCKS = 50e-6

stamps_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives on TCP")


@pytest.fixture(scope="module", autouse=True)
def _stamping() -> None:
    """The kernel stamps before a test begins, which it does a moment after it was asked."""
    keep_stamping()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as near:
        far, _ = listener.accept()
        with far:
            enable_stamps(near)
            for _ in range(10_000 if sys.platform == "linux" else 0):
                far.sendall(b"?")
                if receive(near, 1)[1] is not None:
                    break


class Writer:
    """Answers each byte that it reads with one write, and notes when that began and ended."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self._wrote = Event()

    def serve(self, connection: socket.socket) -> None:
        """Serves a connection until the client leaves."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while connection.recv(1):
            self.began.append(time.monotonic())
            connection.sendall(b"pong")
            self.ended.append(time.monotonic())
            self._wrote.set()

    def wait(self) -> None:
        """Blocks the caller, and so its event loop, until something was written."""
        assert self._wrote.wait(PATIENCE)
        self._wrote.clear()


async def connected(marks: NetworkMarks, port: int, **options: Any) -> httpcore2.AsyncNetworkStream:
    """A new connection to the server under test."""
    return await NetworkBackend(marks, **options).connect_tcp("127.0.0.1", port)


async def read_late(writer: Writer, marks: NetworkMarks, port: int, tls: Authority | None = None, **how: Any) -> None:
    """Reads an answer for which the loop is not there while it comes, nor for BLOCKED seconds more."""
    stream = await connected(marks, port, **how)
    if tls is not None:
        stream = await stream.start_tls(tls.client(), "localhost")
    await stream.write(b"?")
    writer.wait()
    time.sleep(BLOCKED)  # noqa: ASYNC251 - the loop that does not run is what is tested
    assert await stream.read(100) == b"pong"
    await stream.aclose()


@stamps_only
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_a_stamp_is_the_arrival_however_late_the_read(secured: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The loop is blocked while the answer comes and for 50 ms more; the marks know when it came, and our lag."""
    writer, marks = Writer(), NetworkMarks()
    authority = Authority(tmp_path_factory.mktemp("certificates"))

    with Peer(over_tls(authority.server(), writer.serve) if secured else writer.serve) as peer:
        asyncio.run(read_late(writer, marks, peer.port, authority if secured else None))
    assert marks.stamped
    assert writer.began[0] - CLOCKS <= marks.last_arrival <= writer.ended[0] + BLOCKED / 2
    assert marks.lag >= BLOCKED * 0.9


@stamps_only
def test_each_read_has_its_own_arrival() -> None:
    """The mark is that of the bytes just returned, also where more have come meanwhile."""
    writer, marks = Writer(), NetworkMarks()

    async def main(port: int) -> list[float]:
        stream = await connected(marks, port)
        arrivals = []
        for read in (True, False, False, False):
            await stream.write(b"?")
            writer.wait()
            # Two turns of the loop: one to see that the socket is readable, one to read it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if read:
                await stream.read(100)
        for _ in range(3):
            assert await stream.read(100) == b"pong"
            arrivals.append(marks.last_arrival)
        await stream.aclose()
        return arrivals

    with Peer(writer.serve) as peer:
        arrivals = asyncio.run(main(peer.port))
    for i, arrived in enumerate(arrivals, start=1):
        assert writer.began[i] - CLOCKS <= arrived
        assert i == 3 or arrived <= writer.began[i + 1]


def test_without_stamps_an_arrival_is_the_read_and_says_so() -> None:
    """The fallback holds the loop's lag, and is marked."""
    writer, marks = Writer(), NetworkMarks()

    with Peer(writer.serve) as peer:
        asyncio.run(read_late(writer, marks, peer.port, stamps=False))
    assert not marks.stamped
    assert marks.last_arrival >= writer.began[0] + BLOCKED
    assert marks.lag == 0


def test_a_kernel_that_refuses_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option is unknown there; reading goes on without."""
    monkeypatch.setattr(kernel_timestamps, "SO_TIMESTAMPNS", 0x7FFF)
    writer, marks = Writer(), NetworkMarks()

    async def main(port: int) -> None:
        stream = await connected(marks, port)
        await stream.write(b"?")
        assert await stream.read(100, timeout=PATIENCE) == b"pong"
        await stream.aclose()

    with Peer(writer.serve) as peer:
        asyncio.run(main(peer.port))
    assert not marks.stamped


def test_a_wall_clock_that_is_set_while_bytes_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the stamp is of the old time or the new nobody knows; the next one is believed again."""
    clock, wall = StampClock(), time.time_ns
    step = 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: wall() + step)
    for stamp in (wall(), wall() + step):
        now, arrived = clock.convert(stamp)
        assert abs(now - time.monotonic()) < PATIENCE
        if stamp < wall() + step / 2:
            assert arrived is None
    now, arrived = clock.convert(wall() + step)
    assert arrived is not None
    assert arrived <= now


def test_a_stamp_from_the_future_is_not_believed() -> None:
    """Nothing arrives after it was read."""
    now, arrived = StampClock().convert(time.time_ns() + 1_000_000_000)
    assert arrived is None
    assert now <= time.monotonic()


@pytest.mark.parametrize("early", [2.0, 60.0, 3600.0, 400 * 86_400.0])
def test_a_stamp_from_before_the_connection_is_not_believed(early: float) -> None:
    """Clamped to the request it would be an answer in no time; the read's own time is late, but not made up."""
    began, stamp = time.monotonic() - 1.0, time.time_ns() - int(early * 1e9)
    now, arrived = StampClock(began).convert(stamp)
    assert arrived is None
    assert now >= began + 1.0
    assert ReceiveClock().receive_time(ancillary(stamp), now, began) is None


def test_a_stamp_from_after_the_connection_is_believed() -> None:
    """Both clocks believe a stamp from after the connection, also if the loop reads late."""
    began, stamp = time.monotonic() - 1.0, time.time_ns() - 500_000_000
    now, arrived = StampClock(began).convert(stamp)
    assert arrived == pytest.approx(now - 0.5, abs=0.1)
    assert ReceiveClock().receive_time(ancillary(stamp), now, began) == pytest.approx(arrived, abs=1e-3)


@stamps_only
@pytest.mark.parametrize("shift", [-3600.0, -5.0, 5.0, 3600.0])
def test_a_kernel_that_stamps_by_another_clock_is_doubted(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stamp from long before the request or after now is replaced by the time of the read, and marked so."""
    writer, marks = Writer(), NetworkMarks()

    def lying(sock: socket.socket, max_bytes: int) -> tuple[bytes, int | None]:
        data, stamp = receive(sock, max_bytes)
        return data, None if stamp is None else stamp + int(shift * 1e9)

    monkeypatch.setattr("aimon.probes.network.stream.receive", lying)

    with Peer(writer.serve) as peer:
        asyncio.run(read_late(writer, marks, peer.port))
    assert not marks.stamped
    assert marks.last_arrival >= writer.began[0] + BLOCKED


def ancillary(stamp: int) -> list[tuple[int, int, bytes]]:
    """What `recvmsg` returns of a stamp, nanoseconds of the wall clock."""
    return [
        (
            socket.SOL_SOCKET,
            kernel_timestamps.SO_TIMESTAMPNS,
            kernel_timestamps.TIMESPEC.pack(*divmod(stamp, 1_000_000_000)),
        )
    ]


def test_stamps_convert_to_the_monotonic_clock() -> None:
    """What was stamped a quarter of a second ago is that old."""
    now, arrived = StampClock().convert(time.time_ns() - 250_000_000)
    assert arrived is not None
    assert now - arrived == pytest.approx(0.25, abs=0.01)


def test_an_answer_older_than_its_request_counts_as_coming_with_it() -> None:
    """A TLS ticket, or a refusal while the body is still on its way: no phase is negative."""
    marks = NetworkMarks()
    marks.wrote(10.0)
    marks.read(10.3, 9.0)
    assert marks.last_arrival == 10.0
    marks.wrote(10.5)
    assert marks.sent == 10.0, "what is written after the answer began is not the request"


def test_arrivals_do_not_go_backwards() -> None:
    """Segments that overtook others have older stamps, but could not be read before them."""
    marks = NetworkMarks()
    marks.read(10.0, 9.9)
    marks.read(10.1, 9.8)
    assert marks.last_arrival == 9.9


def test_a_busy_loop_shows_as_lag_of_every_call_it_delayed() -> None:
    """A blocked loop is the lag of every call in progress, also of one that read nothing, and of no ended call."""
    delayed, earlier = NetworkMarks(), NetworkMarks()

    async def main() -> None:
        with watch_lag(earlier):
            await asyncio.sleep(0)
        with watch_lag(delayed):
            time.sleep(BLOCKED)  # noqa: ASYNC251 - the loop that does not run is what is tested

    asyncio.run(main())
    assert delayed.lag >= BLOCKED * 0.8
    assert earlier.lag < BLOCKED * 0.8
