"""Runs the engine in a process of its own, since gevent is not for the process that pytest runs in.

Reads a Plan as JSON from stdin, and writes a Report as JSON to stdout.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import gevent
import msgspec

from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.result import Result, Source
from aimon.config.endpoint import Transport
from aimon.loadtests.engine import connection
from aimon.loadtests.engine.client import Client
from aimon.security.secret import Secret
from engine_report import Report


class Plan(msgspec.Struct, kw_only=True):
    """What to do.

    `blocked` makes another greenlet hold the loop for that many seconds while the call runs; `close_after` and
    `kill_after` end the calls from outside; `pause` lies between calls; `race` holds each call that found a kept
    connection until the server has closed that.
    """

    base_url: str
    dialect: str = "openai-chat"
    calls: int = 1
    users: int = 1
    stream: bool = True
    prompt: str = "Hi"
    prompt_bytes: int = 0
    pause: float = 0.0
    blocked: float = 0.0
    close_after: float | None = None
    kill_after: float | None = None
    race: bool = False
    files: int | None = None
    timeouts: dict[str, float] = {}
    transport: dict[str, Any] = {}
    client: dict[str, Any] = {}


def race(client: Client) -> None:
    """Lets the server close a kept connection between its being chosen and its being used."""
    module: Any = connection
    current = module.getcurrent

    def hold() -> Any:
        for chosen in client._busy:
            # Without the loop, which would notice. 8 is TCP_CLOSE_WAIT: the FIN is here.
            while chosen._used and chosen._sock.getsockopt(6, 11, 1)[0] != 8:
                time.sleep(0.001)
        return current()

    module.getcurrent = hold  # the first that a connection asks for when a request is to be sent


def main() -> None:
    """Does what the plan says."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    client = Client(Transport(**plan.transport), **plan.client)
    if plan.race:
        race(client)
    target = Target("e", "custom", plan.dialect, plan.base_url, "m", api_key=Secret("sk-test-1234567890"))
    prompt = "x" * plan.prompt_bytes or plan.prompt
    call = Call(
        target,
        (Message("user", prompt),) * (2 if plan.dialect == "rerank" else 1),
        stream=plan.stream,
        timeouts=Timeouts(**plan.timeouts),
        source=Source.LOADTEST,
    )
    if plan.files is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (plan.files, plan.files))
    results: list[Result] = []
    gaps: list[list[float]] = []

    def work() -> None:
        for _ in range(plan.calls):
            for result in client.attempts(call):
                results.append(result)
                gaps.append(client.gaps)
            gevent.sleep(plan.pause)

    users = [gevent.spawn(work) for _ in range(plan.users)]
    if plan.blocked:
        gevent.sleep(0.02)
        time.sleep(plan.blocked)
    if plan.close_after is not None:
        gevent.sleep(plan.close_after)
        client.close()
    if plan.kill_after is not None:
        gevent.sleep(plan.kill_after)
        gevent.killall(users)
        results.append(client.perform(call))
    gevent.joinall(users, raise_error=plan.kill_after is None)
    in_flight = client.in_flight
    client.close()
    report = Report(
        results=results,
        gaps=gaps,
        dialled=client.dialled,
        resent=client.resent,
        retried=client.retried,
        in_flight=in_flight,
    )
    sys.stdout.buffer.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
