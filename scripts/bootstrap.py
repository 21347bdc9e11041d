"""Make `.venv` hold the dependency groups that a make target needs, at the versions of `uv.lock`.

    python3 scripts/bootstrap.py GROUP...

Standard library only, since it runs first on a machine that may have nothing but python3. It uses uv if
available (`UV=path` names it, `UV=` disables it), else venv and pip, installing pip from ensurepip, another
pip, or the wheel that `uv.lock` names with its hash. All settings of uv and
pip (`UV_*`, `PIP_*`) apply as they are. A run with nothing to do takes a few hundredths of a second.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".bootstrap.json"
INSTALL_VENV = "apt-get install -y --no-install-recommends python3-venv"


def main(groups: list[str]) -> None:
    """Install missing packages of `groups`; groups installed earlier stay, so that targets don't undo each other."""
    inputs = fingerprint()
    state = json.loads(STAMP.read_text()) if STAMP.exists() and venv_works() else {"inputs": "", "groups": []}
    if state["inputs"] == inputs and set(groups) <= set(state["groups"]):
        return
    groups = sorted({*groups, *state["groups"]})
    STAMP.unlink(missing_ok=True)
    uv = shutil.which(os.environ.get("UV", "uv"))
    print(f"Setting up .venv for {', '.join(groups)} with {'uv' if uv else 'pip'} …", flush=True)
    if uv:
        sync_with_uv(uv, groups)
    else:
        install_with_pip(groups)
    STAMP.write_text(json.dumps({"inputs": inputs, "groups": groups}))


def fingerprint() -> str:
    """Digest of all inputs that determine the content of the environment."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "uv.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def venv_works() -> bool:
    """Tell whether `.venv` has an interpreter that starts (an upgraded or moved system Python breaks it)."""
    return VENV_PYTHON.exists() and subprocess.run([VENV_PYTHON, "-c", ""], check=False).returncode == 0


def sync_with_uv(uv: str, groups: list[str]) -> None:
    """Install the groups with uv, keeping other packages that a developer has installed in `.venv`."""
    chosen = [argument for group in groups for argument in ("--group", group)]
    run(
        [uv, "sync", "--quiet", "--frozen", "--inexact", "--no-default-groups", *chosen],
        UV_PROJECT_ENVIRONMENT=str(VENV),
        UV_PYTHON=os.environ.get("UV_PYTHON", sys.executable),
    )


def install_with_pip(groups: list[str]) -> None:
    """Install the groups with pip, at the versions of the lock file."""
    pyproject, lock = read_toml("pyproject.toml"), read_toml("uv.lock")
    if not (venv_works() and in_venv("-m", "pip", "--version").returncode == 0):
        make_venv(lock)
    with tempfile.NamedTemporaryFile("w", prefix="constraints-", suffix=".txt") as held:
        held.write("\n".join(constraints(lock)) + "\n")
        held.flush()
        arguments = pip_arguments(pyproject, groups)
        run(
            [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--constraint", held.name, *arguments],
            # setuptools warns that a folder has the name of the package, which is intended.
            PYTHONWARNINGS="ignore:Editable installation",
        )


def constraints(lock: dict[str, Any]) -> list[str]:
    """Return the lock file's versions as pip constraints; a package locked twice has its markers."""
    lines = []
    for package in lock["package"]:
        if "registry" not in package["source"]:  # the project itself
            continue
        markers = package.get("resolution-markers", [])
        when = f" ; {' or '.join(f'({marker})' for marker in markers)}" if markers else ""
        lines.append(f"{package['name']}=={package['version']}{when}")
    return lines


def pip_arguments(pyproject: dict[str, Any], groups: list[str]) -> list[str]:
    """Return pip's arguments for the groups: this project, editable and with extras, and other requirements.

    Needed because Debian 12's pip does not support dependency groups (pip 25.1 does).
    """
    name = pyproject["project"]["name"]
    extras: set[str] = set()
    others: list[str] = []
    for requirement in expand(pyproject["dependency-groups"], groups):
        own = re.fullmatch(rf"{name}\[(.+)\]", requirement)
        if own:
            extras.update(extra.strip() for extra in own[1].split(","))
        else:
            others.append(requirement)
    suffix = f"[{','.join(sorted(extras))}]" if extras else ""
    return ["--editable", f"{ROOT}{suffix}", *others]


def expand(table: dict[str, list[Any]], groups: list[str]) -> list[str]:
    """Return the requirements of the groups, following `include-group`."""
    found: list[str] = []
    for group in groups:
        for entry in table[group]:
            found += [entry] if isinstance(entry, str) else expand(table, [entry["include-group"]])
    return found


def make_venv(lock: dict[str, Any]) -> None:
    """Create `.venv` with pip, also if Debian's python3 lacks ensurepip."""
    if importlib.util.find_spec("ensurepip"):
        run([sys.executable, "-m", "venv", "--clear", VENV])
        return
    run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV])
    if importlib.util.find_spec("pip"):
        run([sys.executable, "-m", "pip", "--python", VENV_PYTHON, "install", "--quiet", "pip"])
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = download_pip(lock, Path(folder))
        except (OSError, ValueError) as error:
            sys.exit(
                f"Neither ensurepip nor pip is here, and pip's wheel could not be downloaded: {error}\n"
                f"Install one of them and run make again, for instance:\n    sudo {INSTALL_VENV}"
            )
        # A wheel of pip is also a runnable archive.
        run([VENV_PYTHON, wheel / "pip", "install", "--quiet", wheel])


def download_pip(lock: dict[str, Any], folder: Path) -> Path:
    """Download the wheel of pip that the lock file names.

    Raises:
        OSError: The download failed.
        ValueError: The file does not have the lock file's hash.
    """
    (locked,) = (package for package in lock["package"] if package["name"] == "pip")
    (entry,) = locked["wheels"]
    url: str = entry["url"]
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - the lock file's own https URL
        content = response.read()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != entry["hash"]:
        raise ValueError(f"{url} does not have the hash of uv.lock")
    wheel = folder / url.rpartition("/")[2]
    wheel.write_bytes(content)
    return wheel


def read_toml(name: str) -> dict[str, Any]:
    """Parse one of the repository's TOML files."""
    import tomllib  # noqa: PLC0415 - new in 3.11: an older Python must get as far as its error message

    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def in_venv(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the interpreter of `.venv` without output and return the result."""
    return subprocess.run([VENV_PYTHON, *arguments], check=False, capture_output=True)


def run(command: list[Any], **environment: str) -> None:
    """Run a command with its output shown; end this program with its exit code if it fails."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(f"failed with exit code {done.returncode}: {' '.join(map(str, command))}")


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells users of an older Python
        sys.exit(f"aimon needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.12 …")
    main(sys.argv[1:])
