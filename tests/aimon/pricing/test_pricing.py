"""What calls cost: configured prices, the public list, currencies, and what is not known."""

from __future__ import annotations

from datetime import UTC, datetime

import genai_prices
import pytest
from genai_prices import data_snapshot
from hypothesis import given
from hypothesis import strategies as st

from aimon import providers
from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage
from aimon.pricing import LISTED_PROVIDERS, Price, PriceBook, PriceError, cost
from command import printed

AT = datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp()  # a Monday
YUAN = Price.of({"input": 0.8, "output": 2.0, "cached_input": 0.2, "currency": "CNY"})


def result(
    *,
    usage: Usage,
    provider: str = "openai",
    model: str = "gpt-4o-mini",
    endpoint: str = "prod",
    response_model: str | None = None,
) -> Result:
    """A successful call with that usage."""
    return Result(
        endpoint=endpoint,
        provider=provider,
        model=model,
        operation="chat",
        response_model=response_model,
        started_at=AT,
        end=1.0,
        outcome=Outcome.OK,
        usage=usage,
    )


def test_a_price_is_per_million_tokens_unless_it_says_per_thousand() -> None:
    """2 per 1M and 0.002 per 1K are the same price."""
    assert Price.of({"input": 2.0, "output": 8.0}).input == pytest.approx(2e-6)
    thousand = Price.of({"input": 0.002, "output": 0.008, "per": "1K"})
    assert [thousand.input, thousand.output] == pytest.approx([2e-6, 8e-6])


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(1000, 500), 1000 * 0.8e-6 + 500 * 2e-6),
        (Usage(1000, 500, cached_input=400), 600 * 0.8e-6 + 400 * 0.2e-6 + 500 * 2e-6),
        (Usage(1000, 500, cached_input=0, reasoning=300), 1000 * 0.8e-6 + 500 * 2e-6),
        (Usage(0, 0), 0.0),
        (Usage(None, 500), None),
        (Usage(1000, None), None),
        (Usage(100, 1, cached_input=101), None),
    ],
)
def test_cost_adds_up_the_tokens_or_is_unknown(usage: Usage, expected: float | None) -> None:
    """Cached input has its own price, reasoning is part of the output, and missing counts make no cost."""
    amount = cost(usage, YUAN)
    assert amount == (expected if expected is None else pytest.approx(expected))


def test_reasoning_with_a_price_of_its_own() -> None:
    """Reasoning tokens are taken out of the output before both are priced."""
    price = Price.of({"input": 1.0, "output": 2.0, "reasoning": 4.0, "per_request": 0.5})
    assert cost(Usage(100, 50, reasoning=30), price) == pytest.approx(100e-6 + 20 * 2e-6 + 30 * 4e-6 + 0.5)


def test_a_price_without_output_is_for_calls_without_output() -> None:
    """Embeddings report no output tokens; a chat priced that way has no known cost, not a cheap one."""
    price = Price.of({"input": 0.5})
    assert cost(Usage(1000, None), price) == pytest.approx(0.0005)
    assert cost(Usage(1000, 0), price) == pytest.approx(0.0005)
    assert cost(Usage(1000, 5), price) is None


def test_a_price_with_tiers_asks_beyond_the_first_one() -> None:
    """The rates hold up to the first tier, including its last token."""
    price = Price(1e-6, 1e-6, linear_up_to=100, calculate=lambda usage: float(usage.input or 0))
    assert cost(Usage(100, 0), price) == pytest.approx(1e-4)
    assert cost(Usage(101, 0), price) == 101.0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"inputs": 2.0},
            "inputs: unknown; known are input, output, cached_input, reasoning, per_request, currency, per",
        ),
        ({"output": 2.0}, "input: missing: write the price of input tokens"),
        ({"input": -1}, "input: write an amount, 0 or more, such as 2.50"),
        ({"input": "2.0"}, "input: write an amount, 0 or more, such as 2.50"),
        ({"input": True}, "input: write an amount, 0 or more, such as 2.50"),
        ({"input": float("nan")}, "input: write an amount, 0 or more, such as 2.50"),
        ({"input": 1.0, "per": "1B"}, "per: write 1M or 1K: how many tokens the amounts are for"),
        ({"input": 1.0, "currency": "yuan"}, "currency: write the three letters of a currency, such as USD or CNY"),
    ],
)
def test_a_bad_price_says_what_to_write(spec: dict[str, object], message: str) -> None:
    """Each mistake has its one message."""
    with pytest.raises(PriceError) as caught:
        Price.of(spec)
    assert str(caught.value) == message


