"""What concerns `aimon serve` alone: how it listens, and when it does not probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.config.model.sections import Section, key, many, rule, section
from aimon.config.model.values.times import CRON, MOMENT
from aimon.config.model.values.types import DURATION, NAME, TEMPLATE, TEXT, count
from aimon.config.yaml.issues import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator


class TlsSection(Section):
    """PEM files with which pages and metrics are served by HTTPS."""

    certificate: str | None = key(
        TEMPLATE, "The certificate, with its chain.", required=True, example="/etc/aimon/tls.crt"
    )
    key: str | None = key(TEMPLATE, "Its key; in the certificate's file by default.", example="/etc/aimon/tls.key")


class ServeSection(Section):
    """How `aimon serve` runs; what its command line says wins. A reload does not change it."""

    listen: str | None = key(TEMPLATE, "Address for pages and metrics.", example="127.0.0.1:9464")
    token_file: str | None = key(
        TEMPLATE,
        "A file that holds the token to ask for, as `Authorization: Bearer …` or as a password; where others can "
        "reach the address, there must be one.",
        example="/run/secrets/aimon-token",
    )
    tls: TlsSection | None = key(section(TlsSection), "Serve HTTPS.")
    max_concurrency: int = key(count(1, 10_000), "Endpoints that are probed at once, at most.", default=100)


class MaintenanceSection(Section):
    """A time at which endpoints are not probed: either from `start` to `end`, or from each `cron` time for `duration`.

    There is no result then, so that nothing counts against uptime, costs money or notifies.
    """

    title: str = key(TEXT, "What is done, for the status page.", required=True, example="Upgrade of the gateway")
    endpoints: tuple[str, ...] = key(
        many(NAME), "Which endpoints it concerns; all of them by default.", default=(), example=["qwen-prod"]
    )
    start: str | None = key(MOMENT, "When it begins; in `timezone`, if it names no offset.", example="2027-01-31T02:00")
    end: str | None = key(MOMENT, "When it ends.", example="2027-01-31T04:00")
    cron: str | None = key(CRON, "When it begins, again and again; in `timezone`.", example="0 2 * * 0")
    duration: float | None = key(DURATION, "How long it takes each time.", example="2h")


@rule(MaintenanceSection)
def maintenance(written: MaintenanceSection) -> Iterator[Issue]:
    """It has a beginning and an end, in one of two ways, and the beginning comes first."""
    from datetime import datetime  # noqa: PLC0415 - few files have maintenance windows

    once, repeated = (written.start, written.end), (written.cron, written.duration)
    if any(once) and any(repeated):
        yield Issue((), "start and end are for one time, cron and duration for repeated ones: keep two of the four")
    elif None in once and None in repeated:
        yield Issue((), "when? add start and end, or cron and duration")
    elif written.start is not None and written.end is not None:
        start, end = datetime.fromisoformat(written.start), datetime.fromisoformat(written.end)
        if (start.tzinfo is None) != (end.tzinfo is None):
            yield Issue(("end",), "start and end must both name an offset from UTC, or neither")
        elif end <= start:
            yield Issue(("end",), "must be after start")
