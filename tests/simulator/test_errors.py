"""HTTP errors in each vendor's own shape: keys, models, limits, bad requests, and those asked for as faults."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from aimon.simulator import Rule
from rawhttp import Reply, ask, post, request

if TYPE_CHECKING:
    from aimon.simulator import Simulator

CHAT = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
KEY = "sk-simulated-0123456789abcdef"
KEY_HEADERS = {
    "openai-chat": ("authorization", "Bearer "),
    "openai-responses": ("authorization", "Bearer "),
    "openai-embeddings": ("authorization", "Bearer "),
    "openai-models": ("authorization", "Bearer "),
    "anthropic-messages": ("x-api-key", ""),
    "gemini": ("x-goog-api-key", ""),
}


def failing(sim: Simulator, fault: str, dialect: str = "openai-chat", profile: str = "fast", **options: Any) -> Reply:
    """The answer while a fault is in force."""
    sim.set_faults(Rule(fault, **options))
    return ask(f"{sim.url}/{profile}", dialect)


@pytest.mark.parametrize("dialect", KEY_HEADERS)
def test_key(sim: Simulator, dialect: str) -> None:
    """The right key passes in the dialect's own header; a wrong one and none do not."""
    name, prefix = KEY_HEADERS[dialect]
    right = ask(f"{sim.url}/keyed", dialect, model="known", headers={name: prefix + KEY})
    assert right.status == 200
    for headers in ({name: f"{prefix}wrong"}, None):
        wrong = ask(f"{sim.url}/keyed", dialect, model="known", headers=headers)
        assert wrong.status == (400 if dialect == "gemini" else 401)
        assert sim.truth().records[-1].outcome == "unauthorized"
    assert [record.key_sent for record in sim.truth().records] == [True, True, False]


def test_azure_key(sim: Simulator) -> None:
    """Azure takes the key in `api-key`."""
    url = f"{sim.url}/keyed/openai/deployments/known/chat/completions?api-version=2025-01-01"
    body = {"messages": [{"role": "user", "content": "hi"}]}
    assert post(url, body, {"api-key": KEY}).status == 200
    wrong = post(url, body, {"api-key": "wrong"})
    assert (wrong.status, wrong.json["error"]["code"]) == (401, "401")


def test_wrong_key_is_masked_as_openai_does(sim: Simulator) -> None:
    """OpenAI repeats the ends of a wrong key; the fault unauthorized_echo repeats all of it."""
    headers = {"authorization": "Bearer sk-wrong-abcdefghijklmnop"}
    masked = ask(f"{sim.url}/keyed", "openai-chat", headers=headers).json["error"]["message"]
    assert masked == "Incorrect API key provided: sk-wro********mnop."
    sim.set_faults("unauthorized_echo")
    echoed = ask(f"{sim.url}/fast", "openai-chat", headers=headers)
    assert (echoed.status, "sk-wrong-abcdefghijklmnop" in echoed.json["error"]["message"]) == (401, True)


@pytest.mark.parametrize("dialect", CHAT)
def test_what_repeats_the_key_repeats_all_of_it(sim: Simulator, dialect: str) -> None:
    """The fault repeats the key in text, model name, error event, headers and request id; nothing else does."""
    name, prefix = KEY_HEADERS[dialect]

    def asked(*, stream: bool) -> Reply:
        return ask(f"{sim.url}/keyed", dialect, model="known", stream=stream, headers={name: prefix + KEY})

    assert KEY.encode() not in asked(stream=True).raw + asked(stream=False).raw
    sim.set_faults("answer_echo")
    for reply in (asked(stream=True), asked(stream=False)):
        assert KEY in reply.body.decode()  # in the model's name: whole
        text = "".join(re.findall(r'"(?:content|text|delta)": ?"([^"]*)"', reply.body.decode()))
        assert f"You sent {KEY} to me." in text
    sim.set_faults("event_echo")
    reply = asked(stream=True)
    assert f"An upstream server refused the key {KEY}" in reply.events[-1][1]
    sim.set_faults("header_echo")
    for reply in (asked(stream=True), asked(stream=False)):
        assert reply.headers["x-debug-authorization"] == f"Bearer {KEY}"
        assert reply.request_id.endswith(f"-{KEY}")
        assert KEY not in reply.body.decode()


