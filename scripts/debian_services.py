"""Get Debian's Prometheus, Pushgateway, Alertmanager, faketime and Chromium for the tests, if missing.

As root, or with sudo without a password, it installs the packages. Otherwise it unpacks the programs that work
without installation into `.services/bin`. If neither is possible (no apt, no network) it says so and exits with 0:
the tests that need the programs are then skipped with a reason, or fail if CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / ".services" / "bin"
PACKAGES = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-pushgateway": ("prometheus-pushgateway",),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
    "faketime": ("faketime",),
    "chromium": ("chromium",),
}
# Alertmanager reads its default template from /usr/share, faketime its library from /usr/lib: both work only installed.
WORK_UNPACKED = {"prometheus", "prometheus-pushgateway"}


def main() -> None:
    """Install or unpack what is missing."""
    missing = [package for package, programs in PACKAGES.items() if not all(map(find, programs))]
    if not missing:
        return
    if not shutil.which("apt-get"):
        print(f"missing, and without apt-get to install them: {', '.join(missing)}", file=sys.stderr)
        return
    as_root = root_prefix()
    try:
        if as_root is not None:
            install(missing, as_root)
        elif unpackable := [package for package in missing if package in WORK_UNPACKED]:
            unpack(unpackable)
    except subprocess.CalledProcessError as error:
        print(f"going on without {', '.join(missing)}: {error.cmd[0]} said: {error.stderr.strip()}", file=sys.stderr)


def find(program: str) -> str | None:
    """Return the path of a program, from PATH or unpacked by an earlier run."""
    return shutil.which(program) or shutil.which(program, path=str(BIN))


def root_prefix() -> list[str] | None:
    """Return the prefix to run a command as root: empty for root, sudo if it needs no password, else None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def install(packages: list[str], as_root: list[str]) -> None:
    """Install packages without starting their services.

    Raises:
        subprocess.CalledProcessError: apt failed; `stderr` says why.
    """
    print(f"Installing {', '.join(packages)} …", flush=True)
    run([*as_root, "apt-get", "-qq", "update"])
    quietly = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install", "-y", "--no-install-recommends"]
    run([*as_root, *quietly, *packages])
    if Path("/run/systemd/system").exists():
        # The tests start their own; these would listen on all addresses.
        run([*as_root, "systemctl", "disable", "--now", *(name for name in packages if name != "faketime")])


def unpack(packages: list[str]) -> None:
    """Download packages, verified by apt, and keep their programs.

    Raises:
        subprocess.CalledProcessError: apt or dpkg failed; `stderr` says why.
    """
    print(f"Unpacking {', '.join(packages)} into {BIN} …", flush=True)
    BIN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("lists/partial", "cache/archives/partial"):
            (root / name).mkdir(parents=True)
        # Separate package lists, since only root may update the system's, and a new machine has none.
        apt = ["apt-get", "-qq", "-o", f"Dir::State::lists={root}/lists", "-o", f"Dir::Cache={root}/cache"]
        run([*apt, "update"], root)
        run([*apt, "download", *packages], root)
        for package in sorted(root.glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(root / "unpacked")], root)
        for program in (root / "unpacked" / "usr" / "bin").iterdir():
            shutil.move(program, BIN / program.name)


def run(command: list[str], folder: Path | None = None) -> None:
    """Run a command in `folder`; its output is only in the error that it raises."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
