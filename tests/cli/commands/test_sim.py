"""`aimon sim`: the simulated provider as a command."""

from __future__ import annotations

import json
import re
import shlex
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Control
from certificates import Authority
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from command import Command

KEY = "sk-a-key-that-nobody-may-see"


@contextmanager
def running(
    run_aimon: Command, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """The simulator's address, and the probe that it proposes; it must end well on Ctrl-C."""
    with run_aimon.start("sim", "--port", "0", *arguments, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            url = process.stdout.readline().removeprefix("simulator: ").strip()
            proposed = process.stderr.readline().removeprefix("try: ").removeprefix("aimon ").strip()
            yield url, shlex.split(proposed)
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=20)
    assert (process.returncode, *rest) == (0, "", "")


def test_what_it_proposes_works(run_aimon: Command) -> None:
    """Its example is a probe that succeeds, with the TTFT that was asked for."""
    with running(run_aimon, "--ttft", "300ms", "--itl", "5ms") as (_, probe):
        [result] = [json.loads(run_aimon(*probe, "--json").stdout)]
    assert result["outcome"] == "ok"
    assert 0.3 <= result["ttft_s"] < 2


def test_faults_and_limits(run_aimon: Command) -> None:
    """A fault that strikes once, and after that a limit of one request every ten seconds."""
    with running(run_aimon, "--fault", "overloaded:count=1", "--rps", "0.1", "--vendor", "openai") as (_, probe):
        outcomes = [json.loads(run_aimon(*probe, "--json").stdout)["outcome"] for _ in range(3)]
    assert outcomes[0] == "overloaded"
    assert outcomes[-1] == "rate_limited"


def test_a_model_that_thinks_in_large_chunks(run_aimon: Command) -> None:
    """Reasoning before the answer, several tokens an event, and limits a minute in the headers."""
    options = (
        "--reasoning",
        "12",
        "--chunk-tokens",
        "4",
        "--ttft",
        "50ms",
        "--itl",
        "10ms",
        "--rpm",
        "600",
        "--tpm",
        "9000",
    )
    with running(run_aimon, *options) as (url, probe):
        shown = json.loads(run_aimon(*probe, "--json").stdout)
        [record] = Control(url).truth(wait=5).records
    assert (shown["outcome"], shown["usage"]["reasoning"], record.reasoning_tokens) == ("ok", 12, 12)
    assert shown["usage"]["output"] == record.output_tokens
    # Twelve tokens of reasoning, 10 ms each, come before the visible text.
    assert shown["ttft_s"] >= 0.05 + 12 * 0.01
    assert (shown["limits"]["requests_limit"], shown["limits"]["tokens_limit"]) == (600, 9000)


def test_tls(run_aimon: Command, tmp_path: Path) -> None:
    """TLS works with certificate and key in one file or two; the proposed probe trusts the certificate."""
    authority = Authority(tmp_path)
    authority.server("localhost")
    [leaf] = tmp_path.glob("leaf-*.pem")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    text = leaf.read_text()
    for path, kind in ((key, "PRIVATE KEY"), (certificate, "CERTIFICATE")):
        path.write_text("".join(re.findall(rf"-----BEGIN {kind}-----.*?-----END {kind}-----\n", text, re.DOTALL)))
    for files in (["--certfile", str(leaf)], ["--certfile", str(certificate), "--keyfile", str(key)]):
        with running(run_aimon, *files) as (url, probe):
            assert url.startswith("https://127.0.0.1:")
            assert probe[0] == f"SSL_CERT_FILE={files[1]}"
            local = [word.replace("127.0.0.1", "localhost") for word in probe[2:]]
            env = {"SSL_CERT_FILE": str(authority.file)}
            shown = json.loads(run_aimon(*local, "--json", env=env).stdout)
        assert (shown["outcome"], shown["phases"]["tls"] > 0) == ("ok", True)
    done = run_aimon("sim", "--certfile", str(certificate))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"--certfile {certificate}: no PEM certificate with its key; one for tests: openssl req -x509 "
    )
    authority.server("other")
    [other] = set(tmp_path.glob("leaf-*.pem")) - {leaf}
    done = run_aimon("sim", "--certfile", str(certificate), "--keyfile", str(other))
    assert (done.returncode, done.stderr) == (
        2,
        f"--certfile {certificate}: the key belongs to another certificate\n",
    )


def test_it_asks_for_the_key_of_a_variable(run_aimon: Command) -> None:
    """Calls with the variable's key succeed, others get 401, and no argument holds the key."""
    env = {"SIM_KEY": KEY}
    with running(run_aimon, "--key-env", "SIM_KEY", env=env) as (url, probe):
        assert probe[-2:] == ["--api-key-env", "SIM_KEY"]
        assert json.loads(run_aimon(*probe[:-2], "--json").stdout)["outcome"] == "unauthorized"
        done = run_aimon(*probe, "--json", env=env)
        assert Control(url).truth().by_outcome == {"unauthorized": 1, "ok": 1}
    assert json.loads(done.stdout)["outcome"] == "ok"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ttft", "soon"], "ttft: 'soon' is no duration; write 200ms"),
        (["--fault", "no_such_fault"], "unknown name 'no_such_fault'; known: close, reset"),
        (["--fault", "cut:share=lots"], "share: 'lots' is no number"),
        (["--vendor", "acme"], "vendor: 'acme' is not one of openai"),
        (["--rps", "0"], "must be more than 0"),
        (["--rps", "1", "--rpm", "60"], "rps, rpm: give one of them"),
        (["--chunk-tokens", "0"], "chunk_tokens: must be at least 1"),
        (["--reasoning", "-1"], "reasoning: must be at least 0"),
        (["--keyfile", "key.pem"], "--keyfile belongs to a certificate: add --certfile FILE"),
        (["--certfile", "no.pem"], "--certfile no.pem: there is no such file"),
        (["--key-env", "NOT_SET"], "--key-env NOT_SET: the variable is not set: export NOT_SET="),
        (["--port", "70000"], "--port': Input should be less than or equal to 65535"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, run_aimon: Command) -> None:
    """The command ends with exit code 2 and says what to write instead."""
    done = run_aimon("sim", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_port_that_is_taken(run_aimon: Command) -> None:
    """A port in use is exit code 3; the message has the address and what to do."""
    with running(run_aimon) as (url, _):
        port = url.rsplit(":", 1)[1]
        done = run_aimon("sim", "--port", port)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"127.0.0.1:{port}: Address already in use: choose another --host or --port\n"


def test_without_its_extra(run_aimon: Command, tmp_path: Path) -> None:
    """Without Starlette or uvicorn, `aimon sim` and `aimon demo` say what to install."""
    # A package that can't be imported is to Python what one that is not there is.
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError('no', name='starlette')")
    for command, what in ((["sim", "--port", str(free_port())], "simulator"), (["demo", "--once"], "demo")):
        done = run_aimon(*command, env={"PYTHONPATH": str(tmp_path)})
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith(f"the {what} needs starlette: pip install 'starlette>=")
        assert "'uvicorn" in done.stderr