@pytest.mark.parametrize("dialect", CHAT)
def test_unknown_model(sim: Simulator, dialect: str) -> None:
    """A model that the profile does not list is a 404 that names it."""
    name, prefix = KEY_HEADERS[dialect]
    reply = ask(f"{sim.url}/keyed", dialect, model="missing", headers={name: prefix + KEY})
    assert reply.status == 404
    assert "missing" in reply.json["error"]["message"]
    assert sim.truth().records[-1].outcome == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/chat/completions", b"not json", "you must provide a model parameter"),
        ("/v1/chat/completions", b"[1]", "you must provide a model parameter"),
        ("/v1/chat/completions", {"model": "m"}, "Missing required parameter: 'messages'"),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user"}]}, "'messages[0].content'"),
        ("/v1/chat/completions", {"model": "m", "messages": ["hi"]}, "Invalid type for 'messages[0]'"),
        ("/v1/responses", {"model": "m"}, "Missing required parameter: 'input'"),
        ("/v1/messages", {"model": "m"}, "anthropic-version: header is required"),
        ("/v1beta/models/m:generateContent", {}, "Missing required parameter: 'contents'"),
        ("/v1/embeddings", {"model": "m", "input": 5}, "'input' must be a string or a list of strings"),
        ("/v1/embeddings", {"model": "m", "input": "x", "dimensions": 9999}, "'dimensions' must be at most 4096"),
    ],
)
def test_bad_requests(sim: Simulator, path: str, body: Any, said: str) -> None:
    """A request that the provider could not serve is its 400, with the field at fault."""
    reply = post(f"{sim.url}/fast{path}", body)
    assert reply.status == 400
    assert said in reply.json["error"]["message"]
    assert sim.truth().records[-1].outcome == "bad_request"


def test_anthropic_requires_a_limit(sim: Simulator) -> None:
    """Anthropic has no default for max_tokens."""
    reply = ask(f"{sim.url}/fast", "anthropic-messages", max_tokens=None)
    assert (reply.status, reply.json["error"]["message"]) == (400, "max_tokens: Field required")


def test_azure_requires_a_version(sim: Simulator) -> None:
    """A deployment's path without api-version does not exist."""
    body = {"messages": [{"role": "user", "content": "hi"}]}
    assert post(f"{sim.url}/fast/openai/deployments/known/chat/completions", body).status == 404


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
    ],
)
def test_wrong_types(sim: Simulator, extra: dict[str, Any], param: str) -> None:
    """A field of the wrong type is named in `param`."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | extra
    reply = post(f"{sim.url}/fast/v1/chat/completions", body)
    assert (reply.status, reply.json["error"]["param"]) == (400, param)


def test_nothing_there(sim: Simulator) -> None:
    """An unknown path or method is a 404 in the words of whoever has such paths."""
    assert request("GET", f"{sim.url}/fast/v1/chat/completions").json["error"]["type"] == "invalid_request_error"
    assert request("POST", f"{sim.url}/fast/v1beta/nothing").json["error"]["status"] == "NOT_FOUND"
    anthropic = request("POST", f"{sim.url}/fast/v1/nothing", headers={"anthropic-version": "2023-06-01"})
    assert (anthropic.status, anthropic.json["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        ("unauthorized", 401, "invalid_api_key"),
        ("forbidden", 403, "insufficient_permissions"),
        ("region", 403, "unsupported_country_region_territory"),
        ("payment_required", 402, "billing_not_active"),
        ("quota", 429, "insufficient_quota"),
        ("rate_limited", 429, "rate_limit_exceeded"),
        ("model_not_found", 404, "model_not_found"),
        ("bad_request", 400, None),
        ("unprocessable", 422, None),
        ("too_large", 413, "request_too_large"),
        ("prompt_filtered", 400, "content_policy_violation"),
        ("server_error", 500, None),
        ("overloaded", 503, None),
        ("gateway_timeout", 504, None),
    ],
)
def test_openai(sim: Simulator, fault: str, status: int, expected: str | None) -> None:
    """An error of OpenAI's has `error` with message, type, param and code."""
    reply = failing(sim, fault)
    assert (reply.status, reply.json["error"]["code"]) == (status, expected)
    assert set(reply.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("unauthorized", 401, "authentication_error"),
        ("forbidden", 403, "permission_error"),
        ("payment_required", 402, "billing_error"),
        ("quota", 429, "rate_limit_error"),
        ("spend_cap", 400, "invalid_request_error"),
        ("rate_limited", 429, "rate_limit_error"),
        ("model_not_found", 404, "not_found_error"),
        ("too_large", 413, "request_too_large"),
        ("server_error", 500, "api_error"),
        ("overloaded", 529, "overloaded_error"),
        ("gateway_timeout", 504, "timeout_error"),
    ],
)
def test_anthropic(sim: Simulator, fault: str, status: int, kind: str) -> None:
    """Anthropic: the type decides; a spend limit is told from a rate by its error code and a missing retry-after."""
    options: dict[str, Any] = {"retry_after": 2} if fault == "rate_limited" else {}
    reply = failing(sim, fault, "anthropic-messages", **options)
    assert (reply.status, reply.json["error"]["type"]) == (status, kind)
    assert reply.json["request_id"] == reply.headers["request-id"]
    details = reply.json["error"].get("details")
    assert details == ({"error_code": "enforced_spend_limit_reached"} if fault == "quota" else None)
    assert reply.headers.get("retry-after") == ("2" if fault == "rate_limited" else None)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("unauthorized", 401, "UNAUTHENTICATED"),
        ("key_invalid", 400, "INVALID_ARGUMENT"),
        ("forbidden", 403, "PERMISSION_DENIED"),
        ("region", 400, "FAILED_PRECONDITION"),
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("rate_limited", 429, "RESOURCE_EXHAUSTED"),
        ("model_not_found", 404, "NOT_FOUND"),
        ("server_error", 500, "INTERNAL"),
        ("overloaded", 503, "UNAVAILABLE"),
        ("gateway_timeout", 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_gemini(sim: Simulator, fault: str, status: int, code: str) -> None:
    """Gemini: google.rpc.Status, whose code is the HTTP status again."""
    reply = failing(sim, fault, "gemini")
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["status"]) == (status, status, code)


