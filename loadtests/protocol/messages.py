"""The messages between a master and its workers, which travel in Locust's envelopes as bytes of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from aimon.loadtests.protocol.first_iteration import FirstIteration  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol.plan import Plan  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol.stage import Assignment, Stage  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from locust.runners import MasterRunner, WorkerRunner

_Body = TypeVar("_Body")


class Register(msgspec.Struct, kw_only=True, tag="aimon_register"):
    """A worker connects: its version, host and process id."""

    version: str
    host: str
    pid: int


class Configure(msgspec.Struct, kw_only=True, tag="aimon_configure"):
    """The plan, for worker `index` of `workers`."""

    plan: Plan
    index: int
    workers: int


class Ready(msgspec.Struct, kw_only=True, tag="aimon_ready"):
    """The worker can run the plan, with the `model` of its configuration; or `problem` says why it can't."""

    problem: str | None = None
    model: str | None = None


class RunFirst(msgspec.Struct, kw_only=True, tag="aimon_run_first"):
    """Run the first iteration."""


class FirstDone(msgspec.Struct, kw_only=True, tag="aimon_first_done"):
    """What became of the first iteration."""

    first: FirstIteration


class StartStage(msgspec.Struct, kw_only=True, tag="aimon_start_stage"):
    """Start this share of a stage."""

    stage: Stage
    assignment: Assignment


class Rebalance(msgspec.Struct, kw_only=True, tag="aimon_rebalance"):
    """Continue the same stage with another share."""

    assignment: Assignment


class StopCalls(msgspec.Struct, kw_only=True, tag="aimon_stop_calls"):
    """Start no more calls; with `cut`, also end the calls under way."""

    cut: bool


# A StatsDelta has a codec of its own (`stage.pack`), since its statistics are no plain JSON.
STATS = "aimon_stats"


def send(runner: MasterRunner | WorkerRunner, name: str, body: bytes, client_id: str | None = None) -> None:
    """Sends bytes; Locust's annotation knows dictionaries alone, its envelope whatever msgpack does."""
    runner.send_message(name, body, client_id)  # type: ignore[arg-type]  # see above


def kind(message: type[msgspec.Struct]) -> str:
    """The name under which Locust knows messages of this type."""
    return str(message.__struct_config__.tag)


def encode(message: msgspec.Struct) -> bytes:
    """A message as bytes."""
    return msgspec.json.encode(message)


def decode(data: bytes, message: type[_Body]) -> _Body:
    """The inverse of `encode`.

    Raises:
        msgspec.ValidationError: it is no such message, as when the other side is of another version.
    """
    return msgspec.json.decode(data, type=message)
