"""Whatever breaks in handling one endpoint's Result: the others are shown, recorded and published."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aimon.call import containment
from aimon.call.call import Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.call.result import Usage
from aimon.cli.exits import UNABLE
from aimon.cli.probe import once, table
from aimon.cli.probe.loop import _Loop
from aimon.cli.probe.options import ProbeOptions
from aimon.config.endpoint import Canary, Endpoint
from aimon.metrics.totals import Identity
from aimon.pricing import PriceBook
from aimon.probes import probe, result_json, transport
from aimon.probes.history.history import History
from aimon.probes.publish.recorder import Recorder
from aimon.probes.selection import Selection
from aimon.probes.state import gauges, state
from aimon.probes.state.open_state import open_state
from chat_wire import completion_counting, counted, read_request, streamed
from peers import Peer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aimon.call.result import Result
    from command import Command

    Inject = Callable[[pytest.MonkeyPatch], None]

BAD, GOOD = "bad", ("good-1", "good-2")
NAMES = (GOOD[0], BAD, GOOD[1])


def answer(connection: socket.socket) -> None:
    """One good answer."""
    read_request(connection)
    connection.sendall(streamed("po", "ng"))


@pytest.fixture
def selection() -> Iterator[Selection]:
    """Three endpoints of a server on which all is well."""
    containment._reported.clear()
    with Peer(answer) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        endpoints = tuple(
            Endpoint(
                Target(name, "custom", "openai-chat", url, "m"),
                (Canary("echo", (Message("user", "hi"),)),),
                interval=0.1,
                timeouts=Timeouts(5, 5, 5),
            )
            for name in NAMES
        )
        yield Selection(endpoints, "local", "USD", PriceBook(currency="USD"), "aimon.yaml", whole=True)


def fails_for_bad(original: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but for `bad` as long as it has a Result of a provider."""

    def function(*arguments: Any) -> Any:
        for each in arguments:
            for result in each if isinstance(each, list) else [each]:
                if getattr(result, "endpoint", "") == BAD and result.outcome is Outcome.OK:
                    raise ZeroDivisionError("by zero")
        return original(*arguments)

    return function


def says(**fields: Any) -> Inject:
    """A Result of `bad` that has these values, as from a provider that nobody foresaw."""

    def price(_: PriceBook, result: Result) -> Result:
        return msgspec.structs.replace(result, **fields) if result.endpoint == BAD else result

    return lambda patch: patch.setattr(PriceBook, "cost", price)


def not_probed(patch: pytest.MonkeyPatch) -> None:
    """The call itself can't be made."""
    original = transport.perform

    async def perform(call: Any, *arguments: Any, **options: Any) -> Result:
        if call.target.endpoint == BAD:
            raise RuntimeError
        return await original(call, *arguments, **options)

    patch.setattr(probe, "perform", perform)


FAULTS: dict[str, Inject] = {
    "probed": not_probed,
    "priced": lambda patch: patch.setattr(PriceBook, "cost", fails_for_bad(PriceBook.cost)),
    "shown as JSON": lambda patch: patch.setattr(result_json, "as_line", fails_for_bad(result_json.as_line)),
    "shown": lambda patch: patch.setattr(table, "line", fails_for_bad(table.line)),
    "recorded": lambda patch: patch.setattr(state.SqliteState, "record", fails_for_bad(state.SqliteState.record)),
    "a count of 400 digits": says(usage=Usage(input=10**400, output=1)),
    "a count below zero": says(usage=Usage(input=5, output=-5)),
    "a count that is no number": says(usage=Usage(input=math.nan, output=1)),  # type: ignore[arg-type]
    "an endless cost": says(cost=math.inf, currency="USD"),
    "half a character": says(request_id="\ud800"),
    "an object where text was": says(request_id=object()),
}


def options(tmp_path: Path, *, as_json: bool, every: float | None = None) -> ProbeOptions:
    """What the command line would say."""
    return ProbeOptions(
        as_json=as_json, junit=None, push=None, textfile=tmp_path / "aimon.prom", state="sqlite", history=None,
        concurrency=9, every=every, listen=None, set_aside_damaged=False,
    )  # fmt: skip


def recorder(selection: Selection, tmp_path: Path) -> Recorder:
    """Into a history and a textfile."""
    opened = open_state("sqlite", selection.monitored(), path=tmp_path / "history.db")
    return Recorder(
        opened, selection.prices, "local", selection.owner, textfile=tmp_path / "aimon.prom",
        redactor=selection.redactor(),
    )  # fmt: skip


def recorded(tmp_path: Path, name: str) -> list[str]:
    """The outcomes in the history."""
    with History(tmp_path / "history.db") as history:
        return [result.outcome.value for result in history.recent(Identity(name, "m", "custom", "local"), 100)]


