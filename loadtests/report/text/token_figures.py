"""How a report states token counts and times per output token: known, estimated, and for how many calls."""

from __future__ import annotations

from typing import Any

from aimon.formatting import format_number
from aimon.language import pick

# From here on shown as 1.1 or more.
_SEVERAL = 1.05


def counted(report: dict[str, Any]) -> str:
    """Tokens in and out, and out per second, in one line."""
    tokens = report["tokens"]
    found, guess, without = _amounts(tokens), tokens["estimated"], tokens["without_usage"]
    if without:
        if found:
            found = pick("{} reported, {} without usage", "报告了 {}，{} 没有用量").format(found, calls(without))
        else:
            found = pick("not reported by {}", "{} 没有报告").format(calls(without))
    if guess is not None:
        found += pick("; about {} by the text (estimated)", "；按文本约 {}（估计）").format(_amounts(guess))
    return found or pick("none reported", "没有报告")


def _amounts(tokens: dict[str, Any]) -> str:
    words = (("input", pick("{} in", "输入 {}")), ("output", pick("{} out", "输出 {}")))
    known = [word.format(f"{tokens[name]:,}") for name, word in words if tokens[name] is not None]
    if tokens["output_per_s"] is not None:
        known.append(pick("{}/s out", "输出 {}/s").format(format_number(tokens["output_per_s"])))
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
    return pick(f"{title} of {held:.1f} tokens", f"{title}（每块 {held:.1f} 个 token）")


def untimed(report: dict[str, Any]) -> list[str]:
    """Why some successes have no time per output token; usually empty."""
    unknown = report["tpot"]["unknown"]
    if set(unknown) <= {"not streamed"}:
        return []
    reasons = ", ".join(f"{why} ({count:,})" for why, count in unknown.items())
    count = calls(sum(unknown.values()))
    return [pick(f"No time per output token of {count}: {reasons}", f"{count}没有每输出 token 时间：{reasons}")]


def priced(money: dict[str, Any]) -> str:
    """How many calls are priced by estimated tokens; empty if none is."""
    count = calls(money["estimated"])
    return pick(f", {count} by estimated tokens", f"，{count}按估计的 token 计") if money["estimated"] else ""


def calls(count: int) -> str:
    """A number of calls."""
    return pick(f"{count:,} call" + ("" if count == 1 else "s"), f"{count:,} 个调用")
