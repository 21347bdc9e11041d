"""Mutual distrust of master and workers: authentication, the master's limited power, malformed messages."""

from __future__ import annotations

import contextlib
import json
import re
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]  # it has no types
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from aimon.loadtests.distributed.envelope import Envelope, EnvelopeError, from_master, from_worker
from aimon.loadtests.protocol import messages
from aimon.loadtests.protocol.stage import StatsDelta, pack, unpack
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from loadtest_command import port_of, reported
from services import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

OWN_KEY, OTHER_SECRET = "sk-own-key-of-the-worker-0123456789", "AKIA-another-secret-0123456789"
TOKEN = "a-token-of-thirty-two-characters"
MASTER = ["--master", "--bind-port", "0"]


def say(kind: Any, data: Any, worker: Any = "w") -> bytes:
    """A message as Locust packs it."""
    packed: bytes = msgpack.packb((kind, data, worker))
    return packed


HELLO = messages.encode(messages.Register(version="0", host="h", pid=1))
# Nothing of this is a message, whatever a socket accepts; the rest of a frame list follows the sender's address.
MALFORMED: dict[str, list[bytes]] = {
    "a byte that is no msgpack": [b"\xc1"],
    "nothing": [b""],
    "no frames": [],
    "three frames": [b"a", b"b", b"c"],
    "a number": [msgpack.packb(1)],
    "nil": [msgpack.packb(None)],
    "a map": [msgpack.packb({"type": "client_ready"})],
    "a short list": [msgpack.packb(("client_ready",))],
    "a long list": [msgpack.packb(("client_ready", "1", "w", 1))],
    "text that is not UTF-8": [b"\x93\xa2\xff\xfe\xc0\xa1w"],
    "cut": [say("client_ready", "2.47.0")[:-1]],
    "something behind it": [say("client_ready", "2.47.0") + b"\x00"],
    "nested": [b"\x91" * 5000 + b"\xc0"],
    "a list said to be long": [b"\xdd\xff\xff\xff\xff"],
    "a date of Locust's": [say("client_ready", {"__datetime__": True})],
    "an extension": [msgpack.packb(msgpack.ExtType(1, b"x"))],
    "a type that is a number": [say(1, None)],
    "a type that is a list": [say([], None)],
    "an unknown type": [say("no such type", None)],
    "Locust's, for a file of code": [say("locustfile", {"version": "2"})],
    "Locust's, for users": [say("spawning_complete", {"user_classes_count": {}})],
    "a heartbeat without data": [say("heartbeat", None)],
    "a heartbeat of text": [say("heartbeat", {"state": "ready", "current_cpu_usage": "x"})],
    "in another's name": [say("client_ready", "2.47.0", "another worker")],
    "in nobody's name": [say("client_ready", "2.47.0", None)],
    "ours, of text": [say("aimon_register", "text")],
    "ours, of no JSON": [say("aimon_register", b"{")],
    "ours, of deep JSON": [say("aimon_register", b"[" * 100_000)],
    "ours, of another shape": [say("aimon_ready", b'{"type":"aimon_ready","problem":1}')],
    "a report of nothing": [say("aimon_stats", b"{}")],
    "a report of numbers": [say("aimon_stats", b"[1,2,3]")],
}
UNINTRODUCED = [say("aimon_stats", pack(StatsDelta(number=1, serial=1, done=True, stats=CallStats())), "stranger")]


@contextmanager
def peer(kind: int, address: str, identity: bytes = b"w") -> Iterator[Any]:
    """A ZeroMQ socket of the test, which listens if the address has no port."""
    context = zmq.Context()
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 30_000)
    socket.setsockopt(zmq.IDENTITY, identity)
    try:
        if address.count(":") == 2:
            socket.connect(address)
        yield socket
    finally:
        context.destroy(linger=0)


