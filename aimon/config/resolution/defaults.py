"""Fills the defaults into an endpoint; variables stay unexpanded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec.structs import replace

from aimon.call.call import Timeouts
from aimon.config.model import rules
from aimon.config.resolution import reasoning_models
from aimon.dialects import reasoning

if TYPE_CHECKING:
    from aimon.config.model.config import Config, DefaultsSection, EndpointSection, TimeoutSection
    from aimon.config.model.sections import Section

T = TypeVar("T", bound="Section")

_PLAIN: Final = (
    "interval",
    "interval_failing",
    "budget",
    "stream",
    "temperature",
    "ca_file",
    "proxy",
    "ip",
    "http2",
    "slo",
)


def effective(config: Config, endpoint: EndpointSection) -> EndpointSection:
    """The endpoint, with what it leaves out taken from the defaults."""
    defaults = config.defaults
    filled: dict[str, Any] = {name: getattr(defaults, name) for name in _PLAIN if getattr(endpoint, name) is None}
    if endpoint.reasoning is None and rules.dialect_of(endpoint) in reasoning.DEFAULTS:
        filled["reasoning"] = defaults.reasoning
    filled["labels"] = {**defaults.labels, **endpoint.labels}
    filled["timeout"] = _timeout(endpoint, defaults)
    filled["incident"] = _merged(defaults.incident, endpoint.incident)
    filled["degraded"] = _merged(defaults.degraded, endpoint.degraded)
    return replace(endpoint, **filled)


def _timeout(endpoint: EndpointSection, defaults: DefaultsSection) -> TimeoutSection:
    """The three limits, each filled in by itself; none exceeds the total."""
    own, shared, usual = endpoint.timeout, defaults.timeout, Timeouts()
    total = own.total or shared.total or usual.total
    level = endpoint.reasoning or defaults.reasoning
    # Reasoning comes before the first visible text: only the total limits it then.
    thinks = endpoint.model is not None and reasoning_models.floor(endpoint.model, level) > 0
    ttft = own.ttft or shared.ttft or (total if thinks else usual.ttft)
    connect = own.connect or shared.connect or usual.connect
    return replace(own, total=total, ttft=min(ttft, total), connect=min(connect, total))


def _merged(shared: T, own: T) -> T:
    """The section with the shared value of each key that it leaves out."""
    return replace(shared, **{name: value for name in own.KEYS if (value := getattr(own, name)) is not None})
