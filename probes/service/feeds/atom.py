"""`/incidents.atom`: incidents as an Atom feed (RFC 4287), the newest first."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

from aimon.probes.incidents import reader
from aimon.probes.notify import sentences

if TYPE_CHECKING:
    from aimon.probes.history.database import Database
    from aimon.probes.incidents.reader import Incident

MEDIA_TYPE = "application/atom+xml"
ENTRIES = 50
_ATOM = "http://www.w3.org/2005/Atom"
_WORDS = {
    "en": {"title": "Incidents", "open": "open", "resolved": "resolved", "since": "since", "until": "until"},
    "zh": {"title": "事件", "open": "未恢复", "resolved": "已恢复", "since": "开始于", "until": "结束于"},
}
_KINDS_ZH = {
    "outage": "故障",
    "account": "账户问题",
    "config": "配置问题",
    "unreliable": "不稳定",
    "slow": "响应慢",
    "balance": "余额不足",
    "heartbeat": "未按时上报正常状态",
}


def feed(database: Database, base: str, started_at: float, language: str) -> bytes:
    """The feed.

    Args:
        database: the history's.
        base: the address of the service, without a slash at its end.
        started_at: unix time of the feed where there is no incident yet.
        language: en or zh.

    Raises:
        HistoryError: the history cannot be read.
    """
    words = _WORDS[language]
    found = reader.incidents(database, limit=ENTRIES).incidents
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": language})
    _add(root, "id", f"{base}/incidents.atom")
    _add(root, "title", f"aimon: {words['title']}")
    _add(root, "updated", _time(max((_changed(each) for each in found), default=started_at)))
    ET.SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=f"{base}/incidents.atom")
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=f"{base}/")
    author = ET.SubElement(root, "author")
    _add(author, "name", "aimon")
    for incident in found:
        _entry(root, incident, base, language)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _entry(root: ET.Element, incident: Incident, base: str, language: str) -> None:
    words = _WORDS[language]
    kind = _KINDS_ZH.get(incident.kind.value, incident.kind.value) if language == "zh" else incident.kind.value
    state = words["open"] if incident.is_open else words["resolved"]
    reason = f" ({incident.outcome})" if incident.outcome else ""
    entry = ET.SubElement(root, "entry")
    # The same as long as the incident is, whatever the address of the service is.
    _add(entry, "id", uuid.uuid5(uuid.NAMESPACE_URL, f"aimon/{incident.group}/{incident.id}").urn)
    _add(entry, "title", f"{incident.endpoint}: {kind}{reason}, {state}")
    _add(entry, "published", _time(incident.opened_at))
    _add(entry, "updated", _time(_changed(incident)))
    page = f"{base}/endpoint/{quote(incident.endpoint, safe='')}"
    ET.SubElement(entry, "link", rel="alternate", type="text/html", href=page)
    ET.SubElement(entry, "category", term=incident.kind.value)
    who = ", ".join(part for part in (incident.provider, incident.model) if part)  # of a program there is nothing
    lines = [*([who] if who else []), f"{words['since']} {_time(incident.began_at)}"]
    if incident.resolved_at is not None:
        lines.append(f"{words['until']} {_time(incident.resolved_at)}")
    if error := sentences.told(incident.error, chinese=language == "zh"):
        lines.append(error)
    _add(entry, "content", "\n".join(lines))


def _changed(incident: Incident) -> float:
    return incident.opened_at if incident.resolved_at is None else incident.resolved_at


def _add(parent: ET.Element, name: str, text: str) -> None:
    # Control characters can't be in XML, not even escaped; surrogates can't be in UTF-8.
    ET.SubElement(parent, name).text = "".join(
        char for char in text if char == "\n" or unicodedata.category(char) not in {"Cc", "Cs", "Cn"}
    )


def _time(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # what a broken clock has left
        return "1970-01-01T00:00:00Z"
