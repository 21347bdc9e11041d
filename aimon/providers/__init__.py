"""Providers: presets of what aimon knows of each, and the targets that are made of them.

PRESETS            by name
get(name)          one of them, or a KeyError that names the nearest
target(...)        where calls go: a preset with what the user says instead of it
"""

from aimon.providers.presets import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    GEMINI,
    IMAGES,
    MESSAGES,
    MODELS,
    PRESETS,
    RERANK,
    RESPONSES,
    SPEECH,
    Preset,
)
from aimon.providers.targets import get, target

__all__ = [
    "CHAT",
    "COMPLETIONS",
    "EMBEDDINGS",
    "GEMINI",
    "IMAGES",
    "MESSAGES",
    "MODELS",
    "PRESETS",
    "RERANK",
    "RESPONSES",
    "SPEECH",
    "Preset",
    "get",
    "target",
]
