"""The outcome of a whole answer: by its finish reason, its content and the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.call import finish_reasons
from aimon.call.outcome import Outcome
from aimon.dialects.reader import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.call.checks import Answer, Check
    from aimon.call.failure import FailureReason


class Verdict(NamedTuple):
    """How a call went.

    Attributes:
        error: for people.
        code: the provider's own.
        answer_ok: whether the checks passed; None where nothing was checked.
        reason: why the transport failed; None where it did not.
    """

    outcome: Outcome
    error: str | None = None
    code: str | None = None
    answer_ok: bool | None = None
    reason: FailureReason | None = None


def of_answer(
    answer: Answer,
    checks: Iterable[Check],
    *,
    finish: str | None,
    refusal: str,
    answered: bool,
    reasoned: bool,
    reasoning_tokens: int | None = None,
) -> Verdict:
    """The verdict on an answer that came whole.

    Args:
        answer: what the checks look at.
        checks: of the call.
        finish: why it ended, in the provider's words.
        refusal: the text in which the model declined, if it did.
        answered: something that is no text is the answer: vectors, a tool call.
        reasoned: reasoning came, visible text or not.
        reasoning_tokens: as the provider counts them; some hide the reasoning itself.
    """
    if refusal:
        return Verdict(Outcome.REFUSAL, f"refused: {refusal}")
    meaning = Outcome.OK if finish is None else finish_reasons.meaning(finish)
    if meaning not in (Outcome.OK, Outcome.MAX_TOKENS_HIT):
        return Verdict(meaning, f"finish reason {finish}")
    cut = meaning is Outcome.MAX_TOKENS_HIT
    if not answer.text.strip() and not answered:
        came = ": only reasoning came" if reasoned else ""
        if reasoning_tokens:
            came += f" ({reasoning_tokens:,} tokens)" if reasoned else f": {reasoning_tokens:,} tokens of reasoning"
        ended = f" (finish reason {finish})" if finish else ""
        if cut:
            return Verdict(Outcome.MAX_TOKENS_HIT, f"max_tokens was used up before any visible text{came}{ended}")
        return Verdict(Outcome.EMPTY_ANSWER, f"the answer is empty{came}{ended}")
    passed = None
    for check in checks:
        if (reason := check(answer)) is not None:
            wrong = Outcome.MAX_TOKENS_HIT if cut else Outcome.ANSWER_MISMATCH
            return Verdict(wrong, f"{reason} (finish reason {finish})" if cut else reason, answer_ok=False)
        passed = True
    return Verdict(Outcome.OK, answer_ok=passed)


def truncated(
    chunks: int, *, finish: str | None, done: bool, heard: bool, came: bool, stray: bytes | None, cut: bytes | None
) -> Verdict:
    """The verdict on a stream that ended cleanly, but not as a whole answer does.

    Args:
        chunks: of visible text.
        finish: why the answer ended, in the provider's words.
        done: the terminal event came.
        heard: an event said something.
        came: there was a byte.
        stray: a line that is no field of an event stream.
        cut: what the stream ended with, where that is half an event.
    """
    if stray is not None and not heard:
        return Verdict(Outcome.MALFORMED, f"not an event stream: {shown(stray)}")
    if not came:
        said = "the stream is empty"
    elif not heard:
        said = "the stream ended after comments and empty events alone"
    elif done:
        said = f"the stream ended after {chunks} chunks with a terminal mark, but without a finish reason"
    elif finish is not None and cut is None:
        said = f"the stream ended after {chunks} chunks and finish reason {finish}, but without its terminal event"
    else:
        said = f"the stream ended after {chunks} chunks without its terminal event"
    if cut is not None:
        said += f", in the middle of {shown(cut)}"
    if stray is not None:
        said += f"; between its events stood {shown(stray)}"
    return Verdict(Outcome.STREAM_TRUNCATED, said)
