"""The advice of `aimon.cli.advice` in Chinese: the same keys, which a test checks."""

from __future__ import annotations

from aimon.call.failure import FailureReason
from aimon.call.outcome import Fault, Outcome

WHAT_TO_DO: dict[Outcome, str] = {
    Outcome.DNS: "请检查 base_url 的主机名和本机的 DNS（可试：getent hosts HOST）。",
    Outcome.CONNECT: "请检查 base_url 的主机和端口、服务器是否在运行，以及途中的防火墙或代理。",
    Outcome.TLS: "请检查 base_url 的主机和端口、服务器的 TLS 设置，以及途中的代理。",
    Outcome.TIMEOUT_CONNECT: "请检查到该主机的路径（防火墙、代理、VPN），或调大 timeout.connect。",
    Outcome.TIMEOUT_TTFT: "服务商接受了调用却没有回应：请看它的状态页；只有在这属于正常情况时才调大 timeout.ttft。",
    Outcome.TIMEOUT_TOTAL: "回答太慢或没有结束：请看服务商的状态页；只有在这属于正常情况时才调大 timeout.total。",
    Outcome.OVERLOADED: "服务商容量不足：请看它的状态页；您这边无需改动。",
    Outcome.SERVER_ERROR: "服务商出错：请看它的状态页，并向它提供请求 ID。",
    Outcome.CONTENT_FILTERED: "服务商的过滤器拦下了金丝雀提示词：请换一个更平淡的提示词。",
    Outcome.REFUSAL: "模型拒绝回答：请换一个更平淡的提示词。",
    Outcome.EMPTY_ANSWER: "模型没有给出可见的内容：请用 --json 看 finish_reason，并检查 reasoning 设置。",
    Outcome.MAX_TOKENS_HIT: "请调大金丝雀的 max_tokens；对先思考再回答的模型，也可设 reasoning: off。",
    Outcome.ANSWER_MISMATCH: "模型答了别的内容：请手动问一次；如果回答是对的，请放宽 expect。",
    Outcome.STREAM_ERROR: "服务商中途以自己的错误中断：请看它的状态页。",
    Outcome.STREAM_TRUNCATED: "服务商或途中的代理切断了流：请与直连比较。",
    Outcome.MALFORMED: "这不是该 API 的格式：请检查 base_url 和 dialect，并看看是不是代理的错误页。",
    Outcome.UNAUTHORIZED: "请检查密钥：api_key 指向的变量或文件里是否有它，是否属于这家服务商，是否已被吊销。",
    Outcome.FORBIDDEN: "密钥有效但没有权限：请检查它的权限、模型的访问权和地域。",
    Outcome.QUOTA_EXHAUSTED: "重试没有用：请在服务商的控制台充值或提高消费上限。",
    Outcome.RATE_LIMITED: "使用这个密钥的所有调用都计入限额：请降低探测频率，或向服务商申请更高的限额。",
    Outcome.MODEL_NOT_FOUND: "请检查模型名、base_url，以及账户是否可以使用该模型。",
    Outcome.BAD_REQUEST: "服务商没有理解请求：请检查 model、dialect 和各项选项。",
    Outcome.BUDGET_SKIPPED: "请调大 budget，或等到第二天（UTC）。",
    Outcome.PROBER_ERROR: "问题出在这一边，在本机或 aimon：端点没有被评判。",
}

_OWN_AUTHORITY = "自建证书机构请设置 ca_file；否则是途中的代理在拆解 TLS。"
_PROXY = "请检查代理：HTTPS_PROXY、ALL_PROXY 或 proxy 里的地址，以及它是否在运行；NO_PROXY 可排除主机。"
BY_REASON: dict[FailureReason, str] = {
    FailureReason.CERTIFICATE_EXPIRED: "请在服务器上更新证书；如果那里已是新的，请检查本机时钟（可试：date -u）。",
    FailureReason.CERTIFICATE_NOT_YET_VALID: "请检查本机时钟（可试：date -u），否则检查服务器的证书。",
    FailureReason.CERTIFICATE_SELF_SIGNED: "如果是您自己的证书，请写在 ca_file 里；否则是途中有什么在冒充服务器。",
    FailureReason.CERTIFICATE_PRIVATE_AUTHORITY: _OWN_AUTHORITY,
    FailureReason.CERTIFICATE_UNKNOWN_ISSUER: "请让服务器发送完整的证书链；自建证书机构请设置 ca_file。",
    FailureReason.CERTIFICATE_HOST_MISMATCH: "请检查 base_url 的主机名，以及服务器的证书是为哪些名称签发的。",
    FailureReason.TLS_NOT_SPOKEN: "请检查 base_url：应为 http:// 而不是 https://，或换一个端口。",
    FailureReason.PROXY_LOGIN_REQUIRED: "请给出代理的用户名和密码：http://USER:PASSWORD@HOST:PORT（或 socks5://…），"
    "特殊字符写成 %xx。",
    FailureReason.PROXY_LOGIN_REFUSED: "请检查代理地址里的用户名和密码，特殊字符写成 %xx。",
    FailureReason.PROXY_DENIED: "请代理的管理者放行该主机，或在 NO_PROXY 里排除它。",
    FailureReason.PROXY_UNREACHABLE: _PROXY,
    FailureReason.PROXY_FAILED: _PROXY,
}

WHOSE: dict[Fault, str] = {
    Fault.NETWORK: "网络",
    Fault.PROVIDER: "服务商",
    Fault.ACCOUNT: "账户",
    Fault.CONFIG: "配置",
    Fault.PROBER: "探测端",
}

# In the order of `aimon.cli.advice.Texts`.
TEXTS = (
    WHAT_TO_DO,
    BY_REASON,
    WHOSE,
    "该地址不接受这种调用：请检查 base_url（写到 /v1 为止，含 /v1）和 dialect。",
    "服务商出错：请看它的状态页，并提供请求 ID {request_id}。",
    "该地址已迁移，而密钥不会随之发送过去：请在 base_url 里写新地址。",
)
