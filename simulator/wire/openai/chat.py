"""OpenAI chat completions, as OpenAI, Azure and many compatible servers implement them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import REFUSAL, count_tokens, tokenize
from aimon.simulator.wire import reading
from aimon.simulator.wire.errors.openai import stream_error
from aimon.simulator.wire.shape import Answer, Call, Finish, Frame, Kind, RequestError, Wire, dumps, splice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FINISH = {
    Finish.STOP: "stop",
    Finish.TOOL: "tool_calls",
    Finish.LENGTH: "length",
    Finish.FILTER: "content_filter",
    Finish.REFUSAL: "stop",
    Finish.ERROR: "error",
}
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_FILTER_DOWN = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a chat completion request; on Azure the deployment in the path is the model."""
    model = path_model or reading.string(body, "model")
    conversation = reading.turns(body, "messages")
    # Three vendors' ways to turn reasoning off.
    off = (
        body.get("reasoning_effort") in ("none", "minimal")
        or body.get("enable_thinking") is False
        or reading.section(body, "thinking").get("type") == "disabled"
        or reading.section(body, "reasoning").get("enabled") is False
    )
    return Call(
        model=model,
        prompt=reading.last_user(conversation),
        input_tokens=sum(count_tokens(text) for _, text in conversation),
        stream=reading.flag(body, "stream"),
        max_tokens=reading.limit(body, "max_completion_tokens", "max_tokens"),
        tool=_tool(body),
        min_tokens=reading.limit(body, "min_tokens") or 0,
        ignore_eos=reading.flag(body, "ignore_eos"),
        include_usage=reading.flag(reading.section(body, "stream_options"), "include_usage"),
        think=not off,
    )


def _tool(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The first of the tools, unless none may be called or the last message is a tool's answer."""
    tools, messages = body.get("tools"), body["messages"]
    if not tools or body.get("tool_choice") == "none" or messages[-1].get("role") == "tool":
        return None
    if not isinstance(tools, list) or not isinstance(tools[0], dict) or not isinstance(tools[0].get("function"), dict):
        raise RequestError("Invalid value for 'tools': expected a list of functions", "tools")
    function = tools[0]["function"]
    return reading.string(function, "name"), reading.section(function, "parameters")


def body(answer: Answer) -> dict[str, Any]:
    """The whole answer."""
    refused = answer.finish is Finish.REFUSAL
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused else answer.words,
        "refusal": REFUSAL if refused else None,
    }
    if answer.musings:
        message[answer.thoughts_field] = answer.musings
    if answer.tool:
        message["content"] = answer.words or None
        message["tool_calls"] = [_called(answer, "".join(answer.arguments))]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.finish]}
    if answer.finish is Finish.ERROR:
        choice["error"] = {"code": 502, "message": "Upstream error from the model's host"}
    whole = _envelope(answer, "chat.completion") | {"choices": [choice], "usage": usage(answer)}
    if answer.vendor == "azure":
        choice["content_filter_results"] = _FILTER_DOWN if answer.filter_down else _SAFE
        whole["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return whole


def events(answer: Answer) -> Iterator[Frame]:
    """The answer as chunks; usage is sent only with stream_options.include_usage."""
    if answer.vendor == "azure":
        # Azure opens with a chunk that has no choices at all.
        yield Frame(Kind.OPEN, dumps(_chunk(answer, []) | {"prompt_filter_results": [{"prompt_index": 0}]}))
    yield Frame(Kind.OPEN, _delta(answer, {"role": "assistant", "content": "", "refusal": None}))
    thought = splice(lambda text: _chunk(answer, [_choice({answer.thoughts_field: text})]))
    for text, tokens in answer.thought_chunks():
        yield Frame(Kind.THOUGHT, thought(text) if answer.thoughts_shown else "", tokens=tokens)
    content = splice(lambda text: _chunk(answer, [_choice({"content": text})]))
    for text, tokens in answer.text_chunks():
        yield Frame(Kind.TEXT, content(text), tokens=tokens)
    if answer.tool:
        yield Frame(Kind.PART, _delta(answer, {"tool_calls": [{"index": 0} | _called(answer, "")]}))
        argument = splice(lambda text: _chunk(answer, [_choice({"tool_calls": [_argument(text)]})]))
        for text, tokens in answer.argument_chunks():
            yield Frame(Kind.TOOL, argument(text), tokens=tokens)
    if answer.finish is Finish.REFUSAL:
        for text in tokenize(REFUSAL):
            yield Frame(Kind.REFUSAL, _delta(answer, {"refusal": text}))
    yield Frame(Kind.FINISH, dumps(_chunk(answer, [_last_choice(answer)])))
    if answer.include_usage:
        yield Frame(Kind.FINISH, dumps(_chunk(answer, []) | {"usage": usage(answer)}))
    yield Frame(Kind.DONE, "[DONE]")


def error_events(answer: Answer, kind: str) -> list[Frame]:
    """An error in the middle of a stream: a data line with `error` and no [DONE]."""
    return [Frame(Kind.PART, dumps(stream_error(answer, kind)))]


def usage(answer: Answer) -> dict[str, Any]:
    """Reasoning is part of the completion tokens; DeepSeek also splits the prompt by cache."""
    counts: dict[str, Any] = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(answer.thoughts), "audio_tokens": 0},
    }
    if answer.vendor == "deepseek":
        counts["prompt_cache_hit_tokens"] = answer.cached_tokens
        counts["prompt_cache_miss_tokens"] = answer.input_tokens - answer.cached_tokens
    return counts


def _envelope(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_simulated",
    }


def _chunk(answer: Answer, choices: list[dict[str, Any]]) -> dict[str, Any]:
    chunk = _envelope(answer, "chat.completion.chunk") | {"choices": choices}
    return chunk | {"usage": None} if answer.include_usage else chunk


def _called(answer: Answer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": arguments}
    return {"id": f"call_{answer.id}", "type": "function", "function": function}


def _argument(text: str) -> dict[str, Any]:
    return {"index": 0, "function": {"arguments": text}}


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _last_choice(answer: Answer) -> dict[str, Any]:
    choice = _choice({}, _FINISH[answer.finish])
    if answer.finish is Finish.ERROR:
        choice["error"] = {"code": 502, "message": "Upstream error from the model's host"}
    if answer.vendor == "azure":
        choice["content_filter_results"] = _FILTER_DOWN if answer.filter_down else _SAFE
    return choice


def _delta(answer: Answer, delta: dict[str, Any]) -> str:
    return dumps(_chunk(answer, [_choice(delta)]))


WIRE = Wire("openai-chat", "openai", read, body, events, error_events)
