"""scripts/stack_test.py: says what it lacks, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import debian_services
import stack_test

SCRIPTS = Path(stack_test.__file__).parent
# The script with another folder, and programs that never end in place of images and tests.
ENDLESS = """
import sys
from pathlib import Path
import stack_test
stack_test.RUN = Path(sys.argv[1])
stack_test.LIMIT_S = float(sys.argv[2])
stack_test.ENTER = "sleep 1234 & setsid sleep 1234 & touch $AIMON_STACK_RUN/started; wait"
with stack_test.folder_of_this_run():
    sys.exit(stack_test.run_in_namespaces([]))
"""
TOOLS = ("setpriv", "unshare", "catatonit")


def test_without_root_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without root the script says what to do and ends with exit code 0."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert stack_test.main([]) == 0
    assert "sudo make stack-test" in capsys.readouterr().out


def test_what_is_missing_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing program is named with the command that installs it; `--if-ready` installs nothing."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(stack_test, "NEEDED", {"podman": "/nowhere/podman", "sh": "/bin/sh"})
    monkeypatch.setattr(debian_services, "install", pytest.fail)
    assert stack_test.main(["--if-ready"]) == 0
    assert "apt-get install -y --no-install-recommends podman\n" in capsys.readouterr().out


def test_a_second_run_in_a_checkout_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It would take the first one's folder away."""
    monkeypatch.setattr(stack_test, "RUN", tmp_path)
    (tmp_path / "owner").write_text(str(os.getpid()))
    with pytest.raises(SystemExit, match=f"process {os.getpid()} runs the stack"), stack_test.folder_of_this_run():
        pass


@pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason="needs root, and catatonit")
@pytest.mark.parametrize(
    ("ending", "limit", "code"),
    [(signal.SIGINT, 60, 130), (signal.SIGTERM, 60, 130), (signal.SIGKILL, 60, -9), (None, 1, 1)],
    ids=["ctrl-c", "terminated", "killed", "too-long"],
)
def test_whatever_ends_it_all_ends(tmp_path: Path, ending: signal.Signals | None, limit: int, code: int) -> None:
    """Programs, also one that left its session; and the folder, unless it was killed: then the next run removes it."""
    folder = tmp_path / "run"
    command = [sys.executable, "-c", ENDLESS, str(folder), str(limit)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, stderr=subprocess.PIPE) as process:
        while not (folder / "started").exists():
            assert process.poll() is None
            time.sleep(0.02)
        assert len(_of(folder)) >= 3
        if ending is not None:
            process.send_signal(ending)
        assert process.wait(60) == code
    deadline = time.monotonic() + 20
    while found := _of(folder):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert folder.exists() == (ending == signal.SIGKILL)


def _of(folder: Path) -> list[str]:
    """The processes of a run, which its environment tells."""
    mark = f"AIMON_STACK_RUN={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended
            continue
    return found
