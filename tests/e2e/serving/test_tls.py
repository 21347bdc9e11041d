"""`aimon serve` over TLS: with a certificate that is good, and with files that are not."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certificates import Authority
from serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command

pytestmark = pytest.mark.e2e
CONFIG = "endpoints:\n  - {name: a, dialect: openai-chat, base_url: 'http://127.0.0.1:1/v1', model: m}\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs."""
    return Authority(tmp_path_factory.mktemp("authority"))


def parts(leaf: Path, folder: Path) -> tuple[Path, Path]:
    """The certificate and the key of a file that has both, in a file each."""
    head, _, rest = leaf.read_text().partition("-----BEGIN CERTIFICATE-----")
    certificate, key = folder / f"{leaf.stem}.crt", folder / f"{leaf.stem}.key"
    certificate.write_text(f"-----BEGIN CERTIFICATE-----{rest}")
    key.write_text(head)
    return certificate, key


@pytest.mark.parametrize("where", ["options", "one file", "configuration"])
def test_pages_are_served_over_tls(where: str, authority: Authority, tmp_path: Path, clean_env: dict[str, str]) -> None:
    """Pages are served to a client that checks the certificate; without TLS there is no answer."""
    leaf = authority.leaf()
    certificate, key = parts(leaf, tmp_path)
    (tmp_path / "aimon.yaml").write_text(CONFIG)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    if where == "one file":
        options = ["--tls-cert", str(leaf)]
    elif where == "configuration":
        options = []
        tls = f"serve: {{tls: {{certificate: '{certificate}', key: '{key}'}}}}\n"
        (tmp_path / "aimon.yaml").write_text(CONFIG + tls)
    with Serving(tmp_path, clean_env, *options, trust=authority.client()) as service:
        assert service.ask("/-/healthy").text == "ok\n"
        assert service.ask("/").status == 200
        assert "https://127.0.0.1:" in service.said()
        with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as plain:
            plain.request("GET", "/-/healthy")
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                plain.getresponse()
        assert service.end() == 0


def test_files_that_are_wrong(authority: Authority, tmp_path: Path, run_aimon: Command) -> None:
    """Each is refused at once: by which option, which file, and what is wrong with it."""
    (tmp_path / "aimon.yaml").write_text(CONFIG)
    certificate, key = parts(authority.leaf(), tmp_path)
    _, other = parts(authority.leaf(), tmp_path)
    locked, text, absent = tmp_path / "locked.key", tmp_path / "text", tmp_path / "absent"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    text.write_text("neither")
    refusals = [
        (certificate, absent, f"--tls-key {absent}: there is no such file"),
        (absent, key, f"--tls-cert {absent}: there is no such file"),
        (certificate, other, f"--tls-key {other}: it is not the key of the certificate in {certificate}"),
        (certificate, None, f"--tls-cert {certificate}: there is no private key in it; add --tls-key FILE"),
        (certificate, text, f"--tls-key {text}: there is no private key in it"),
        (key, key, f"--tls-cert {key}: there is no certificate in it"),
        (certificate, locked, f"--tls-key {locked}: the key has a password"),
        (certificate, tmp_path, f"--tls-key {tmp_path}: Is a directory"),
    ]
    for given, its_key, message in refusals:
        options = [] if its_key is None else ["--tls-key", str(its_key)]
        done = run_aimon("serve", "--listen", "127.0.0.1:0", "--tls-cert", str(given), *options)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
        assert "status page" not in done.stderr
