"""One client under test, in a process of its own: prints what it did and what that cost, as JSON.

    client.py {engine,user,fasthttp} --url URL --users N --seconds S
    client.py open --url URL --rate R --arrivals poisson --seconds S

`engine` is the client alone, `user` the same as a Locust user with Locust's own statistics, `fasthttp` Locust's
FastHttpUser reading line by line. The first two do the accounting that a load test does: a Result for each call,
a check of its answer, its outcome and five series of numbers.
"""

# ruff: noqa: PLC0415 - Locust patches what is imported after it, and each client is to start with its own imports alone

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

BEGAN = time.monotonic()

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Endpoint
    from aimon.result import Result

MAX_GAPS = 200_000
# The full collection that ends the warm-up holds up all streams; they are over after this many seconds.
SETTLED = 0.7
PROMPT = "Reply with exactly: pong"


class Accounts:
    """What a load test keeps of its Results."""

    def __init__(self) -> None:
        self.first_at: float | None = None
        self.forget()

    def forget(self) -> None:
        """Begins anew, when the warm-up and its cold connections are over."""
        self.outcomes: Counter[str] = Counter()
        self.series = {name: array("d") for name in ("latency", "from_schedule", "ttft", "tpot", "lateness")}
        self.lag = array("d")
        self.ids = array("q")
        self.starts = array("d")

    def add(self, result: Result) -> None:
        """Takes one Result into account."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self.outcomes[result.outcome] += 1
        series = self.series
        series["latency"].append(result.end)
        series["from_schedule"].append(result.end - result.scheduled)
        series["lateness"].append(-result.scheduled)
        series["ttft"].append(result.first_token or 0.0)
        series["tpot"].append(result.tpot or 0.0)
        self.lag.append(result.self_lag or 0.0)
        self.ids.append(int(result.request_id or 0))
        self.starts.append(result.started_at)


def endpoint(url: str, ca_file: str | None) -> Endpoint:
    """The server as an endpoint."""
    from aimon import providers
    from aimon.config.endpoint import Endpoint, Transport
    from aimon.secret import Secret

    target = providers.target(
        None,
        endpoint="truth",
        model="truth",
        dialect="openai-chat",
        base_url=url,
        api_key=Secret("sk-benchmark-0123456789"),
    )
    return Endpoint(target, (), transport=Transport(ca_file=ca_file))


def measured(arguments: argparse.Namespace, accounts: Accounts, start: Callable[[], object]) -> Any:
    """Calls ended and processor time spent between the end of the warm-up and the end."""
    import gevent

    from aimon.loadtests.engine.process import allow_connections, settle

    allow_connections(arguments.users)
    start()
    gevent.sleep(arguments.warmup)
    settle()
    gevent.sleep(SETTLED)
    accounts.forget()
    clock, cpu = time.monotonic(), time.process_time()
    gevent.sleep(arguments.seconds)
    elapsed, spent = time.monotonic() - clock, time.process_time() - cpu
    ended = accounts.outcomes.total()
    return {
        "rate": ended / elapsed,
        "cpu": spent / elapsed,
        "us_per_stream": spent / max(1, ended) * 1e6,
        "rss_mb": rss(),
    }


def closed_engine(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """The client alone, in a closed loop."""
    from aimon import checks
    from aimon.call import Call, Message
    from aimon.loadtests.engine.client import Client
    from aimon.loadtests.engine.pacing import ClosedLoop
    from aimon.result import Source

    where = endpoint(arguments.url, arguments.ca_file)
    call = Call(
        where.target,
        (Message("user", PROMPT),),
        max_tokens=1000,
        checks=checks.compile({"contains": "pong"}),
        source=Source.LOADTEST,
    )
    client = Client(where.transport, stamps=not arguments.no_stamps)
    loop = ClosedLoop(lambda: accounts.add(client.perform(call)), arguments.users, ramp=arguments.ramp)
    found = measured(arguments, accounts, loop.start)
    loop.stop()
    loop.wait()
    return found


def closed_user(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """The client as a Locust user."""
    from locust import constant, task

    from aimon import checks
    from aimon.loadtests import AIUser

    expected = checks.compile({"contains": "pong"})
    where = endpoint(arguments.url, arguments.ca_file)

    class Chatting(AIUser):
        endpoint = where
        wait_time = constant(0)

        @task
        def ask(self) -> None:
            accounts.add(self.chat(PROMPT, max_tokens=1000, checks=expected))

    return in_locust(Chatting, arguments, accounts)


def closed_fasthttp(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """Locust's faster client, reading line by line: the baseline that anyone can install."""
    from locust import FastHttpUser, constant, task

    body = {"model": "truth", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1000, "stream": True}

    class Reading(FastHttpUser):
        host = arguments.url
        wait_time = constant(0)

        @task
        def ask(self) -> None:
            began, first, text, name = time.monotonic(), 0.0, 0, ""
            for line in self.client.iter_lines("/chat/completions", "POST", json=body):
                if '"content":"pong' in line:
                    text += 1
                    if not first:
                        first, name = time.monotonic() - began, line
            if accounts.first_at is None:
                accounts.first_at = time.monotonic()
            accounts.outcomes["ok" if text else "empty_answer"] += 1
            accounts.series["ttft"].append(first)
            accounts.ids.append(int(name.partition("cmpl-")[2].partition('"')[0] or 0))

    return in_locust(Reading, arguments, accounts)


