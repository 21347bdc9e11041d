"""One client under test, in a process of its own: prints what it did and what that cost, as JSON.

    client.py {engine,user,fasthttp,fasthttp-light} --url URL --users N --seconds S
    client.py open --url URL --rate R --arrivals poisson --seconds S

`engine` is the client alone and `user` the same as a Locust user, with Locust's own statistics beside ours. Both do
all of a load test's accounting: a call of its own each time, a Result, a check of its answer, and aimon's CallStats.
`fasthttp` is what people write with Locust's FastHttpUser: line by line, the JSON of each chunk parsed, the TTFT
taken at the first text, the end of the stream and the answer checked. `fasthttp-light` looks for the text in the
line instead of parsing it, which is as cheap as it gets, and wrong for every other server.
"""

# ruff: noqa: PLC0415 - Locust patches what is imported after it, and each client is to start with its own imports alone

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accounts import Accounts  # type: ignore[import-not-found]  # beside this program

BEGAN = time.monotonic()

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.call.call import Call
    from aimon.config.endpoint import Endpoint

# The full collection that ends the warm-up holds up all streams; they are over after this many seconds.
SETTLED = 0.7
EXPECTED = "pong"
BODY = {"model": "truth", "max_tokens": 1000, "stream": True, "stream_options": {"include_usage": True}}
_numbers = count(1)


def prompt() -> str:
    """A prompt that no cache knows."""
    return f"{next(_numbers)}: reply with exactly: {EXPECTED}"


def endpoint(url: str, ca_file: str | None) -> Endpoint:
    """The server as an endpoint."""
    from aimon import providers
    from aimon.config.endpoint import Endpoint, Transport
    from aimon.security.secret import Secret

    target = providers.target(
        None,
        endpoint="truth",
        model="truth",
        dialect="openai-chat",
        base_url=url,
        api_key=Secret("sk-benchmark-0123456789"),
    )
    return Endpoint(target, (), transport=Transport(ca_file=ca_file))


def maker(where: Endpoint) -> Callable[[], Call]:
    """A function that makes the next call, with a check of its answer."""
    from aimon.call import checks
    from aimon.call.call import Call, Message
    from aimon.call.result import Source

    expected = checks.compile({"contains": EXPECTED})

    def make() -> Call:
        messages = (Message("user", prompt()),)
        return Call(where.target, messages, max_tokens=1000, checks=expected, source=Source.LOADTEST)

    return make


def measured(arguments: argparse.Namespace, accounts: Accounts, start: Callable[[], object]) -> Any:
    """Calls ended and processor time spent between the end of the warm-up and the end."""
    import gevent

    from aimon.loadtests.engine.process_limits import freeze_garbage_collector, raise_open_file_limit

    raise_open_file_limit(arguments.users)
    start()
    gevent.sleep(arguments.warmup)
    freeze_garbage_collector()
    gevent.sleep(SETTLED)
    accounts.forget()
    clock, cpu, served = time.monotonic(), time.process_time(), processor_time(arguments.server)
    gevent.sleep(arguments.seconds)
    elapsed, spent = time.monotonic() - clock, time.process_time() - cpu
    ended = accounts.ended
    return {
        "rate": ended / elapsed,
        "cpu": spent / elapsed,
        "us_per_stream": spent / max(1, ended) * 1e6,
        "server": (processor_time(arguments.server) - served) / elapsed,
        "rss_mb": rss(),
    }


def processor_time(pid: int) -> float:
    """Seconds that a process has used; 0.0 of none."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def closed_engine(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """The client alone, in a closed loop."""
    from aimon.loadtests.engine.client import Client
    from aimon.loadtests.engine.pacing import ClosedLoop

    where = endpoint(arguments.url, arguments.ca_file)
    make = maker(where)
    client = Client(where.transport, stamps=not arguments.no_stamps)

    def turn() -> None:
        result = client.perform(make(), keep_text=arguments.logged)
        accounts.add(result, client.gaps)

    loop = ClosedLoop(turn, arguments.users, ramp=arguments.ramp)
    found = measured(arguments, accounts, loop.start)
    loop.stop()
    loop.wait()
    return found


def closed_user(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """The client as a Locust user."""
    from locust import constant, task

    from aimon.call import checks
    from aimon.loadtests import AIUser

    expected = checks.compile({"contains": EXPECTED})
    where = endpoint(arguments.url, arguments.ca_file)

    class Chatting(AIUser):
        endpoint = where
        wait_time = constant(0)

        @task
        def ask(self) -> None:
            self.chat(prompt(), max_tokens=1000, checks=expected)

    def listen(context: dict[str, Any], **_: object) -> None:
        accounts.add(context["result"], context["gaps"])

    return in_locust(Chatting, arguments, accounts, listen)


def closed_fasthttp(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """Locust's faster client, as people write it: the baseline that anyone can install."""
    from locust import FastHttpUser, constant, task

    class Reading(FastHttpUser):
        host = arguments.url
        wait_time = constant(0)

        @task
        def ask(self) -> None:
            began = last = time.monotonic()
            ttft, number, done = 0.0, 0, False
            parts: list[str] = []
            gaps: list[float] = []
            for line in self.client.iter_lines("/chat/completions", "POST", json=request()):
                if not line.startswith("data: "):
                    continue
                data = line[6:]
                if data == "[DONE]":
                    done = True
                    continue
                chunk = json.loads(data)
                for choice in chunk["choices"]:
                    if content := choice["delta"].get("content"):
                        now = time.monotonic()
                        if parts:
                            gaps.append(now - last)
                        else:
                            ttft, number = now - began, int(chunk["id"].removeprefix("cmpl-"))
                        last = now
                        parts.append(content)
            answer = "".join(parts)
            accounts.count("stream_truncated" if not done else "ok" if EXPECTED in answer else "answer_mismatch")
            accounts.time(number, ttft, gaps)

    return in_locust(Reading, arguments, accounts)