@pytest.mark.parametrize("frames", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_message_is_refused(frames: list[bytes]) -> None:
    """Malformed bytes are refused by the envelope or by the decoder of its content."""
    with pytest.raises((ValueError, RecursionError)):
        _read(from_worker([b"w", *frames]))


def _read(envelope: Envelope) -> None:
    if envelope.kind == messages.STATS:
        unpack(envelope.data)
    else:
        messages.decode(envelope.data, {"aimon_register": messages.Register}.get(envelope.kind, messages.Ready))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def _packed(value: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(value)
    except (OverflowError, ValueError):
        return b""
    return packed


@given(st.lists(st.binary(max_size=60) | _VALUES.map(_packed), max_size=4))
def test_any_frames_are_a_message_or_refused(frames: list[bytes]) -> None:
    """Any frames give a message or a refusal; no other exception could end a listener."""
    with contextlib.suppress(EnvelopeError):
        assert isinstance(from_worker(frames), Envelope)
    with contextlib.suppress(EnvelopeError):
        assert isinstance(from_master(frames, "w"), Envelope)


_REPORT: dict[str, Any] = json.loads(pack(StatsDelta(number=1, serial=1, done=True, stats=CallStats(), totals=None)))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(_REPORT)), _JSON)
def test_any_value_in_any_field_of_a_report_is_read_or_refused(field: str, value: Any) -> None:
    """One kind of error, and what is read can be added to the run."""
    try:
        report = unpack(json.dumps(_REPORT | {field: value}).encode())
    except ValueError:
        return
    CallStats().merge(report.stats)


@given(st.sampled_from(sorted(_REPORT["stats"])), _JSON)
def test_any_value_in_any_field_of_the_statistics_is_read_or_refused(field: str, value: Any) -> None:
    """Any value in any field of the statistics is read or refused with one kind of error."""
    try:
        report = unpack(json.dumps(_REPORT | {"stats": _REPORT["stats"] | {field: value}}).encode())
    except ValueError:
        return
    CallStats().merge(report.stats)


@pytest.mark.e2e
def test_a_master_hears_workers_after_whatever_came_before(run_aimon: Command) -> None:
    """Each malformed message is dropped and counted, and the run is as if there had been none."""
    with SimulatorProcess(Profile(ttft=0.02)) as sim, ExitStack() as stack:
        arguments = ["--master", "--bind-port", "0", "--rate", "20/s", "--arrivals", "constant", "--duration", "2s"]
        master = stack.enter_context(run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments, "--json"))
        port = port_of(master)
        with peer(zmq.DEALER, f"tcp://127.0.0.1:{port}", b"stranger") as stranger:
            for frames in [*MALFORMED.values(), UNINTRODUCED]:
                if frames:
                    stranger.send_multipart(frames)
            worker = stack.enter_context(
                run_aimon.start("loadtest", "--worker", "--master-port", port, *target_flags(sim.base_url()))
            )
            report, said = reported(master)
        assert worker.wait(60) == 0
    assert master.returncode == 0, said
    assert report["requests"]["by_outcome"] == {"ok": 40}
    assert "messages dropped so far that no worker of this run would send: " in said
    assert "Traceback" not in said


@pytest.mark.e2e
def test_what_a_worker_says_drives_no_terminal(run_aimon: Command) -> None:
    """A worker's host and version are shown on one line, without terminal escapes."""
    escape = "\x1b]52;c;ZXZpbA==\x07\u202e\n" * 99
    hello = messages.encode(messages.Register(version=f"0{escape}", host=f"host{escape}", pid=1))
    flags = [*target_flags("http://127.0.0.1:9/v1"), "--rate", "1/s"]
    with (
        run_aimon.start("loadtest", *flags, "--duration", "1s", "--master", "--bind-port", "0") as master,
        peer(zmq.DEALER, f"tcp://127.0.0.1:{port_of(master)}", b"stranger") as stranger,
    ):
        stranger.send(say("client_ready", "2.47.0", "stranger"))
        stranger.send(say("aimon_register", hello, "stranger"))
        _, said = master.communicate(timeout=60)
    assert master.returncode == 3
    assert re.search(r"worker 1 \(host.*\) is aimon 0.*, and its master", said), said
    assert said.rstrip("\n").isprintable(), said


