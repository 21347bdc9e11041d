"""Operations about programs that report in by themselves."""

from __future__ import annotations

import os
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from aimon.config.yaml import variables
from aimon.config.yaml.issues import shown, suggestion
from aimon.probes.heartbeats import beats
from aimon.probes.heartbeats.beats import Beat
from aimon.probes.heartbeats.state import HeartbeatState, heartbeats, uptime
from aimon.probes.history.queries.uptime import BAR_WINDOWS
from aimon.probes.service.api import answers
from aimon.probes.service.api.answers import moment
from aimon.probes.service.api.problems import ProblemError

if TYPE_CHECKING:
    from aimon.config.model.storage import HeartbeatSection
    from aimon.probes.heartbeats.state import Heartbeat
    from aimon.probes.service.api.operation import Call


class Report(Struct, forbid_unknown_fields=True):
    """What a program says of itself."""

    status: Annotated[Literal["up", "down"], Meta(description="Whether all is well.")] = "up"
    message: Annotated[str, Meta(max_length=beats.LONGEST_MESSAGE, description="Shown beside it.")] | None = None


def list_heartbeats(call: Call) -> answers.Heartbeats:
    """How programs that report in are."""
    found = heartbeats(call.database, call.context.heartbeats, call.now)
    return answers.Heartbeats([_heartbeat(call, each) for each in found])


def report(call: Call) -> answers.Received:
    """A program reports in."""
    known = {each.name: each for each in call.context.heartbeats}
    if (written := known.get(call.path["name"])) is None:
        name = call.path["name"]
        hint = suggestion(name, known) if known else "add it to heartbeats: in the configuration"
        raise ProblemError(404, f"no heartbeat '{shown(name)}'; {hint}")
    if (token := _token(call, written)) is not None and not compare_digest((call.token or "").encode(), token.encode()):
        raise ProblemError(401, "send this heartbeat's token: Authorization: Bearer …")
    body: Report = call.body
    well = body.status == "up"
    message = None if body.message is None else call.context.redactor().text(body.message)
    beats.record(call.writable, written.name, Beat(call.now, well, message))
    return answers.Received(
        written.name,
        HeartbeatState.UP if well else HeartbeatState.DOWN,
        moment(call.now + written.every + written.grace),
    )


def _token(call: Call, written: HeartbeatSection) -> str | None:
    if written.token_file is None:
        return call.service_token
    try:
        path = Path(variables.expand(written.token_file, os.environ))
        token = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ProblemError(503, f"the token file of heartbeat {written.name} can't be read: {error}") from error
    if not token:
        raise ProblemError(503, f"the token file of heartbeat {written.name} is empty")
    return token


def _heartbeat(call: Call, found: Heartbeat) -> answers.Heartbeat:
    reports = beats.since(call.database, found.name, call.now - max(BAR_WINDOWS.values()))
    patience = found.every + found.grace
    return answers.Heartbeat(
        name=found.name,
        title=found.title,
        state=found.state,
        every_s=found.every,
        grace_s=found.grace,
        last_at=moment(found.last_at),
        due_at=moment(found.due_at),
        message=found.message,
        uptime={
            name: uptime(_inside(reports, call.now - seconds), patience, call.now - seconds, call.now)
            for name, seconds in BAR_WINDOWS.items()
        },
    )


def _inside(reports: list[Beat], begin: float) -> list[Beat]:
    """The reports from `begin` on, and the one before."""
    before = [i for i, each in enumerate(reports) if each.at < begin]
    return reports[before[-1] :] if before else reports