def test_a_bad_rate_says_what_to_write() -> None:
    """A rate of 0 would make everything free."""
    with pytest.raises(PriceError, match=r"^fx\.USD: write how much CNY 1 USD is, such as 7\.10$"):
        PriceBook(currency="CNY", fx={"USD": 0.0})


def test_the_endpoint_wins_over_the_model_and_the_model_over_the_list() -> None:
    """Three prices for the same call, asked for in order."""
    mine, ours = Price.of({"input": 1.0, "output": 1.0}), Price.of({"input": 2.0, "output": 2.0})
    book = PriceBook(endpoints={"prod": mine}, models={"openai/gpt-4o-mini": ours})
    assert book.price("openai", "gpt-4o-mini", "prod", AT) is mine
    assert book.price("openai", "gpt-4o-mini", "other", AT) is ours
    listed = book.price("openai", "gpt-4o", "other", AT)
    assert listed is not None
    assert listed.source == f"genai-prices {genai_prices.__version__}"


def test_models_are_found_by_name_before_pattern() -> None:
    """A full name wins wherever it stands; patterns are tried in the order written; case does not matter."""
    exact, first, second = (Price.of({"input": amount}) for amount in (1.0, 2.0, 3.0))
    book = PriceBook(models={"dashscope/*": first, "*qwen*": second, "qwen-plus": exact})
    assert book.price("dashscope", "qwen-plus") is exact
    assert book.price("dashscope", "qwen-max") is first
    assert book.price("siliconflow", "Qwen/Qwen3-32B") is second
    assert book.price("volcengine", "doubao-pro") is None


def test_a_cost_is_converted_into_the_reporting_currency() -> None:
    """1 USD is 7.10 yuan; the source tells the rate."""
    book = PriceBook(models={"gpt-4o-mini": Price.of({"input": 1.0, "output": 2.0})}, currency="CNY", fx={"USD": 7.1})
    costed = book.cost(result(usage=Usage(1_000_000, 500_000)))
    assert costed.cost == pytest.approx(14.2)
    assert (costed.currency, costed.price_source) == ("CNY", "config, 1 USD = 7.1 CNY")


def test_without_a_rate_the_cost_is_unknown_and_says_why() -> None:
    """The cost is None, neither 0 nor an amount in another currency, and the reason names the rate."""
    costed = PriceBook(currency="CNY").cost(result(usage=Usage(1000, 100)))
    assert (costed.cost, costed.currency) == (None, None)
    assert costed.price_source == "USD price, no fx rate to CNY"


@pytest.mark.parametrize(
    "unknown",
    [
        result(usage=Usage()),
        result(usage=Usage(1000, None)),
        result(usage=Usage(1000, 100), provider="dashscope", model="qwen-plus"),
        result(usage=Usage(1000, 100), provider="ollama", model="llama3.2"),
        result(usage=Usage(1000, 100), model="no-such-model"),
    ],
    ids=["no usage", "half a usage", "no list price", "own server", "unknown model"],
)
def test_an_unknown_cost_leaves_the_result_alone(unknown: Result) -> None:
    """The very same Result comes back: its cost is None, never 0."""
    assert PriceBook().cost(unknown) is unknown
    assert unknown.cost is None


