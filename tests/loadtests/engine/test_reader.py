"""When bytes arrived, as the engine's reader of a socket tells it."""

from __future__ import annotations

import socket
from itertools import pairwise

import gevent
from gevent import get_hub

from aimon.loadtests.engine.network.reader import Reader
from aimon.loadtests.engine.network.receive_clock import ReceiveClock
from aimon.network.kernel_timestamps import enable_stamps, keep_stamping
from gevent_thread import on_gevent

READS = 40
EARLIER = 5e-3


def test_bytes_do_not_arrive_before_those_before_them() -> None:
    """The clock that converts timestamps is calibrated anew between reads, each time to a little earlier."""

    def scenario() -> list[float]:
        arrivals: list[float] = []
        keep_stamping()
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as far:
            near, _ = server.accept()
            with near:
                near.setblocking(False)
                clock = ReceiveClock()
                stamping = clock if enable_stamps(near) else None
                reader = Reader(near, get_hub(), stamping, lambda _, at, __: arrivals.append(at), print)
                for number in range(READS):
                    far.send(b"x")
                    while len(arrivals) <= number:
                        gevent.sleep(0)
                    clock._second_at -= EARLIER
                reader.close()
        return arrivals

    arrivals = on_gevent(scenario)
    assert len(arrivals) == READS
    assert all(before <= after for before, after in pairwise(arrivals))
