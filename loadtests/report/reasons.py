"""Reasons in the reader's language. A report's JSON has them in English, whoever reads it.

A reason may be several, joined, with names and numbers in them: each known phrase is replaced where it stands. What is
no phrase (outcomes, what a provider said) stays as it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from aimon.language import CHINESE, current

# What may stand in an English phrase. The Chinese one has them by their number, from 0.
_PLACES: Final = {"{}": r"(\S+?)", "{name}": "(.+?)", "{objective}": r"(\S+[<>]\S+)"}
# Of two that begin alike, the longer one comes first.
_PHRASES: Final = (
    # How a run ended
    ("it was stopped after {} of {} s", "运行 {0} 秒（计划 {1} 秒）后被停止"),
    ("it was stopped by a signal", "被信号停止"),
    (
        "it was stopped by Locust's runner: by the web page, or by the scenario itself",
        "被 Locust 的 runner 停止：来自网页，或来自场景本身",
    ),
    ("it was stopped by Locust's web page", "在 Locust 网页上被停止"),
    ("the process that started it has ended", "启动它的进程已经结束"),
    ("the last worker was lost", "最后一个 worker 丢失"),
    ("{} calls or more were lost with a worker", "随 worker 丢失至少 {0} 次调用"),
    ("{} of {} calls were lost with a worker", "{1} 次调用中有 {0} 次随 worker 丢失"),
    ("{} of {} iterations were lost with a worker", "{1} 次迭代中有 {0} 次随 worker 丢失"),
    (
        "a worker did not tell of the last calls, which are in no number",
        "一个 worker 没有报告最后的调用，它们不在任何数字里",
    ),
    (
        "{} workers did not tell of the last calls, which are in no number",
        "{0} 个 worker 没有报告最后的调用，它们不在任何数字里",
    ),
    ("it ended before all users were there, and the ramp is left out", "所有用户就位之前就结束了，而爬坡阶段不计"),
    ("the first iteration broke off: ", "第一次迭代中断："),
    ("{} calls in a row ended so: ", "连续 {0} 次调用如此结束："),
    ("{} calls in a row failed; the last: ", "连续 {0} 次调用失败；最后一次："),
    ("the limit of cost is reached: {} of {} spent", "达到费用上限：已花费 {0}，上限 {1}"),
    ("a limit of cost was given, but the cost of a call is not known: ", "给了费用上限，但不知道一次调用的费用："),
    (
        "the endpoint does not report usage, and its answer has no text to estimate it from",
        "接口不报告用量，而其应答没有可用来估算的文本",
    ),
    ("give the endpoint prices", "请给接口设置价格"),
    # Capacity
    (
        "the client could not keep up at {}/s: the endpoint may be able to do more",
        "客户端跟不上 {0}/s：接口也许能承受更多",
    ),
    ("{}/s, the highest rate that was allowed, was held", "允许的最高速率 {0}/s 被承受住了"),
    ("it was not held at any rate", "任何速率都没有承受住"),
    (
        "the time was up before low and high were close: give it a longer --duration",
        "时间用完时上下界还没有接近：请加长 --duration",
    ),
    ("it ended before low and high were close", "结束时上下界还没有接近"),
    ("{} of {} calls were served", "{1} 次调用中 {0} 次得到服务"),
    ("{} of {} iterations were served", "{1} 次迭代中 {0} 次得到服务"),
    ("latency grew by {} s each second", "延迟每秒增长 {0} 秒"),
    ("growing latency", "延迟持续增长"),
    ("calls that could not start", "无法开始的调用"),
    ("calls that were lost", "丢失的调用"),
    (" at {}/s already", "，{0}/s 时已出现"),
    (" above {}/s", "，{0}/s 以上"),
    # Rate limits
    ("no 429 up to {}/s, the highest rate that was allowed", "直到允许的最高速率 {0}/s 都没有 429"),
    ("the time was up before a 429: give it a longer --duration", "出现 429 之前时间用完：请加长 --duration"),
    ("{} of {} calls at {}/s were never made", "{2}/s 时 {1} 次调用中有 {0} 次没有发出"),
    ("{} of {} iterations at {}/s were never made", "{2}/s 时 {1} 次迭代中有 {0} 次没有发出"),
    (" at {}/s, and no 429: a limit above that can't be found", "（{0}/s 时），且没有 429：无法找到更高的限额"),
    ("{} of {} calls succeeded", "{1} 次调用中 {0} 次成功"),
    ("none was made", "一次都没有发出"),
    (
        "nothing came through after the first 429: the limit opens at fixed times, or for long",
        "第一次 429 之后没有调用通过：限额在固定时刻开放，或长时间关闭",
    ),
    (
        "two rates disagree: the limit allows no bursts, and may be higher than what came through",
        "两个速率结果不一致：限额不允许突发，可能高于通过的量",
    ),
    # A ladder of concurrencies
    (
        "throughput still rose where the client could keep up, and it could not at {}",
        "在客户端跟得上的范围内吞吐仍在上升，而并发 {0} 时跟不上",
    ),
    (
        "throughput still rose at the highest concurrency: the knee may lie above it",
        "最高并发时吞吐仍在上升：拐点可能在其之上",
    ),
    ("a knee needs {} steps whose throughput and latency are known", "找拐点需要 {0} 个吞吐和延迟已知的台阶"),
    # Objectives
    ("the client's own lag is too large a part of it", "其中客户端自身的延迟占比过大"),
    ("nothing was measured", "没有测到任何值"),
    ("{} ran out of time", "{0} 次超时"),
    ("P{} needs {} values, and there are {}: the highest was judged", "P{0} 需要 {1} 个值，只有 {2} 个：按最高值判定"),
    ("{} of {} failed without such a time, and could change it", "{1} 次中有 {0} 次失败而没有这个时间，可能改变结果"),
    (
        "no request was called {name}; there were no names, which the requests of scenarios have",
        "没有名为 {0} 的请求；只有场景的请求有名字",
    ),
    ("no request was called {name}; there were ", "没有名为 {0} 的请求；有："),
    ("{objective} was ", "{0} 实为 "),
    # The client's self-check
    ("the client used {}% of its core", "客户端用了其核心的 {0}%"),
    ("the client's event loop was {} ms late at the 99th percentile", "客户端事件循环的第 99 百分位迟 {0} 毫秒"),
    ("the client's event loop was {} ms late at the median", "客户端事件循环的中位数迟 {0} 毫秒"),
    ("calls started {} ms late at the 99th percentile", "调用开始的第 99 百分位迟 {0} 毫秒"),
    ("calls started {} ms late at the median", "调用开始的中位数迟 {0} 毫秒"),
    ("{} calls failed in the client itself", "{0} 次调用在客户端自身失败"),
    ("{} calls could not be started, since too many were under way", "{0} 次调用无法开始，因为进行中的太多"),
    # The steady part
    ("the rate changes from step to step", "速率逐级变化"),
    ("the profile changes the rate", "该负载曲线改变速率"),
    ("concurrency was not level for long enough", "并发平稳的时间不够长"),
    ("calls failed in it, so that the times of the others would flatter", "其中有调用失败，其余调用的时间会显得过好"),
)


def _pattern(phrase: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w*\})", phrase)
    return re.compile("".join(_PLACES.get(part) or re.escape(part) for part in parts))


@cache
def _chinese() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of English phrases with their translation; compiled where they are needed, since that takes 3 ms."""
    return tuple((_pattern(english), chinese) for english, chinese in _PHRASES)


def reason(text: str) -> str:
    """A reason of a report, in the reader's language."""
    if current() != CHINESE:
        return text
    for pattern, chinese in _chinese():
        text = pattern.sub(lambda match, words=chinese: words.format(*match.groups()), text)  # type: ignore[misc]
    return text
