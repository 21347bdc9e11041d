"""Objectives such as `p99<10s` or `error_rate<1%`, as people write them."""

from __future__ import annotations

import re

import msgspec

from aimon.quantities import UNITS

# What an editor can check; `parse` knows better.
PATTERN = r"\s*([a-z_0-9.]+)(?:\{([^{}]+)\})?\s*(<=|>=|<|>)\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|%|/s|/m)?\s*"
_FORM = re.compile(PATTERN)
_QUANTILE = re.compile(r"(?:(latency|schedule|ttft|first_output|itl|tpot)_)?p([0-9]{2})(?:\.?([0-9]{1,2}))?")
_SERIES = {None: "latency_from_schedule", "latency": "latency", "schedule": "latency_from_schedule"}
_SHARES = ("error_rate", "rate_limited", "availability")
_RATES = ("goodput", "rate")
_EXAMPLES = "p99<10s, ttft_p95<2s, tpot_p50<50ms, error_rate<1%, availability>99.5% or goodput>20/s"

MET, MISSED, NOT_JUDGED = "met", "missed", "not judged"
"""The verdicts on an objective. One that could not be judged was not met."""


class Objective(msgspec.Struct, frozen=True):
    """One objective: `measure`, at a quantile where it is a time, is below or above a threshold.

    Seconds, shares from 0 to 1, and requests per second. `p99` alone is the latency from schedule: what a user
    sees who came when the schedule says. With a `request`, only the calls of that name count: `ttft_p95{question}<2s`.
    """

    text: str
    measure: str
    quantile: float | None
    below: bool
    inclusive: bool
    threshold: float
    request: str | None = None

    def met(self, value: float | None) -> bool:
        """Whether a value meets it. What could not be measured does not."""
        if value is None:
            return False
        if self.inclusive and value == self.threshold:
            return True
        return value < self.threshold if self.below else value > self.threshold


def parse(text: str) -> Objective:
    """Reads an objective.

    Raises:
        ValueError: not one; the message says what to write.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no objective: write one such as {_EXAMPLES}")
    name, request, comparison, number, unit = found.groups()
    request = request and request.strip()
    if request == "":
        raise ValueError(
            f"{text!r}: the braces hold the name of a request: write {name}{{question}}{comparison}{number}"
        )
    amount = float(number)
    below = comparison.startswith("<")
    inclusive = comparison.endswith("=")
    if quantile := _QUANTILE.fullmatch(name):
        share = _share(quantile[2], quantile[3] or "", text)
        if unit not in UNITS:
            raise ValueError(f"{text!r}: {name} is a time: write {name}{comparison}{number}s or {number}ms")
        if not below:
            raise ValueError(f"{text!r}: an objective for a time is an upper limit: write {name}<{number}{unit}")
        measure = _SERIES.get(quantile[1]) or quantile[1]
        return Objective(text.strip(), measure, share, below, inclusive, amount * UNITS[unit], request)
    if name in _SHARES:
        if unit != "%" and not (unit is None and amount <= 1):
            raise ValueError(f"{text!r}: {name} is a share: write {name}{comparison}{number}%")
        return Objective(text.strip(), name, None, below, inclusive, amount / 100 if unit == "%" else amount, request)
    if name in _RATES:
        if unit not in ("/s", "/m"):
            raise ValueError(f"{text!r}: {name} is a rate: write {name}{comparison}{number}/s")
        return Objective(text.strip(), name, None, below, inclusive, amount / (60 if unit == "/m" else 1), request)
    from difflib import get_close_matches  # noqa: PLC0415 - start-up: only for what is wrong

    near = get_close_matches(name, (*_SHARES, *_RATES, "p99", "ttft_p95", "first_output_p95", "tpot_p50", "itl_p99"), 1)
    hint = f"did you mean {near[0]}?" if near else f"write one such as {_EXAMPLES}"
    raise ValueError(f"{text!r}: {name} is not measured; {hint}")


def _share(percent: str, decimals: str, text: str) -> float:
    """The quantile of `p98`, `p99.9` or `p999`.

    Raises:
        ValueError: `p00` is no percentile, and `p100` might be read as the greatest or as the tenth part.
    """
    if percent == "00" or (decimals and percent != "99"):
        raise ValueError(f"{text!r}: a percentile is one from p01 to p99, or p99.9 or p99.99")
    return float(f"0.{percent}{decimals}")
