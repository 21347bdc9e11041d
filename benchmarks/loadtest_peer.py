"""`aimon loadtest` beside vLLM's load generator in Rust: whole commands, the same work, one core.

    python benchmarks/loadtest_peer.py --vllm-rs PATH [--truthd PATH] [--repeats 5] [--first]

Both stream answers of 20 tokens, 64 at once, as fast as it goes: one write for each token (A), or all of an answer at
once (B). They take turns (ABBA…), and each pair is compared. Streams/s are what a command reports of its long run.
Processor time a stream is the difference between a long run and a short one, so that start and report are left out;
both are in the seconds of the short run. aimon measures from a schedule, checks its own lag, keeps every gap between
tokens and writes a report; the peer keeps every answer until its end.

`vllm-rs` is in the wheel of vllm (0.33.0, 336 MB): `pip download --no-deps vllm==0.33.0`, then
`unzip -j vllm-*.whl vllm/vllm-rs`. It needs a tokenizer, which is made here of words.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.running import CORES, Server, go_before_others, on_last_core, server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHORT, LONG = 2_000, 32_000
CONCURRENT, TOKENS = 64, 20
_RATE = re.compile(rb"Request throughput \(req/s\):\s+([\d.]+)")
_FAILED = re.compile(rb"Failed requests:\s+(\d+)")


class Run(NamedTuple):
    """What a command did: streams/s as it reports them, processor and wall seconds, and its memory in MB."""

    rate: float
    cpu: float
    seconds: float
    memory: float


class Pair(NamedTuple):
    """A short run and a long one of the same command."""

    short: Run
    long: Run

    @property
    def us(self) -> float:
        """Processor time for each stream, in microseconds."""
        return (self.long.cpu - self.short.cpu) / (LONG - SHORT) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm-rs", type=Path)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--first", action="store_true", help="before all else that runs on a shared machine (root)")
    arguments = parser.parse_args()
    if arguments.vllm_rs is None:
        print("skipped: --vllm-rs names no program")
        return
    if arguments.first:
        go_before_others()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        commands = {
            "vllm-rs": lambda at, count: peer(arguments.vllm_rs, Path(folder), at, count),
            "aimon": aimon,
        }
        print("case  client    streams/s      x   CPU µs/stream      x   short run s   MB short   MB long")
        for case, burst in (("A", 1), ("B", 64)):
            print_case(case, measured(commands, arguments.truthd, burst, arguments.repeats))


def measured(
    commands: Mapping[str, Callable[[Server, int], Run]], truthd: Path | None, burst: int, repeats: int
) -> dict[str, list[Pair]]:
    """Runs of all commands in turn, against a new server each."""
    runs: dict[str, list[Pair]] = {name: [] for name in commands}
    for turn in range(repeats):
        for name in sorted(commands, reverse=turn % 2 == 0):
            with server(truthd, "--tokens", str(TOKENS), "--burst", str(burst)) as at:
                runs[name].append(Pair(commands[name](at, SHORT), commands[name](at, LONG)))
    return runs


def print_case(case: str, runs: dict[str, list[Pair]]) -> None:
    """Medians, and the medians of the ratios to the peer's run of the same turn."""
    for name, done in runs.items():
        pairs = list(zip(done, runs["vllm-rs"], strict=True))
        faster = statistics.median(own.long.rate / other.long.rate for own, other in pairs)
        leaner = statistics.median(own.us / other.us for own, other in pairs)
        rate, each = statistics.median(run.long.rate for run in done), statistics.median(run.us for run in done)
        short = statistics.median(run.short.seconds for run in done)
        memory = [statistics.median(run.memory for run in column) for column in zip(*done, strict=True)]
        print(
            f"{case:4}  {name:9} {rate:9,.0f} {faster:6.2f} {each:15.1f} {leaner:6.2f} {short:13.2f}"
            f" {memory[0]:10.0f} {memory[1]:9.0f}"
        )


def aimon(at: Server, count: int) -> Run:
    """`aimon loadtest`, with a new prompt in every call."""
    program = [str(Path(sys.executable).with_name("aimon")), "loadtest", "--dialect", "openai-chat"]
    where = ["--base-url", at.url, "--model", "truth", "--concurrency", str(CONCURRENT), "--requests", str(count)]
    printed, run = timed([*program, *where, "--prompt-tokens", "14", "--output-tokens", str(TOKENS), "--json", "-q"])
    report = json.loads(printed)
    if report["requests"]["sent"] != report["requests"]["ok"]:
        raise RuntimeError(f"not all calls succeeded: {report['requests']}")
    return run._replace(rate=report["rate"]["achieved"])


def peer(program: Path, folder: Path, at: Server, count: int) -> Run:
    """`vllm-rs bench serve`."""
    where = ["--backend", "openai-chat", "--base-url", at.url.removesuffix("/v1"), "--model", "truth"]
    data = ["--tokenizer", str(folder), "--dataset-name", "custom", "--dataset-path", str(folder / "prompts.jsonl")]
    how = ["--custom-output-len", str(TOKENS), "--skip-chat-template", "--disable-tqdm"]
    load = ["--num-prompts", str(count), "--max-concurrency", str(CONCURRENT)]
    printed, run = timed([str(program), "bench", "serve", *where, *data, *how, *load])
    rate, failed = _RATE.search(printed), _FAILED.search(printed)
    if rate is None or (failed is not None and int(failed[1])):
        raise RuntimeError(f"not all calls succeeded: {printed[-1000:].decode()}")
    return run._replace(rate=float(rate[1]))


def timed(command: list[str]) -> tuple[bytes, Run]:
    """Runs a command on the last core; what it printed, and what it took. Its memory is that of its largest process."""
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryDirectory() as home:
        os.environ.update(HF_HUB_OFFLINE="1", HOME=home)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        printed = on_last_core(["/usr/bin/env", sys.executable, "-c", _LARGEST, *command], complaints)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        complaints.seek(0)
        memory = float(complaints.read().rpartition(b"largest ")[2] or 0) / 1024
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return printed, Run(0.0, cpu, seconds, memory)


# In a process of its own, since the largest child so far would count for all that come after it.
_LARGEST = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("largest", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def prepare(folder: Path) -> None:
    """A tokenizer of words, and prompts that differ."""
    words = {word: place for place, word in enumerate(("[UNK]", "reply", "with", "exactly:", "pong"))}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}
    tokenizer: dict[str, object] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None, "model": model,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 4096}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    prompts = ({"prompt": f"{number}: reply with exactly: pong", "output_tokens": TOKENS} for number in range(LONG))
    lines = "".join(json.dumps(prompt) + "\n" for prompt in prompts)
    (folder / "prompts.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    if len(CORES) < 2:
        sys.exit("server and client need a core each, and there is one")
    main()
