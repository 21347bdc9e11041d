"""Kept connections that the server closes: a request is only repeated if the server can't have received it."""

from __future__ import annotations

import time
from select import select
from typing import TYPE_CHECKING, Any

from chat_wire import read_request, streamed
from engine_process import perform
from peers import Peer, reset, until_closed

if TYPE_CHECKING:
    import socket

ANSWER = streamed("pong")


def url(peer: Peer) -> str:
    """The base URL of a peer."""
    return f"http://127.0.0.1:{peer.port}/v1"


def one_answer(connection: socket.socket) -> None:
    """Answers one request and closes."""
    read_request(connection)
    connection.sendall(ANSWER)


def test_a_connection_closed_while_idle() -> None:
    """The loop sees the end of an idle connection, and the next call makes a new one."""
    with Peer(one_answer) as peer:
        report = perform(url(peer), calls=3, pause=0.1)
    assert (report.outcomes, report.dialled, report.resent) == (["ok"] * 3, 3, 0)


def test_a_connection_closed_just_before_it_is_used() -> None:
    """A connection that the server has closed is not used, although the loop has not noticed it yet."""
    with Peer(one_answer) as peer:
        report = perform(url(peer), calls=3, race=True)
    # Where the end came after the look, the request met it, and was sent again.
    assert (report.outcomes, report.dialled, report.resent <= 2) == (["ok"] * 3, 3, True)
    assert [result.connection and result.connection.cold for result in report.results] == [True] * 3


def test_a_request_that_was_received_is_not_sent_again() -> None:
    """A server that takes the request and closes may have acted on it: the call has failed."""

    def take_and_close(connection: socket.socket) -> None:
        one_answer(connection)
        requests.append(read_request(connection)[0])

    requests: list[bytes] = []
    with Peer(take_and_close) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, report.dialled, report.resent) == (["ok", "connect"], 1, 0)
    assert len(requests) == 1


def stale(report: Any) -> list[bool | None]:
    """Which of the calls met a kept connection that was just being reset."""
    return [result.connection and result.connection.stale for result in report.results]


def test_a_reset_of_a_kept_connection_is_the_client_s_bad_luck() -> None:
    """A reset of a kept-alive connection at once is no failure of the endpoint, and not sent again."""

    def take_and_reset(connection: socket.socket) -> None:
        one_answer(connection)
        select([connection], [], [], 10)
        if read:
            read_request(connection)
        reset(connection)

    for way in (True, False):
        read = way
        with Peer(take_and_reset) as peer:
            report = perform(url(peer), calls=2)
        assert (report.outcomes, report.dialled, report.resent) == (["ok", "prober_error"], 1, 0)
        assert stale(report) == [False, True]
        assert report.results[1].error == "the request met a kept connection that the server was resetting"


def test_a_server_that_works_on_a_request_and_then_resets_has_failed() -> None:
    """A request that was acknowledged some time before the reset has failed."""

    def take_and_fail(connection: socket.socket) -> None:
        one_answer(connection)
        read_request(connection)
        time.sleep(0.3)
        reset(connection)

    with Peer(take_and_fail) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, stale(report)) == (["ok", "connect"], [False, False])


def test_a_reset_of_a_new_connection_is_a_failure() -> None:
    """A reset of a new connection, or after the answer began, is a failure of the call."""

    def reset_at_once(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    def reset_half_way(connection: socket.socket) -> None:
        one_answer(connection)
        read_request(connection)
        connection.sendall(ANSWER[:200])
        time.sleep(0.1)
        reset(connection)

    with Peer(reset_at_once) as peer:
        report = perform(url(peer))
    assert (report.outcomes, stale(report)) == (["connect"], [False])
    with Peer(reset_half_way) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, stale(report)) == (["ok", "stream_truncated"], [False, False])


def test_a_new_connection_that_is_closed_is_a_failure() -> None:
    """A new connection that is closed is a failure; only requests on kept connections are sent again."""

    def nothing(connection: socket.socket) -> None:
        connections.append(connection.getpeername()[1])

    connections: list[int] = []
    with Peer(nothing) as peer:
        report = perform(url(peer))
    assert (report.outcomes, report.resent, len(connections)) == (["connect"], 0, 1)


def test_old_connections_are_left() -> None:
    """A connection that was idle for longer than `keepalive` is not used again."""

    def answers(connection: socket.socket) -> None:
        for _ in range(3):
            one_answer(connection)
        until_closed(connection)

    with Peer(answers) as peer:
        assert perform(url(peer), calls=3, pause=0.1).dialled == 1
    with Peer(one_answer_and_wait) as peer:
        assert perform(url(peer), calls=3, pause=0.1, client={"keepalive": 0.05}).dialled == 3


def one_answer_and_wait(connection: socket.socket) -> None:
    """Answers one request and waits for the client to leave."""
    one_answer(connection)
    until_closed(connection)
