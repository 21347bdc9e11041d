"""How a report states token counts and times per output token: known, estimated, and for how many calls."""

from __future__ import annotations

from typing import Any

from aimon.loadtests.statistics.formatting import format_number

# From here on shown as 1.1 or more.
_SEVERAL = 1.05


def counted(report: dict[str, Any]) -> str:
    """Tokens in and out, and out per second, in one line."""
    tokens = report["tokens"]
    found, guess, without = _amounts(tokens), tokens["estimated"], tokens["without_usage"]
    if without:
        found = f"{found} reported, {calls(without)} without usage" if found else f"not reported by {calls(without)}"
    if guess is not None:
        found += f"; about {_amounts(guess)} by the text (estimated)"
    return found or "none reported"


def _amounts(tokens: dict[str, Any]) -> str:
    known = [
        f"{tokens[name]:,} {word}" for name, word in (("input", "in"), ("output", "out")) if tokens[name] is not None
    ]
    if tokens["output_per_s"] is not None:
        known.append(f"{format_number(tokens['output_per_s'])}/s out")
    return ", ".join(known)


def rate(report: dict[str, Any]) -> tuple[str, str] | None:
    """Output tokens per second, and a note on it; None where unknown."""
    tokens = report["tokens"]
    if tokens["output_per_s"] is not None:
        return format_number(tokens["output_per_s"]), _amounts(tokens | {"output_per_s": None})
    guess = tokens["estimated"]
    if guess is None or guess["output_per_s"] is None:
        return ("-", counted(report)) if tokens["without_usage"] else None
    said = f"estimated: {calls(tokens['without_usage'])} without usage"
    return f"≈ {format_number(guess['output_per_s'])}", said


def titled(key: str, title: str, report: dict[str, Any]) -> str:
    """The title of a kind of time; for gaps with the tokens of a chunk, if a chunk has more than one."""
    held = report["tpot"]["tokens_per_chunk"]
    if key != "itl_s" or held is None or held < _SEVERAL:
        return title
    return f"{title} of {held:.1f} tokens"


def untimed(report: dict[str, Any]) -> list[str]:
    """Why some successes have no time per output token; usually empty."""
    unknown = report["tpot"]["unknown"]
    if set(unknown) <= {"not streamed"}:
        return []
    reasons = ", ".join(f"{why} ({count:,})" for why, count in unknown.items())
    return [f"No time per output token of {calls(sum(unknown.values()))}: {reasons}"]


def priced(money: dict[str, Any]) -> str:
    """How many calls are priced by estimated tokens; empty if none is."""
    return f", {calls(money['estimated'])} by estimated tokens" if money["estimated"] else ""


def calls(count: int) -> str:
    """A number of calls."""
    return f"{count:,} call" + ("" if count == 1 else "s")
