"""One endpoint that lacks its key, or whatever else the environment should give, keeps none of the others back."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from typing import TYPE_CHECKING

import pytest

from aimon.config import ConfigError, load, resolve
from aimon.simulator import Profile, SimulatorProcess
from services import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

CONFIG = """\
region: test
endpoints:
  - {{name: well, dialect: openai-chat, base_url: '{url}', model: m, api_key: '${{GOOD_KEY}}'}}
  - name: lacking
    dialect: openai-chat
    model: m
    {extra}
  - {{name: keyless, dialect: openai-chat, base_url: '{url}', model: m}}
"""
HERE = "base_url: '{url}'\n    "
# What is lacking, and what the result says.
LACKS = {
    "variable": (HERE + "api_key: ${NO_KEY}", "NO_KEY is not set, and endpoint 'lacking' needs it: export NO_KEY=…"),
    "empty variable": (HERE + "api_key: ${EMPTY}", "EMPTY is empty, and endpoint 'lacking' needs it"),
    "not a key": (HERE + "api_key: ${SPACED}", "SPACED holds spaces, line breaks or other characters"),
    "no file": (HERE + "api_key_file: none", "none can't be read: No such file or directory"),
    "a folder": (HERE + "api_key_file: home", "home can't be read: Is a directory"),
    "empty file": (HERE + "api_key_file: empty", "empty is empty"),
    "binary file": (HERE + "api_key_file: binary", "binary is not text"),
    "address": ("base_url: '${HOST}/v1'", "HOST is not set, and endpoint 'lacking' needs it: export HOST=…"),
    "header": (HERE + "headers: {X-Team: '${TEAM}'}", "TEAM is not set, and endpoint 'lacking' needs it"),
    "certificate": (HERE + "ca_file: none.pem", "there is no file none.pem"),
    "proxy": (HERE + "proxy: ${PROXY}", "PROXY is not set, and endpoint 'lacking' needs it"),
}
KEYS = {"GOOD_KEY": "sk-good-0123456789", "EMPTY": "", "SPACED": "sk and more"}


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider that answers at once."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as running:
        yield running


def configure(folder: Path, provider: SimulatorProcess, extra: str) -> None:
    """Writes the configuration whose second endpoint has these lines."""
    url = provider.base_url("sim")
    folder.joinpath("aimon.yaml").write_text(CONFIG.format(url=url, extra=extra.replace("{url}", url)))
    folder.joinpath("empty").write_text(" \n")
    folder.joinpath("binary").write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize("lack", LACKS)
def test_the_others_are_probed(lack: str, run_aimon: Command, provider: SimulatorProcess, tmp_path: Path) -> None:
    """The endpoint that lacks something is a `prober_error` with advice; the others are probed."""
    extra, said = LACKS[lack]
    configure(tmp_path, provider, extra)
    done = run_aimon("probe", "--json", env=KEYS)
    results = {result["endpoint"]: result for result in map(json.loads, done.stdout.splitlines())}
    assert {name: result["outcome"] for name, result in results.items()} == {
        "well": "ok",
        "lacking": "prober_error",
        "keyless": "ok",
    }
    assert results["lacking"]["error"].startswith("not probed: ")
    assert said in results["lacking"]["error"]
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.usefixtures("clean_env")
@pytest.mark.parametrize("lack", LACKS)
def test_alone_it_is_refused(
    lack: str, provider: SimulatorProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If only that endpoint is asked for, what it lacks is an error of the configuration."""
    extra, said = LACKS[lack]
    configure(tmp_path, provider, extra)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(said)):
        resolve(load("aimon.yaml"), ["lacking"], KEYS, lenient=True)


@pytest.mark.parametrize("lack", ["variable", "no file"])
@pytest.mark.parametrize(
    "command",
    ["probe lacking", "config check", "loadtest lacking --profile steady --rate 1/s --duration 1s"],
)
def test_commands_that_need_it_refuse(
    lack: str, command: str, run_aimon: Command, provider: SimulatorProcess, tmp_path: Path
) -> None:
    """Commands that need the endpoint, or check the whole file, end with exit code 2 and advice."""
    extra, said = LACKS[lack]
    configure(tmp_path, provider, extra)
    done = run_aimon(*command.split(), env=KEYS)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_all_lacking_is_a_usage_error(run_aimon: Command, provider: SimulatorProcess, tmp_path: Path) -> None:
    """If no endpoint can be probed, the exit code is 2, and each problem is shown with its place in the file."""
    configure(tmp_path, provider, LACKS["variable"][0])
    text = tmp_path.joinpath("aimon.yaml").read_text()
    tmp_path.joinpath("aimon.yaml").write_text(text[: text.index("  - {name: keyless")])
    done = run_aimon("probe")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].startswith("aimon.yaml:3:")
    assert "GOOD_KEY is not set" in done.stderr
    assert "NO_KEY is not set" in done.stderr


def test_a_loop_probes_the_others(run_aimon: Command, provider: SimulatorProcess, tmp_path: Path) -> None:
    """A loop probes the other endpoints at each interval and serves metrics of all."""
    configure(tmp_path, provider, LACKS["variable"][0])
    port = free_port()
    with run_aimon.start("probe", "--every", "1s", "--listen", f"127.0.0.1:{port}", "--json", env=KEYS) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("metrics: ")

        def scraped() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())

        error = 'ai_api_requests_total{endpoint="lacking",model="m",outcome="prober_error"'
        wait_for(
            lambda: any(line.startswith(error) and not line.endswith(" 0.0") for line in scraped().splitlines()),
            what="it",
        )
        wait_for(lambda: 'ai_probe_success{endpoint="well"' in scraped(), what="the other")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    outcomes = {(result["endpoint"], result["outcome"]) for result in map(json.loads, out.splitlines())}
    assert outcomes == {("well", "ok"), ("lacking", "prober_error"), ("keyless", "ok")}
    assert process.returncode == 0