def test_gemini_details(sim: Simulator) -> None:
    """The reason and the delay are in the details; there is no retry-after header."""
    invalid = failing(sim, "key_invalid", "gemini").json["error"]["details"]
    assert invalid[0]["reason"] == "API_KEY_INVALID"
    limited = failing(sim, "rate_limited", "gemini", retry_after=2.5)
    violation, retry = limited.json["error"]["details"]
    assert violation["violations"][0]["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel"
    assert retry["retryDelay"] == "2.5s"
    assert "retry-after" not in limited.headers


@pytest.mark.parametrize(
    ("vendor", "fault", "status", "body"),
    [
        ("azure", "rate_limited", 429, {"code": "429"}),
        ("azure", "model_not_found", 404, {"code": "DeploymentNotFound"}),
        ("azure", "prompt_filtered", 400, {"code": "content_filter", "param": "prompt"}),
        ("deepseek", "payment_required", 402, {"message": "Insufficient Balance"}),
        ("deepseek", "quota", 402, {"message": "Insufficient Balance"}),
        ("dashscope", "quota", 400, {"code": "Arrearage"}),
        ("dashscope", "rate_limited", 429, {"code": "Throttling.RateQuota"}),
        ("dashscope", "token_rate_limited", 429, {"code": "insufficient_quota"}),
        ("openrouter", "payment_required", 402, {"code": 402}),
        ("openrouter", "overloaded", 503, {"code": 503}),
    ],
)
def test_vendors(sim: Simulator, vendor: str, fault: str, status: int, body: dict[str, Any]) -> None:
    """What vendors say in words of their own."""
    reply = failing(sim, fault, profile=vendor)
    assert reply.status == status
    assert reply.json["error"].items() >= body.items()


def test_vendor_shapes(sim: Simulator) -> None:
    """DashScope repeats the request id in the body; older vLLM servers answer with a flat object."""
    dashscope = failing(sim, "server_error", profile="dashscope")
    assert dashscope.json["request_id"] == dashscope.request_id
    vllm = failing(sim, "model_not_found", profile="vllm").json
    assert (vllm["object"], vllm["type"], vllm["code"]) == ("error", "NotFoundError", 404)
    azure = failing(sim, "prompt_filtered", profile="azure").json["error"]["innererror"]
    assert azure["content_filter_result"]["hate"] == {"filtered": True, "severity": "high"}


def test_bad_gateway_is_a_page(sim: Simulator) -> None:
    """A 502 comes from the proxy in front, as HTML, in every dialect."""
    for dialect in CHAT:
        reply = failing(sim, "bad_gateway", dialect)
        assert (reply.status, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
        assert b"<title>502 Bad Gateway</title>" in reply.body


def test_request_limit(sim: Simulator) -> None:
    """Requests over the limit get 429 with the limit's headers and the time to wait; they cost nothing."""
    replies = [ask(f"{sim.url}/limited", "openai-chat") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["0", "0", "0"]
    assert replies[0].headers["x-ratelimit-limit-requests"] == "1"
    assert 0 < int(replies[2].headers["retry-after-ms"]) <= 60_000
    assert replies[2].json["error"]["code"] == "rate_limit_exceeded"
    anthropic = ask(f"{sim.url}/limited", "anthropic-messages")
    assert (anthropic.status, anthropic.headers["anthropic-ratelimit-requests-limit"]) == (429, "1")
    gemini = ask(f"{sim.url}/limited", "gemini")
    assert gemini.json["error"]["details"][-1]["@type"].endswith("RetryInfo")
    assert dict(sim.truth().by_outcome) == {"ok": 2, "rate_limited": 3}


def test_token_limit(sim: Simulator) -> None:
    """Input and output tokens count; a request passes while any are left."""
    sim.configure("limited", rpm=None, tpm=30, burst=60)
    statuses = [ask(f"{sim.url}/limited", "openai-chat", "a b").status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert sim.truth().records[-1].outcome == "rate_limited"


def test_queue_that_is_full(sim: Simulator) -> None:
    """Beyond the queue the provider says it is overloaded, at once."""
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: ask(f"{sim.url}/small", "openai-chat").status, range(6)))
    assert sorted(statuses) == [200, 200, 200, 503, 503, 503]
