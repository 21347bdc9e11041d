"""The server: threads and processes, TLS, ports, and that it ends when told to."""

from __future__ import annotations

import datetime as dt
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, SettingError, Simulator, SimulatorProcess
from certificates import Authority
from command import printed
from rawhttp import ask, request

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Profile(ttft=0.0, itl=0.0)


def leaf(folder: Path, authority: Authority, **validity: dt.timedelta) -> Path:
    """The PEM file, key included, of a certificate for localhost."""
    before = set(folder.glob("leaf-*.pem"))
    authority.server("localhost", **validity)  # type: ignore[arg-type]  # of its options, only begins and ends
    (made,) = set(folder.glob("leaf-*.pem")) - before
    return made


def test_tls(tmp_path: Path) -> None:
    """With a certificate it speaks TLS, and is steered over TLS too."""
    authority = Authority(tmp_path)
    with Simulator(QUICK, certfile=leaf(tmp_path, authority)) as sim:
        url = sim.url.replace("127.0.0.1", "localhost")
        assert url.startswith("https://")
        reply = request("GET", f"{url}/v1/models", context=authority.client())
        assert (reply.status, sim.truth().requests) == (200, 1)
        # OpenSSL reads a reset as an end: that it was one shows on plain connections.
        sim.set_faults("reset")
        assert request("GET", f"{url}/v1/models", context=authority.client()).raw == b""


def test_expired_certificate(tmp_path: Path) -> None:
    """An expired certificate is served as it is: judging it is the client's part."""
    authority = Authority(tmp_path)
    old = leaf(tmp_path, authority, begins=dt.timedelta(days=-3), ends=dt.timedelta(days=-1))
    with Simulator(QUICK, certfile=old) as sim:
        url = sim.url.replace("127.0.0.1", "localhost")
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            request("GET", f"{url}/v1/models", context=authority.client())
        assert sim.truth().requests == 0


def test_wrong_certificate_file(tmp_path: Path) -> None:
    """A PEM file that is none is an error on entry, in the caller's thread."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    with pytest.raises(ssl.SSLError), Simulator(QUICK, certfile=wrong):
        pass


def test_port_in_use() -> None:
    """A port that is taken is an OSError on entry."""
    with Simulator(QUICK) as sim:
        port = int(sim.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), Simulator(QUICK, port=port):
            pass


def test_restart() -> None:
    """A simulator that was stopped refuses, and comes back at its URL at once with its account."""
    sim = Simulator(QUICK)
    with sim:
        url = sim.url
        assert ask(url, "openai-chat").status == 200
    with pytest.raises(ConnectionRefusedError):
        ask(url, "openai-chat")
    with sim:
        assert sim.url == url
        assert ask(url, "openai-chat").status == 200
        assert sim.truth(wait=5).requests == 2


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6() -> None:
    """It listens on an IPv6 address too, whose URL has brackets."""
    with Simulator(QUICK, host="::1") as sim:
        assert sim.url.startswith("http://[::1]:")
        assert ask(sim.url, "openai-chat").status == 200


def test_profiles_of_one_name() -> None:
    """Two profiles under one path are refused."""
    with pytest.raises(SettingError, match="two profiles are called a"):
        Simulator(Profile("a"), Profile("a"))


def test_stops_with_clients_that_hang() -> None:
    """Leaving the context lets go of clients that would wait for ever."""
    replies = []
    with Simulator(QUICK) as sim:
        sim.set_faults("hang")
        client = threading.Thread(target=lambda: replies.append(ask(sim.url, "openai-chat", timeout=30)))
        client.start()
        while not sim.truth().in_flight:
            pass
    client.join()
    assert (replies[0].raw, replies[0].ended) == (b"", "short")


def test_process() -> None:
    """The simulator in a process of its own has the same interface, and a key reaches it without arguments."""
    with SimulatorProcess(Profile("a", ttft=0.0, itl=0.0, key="sk-child"), seed=3) as sim:
        assert ask(f"{sim.url}/a", "openai-chat").status == 401
        arguments = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert "aimon.simulator" in arguments
        assert "sk-child" not in arguments
        sim.configure("a", key=None)
        reply = ask(f"{sim.url}/a", "openai-chat")
        assert sim.record(reply.request_id, wait=5).output_tokens == 20
        url = sim.url
    with pytest.raises(ConnectionRefusedError):
        ask(url, "openai-chat")


def test_process_that_cannot_start() -> None:
    """A child that fails says so, and leaves its message on stderr."""
    with pytest.raises(RuntimeError, match="did not start"), SimulatorProcess(QUICK, host="203.0.113.1"):
        pass


def test_process_ends_with_its_parent() -> None:
    """A child whose parent was killed ends too: its input has ended."""
    child = subprocess.Popen([sys.executable, "-m", "aimon.simulator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    with child:
        child.stdin.write(json.dumps({"profiles": [{"name": "a"}], "options": {}}).encode() + b"\n")
        child.stdin.close()
        assert child.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve(number: signal.Signals) -> None:
    """`serve` blocks until a signal, answers meanwhile with its rules in force, and ends well."""
    program = (
        "from aimon.simulator import Profile, serve\n"
        "serve(Profile('a'), rules=['overloaded'], port=0, ready=lambda sim: print(sim.url, flush=True))\n"
        "print('ended')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert ask(f"{url}/a", "openai-chat").status == 503
        child.send_signal(number)
        assert child.stdout.read() == "ended\n"
    assert child.returncode == 0


def test_shares_no_code_with_the_core() -> None:
    """All of the simulator loads without a module of the core, which it is there to judge."""
    program = (
        "import importlib, pkgutil, sys, aimon.simulator as s\n"
        "for m in pkgutil.walk_packages(s.__path__, 'aimon.simulator.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "print(sorted(m for m in sys.modules if m.startswith('aimon') and not m.startswith('aimon.simulator')))\n"
    )
    assert printed(program) == "['aimon']\n"


def test_names_are_loaded_when_used() -> None:
    """The package itself loads neither Starlette nor uvicorn; every public name can be had."""
    program = (
        "import sys, aimon.simulator as s\n"
        "print([m for m in ('starlette', 'uvicorn', 'asyncio') if m in sys.modules])\n"
        "print(all(hasattr(s, name) for name in s.__all__), hasattr(s, 'nothing'))\n"
    )
    assert printed(program) == "[]\nTrue False\n"
