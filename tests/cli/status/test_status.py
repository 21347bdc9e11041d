"""`aimon status` over histories whose truth is known."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Outcome
from aimon.metrics.totals import Identity
from aimon.probes.history.history import History
from command import AIMON
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from command import Command

FLAKY = Identity("flaky", "m", "p", "cn-east")
MINUTE = 60.0


def probed(
    path: Path, outcomes: Sequence[Outcome], identity: Identity = QWEN, *, ago: float = 5.0, gap: float = MINUTE
) -> None:
    """Appends runs, the last of which ended `ago` seconds back. Run i of n takes (i + 1)/n s, its TTFT half of that."""
    now, count = time.time(), len(outcomes)
    results = []
    for i, outcome in enumerate(outcomes):
        end = (i + 1) / count
        marks = {"headers": end / 4, "end": end, "started_at": now - ago - end - gap * (count - 1 - i)}
        if outcome is Outcome.OK:
            marks |= {"first_token": end / 2, "last_token": end}
        results.append(a_result(outcome, identity, error="no luck", **marks))
    with History(path) as history:
        history.append(results)


@pytest.fixture
def history(run_aimon: Command) -> Path:
    """Where `aimon status` looks."""
    folder = Path(run_aimon.env["AIMON_STATE_DIR"])
    folder.mkdir(parents=True)
    return folder / "history.db"


def as_json(run_aimon: Command, *arguments: str) -> list[dict[str, Any]]:
    """The objects that it prints."""
    return [json.loads(line) for line in run_aimon("status", "--json", *arguments).stdout.splitlines()]


def test_no_history_says_what_to_do(run_aimon: Command, history: Path) -> None:
    """A missing and an empty history give the same message, which says what to do; no file is made."""
    done = run_aimon("status")
    assert (done.returncode, done.stdout) == (2, "")
    first = f"nothing was probed yet (there is no {history}): run aimon probe first"
    assert done.stderr == (f"{first}; what cron probes is in the history of its user (root's: sudo aimon status)\n")
    assert run_aimon("status", "--history", str(history)).stderr == f"{first}\n"
    assert not history.exists()
    History(history).close()
    done = run_aimon("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing was probed yet" in done.stderr


def test_exact_figures(run_aimon: Command, history: Path) -> None:
    """100 successes of 0.01 to 1 s: nearest-rank quantiles are exact."""
    probed(history, [Outcome.OK] * 100, gap=30)
    done = run_aimon("status")
    assert (done.returncode, done.stderr) == (0, "")
    head, figures = done.stdout.splitlines()
    [found] = as_json(run_aimon)
    # Near midnight (UTC) only a part of the runs is today's.
    assert re.fullmatch(rf"qwen-prod ok last run \d+ s ago today {found['spent_today']:.2f} CNY \[\.{{30}}\]", head)
    assert figures == (
        "  24h: uptime 100.00% of 100, latency P50 500 ms P95 950 ms P99 990 ms, "
        "ttft P50 250 ms P95 475 ms P99 495 ms, 429 0%, 401 0%"
    )


def test_rates_and_whose_fault(run_aimon: Command, history: Path) -> None:
    """429 and 401 have rates of their own, and uptime counts only what the provider did."""
    outcomes = [Outcome.OK] * 15 + [Outcome.RATE_LIMITED] * 2 + [Outcome.UNAUTHORIZED] + [Outcome.SERVER_ERROR] * 5
    probed(history, [*outcomes, Outcome.BUDGET_SKIPPED, Outcome.OK])
    done = run_aimon("status")
    assert done.returncode == 0
    # 16 of the 21 that count; 2 and 1 of the 24 that were sent.
    assert "uptime 76.19% of 21" in done.stdout
    assert "P95 needs 20 P99 needs 100" in done.stdout
    assert "429 8.3%, 401 4.2%" in done.stdout
    assert f"[{'.' * 15}xxxxxxxx-.]" in done.stdout


def test_a_share_is_never_rounded_to_a_hundred_or_to_none(run_aimon: Command, history: Path) -> None:
    """One failure in 30,000 is seen in uptime, one 429 in its rate."""
    count = 30_000
    probed(history, [Outcome.SERVER_ERROR, Outcome.RATE_LIMITED, *[Outcome.OK] * (count - 2)], gap=1.0)
    [line] = run_aimon("status", "--window", "30d").stdout.splitlines()[1:]
    assert line.startswith(f"  30d: uptime 99.99% of {count - 1}, ")
    assert line.endswith("429 <0.1%, 401 0%")


def test_what_was_only_tried_is_forgotten_on_request(run_aimon: Command, history: Path) -> None:
    """Its results, totals and records are gone and the others' are not; what it spent today still counts."""
    tried = Identity("openai-chat-gpt", "m", "p", "local")
    probed(history, [Outcome.OK] * 3)
    probed(history, [Outcome.OK] * 2, tried)
    probed(history, [Outcome.SERVER_ERROR], tried._replace(model="m2"))
    with History(history) as opened:
        spent = opened.spent_today(tried.endpoint, "CNY")
    done = run_aimon("status", "--forget", "openai-chat-gpt")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "openai-chat-gpt: forgotten, with 3 results; what it spent still counts towards its budget\n"
    )
    assert [found["endpoint"] for found in as_json(run_aimon)] == [QWEN.endpoint]
    with History(history) as opened:
        assert {labels[0] for counters in opened.totals().counters.values() for labels in counters} == {QWEN.endpoint}
        assert opened.database.query("SELECT count(*) FROM records") == [(3,)]
        assert opened.spent_today(tried.endpoint, "CNY") == spent
    probed(history, [Outcome.OK], tried)
    assert [len(found["recent"]) for found in as_json(run_aimon, tried.endpoint)] == [1]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "--forget removes endpoints from the history: name those that it should forget"),
        (["qwen-prod", "nobody"], "endpoint 'nobody' was never probed; known are qwen-prod"),
    ],
)
def test_forgetting_needs_names_that_are_there(run_aimon: Command, history: Path, names: list[str], said: str) -> None:
    """A name that is not in the history is exit code 2, and nothing is removed."""
    probed(history, [Outcome.OK] * 3)
    done = run_aimon("status", "--forget", *names)
    assert (done.returncode, done.stderr) == (2, f"{said}\n")
    assert [len(found["recent"]) for found in as_json(run_aimon)] == [3]


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (Outcome.OK, 0, ""),
        (Outcome.BUDGET_SKIPPED, 0, ""),
        (Outcome.SERVER_ERROR, 1, "no luck. The provider failed"),
        (Outcome.UNAUTHORIZED, 1, "no luck. Check the key"),
    ],
)
def test_exit_code_is_that_of_the_last_run(
    outcome: Outcome, code: int, said: str, run_aimon: Command, history: Path
) -> None:
    """The exit code depends on the last run alone; a failure is explained."""
    probed(history, [Outcome.SERVER_ERROR, Outcome.OK, outcome])
    probed(history, [Outcome.OK] * 3, FLAKY)
    done = run_aimon("status")
    assert done.returncode == code
    assert re.search(rf"^qwen-prod {outcome} last run \d+ s ago ", done.stdout, re.MULTILINE)
    assert said in done.stdout


