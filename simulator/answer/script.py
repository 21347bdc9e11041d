"""An answer as a script of timed writes, and the faults in how it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, count
from typing import TYPE_CHECKING

from aimon.simulator.wire.framing import BOM, COMMENT, encoder, split_inside_character
from aimon.simulator.wire.shape import TIMED, Answer, Frame, Kind, Wire, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aimon.simulator.model.faults import Rule
    from aimon.simulator.model.latency import Clock

_INTERVAL = 0.05


@dataclass(slots=True)
class Step:
    """Bytes, and when they are due in seconds after the start of service."""

    due: float
    data: bytes
    kind: Kind
    tokens: int = 0


@dataclass(slots=True)
class Script:
    """The writes of one answer, and how it ends.

    Attributes:
        steps: In the order of their due times; may be endless.
        end: clean (a correct HTTP end), close (FIN in the middle of the body), reset (RST), hang (nothing).
        end_due: When it ends.
        head_due: When the response headers are due.
        length: The Content-Length to send; None is chunked.
    """

    steps: Iterable[Step]
    end: str = "clean"
    end_due: float = 0.0
    head_due: float = 0.0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """The data about an answer that a fault needs to change it."""

    answer: Answer
    wire: Wire
    rule: Rule

    def errors(self, due: float) -> list[Step]:
        """The error event (or events) of this fault in this dialect."""
        encode = encoder(None, self.wire.name)
        frames = self.wire.error_events(self.answer, self.rule.fault)
        return [Step(due, encode(frame), frame.kind) for frame in frames]


def streamed(answer: Answer, wire: Wire, clock: Clock, rule: Rule | None, *, array: bool) -> Script:
    """The answer as events; `array` is Gemini's JSON array in place of events."""
    encode = encoder(rule.style if rule else None, wire.name)
    frames = _as_array(wire.events(answer)) if array else wire.events(answer)
    steps = list(_timed(frames, clock, _bare if array else encode))
    script = Script(steps, end_due=steps[-1].due)
    edit = STREAM_EDITS.get(rule.fault) if rule else None
    return edit(steps, Scene(answer, wire, rule)) if edit and rule else script


def plain(answer: Answer, wire: Wire, clock: Clock, rule: Rule | None) -> Script:
    """The answer as one body, written when its last token would be due."""
    due = 0.0 if answer.output_tokens else clock.due(0)
    for _, tokens in chain(answer.thought_chunks(), answer.text_chunks(), answer.argument_chunks()):
        due = clock.due(tokens)
    kind = Kind.TEXT if answer.text else Kind.TOOL if answer.tool else Kind.FINISH
    thought = Step(due, b"", Kind.THOUGHT, len(answer.thoughts))
    written = len(answer.text) + len(answer.arguments)
    return whole(dumps(wire.body(answer)).encode(), due, rule, kind, written, thought)


def whole(data: bytes, due: float, rule: Rule | None, kind: Kind = Kind.PART, tokens: int = 0, *before: Step) -> Script:
    """A body in one write, with its head."""
    steps = [*before, Step(due, data, kind, tokens)]
    script = Script(steps, end_due=due, head_due=due, length=len(data))
    edit = PLAIN_EDITS.get(rule.fault) if rule else None
    return edit(script, steps, rule) if edit and rule else script


def sound(pieces: Iterable[bytes], clock: Clock, rule: Rule | None) -> Script:
    """Audio written piece by piece as it is generated; its length is unknown at the start."""
    steps = [Step(clock.due(1), piece, Kind.TEXT) for piece in pieces] or [Step(clock.due(0), b"", Kind.FINISH)]
    script = Script(steps, end_due=steps[-1].due, head_due=steps[0].due)
    edit = PLAIN_EDITS.get(rule.fault) if rule else None
    return edit(script, steps, rule) if edit and rule else script


def _timed(frames: Iterable[Frame], clock: Clock, encode: Callable[[Frame], bytes]) -> Iterator[Step]:
    """Schedules events: those with tokens when their tokens are due, others with the event before them."""
    due = 0.0
    waited = False
    for frame in frames:
        if frame.kind in TIMED:
            due = clock.due(max(frame.tokens, 1))
            waited = True
        elif frame.kind in (Kind.FINISH, Kind.DONE) and not waited:
            # An answer without tokens still takes the time to the first token.
            due = clock.due(0)
            waited = True
        yield Step(due, encode(frame) if frame.data else b"", frame.kind, frame.tokens)


def _as_array(frames: Iterable[Frame]) -> Iterator[Frame]:
    before = "["
    for frame in frames:
        if frame.data:
            frame.data = before + frame.data
            before = ",\r\n"
        yield frame
    yield Frame(Kind.DONE, "]")


def _bare(frame: Frame) -> bytes:
    return frame.data.encode()


def _before(steps: list[Step], scene: Scene) -> tuple[list[Step], float]:
    """The steps before the fault, and when it happens: when the next text event is due."""
    texts = [index for index, step in enumerate(steps) if step.kind is Kind.TEXT]
    after = len(texts) // 2 if scene.rule.after is None else scene.rule.after
    if after < len(texts):
        at = texts[after]
    else:
        at = next((i for i, step in enumerate(steps) if step.kind in (Kind.FINISH, Kind.DONE)), len(steps) - 1)
    return steps[:at], steps[at].due


def _cut_at_start(steps: list[Step], scene: Scene) -> Script:
    first = next((i for i, step in enumerate(steps) if step.kind is not Kind.OPEN), len(steps) - 1)
    return Script(steps[:first], scene.rule.how or "close", steps[first].due)


