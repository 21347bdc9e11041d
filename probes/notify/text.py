"""What people read of a notice, in English or Chinese: a title and lines of plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aimon.language import CHINESE
from aimon.notifications.robots import ChatMessage, Tone
from aimon.probes.notify import sentences
from aimon.probes.notify.notice import Action, current

if TYPE_CHECKING:
    from aimon.probes.notify.notice import Notice, Subject

_LISTED: Final = 20
_NAMED: Final = 3

# By kind, in English and Chinese: the label of a title, and what it is about.
_WORDS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "outage": (("DOWN", "outage"), ("故障", "不可用")),
    "account": (("BLOCKED", "calls are refused because of the account"), ("受阻", "账户问题，调用被拒绝")),
    "config": (("BLOCKED", "calls are refused because of the configuration"), ("受阻", "配置问题，调用被拒绝")),
    "unreliable": (("DEGRADED", "intermittent failures"), ("降级", "间歇性失败")),
    "slow": (("DEGRADED", "slow answers"), ("降级", "响应缓慢")),
    "balance": (("BALANCE LOW", "the account will run out of money"), ("余额不足", "账户余额即将用尽")),
    "heartbeat": (("DOWN", "not reported to be well"), ("故障", "未按时上报正常状态")),
    "test": (
        ("TEST", "nothing is wrong, this is a test"),
        ("测试", "一切正常；仅测试消息能否送达"),
    ),
}
_RESOLVED: Final = ("RESOLVED", "已恢复")


def message(
    notice: Notice,
    language: str,
    *,
    maybe_repeated: bool = False,
    held_back: int = 0,
    per_hour: int | None = None,
) -> ChatMessage:
    """The message for people.

    Args:
        notice: what happened.
        language: en or zh.
        maybe_repeated: whether it was tried before, and may have arrived.
        held_back: incidents that were not sent because of the cap.
        per_hour: the cap.
    """
    chinese = language == CHINESE
    label, said = _WORDS.get(notice.kind, ((notice.kind.upper(), ""),) * 2)[chinese]
    if notice.action is Action.RESOLVE:
        label = _RESOLVED[chinese]
    lines = _lines(notice, chinese=chinese)
    if maybe_repeated:
        lines.append("（可能是重复消息）" if chinese else "(may be a repetition)")
    if held_back:
        lines.append(
            f"另有 {held_back} 起事件因每小时 {per_hour} 条的上限而推迟"
            if chinese
            else f"{held_back} more held back by the cap of {per_hour} an hour"
        )
    title = f"[{label}] {_who(notice, chinese=chinese)}{'：' if chinese else ': '}{said}"
    return ChatMessage(title, "\n".join(lines), _tone(notice))


def _tone(notice: Notice) -> Tone:
    if notice.action is Action.RESOLVE:
        return Tone.GOOD
    if notice.action is Action.TEST:
        return Tone.NEUTRAL
    return Tone.ALARM if notice.severity == "critical" else Tone.WARNING


def _who(notice: Notice, *, chinese: bool) -> str:
    names = list(dict.fromkeys(subject.endpoint for subject in notice.subjects))
    if len(names) <= 1:
        return names[0] if names else notice.scope
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    if chinese:
        return f"{notice.scope} {len(names)} 个端点（{shown}）"
    return f"{notice.scope}, {len(names)} endpoints ({shown})"


def _lines(notice: Notice, *, chinese: bool) -> list[str]:
    subjects = current(notice)
    lines = [_line(subject, chinese=chinese) for subject in subjects[:_LISTED]]
    if len(subjects) > _LISTED:
        more = len(subjects) - _LISTED
        lines.append(f"另有 {more} 个" if chinese else f"and {more} more")
    if notice.suspects and notice.action is not Action.RESOLVE:
        names = ", ".join(notice.suspects[:_LISTED])
        lines.append(f"同一服务商的其他失败端点：{names}" if chinese else f"also failing: {names}")
    if notice.ended_by == "removed":
        lines.append("已从配置中移除" if chinese else "removed from the configuration")
    return lines


def _line(subject: Subject, *, chinese: bool) -> str:
    error = sentences.told(subject.error, chinese=chinese)
    why = ": ".join(part for part in (subject.outcome, error) if part)
    start, end = _time(subject.opened_at), subject.resolved_at
    name = f"{subject.endpoint} ({subject.model})" if subject.model else subject.endpoint
    mark = ("（反复）" if chinese else ", flapping") if subject.flapping else ""
    if end is None:
        said = f"{name}：{start} 起{mark}" if chinese else f"{name}: since {start}{mark}"
        return f"{said}: {why}" if why else said
    length = _length(end - subject.opened_at, chinese=chinese)
    return f"{name}：{start} 起，持续 {length}" if chinese else f"{name}: since {start}, for {length}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _length(seconds: float, *, chinese: bool) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "小时", "h"), (minutes, "分", "min"), (rest if not hours else 0, "秒", "s"))
    found = [f"{n} {zh if chinese else en}" for n, zh, en in parts if n]
    return " ".join(found) or ("0 秒" if chinese else "0 s")
