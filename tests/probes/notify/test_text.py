"""What people read of incidents, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.notifications.robots import Tone
from aimon.probes.incidents.kinds import Kind
from aimon.probes.notify import sentences
from aimon.probes.notify.notice import Action, Notice, Subject
from aimon.probes.notify.text import message

T0 = 1_700_000_000.0


def subject(endpoint: str = "qwen", **changes: Any) -> Subject:
    """An incident of an endpoint."""
    fields: dict[str, Any] = {
        "incident": 1, "endpoint": endpoint, "provider": "p", "model": "m", "region": "r", "severity": "critical",
        "opened_at": T0, "outcome": "timeout_ttft", "error": "no text within 15 s",
    }  # fmt: skip
    return Subject(**(fields | changes))


def notice(*subjects: Subject, **changes: Any) -> Notice:
    """A notice of incidents."""
    fields: dict[str, Any] = {
        "uid": "u", "action": Action.TRIGGER, "kind": "outage", "severity": "critical", "scope": "dashscope",
        "opened_at": T0, "subjects": subjects or (subject(),),
    }  # fmt: skip
    return Notice(**(fields | changes))


SINCE = "2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize(
    ("said", "english", "chinese"),
    [
        (
            notice(),
            f"[DOWN] qwen: outage\nqwen (m): since {SINCE}: timeout_ttft: no text within 15 s",
            f"[故障] qwen：不可用\nqwen (m)：{SINCE} 起: timeout_ttft: no text within 15 s",
        ),
        (
            notice(subject(flapping=True, error=None), subject("b"), suspects=("c",)),
            (
                f"[DOWN] dashscope, 2 endpoints (qwen, b): outage\nqwen (m): since {SINCE}, flapping: timeout_ttft\n"
                f"b (m): since {SINCE}: timeout_ttft: no text within 15 s\nalso failing: c"
            ),
            (
                f"[故障] dashscope 2 个端点（qwen, b）：不可用\nqwen (m)：{SINCE} 起（反复）: timeout_ttft\n"
                f"b (m)：{SINCE} 起: timeout_ttft: no text within 15 s\n同一服务商的其他失败端点：c"
            ),
        ),
        (
            notice(subject(resolved_at=T0 + 3725), action=Action.RESOLVE, resolved_at=T0 + 3725),
            f"[RESOLVED] qwen: outage\nqwen (m): since {SINCE}, for 1 h 2 min",
            f"[已恢复] qwen：不可用\nqwen (m)：{SINCE} 起，持续 1 小时 2 分",
        ),
        (
            notice(subject(outcome=None, error=sentences.left(1234.5, "CNY", 2.26)), kind="balance"),
            (
                f"[BALANCE LOW] qwen: the account will run out of money\nqwen (m): since {SINCE}: "
                "1,234.50 CNY left, 2.3 days at the present rate"
            ),
            f"[余额不足] qwen：账户余额即将用尽\nqwen (m)：{SINCE} 起: 剩余 1,234.50 CNY，按目前的速度可用 2.3 天",
        ),
        (
            notice(subject("job", model="", outcome=None, error=sentences.silent(3660)), kind="heartbeat"),
            f"[DOWN] job: not reported to be well\njob: since {SINCE}: no report for more than 61m",
            f"[故障] job：未按时上报正常状态\njob：{SINCE} 起: 超过 61m 没有上报",
        ),
    ],
)
def test_messages(said: Notice, english: str, chinese: str) -> None:
    """What happened to whom, since when and why; at the end, for how long."""
    for language, expected in (("en", english), ("zh", chinese)):
        found = message(said, language)
        assert f"{found.title}\n{found.text}" == expected


@pytest.mark.parametrize("kind", [*(kind.value for kind in Kind), "test"])
def test_every_kind_has_words_in_both_languages(kind: str) -> None:
    """Each kind of notice has texts in English and Chinese, which differ."""
    english, chinese = (message(notice(kind=kind), language).title for language in ("en", "zh"))
    assert english.isascii()
    assert not chinese.isascii()


def test_tones_and_long_lists() -> None:
    """A warning is no alarm; of many incidents the first twenty are listed."""
    many = notice(*(subject(f"e{i}") for i in range(30)), severity="warning")
    found = message(many, "en")
    assert (found.tone, message(notice(), "en").tone) == (Tone.WARNING, Tone.ALARM)
    assert found.title == "[DOWN] dashscope, 30 endpoints (e0, e1, e2, …): outage"
    assert found.text.splitlines()[20:] == ["and 10 more"]
