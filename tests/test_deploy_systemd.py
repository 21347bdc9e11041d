"""The unit of `deploy/systemd`: what systemd makes of it, and that its command is one of aimon's."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from aimon.cli.exits import USAGE
from aimon.cli.main import app
from command import AIMON

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "deploy" / "systemd" / "aimon.service"
PROGRAM = "/opt/aimon/bin/aimon"
# Beyond it a service reaches more than a prober needs, by systemd's own measure; 10 is no protection at all.
MOST_EXPOSURE = 1.5
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def service() -> dict[str, str]:
    """The unit's [Service] section, the last of what is repeated."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return dict(parser["Service"])


def analyze(arguments: Sequence[str], tmp_path: Path) -> str:
    """What systemd-analyze says of the unit with a program that is there."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(AIMON)))
    done = subprocess.run(["systemd-analyze", *arguments, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """The unit causes no warning, as an unknown key or a wrong value would."""
    assert analyze(["verify"], tmp_path) == ""


@needs_systemd
def test_it_is_hardened(tmp_path: Path) -> None:
    """`systemd-analyze security` rates the units as well protected."""
    said = analyze(["security", "--offline=true", "--no-pager"], tmp_path)
    exposure = re.search(r"Overall exposure level for aimon.service: ([0-9.]+)", said)
    assert exposure is not None, said
    assert float(exposure[1]) <= MOST_EXPOSURE


def test_the_command_line_knows_every_option() -> None:
    """The command line has every option of the unit."""
    program, name, *arguments = shlex.split(service()["ExecStart"])
    assert program == PROGRAM
    command: Any = typer.main.get_command(app)
    parameters = command.commands[name].make_context(name, arguments).params
    assert (name, parameters["listen"]) == ("serve", "127.0.0.1:9464")


def test_what_cannot_help_is_not_tried_again() -> None:
    """A mistake in the configuration has its own exit code; nothing is written but where the unit allows it."""
    unit = service()
    assert unit["RestartPreventExitStatus"] == str(USAGE)
    assert f"AIMON_STATE_DIR=/var/lib/{unit['StateDirectory']}" in unit["Environment"]
    assert (unit["ProtectSystem"], unit["DynamicUser"]) == ("strict", "yes")


def test_its_installation_is_told() -> None:
    """Every file and path of the unit is in the document."""
    told = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    for name in ("deploy/systemd/aimon.service", "/opt/aimon", "/etc/aimon/keys.env", "aimon.yaml"):
        assert name in told