@pytest.mark.parametrize("fault", FAULTS)
def test_once(
    fault: str,
    selection: Selection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A sweep: the other two are shown, in the history and in the textfile; the one is a prober error."""
    FAULTS[fault](monkeypatch)
    as_json = fault != "shown"
    sink = recorder(selection, tmp_path)
    code = once.run_once(selection, sink, options(tmp_path, as_json=as_json))
    sink.state.close()
    out = capsys.readouterr().out
    for name in GOOD:
        assert recorded(tmp_path, name) == ["ok"]
        assert f'ai_probe_success{{endpoint="{name}"' in (tmp_path / "aimon.prom").read_text()
        assert f'"{name}"' in out if as_json else name in out
    if fault == "half a character":
        assert recorded(tmp_path, BAD) in (["ok"], ["prober_error"])  # it can be stored, escaped
        return
    assert code == UNABLE
    assert recorded(tmp_path, BAD) == ["prober_error"]
    if as_json:
        shown = {line["endpoint"]: line for line in map(json.loads, out.splitlines())}
        assert shown[BAD]["outcome"] == "prober_error"
        assert "not be" in shown[BAD]["error"] or "not probed" in shown[BAD]["error"]
    assert len([said for said in caplog.messages if f" {BAD} was not " in said]) == 1
    assert "Traceback" not in caplog.text


def test_published(selection: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gauges that can't be made are missing, and nobody else's are."""
    original = gauges.endpoint_gauges

    def made(watched: Any, *arguments: Any, **more: Any) -> Any:
        if watched.identity.endpoint == BAD:
            raise OverflowError
        return original(watched, *arguments, **more)

    monkeypatch.setattr(state, "endpoint_gauges", made)
    sink = recorder(selection, tmp_path)
    once.run_once(selection, sink, options(tmp_path, as_json=True))
    text = (tmp_path / "aimon.prom").read_text()
    assert [f'ai_probe_success{{endpoint="{name}"' in text for name in NAMES] == [True, False, True]
    assert f'ai_api_requests_total{{endpoint="{BAD}"' in text


def test_junk_in_the_history_of_one(selection: Selection, tmp_path: Path) -> None:
    """A record, a window and a total that nobody can read: of one endpoint alone."""
    sink = recorder(selection, tmp_path)
    once.run_once(selection, sink, options(tmp_path, as_json=True))
    with sink.state.database.transaction() as connection:  # type: ignore[union-attr]
        [(bad,)] = connection.execute("SELECT id FROM endpoints WHERE endpoint = ?", (BAD,)).fetchall()
        connection.execute(
            "UPDATE records SET record = '{' WHERE id IN (SELECT record_id FROM results WHERE endpoint_id = ?)", (bad,)
        )
        connection.execute("INSERT OR REPLACE INTO windows VALUES (?, 3600, 'junk')", (bad,))
        connection.execute("UPDATE results SET outcome = 'unheard of' WHERE endpoint_id = ?", (bad,))
        connection.execute("UPDATE totals SET labels = '[' WHERE endpoint_id = ?", (bad,))
    once.run_once(selection, sink, options(tmp_path, as_json=True))
    text = (tmp_path / "aimon.prom").read_text()
    for name in GOOD:
        assert f'ai_api_requests_total{{endpoint="{name}",model="m",outcome="ok",provider="custom"' in text
        assert f'ai_probe_success{{endpoint="{name}"' in text


@pytest.mark.parametrize("fault", ["probed", "priced", "recorded", "a count of 400 digits"])
def test_every(
    fault: str,
    selection: Selection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A loop goes on: all three are probed again, and the fault is logged once."""
    FAULTS[fault](monkeypatch)
    sink = recorder(selection, tmp_path)
    taken: list[str] = []
    original = sink.record

    def record(results: Sequence[Result]) -> list[Result]:
        counted = original(results)
        taken.extend(result.endpoint for result in counted)
        return counted

    monkeypatch.setattr(Recorder, "record", lambda _, results: record(results))

    async def main() -> int:
        loop = _Loop(selection, sink, options(tmp_path, as_json=True, every=0.1))
        running = asyncio.create_task(loop.run())
        async with asyncio.timeout(30):
            while min(map(taken.count, NAMES)) < 3:  # noqa: ASYNC110 - what it waits for is the loop's own doing
                await asyncio.sleep(0.01)
        loop._scheduler.stop()
        return await running

    asyncio.run(main())
    assert {*recorded(tmp_path, GOOD[0])} == {"ok"}
    assert {*recorded(tmp_path, BAD)} == {"prober_error"}
    assert len([said for said in caplog.messages if f" {BAD} was not " in said]) == 1


HOSTILE = {
    "a count of 400 digits": "9" * 400,
    "a count of 5000 digits": "9" * 5000,
    "a float beyond floats": "1e999",
    "a count that no integer of the database holds": "18446744073709551616",
    "a count below zero": "-5",
}


@pytest.mark.parametrize("count", HOSTILE.values(), ids=HOSTILE)
def test_a_real_answer(count: str, run_aimon: Command, tmp_path: Path) -> None:
    """One provider's usage is absurd: the other's result is shown and recorded, and nothing breaks down."""

    def serve(connection: socket.socket) -> None:
        head, _ = read_request(connection)
        body = completion_counting(count if b"/bad/" in head else "3")
        connection.sendall(counted("200 OK", body))

    with Peer(serve) as peer:
        (tmp_path / "aimon.yaml").write_text(
            "canaries: {c: {prompt: hi}}\nendpoints:\n"
            + "".join(
                f"- {{name: {name}, dialect: openai-chat, model: m, base_url: 'http://127.0.0.1:{peer.port}/{name}/v1',"
                " stream: false, prices: {input: 2, output: 8, currency: USD}, canaries: [c]}\n"
                for name in ("bad", "good")
            )
        )
        done = run_aimon("probe", "--json", "--textfile", "aimon.prom")
    assert "Traceback" not in done.stderr
    shown = {line["endpoint"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert shown["good"]["outcome"] == "ok"
    assert shown["good"]["usage"]["output"] == 3
    assert set(shown) == {"bad", "good"}
    text = (tmp_path / "aimon.prom").read_text()
    assert 'ai_token_usage_output_total{endpoint="good",model="m",provider="custom",region="local"} 3.0' in text
