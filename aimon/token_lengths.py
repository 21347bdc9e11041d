"""Lengths in tokens as people write them: `512`, `N(512,64)`, `U(100,900)`, as in genai-bench's scenarios."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

MOST = 10_000_000

# What an editor can check; `parse` knows better.
PATTERN = r"\s*([0-9][0-9.\s]*|[DNU]\s*\([0-9., \t]*\))\s*"
_FORM = re.compile(r"([A-Z])\(([^()]*)\)")
_PAIR = re.compile(r"([NU])\(([^()]*)\)/\(([^()]*)\)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_HINT = "write a number such as 512, N(512,64) with mean and standard deviation, or U(100,900) with least and most"


class LengthDistribution(msgspec.Struct, frozen=True):
    """A distribution of lengths.

    Attributes:
        mean: of the distribution.
        draw: a whole length of at least 1; the same generator gives the same lengths.
    """

    mean: float
    draw: Callable[[Random], int]


def parse(text: str) -> LengthDistribution:
    """Reads `512` or `D(512)`, `N(mean,standard deviation)` or `U(least,most)`.

    Raises:
        ValueError: it is not one of these; says what to write.
    """
    written = "".join(text.split())
    form = _FORM.fullmatch(f"D({written})" if _NUMBER.fullmatch(written) else written)
    if form is None or form[1] not in KINDS:
        raise ValueError(f"{text}: {_split(written) or _HINT}")
    numbers = form[2].split(",")
    if form[1] == "D" and len(numbers) == 2:
        raise ValueError(f"{text}: this is one length: write D({numbers[0]}), and the answers' as --output-tokens")
    if not all(map(_NUMBER.fullmatch, numbers)):
        raise ValueError(f"{text}: {_HINT}")
    try:
        return KINDS[form[1]](*map(float, numbers))
    except TypeError:  # too few numbers for this kind, or too many
        raise ValueError(f"{text}: {_HINT}") from None
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None


def _split(written: str) -> str | None:
    """What to write in place of a scenario that gives the lengths of prompts and answers at once."""
    if (pair := _PAIR.fullmatch(written)) is None:
        return None
    kind, prompts, answers = pair.groups()
    return f"this is two lengths: write --prompt-tokens '{kind}({prompts})' --output-tokens '{kind}({answers})'"


def _fixed(length: float) -> LengthDistribution:
    whole = _whole(length, 1, "a length")
    return LengthDistribution(whole, lambda _: whole)


def _normal(mean: float, deviation: float) -> LengthDistribution:
    if not 1 <= mean <= MOST:
        raise ValueError(f"a mean is from 1 to {MOST}")
    if deviation == 0:
        return _fixed(round(mean))
    if deviation > MOST:
        raise ValueError(f"a standard deviation is at most {MOST}")

    def draw(random: Random) -> int:
        # Drawn again, since setting all that falls below 1 to 1 would heap up prompts of one token.
        while (length := round(random.gauss(mean, deviation))) < 1:
            pass
        return length

    # Of a normal distribution cut off at 0.5, which rounds to the least length.
    cut = (0.5 - mean) / deviation
    density = math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi)
    return LengthDistribution(mean + deviation * density / (math.erfc(cut / math.sqrt(2)) / 2), draw)


def _uniform(least: float, most: float) -> LengthDistribution:
    low, high = _whole(least, 1, "the least"), _whole(most, 1, "the most")
    if low > high:
        raise ValueError(f"the least comes first: write U({high},{low})")
    return LengthDistribution((low + high) / 2, lambda random: low + int(random.random() * (high - low + 1)))


def _whole(value: float, least: int, what: str) -> int:
    if not least <= value <= MOST or value != int(value):
        raise ValueError(f"{what} is a whole number from {least} to {MOST}")
    return int(value)


KINDS: Mapping[str, Callable[..., LengthDistribution]] = {"D": _fixed, "N": _normal, "U": _uniform}
"""From the letter of a distribution to what makes one of its numbers."""
