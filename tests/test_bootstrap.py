"""What the setup of `.venv` reads from pyproject.toml and uv.lock where uv is not there to do it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from bootstrap import constraints, download_pip, pip_arguments, read_toml

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = {"registry": "https://example.invalid/simple"}


def test_constraints_hold_each_version_and_leave_out_the_project() -> None:
    """A package that the lock file splits by platform gets a line for each, with its markers."""
    packages = [
        {"name": "aimon-probes", "version": "0.1.0", "source": {"editable": "."}},
        {"name": "h11", "version": "0.16.0", "source": REGISTRY},
        {
            "name": "numpy",
            "version": "2.2.6",
            "source": REGISTRY,
            "resolution-markers": ["python_full_version < '3.12'", "sys_platform == 'emscripten'"],
        },
    ]
    assert constraints({"package": packages}) == [
        "h11==0.16.0",
        "numpy==2.2.6 ; (python_full_version < '3.12') or (sys_platform == 'emscripten')",
    ]


def test_groups_become_one_editable_install_and_their_requirements() -> None:
    """The project's extras of all groups are joined; included groups are followed."""
    pyproject = {
        "project": {"name": "aimon-probes"},
        "dependency-groups": {
            "demo": ["aimon-probes[sim]"],
            "test": ["aimon-probes[http2, sim]", "pytest>=8"],
            "check": ["mypy"],
            "dev": [{"include-group": "test"}, {"include-group": "check"}],
        },
    }
    editable, place, *others = pip_arguments(pyproject, ["demo", "dev"])
    assert editable == "--editable"
    assert place.endswith("[http2,sim]")
    assert others == ["pytest>=8", "mypy"]

    assert pip_arguments({**pyproject, "dependency-groups": {"none": []}}, ["none"])[1].endswith("]") is False


def test_the_wheel_of_pip_must_have_the_locked_hash(tmp_path: Path) -> None:
    """Only the very bytes that the lock file promises are accepted."""
    served = tmp_path / "served" / "pip-1-py3-none-any.whl"
    served.parent.mkdir()
    served.write_bytes(b"wheel")
    digest = hashlib.sha256(b"wheel").hexdigest()

    wheel = download_pip(lock_of_pip(served, f"sha256:{digest}"), tmp_path)
    assert (wheel.name, wheel.read_bytes()) == (served.name, b"wheel")

    with pytest.raises(ValueError, match=r"does not have the hash of uv\.lock"):
        download_pip(lock_of_pip(served, f"sha256:{digest[::-1]}"), tmp_path)


def test_the_lock_file_has_the_wheel_that_a_bare_python_starts_from() -> None:
    """Without pip in the lock file, a machine with neither pip nor ensurepip could not begin."""
    (pip,) = (package for package in read_toml("uv.lock")["package"] if package["name"] == "pip")
    (wheel,) = pip["wheels"]
    assert wheel["url"].endswith("-py3-none-any.whl")


def lock_of_pip(wheel: Path, digest: str) -> dict[str, Any]:
    """Return a lock file's content that names one wheel of pip."""
    return {"package": [{"name": "pip", "wheels": [{"url": wheel.as_uri(), "hash": digest}]}]}
