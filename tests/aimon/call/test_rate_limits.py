"""The limit headers of every provider, as their documentation or their answers show them."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.call import rate_limits
from aimon.call.result import Limits

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z

OPENAI = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": "30000000",
    "x-ratelimit-remaining-tokens": "29999995",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": "400000",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:00Z",
    "anthropic-ratelimit-output-tokens-limit": "80000",
    "anthropic-ratelimit-output-tokens-remaining": "20000",
    "anthropic-ratelimit-output-tokens-reset": "2026-01-01T01:00:45+01:00",
}
ANTHROPIC_TOTAL = {
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "420000",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:30Z",
}


@pytest.mark.parametrize(
    ("headers", "expected", "retry_after"),
    [
        pytest.param(OPENAI, Limits(10000, 9999, 0.006, 30000000, 29999995, 360.0), None, id="openai"),
        pytest.param(ANTHROPIC, Limits(4000, 3999, 1.0, 80000, 20000, 45.0), None, id="anthropic, tighter of two"),
        pytest.param(
            ANTHROPIC | ANTHROPIC_TOTAL, Limits(4000, 3999, 1.0, 480000, 420000, 30.0), None, id="anthropic, its choice"
        ),
        pytest.param(
            {
                "x-ratelimit-limit-tokens": "-1",
                "x-ratelimit-remaining-tokens": "-1",
                "x-ratelimit-reset-tokens": "0",
                "x-ratelimit-limit-requests": "0",
                "x-ratelimit-remaining-requests": "0",
            },
            None,
            None,
            id="azure, nothing known",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "79", "x-ratelimit-remaining-tokens": "61353"},
            Limits(requests_remaining=79, tokens_remaining=61353),
            None,
            id="azure, only what remains",
        ),
        pytest.param({"retry-after-ms": "1500", "retry-after": "2"}, None, 1.5, id="azure, milliseconds first"),
        pytest.param(
            {
                "retry-after": "2",
                "x-ratelimit-limit-requests": "14400",
                "x-ratelimit-limit-tokens": "18000",
                "x-ratelimit-remaining-requests": "14370",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            Limits(14400, 14370, 179.56, 18000, 0, 7.66),
            2.0,
            id="groq, exhausted",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-tokens-minute": "5000000",
                "x-ratelimit-remaining-tokens-minute": "4999911",
                "x-ratelimit-tokens-query-cost": "52",
                "x-ratelimit-limit-req-minute": "720",
                "x-ratelimit-remaining-req-minute": "717",
            },
            Limits(720, 717, None, 5000000, 4999911, None),
            None,
            id="mistral",
        ),
        pytest.param(
            {
                "ratelimitbysize-reset": "37",
                "x-ratelimitbysize-limit-minute": "500000",
                "x-ratelimitbysize-remaining-minute": "499900",
                "x-ratelimitbysize-limit-month": "1000000000",
                "x-ratelimitbysize-remaining-month": "10000000",
            },
            Limits(tokens_limit=1000000000, tokens_remaining=10000000),
            None,
            id="mistral by size, the month is nearly used up",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests": "480",
                "x-ratelimit-remaining-requests": "479",
                "x-ratelimit-limit-tokens": "2000000",
                "x-ratelimit-remaining-tokens": "1999000",
            },
            Limits(480, 479, None, 2000000, 1999000, None),
            None,
            id="xai",
        ),
        pytest.param(
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225630000"},
            Limits(20, 0, 30.0),
            None,
            id="openrouter, unix milliseconds",
        ),
        pytest.param(
            {
                "x-ratelimit-limit": "10",
                "x-ratelimit-remaining": "9",
                "x-ratelimit-reset": "1",
                "x-tokenlimit-limit": "3000",
                "x-tokenlimit-remaining": "2900",
            },
            Limits(10, 9, 1.0, 3000, 2900, None),
            None,
            id="together",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests": "600",
                "x-ratelimit-remaining-requests": "599",
                "x-ratelimit-limit-tokens-prompt": "7200000",
                "x-ratelimit-remaining-tokens-prompt": "7193993",
                "x-ratelimit-limit-tokens-generated": "72000",
                "x-ratelimit-remaining-tokens-generated": "69338",
            },
            Limits(600, 599, None, 72000, 69338, None),
            None,
            id="fireworks",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests-day": "14400",
                "x-ratelimit-remaining-requests-day": "14000",
                "x-ratelimit-reset-requests-day": "33011.382867097855",
                "x-ratelimit-limit-tokens-minute": "60000",
                "x-ratelimit-remaining-tokens-minute": "59000",
                "x-ratelimit-reset-tokens-minute": "11.382867097854614",
            },
            Limits(14400, 14000, 33011.382867097855, 60000, 59000, 11.382867097854614),
            None,
            id="cerebras",
        ),
        pytest.param(
            {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "50", "ratelimit-reset": "30"},
            Limits(100, 50, 30.0),
            None,
            id="ietf, revision 6",
        ),
        pytest.param(
            {"ratelimit": "limit=100, remaining=50, reset=30"}, Limits(100, 50, 30.0), None, id="ietf, revision 7"
        ),
        pytest.param(
            {
                "ratelimit": '"burst";r=50;t=30, "daily";r=100;t=9000',
                "ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400',
            },
            Limits(1000, 100, 9000.0),
            None,
            id="ietf, the tighter policy",
        ),
        pytest.param(
            {"ratelimit": '"size";r=1;t=30', "ratelimit-policy": '"size";q=100;qu="content-bytes";w=60'},
            None,
            None,
            id="ietf, bytes are not requests",
        ),
        pytest.param({"retry-after": "0.25"}, None, 0.25, id="fraction of a second"),
        pytest.param({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, None, 60.0, id="HTTP date"),
        pytest.param({"retry-after": "Wed, 31 Dec 2025 23:59:50 GMT"}, None, 0.0, id="HTTP date just past"),
        pytest.param({"retry-after": "-1"}, None, None, id="negative wait"),
        pytest.param({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, None, None, id="wait for ever"),
        pytest.param({"retry-after": f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT"}, None, None, id="no such year"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "3"}, None, 3.0, id="garbage beside a number"),
    ],
)
def test_headers_of_each_provider(headers: dict[str, str], expected: Limits | None, retry_after: float | None) -> None:
    """Each row has the headers of a provider or one form of value, and the limits that they mean."""
    measured, wait = rate_limits.read({"content-type": "text/event-stream", **headers}, NOW)
    assert measured == expected
    assert wait == (None if retry_after is None else pytest.approx(retry_after))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("2d", 172800.0),
        ("850µs", 0.00085),
        ("12.", 12.0),
        ("1767225660", 60.0),
        ("1767225660.5", 60.5),
        ("2026-01-01T00:01:00.123456789Z", 60.123456),
        ("2026-01-01T00:01:00", 60.0),
        ("1s later", None),
        ("s", None),
        ("5 apples", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("-5", None),
        ("-5s", None),
        ("0001-01-01T00:00:00Z", None),
        ("9" * 5000, None),
        ("3000000", None),
    ],
)
def test_every_form_of_a_reset(text: str, seconds: float | None) -> None:
    """The form of the value tells what it means; what makes no sense says nothing."""
    headers = {"x-ratelimit-limit-requests": "10", "x-ratelimit-reset-requests": text}
    measured, _ = rate_limits.read(headers, NOW)
    assert measured is not None
    assert measured.requests_reset == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("100", 100),
        ("100.0", 100),
        ("1e3", 1000),
        ("-1", None),
        ("0", None),
        ("many", None),
        ("1e300", None),
        ("nan", None),
    ],
)
def test_every_form_of_a_limit(text: str, count: int | None) -> None:
    """A limit of nothing is no limit that anybody could work with."""
    measured, _ = rate_limits.read({"x-ratelimit-limit-requests": text, "x-ratelimit-remaining-requests": "7"}, NOW)
    assert measured == Limits(count, 7)


def test_a_reset_alone_is_kept_unless_it_is_zero() -> None:
    """Some answers 429 with nothing but the time of the reset; `0` beside unknown limits means nothing."""
    assert rate_limits.read({"x-ratelimit-reset-tokens": "55"}, NOW)[0] == Limits(tokens_reset=55.0)
    assert rate_limits.read({"x-ratelimit-reset-tokens": "0"}, NOW)[0] is None


def test_dates_are_read_as_the_standard_library_writes_them() -> None:
    """A round trip through an HTTP date keeps the second."""
    from datetime import UTC, datetime, timedelta

    later = datetime.fromtimestamp(NOW, UTC) + timedelta(hours=2)
    assert rate_limits.read({"retry-after": format_datetime(later, usegmt=True)}, NOW)[1] == 7200.0


@given(st.dictionaries(st.sampled_from(sorted(rate_limits._NAMES | {rate_limits._DRAFT_POLICY})), st.text(max_size=80)))
def test_garbage_never_raises_and_never_goes_negative(headers: dict[str, str]) -> None:
    """Whatever the headers hold, the answer is a number that makes sense, or None."""
    measured, wait = rate_limits.read(headers, NOW)
    assert wait is None or 0 <= wait <= rate_limits.MAX_SECONDS
    for value in (
        () if measured is None else (measured.requests_limit, measured.requests_remaining, measured.requests_reset)
    ):
        assert value is None or value >= 0


NEARLY_RIGHT = st.one_of(
    st.from_regex(r"\A-?[0-9]{1,30}(\.[0-9]{1,6})?(ms|s|m)?\Z"),
    st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,3} (Jan|Feb|Abc) [0-9]{1,30} [0-9:]{1,12}( GMT| [+-][0-9]{1,9})?\Z"),
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{1,9}(Z|[+-][0-9]{2}:[0-9]{2})?\Z"),
)


@given(st.dictionaries(st.sampled_from(sorted(rate_limits._NAMES)), NEARLY_RIGHT, min_size=1))
def test_what_almost_makes_sense_never_raises(headers: dict[str, str]) -> None:
    """Numbers, durations and dates that are nearly right."""
    measured, wait = rate_limits.read(headers, NOW)
    assert wait is None or 0 <= wait <= rate_limits.MAX_SECONDS
    assert measured is None or measured != Limits()


def test_headers_without_limits_say_nothing() -> None:
    """The way out that almost every answer of a server of one's own takes."""
    assert rate_limits.read({"content-type": "application/json", "x-request-id": "1"}, NOW) == (None, None)