def test_a_prober_that_stopped_is_not_available(run_aimon: Command, history: Path) -> None:
    """All runs were well, but the last is 10 minutes old where one a minute was usual."""
    probed(history, [Outcome.OK] * 50, ago=10 * MINUTE)
    done = run_aimon("status")
    assert done.returncode == 1
    head, why, _ = done.stdout.splitlines()
    assert head.startswith("qwen-prod no recent run last run 10 min ago ")
    assert why == (
        "  not probed for 10 min, and before that every 60 s: has the prober stopped? "
        "Look at cron or at the service that runs it."
    )
    [found] = as_json(run_aimon)
    assert (found["state"], found["well"]) == ("no recent run", False)
    assert found["last_run_age_s"] == pytest.approx(600, abs=30)
    assert found["usual_gap_s"] == pytest.approx(60, abs=1)


def test_a_beat_that_is_kept_is_recent(run_aimon: Command, history: Path) -> None:
    """Ten minutes are nothing for a probe every five; several canaries a round do not hide the beat."""
    probed(history, [Outcome.OK] * 30, ago=10 * MINUTE, gap=5 * MINUTE)
    for canary in range(3):
        probed(history, [Outcome.OK] * 10, FLAKY, ago=10 * MINUTE + canary, gap=5 * MINUTE)
    assert run_aimon("status").returncode == 0


