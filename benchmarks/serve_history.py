"""`aimon serve` with a thousand endpoints and 90 days of history: how long the API and the status page take.

    python benchmarks/serve_history.py [--endpoints 1000] [--repeat 5]

The history is made up: roll-ups of each length for as long as they are kept, a hundred results and ten incidents for
each endpoint. The service does not probe meanwhile. Printed are the fastest of some requests, the least CPU time of the
service for one, and the size of the answer.

Target: 300 ms for each page of the API at its default size.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve import Process, serving

from aimon.log_histogram import LogHistogram
from aimon.probes.history import rollups
from aimon.probes.history.history import History
from aimon.probes.incidents import store
from aimon.probes.notify import outbox

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

DAY = 86_400
# How long roll-ups are kept; those with histograms of which a page reads a day at the most have less of them here.
_KEPT = dict(zip(rollups.LENGTHS, (8, 90, 8, 32, 90), strict=True))
_HISTOGRAMS = {rollups.SLOT: 1, rollups.HOUR: 2, rollups.DAY: 90}
_INCIDENTS = 10
_RECORDS = 100
_PATHS = (
    "/api/v1/endpoints",
    "/api/v1/endpoints?limit=1000",
    "/api/v1/endpoints?state=up",
    "/api/v1/endpoints/endpoint-1?window=90d",
    "/api/v1/uptime",
    "/api/v1/uptime?window=90d",
    "/api/v1/uptime?window=90d&limit=1000",
    "/api/v1/incidents",
    "/api/v1/incidents?open=true",
    "/api/v1/incidents/1",
    "/api/v1/results",
    "/api/v1/results?failed=true",
    "/",
    "/endpoint/endpoint-1",
    "/status.json",
    "/incidents.atom",
    "/metrics",
)


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="keep the history in this folder, or use the one that is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = arguments.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        config = folder / "aimon.yaml"
        config.write_text(_config(arguments.endpoints))
        if not (folder / "history.db").exists():
            _make(folder / "history.db", arguments.endpoints)
        with serving(config) as service:
            time.sleep(5.0)
            for path in _PATHS:
                _ask(service, path, arguments.repeat)


def _config(endpoints: int) -> str:
    lines = "".join(
        f"  - {{name: endpoint-{i}, dialect: openai-chat, base_url: 'http://127.0.0.1:1/v1', model: m, "
        f"provider: p{i % 10}, interval: 10d}}\n"
        for i in range(endpoints)
    )
    return f"region: local\ndefaults: {{budget: none, slo: {{latency_p95: 8s}}}}\nendpoints:\n{lines}"


def _ask(service: Process, path: str, repeat: int) -> None:
    seconds, cpu, size = [], [], 0
    for _ in range(repeat):
        before = service.cpu()
        status, body, took = service.get(path)
        assert status == 200, (path, status, body)
        seconds.append(took)
        cpu.append(service.cpu() - before)
        size = len(body)
    print(f"{path:45}{min(seconds) * 1000:8.0f} ms{min(cpu) * 1000:8.0f} ms CPU{size / 1000:10.1f} kB")


def _make(path: Path, endpoints: int) -> None:
    now = time.time()
    chance = random.Random(1)
    times = [LogHistogram.of(chance.lognormvariate(0, 0.3) for _ in range(360)).dump() for _ in range(20)]
    with History(path) as history:
        store.prepare(history.database)
        outbox.prepare(history.database)
        with history.database.transaction() as connection:
            for number in range(1, endpoints + 1):
                _endpoint(connection, number, now, times, chance)


def _endpoint(connection: sqlite3.Connection, number: int, now: float, times: list[str], chance: random.Random) -> None:
    name, provider = f"endpoint-{number - 1}", f"p{(number - 1) % 10}"
    connection.execute("INSERT INTO endpoints VALUES (?, ?, 'm', ?, 'local', ?, ?)", (number, name, provider, now, now))
    connection.executemany(
        "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _rollups(number, now, chance)
    )
    connection.executemany(
        "INSERT INTO rollup_histograms VALUES (?, ?, ?, ?, ?)",
        (
            (number, length, start, chance.choice(times), chance.choice(times))
            for length, days in _HISTOGRAMS.items()
            for start in _starts(length, days, now)
        ),
    )
    for age in range(_RECORDS):
        _result(connection, number, now - 3600 + age * 10, "ok" if age % 25 else "server_error")
    connection.execute("INSERT INTO spending VALUES (?, date(?, 'unixepoch'), 'USD', 0.5)", (name, now))
    for index in range(_INCIDENTS):
        _incident(connection, name, provider, now - index * 8 * DAY - chance.random() * DAY, over=index > 0)


def _starts(length: int, days: int, now: float) -> range:
    last = int(now // length * length)
    return range(last - days * DAY // length * length, last + 1, length)


def _rollups(number: int, now: float, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for length, days in _KEPT.items():
        total = length // 10
        for start in _starts(length, days, now):
            failed = chance.random() < 0.05
            failures = json.dumps({"server_error": 3}) if failed else ""
            yield number, length, start, 1, total, 0, total, total - 3 * failed, 0, 20 * total, 10 * total, failures


def _result(connection: sqlite3.Connection, endpoint: int, at: float, outcome: str) -> None:
    record = {
        "operation": "chat",
        "started_at": at,
        "outcome": outcome,
        "end": 1.5,
        "usage": {"input": 20, "output": 10, "source": "reported"},
        "error": None if outcome == "ok" else "HTTP 500: it broke",
    }
    found = connection.execute("INSERT INTO records (record) VALUES (?)", (json.dumps(record),)).lastrowid
    connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, 1.5, 0.4, 0, 0)", (endpoint, at, found, outcome))


def _incident(connection: sqlite3.Connection, name: str, provider: str, at: float, *, over: bool) -> None:
    until = at + 600 if over else None
    group = connection.execute(
        "INSERT INTO incident_groups (uid, scope, kind, opened_at, resolved_at) VALUES (?, ?, 'unreliable', ?, ?)",
        (f"{name}-{at}", provider, at, until),
    ).lastrowid
    number = connection.execute(
        "INSERT INTO incidents (group_id, endpoint, provider, model, region, kind, severity, flapping, began_at, "
        "opened_at, resolved_at, outcome, error) VALUES (?, ?, ?, 'm', 'local', 'unreliable', 'warning', 0, ?, ?, ?, "
        "'server_error', 'HTTP 500: it broke')",
        (group, name, provider, at, at, until),
    ).lastrowid
    for event in ("opened", "announced", "resolved") if over else ("opened", "announced"):
        connection.execute("INSERT INTO incident_events (incident_id, at, event) VALUES (?, ?, ?)", (number, at, event))


if __name__ == "__main__":
    main()
