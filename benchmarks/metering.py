"""What metering adds to a call of the openai SDK, beside the same call without it.

Both clients answer from memory, so that what is left is the SDK's own work and what metering adds to it. Calls
alternate, one without, one with, and the difference of each pair is kept: what else a machine is busy with hits both
alike. What is added to the caller is CPU time of its thread, as a median, and as a mean, in which are the calls that
have to count others. The rest is CPU time of aimon's own thread, which counts; all that metering costs is the sum.

    taskset -c 1 python benchmarks/metering.py            the table of docs/benchmarks.md
    taskset -c 1 python benchmarks/metering.py --soak     100,000 calls: memory after a tenth of them and at the end
    python benchmarks/metering.py --truth                 when the first text came, beside when the server wrote it
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import openai

import aimon
from aimon.metering import default, jobs
from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.call.result import Result

CHUNKS = 100
TEXT = "the rain in 日本 fell soft on the café roof all day long "
HEADERS = {
    "date": "Sun, 29 Nov 2026 12:00:00 GMT",
    "x-request-id": "req_0123456789abcdef",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999968",
    "x-ratelimit-reset-tokens": "0s",
}
PRICES = {"gpt-4o": {"input": 17.5, "output": 70.0}}
USAGE = {"prompt_tokens": 12, "completion_tokens": CHUNKS, "total_tokens": 12 + CHUNKS}


class Canned(httpx2.BaseTransport):
    """Answers from memory, in the chunks in which a network would bring them."""

    def __init__(self) -> None:
        head = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-2024-08-06"}
        message = {"role": "assistant", "content": TEXT, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        self._whole = [json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()]
        head["object"] = "chat.completion.chunk"
        deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": word}, None) for word in (TEXT.split() * CHUNKS)[:CHUNKS]]
        deltas.append(({}, "stop"))
        events: list[dict[str, Any]] = [
            {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            for delta, finish in deltas
        ]
        events.append({**head, "choices": [], "usage": USAGE})
        self._events = [b"data: %s\n\n" % json.dumps(event).encode() for event in events] + [b"data: [DONE]\n\n"]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole answer, or the stream that was asked for."""
        streamed = b'"stream":true' in request.content
        kind = "text/event-stream" if streamed else "application/json"
        chunks = self._events if streamed else self._whole
        return httpx2.Response(200, headers={**HEADERS, "content-type": kind}, stream=_Chunks(chunks))


class _Chunks(httpx2.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def client(*, metered: bool) -> openai.OpenAI:
    """The SDK over answers from memory."""
    http = aimon.http_client(transport=Canned()) if metered else httpx2.Client(transport=Canned())
    return openai.OpenAI(api_key="sk-0123456789abcdef", base_url="https://api.openai.com/v1", http_client=http)


def call(sdk: openai.OpenAI) -> None:
    """A call whose answer comes whole."""
    sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": TEXT}])


def stream(sdk: openai.OpenAI) -> None:
    """A call whose answer comes in CHUNKS pieces of text."""
    messages: Any = [{"role": "user", "content": TEXT}]
    for _ in sdk.chat.completions.create(
        model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
    ):
        pass


class Added(NamedTuple):
    """Seconds of CPU that metering adds to a call.

    Attributes:
        bare: of the call without it.
        median: added to the thread that makes the call.
        mean: the same, with the calls that count others, too.
        elsewhere: spent by other threads of the process.
    """

    bare: float
    median: float
    mean: float
    elsewhere: float


def measure(do: Callable[[openai.OpenAI], None], pairs: int, pause: float) -> Added:
    """What metering adds to a call, each of which has a pause after it."""
    bare, metered = client(metered=False), client(metered=True)
    plain, added = [], []
    for _ in range(20):
        do(bare)
        do(metered)
    default.meter().snapshot()
    gc.collect()
    gc.freeze()
    elsewhere = time.process_time() - time.thread_time()
    for i in range(pairs):
        times = {}
        # The second one finds warmer caches.
        for sdk in (bare, metered) if i % 2 else (metered, bare):
            began = time.thread_time()
            do(sdk)
            times[sdk] = time.thread_time() - began
        plain.append(times[bare])
        added.append(times[metered] - times[bare])
        if pause:
            time.sleep(pause)
    time.sleep(5 * jobs.DELAY)
    elsewhere = time.process_time() - time.thread_time() - elsewhere
    return Added(statistics.median(plain), statistics.median(added), statistics.mean(added), elsewhere / pairs)


def soak(calls: int) -> None:
    """Memory after a tenth of the calls, and after all."""
    sdk = client(metered=True)
    sizes = []
    for i in range(1, calls + 1):
        (stream if i % 50 == 0 else call)(sdk)
        if i in (calls // 10, calls):
            gc.collect()
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    totals, _ = default.meter().snapshot()
    counted = sum(totals.counters["ai_api_requests_total"].values())
    print(
        f"{calls} calls, {counted:.0f} counted; most memory after a tenth {sizes[0]:.1f} MiB, at the end {sizes[1]:.1f}"
    )


def truth(calls: int) -> None:
    """How much later than the server wrote it the first text was metered, in ms; with a server in another process."""
    seen: list[Result] = []
    aimon.configure(on_result=(seen.append,))
    wall = time.time() - time.monotonic()
    with SimulatorProcess(Profile("p", ttft=0.05, itl=0.002)) as server:
        sdk = openai.OpenAI(api_key="k", base_url=server.base_url("p"), http_client=aimon.http_client())
        for _ in range(calls):
            stream(sdk)
        default.meter().snapshot()
        records = sorted(server.truth(wait=10).records, key=lambda record: record.received)
    late = sorted(
        (result.started_at - wall + (result.first_token or 0.0) - (record.first_token or 0.0)) * 1e3
        for result, record in zip(seen, records, strict=True)
    )
    print(f"{calls} streams: first text metered {late[calls // 2]:.2f} ms after it was written at the median, ", end="")
    print(f"{late[int(calls * 0.95)]:.2f} ms at P95")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds after each pair")
    parser.add_argument("--shared", action="store_true", help="count for several processes")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--truth", action="store_true")
    parser.add_argument("--calls", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        aimon.configure(prices=PRICES, directory=directory if options.shared else None)
        if options.truth:
            truth(200)
        elif options.soak:
            soak(options.calls)
        else:
            table(options.pairs, options.pause)


def table(pairs: int, pause: float) -> None:
    """Prints what is added to a call and to a chunk."""
    whole, streamed = measure(call, pairs, pause), measure(stream, pairs // 4, pause)
    chunk = [(more - one) / CHUNKS for more, one in zip(streamed, whole, strict=True)]
    print(f"{'microseconds of CPU':24s}     bare  to the caller   (mean)   to aimon's thread")
    for name, times in (("a call", whole), (f"a stream of {CHUNKS} chunks", streamed), ("a chunk", chunk)):
        bare, median, mean, elsewhere = (1e6 * each for each in times)
        print(f"{name:24s} {bare:8.1f} {median:15.2f} {mean:8.2f} {elsewhere:19.2f}")


if __name__ == "__main__":
    main()