def test_a_probe_of_long_ago_is_no_news(run_aimon: Command, history: Path) -> None:
    """One single run tells no beat; after a day it is stale all the same, and its figures have left the window."""
    probed(history, [Outcome.OK], ago=3 * 86_400)
    done = run_aimon("status", "--window", "24h", "--window", "7d")
    assert done.returncode == 1
    assert done.stdout.startswith("qwen-prod no recent run last run 3 d ago ")
    assert "  24h: uptime - of 0, latency P50 needs 2 " in done.stdout
    assert "  7d: uptime 100.00% of 1, latency P50 needs 2 " in done.stdout


def test_json_is_as_documented(run_aimon: Command, history: Path) -> None:
    """Every key of docs/status.md, one object a line, unknown as null."""
    probed(history, [Outcome.OK] * 19 + [Outcome.RATE_LIMITED])
    [found] = as_json(run_aimon, "--window", "1h", "--window", "7d")
    page = (Path(__file__).resolve().parents[3] / "docs" / "status.md").read_text(encoding="utf-8")
    assert [key for key in (*found, *found["windows"]["1h"]) if f"`{key}`" not in page] == []
    assert list(found["windows"]) == ["1h", "7d"]
    assert found["recent"] == ["ok"] * 19 + ["rate_limited"]
    assert found["windows"]["7d"] == {
        "availability": 1.0,
        "counted": 19,
        "total": 20,
        "outcomes": {"ok": 19, "rate_limited": 1},
        "latency_s": {"p50": 0.5},
        "ttft_s": {"p50": 0.25},
        "rate_limited": 0.05,
        "unauthorized": 0.0,
    }


def test_names_choose(run_aimon: Command, history: Path) -> None:
    """Only those asked for count for the exit code; an unknown one is a usage error that lists the known."""
    probed(history, [Outcome.OK] * 3)
    probed(history, [Outcome.DNS] * 3, FLAKY)
    assert run_aimon("status").returncode == 1
    done = run_aimon("status", "qwen-prod")
    assert (done.returncode, "flaky" in done.stdout) == (0, False)
    done = run_aimon("status", "qwen")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "endpoint 'qwen' was never probed; known are flaky, qwen-prod\n"
    assert "write one of 1h, 24h, 7d, 30d" in run_aimon("status", "--window", "2h").stderr


def test_another_model_takes_an_endpoints_place(run_aimon: Command, history: Path) -> None:
    """Both are shown with their models until the old one has no recent run: then it does not count."""
    old = Identity("qwen-prod", "qwen-max", "dashscope", "cn-east")
    elsewhere = Identity("qwen-prod", "qwen-plus", "dashscope", "us-west")
    probed(history, [Outcome.OK] * 3, ago=5.0)
    probed(history, [Outcome.OK] * 3, old, ago=100.0)
    heads = run_aimon("status").stdout.splitlines()[::2]
    assert [head.partition(" last run ")[0] for head in heads] == [
        "qwen-prod (qwen-max, cn-east) ok",
        "qwen-prod (qwen-plus, cn-east) ok",
    ]
    with History(history) as opened:
        opened.database.query("UPDATE endpoints SET last_run_at = last_run_at - 600 WHERE model = 'qwen-max'")
    done = run_aimon("status")
    assert (done.returncode, done.stdout.count("qwen-prod")) == (0, 1)
    # From another region it is another prober, which has stopped.
    probed(history, [Outcome.OK] * 3, elsewhere, ago=600.0)
    done = run_aimon("status")
    assert done.returncode == 1
    assert "qwen-prod (qwen-plus, us-west) no recent run " in done.stdout


