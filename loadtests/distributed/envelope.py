"""Messages between master and workers, validated as they come in: Locust's envelope, read strictly. Needs no gevent.

Locust's own reader accepts whatever msgpack makes of the bytes, and its listener ends at the first unexpected message:
after a single byte C1 from anyone a master receives nothing more. Here an envelope is a type that this
side knows, data of the right shape, and the sender's own name; all else is an EnvelopeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # it has no types

from aimon.loadtests.protocol import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Bytes; larger than any StatsDelta, which covers half a second.
LARGEST = 64 << 20
_LONGEST_TEXT = 1024
_MOST_FIELDS = 16


class EnvelopeError(ValueError):
    """Not a message that this side expects."""


class Envelope(NamedTuple):
    """A message: its type, its data, and the id of the worker that it is from or for."""

    kind: str
    data: Any
    worker: str


def from_worker(frames: Sequence[bytes]) -> Envelope:
    """What a master received: the sender's address, which ZeroMQ puts in front, and the message.

    Raises:
        EnvelopeError: it is nothing that a worker says, or in the name of another one.
    """
    if len(frames) != 2:
        raise EnvelopeError(f"{len(frames)} frames")
    try:
        sender = frames[0].decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError("the sender's address is not text") from error
    envelope = _read(frames[1], _OF_WORKERS)
    if envelope.worker != sender:
        raise EnvelopeError("in the name of another worker")
    return envelope


def from_master(frames: Sequence[bytes], worker: str) -> Envelope:
    """What the worker of that id received.

    Raises:
        EnvelopeError: it is nothing that a master says, or for another worker.
    """
    if len(frames) != 1:
        raise EnvelopeError(f"{len(frames)} frames")
    envelope = _read(frames[0], _OF_MASTERS)
    if envelope.worker != worker:
        raise EnvelopeError("for another worker")
    return envelope


def _read(body: bytes, known: Mapping[str, Callable[[Any], bool]]) -> Envelope:
    try:
        read = msgpack.unpackb(
            body,
            raw=False,
            max_str_len=_LONGEST_TEXT,
            max_bin_len=LARGEST,
            max_array_len=len(Envelope._fields),
            max_map_len=_MOST_FIELDS,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise EnvelopeError(f"not an envelope: {error}") from error
    if not isinstance(read, list) or len(read) != len(Envelope._fields):
        raise EnvelopeError("not an envelope")
    kind, data, worker = read
    if not isinstance(kind, str) or kind not in known or not isinstance(worker, str):
        raise EnvelopeError("of an unknown type")
    if not known[kind](data):
        raise EnvelopeError(f"{kind} with data of another shape")
    return Envelope(kind, data, worker)


def _is_bytes(data: Any) -> bool:
    return isinstance(data, bytes)


def _is_text(data: Any) -> bool:
    return isinstance(data, str)


def _is_nothing(data: Any) -> bool:
    return data is None


def _is_index(data: Any) -> bool:
    """The worker's index, which masters of old versions do not send."""
    return data is None or (isinstance(data, dict) and set(data) <= {"index"} and isinstance(data.get("index", 0), int))


def _is_heartbeat(data: Any) -> bool:
    """A worker's heartbeat."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("state"), str)
        and isinstance(data.get("current_cpu_usage"), int | float)
        and isinstance(data.get("current_memory_usage", 0), int | float)
    )


_ORDERS = (messages.Configure, messages.RunFirst, messages.StartStage, messages.Rebalance, messages.StopCalls)
# Locust's own messages that aimon's runs depend on, and ours; the rest of Locust's is about its users and statistics.
_OF_WORKERS: Mapping[str, Callable[[Any], bool]] = {
    "client_ready": _is_text,
    "heartbeat": _is_heartbeat,
    "quit": _is_nothing,
    messages.STATS: _is_bytes,
    **{messages.kind(each): _is_bytes for each in (messages.Register, messages.Ready, messages.FirstDone)},
}
_OF_MASTERS: Mapping[str, Callable[[Any], bool]] = {
    "ack": _is_index,
    "heartbeat": _is_nothing,
    "quit": _is_nothing,
    **{messages.kind(each): _is_bytes for each in _ORDERS},
}
EXPECTED_OF_WORKERS = frozenset(_OF_WORKERS)
