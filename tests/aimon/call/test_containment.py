"""A fault in handling one Result: what stands for it, what is said of it, and how often."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from aimon.call.call import Call, Message, Target
from aimon.call.containment import contained, isolated
from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage
from aimon.dialects import get
from aimon.exchange.exchange import Exchange
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.security.redact import Redactor
from results import a_result

if TYPE_CHECKING:
    from aimon.call.checks import Answer

KEY = "sk-live-0123456789abcdef"


def broken(_: object) -> NoReturn:
    """Fails as nobody foresaw, and names a key."""
    raise OverflowError(f"int too large, says {KEY}")


def test_what_stands_for_it_holds_nothing_of_the_provider(caplog: pytest.LogCaptureFixture) -> None:
    """Identity and times stay; text, usage and status go; the key is hidden; the log has it once."""
    result = a_result(identity=Identity("alone", "m", "p", "r"), text="from outside")
    with caplog.at_level(logging.ERROR):
        stand_ins = [contained("priced", result, broken, redactor=Redactor([KEY])) for _ in range(3)]
    assert stand_ins[0] == Result(
        endpoint="alone", provider="p", model="m", region="r", operation="chat", started_at=result.started_at, end=1.5,
        outcome=Outcome.PROBER_ERROR,
        error="the result could not be priced: OverflowError: int too large, says ****",
    )  # fmt: skip
    assert caplog.messages == [
        "aimon: this is a bug in aimon: alone was not priced: OverflowError: int too large, says ****"
    ]


def test_what_goes_well_passes() -> None:
    """The Result that was made, or the one that was given."""
    result = a_result()
    assert contained("priced", result, lambda _: a_result(Outcome.DNS)).outcome is Outcome.DNS
    assert contained("shown", result, lambda _: None) is result


def test_what_concerns_all_passes() -> None:
    """A fault of one endpoint ends there, one that the caller names does not."""
    with isolated("one", "published", but=KeyError):
        raise ValueError
    with pytest.raises(KeyError), isolated("one", "published", but=KeyError):
        raise KeyError


def test_a_check_that_breaks_is_a_prober_error() -> None:
    """The Exchange still has its Result."""

    def check(_: Answer) -> str | None:
        raise RecursionError

    target = Target("checked", "custom", "openai-chat", "http://127.0.0.1/v1", "m")
    call = Call(target, (Message("user", "hi"),), stream=False, checks=(check,))
    exchange = Exchange(call, get("openai-chat"), started=0.0, started_at=0.0)
    exchange.head(200, {"content-type": "application/json"}, 1.0)
    exchange.feed(b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}', 1.0)
    exchange.close(1.5)
    result = exchange.result()
    assert (result.outcome, result.end) == (Outcome.PROBER_ERROR, 1.5)
    assert result.error == "the result could not be judged: RecursionError"


@pytest.mark.parametrize("number", [-1, 10**400, math.nan, math.inf])
@pytest.mark.parametrize("field", ["input", "output", "cached_input", "reasoning", "cost"])
def test_no_number_lets_a_counter_fall(field: str, number: float) -> None:
    """A Result whose numbers can't be added is refused before any part of it is counted."""
    said: dict[str, Any] = {field: number}
    result = a_result(**said) if field == "cost" else a_result(usage=Usage(**said))
    totals = Totals()
    totals.observe(a_result())
    before = totals.copy()
    with pytest.raises((ValueError, OverflowError)):
        totals.observe(result)
    assert (totals.counters, totals.histograms) == (before.counters, before.histograms)


def test_a_gauge_that_can_not_be_shown_is_refused() -> None:
    """It is refused when it is set, not in the middle of a scrape."""
    with pytest.raises(OverflowError):
        Gauges().set("ai_probe_success", 10**400, endpoint="e", model="m", provider="p", region="r")
