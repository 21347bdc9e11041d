"""What users install: the wheel holds every file under the one name `aimon`, and works without the repository."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import threading
import tomllib
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap import read_toml
from wheel_environment import build, install

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be published."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that holds the wheel and what it depends on."""
    environment = tmp_path_factory.mktemp("environment")
    install(wheel, environment)
    return environment


def test_every_folder_of_code_has_its_place_under_aimon() -> None:
    """A package folder that `package-dir` doesn't name would silently not be installed."""
    with_code = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}
    assert with_code == set(FOLDERS.values())
    assert {name.partition(".")[0] for name in FOLDERS} == {"aimon"}


def test_every_module_that_can_be_compiled_is_there() -> None:
    """`make compile` builds these; whoever moves one moves its name in setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED"
    )
    assert len(names) > 20
    assert [name for name in names if importlib.util.find_spec(name) is None] == []


def test_the_wheel_holds_all_files_and_claims_one_name(wheel: Path) -> None:
    """Modules, data files and py.typed, each under `aimon/`; nothing else but the metadata."""
    expected = {
        str(Path(*package.split("."), file.relative_to(ROOT / folder)))
        for package, folder in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if name.startswith(f"aimon_probes-{PROJECT['project']['version']}.dist-info/")}

    assert sorted(expected - names) == [], "not in the wheel: name them in pyproject.toml"
    assert sorted(names - metadata - expected) == []
    assert "aimon/py.typed" in names


def test_the_lock_file_names_the_public_index_only() -> None:
    """Where the lock was made behind a mirror, the mirror's address must not get into it."""
    lock = read_toml("uv.lock")
    sources = {package["source"].get("registry") for package in lock["package"]}
    urls = [file["url"] for package in lock["package"] for file in package.get("wheels", [])]

    assert sources - {None} == {"https://pypi.org/simple"}
    assert all(url.startswith("https://files.pythonhosted.org/") for url in urls)


def test_the_installed_command_knows_its_version(installed: Path, clean_env: dict[str, str], tmp_path: Path) -> None:
    """`aimon version` from the wheel, far from the repository, prints what pyproject.toml says."""
    done = run(installed, "version", env=clean_env, cwd=tmp_path)
    assert (done.returncode, PROJECT["project"]["version"] in done.stdout) == (0, True), done.stderr


def test_the_installed_code_comes_from_the_wheel(installed: Path, clean_env: dict[str, str], tmp_path: Path) -> None:
    """No module is found in the repository, and the folders' own names are not importable."""
    code = (
        "import importlib.util as u, aimon.probes as p; print(p.__file__);"
        f"print([name for name in {sorted(set(FOLDERS.values()) - {'aimon'})} if u.find_spec(name)])"
    )
    python = installed / "bin" / "python"
    done = subprocess.run([python, "-c", code], env=clean_env, cwd=tmp_path, capture_output=True, text=True, check=True)
    place, names = done.stdout.splitlines()
    assert place.startswith(str(installed))
    assert names == "[]"


def test_the_installed_command_probes(
    installed: Path, echo_url: str, clean_env: dict[str, str], tmp_path: Path
) -> None:
    """`aimon probe` with the runtime dependencies alone measures a server and finds its answer right."""
    arguments = ["--dialect", "openai-chat", "--base-url", echo_url, "--model", "echo", "--json"]
    done = run(installed, "probe", *arguments, env=clean_env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["outcome"], result["status_code"], result["model"]) == ("ok", 200, "echo")


@pytest.fixture
def echo_url() -> Iterator[str]:
    """Serve streamed chat completions that repeat the prompt; return the base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


class Echo(BaseHTTPRequestHandler):
    """Answers a chat completion with its own prompt, in one event."""

    def do_POST(self) -> None:
        """Stream the last message back."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choice = {"index": 0, "delta": {"content": request["messages"][-1]["content"]}, "finish_reason": "stop"}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def run(environment: Path, *arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the environment's `aimon`."""
    program = environment / "bin" / "aimon"
    return subprocess.run(
        [program, *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