def _cut(steps: list[Step], scene: Scene) -> Script:
    kept, due = _before(steps, scene)
    return Script(kept, scene.rule.how or "close", due)


def _cut_at_end(steps: list[Step], scene: Scene) -> Script:
    return Script([s for s in steps if s.kind is not Kind.DONE], scene.rule.how or "close", steps[-1].due)


def _error_event(steps: list[Step], scene: Scene) -> Script:
    kept, due = _before(steps, scene)
    return Script([*kept, *scene.errors(due)], end_due=due)


def _error_at_start(steps: list[Step], scene: Scene) -> Script:
    del steps
    return Script(scene.errors(0.0))


def _hang_at_start(steps: list[Step], scene: Scene) -> Script:
    del steps, scene
    return Script([], "hang")


def _hang_midway(steps: list[Step], scene: Scene) -> Script:
    return Script(_before(steps, scene)[0], "hang")


def _keepalive(steps: list[Step], scene: Scene) -> Script:
    opening = [step for step in steps if step.kind is Kind.OPEN]
    return Script(chain(opening, _repeat(COMMENT, 0.0, scene.rule)))


def _keepalive_midway(steps: list[Step], scene: Scene) -> Script:
    kept, due = _before(steps, scene)
    return Script(chain(kept, _repeat(COMMENT, due, scene.rule)))


def _repeat(data: bytes, start: float, rule: Rule) -> Iterator[Step]:
    interval = _INTERVAL if rule.seconds is None else rule.seconds
    return (Step(start + interval * i, data, Kind.PART) for i in count())


def _endless(steps: list[Step], scene: Scene) -> Script:
    """The text repeated endlessly, at the profile's rate."""
    del scene
    texts = [step for step in steps if step.kind is Kind.TEXT]
    if not texts:
        return Script(steps, "hang")
    opening = steps[: steps.index(texts[-1]) + 1]
    gap = max(texts[-1].due - texts[0].due, 0.001) / max(len(texts) - 1, 1)
    more = (replace(texts[i % len(texts)], due=texts[-1].due + gap * (i + 1)) for i in count())
    return Script(chain(opening, more))


def _framing(steps: list[Step], scene: Scene) -> Script:
    """Applies the framing styles that change how bytes are split; the encoder applies those of single events."""
    style = scene.rule.style
    sent = [step for step in steps if step.data]
    last = steps[-1].due
    if style == "bom":
        sent[0].data = BOM + sent[0].data
    elif style == "split_utf8":
        sent = [part for step in sent for part in _pieces(step, split_inside_character(step.data))]
    elif style == "byte_by_byte":
        sent = [part for step in sent for part in _pieces(step, [step.data[i : i + 1] for i in range(len(step.data))])]
    elif style == "coalesced":
        thoughts = [replace(step, data=b"") for step in sent if step.kind is Kind.THOUGHT]
        tokens = sum(step.tokens for step in sent if step.kind is Kind.TEXT)
        sent = [*thoughts, Step(last, b"".join(step.data for step in sent), Kind.TEXT, tokens)]
    return Script(sent, end_due=last)


def _pieces(step: Step, parts: list[bytes]) -> Iterator[Step]:
    """Splits a step into several writes; its tokens count as sent with the last of them."""
    for part in parts[:-1]:
        yield Step(step.due, part, Kind.PART)
    yield Step(step.due, parts[-1], step.kind, step.tokens)


def _no_final_newline(steps: list[Step], scene: Scene) -> Script:
    del scene
    last = steps[-1]
    steps[-1] = replace(last, data=last.data.rstrip(b"\r\n"))
    return Script(steps, end_due=last.due)


STREAM_EDITS: Mapping[str, Callable[[list[Step], Scene], Script]] = {
    "cut_at_start": _cut_at_start,
    "cut": _cut,
    "cut_at_end": _cut_at_end,
    "error_event": _error_event,
    "error_at_start": _error_at_start,
    "overloaded_event": _error_event,
    "event_echo": _error_event,
    "failed": _error_event,
    "hang_at_start": _hang_at_start,
    "hang_midway": _hang_midway,
    "keepalive": _keepalive,
    "keepalive_midway": _keepalive_midway,
    "endless": _endless,
    "framing": _framing,
    "no_final_newline": _no_final_newline,
}


def _plain_cut(script: Script, steps: list[Step], rule: Rule) -> Script:
    """Half a body; with a clean end it has no Content-Length, which would reveal the cut."""
    last = steps[-1]
    half = replace(last, data=last.data[: len(last.data) // 2], tokens=0)
    end = rule.how or "close"
    length = None if end == "clean" else script.length
    return replace(script, steps=[half], end=end, length=length)


def _plain_hang(script: Script, steps: list[Step], rule: Rule) -> Script:
    del steps, rule
    return replace(script, steps=[], end="hang", head_due=0.0)


def _plain_keepalive(script: Script, steps: list[Step], rule: Rule) -> Script:
    """Blank lines without the JSON after them, as DeepSeek sends them under load."""
    del steps
    return replace(script, steps=_repeat(b"\n", 0.0, rule), head_due=0.0, length=None)


PLAIN_EDITS: Mapping[str, Callable[[Script, list[Step], Rule], Script]] = {
    "cut": _plain_cut,
    "hang_at_start": _plain_hang,
    "keepalive": _plain_keepalive,
}
