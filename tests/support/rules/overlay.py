"""The one overlay that lets the shipped configuration run in a test: other addresses, and a shorter minute.

Everything else is what `deploy/` mounts. What the overlay changes, and all that it changes:

- addresses: of the Pushgateway, Alertmanager, mail server, PagerDuty, bridge and heartbeat: loopback ports;
- paths: of rules, templates and secrets: the repository's, and the test's folder;
- time: 60 times as fast. A pending time or a wait of a minute is a second; a rate's window is a 60th, and 20 s at the
  most, so that an alert whose window is a day resolves while the test waits. Scrapes and evaluations: twice a second.
- latency: a twentieth. "Slow" is more than 0.5 s in place of 10 s, so that three slow calls fit into a window of 5 s.
- TLS to the mail server is not asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from aimon.metrics.definitions import DURATION
from aimon.quantities import seconds

if TYPE_CHECKING:
    from services import Alertmanager, Prometheus, Pushgateway

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "dashboards" / "prometheus" / "prometheus.yml"
RULES = ROOT / "dashboards" / "prometheus" / "rules" / "aimon.yml"
ALERTMANAGER = ROOT / "dashboards" / "alertmanager" / "alertmanager.yml"
FASTER = 60
LONGEST_WINDOW_S = 20.0
SLOW_S = 0.5
# The threshold of a latency, and the bucket that ends there.
_SLOW = ((re.compile(r"> 10\b"), f"> {SLOW_S}"), (re.compile(r'le=~"10\|10\[\.\]0"'), f'le="{SLOW_S}"'))
_WAITS = {"group_wait", "group_interval", "repeat_interval", "resolve_timeout"}


def rules(folder: Path) -> Path:
    """Writes the rules with the shorter minute."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[(\w+)\]", lambda match: f"[{_window(match[1])}]", _sooner_slow(rule["expr"]))
            if "for" in rule:
                rule["for"] = _shorter(rule["for"])
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def local_prometheus(rules_file: Path, servers: tuple[Alertmanager, Pushgateway, Prometheus]) -> None:
    """Configures a Prometheus of the test to scrape itself and the gateway, and to alert through the Alertmanager."""
    named = zip(("alertmanager:9093", "pushgateway:9091", "127.0.0.1:9090"), servers, strict=True)
    servers[-1].config = prometheus(rules_file, {name: f"127.0.0.1:{server.port}" for name, server in named})


def prometheus(rules_file: Path, addresses: dict[str, str]) -> dict[str, Any]:
    """The configuration of Prometheus; `addresses` maps those of the compose network to loopback ones."""
    text = PROMETHEUS.read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(_readdressed(text, addresses))
    document["rule_files"] = [str(rules_file)]
    document["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    return document


def alertmanager(secrets: Path, addresses: dict[str, str], source: Path = ALERTMANAGER) -> dict[str, Any]:
    """The configuration of Alertmanager, as shipped or as written to `source`."""
    text = source.read_text(encoding="utf-8")
    text = text.replace("/run/secrets", str(secrets)).replace("/etc/alertmanager", str(source.parent))
    document: dict[str, Any] = _faster(yaml.safe_load(_readdressed(text, addresses)))
    document["templates"] = [str(source.parent / pattern) for pattern in document["templates"]]
    document["global"]["smtp_require_tls"] = False
    return document


def _readdressed(text: str, addresses: dict[str, str]) -> str:
    for shipped, own in addresses.items():
        assert shipped in text, f"{shipped} is not in the configuration: the overlay is out of date"
        text = text.replace(shipped, own)
    return text


def _sooner_slow(expr: str) -> str:
    if DURATION in expr:
        for shipped, own in _SLOW:
            expr = shipped.sub(own, expr)
    return expr


def _faster(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shorter(each) if key in _WAITS else _faster(each) for key, each in value.items()}
    return [_faster(each) for each in value] if isinstance(value, list) else value


def _shorter(duration: str) -> str:
    return "0s" if duration == "0s" else f"{max(1, round(seconds(duration) * 1000 / FASTER))}ms"


def _window(duration: str) -> str:
    return f"{round(min(seconds(duration) / FASTER, LONGEST_WINDOW_S) * 1000)}ms"
