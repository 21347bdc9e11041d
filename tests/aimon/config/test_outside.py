"""What a configuration takes from outside of its file: places, variables, certificates, proxies."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from aimon.config import ConfigError, find, load, loader, resolve
from aimon.network import ca_files
from aimon.probes.history.database import HistoryError, default_path
from certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command

MINIMAL = "endpoints: [{name: a, preset: ollama, model: m}]\n"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read everything; nobody may not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("locked", [".", "aimon.yaml"])
def test_a_file_here_that_can_not_be_read_is_passed_over(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file here (as after `sudo -u`) is passed over with a note; one that was named is an error."""
    with TemporaryDirectory() as folder:
        here, machine = Path(folder, "here"), Path(folder, "etc.yaml")
        Path(folder).chmod(0o755)
        here.mkdir()
        (here / "aimon.yaml").write_text(MINIMAL)
        monkeypatch.chdir(here)
        monkeypatch.setattr(loader, "PLACES", (Path("aimon.yaml"), machine))
        (here / locked).chmod(0)
        said = "aimon.yaml can't be read (Permission denied): passed over"
        with unprivileged():
            assert find(None, {}) is None
            with pytest.raises(ConfigError) as caught:
                load(environ={})
            assert str(caught.value).splitlines()[0] == said
        machine.write_text(MINIMAL)
        with unprivileged():
            assert find(None, {}) == machine
            assert loader.passed_over(None, {}) == [said]
            assert load(environ={}).endpoints[0].name == "a"
            with pytest.raises(ConfigError, match="can't be read: Permission denied"):
                load("aimon.yaml")
        assert loader.passed_over(None, {"AIMON_CONFIG": "x"}) == []
        here.chmod(0o755)
        monkeypatch.undo()


def test_variables_lose_what_can_not_belong_to_them(tmp_path: Path) -> None:
    """White space, CR, byte order marks, and quotes but for headers, queries and labels, where they may be meant."""
    config = loader.parse(
        "region: '${R}'\nendpoints:\n"
        "  - {name: a, dialect: openai-chat, base_url: 'http://${H}/v1', model: '${M}', api_key: '${K}',\n"
        "     headers: {X: '${Q}'}, labels: {l: '${Q}'}}\n"
    )
    environ = {"R": "cn\r", "H": "\ufeffhost:80 ", "M": "'m'\r\n", "K": '"sk-1"\r\n', "Q": '"q"\r'}
    (endpoint,) = resolve(config, environ=environ)
    target = endpoint.target
    assert (endpoint.region, target.base_url, target.model) == ("cn", "http://host:80/v1", "m")
    assert target.api_key is not None
    assert target.api_key.reveal() == "sk-1"
    assert (target.headers["X"], endpoint.labels["l"]) == ('"q"', '"q"')
    (tmp_path / "c.yaml").write_text(MINIMAL)
    assert find(None, {"AIMON_CONFIG": f"{tmp_path}/c.yaml\r\n"}) == tmp_path / "c.yaml"
    assert default_path({"AIMON_STATE_DIR": f'"{tmp_path}"\r'}) == tmp_path / "history.db"


@pytest.mark.parametrize(("value", "what"), [("c\rn", "a line break"), ("c\u200bn", "the invisible character U+200B")])
def test_variables_with_control_characters_inside_are_refused(value: str, what: str) -> None:
    """A region that can't be seen in a label would be a second place for ever."""
    config = loader.parse(f"region: '${{R}}'\n{MINIMAL}")
    with pytest.raises(ConfigError, match=re.escape(f"1:9: region: R holds {what}: write it again")):
        resolve(config, environ={"R": value})


def test_extensions_hold_anchors(tmp_path: Path) -> None:
    """Keys that begin with x- at the top are the user's own."""
    (tmp_path / "c.yaml").write_text(
        "x-common: &common {preset: ollama, model: m}\nx-note: [1]\nendpoints:\n  - {name: a, <<: *common}\n"
    )
    (endpoint,) = resolve(load(tmp_path / "c.yaml"))
    assert endpoint.target.model == "m"


