"""Numbers in words."""

from __future__ import annotations

import pytest

from aimon.formatting import (
    format_age,
    format_change,
    format_duration,
    format_long_duration,
    format_number,
    format_percent,
    format_uptime,
)


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


@pytest.mark.parametrize(("value", "text"), [(12.714, "12.71"), (9999.4, "9999"), (9999.6, "10,000"), (1e5, "100,000")])
def test_four_digits_have_no_exponent_either(value: float, text: str) -> None:
    """A limit of 100,000 tokens a minute is not written as 1e+05."""
    assert format_number(value, 4) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (36 * 3600.0, "36 h"), (172_800.0, "2 d")]
)
def test_an_age_is_in_the_largest_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    """An age has the largest unit of which there are at least two, so rounding changes it by a quarter at most."""
    assert format_age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (0.0, "0 s"), (200.0, "3 min 20 s"), (93_600.0, "1 d 2 h")]
)
def test_a_long_duration_is_exact(seconds: float, text: str) -> None:
    """A long duration has all its units, without those of which there are none."""
    assert format_long_duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.00%"), (0.99999, "99.99%"), (0.9986, "99.86%"), (0.0, "0.00%"), (None, "-")]
)
def test_uptime_is_rounded_down(share: float | None, text: str) -> None:
    """One failure in a hundred thousand is not 100 %."""
    assert format_uptime(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.05, "+5 %"), (-0.125, "-12.5 %"), (0.0, "0")])
def test_a_change_has_its_sign(share: float, text: str) -> None:
    """A change has its sign; none at all is `0`."""
    assert format_change(share) == text