def test_the_list_prices_the_model_that_answered() -> None:
    """An Azure deployment has a name of its own; the model behind it is what is charged."""
    book, usage = PriceBook(), Usage(1_000_000, 0)
    call = result(usage=usage, provider="azure", model="my-deployment", response_model="gpt-4o-2024-08-06")
    behind = result(usage=usage, provider="azure", model="gpt-4o-2024-08-06")
    assert book.cost(call).cost == book.cost(behind).cost
    assert book.cost(behind).cost is not None
    assert book.cost(result(usage=usage, provider="azure", model="my-deployment")).cost is None


def test_tariffs_by_time_of_day_are_followed() -> None:
    """DeepSeek charges more at its peak (01:00 to 04:00 UTC) than after it; one book serves both."""
    book = PriceBook()
    peak, after = (datetime(2026, 11, 2, hour, tzinfo=UTC).timestamp() for hour in (2, 5))
    dear, cheap = (book.price("deepseek", "deepseek-flash", at=at) for at in (peak, after))
    assert dear is not None
    assert cheap is not None
    assert dear.input == pytest.approx(2 * (cheap.input or 0))


def test_a_model_listed_without_prices_is_free_only_where_its_name_says_so() -> None:
    """An empty entry of the list may also be one that nobody has filled in."""
    book = PriceBook()
    free = book.price("openrouter", "deepseek/deepseek-r1:free", at=AT)
    assert free is not None
    assert cost(Usage(1000, 1000), free) == 0.0
    assert book.price("openai", "omni-moderation-latest", at=AT) is None


def listed_models() -> list[tuple[str, str]]:
    """Our name of the provider, and the model, for all that we look up."""
    by_id = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
    return [(ours, model.id) for ours, theirs in LISTED_PROVIDERS.items() for model in by_id[theirs].models]


@given(st.sampled_from(listed_models()), st.integers(1, 2_000_000), st.integers(0, 100_000), st.integers(0, 1_000_000))
def test_costs_equal_those_of_the_list_itself(listed: tuple[str, str], prompt: int, answer: int, cached: int) -> None:
    """For every listed model, tiered or not, ours is what genai-prices calculates with the call's tokens."""
    provider, model = listed
    usage = Usage(prompt, answer, cached_input=min(cached, prompt))
    costed = PriceBook().cost(result(usage=usage, provider=provider, model=model))
    if costed.cost is None:
        return  # the next test bounds how many
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=prompt, output_tokens=answer, cache_read_tokens=usage.cached_input),
        model,
        provider_id=LISTED_PROVIDERS[provider],
        genai_request_timestamp=datetime.fromtimestamp(AT, UTC),
    )
    assert costed.cost == pytest.approx(float(theirs.total_price), rel=1e-12)


def test_almost_every_listed_model_has_a_cost() -> None:
    """What is left out are models that do not charge by tokens, and entries without a price."""
    book = PriceBook()
    models = listed_models()
    known = sum(book.cost(result(usage=Usage(10, 10), provider=p, model=m)).cost is not None for p, m in models)
    assert known > 0.9 * len(models)


def test_every_listed_provider_is_a_preset_and_on_the_list() -> None:
    """A renamed preset, or a provider that left the list, would lose its prices silently."""
    assert set(LISTED_PROVIDERS) <= set(providers.PRESETS)
    assert set(LISTED_PROVIDERS.values()) <= {provider.id for provider in data_snapshot.get_snapshot().providers}


def test_the_list_is_imported_only_when_it_is_needed() -> None:
    """Its import takes longer than that of the whole core: configured prices must not pay for it."""
    program = (
        "import sys; from aimon.pricing import Price, PriceBook\n"
        "book = PriceBook(endpoints={'prod': Price.of({'input': 1.0})})\n"
        "assert book.price('openai', 'gpt-4o', 'prod') and book.price('dashscope', 'qwen-plus') is None\n"
        "print('genai_prices' in sys.modules)\n"
    )
    assert printed(program) == "False\n"