@pytest.mark.e2e
def test_a_message_without_end_is_cut_off(run_aimon: Command) -> None:
    """A peer whose message is larger than any report is disconnected before it is read into memory."""
    load = ["--rate", "9/s", "--duration", "1s", "--json"]
    with SimulatorProcess(Profile(ttft=0.02)) as sim, ExitStack() as stack:
        master = stack.enter_context(run_aimon.start("loadtest", *target_flags(sim.base_url()), *load, *MASTER))
        port = port_of(master)
        with peer(zmq.DEALER, f"tcp://127.0.0.1:{port}") as stranger:
            stranger.send(b"\x00" * (65 << 20))
            worker = stack.enter_context(
                run_aimon.start("loadtest", "--worker", "--master-port", port, *target_flags(sim.base_url()))
            )
            report, said = reported(master)
        assert worker.wait(60) == 0
    assert master.returncode == 0, said
    assert report["requests"]["ok"] > 0


@pytest.mark.e2e
def test_a_worker_hears_its_master_after_whatever_came_before(run_aimon: Command) -> None:
    """A worker drops malformed messages and still follows its master."""
    with peer(zmq.ROUTER, "tcp://127.0.0.1") as master:
        port = str(master.bind_to_random_port("tcp://127.0.0.1"))
        flags = target_flags("http://127.0.0.1:9/v1")
        with run_aimon.start("loadtest", "--worker", "--master-port", port, *flags) as worker:
            address, _ = master.recv_multipart()
            name = address.decode()
            for frames in MALFORMED.values():
                if frames:
                    master.send_multipart([address, *frames])
            master.send_multipart([address, say("aimon_start_stage", b'{"type":"aimon_start_stage","order":1}', name)])
            master.send_multipart([address, say("ack", {"index": 0}, name)])
            wait_for(lambda: "aimon_register" in str(master.recv_multipart()[1]))
            master.send_multipart([address, say("quit", None, name)])
            _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    assert re.search(r"messages dropped that no master would send: \d\d", said), said
    assert "Traceback" not in said


