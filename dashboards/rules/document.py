"""Rules as data, and the YAML file that Prometheus loads.

https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import yaml

from aimon.dashboards.rules.actions import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Severity = Literal["critical", "warning", "info", "none"]

# Prometheus puts its own address in, and serves the page with --web.user-assets; `aimon rules --runbook-url` names
# another copy.
RUNBOOK = "{{ externalURL }}/user/runbook.html"


class Text(NamedTuple):
    """What an alert says in one language: one line, and what it means."""

    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus computes ahead."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. `pending` is how long its expression must hold, as Prometheus writes it (`5m`)."""

    name: str
    expr: str
    severity: Severity
    en: Text
    zh: Text
    pending: str = "0s"
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Recording | Alert, ...]


def render(groups: Iterable[Group], *, runbook: str = RUNBOOK, note: str = "") -> str:
    """The rules file.

    Args:
        groups: what is in it.
        runbook: where each alert's `runbook_url` points to; the alert's name in small letters is the anchor.
        note: a comment for its first lines.
    """
    document = {"groups": [_group(group, runbook) for group in groups]}
    comment = "".join(f"# {line}\n" for line in note.splitlines())
    return comment + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _group(group: Group, runbook: str) -> dict[str, Any]:
    rules = [_recording(rule) if isinstance(rule, Recording) else _alert(rule, runbook) for rule in group.rules]
    return {"name": group.name, "rules": rules}


def _recording(rule: Recording) -> dict[str, Any]:
    labels = {"labels": dict(rule.labels)} if rule.labels else {}
    return {"record": rule.record, "expr": rule.expr, **labels}


def _alert(rule: Alert, runbook: str) -> dict[str, Any]:
    pending = {} if rule.pending == "0s" else {"for": rule.pending}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        **pending,
        "labels": {"severity": rule.severity, **rule.labels},
        "annotations": {
            "summary": rule.en.summary,
            "description": rule.en.description,
            "summary_zh": rule.zh.summary,
            "description_zh": rule.zh.description,
            "action": ACTIONS[rule.name].en,
            "action_zh": ACTIONS[rule.name].zh,
            "runbook_url": f"{runbook}#{rule.name.lower()}",
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, the way people write expressions."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
