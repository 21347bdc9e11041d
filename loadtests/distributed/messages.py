"""The messages between a master and its workers, which travel in Locust's envelopes as bytes of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from aimon.call.result import Result  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol.plan import Plan  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol.stage import Order, Part  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from locust.runners import MasterRunner, WorkerRunner

_Body = TypeVar("_Body")


class Hello(msgspec.Struct, kw_only=True, tag="aimon_hello"):
    """A worker has come."""

    version: str
    host: str
    pid: int


class Welcome(msgspec.Struct, kw_only=True, tag="aimon_welcome"):
    """The plan, for worker `index` of `workers`."""

    plan: Plan
    index: int
    workers: int


class Ready(msgspec.Struct, kw_only=True, tag="aimon_ready"):
    """The worker can follow the plan, with a `model` of its own configuration, or `problem` says why not."""

    problem: str | None = None
    model: str | None = None


class First(msgspec.Struct, kw_only=True, tag="aimon_first"):
    """Make the first call."""


class FirstDone(msgspec.Struct, kw_only=True, tag="aimon_first_done"):
    """The first call's Result, and why there should be no more calls."""

    result: Result
    why: str | None


class Begin(msgspec.Struct, kw_only=True, tag="aimon_begin"):
    """Carry out this part of an order."""

    order: Order
    part: Part


class Divide(msgspec.Struct, kw_only=True, tag="aimon_divide"):
    """Go on with another part of the same order."""

    part: Part


class Stop(msgspec.Struct, kw_only=True, tag="aimon_stop"):
    """Start no more calls; with `cut`, end those under way, too."""

    cut: bool


# A report is packed by `orders`, since it holds what JSON doesn't.
REPORT = "aimon_report"


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
