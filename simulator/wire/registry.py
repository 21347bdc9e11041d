"""Maps requests to dialects; the table of the chat dialects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.simulator.wire import anthropic_messages, gemini
from aimon.simulator.wire.errors import anthropic, openai
from aimon.simulator.wire.errors import gemini as gemini_errors
from aimon.simulator.wire.openai import chat, completions, responses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.simulator.wire.shape import ErrorAnswer, Problem, Wire

WIRES: Mapping[str, Wire] = {
    wire.name: wire for wire in (chat.WIRE, completions.WIRE, responses.WIRE, anthropic_messages.WIRE, gemini.WIRE)
}

ERRORS: Mapping[str, Callable[[Problem], ErrorAnswer]] = {
    "openai": openai.error,
    "anthropic": anthropic.error,
    "gemini": gemini_errors.error,
}


@dataclass(frozen=True, slots=True)
class Target:
    """The operation that a method and a path address."""

    dialect: str
    family: str
    azure: bool = False
    model: str = ""  # from the path
    stream: bool = False  # Gemini: by the method's name
    array: bool = False  # Gemini without alt=sse: a JSON array instead of events


_AZURE = re.compile(r"/openai/(?:deployments/(?P<deployment>[^/]+)/|v1/)")
_GEMINI = re.compile(r"/models/(?P<model>[^/:]+):(?P<method>generateContent|streamGenerateContent)$")
_MODELS = re.compile(r"/models(?:/(?P<model>[^/:]+))?$")
# Vendors differ in what comes before these (/v1, /compatible-mode/v1, /api/paas/v4, nothing).
_POST_SUFFIXES = {
    "/chat/completions": ("openai-chat", "openai"),
    "/completions": ("openai-completions", "openai"),
    "/rerank": ("rerank", "openai"),
    "/images/generations": ("openai-images", "openai"),
    "/audio/speech": ("openai-speech", "openai"),
    "/responses": ("openai-responses", "openai"),
    "/embeddings": ("openai-embeddings", "openai"),
    "/messages": ("anthropic-messages", "anthropic"),
}


def route(method: str, path: str, query: str, headers: Mapping[str, str]) -> Target | None:
    """The target of a request; None if there is none.

    Args:
        method: The HTTP method.
        path: The path after the profile's name.
        query: The raw query string.
        headers: Lower-case names.
    """
    azure = _AZURE.search(path)
    if method == "GET":
        found = _MODELS.search(path)
        if found is None:
            return None
        model = found["model"] or ""
        return Target("openai-models", family_of(path, headers), bool(azure), model)
    if method != "POST":
        return None
    called = _GEMINI.search(path)
    if called:
        stream = called["method"] == "streamGenerateContent"
        return Target("gemini", "gemini", False, called["model"], stream, stream and "alt=sse" not in query)
    if azure and azure["deployment"] and "api-version=" not in query:
        return None  # Azure has no such path
    for suffix, (dialect, family) in _POST_SUFFIXES.items():
        if path.endswith(suffix):
            return Target(dialect, family, bool(azure), (azure["deployment"] or "") if azure else "")
    return None


def family_of(path: str, headers: Mapping[str, str]) -> str:
    """The family whose error bodies are used for a path that several or no providers have."""
    if "anthropic-version" in headers:
        return "anthropic"
    return "gemini" if "/v1beta" in path else "openai"
