"""Incidents, degraded endpoints, channels of notifications, announcements and account balances."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from aimon.config.incident_policy import Threshold
from aimon.config.model.sections import Section, ValueType, key, many, rule, section
from aimon.config.model.values.times import MOMENT
from aimon.config.model.values.types import DURATION, FLAG, MONEY, NAME, TEMPLATE, TEXT, count, words
from aimon.config.yaml import variables
from aimon.config.yaml.issues import Issue, is_keylike
from aimon.language import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.quantities import Amount

SEVERITIES: Final = ("info", "warning", "critical")
"""In ascending order."""

_MOST: Final = 1000
_THRESHOLD: Final = re.compile(r"([0-9]{1,6}) +of +([0-9]{1,6})")
NEVER: Final = Threshold(0, 0)

# A run of letters and digits such as a token, not such as a host or a word.
_TOKENLIKE: Final = re.compile(r"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}")
_USERINFO: Final = re.compile(r"//[^/?#@]*:[^/?#@]*@")


def threshold(value: object) -> Threshold:
    """Reads `3 of 5`.

    Raises:
        ValueError: not one; the message says what to write.
    """
    match = _THRESHOLD.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a threshold such as 3 of 5: so many bad results among the last so many")
    found = Threshold(int(match[1]), int(match[2]))
    if not 1 <= found.bad <= found.of <= _MOST:
        raise ValueError(f"{match[1]} of {match[2]} can't be: write N of M, 1 ≤ N ≤ M ≤ {_MOST}")
    return found


def threshold_or_none(value: object) -> Threshold:
    """As `threshold`, or `none`, which is never reached."""
    return NEVER if value == "none" else threshold(value)


def _threshold_text(value: Threshold) -> str:
    return "none" if value == NEVER else str(value)


_PATTERN: Final = r"^[0-9]+ +of +[0-9]+$"
THRESHOLD: Final = ValueType(threshold, {"type": "string", "pattern": _PATTERN}, _threshold_text)
THRESHOLD_OR_NONE: Final = ValueType(
    threshold_or_none, {"anyOf": [{"const": "none"}, {"type": "string", "pattern": _PATTERN}]}, _threshold_text
)
SEVERITY: Final = words(SEVERITIES, "severity")


class IncidentSection(Section):
    """When failures are an incident, and when it is over."""

    open: Threshold | None = key(
        THRESHOLD, "An incident opens after so many failures among the last so many probes.", example="3 of 5"
    )
    resolve: int | None = key(count(1, 100), "It is over after so many successes in a row.", example=2)
    severity: str | None = key(SEVERITY, "Severity of an outage.", example="critical")
    flapping: int | None = key(
        count(2, 100),
        "Incidents that open this often within an hour are flapping: they then need five times as many successes.",
        example=3,
    )
    group_wait: float | None = key(
        DURATION, "How long to wait for other endpoints of the provider, to notify of all at once.", example="15s"
    )


class DegradedSection(Section):
    """When an endpoint is degraded: slow, or failing now and then."""

    latency: float | None = key(
        DURATION, "A call that takes longer is slow; by default the objective of its highest percentile.", example="10s"
    )
    ttft: float | None = key(
        DURATION,
        "A call whose first text comes later is slow; by default the objective of the highest percentile of TTFT.",
        example="3s",
    )
    slow: Threshold | None = key(
        THRESHOLD_OR_NONE,
        "How many slow calls among the last ones make the endpoint degraded, or `none`.",
        example="3 of 5",
    )
    failures: Threshold | None = key(
        THRESHOLD_OR_NONE,
        "How many failed calls among the last ones make the endpoint degraded, or `none`.",
        example="3 of 20",
    )
    resolve: int | None = key(count(1, 100), "It is over after so many good calls in a row.", example=5)


class ChannelSection(Section):
    """Where notifications go. A text alone is the URL of an apprise service."""

    name: str = key(NAME, "Its name on the page and in commands; unique.", required=True, example="oncall")
    kind: str = key(
        words(("pagerduty", "alertmanager", "webhook", "wecom", "dingtalk", "feishu", "apprise"), "kind of channel"),
        "What it is.",
        required=True,
        example="pagerduty",
    )
    url: str | None = key(TEMPLATE, "Its address; secrets in it come from variables.", example="${ROBOT_URL}")
    url_file: str | None = key(TEMPLATE, "A file that holds the address.", example="/run/secrets/robot")
    routing_key: str | None = key(TEMPLATE, "PagerDuty: the integration key.", example="${PAGERDUTY_KEY}")
    routing_key_file: str | None = key(TEMPLATE, "PagerDuty: a file that holds it.")
    secret: str | None = key(
        TEMPLATE, "What messages are signed with: dingtalk, feishu, webhook.", example="${ROBOT_SECRET}"
    )
    secret_file: str | None = key(TEMPLATE, "A file that holds it.")
    token: str | None = key(TEMPLATE, "Bearer token: webhook, alertmanager.", example="${WEBHOOK_TOKEN}")
    token_file: str | None = key(TEMPLATE, "A file that holds it.")
    min_severity: str = key(
        SEVERITY, "Incidents of lower severity are not sent here.", default="info", example="warning"
    )
    per_hour: int | None = key(
        count(1, 10_000),
        "The most incidents sent within an hour; more wait. 30 for robots and apprise, no limit for the others.",
        example=20,
    )
    recovery: bool = key(FLAG, "Whether the end of an incident is sent.", default=True)
    language: str | None = key(
        words(LANGUAGES, "language"), "Language of its messages; by default that of the service."
    )


class AnnouncementSection(Section):
    """Something to tell the readers of the status page."""

    title: str = key(TEXT, "In a few words.", required=True, example="New region on 1 December")
    text: str | None = key(TEXT, "In some more.")
    severity: str = key(SEVERITY, "How it is shown.", default="info")
    start: str | None = key(
        MOMENT, "When it begins to be shown; in `timezone`, if it names no offset.", example="2026-12-01T09:00"
    )
    end: str | None = key(MOMENT, "Until when.", example="2026-12-02T09:00+08:00")
    endpoints: tuple[str, ...] = key(
        many(NAME), "Endpoints that it concerns; all by default.", default=(), example=["qwen-prod"]
    )


class BalanceSection(Section):
    """Account balances, polled by `aimon serve` where the provider has an API for them."""

    enabled: bool = key(FLAG, "Whether balances are polled.", default=True)
    interval: float = key(DURATION, "How often.", default=3600.0, example="1h")
    days: float = key(
        DURATION,
        "An incident opens when the balance lasts for less than this at the present rate.",
        default=7 * 86400.0,
    )
    amount: Amount | None = key(MONEY, "Or when the balance is below this amount.", example="20 CNY")


# What each kind needs, of which the first may also be in a file, and what else it takes.
_NEEDS: Final = {"pagerduty": "routing_key"}
_TAKES: Final = {
    "pagerduty": ("routing_key", "url"),
    "alertmanager": ("url", "token"),
    "webhook": ("url", "secret", "token"),
    "wecom": ("url",),
    "dingtalk": ("url", "secret"),
    "feishu": ("url", "secret"),
    "apprise": ("url",),
}
_ROBOTS: Final = ("wecom", "dingtalk", "feishu")


@rule(ChannelSection)
def channel(written: ChannelSection) -> Iterator[Issue]:
    """A channel has what its kind needs, nothing that it does not take, and no secret in the file."""
    needed = _NEEDS.get(written.kind, "url")
    for name in ("url", "routing_key", "secret", "token"):
        value, file = getattr(written, name), getattr(written, f"{name}_file")
        if name not in _TAKES[written.kind]:
            for given in (name, f"{name}_file"):
                if getattr(written, given) is not None:
                    yield Issue((given,), f"a {written.kind} channel has none: remove it", at_key=True)
            continue
        if value is None and file is None:
            if name == needed:
                yield Issue((name,), f"missing; add {name}: ${{NAME}}, or {name}_file: /path")
        elif value is not None and file is not None:
            yield Issue((f"{name}_file",), f"{name} already gives it: keep one of the two")
        elif value is not None and _is_secret(written.kind, name, value):
            yield Issue((name,), "a secret does not belong in this file: export it and write ${NAME}")


def _is_secret(kind: str, name: str, value: str) -> bool:
    """Whether what stands in the file itself is a secret."""
    literal = variables.literal(value)
    if name != "url":
        return bool(literal)
    if is_keylike(literal) or _USERINFO.search(literal):
        return True
    if kind in _ROBOTS:  # their key is in the URL
        return not variables.names(value)
    if kind == "apprise" and not variables.names(value):
        return _TOKENLIKE.search(literal.partition("://")[2]) is not None
    return False


@rule(AnnouncementSection)
def announcement(written: AnnouncementSection) -> Iterator[Issue]:
    """It ends after it has begun."""
    if written.start is None or written.end is None:
        return
    start, end = datetime.fromisoformat(written.start), datetime.fromisoformat(written.end)
    if (start.tzinfo is None) != (end.tzinfo is None):
        yield Issue(("end",), "start and end must both name an offset from UTC, or neither")
    elif end <= start:
        yield Issue(("end",), "must be after start")


_CHANNEL: Final = section(ChannelSection)


def _read_channel(value: Any) -> ChannelSection:
    """A channel, or the URL of an apprise service alone."""
    if not isinstance(value, str):
        return _CHANNEL.read(value)  # type: ignore[no-any-return]
    url = TEMPLATE.read(value)
    scheme = url.partition("://")[0] if "://" in url and not variables.names(url.partition("://")[0]) else "apprise"
    made = ChannelSection(name=_name_of(scheme), kind="apprise", url=url)
    for issue in channel(made):
        raise ValueError(issue.message)
    return made


def _name_of(scheme: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", scheme).strip("-._")[:50] or "apprise"


_CHANNELS: Final = many(
    ValueType(_read_channel, {"anyOf": [{"type": "string", "minLength": 1}, _CHANNEL.schema]}, _CHANNEL.write)
)


def _read_channels(value: Any) -> tuple[ChannelSection, ...]:
    """The channels; URLs that stand alone are named after their service, and numbered where it has several."""
    read: tuple[ChannelSection, ...] = _CHANNELS.read(value)
    taken = {each.name for each, written in zip(read, value, strict=True) if not isinstance(written, str)}
    named = []
    for each, written in zip(read, value, strict=True):
        name, number = each.name, 2
        while isinstance(written, str) and name in taken:
            name, number = f"{each.name}-{number}", number + 1
        taken.add(name)
        named.append(replace(each, name=name))
    return tuple(named)


CHANNELS: Final = ValueType(_read_channels, _CHANNELS.schema, _CHANNELS.write)
SECTIONS: Final = (IncidentSection, DegradedSection, ChannelSection, AnnouncementSection, BalanceSection)