def test_a_file_chooses(run_aimon: Command, history: Path, tmp_path: Path) -> None:
    """An endpoint that was removed does not matter, one that was never probed does."""
    probed(history, [Outcome.OK] * 3)
    probed(history, [Outcome.DNS] * 3, FLAKY)
    entry = "  - {{name: {}, dialect: openai-chat, base_url: 'http://127.0.0.1:1/v1', model: m}}\n"
    config = tmp_path / "aimon.yaml"
    config.write_text("endpoints:\n" + entry.format("qwen-prod"))
    done = run_aimon("status", "--config", "aimon.yaml")
    assert (done.returncode, done.stderr, "flaky" in done.stdout) == (0, "", False)
    config.write_text("endpoints:\n" + entry.format("new") + entry.format("qwen-prod"))
    done = run_aimon("status", "--config", "aimon.yaml")
    assert (done.returncode, done.stdout.count("last run")) == (1, 1)
    assert done.stderr == "new: never probed: run aimon probe new\n"
    config.write_text("endpoints:\n" + entry.format("new"))
    done = run_aimon("status", "-c", "aimon.yaml", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "new: never probed: run aimon probe new\n")
    assert on_a_terminal(run_aimon, 80, "status", "-c", "aimon.yaml") == (1, done.stderr.replace("\n", "\r\n"))
    done = run_aimon("status", "-c", "aimon.yaml", "qwen-prod")
    assert (done.returncode, done.stderr) == (2, "names and --config both choose endpoints: leave out one of them\n")
    assert "there is no such file" in run_aimon("status", "-c", "none.yaml").stderr


def test_a_thousand_endpoints(run_aimon: Command, history: Path) -> None:
    """Each is shown, and the one that is down is found in the exit code."""
    with History(history) as opened:
        opened.append(
            [
                a_result(
                    Outcome.OK if i else Outcome.DNS,
                    Identity(f"e{i:03}", "m", "p", "r"),
                    started_at=time.time() - 60 * run,
                )
                for run in (3, 2, 1)
                for i in range(1000)
            ]
        )
    done = run_aimon("status")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count(" last run ") == 1000
    assert done.stdout.startswith("e000 dns last run ")


def test_a_history_that_is_none_is_exit_3(run_aimon: Command, history: Path) -> None:
    """A file that is no database."""
    history.write_text("not a database, but quite long enough to be taken for one " * 20)
    done = run_aimon("status")
    assert (done.returncode, done.stdout) == (3, "")
    assert str(history) in done.stderr
    assert "Traceback" not in done.stderr


def on_a_terminal(run_aimon: Command, columns: int, *arguments: str) -> tuple[int, str]:
    """Runs aimon on a terminal of this width; returns the exit code and what it wrote."""
    ours, theirs = pty.openpty()
    environment = {**run_aimon.env, "COLUMNS": str(columns), "TERM": "dumb"}
    with subprocess.Popen(
        [AIMON, *arguments], env=environment, cwd=run_aimon.cwd, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux's way of saying that the last process has closed the terminal
                break
            written += part
    os.close(ours)
    return process.returncode, written.decode()


def test_80_columns_cut_no_figure(run_aimon: Command, history: Path) -> None:
    """A long name gives way; every figure is whole; a dumb terminal gets no escape codes."""
    long = Identity("an-endpoint-with-quite-a-long-name-in-production", "m", "p", "r")
    probed(history, [Outcome.OK] * 120, long)
    probed(history, [Outcome.OK] * 30 + [Outcome.STREAM_TRUNCATED], FLAKY)
    code, text = on_a_terminal(run_aimon, 80, "status")
    assert code == 1
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    row = ["24h", "100.00%", "120", "0%", "0%", "latency", "500", "ms", "950", "ms", "992", "ms"]
    assert [line.split()[1:] for line in lines if "latency" in line].count(row) == 1, text
    assert "\x1b" not in text
    assert "▇" * 10 in text
    assert "▁" in text
    assert "flaky: no luck. The provider or a proxy on the way cut the stream" in text