def in_locust(user: Any, arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """Runs Locust users in this process."""
    import logging

    from locust.env import Environment

    logging.getLogger("locust").setLevel(logging.ERROR)
    environment = Environment(user_classes=[user])
    runner = environment.create_local_runner()

    def start() -> None:
        runner.start(arguments.users, spawn_rate=arguments.users / max(arguments.ramp, 1e-3))

    found = measured(arguments, accounts, start)
    runner.quit()
    return found


def open_loop(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """Arrivals on a schedule."""
    from aimon.call import Call, Message
    from aimon.loadtests.engine.client import Client
    from aimon.loadtests.engine.pacing import OpenLoop
    from aimon.loadtests.engine.process import settle
    from aimon.loadtests.engine.schedule import Phase, Schedule
    from aimon.result import Source

    where = endpoint(arguments.url, arguments.ca_file)
    call = Call(where.target, (Message("user", PROMPT),), max_tokens=1000, source=Source.LOADTEST)
    client = Client()
    for _ in range(20):
        client.perform(call)
    settle()
    phases = (Phase(arguments.seconds, arguments.rate),)
    pace = OpenLoop(
        Schedule(phases, arguments.arrivals).offsets(),
        lambda due: accounts.add(client.perform(call, scheduled=due)),
    )
    cpu = time.process_time()
    pace.start()
    pace.wait()
    return {
        "started": pace.started,
        "not_started": pace.not_started,
        "cpu": (time.process_time() - cpu) / arguments.seconds,
    }


def raw_gaps() -> list[float]:
    """Every gap between arrivals from now on, in ms: a Result keeps them in buckets, too wide to judge them by."""
    from aimon.result import Arrivals

    gaps: list[float] = []
    summarise = Arrivals.of

    def of(values: list[float]) -> Arrivals:
        if len(gaps) < MAX_GAPS:
            gaps.extend(value * 1e3 for value in values)
        return summarise(values)

    Arrivals.of = of  # type: ignore[method-assign,assignment]  # to look at what it is given
    return gaps


def rss() -> float:
    """The most memory that this process had, in MB."""
    # Not from getrusage, which counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


CLIENTS = {"engine": closed_engine, "user": closed_user, "fasthttp": closed_fasthttp, "open": open_loop}


def main() -> None:
    """Run one client."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--arrivals", default="poisson")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--ramp", type=float, default=0.5)
    parser.add_argument("--ca-file")
    parser.add_argument("--no-stamps", action="store_true")
    arguments = parser.parse_args()
    accounts = Accounts()
    gaps = raw_gaps() if arguments.client == "engine" else []
    found = CLIENTS[arguments.client](arguments, accounts)
    found["outcomes"] = accounts.outcomes
    found["start"] = (accounts.first_at or time.monotonic()) - BEGAN
    found["ttft"] = list(zip(accounts.ids, accounts.series["ttft"], strict=True))
    found["lateness"] = list(accounts.series["lateness"])
    found["lag"] = list(accounts.lag)
    found["starts"] = list(accounts.starts)
    found["gap_ms"] = gaps
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
