"""`aimon serve` on disks that are full, read-only, or fail while it runs: it probes on, says so, and loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.metrics.definitions import REQUESTS
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess
from services import wait_for
from serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system"),
]


def run(*command: str | Path) -> None:
    """Runs a program of the system, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@contextmanager
def mounted(folder: Path, *how: str | Path) -> Iterator[Path]:
    """A file system on that folder, until the end of the block; skips where none may be mounted."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *how, folder], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        run("umount", "--lazy", folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as folder:
        yield folder


@pytest.fixture
def service(tmp_path: Path, disk: Path, clean_env: dict[str, str]) -> Iterator[Serving]:
    """A service, not started, whose history is on the disk."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as provider:
        (tmp_path / "aimon.yaml").write_text(
            "defaults: {interval: 1s}\nendpoints:\n"
            f'  - {{name: a, dialect: openai-chat, base_url: "{provider.base_url("sim")}", model: sim-1}}\n'
        )
        made = Serving(tmp_path, clean_env, f"--history={disk / 'history.db'}")
        yield made
        made.__exit__()


def counted(service: Serving) -> float:
    """How many probes are counted."""
    return service.value("ai_api_requests_total")


def newest(service: Serving) -> str:
    """When the probe began that the API has as the newest."""
    found: str = service.json("/api/v1/results?limit=1")["results"][0]["started_at"]
    return found


def probes_on_and_says_so(service: Serving, why: str) -> None:
    """Results wait; metrics and page tell; nothing else is missing."""
    wait_for(lambda: service.value("aimon_results_waiting") >= 3, timeout=60, what="results that wait")
    assert service.value("aimon_history_available") == 0
    assert service.ask("/-/healthy").status == 200
    for page in ("/", "/endpoint/a"):
        answer = service.ask(page)
        assert answer.status == 200
        assert why in answer.text
    assert service.ask("/api/v1/endpoints").status == 200
    before = service.value("ai_probe_last_run_timestamp_seconds")
    wait_for(lambda: service.value("ai_probe_last_run_timestamp_seconds") > before, what="a gauge that goes on")


def recovers(service: Serving, shown: float) -> None:
    """All that waited is recorded, and shown."""
    wait_for(lambda: service.value("aimon_results_waiting") == 0, timeout=60, what="nothing that waits")
    assert service.value("aimon_history_available") == 1
    assert service.value("aimon_results_dropped_total") == 0
    assert counted(service) >= shown + 3
    before = newest(service)
    wait_for(lambda: newest(service) > before, what="a result that was recorded since")
    assert "aimon: results are recorded again" in service.said()


def kept(history: Path) -> tuple[int, float]:
    """How many results a history holds, and how many it counts."""
    with History(history, read_only=True) as opened:
        [identity] = opened.identities()
        return len(opened.samples(identity, 0)), opened.totals().counters[REQUESTS][*identity, "success", "ok"]


def test_a_full_disk(service: Serving, disk: Path) -> None:
    """Something else fills it, then makes room again."""
    service.start()
    wait_for(lambda: counted(service) >= 2, timeout=60)
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    probes_on_and_says_so(service, "no space left on its disk")
    shown = counted(service)
    ballast.unlink()
    recovers(service, shown)
    assert service.end() == 0
    rows, total = kept(disk / "history.db")
    assert rows == total > shown


def test_a_read_only_disk(service: Serving, disk: Path) -> None:
    """Read-only from the start; what was recorded before is shown, and what waits is recorded once it may be."""
    service.start()
    wait_for(lambda: counted(service) >= 2, timeout=60)
    shown = counted(service)
    assert service.end() == 0
    run("mount", "-o", "remount,ro", disk)
    service.start()
    probes_on_and_says_so(service, "Read-only file system")
    assert counted(service) >= shown
    run("mount", "-o", "remount,rw", disk)
    recovers(service, shown)
    assert service.end() == 0
    rows, total = kept(disk / "history.db")
    assert rows == total > shown


def test_a_read_only_disk_without_a_history(service: Serving, disk: Path) -> None:
    """There is nothing to show yet but what this process has seen."""
    run("mount", "-o", "remount,ro", disk)
    service.start()
    wait_for(lambda: service.value("aimon_results_waiting") >= 3, timeout=60, what="results that wait")
    assert service.value("ai_probe_success") == 1
    page = service.ask("/")
    assert page.status == 503
    assert "Read-only file system" in page.text
    assert service.ask("/api/v1/endpoints").status == 503
    run("mount", "-o", "remount,rw", disk)
    wait_for(lambda: service.value("aimon_results_waiting") == 0, timeout=60, what="nothing that waits")
    assert counted(service) >= 3
    assert service.ask("/").status == 200
    assert service.end() == 0


def test_a_disk_that_fails_is_replaced(tmp_path: Path, service: Serving, require_binary: Callable[[str], Path]) -> None:
    """The kernel makes a damaged file system read-only under open files; with a repaired copy it goes on by itself."""
    image, copy, folder = tmp_path / "image", tmp_path / "copy", tmp_path / "disk"
    image.write_bytes(bytes(16 << 20))
    run(require_binary("mkfs.ext4"), "-q", image)
    with mounted(folder, "-o", "loop,errors=remount-ro", image):
        service.start()
        wait_for(lambda: counted(service) >= 2, timeout=60)
        shown = counted(service)
        device = Path(subprocess.check_output(["findmnt", "-no", "SOURCE", "-M", folder], text=True).split()[-1])
        fault = Path("/sys/fs/ext4", device.name, "trigger_fs_error")
        if not fault.exists():
            pytest.skip("this kernel lets nobody damage a file system")
        fault.write_text("1")
        probes_on_and_says_so(service, "Read-only file system")
    shutil.copy(image, copy)
    subprocess.run([require_binary("e2fsck"), "-fy", copy], capture_output=True, check=False, timeout=60)
    with mounted(folder, "-o", "loop", copy):
        recovers(service, shown)
        assert service.end() == 0
        rows, total = kept(folder / "history.db")
        assert rows == total > shown


def test_a_history_that_is_moved_away(service: Serving, disk: Path) -> None:
    """Nothing is written to a file that is no more there: another is begun, and no counter falls."""
    service.start()
    wait_for(lambda: counted(service) >= 2, timeout=60)
    away = disk / "away"
    away.mkdir()
    for file in disk.glob("history.db*"):
        file.rename(away / file.name)
    shown = counted(service)
    wait_for((disk / "history.db").exists, what="another history")
    wait_for(lambda: counted(service) >= shown + 3, what="probes that are counted")
    assert service.ask("/").status == 200
    assert service.end() == 0
    rows, total = kept(disk / "history.db")
    assert rows == total >= 2
