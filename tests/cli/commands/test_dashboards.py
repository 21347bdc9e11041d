"""`aimon dashboards`, against a server on loopback that answers as Grafana's HTTP API does."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from aimon.dashboards.grafana_api import folder_uid
from dashboard_files import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

TOKEN = "glsa_recognisable_fake_token"
FILES = ["endpoint.json", "loadtest.json", "overview.json", "tokens.json"]


class FakeGrafana(ThreadingHTTPServer):
    """Keeps folders and dashboards; `refuse` is a status that it answers to every dashboard."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.refuse: HTTPStatus | None = None
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Api(BaseHTTPRequestHandler):
    server: FakeGrafana

    def do_GET(self) -> None:  # http.server's name
        uid = self.path.removeprefix("/api/folders/")
        if not self._allowed():
            return
        if uid in self.server.folders:
            self._answer(HTTPStatus.OK, {"uid": uid, "title": self.server.folders[uid]})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"message": "folder not found"})

    def do_POST(self) -> None:  # http.server's name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        if self.path == "/api/folders":
            self.server.folders[body["uid"]] = body["title"]
            self._answer(HTTPStatus.OK, body)
        elif self.server.refuse is not None:
            self._answer(self.server.refuse, {"message": "dashboard is too\nlarge"})
        else:
            uid = body["dashboard"]["uid"]
            if uid in self.server.dashboards and not body["overwrite"]:
                self._answer(HTTPStatus.PRECONDITION_FAILED, {"message": "exists"})
                return
            self.server.dashboards[uid] = body
            self._answer(HTTPStatus.OK, {"status": "success", "uid": uid, "url": f"/d/{uid}/x"})

    def _allowed(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            return True
        self._answer(HTTPStatus.UNAUTHORIZED, {"message": "Invalid API key"})
        return False

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Quiet."""


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    """A Grafana without folders."""
    server = FakeGrafana()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_export(run_aimon: Command, tmp_path: Path) -> None:
    """The four files of the language and currency, as they are committed."""
    done = run_aimon("dashboards", "export", "out/boards", "--lang", "zh", "--currency", "USD")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "out" / "boards"
    assert done.stdout.splitlines() == [f"out/boards/{name}" for name in FILES]
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert json.loads((folder / "tokens.json").read_text(encoding="utf-8")) == load("zh/usd/tokens.json")


def test_export_to_what_is_no_folder(run_aimon: Command, tmp_path: Path) -> None:
    """The message names the path and what to do."""
    (tmp_path / "taken").write_text("")
    done = run_aimon("dashboards", "export", "taken")
    assert done.returncode == 3
    assert done.stderr == "taken: File exists: choose a folder that can be written\n"


def test_install(run_aimon: Command, tmp_path: Path, grafana: FakeGrafana) -> None:
    """All four are in the folder, and a second time replaces them."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    for _ in range(2):
        done = run_aimon(
            "dashboards", "install", "--grafana", grafana.url, "--folder", "AI APIs", "--token-file", "token"
        )
        assert (done.returncode, done.stderr) == (0, "4 dashboards in the folder AI APIs\n")
        assert f"{grafana.url}/d/aimon-overview/x" in done.stdout.splitlines()
        assert TOKEN not in done.stdout + done.stderr
    assert grafana.folders == {"AI-APIs": "AI APIs"}
    assert {body["folderUid"] for body in grafana.dashboards.values()} == {"AI-APIs"}
    assert grafana.dashboards["aimon-tokens"]["dashboard"] == load("en/cny/tokens.json")
    assert sorted(grafana.dashboards) == ["aimon-endpoint", "aimon-loadtest", "aimon-overview", "aimon-tokens"]


def test_a_wrong_token(run_aimon: Command, grafana: FakeGrafana) -> None:
    """It is said to be wrong, and not shown."""
    done = run_aimon("dashboards", "install", "--grafana", grafana.url, env={"GRAFANA_TOKEN": "glsa_wrong"})
    assert done.returncode == 3
    expected = f"Grafana at {grafana.url} answers 401 to GET /api/folders/aimon: the token is wrong or has expired\n"
    assert done.stderr == expected


def test_a_refused_dashboard(run_aimon: Command, grafana: FakeGrafana) -> None:
    """What Grafana says is passed on, in one line."""
    grafana.refuse = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    done = run_aimon("dashboards", "install", "--grafana", grafana.url, env={"GRAFANA_TOKEN": TOKEN})
    assert done.returncode == 3
    assert done.stderr == f"Grafana at {grafana.url} answers 413 to POST /api/dashboards/db: dashboard is too large\n"


def test_nobody_answers(run_aimon: Command) -> None:
    """A refused connection is said to be one."""
    done = run_aimon("dashboards", "install", "--grafana", "http://127.0.0.1:1", env={"GRAFANA_TOKEN": TOKEN})
    assert (done.returncode, done.stderr) == (
        3,
        "Grafana at http://127.0.0.1:1 does not answer (Connection refused)\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grafana", "localhost:3000"), "write Grafana's address as http://host:3000"),
        (("--grafana", "http://u:secret@localhost:0"), "its port is not a number from 1 to 65535"),
        (("--grafana", "http://u:secret@localhost:99999"), "its port is not a number from 1 to 65535"),
        (
            ("--grafana", "http://localhost", "--token-file", "none"),
            "--token-file none can't be read: No such file or directory",
        ),
        (("--grafana", "http://localhost", "--lang", "de"), "no dashboards in 'de': write en or zh"),
        (("--grafana", "http://localhost", "--currency", "EUR"), "no dashboards in 'EUR': write CNY or USD"),
    ],
)
def test_wrong_usage(run_aimon: Command, arguments: tuple[str, ...], message: str) -> None:
    """Each mistake has its message, and exit code 2; a password in an address is not repeated."""
    done = run_aimon("dashboards", "install", *arguments, env={"GRAFANA_TOKEN": TOKEN})
    assert done.returncode == 2
    assert message in done.stderr
    assert "secret" not in done.stderr


def test_no_token(run_aimon: Command) -> None:
    """Without a token the message names both ways to give one."""
    done = run_aimon("dashboards", "install", "--grafana", "http://localhost")
    assert done.returncode == 2
    assert done.stderr == "aimon dashboards install: no token: give --token-file, or set AIMON_GRAFANA_TOKEN\n"


@pytest.mark.parametrize(("title", "uid"), [("aimon", "aimon"), ("AI / prod", "AI-prod"), ("接口", "aimon")])
def test_folder_uid(title: str, uid: str) -> None:
    """A folder's uid holds only what Grafana allows."""
    assert folder_uid(title) == uid
