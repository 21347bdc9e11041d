"""`aimon loadtest` and `vllm-rs bench serve` as whole commands: the same load, and what each took and reported."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.running import ENVIRONMENT, FOLDER, on_last_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.running import Server

_RATE = re.compile(rb"Request throughput \(req/s\):\s+([\d.]+)")
_FAILED = re.compile(rb"Failed requests:\s+(\d+)")
# The whole run's come first in the output; those of its steady part, with the same names, after them.
_TIMES = {
    (name, share): re.compile(rb"P%d %b \(ms\):\s+([\d.]+)" % (share, name.encode()))
    for name in ("TTFT", "ITL")
    for share in (50, 99)
}


class Load(NamedTuple):
    """How many calls, how many at once, and how many tokens an answer has."""

    calls: int
    concurrent: int
    tokens: int


class Times(NamedTuple):
    """Quantiles of the time to the first token and of the gaps between tokens, in ms; None where none is told."""

    ttft_p50: float | None
    ttft_p99: float | None
    itl_p50: float | None
    itl_p99: float | None


class Run(NamedTuple):
    """What a command took and reported.

    `rate` is in streams/s; `doubts` is why the command doubts its own figures, None of one that does not ask itself.
    `memory` is the peak of its largest process, `memory_of_all` that of all where that was asked for, in MB.
    """

    rate: float
    times: Times
    doubts: list[str] | None
    cpu: float
    seconds: float
    memory: float
    memory_of_all: float | None


class Pair(NamedTuple):
    """A short run and a long one of the same command."""

    short: Run
    long: Run

    def us(self, calls: int) -> float:
        """Processor time for each stream, in microseconds; the long run had so many more calls."""
        return (self.long.cpu - self.short.cpu) / calls * 1e6

    def rate(self, calls: int) -> float:
        """Streams a second, without start and report; the long run had so many more calls."""
        return calls / (self.long.seconds - self.short.seconds)

    @property
    def core(self) -> float:
        """The share of a core in use, without start and report."""
        return (self.long.cpu - self.short.cpu) / (self.long.seconds - self.short.seconds)


if TYPE_CHECKING:
    Command = Callable[[Server, Load, bool], Run]


def aimon(program: Path | None) -> Command:
    """`aimon loadtest`, with a new prompt in every call; without a program the one beside this Python."""
    found = program or Path(sys.executable).with_name("aimon")

    def run(at: Server, load: Load, look_at_all: bool) -> Run:
        where = ["--dialect", "openai-chat", "--base-url", at.url, "--model", "truth"]
        how = ["--concurrency", str(load.concurrent), "--requests", str(load.calls), "--prompt-tokens", "14"]
        command = [str(found), "loadtest", *where, *how, "--output-tokens", str(load.tokens), "--json", "-q"]
        printed, spent = _timed(command, look_at_all=look_at_all)
        report = json.loads(printed)
        if report["requests"]["sent"] != report["requests"]["ok"]:
            raise RuntimeError(f"not all calls succeeded: {report['requests']}")
        times = [report[name][share] for name in ("ttft_s", "itl_s") for share in ("p50", "p99")]
        return Run(
            rate=report["rate"]["achieved"],
            times=Times(*(None if value is None else value * 1e3 for value in times)),
            doubts=report["client"]["reasons"],
            **spent,
        )

    return run


def vllm_rs(program: Path, folder: Path) -> Command:
    """`vllm-rs bench serve`; its prompts and its tokenizer are made in a folder."""
    _make_tokenizer(folder)

    def run(at: Server, load: Load, look_at_all: bool) -> Run:
        where = ["--backend", "openai-chat", "--base-url", at.url.removesuffix("/v1"), "--model", "truth"]
        prompts = ["--dataset-name", "custom", "--dataset-path", str(_prompts(folder, load.calls))]
        what = ["--tokenizer", str(folder), *prompts, "--custom-output-len", str(load.tokens), "--skip-chat-template"]
        how = ["--num-prompts", str(load.calls), "--max-concurrency", str(load.concurrent), "--disable-tqdm"]
        shown = ["--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,99"]
        command = [str(program), "bench", "serve", *where, *what, *how, *shown]
        printed, spent = _timed(command, look_at_all=look_at_all)
        rate, failed = _RATE.search(printed), _FAILED.search(printed)
        times = [found[1] for pattern in _TIMES.values() if (found := pattern.search(printed)) is not None]
        if rate is None or len(times) != len(_TIMES) or (failed is not None and int(failed[1])):
            raise RuntimeError(f"not all calls succeeded: {printed[-1000:].decode()}")
        return Run(rate=float(rate[1]), times=Times(*map(float, times)), doubts=None, **spent)

    return run


def _timed(command: list[str], *, look_at_all: bool) -> tuple[bytes, dict[str, Any]]:
    """Runs a command on the last core; what it printed, and what it took.

    Raises:
        RuntimeError: its exit code is not 0.
    """
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryDirectory() as home:
        found = Path(home) / "spent.json"
        around = [sys.executable, "-I", str(FOLDER / "spent.py"), str(found), *["--all"] * look_at_all]
        environment = {**ENVIRONMENT, "HF_HUB_OFFLINE": "1", "HOME": home}
        printed = on_last_core([*around, *command], complaints, environment)
        spent = json.loads(found.read_text(encoding="ascii")) if found.exists() else {"code": None}
        if spent["code"] != 0:
            complaints.seek(max(0, complaints.seek(0, 2) - 1000))
            raise RuntimeError(f"{command[0]} ended with {spent['code']}: {complaints.read().decode()}")
    return printed, {
        "cpu": spent["cpu"],
        "seconds": spent["seconds"],
        "memory": spent["largest_mb"],
        "memory_of_all": spent["all_mb"],
    }


def _make_tokenizer(folder: Path) -> None:
    """One of words, since the peer counts tokens with it."""
    words = {word: place for place, word in enumerate(("[UNK]", "reply", "with", "exactly:", "pong"))}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}
    tokenizer: dict[str, object] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None, "model": model,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 4096}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _prompts(folder: Path, count: int) -> Path:
    """A file of so many prompts that differ."""
    file = folder / f"prompts-{count}.jsonl"
    if not file.exists():
        lines = (json.dumps({"prompt": f"{number}: reply with exactly: pong"}) + "\n" for number in range(count))
        file.write_text("".join(lines), encoding="utf-8")
    return file