def closed_light(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """The same without parsing: it knows how this one server writes its chunks."""
    from locust import FastHttpUser, constant, task

    class Reading(FastHttpUser):
        host = arguments.url
        wait_time = constant(0)

        @task
        def ask(self) -> None:
            began, ttft, chunks, done = time.monotonic(), 0.0, 0, False
            for line in self.client.iter_lines("/chat/completions", "POST", json=request()):
                if '"content":"pong' in line:
                    chunks += 1
                    ttft = ttft or time.monotonic() - began
                elif line == "data: [DONE]":
                    done = True
            accounts.count("ok" if chunks and done else "stream_truncated")

    return in_locust(Reading, arguments, accounts)


def request() -> dict[str, Any]:
    """The body of a request, with the same content as aimon's."""
    return {**BODY, "messages": [{"role": "user", "content": prompt()}]}


def in_locust(
    user: Any, arguments: argparse.Namespace, accounts: Accounts, listen: Callable[..., None] | None = None
) -> Any:
    """Runs Locust users in this process; `listen` hears of each of their requests."""
    import logging

    from locust.env import Environment

    logging.getLogger("locust").setLevel(logging.ERROR)
    environment = Environment(user_classes=[user])
    runner = environment.create_local_runner()
    if listen is not None:
        environment.events.request.add_listener(listen)  # type: ignore[no-untyped-call]  # Locust's

    def start() -> None:
        runner.start(arguments.users, spawn_rate=arguments.users / max(arguments.ramp, 1e-3))

    found = measured(arguments, accounts, start)
    runner.quit()
    return found


def open_loop(arguments: argparse.Namespace, accounts: Accounts) -> Any:
    """Arrivals on a schedule."""
    from aimon.loadtests.engine.client import Client
    from aimon.loadtests.engine.pacing import OpenLoop
    from aimon.loadtests.engine.process_limits import freeze_garbage_collector

    make = maker(endpoint(arguments.url, arguments.ca_file))
    client = Client()
    for _ in range(20):
        client.perform(make(), keep_text=False)
    freeze_garbage_collector()

    def begin(due: float) -> None:
        result = client.perform(make(), scheduled=due, keep_text=False)
        accounts.add(result, client.gaps)

    pace = OpenLoop(offsets(arguments), begin)
    cpu = time.process_time()
    pace.start()
    pace.wait()
    return {
        "started": pace.started,
        "not_started": pace.not_started,
        "cpu": (time.process_time() - cpu) / arguments.seconds,
    }


def offsets(arguments: argparse.Namespace) -> Iterator[float]:
    """When to start calls."""
    from aimon.loadtests.engine.schedule import Phase, Schedule

    return Schedule((Phase(arguments.seconds, arguments.rate),), arguments.arrivals).offsets()


def rss() -> float:
    """The most memory that this process had, in MB."""
    # Not from getrusage, which counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


CLIENTS = {
    "engine": closed_engine,
    "user": closed_user,
    "fasthttp": closed_fasthttp,
    "fasthttp-light": closed_light,
    "open": open_loop,
}


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
    parser.add_argument("--server", type=int, default=0, help="process whose processor time is measured, too")
    parser.add_argument("--logged", action="store_true", help="keep the times of each call")
    arguments = parser.parse_args()
    accounts = Accounts(tallied=not arguments.client.startswith("fasthttp"), logged=arguments.logged)
    found = CLIENTS[arguments.client](arguments, accounts)
    found["start"] = (accounts.first_at or time.monotonic()) - BEGAN
    json.dump(found | accounts.found(), sys.stdout)


if __name__ == "__main__":
    main()
