"""What the pages say, in English and Chinese. The English text is the key; outcomes, units and names stay the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aimon.language import CHINESE

if TYPE_CHECKING:
    from collections.abc import Callable


def translator(language: str) -> Callable[..., str]:
    """The function that gives a text in this language, with its `{names}` filled in."""
    return partial(_text, ZH if language == CHINESE else {})


def _text(table: dict[str, str], english: str, /, **values: object) -> str:
    text = table.get(english, english)
    return text.format(**values) if values else text


ZH = {
    # Frame
    "Status of AI endpoints": "AI 接口状态",
    "Skip to the content": "跳到正文",
    "Settings": "设置",
    "Incidents as Atom feed": "事件 Atom 订阅",
    "Incidents": "事件",
    "Metrics": "指标",
    "Dark": "深色",
    "Light": "浅色",
    "The service does not answer; what is shown may be old.": "服务没有响应，显示的内容可能已过时。",
    # Verdicts
    "All endpoints are up": "所有接口正常",
    "All measured endpoints are up": "所有已测接口正常",
    "{n} of {m} endpoints are down": "{m} 个接口中有 {n} 个故障",
    "{n} of {m} endpoints are degraded": "{m} 个接口中有 {n} 个性能下降",
    "{n} of {m} endpoints have a key, quota or configuration problem": "{m} 个接口中有 {n} 个密钥、额度或配置有问题",
    "Nothing is known of {n} of {m} endpoints": "{m} 个接口中有 {n} 个状态未知",
    "No endpoint is configured": "没有配置接口",
    "Under maintenance": "维护中",
    # States
    "up": "正常",
    "degraded": "性能下降",
    "down": "故障",
    "account problem": "账户问题",
    "configuration problem": "配置问题",
    "maintenance": "维护",
    "no recent probe": "近期没有探测",
    "not probed yet": "尚未探测",
    "unknown": "未知",
    "degraded, or some probes failed": "性能下降，或部分探测失败",
    "key, quota or configuration": "密钥、额度或配置",
    "not measured": "未测量",
    # Overview
    "as of": "截至",
    "now": "现在",
    "Open incidents": "进行中的事件",
    "Past incidents": "历史事件",
    "Endpoints": "接口",
    "Period": "时间范围",
    "Find an endpoint": "查找接口",
    "Name, model, provider": "名称、模型、供应商",
    "State": "状态",
    "Show": "显示",
    "any state": "全部状态",
    "with problems": "有问题",
    "Pages": "页",
    "Previous": "上一页",
    "Next": "下一页",
    "page {n} of {m}": "第 {n} 页，共 {m} 页",
    "last probe": "上次探测",
    "no endpoint matches": "没有匹配的接口",
    "{n} up": "{n} 个正常",
    "{n} degraded": "{n} 个性能下降",
    "{n} down": "{n} 个故障",
    "{n} with account or configuration problems": "{n} 个账户或配置问题",
    "{n} under maintenance": "{n} 个维护中",
    "{n} unknown": "{n} 个未知",
    "for {span}": "已持续 {span}",
    "{span} ago": "{span}前",
    "{span} from now": "{span}后",
    "not known": "未知",
    "over {period}": "{period}内",
    "24 hours": "24 小时",
    "7 days": "7 天",
    "30 days": "30 天",
    "90 days": "90 天",
    # Segments
    "no probe": "没有探测",
    "{ok} of {n} probes succeeded": "{n} 次探测成功 {ok} 次",
    "mostly": "主要为",
    # Detail
    "All endpoints": "所有接口",
    "Availability": "可用率",
    "Availability, weighted by impact": "按影响加权的可用率",
    "Latency": "延迟",
    "Time to first token (TTFT)": "首 token 时间（TTFT）",
    "Latency over time": "延迟走势",
    "Outcomes": "结果",
    "Outcome": "结果",
    "Fault of": "责任方",
    "Probes": "探测数",
    "Share": "占比",
    "Tokens and cost": "Token 与费用",
    "cost today": "今日费用",
    "cost this month": "本月费用",
    "tokens today": "今日 token",
    "tokens this month": "本月 token",
    "{input} in, {output} out": "输入 {input}，输出 {output}",
    "of {budget} a day": "每日预算 {budget}",
    "Rate-limit headroom": "限流余量",
    "requests": "请求",
    "tokens": "token",
    "{remaining} of {limit} left": "剩余 {remaining} / {limit}",
    "Certificate": "证书",
    "certificate expires": "证书到期",
    "in {span}": "{span}后",
    "account balance": "账户余额",
    "about {span} left": "约可用 {span}",
    "Last failures": "最近的失败",
    "Last successes": "最近的成功",
    "No failure is kept in the history.": "历史中没有失败记录。",
    "No success is kept in the history.": "历史中没有成功记录。",
    "{n} values": "{n} 个值",
    "of {n} successful probes": "{n} 次成功探测",
    "needs {n} successful probes": "需要 {n} 次成功探测",
    "provider": "供应商",
    "network": "网络",
    "account": "账户",
    "config": "配置",
    "prober": "探测器",
    "nobody": "无",
    "{share} weighted by impact": "按影响加权 {share}",
    "No percentile is known in this period.": "该时间范围内没有可用的百分位数。",
    # The service itself
    "Results can't be recorded: {why}": "无法记录结果：{why}",
    "The configuration before stays in use: {why}": "仍在使用之前的配置：{why}",
    "The service is ending.": "服务正在停止。",
    "The history can't be read": "无法读取历史",
    "There is no such endpoint": "没有这个接口",
    "No endpoint matches.": "没有匹配的接口。",
    "budget of today spent": "今日预算已用完",
    "{n} slower than the objective": "{n} 次慢于目标",
    "{n} in maintenance, not counted": "{n} 次在维护中，不计入",
    "in maintenance": "维护中",
    "Uptime of {name} over {period}: {share}": "{name} 在{period}内的可用率：{share}",
    # A call
    "status code": "状态码",
    "latency": "延迟",
    "time to first token": "首 token 时间",
    "phases": "阶段",
    "finish reason": "结束原因",
    "request id": "请求 ID",
    "error": "错误",
    "answer": "回答",
    "canary": "金丝雀",
    "cost": "费用",
    "error code": "错误代码",
    "tokens in / out": "输入 / 输出 token",
    "connected to": "连接到",
}
