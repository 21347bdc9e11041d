"""Headings, labels and explanations of the page in Chinese, by what they are in English."""

from __future__ import annotations

from aimon.language import pick

_CHINESE = {
    # sections
    "Objectives": "目标",
    "Times": "时间",
    "The part in which concurrency was level": "并发保持平稳的阶段",
    "Capacity": "容量",
    "Limits of the account": "账户的限额",
    "Over time": "随时间的变化",
    "Distributions": "分布",
    "Outcomes": "结果",
    "Self-check of the client": "测试客户端的自检",
    "What happened on the way": "途中发生的事",
    "Configuration": "配置",
    # tiles
    "Calls": "调用",
    "Error rate": "错误率",
    "Calls /s": "调用/秒",
    "Iterations": "迭代",
    "Iterations /s": "迭代/秒",
    "iterations asked": "要求的迭代",
    "Output tokens /s": "输出 token/秒",
    "Cost": "费用",
    # heads of tables
    "objective": "目标",
    "measured": "测得",
    "verdict": "判定",
    "mean": "平均",
    "max": "最大",
    "values": "个数",
    "outcome": "结果",
    "calls": "调用",
    "share": "占比",
    "asked /s": "要求/秒",
    "succeeded /s": "成功/秒",
    "held": "保持住",
    # rows
    "Requests per second": "每秒请求",
    "Tokens per minute": "每分钟 token",
    "Result": "结论",
    "Processor, busiest worker": "处理器（最忙的 worker）",
    "Lag of the event loop": "事件循环的滞后",
    "Lateness of starts": "发起的延迟",
    "Arrivals that could not start": "未能发起的调用",
    "arrivals that could not start": "未能发起的调用",
    "lost with their worker": "随 worker 丢失",
    "first call and warm-up, not counted": "首个调用与预热，不计入",
    # charts
    "Calls per second": "每秒调用",
    "Output tokens per second": "每秒输出 token",
    "Output tokens per second, some estimated": "每秒输出 token，部分为估计",
    "Failed calls per second, by outcome": "每秒失败的调用，按结果",
    "Capacity: successes against calls asked for, per second": "容量：每秒成功与每秒要求",
    "Latency from schedule against calls asked for": "从计划时刻起的延迟与每秒要求",
    "Throughput against concurrency": "吞吐随并发的变化",
    "Latency against concurrency": "延迟随并发的变化",
    "iterations": "迭代",
    "latency P50": "延迟 P50",
    "latency P95": "延迟 P95",
    "asked": "要求",
    "started": "发起",
    "succeeded": "成功",
    "others": "其他",
    "tokens": "token",
    "succeeded (full dot: held, hollow: not held)": "成功（实心：保持住，空心：没有）",
    "all that was asked": "要求的全部",
    "the capacity lies here": "容量在此区间",
}

NOTES = (
    (
        "时间取自成功的调用，以及超时或被中断的调用（按“比已持续的更长”计）；其他失败只按结果计数。"
        "分位数来自直方图，误差在 0.5 % 以内。"
    ),
    (
        "“从计划时刻起的延迟”从调用应当发起的时刻算起，包含用户排队的等待；“延迟”从实际发起时算起。"
        "首 token 时间到第一段可见文本为止。"
    ),
    "数据块间隔是实际到达的间隔，一块可能含多个 token；每输出 token 时间由 token 数得出，与服务商如何切块无关。",
)
CAPACITY = (
    "一个速率算“保持住”，需 99 % 的调用成功、达到目标且延迟不增长。"
    "容量在保持住的最高速率与没有保持住的最低速率之间。各步按尝试的顺序列出。"
)
ALL_STEPS = "包含所有步骤，也包含超出所求速率的步骤；每一步单独判定。"


def local(text: str) -> str:
    """The text in the language of `aimon.language`; as it is where there is no other."""
    return pick(text, _CHINESE.get(text, text))
