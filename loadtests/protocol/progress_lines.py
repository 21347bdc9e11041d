"""Progress records as lines of JSON, for the pipe from a run's process to its command. Needs no gevent."""

from __future__ import annotations

from typing import Any

import msgspec

from aimon.loadtests.protocol.progress import Progress


class FinalReport(msgspec.Struct, kw_only=True):
    """The last record of a run that came to a report: report.json, and the totals of all calls, if asked for."""

    report: dict[str, Any]
    totals: dict[str, Any] | None = None


def encode(record: Progress | FinalReport) -> bytes:
    """A record as a line."""
    return msgspec.json.encode(record) + b"\n"


def decode(line: bytes) -> Progress | FinalReport:
    """The record of a line.

    Raises:
        msgspec.MsgspecError: it holds none.
    """
    fields = msgspec.json.decode(line)
    if isinstance(fields, dict) and "report" in fields:
        return msgspec.convert(fields, FinalReport)
    return msgspec.convert(fields, Progress)