WANTED = "write http://host:3128 or socks5://host:1080"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmg\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: it must hold the authority's certificate"),
        (b"\n\n", "is empty: it must hold the authority's certificate"),
        (KEY.encode(), "holds a private key and no certificate: name the certificate of the authority"),
        (KEY.replace("PRIVATE", "EC PRIVATE").encode(), "holds a private key and no certificate"),
        (KEY.replace("PRIVATE KEY", "CERTIFICATE REQUEST").encode(), "holds a request for a certificate"),
        (BROKEN.encode(), "holds a certificate that is broken"),
        (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "holds a certificate that is broken"),
        (b"hello", "holds no certificate in PEM"),
        (bytes(range(256)), "holds no certificate in PEM"),
        (None, "holds a certificate in DER: write it as PEM with openssl x509 -inform DER"),
    ],
)
def test_a_ca_file_that_holds_no_certificate(content: bytes | None, said: str, tmp_path: Path) -> None:
    """Such a file is refused before anything is sent, and the message says what to do."""
    file = tmp_path / "ca"
    pem = Authority(tmp_path).file.read_text()
    file.write_bytes(ssl.PEM_cert_to_DER_cert(pem) if content is None else content)
    config = loader.parse(f"endpoints: [{{name: a, preset: ollama, model: m, ca_file: '{file}'}}]\n")
    with pytest.raises(ConfigError) as caught:
        resolve(config)
    assert f"endpoints[0].ca_file: {file} {said}" in str(caught.value)
    file.write_text(f"# ours\n{pem}")
    assert resolve(config)[0].transport.ca_file == str(file)


def test_what_openssl_passes_over_is_said(tmp_path: Path) -> None:
    """A variable that names nothing changes nothing, which its owner would not guess."""
    good = str(Authority(tmp_path).file)
    assert ca_files.ignored_stores({}) == []
    assert ca_files.ignored_stores({"SSL_CERT_FILE": good, "SSL_CERT_DIR": str(tmp_path)}) == []
    assert ca_files.ignored_stores({"SSL_CERT_FILE": "/no/ca.pem", "SSL_CERT_DIR": "/no/a:/no/b"}) == [
        "SSL_CERT_FILE is ignored: /no/ca.pem can't be read: No such file or directory",
        "SSL_CERT_DIR is ignored: there is no folder /no/a:/no/b",
    ]


def test_what_is_passed_over_is_noted_by_commands(run_aimon: Command, tmp_path: Path) -> None:
    """On stderr, beside the data; the exit code is that of the command."""
    (tmp_path / "aimon.yaml").write_text(MINIMAL)
    done = run_aimon("config", "check", env={"SSL_CERT_FILE": "/no/ca.pem"})
    assert done.returncode == 0
    noted = done.stderr.splitlines()[0]
    assert noted == "SSL_CERT_FILE is ignored: /no/ca.pem can't be read: No such file or directory"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy"])
def test_a_proxy_variable_that_can_not_be_is_found_by_check(name: str, run_aimon: Command, tmp_path: Path) -> None:
    """Once, and not once for each endpoint; its password is not shown."""
    (tmp_path / "aimon.yaml").write_text(
        "endpoints: [{name: a, preset: vllm, model: m}, {name: b, preset: vllm, model: m}]\n"
    )
    for command in (("config", "check"), ("probe",)):
        done = run_aimon(*command, env={name: "http://me:hunter2@p:99999"})
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            f"{name}: not an address (its port is not a number from 1 to 65535): {WANTED}"
        ]


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without HOME and without an entry in passwd is told which variable to set."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(HistoryError, match="no home directory: set AIMON_STATE_DIR"):
        default_path({})


def test_no_home_as_a_command(run_aimon: Command, tmp_path: Path) -> None:
    """Commands end with exit code 3 or 2 and a message, and report no bug of aimon."""
    unset = ("HOME", "XDG_STATE_HOME", "AIMON_STATE_DIR")
    environ = {name: value for name, value in run_aimon.env.items() if name not in unset}
    code = "import os; os.getuid = os.geteuid = lambda: 54321; from aimon.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "status"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "bug in aimon" not in done.stderr
    assert "no home directory: set AIMON_STATE_DIR" in done.stderr
    assert done.returncode in {2, 3}


@pytest.mark.parametrize(
    "written",
    [
        *(
            "http://h:99999/v1",
            "http://h:0/v1",
            "http://h:port/v1",
            "http://h:-1/v1",
            "http://h:80:90/v1",
            "http://[::1",
        ),
        *(
            "http://[::1]x/v1",
            "http://h h/v1",
            "http://h/v 1",
            "http://h/\uff56",
            "https://h\uff1a80/v1",
            "http://u:p/x@h",
        ),
    ],
)
def test_base_urls_that_are_none(written: str) -> None:
    """Whether the file or a variable holds it, it is refused before anything is sent."""
    text = "endpoints: [{name: a, dialect: openai-chat, model: m, base_url: %s}]\n"
    for value, environ in ((f"'{written}'", {}), ("'${URL}'", {"URL": written})):
        with pytest.raises(ConfigError, match=r"base_url: (not an address \(|must )"):
            resolve(loader.parse(text % value), environ=environ)
