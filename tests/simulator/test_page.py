"""The page about the simulator names everything that there is to set and to read."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

from aimon.simulator import Profile, Record
from aimon.simulator.model.faults import FRAMING_STYLES, RULE_FIELDS
from aimon.simulator.server.control import control_routes
from aimon.simulator.world.world import World

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_every_field_of_a_profile() -> None:
    """Each field is in the table, with its default where that is a number."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for field in fields(Profile):
        (row,) = (row for row in rows if f"`{field.name}`" in row.split("|")[1])
        if field.default is not MISSING and type(field.default) in (int, float):
            assert f"{field.default:g}" in row.split("|")[2], field.name


def test_every_endpoint() -> None:
    """Each control route is in the table."""
    for route in control_routes(World([Profile()], seed=0, records=1)):
        path = route.path.replace("{request_id}", "ID")
        assert any(f"/_sim{path}`" in line for line in PAGE.splitlines()), path


def test_every_option_and_mark() -> None:
    """Options of rules, styles of framing and the marks of a record are named."""
    self_explaining = {"id", "dialect", "model", "stream", "status", "profile", "key_sent"}
    tokens = {"input_tokens", "output_tokens", "reasoning_tokens"}
    named = {f.name for f in fields(Record)} - self_explaining - tokens
    for name in (*named, *RULE_FIELDS[1:]):
        assert f"`{name}`" in PAGE or f"{name}=" in PAGE, name
    for style in FRAMING_STYLES:
        assert style in PAGE, style
