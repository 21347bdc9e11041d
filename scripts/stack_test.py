"""Run the tests of `tests/stack`: the image, the compose file and the pods, on a separate container engine.

    python scripts/stack_test.py [--if-ready] [ARGUMENT OF PYTEST...]

Everything runs in namespaces that end with this program, however it ends: all processes (also the containers'), all
mounts, and the network with its bridges, ports and firewall rules. podman stores its data in `.stack/run`, which is
removed too; base images stay in `.stack/images`, so that the next run is faster (`make clean` removes them).
The engine of this machine, its images and its ports are never touched.

As root it installs missing Debian packages. Without root or apt, it says what to install, and skips the tests with
exit code 0. `--if-ready` does the same, but never installs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import debian_services

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
STACK = ROOT / ".stack"
RUN = STACK / "run"
LIMIT_S = 15 * 60.0
END_S = 30.0
# Debian packages by one file of each. Compose needs aardvark-dns for names, netavark iptables for ports.
NEEDED = {
    "podman": "/usr/bin/podman",
    "podman-compose": "/usr/bin/podman-compose",
    "runc": "/usr/sbin/runc",
    "netavark": "/usr/lib/podman/netavark",
    "aardvark-dns": "/usr/lib/podman/aardvark-dns",
    "iptables": "/usr/sbin/iptables",
    "iproute2": "/sbin/ip",
    "catatonit": "/usr/bin/catatonit",
    "mmdebstrap": "/usr/bin/mmdebstrap",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "openssl": "/usr/bin/openssl",
}
# runc, since crun needs a limit of open files that nested containers can't have; a log in a file, since there is no
# journal; locks in files, since those in shared memory belong to the machine's podman.
CONFIGURATION = {
    "containers.conf": f"""\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{RUN}/engine"
[network]
network_backend = "netavark"
network_config_dir = "{RUN}/networks"
""",
    "storage.conf": f"""\
[storage]
driver = "overlay"
graphroot = "{RUN}/images/storage"
runroot = "{RUN}/state"
""",
    "registries.conf": "",
    "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}',
}
# Private mounts over podman's configuration, which conmon's podman reads too, and over its network's files in /run;
# images in memory if there is enough, which saves minutes on a busy disk; then only a loopback interface.
ENTER = """\
set -e
resolv=$(cat /etc/resolv.conf)
mount --bind "$AIMON_STACK_RUN/etc" /etc/containers
if [ "$(awk '/MemAvailable/ {print $2}' /proc/meminfo)" -gt 8000000 ]; then
    mount -t tmpfs -o size=6g tmpfs "$AIMON_STACK_RUN/images"
fi
mount -t tmpfs tmpfs /run
mkdir -p /run/netns "$(dirname "$(readlink -f /etc/resolv.conf)")"
printf '%s\\n' "$resolv" > "$(readlink -f /etc/resolv.conf)" 2>/dev/null || true
"$PYTHON" -m stack_images
exec unshare --net sh -c 'ip link set lo up && exec "$PYTHON" -m pytest "$@"' pytest "$@"
"""


def main(arguments: list[str]) -> int:
    """Run the tests; returns their exit code."""
    if_ready = "--if-ready" in arguments
    chosen = [argument for argument in arguments if argument != "--if-ready"]
    if reason := lacking(install=not if_ready):
        print(f"NOT TESTED: the stack on a container engine: {reason}", flush=True)
        return 0
    began = time.monotonic()
    with folder_of_this_run():
        code = run_in_namespaces(chosen)
    print(f"The stack took {time.monotonic() - began:.0f} s; nothing of it is left.", flush=True)
    return code


def lacking(*, install: bool) -> str:
    """Return what is missing and the command that installs it, or None."""
    missing = [package for package, file in NEEDED.items() if not Path(file).exists()]
    command = f"apt-get install -y --no-install-recommends {' '.join(missing or ['podman'])}"
    if os.geteuid() != 0:
        first = f"sudo {command}\n    " if missing else ""
        return f"it needs root, for namespaces and mounts of its own:\n    {first}sudo make stack-test"
    if missing and install and shutil.which("apt-get"):
        try:
            debian_services.install(missing, [])
        except subprocess.CalledProcessError as error:
            return f"{error.cmd[0]} said: {error.stderr.strip()}\n    {command}"
        missing = [package for package in missing if not Path(NEEDED[package]).exists()]
    return f"missing; install with\n    {command}" if missing else ""


@contextmanager
def folder_of_this_run() -> Iterator[None]:
    """Make `.stack/run` with the engine's configuration, and remove it with the control groups of the containers.

    Raises:
        SystemExit: Another run is active in this checkout.
    """
    if RUN.exists():
        owner = (RUN / "owner").read_text() if (RUN / "owner").exists() else ""
        if owner and Path(f"/proc/{owner}").exists():
            sys.exit(f"process {owner} runs the stack in this checkout already")
        remove(set())  # of a run that was killed
    for name in ("engine", "scratch", "home", "etc", "images"):
        (RUN / name).mkdir(parents=True)
    (RUN / "owner").write_text(str(os.getpid()))
    for name, text in CONFIGURATION.items():
        (RUN / "etc" / name).write_text(text)
    before = control_groups()
    try:
        yield
    finally:
        remove(control_groups() - before)


def run_in_namespaces(arguments: list[str]) -> int:
    """Build the images and run pytest; however this ends, the kernel ends all started processes."""
    # http.client leaves an answer cut by a killed server to the garbage collector, which warns.
    options = ("-W", "ignore::ResourceWarning", "-p", "no:xdist", "-o", f"faulthandler_timeout={LIMIT_S:.0f}")
    command = [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("catatonit", "--", "sh", "-c", ENTER, "stack"),
        *("tests/stack", *options, *arguments),
    ]
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": "tests/support/stack:scripts",
        "HOME": str(RUN / "home"),
        "TMPDIR": str(RUN / "scratch"),
        "AIMON_STACK_RUN": str(RUN),
    }
    signal.signal(signal.SIGTERM, interrupt)
    # A separate session: only this process gets Ctrl-C, and it ends all others.
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"ended after {LIMIT_S / 60:.0f} minutes", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill `unshare`; that ends the first process of the namespaces, and so all others."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    firsts = children.read_text().split() if process.poll() is None else []
    process.kill()
    process.wait()
    deadline = time.monotonic() + END_S
    while any(Path(f"/proc/{first}").exists() for first in firsts) and time.monotonic() < deadline:
        time.sleep(0.1)


def interrupt(*_: Any) -> None:
    """Make SIGTERM end the run as Ctrl-C does."""
    raise KeyboardInterrupt


def control_groups() -> set[Path]:
    """Return the control groups of podman's containers and pods of all owners."""
    return {group for group in Path("/sys/fs/cgroup").glob("**/libpod_parent/**/") if group.name != "libpod_parent"}


def remove(groups: set[Path]) -> None:
    """Remove the folder of the run, and empty control groups."""
    for group in sorted(groups, reverse=True):
        with suppress(OSError):  # in use by a running container
            group.rmdir()
    shutil.rmtree(RUN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
