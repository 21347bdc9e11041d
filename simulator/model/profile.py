"""The settings of a simulated provider: latency, limits, key. Validated once, then immutable."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

# Vendors of one dialect differ in error bodies and headers only.
VENDORS = ("openai", "azure", "deepseek", "dashscope", "openrouter", "vllm")
REASONING_FIELDS = ("reasoning_content", "reasoning")


class SettingError(ValueError):
    """An invalid profile, rule or option; the message says which, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One simulated provider. Seconds and tokens throughout.

    A streamed answer takes `ttft` until its first generated token and `itl` for each token after it (so that
    reasoning delays the visible text); an answer that is not streamed is sent when its last token would be
    due. With `slots` the capacity is `slots / service_time` requests per second.

    Attributes:
        name: The path prefix under which it answers.
        vendor: Whose error bodies and headers the OpenAI dialects use; one of `VENDORS`. A path below
            `/openai/` is always Azure.
        key: The key that requests must carry; None accepts any, or none.
        models: The known models, each with overrides for that model (`{"thinker": {"reasoning": 80}}`);
            empty accepts every name.
        ttft: Median seconds from the start of service to the first generated token.
        ttft_sigma: Spread of the log-normal around that median; 0 is exact.
        itl: Median seconds between tokens.
        itl_sigma: Spread of each gap; 0 is exact.
        tokens: Tokens in an answer that is not an echo (a smaller limit in the request wins).
        reasoning: Reasoning tokens generated before the visible text.
        reasoning_visible: Whether reasoning is sent; otherwise it only takes time and tokens.
        reasoning_field: The delta field of chat completions that carries it.
        chunk_tokens: Tokens that one event carries; they arrive when the first of them is due.
        cached_share: Share of the input tokens reported as read from a cache.
        slots: Requests served at once, the others wait first come first served; 0 is no limit.
        queue: Requests that may wait for a slot; further ones are refused as overloaded.
        rpm: Requests allowed per minute; None is no limit.
        tpm: Input plus output tokens allowed per minute; None is no limit.
        burst: Seconds' worth of either limit that may be spent at once.
        balance: The balance of its account; None if it has no balance endpoint.

    Raises:
        SettingError: A field out of range or of the wrong type.
    """

    name: str = "sim"
    vendor: str = "openai"
    key: str | None = field(default=None, repr=False)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ttft: float = 0.05
    ttft_sigma: float = 0.0
    itl: float = 0.005
    itl_sigma: float = 0.0
    tokens: int = 20
    reasoning: int = 0
    reasoning_visible: bool = True
    reasoning_field: str = "reasoning_content"
    chunk_tokens: int = 1
    cached_share: float = 0.0
    slots: int = 0
    queue: int | None = None
    rpm: float | None = None
    tpm: float | None = None
    burst: float = 1.0
    balance: float | None = None

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "-_." for c in self.name) or self.name == "_sim":
            raise SettingError(f"name: {self.name!r} is no path segment; use letters, digits, '-', '_' and '.'")
        _one_of("vendor", self.vendor, VENDORS)
        _one_of("reasoning_field", self.reasoning_field, REASONING_FIELDS)
        for name in ("ttft", "ttft_sigma", "itl", "itl_sigma"):
            _number(name, getattr(self, name), low=0)
        for name in ("tokens", "reasoning", "slots"):
            _number(name, getattr(self, name), low=0, whole=True)
        for name in ("rpm", "tpm"):
            _number(name, getattr(self, name), low=0, above=True, optional=True)
        _number("burst", self.burst, low=0, above=True)
        _number("balance", self.balance, low=-math.inf, optional=True)
        _number("queue", self.queue, low=0, whole=True, optional=True)
        _number("chunk_tokens", self.chunk_tokens, low=1, whole=True)
        _number("cached_share", self.cached_share, low=0, high=1)
        if not isinstance(self.reasoning_visible, bool):
            raise SettingError(f"reasoning_visible: must be true or false, not {self.reasoning_visible!r}")
        if self.key is not None and (not isinstance(self.key, str) or not self.key):
            raise SettingError("key: must be a string with at least one character, or null to accept any key")
        self._check_models()

    def _check_models(self) -> None:
        if not isinstance(self.models, Mapping):
            raise SettingError(
                'models: must map names to overrides, such as {"small": {}, "thinker": {"reasoning": 80}}'
            )
        for model, overrides in self.models.items():
            if not isinstance(overrides, Mapping):
                raise SettingError(f"models.{model}: must be an object of overrides, not {overrides!r}")
            for name in overrides:
                known(name, PER_MODEL, f"models.{model}")
            if overrides:
                replace(self, models={}, **overrides)

    @property
    def service_time(self) -> float:
        """Median seconds that an answer of `tokens` (and `reasoning`) occupies a slot."""
        chunks = -(-self.tokens // self.chunk_tokens) - 1
        return self.ttft + (self.reasoning + max(chunks, 0) * self.chunk_tokens) * self.itl

    def for_model(self, model: str) -> Profile | None:
        """The profile with this model's overrides, or None for an unknown model."""
        if not self.models:
            return self
        overrides = self.models.get(model)
        if overrides is None:
            return None
        return replace(self, **overrides) if overrides else self

    def changed(self, changes: Mapping[str, Any]) -> Profile:
        """A copy with some fields changed.

        Raises:
            SettingError: An unknown field, the name (it is the address), or a value out of range.
        """
        for name in changes:
            known(name, FIELDS, f"profile {self.name}")
        if changes.get("name", self.name) != self.name:
            raise SettingError("name: is the address of a running provider and can't be changed")
        return replace(self, **changes)


FIELDS = tuple(f.name for f in fields(Profile))
PER_MODEL = (
    "ttft", "ttft_sigma", "itl", "itl_sigma", "tokens",
    "reasoning", "reasoning_visible", "reasoning_field", "chunk_tokens", "cached_share",
)  # fmt: skip


def profile_from_mapping(values: Mapping[str, Any]) -> Profile:
    """A Profile from parsed JSON.

    Raises:
        SettingError: An unknown field (with the nearest known one) or a value out of range.
    """
    for name in values:
        known(name, FIELDS, "profile")
    return Profile(**values)


def known(name: str, names: tuple[str, ...], where: str) -> None:
    """Refuses a name that is not in `names`, and suggests the nearest.

    Raises:
        SettingError: The name is unknown.
    """
    if name in names:
        return
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    raise SettingError(f"{where}: unknown name {name!r}; {hint}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingError(f"{name}: {value!r} is not one of {', '.join(allowed)}")


def _number(
    name: str,
    value: object,
    *,
    low: float,
    high: float = math.inf,
    above: bool = False,
    whole: bool = False,
    optional: bool = False,
) -> None:
    """Refuses what is not a finite number in [low, high] (or above low)."""
    if value is None and optional:
        return
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int) if whole else isinstance(value, int | float)
    if not right_type or isinstance(value, bool) or not math.isfinite(value):  # type: ignore[arg-type]  # right_type says it is a number
        raise SettingError(f"{name}: must be {kind}, not {value!r}")
    if not low <= value <= high or (above and value == low):  # type: ignore[operator]  # checked above
        bound = f"between {low} and {high}" if high < math.inf else f"{'more than' if above else 'at least'} {low}"
        raise SettingError(f"{name}: must be {bound}, not {value!r}")
