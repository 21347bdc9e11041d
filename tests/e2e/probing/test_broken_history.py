"""A history that can't be used, in every way: probing goes on, every other output is written, and the end says so."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.metrics.totals import Identity
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess
from command import AIMON
from results import a_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command import Command
    from services import Pushgateway

QWEN = Identity("qwen", "m", "custom", "test")
CONFIG = """\
region: test
endpoints:
  - {{name: qwen, dialect: openai-chat, base_url: '{url}', model: m, budget: 5.00/day}}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider that answers at once."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as running:
        yield running


@pytest.fixture
def path(provider: SimulatorProcess, tmp_path: Path, run_aimon: Command) -> Path:
    """A history of 300 successes, where `aimon probe` looks for it."""
    tmp_path.joinpath("aimon.yaml").write_text(CONFIG.format(url=provider.base_url("sim")))
    path = Path(run_aimon.env["AIMON_STATE_DIR"]) / "history.db"
    with History(path) as history:
        history.append([a_result(identity=QWEN, started_at=1_790_000_000.0 + i) for i in range(300)])
    return path


def text(path: Path) -> None:
    """Something else."""
    path.write_text("not a database, whatever it is called " * 300)


def zeros(path: Path) -> None:
    """What some file systems leave after a power cut."""
    path.write_bytes(bytes(path.stat().st_size))


def half(path: Path) -> None:
    """A copy that was cut off."""
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    """Pages in the middle."""
    content = bytearray(path.read_bytes())
    content[4096 * 2 : -4096] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)


def lost_table(path: Path) -> None:
    """Somebody was there with `sqlite3`."""
    sql(path, "DROP TABLE totals")


def newer(path: Path) -> None:
    """Of a later aimon."""
    sql(path, "PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    """A database of something else."""
    path.unlink()
    sql(path, "CREATE TABLE moz_places (url TEXT)")


def folder(path: Path) -> None:
    """A folder in its place."""
    path.unlink()
    path.mkdir()


def no_folder(path: Path) -> None:
    """A file where its folder should be."""
    shutil.rmtree(path.parent)
    path.parent.write_text("")


def sql(path: Path, statement: str) -> None:
    """Changes the file."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


DAMAGED = [text, zeros, half, overwritten, lost_table]
UNUSABLE = [newer, foreign, folder, no_folder]


@pytest.mark.parametrize("spoil", [*DAMAGED, *UNUSABLE])
def test_probing_goes_on(spoil: Callable[[Path], None], run_aimon: Command, path: Path, tmp_path: Path) -> None:
    """Shown, in the JUnit file and in the textfile; exit code 3 says that nothing was recorded; nothing is touched."""
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    done = run_aimon("probe", "--junit", "junit.xml", "--textfile", "t.prom")
    assert (done.returncode, done.stdout.startswith("qwen ok latency ")) == (3, True), done.stderr
    assert f"the results are not recorded: {path}: " in done.stderr
    assert not any(word in done.stderr for word in ("Traceback", "bug in aimon"))
    assert 'name="echo"' in tmp_path.joinpath("junit.xml").read_text()
    written = tmp_path.joinpath("t.prom").read_text()
    assert 'ai_probe_success{endpoint="qwen"' in written
    if spoil is not overwritten:  # what is still readable there are the totals
        assert "ai_api_requests_total" not in written
    assert (path.read_bytes() if path.is_file() else b"") == before
    shown = run_aimon("status")
    assert shown.returncode == (2 if spoil is no_folder else 3)
    assert str(path) in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("spoil", DAMAGED)
def test_a_damaged_file_is_set_aside_on_request(spoil: Callable[[Path], None], run_aimon: Command, path: Path) -> None:
    """Renamed, as it was; a new one is begun, and everything is well."""
    spoil(path)
    before = path.read_bytes()
    done = run_aimon("probe", "--set-aside-damaged")
    assert done.returncode == 0, done.stderr
    [kept] = path.parent.glob("history.db.damaged-*Z")
    assert kept.read_bytes() == before
    assert str(kept) in done.stderr
    with History(path) as history:
        assert len(history.recent(QWEN, 1000)) == 1
    assert run_aimon("probe", "--set-aside-damaged").stderr == ""
    assert len(list(path.parent.glob("history.db.damaged-*"))) == 1


@pytest.mark.parametrize("spoil", [newer, foreign, folder])
def test_what_is_not_damaged_is_not_set_aside(spoil: Callable[[Path], None], run_aimon: Command, path: Path) -> None:
    """--set-aside-damaged renames neither another program's file nor one of a later version."""
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    assert run_aimon("probe", "--set-aside-damaged").returncode == 3
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert list(path.parent.glob("*damaged*")) == []


@pytest.mark.parametrize("room", [20_000, 32_780])
def test_a_full_disk_costs_the_record_alone(room: int, run_aimon: Command, path: Path, tmp_path: Path) -> None:
    """With no room for the log or its index, totals stay those of before and gauges are those of now."""
    size = path.stat().st_size
    done = subprocess.run(
        [AIMON, "probe", "--textfile", "t.prom"],
        env={**run_aimon.env, "PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path, capture_output=True, text=True,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert (done.returncode, done.stdout.startswith("qwen ok latency ")) == (3, True), done.stderr
    assert f"the results are not recorded: {path}: " in done.stderr
    assert path.stat().st_size == size
    written = tmp_path.joinpath("t.prom").read_text()
    assert 'outcome="ok",provider="custom",region="test",status="success"} 300.0' in written
    assert 'ai_probe_success{endpoint="qwen"' in written


def test_counters_of_the_gateway_stay_as_they_were(run_aimon: Command, path: Path, pushgateway: Pushgateway) -> None:
    """While the history is damaged the gateway's counters stay; afterwards they go on."""

    def counted() -> float:
        return sum(sample.value for sample in pushgateway.samples("ai_api_requests_total"))

    assert run_aimon("probe", "--push", pushgateway.url).returncode == 0
    whole = path.read_bytes()
    text(path)
    last_run = pushgateway.samples("ai_probe_last_run_timestamp_seconds")[0].value
    for _ in range(2):
        assert run_aimon("probe", "--push", pushgateway.url).returncode == 3
        assert counted() == 301
        assert pushgateway.samples("ai_probe_success")[0].value == 1
    assert pushgateway.samples("ai_probe_last_run_timestamp_seconds")[0].value > last_run
    path.write_bytes(whole)
    assert run_aimon("probe", "--push", pushgateway.url).returncode == 0
    assert counted() == 302


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else, for whom the folder is read-only")
@pytest.mark.parametrize("open_elsewhere", [False, True], ids=["closed", "being written"])
def test_status_needs_no_right_to_write(open_elsewhere: bool, path: Path) -> None:
    """A user who may only read, also while a prober has results in the log; nothing is made or changed."""
    for parent in [path.parent, *path.parent.parents]:
        if parent == Path("/tmp"):  # noqa: S108 - where pytest's own folders begin
            break
        parent.chmod(0o755)
    writer = History(path)
    if open_elsewhere:
        writer.append([a_result(identity=QWEN)])
    else:
        writer.close()
    for file in path.parent.iterdir():
        file.chmod(0o644)

    def content() -> dict[str, bytes]:
        # The index of the log is shared memory of whoever reads.
        return {file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".db-shm"}

    before = content()
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        with History(path, read_only=True) as history:
            os._exit(0 if len(history.recent(QWEN, 1000)) == 300 + open_elsewhere else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert content() == before
    writer.close()
