"""Time per output token (TPOT) of one call, the same however its text was cut into chunks.

TPOT is the time from the first arrival of visible text to the last, divided by the tokens that came *after* the first
arrival. Where every chunk is one token these are the output tokens less one, as NVIDIA GenAI-Perf and vLLM's
benchmark define it. Where chunks hold several, those of the first arrival came before the time began, so that they
must not be counted in it: each arrival holds as many of the visible tokens as its share of the text.

Where text and usage do not determine it there is no number, and Pace says why. No case makes a model look faster than
it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.call.result import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Usage

# No model writes 10,000 tokens a second into one stream: a faster one was buffered on the way.
LEAST = 1e-4
# Less than half a byte of text per token: most of the tokens were not visible.
_BYTES_OF_A_TOKEN = 0.5
_BYTES_PER_TOKEN = 4
# Chunks are taken as one token each where there are nearly as many of them as tokens, some of which show nothing.
_ONE_EACH = 1.1
# The last arrival is left out if it holds less than this part of the mean: when it was due, servers disagree.
_PARTIAL = 0.75

NOT_STREAMED = "not streamed"
NO_TEXT = "no visible text"
NO_USAGE = "the server does not say how many tokens it wrote"
IMPLAUSIBLE = "the server's count of tokens can't be right"
AT_ONCE = "the text arrived at once"
MIXED = "reasoning between pieces of the text"
HIDDEN = "more tokens than the text can hold: hidden reasoning that is not counted apart"
CONTRADICTION = "no visible tokens by the server's count"
TOOL = "reasoning and a tool call, counted together"


class Thoughts(NamedTuple):
    """Reasoning that was seen: in how many chunks, how many bytes, and whether any came after visible text."""

    chunks: int = 0
    size: int = 0
    mixed: bool = False

    def more(self, text: str, *, after_text: bool) -> Thoughts:
        """Adds a chunk of reasoning."""
        size = len(text.encode(errors="replace"))
        return Thoughts(self.chunks + 1, self.size + size, self.mixed or after_text)


def pace(
    texts: Sequence[str], gaps: Sequence[float], usage: Usage, *, thoughts: Thoughts, tool_until: float | None = None
) -> Pace:
    """How fast the visible answer of a stream came.

    Args:
        texts: the visible chunks, at least the first of them.
        gaps: seconds between them; chunks of one arrival are 0 apart.
        usage: as the provider reported it.
        thoughts: what reasoning was seen.
        tool_until: seconds from the first text to the end of the answer, where a tool call is part of it.
    """
    if not texts:
        return Pace(unknown=NO_TEXT)
    if usage.implausible and not {"output", "reasoning"}.isdisjoint(usage.implausible):
        return Pace(unknown=IMPLAUSIBLE)
    if usage.output is None:
        return Pace(unknown=NO_USAGE)
    if thoughts.mixed:
        return Pace(unknown=MIXED)
    if not (thoughts.chunks or usage.reasoning or tool_until) and 1 < usage.output <= _ONE_EACH * (len(gaps) + 1):
        # Nearly all streams: they must not pay for the others.
        return _evenly(gaps, usage.output, exact=True)
    sizes = [len(text.encode(errors="replace")) for text in texts]
    tokens, why, exact = _visible(usage, len(gaps) + 1, sum(sizes), thoughts, tool=tool_until is not None)
    if why:
        return Pace(unknown=why)
    if tool_until is not None:
        # A tool call's tokens have no text to share by: the first arrival holds as many as its own text would take.
        first = sum(sizes[: _first_arrival(gaps)]) // _BYTES_PER_TOKEN
        return _checked(tool_until, tokens - max(1, first), 0.0, estimated=True)
    if tokens <= _ONE_EACH * (len(gaps) + 1):
        return _evenly(gaps, tokens, exact=exact)
    return _spread(sizes, gaps, tokens)


def _visible(usage: Usage, chunks: int, size: int, thoughts: Thoughts, *, tool: bool) -> tuple[float, str | None, bool]:
    """Visible tokens, why they are not known, and whether they were told."""
    written = float(usage.output or 0)
    if usage.reasoning:
        left = written - usage.reasoning
        return left, None if left > 0 else CONTRADICTION, True
    if (
        not tool
        and written * _BYTES_OF_A_TOKEN > size + thoughts.size
        and written > _ONE_EACH * (chunks + thoughts.chunks)
    ):
        return 0.0, HIDDEN, False
    if not thoughts.chunks:
        return written, None if written > 0 else CONTRADICTION, True
    # Reasoning was seen, and not counted apart.
    if tool:
        return 0.0, TOOL, False
    every = chunks + thoughts.chunks
    if written * _ONE_EACH < every and written >= chunks / _ONE_EACH:
        return written, None, False  # too few for the reasoning, too: it is not in the count at all
    if written <= every * _ONE_EACH:
        return float(min(chunks, written)), None, False
    return written * size / (size + thoughts.size), None, False


def _evenly(gaps: Sequence[float], tokens: float, *, exact: bool) -> Pace:
    """With one token in each chunk."""
    return _checked(sum(gaps), tokens - _first_arrival(gaps), tokens, estimated=not exact)


def _spread(sizes: Sequence[int], gaps: Sequence[float], tokens: float) -> Pace:
    """With several tokens in each chunk, by their share of the text."""
    first = _first_arrival(gaps)
    if first > len(gaps):
        return Pace(unknown=AT_ONCE)
    seconds, chunks = sum(gaps), len(gaps) + 1
    # A long text is not kept to its end.
    scale = tokens / (sum(sizes) * chunks / len(sizes))
    after = tokens - max(float(first), scale * sum(sizes[:first]))
    last = len(gaps)
    while last > first and gaps[last - 1] < LEAST:
        last -= 1
    if last > first and len(sizes) == chunks:
        final, mean = sum(sizes[last:]), sum(sizes) / (1 + sum(gap >= LEAST for gap in gaps))
        if final < _PARTIAL * mean:
            return _checked(sum(gaps[: last - 1]), after - scale * final, tokens, estimated=True)
    return _checked(seconds, after, tokens, estimated=True)


def _first_arrival(gaps: Sequence[float]) -> int:
    """How many chunks came in it."""
    if not any(gaps):
        return len(gaps) + 1
    return next((k for k, gap in enumerate(gaps, 1) if gap >= LEAST), len(gaps) + 1)


def _checked(seconds: float, tokens: float, visible: float, *, estimated: bool) -> Pace:
    if tokens < 1:
        return Pace(unknown=AT_ONCE)
    if seconds < LEAST * tokens:
        return Pace(unknown=AT_ONCE)
    return Pace(seconds, tokens, visible, estimated)
