"""Makes the images of the stack: a base from Debian's packages, the servers, and aimon's by `deploy/Dockerfile` itself.

    python -m stack_images    (with the environment that scripts/stack_test.py makes; needs the network)

Prints how long each took.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
RUN = Path(os.environ.get("AIMON_STACK_RUN", ROOT / ".stack" / "run"))
CACHE = ROOT / ".stack" / "images"
RELEASE = "bookworm"
# Python as deploy/Dockerfile wants it: with venv, and nothing to compile with.
PACKAGES = ("python3", "python3-venv", "ca-certificates")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
PREFIX = "localhost/aimon-stack"
BASE = f"{PREFIX}/python:{RELEASE}"
SERVERS = ("prometheus", "pushgateway", "alertmanager")
# As the compose file and the manifests name it; and the same recipe with nothing beside probing.
AIMON, PROBING = "aimon:0.1.0", f"{PREFIX}/aimon:probing"
# The hosts that shipped configurations name, which containers of the overlay stand for.
PROVIDER = "dashscope.aliyuncs.com"
HOSTS = (PROVIDER, "events.pagerduty.com", "heartbeat.example.com", "mail.example.com", "qyapi.weixin.qq.com")


def main() -> None:
    """Makes all images; the servers' beside aimon's, which wait for downloads in turn.

    Raises:
        subprocess.CalledProcessError: A program failed; its output has been shown.
    """
    _timed("Debian's packages", _base_archive)
    _timed("certificate", _certificate)
    _timed(BASE, _from_debian, "python", BASE)
    with ThreadPoolExecutor() as pool:
        pending = [pool.submit(_servers), pool.submit(_aimons)]
    for each in pending:
        each.result()


def _servers() -> None:
    for name in SERVERS:
        _timed(name, _from_debian, name, f"{PREFIX}/{name}:debian")


def _aimons() -> None:
    for tag, extras in ((AIMON, "all"), (PROBING, "")):
        _timed(tag, _aimon, tag, extras)


def _timed(what: str, make: Callable[..., None], *arguments: str) -> None:
    began = time.monotonic()
    make(*arguments)
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def _base_archive() -> None:
    """The file system of the base image, kept from an earlier run."""
    archive = CACHE / f"{RELEASE}.tar"
    CACHE.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        unfinished = RUN / "base.tar"
        _run("mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}", RELEASE, str(unfinished))
        shutil.move(unfinished, archive)
    (RUN / "context").mkdir()
    os.link(archive, RUN / "context" / "base.tar")


def _certificate() -> None:
    """One certificate for all hosts that the overlay stands for, which the containers trust."""
    trust = RUN / "trust"
    trust.mkdir()
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    _run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", "/CN=aimon stack"),
        *("-addext", f"subjectAltName={names}", "-keyout", f"{trust}/key.pem", "-out", f"{trust}/certificate.pem"),
    )
    (trust / "key.pem").chmod(0o644)  # a container's own user reads it
    given = AUTHORITIES.read_text() if AUTHORITIES.exists() else ""
    (RUN / "context" / "authorities.pem").write_text(given + (trust / "certificate.pem").read_text())


def _from_debian(target: str, tag: str) -> None:
    recipe = ROOT / "tests" / "stack" / "Containerfile"
    _build("--file", str(recipe), "--target", target, "--tag", tag, str(RUN / "context"))


def _aimon(tag: str, extras: str) -> None:
    chosen = ("--build-arg", f"BASE={BASE}", "--build-arg", f"EXTRAS={extras}")
    _build("--file", str(ROOT / "deploy" / "Dockerfile"), *chosen, "--tag", tag, str(ROOT))


def _build(*arguments: str) -> None:
    _run("podman", "build", "--quiet", "--layers", "--network", "host", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, flush=True)
    done.check_returncode()


if __name__ == "__main__":
    main()
