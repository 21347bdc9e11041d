"""What whoever is paged does first, in a line: it is in the notification itself, where no link needs to be followed.

`docs/runbook.md` has the rest.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Action(NamedTuple):
    """The first step, in both languages."""

    en: str
    zh: str


_PROBE: Final = "aimon probe {{ $labels.endpoint }}"
_OUTCOMES: Final = (
    'sum by (outcome) (increase(ai_api_requests_total{endpoint="{{ $labels.endpoint }}", status="error"}[10m]))'
)
_SPENDERS: Final = 'topk(5, {__name__=~"endpoint:ai_api_cost_.*:increase1d"})'

ACTIONS: Final[dict[str, Action]] = {
    "HighAPIErrorRate": Action(
        f"See which errors: {_OUTCOMES}. overloaded, server_error, timeouts: fail over or shed load.",
        f"查看错误类型：{_OUTCOMES}。若为 overloaded、server_error 或超时：切换服务商或降低负载。",
    ),
    "HighDailyCost": Action(
        f"See who spends: {_SPENDERS}. Stop a load test or a loop that was left running.",
        f"查看费用来源：{_SPENDERS}。停止遗留的压测或死循环。",
    ),
    "AIDailyCostVeryHigh": Action(
        f"See who spends: {_SPENDERS}. If nobody knows why, revoke that key and set a limit at the provider.",
        f"查看费用来源：{_SPENDERS}。若原因不明，吊销该密钥，并在服务商处设置上限。",
    ),
    "HighAPILatency": Action(
        "See ai_probe_phase_seconds: wait is the provider's queue (fewer calls at once, another model or region), "
        "transfer the length of answers.",
        "查看 ai_probe_phase_seconds：wait 为服务商排队（降低并发，或更换模型、地区），transfer 取决于回答长度。",
    ),
    "AISlowFirstToken": Action(
        "Shorten the prompt or make it cacheable, lower the reasoning effort, or use another region.",
        "缩短提示词或使其可缓存，降低推理强度，或更换地区。",
    ),
    "TokenSpike": Action(
        "Find the caller: topk(5, sum by (endpoint, job) (rate(ai_token_usage_input_total[2m])) * 60). Nobody's? "
        "Revoke the key. A loop: stop it.",
        "找出调用方：topk(5, sum by (endpoint, job) (rate(ai_token_usage_input_total[2m])) * 60)。"
        "若来源不明，吊销该密钥；若为死循环，停止它。",
    ),
    "AIHighQPS": Action(
        "Nothing, if that is expected; otherwise find the caller.",
        "若属预期则无需处理；否则找出调用方。",
    ),
    "AIRateLimited": Action(
        "Slow down and honour retry-after; spread over keys or regions if the contract allows it.",
        "降低速率并遵守 retry-after；合同允许时分散到多个密钥或地区。",
    ),
    "AIUnauthorized": Action(
        f"Put the right key where api_key or api_key_file points, restart the prober, then: {_PROBE}",
        f"在 api_key 或 api_key_file 指向处更换正确的密钥，重启探测器，然后运行：{_PROBE}",
    ),
    "AIQuotaExhausted": Action(
        "Top up, or raise the spending limit, on the provider's billing page.",
        "在服务商的账单页面充值或提高消费上限。",
    ),
    "AIRequestRejected": Action(
        f"Read the provider's words: {_PROBE}. Retired model: take another; 403: region or permission.",
        f"查看服务商返回的原因：{_PROBE}。模型已下线：更换模型；403：地区或权限问题。",
    ),
    "AIEndpointDown": Action(
        f"Run {_PROBE}: it says why. Fail over; if every endpoint is down, it is the prober's network.",
        f"运行 {_PROBE} 查看原因。切换服务商；若所有端点都不可用，则是探测器的网络问题。",
    ),
    "AICanaryWrong": Action(
        f"Read the answer: {_PROBE} --json. If it is right after all, mend the canary; if not, take another model.",
        f"查看回答：{_PROBE} --json。若回答其实正确，请修正 canary；否则更换模型。",
    ),
    "AICertificateExpiring": Action(
        "Your own gateway or proxy: renew its certificate. A provider's: tell them.",
        "若是自有网关或代理：续期证书。若是服务商的证书：通知对方。",
    ),
    "AICertificateExpiringSoon": Action(
        "Renew it now, and reload the server that serves it.",
        "立即续期，并重新加载使用该证书的服务。",
    ),
    "AIProbeBudgetNearlySpent": Action(
        "If the day (UTC) is young: a longer interval, a smaller max_tokens, or a larger budget.",
        "若当天（UTC）刚开始：延长间隔、减小 max_tokens，或提高预算。",
    ),
    "AIProbeBudgetSpent": Action(
        "Raise budget in aimon.yaml if it is to be watched today.",
        "若今天仍需监测，请在 aimon.yaml 中提高 budget。",
    ),
    "AIBalanceLow": Action(
        "Top up on the provider's billing page, or find what spends more than usual.",
        "在服务商的账单页面充值，或查明消费增加的原因。",
    ),
    "AIHeartbeatSilent": Action(
        "See the log of the program, and whether it still runs; its page on the status page has its last reports.",
        "查看该程序的日志以及它是否仍在运行；状态页上它的页面列有最近的报告。",
    ),
    "AICostUnknown": Action(
        "In aimon.yaml give the endpoint prices: {input: …, output: …} per million tokens, or say budget: none.",
        "在 aimon.yaml 中为该端点填写 prices: {input: …, output: …}（每百万 token），或写明 budget: none。",
    ),
    "AIProberError": Action(
        f"Run {_PROBE} where the prober runs: it says what is missing.",
        f"在探测器所在环境运行 {_PROBE}，查看缺少什么。",
    ),
    "AIProberStopped": Action(
        "See the prober (docker compose logs prober; kubectl get cronjobs,pods; cron's mail) and start it. If all "
        "endpoints have stopped it is the machine or the gateway.",
        "检查探测器（docker compose logs prober；kubectl get cronjobs,pods；cron 邮件）并启动。"
        "若全部端点都已停止，则是主机或 Pushgateway 的问题。",
    ),
    "AIProberClockAhead": Action(
        "Set the clock of the prober's machine (timedatectl; chronyc tracking), or Prometheus' if that one is behind. "
        "The next probe puts the metrics right.",
        "校正探测器主机的时钟（timedatectl；chronyc tracking），若 Prometheus 的时钟慢则校正它。下一次探测会修正指标。",
    ),
    "AIProbesMissing": Action(
        "Start the prober; check its --push address, and that Prometheus scrapes the gateway with honor_labels: true.",
        "启动探测器；检查 --push 地址，并确认 Prometheus 以 honor_labels: true 抓取 Pushgateway。",
    ),
    "AIPushFailing": Action(
        "Read the gateway's log. Two probers of one endpoint and region, or two versions of aimon: keep one. Deleting "
        "the group clears a clash.",
        "查看 Pushgateway 日志。同一端点与地区有两个探测器或两个 aimon 版本时，只保留一个。删除该分组可消除冲突。",
    ),
    "AIPushgatewayDown": Action(
        "Start the gateway; check its disk. Probes go on, and their counts come with the next push.",
        "启动 Pushgateway 并检查磁盘。探测仍在进行，计数会随下次推送送达。",
    ),
    "Watchdog": Action(
        "Nothing while it fires. If the heartbeat service calls: start Prometheus and Alertmanager.",
        "触发时无需处理。若心跳服务告警：请启动 Prometheus 与 Alertmanager。",
    ),
    "AIAvailabilityBurn": Action(
        f"See which errors: {_OUTCOMES}. Fail over or shed load; a ticket: can the provider hold the objective?",
        f"查看错误类型：{_OUTCOMES}。切换服务商或降低负载；若为工单：服务商能否达到该目标？",
    ),
    "AILatencyBurn": Action(
        "See ai_probe_phase_seconds: wait is the provider's queue (fewer calls at once, another model or region), "
        "transfer the length of answers.",
        "查看 ai_probe_phase_seconds：wait 为服务商排队（降低并发，或更换模型、地区），transfer 取决于回答长度。",
    ),
}