@pytest.mark.e2e
def test_a_master_does_not_choose_address_key_or_folder(run_aimon: Command, tmp_path: Path) -> None:
    """A rogue one, which names another variable and its own server, and a folder: workers do what they were told."""
    run_aimon.env.update(OWN_KEY=OWN_KEY, OTHER_SECRET=OTHER_SECRET)
    with (
        SimulatorProcess(Profile(ttft=0.02, key=OWN_KEY)) as own,
        SimulatorProcess(Profile(ttft=0.02, key=OTHER_SECRET)) as rogue,
        ExitStack() as stack,
    ):
        (run_aimon.cwd / "worker.yaml").write_text(
            f"endpoints: [{{name: own, dialect: openai-chat, base_url: {own.base_url()}, model: m, "
            "api_key: '${OWN_KEY}'}]\n"
        )
        load = ["--rate", "20/s", "--duration", "1s", "--out", str(tmp_path / "masters"), "--results", "--json"]
        load += ["--api-key-env", "OTHER_SECRET"]
        master = stack.enter_context(run_aimon.start("loadtest", *target_flags(rogue.base_url()), *load, *MASTER))
        port = port_of(master)
        worker = run_aimon("loadtest", "--worker", "--master-port", port, "-c", "worker.yaml", "--out", "workers")
        _, said = reported(master)
        assert (master.returncode, worker.returncode) == (0, 0), said + worker.stderr
        assert rogue.truth(limit=0).requests == 0
        assert own.truth(wait=10, limit=0).requests > 10
    assert [path.name for path in (run_aimon.cwd / "workers").iterdir()] == ["worker-1-results.jsonl.gz"]
    assert not list((tmp_path / "masters").glob("worker-*"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("of_the_master", "of_the_worker", "message"),
    [
        (["--results", "--out", "o"], [], "add --out DIR"),
        (["--dataset", "/proc/self/environ"], [], "add --dataset FILE"),
        ([], ["--model", "another"], "it would call the model another, and this report is about m"),
    ],
    ids=["a folder", "a file", "another model"],
)
def test_what_only_the_worker_can_give_is_asked_for(
    run_aimon: Command, of_the_master: list[str], of_the_worker: list[str], message: str
) -> None:
    """If a worker lacks a value that only it can supply, the run ends before the load and says what to add."""
    if "--dataset" in of_the_master:
        (run_aimon.cwd / "prompts.jsonl").write_text('{"prompt": "hello"}\n')
        of_the_master = ["--dataset", "prompts.jsonl"]
    flags = target_flags("http://127.0.0.1:9/v1")
    with run_aimon.start("loadtest", *flags, *of_the_master, "--rate", "1/s", "--master", "--bind-port", "0") as master:
        worker = run_aimon("loadtest", "--worker", "--master-port", port_of(master), *flags, *of_the_worker)
        _, said = master.communicate(timeout=60)
    assert (master.returncode, worker.returncode) == (3, 0)
    assert re.search(rf"worker 1 \(.+\): .*{re.escape(message)}", said), said


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, list[str]]:
    """The options that name a token: the right one, another, none."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "another").write_text(TOKEN[::-1] + "\n")
    return {name: ["--token-file", str(tmp_path / name)] for name in ("token", "another")} | {"none": []}


@pytest.mark.e2e
def test_who_knows_the_token_takes_part(run_aimon: Command, tokens: dict[str, list[str]]) -> None:
    """Workers that know the token take part; neither plan nor token can be read in transit, and others are refused."""
    with SimulatorProcess(Profile(ttft=0.02)) as sim, ExitStack() as stack:
        load = ["--rate", "20/s", "--duration", "2s", "--bind-port", "0", *tokens["token"], "--json"]
        master = stack.enter_context(run_aimon.start("loadtest", *target_flags(sim.base_url()), *load, "--master"))
        port = port_of(master)
        with peer(zmq.DEALER, f"tcp://127.0.0.1:{port}") as stranger:
            stranger.send(say("client_ready", "2.47.0"))
            stranger.send(say("aimon_register", HELLO))
            worker = stack.enter_context(
                run_aimon.start(
                    "loadtest", "--worker", "--master-port", port, *target_flags(sim.base_url()), *tokens["token"]
                )
            )
            report, said = reported(master)
            assert stranger.poll(0) == 0
        assert worker.wait(60) == 0
    assert (master.returncode, report["workers"]) == (0, 1), said
    assert "connections turned away so far that did not know this master's token: " in said


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("of_the_master", "of_the_worker", "message"),
    [
        ("token", "another", "does not know this worker's token"),
        ("token", "none", "asks for a token"),
        ("none", "token", "does not know this worker's token"),
    ],
)
def test_another_token_is_said_on_both_sides(
    run_aimon: Command, tokens: dict[str, list[str]], of_the_master: str, of_the_worker: str, message: str
) -> None:
    """With different tokens both sides report it, and neither sends the other a plan or an introduction."""
    flags = target_flags("http://127.0.0.1:9/v1")
    load = ["--rate", "1/s", "--master", "--bind-port", "0", *tokens[of_the_master]]
    with run_aimon.start("loadtest", *flags, *load) as master:
        port = port_of(master)
        with run_aimon.start("loadtest", "--worker", "--master-port", port, *flags, *tokens[of_the_worker]) as worker:
            assert worker.stderr is not None
            assert "looking for the master" in worker.stderr.readline()
            assert message in worker.stderr.readline()
            assert master.stderr is not None
            assert re.search(r"connections turned away .*: \d+$", master.stderr.readline())
            for process in (master, worker):
                process.terminate()
                process.communicate(timeout=60)


@pytest.mark.e2e
def test_others_on_this_machine_do_not_reach_local_workers(run_aimon: Command) -> None:
    """Processes of one machine get a token of their own, so that the port on loopback is theirs."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        load = ["--rate", "20/s", "--duration", "3s", "--processes", "2", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *load) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 3)
            (port,) = _listening(run.pid)
            with peer(zmq.DEALER, f"tcp://127.0.0.1:{port}") as stranger:
                stranger.send(say("client_ready", "2.47.0"))
                report, said = reported(run)
                assert stranger.poll(0) == 0
    assert (run.returncode, report["workers"]) == (0, 2), said
    assert any("turned away" in note for note in report["notes"])


def _listening(pid: int) -> set[int]:
    import psutil

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = {
            each.laddr.port
            for child in psutil.Process(pid).children(recursive=True)
            for each in child.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        }
        if found:
            return found
    return set()
