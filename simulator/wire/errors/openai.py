"""Error bodies of the OpenAI dialects: a vendor's text in the vendor's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.wire.errors.proxy_pages import PROXY_PAGES
from aimon.simulator.wire.errors.vendors import OPENAI, OWN_WORDS

if TYPE_CHECKING:
    from aimon.simulator.wire.shape import Answer, ErrorAnswer, Problem

_STREAM_ERROR = "The server had an error while processing your request. Sorry about that!"


def error(problem: Problem) -> ErrorAnswer:
    """Status and body of an error."""
    if problem.kind in PROXY_PAGES:
        return PROXY_PAGES[problem.kind]
    own = OWN_WORDS[problem.vendor].get(problem.kind)
    status, kind, code, template = own or OPENAI.get(problem.kind, OPENAI["bad_request"])
    message = template.format(
        model=problem.model,
        key=problem.key,
        masked=_masked(problem.key),
        message=problem.message or "Invalid request.",
        wait="" if problem.retry_after is None else f" Please try again in {problem.retry_after:g}s.",
    )
    full = {"message": message, "type": kind, "param": problem.param, "code": code}
    shape = _SHAPES.get(problem.vendor, _nested) if own or problem.vendor == "dashscope" else _nested
    return status, shape(full, problem)


def stream_error(answer: Answer, kind: str) -> dict[str, Any]:
    """The error object inside a stream that began with 200."""
    if answer.vendor == "openrouter":
        message = answer.complaint(kind, "Provider returned error")
        return {"error": {"code": 502, "message": message}, "choices": []}
    return {
        "error": {"message": answer.complaint(kind, _STREAM_ERROR), "type": "server_error", "param": None, "code": None}
    }


def _nested(full: dict[str, Any], problem: Problem) -> dict[str, Any]:
    del problem
    return {"error": full}


def _azure(full: dict[str, Any], problem: Problem) -> dict[str, Any]:
    short: dict[str, Any] = {"code": full["code"], "message": full["message"]}
    if problem.kind == "prompt_filtered":
        verdict = {"hate": {"filtered": True, "severity": "high"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
        short |= {"param": "prompt", "status": 400, "innererror": inner}
    return {"error": short}


def _dashscope(full: dict[str, Any], problem: Problem) -> dict[str, Any]:
    return {"error": full, "request_id": problem.request_id}


def _openrouter(full: dict[str, Any], problem: Problem) -> dict[str, Any]:
    del problem
    return {"error": {"code": full["code"], "message": full["message"]}, "user_id": "user_simulated"}


def _vllm(full: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """Older servers answer with a flat object."""
    del problem
    return {"object": "error"} | full


_SHAPES = {"azure": _azure, "dashscope": _dashscope, "openrouter": _openrouter, "vllm": _vllm}


def _masked(key: str) -> str:
    """A key as OpenAI echoes it: the first and the last few characters."""
    return f"{key[:6]}{'*' * 8}{key[-4:]}" if len(key) > 14 else "*" * 8
