"""Put Debian's Prometheus, Pushgateway and Alertmanager into `.services/bin` where they are missing.

The packages are downloaded and unpacked, not installed: that needs no root and, other than `apt-get
install`, starts no server on a developer's machine. apt checks their signatures as always. Where that is
impossible (no apt, no network) it says so and succeeds: the tests that need the programs then skip loudly,
or fail when CI=true.
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
}


def main() -> None:
    """Download what is missing."""
    search_path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{BIN}"
    missing = [
        package
        for package, programs in PACKAGES.items()
        if not all(shutil.which(program, path=search_path) for program in programs)
    ]
    if not missing:
        return
    if not shutil.which("apt-get"):
        print(f"Missing, and without apt-get to download them: {', '.join(missing)}", file=sys.stderr)
        return
    print(f"Downloading {', '.join(missing)} into {BIN} …", flush=True)
    try:
        download(missing)
    except subprocess.CalledProcessError as error:
        print(f"apt-get failed, going on without: {error.stderr.strip()}", file=sys.stderr)


def download(packages: list[str]) -> None:
    """Fetch Debian packages and keep their programs.

    Raises:
        subprocess.CalledProcessError: apt or dpkg failed; its `stderr` says why.
    """
    BIN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("lists/partial", "cache/archives/partial"):
            (root / name).mkdir(parents=True)
        # Package lists of its own, since only root may refresh the system's, and a fresh machine has none.
        options = [
            f"Dir::State::lists={root}/lists",
            f"Dir::Cache={root}/cache",
            "APT::Sandbox::User=root",  # its usual user, _apt, can't write to our folder
        ]
        apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
        run([*apt, "update"], root)
        run([*apt, "download", *packages], root)
        for package in sorted(root.glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(root / "unpacked")], root)
        for program in (root / "unpacked" / "usr" / "bin").iterdir():
            shutil.move(program, BIN / program.name)


def run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`; its output shows only in the error it raises."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
