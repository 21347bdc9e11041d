"""Numbers in words."""

from __future__ import annotations

import pytest

from aimon.formatting import format_duration, format_number, format_percent


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0"),
        (8.5e-5, "85 µs"),
        (9.996e-4, "1 ms"),
        (0.0181, "18.1 ms"),
        (0.9996, "1 s"),
        (12.345, "12.3 s"),
        (179.0, "179 s"),
        (180.0, "3 min"),
        (14_400.0, "4 h"),
    ],
)
def test_durations_have_three_digits_in_the_unit_that_fits(seconds: float, text: str) -> None:
    """Rounding never gives 1,000 of a unit."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.00012, "0.012 %"), (0.0125, "1.2 %"), (0.05, "5 %"), (0.99996, "> 99.9 %"), (1.0, "100 %")],
)
def test_only_none_is_0_and_only_all_is_100_percent(share: float, text: str) -> None:
    """Shares next to 0 and 1 are not rounded to 0 % and 100 %."""
    assert format_percent(share) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (14.77, "14.8"), (999.6, "1,000"), (123_456.0, "123,456")])
def test_long_numbers_have_commas(value: float, text: str) -> None:
    """Numbers from 1,000 on have commas, smaller ones three digits."""
    assert format_number(value) == text
