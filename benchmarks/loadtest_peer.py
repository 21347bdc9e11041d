"""`aimon loadtest` beside vLLM's load generator in Rust: whole commands, the same work, one core.

    python benchmarks/loadtest_peer.py --vllm-rs PATH [--truthd PATH] [--aimon PATH] [--only throughput,truth,memory]
                                       [--streams 100,400,1000,2000] [--repeats 5] [--first]

The commands take turns (ABBA…), each against a new server, and each is compared with the peer's run of the same turn;
shown are medians. Processor time a stream is the difference between a long run and a short one, so that start and
report are left out. Each command runs once before anything is measured, and with compiled bytecode.

`throughput` streams answers of 20 tokens, 64 at once, as fast as it goes: one write for each token (A), or all of an
answer at once (B). Streams/s are what a command reports of its long run of 32,000; *short run* is 2,000, with start and
report. aimon measures from a schedule, checks its own lag, keeps every gap between tokens and writes a report; the peer
keeps every answer until its end.

`truth` streams 50 tokens, 50 ms to the first and 10 ms between them, to as many at once as --streams says: 16 answers
for each of them in the long run, 6 in the short one, so that they differ by 5.4 s of steady load. It compares the
quantiles that a command reports with those of what the server logged of the same run. Of the gaps between tokens the
server's log has the mean of each answer. *streams/s* is by the difference of the two runs; what is *reported* includes
that aimon starts its users one after the other. *marked* says how often aimon itself doubted its figures (`client` in
its report), and *withheld* is what it then does not tell; the peer does not ask.

`memory` is the peak in B after 2,000 calls and after 60,000: of the largest process, and of all of a command's.

`vllm-rs` is in the wheel of vllm (0.33.0, 336 MB): `pip download --no-deps vllm==0.33.0`, then
`unzip -j vllm-*.whl vllm/vllm-rs`. It needs a tokenizer, which is made here of words.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
from engine.commands import Load, Pair, Run, Times, aimon, vllm_rs
from engine.running import CORES, go_before_others, server
from engine.truth_log import answers, quantile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.commands import Command

PEER = "vllm-rs"
CONCURRENT, TOKENS = 64, 20
SHORT, LONG, LONGEST = 2_000, 32_000, 60_000
BURST = {"A": 1, "B": 64}
TRUTH = ("--tokens", "50", "--ttft-ms", "50", "--itl-ms", "10")
TRUE_TOKENS = 50
# At 0.54 s a stream they differ by 5.4 s with all streams under way. aimon starts its users within 5 s at most, in
# which as many calls end as in 4.6 rounds: less than in the short run.
SHORT_ROUNDS, LONG_ROUNDS = 6, 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm-rs", type=Path)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--aimon", type=Path, help="the command; the one beside this Python by default")
    parser.add_argument("--only", default="throughput,truth,memory")
    parser.add_argument("--streams", default="100,400,1000,2000", help="of the truth")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--first", action="store_true", help="before all else that runs on a shared machine (root)")
    arguments = parser.parse_args()
    if arguments.vllm_rs is None:
        print("skipped: --vllm-rs names no program")
        return
    if len(CORES) < 2:
        print("skipped: server and client need a core each, and there is one")
        return
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - {"throughput", "truth", "memory"}:
        parser.error(f"--only: no such part: {', '.join(sorted(unknown))}")
    if arguments.first:
        go_before_others()
    with tempfile.TemporaryDirectory() as folder:
        commands = {PEER: vllm_rs(arguments.vllm_rs, Path(folder)), "aimon": aimon(arguments.aimon)}
        for run in commands.values():
            with server(arguments.truthd, "--tokens", str(TOKENS)) as at:
                run(at, Load(SHORT, CONCURRENT, TOKENS), False)
        if "throughput" in wanted:
            throughput(commands, arguments.truthd, arguments.repeats)
        if "truth" in wanted:
            truth(commands, arguments.truthd, [int(each) for each in arguments.streams.split(",")], arguments.repeats)
        if "memory" in wanted:
            memory(commands, arguments.truthd, arguments.repeats)


def in_turn(commands: Mapping[str, Command], repeats: int) -> Iterator[tuple[str, Command]]:
    """The commands in the order ABBA…, as often as they are repeated."""
    for turn in range(repeats):
        yield from sorted(commands.items(), reverse=turn % 2 == 0)


def throughput(commands: Mapping[str, Command], truthd: Path | None, repeats: int) -> None:
    """Cases A and B."""
    print(f"\n{TOKENS} tokens, {CONCURRENT} at once, medians of {repeats} runs in turn; x is to {PEER}")
    print("case  client    streams/s      x   CPU µs/stream      x   short run s")
    for case, burst in BURST.items():
        runs: dict[str, list[Pair]] = {name: [] for name in commands}
        for name, run in in_turn(commands, repeats):
            with server(truthd, "--tokens", str(TOKENS), "--burst", str(burst)) as at:
                short, long = (run(at, Load(calls, CONCURRENT, TOKENS), False) for calls in (SHORT, LONG))
                runs[name].append(Pair(short, long))
        for name, done in runs.items():
            pairs = list(zip(done, runs[PEER], strict=True))
            rate = statistics.median(own.long.rate for own in done)
            faster = statistics.median(own.long.rate / other.long.rate for own, other in pairs)
            cost = statistics.median(own.us(LONG - SHORT) for own in done)
            leaner = statistics.median(own.us(LONG - SHORT) / other.us(LONG - SHORT) for own, other in pairs)
            short_run = statistics.median(own.short.seconds for own in done)
            print(f"{case:4}  {name:9} {rate:9,.0f} {faster:6.2f} {cost:15.1f} {leaner:6.2f} {short_run:13.2f}")


class Checked(NamedTuple):
    """A pair of runs, what was true in the long one, and the share of its core that the server used in it."""

    pair: Pair
    true: Times
    server: float


def truth(commands: Mapping[str, Command], truthd: Path | None, streams: list[int], repeats: int) -> None:
    """What a command costs and how far its figures are from the truth, by how many streams there are at once."""
    runs: dict[tuple[int, str], list[Checked]] = {(each, name): [] for each in streams for name in commands}
    for each in streams:
        for name, run in in_turn(commands, repeats):
            runs[each, name].append(checked(run, truthd, each))
    print(f"\n{TRUE_TOKENS} tokens, 50 ms to the first, 10 ms between; medians of {repeats} runs in turn")
    print("streams  client    streams/s   reported   CPU µs/stream   core   server's core   marked")
    for (each, name), done in runs.items():
        print(cost_row(each, name, done))
    print("\nwhat was reported, what the server logged, and the difference; ms")
    heads = "".join(f"   {what:>8}   right   error" for what in ("TTFT p50", "TTFT p99", "ITL p50", "ITL p99"))
    print(f"streams  client {heads}")
    for (each, name), done in runs.items():
        print(truth_row(each, name, done))
    for (each, name), done in runs.items():
        long = [run.pair.long for run in done]
        for reason in dict.fromkeys(reason for run in long for reason in run.doubts or ()):
            print(f"{name}, {each} streams: {reason}")
        for which in Times._fields:
            if withheld := sum(getattr(run.times, which) is None for run in long):
                print(f"{name}, {each} streams: {which} withheld in {withheld} of {len(long)} runs")


def checked(run: Command, truthd: Path | None, streams: int) -> Checked:
    """A short run and a long one, each with a server and a log of its own.

    Raises:
        RuntimeError: the server answered another number of calls than the command counted.
    """
    done: list[Run] = []
    for rounds in (SHORT_ROUNDS, LONG_ROUNDS):
        calls = rounds * streams
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with server(truthd, *TRUTH, "--log", str(log)) as at:
                done.append(run(at, Load(calls, streams, TRUE_TOKENS), False))
                used = psutil.Process(at.pid).cpu_times()
            logged = answers(log)
        # aimon makes a call before the load, which counts in none of its figures.
        first = len(logged) - calls
        if first not in {0, 1}:
            raise RuntimeError(f"{calls} calls, but the server answered {len(logged)}")
        counted = [answer for answer in logged if answer.number > first]
    ttft, gaps = sorted(answer.ttft * 1e3 for answer in counted), sorted(answer.gap * 1e3 for answer in counted)
    true = Times(quantile(ttft, 0.5), quantile(ttft, 0.99), quantile(gaps, 0.5), quantile(gaps, 0.99))
    return Checked(Pair(*done), true, (used.user + used.system) / done[-1].seconds)


def cost_row(streams: int, name: str, done: list[Checked]) -> str:
    """A line of the first table."""
    more = (LONG_ROUNDS - SHORT_ROUNDS) * streams
    figures = [(run.pair.rate(more), run.pair.long.rate, run.pair.us(more), run.pair.core, run.server) for run in done]
    rate, reported, cost, core, served = map(statistics.median, zip(*figures, strict=True))
    doubts = [run.pair.long.doubts for run in done]
    marked = "-" if None in doubts else f"{sum(map(bool, doubts))} of {len(done)}"
    return f"{streams:7}  {name:9} {rate:9,.0f} {reported:10,.0f} {cost:15.1f} {core:6.2f} {served:15.2f} {marked:>8}"


def truth_row(streams: int, name: str, done: list[Checked]) -> str:
    """A line of the second table."""
    cells = ""
    for which in Times._fields:
        pairs = [(getattr(run.pair.long.times, which), getattr(run.true, which)) for run in done]
        right = statistics.median(each for _, each in pairs)
        told = [(said, each) for said, each in pairs if said is not None]
        if 2 * len(told) > len(pairs):
            said, error = statistics.median(each for each, _ in told), statistics.median(one - two for one, two in told)
            cells += f"   {said:8.2f} {right:7.2f} {error:+7.2f}"
        else:
            cells += f"   {'withheld':>8} {right:7.2f} {'-':>7}"
    return f"{streams:7}  {name:7}{cells}"


def memory(commands: Mapping[str, Command], truthd: Path | None, repeats: int) -> None:
    """Peaks after few calls and after many."""
    runs: dict[tuple[str, int], list[Run]] = {(name, calls): [] for name in commands for calls in (SHORT, LONGEST)}
    for name, run in in_turn(commands, repeats):
        for calls in (SHORT, LONGEST):
            with server(truthd, "--tokens", str(TOKENS), "--burst", str(BURST["B"])) as at:
                runs[name, calls].append(run(at, Load(calls, CONCURRENT, TOKENS), True))
    print(f"\npeak memory in B, MB, medians of {repeats} runs")
    print("client       calls   largest process   all processes")
    for (name, calls), done in runs.items():
        largest = statistics.median(run.memory for run in done)
        of_all = statistics.median(run.memory_of_all or 0.0 for run in done)
        print(f"{name:9} {calls:8,} {largest:17.0f} {of_all:15.0f}")


if __name__ == "__main__":
    main()
