"""Parses an entry of a dataset, in any known format, to the turns of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimon.call import checks
from aimon.call.call import Message
from aimon.call.token_estimate import estimated
from aimon.loadtests.workload.source import OUTPUT_TOKENS, Turn
from aimon.loadtests.workload.spec import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Limit = Annotated[int, msgspec.Meta(ge=1)]


class Part(msgspec.Struct):
    """A part of a message's content."""

    type: str
    text: str | None = None


class OpenAIMessage(msgspec.Struct):
    """A message of an OpenAI request."""

    role: str
    content: str | list[Part] | None = None


class ShareGPTMessage(msgspec.Struct):
    """A message of a ShareGPT conversation."""

    speaker: str = msgspec.field(name="from")
    value: str


class ChatRequest(msgspec.Struct):
    """The fields of an OpenAI chat request that are used; sampling and tools come from the endpoint's configuration."""

    messages: list[OpenAIMessage] | None = None
    output_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    max_tokens: Limit | None = None

    @property
    def limit(self) -> int | None:
        """Limit of the answer in tokens, by any of its names."""
        return self.output_tokens or self.max_completion_tokens or self.max_tokens


class DatasetEntry(ChatRequest):
    """An entry in any format: a `prompt`, `messages`, ShareGPT's `conversations` or the `body` of an OpenAI batch."""

    prompt: str | None = None
    conversations: list[ShareGPTMessage] | None = None
    body: ChatRequest | None = None
    expect: str | dict[str, Any] | None = None


_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_SPEAKERS = _ROLES | {"human": "user"} | dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model"), "assistant")
_TEXT_PARTS = ("text", "input_text", "output_text")
_decode = msgspec.json.Decoder(DatasetEntry).decode


def read(data: bytes | msgspec.Raw) -> tuple[Turn, ...]:
    """The turns of an entry; empty for a recorded conversation without a question.

    Raises:
        WorkloadError: its format is unknown or it is invalid; says what to write instead, but not where.
    """
    try:
        line = _decode(data)
    except UnicodeDecodeError as error:
        raise WorkloadError(f"not UTF-8 ({error.reason} at byte {error.start + 1}): convert the file") from None
    except msgspec.ValidationError as error:
        raise WorkloadError(f"{error}: correct or remove the entry") from None
    except msgspec.DecodeError as error:
        raise WorkloadError(f"not JSON ({error}): write one JSON object a line") from None
    for name, turns in FORMATS.items():
        if getattr(line, name) is not None:
            return _checked(turns(line), line.expect)
    raise WorkloadError(f'has none of {", ".join(FORMATS)}: write {{"prompt": "…"}} or {{"messages": […]}}')


def _batch(line: DatasetEntry) -> tuple[Turn, ...]:
    body = line.body
    assert body is not None  # noqa: S101 - as FORMATS has seen
    if body.messages is None:
        raise WorkloadError("body has no messages: only requests for /v1/chat/completions can be sent")
    return (Turn(_messages(body.messages), body.limit or line.limit or OUTPUT_TOKENS),)


def _chat(line: DatasetEntry) -> tuple[Turn, ...]:
    return (Turn(_messages(line.messages or []), line.limit or OUTPUT_TOKENS),)


def _plain(line: DatasetEntry) -> tuple[Turn, ...]:
    if not line.prompt:
        raise WorkloadError("prompt is empty: write what to ask")
    return (Turn((Message("user", line.prompt),), line.limit or OUTPUT_TOKENS),)


def _recorded(line: DatasetEntry) -> tuple[Turn, ...]:
    """A turn for each question. Recorded answers only set the limits: the model under test gives its own."""
    turns: list[Turn] = []
    system: list[Message] = []
    asked = False
    for number, remark in enumerate(line.conversations or []):
        role = _SPEAKERS.get(remark.speaker)
        if role is None:
            raise WorkloadError(
                f"conversations[{number}].from is {remark.speaker!r}: write human, gpt or system, or remove the entry"
            )
        if not remark.value.strip():
            continue  # such as the record of a failed answer
        if role == "user":
            turns.append(Turn((*system, Message("user", remark.value)), line.limit or OUTPUT_TOKENS))
            system = []
        elif role == "system":
            system.append(Message("system", remark.value))
        elif asked and line.limit is None:
            turns[-1] = turns[-1]._replace(max_tokens=max(1, estimated(remark.value)))
        asked = role == "user"
    return tuple(turns)


def _messages(written: list[OpenAIMessage]) -> tuple[Message, ...]:
    messages = []
    for number, said in enumerate(written):
        role = _ROLES.get(said.role)
        if role is None:
            raise WorkloadError(
                f"messages[{number}].role is {said.role!r}: only system, user and assistant can be sent: remove it"
            )
        messages.append(Message(role, _content(said.content, f"messages[{number}].content")))
    if not any(message.role == "user" for message in messages):
        raise WorkloadError('messages has no question: write {"role": "user", "content": "…"}')
    return tuple(messages)


def _content(content: str | list[Part] | None, where: str) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        raise WorkloadError(f"{where} is missing: write a text")
    for number, part in enumerate(content):
        if part.type not in _TEXT_PARTS or part.text is None:
            raise WorkloadError(
                f"{where}[{number}] is of type {part.type!r}: only text can be sent: remove the part or the entry"
            )
    return "".join(part.text or "" for part in content)


def _checked(turns: tuple[Turn, ...], expect: str | dict[str, Any] | None) -> tuple[Turn, ...]:
    """Adds the checks of `expect` to the last turn."""
    if expect is None or not turns:
        return turns
    try:
        compiled = checks.compile({"contains": expect} if isinstance(expect, str) else expect)
    except checks.CheckError as error:
        raise WorkloadError(f"expect.{error}") from None
    return (*turns[:-1], turns[-1]._replace(checks=compiled))


FORMATS: Mapping[str, Callable[[DatasetEntry], tuple[Turn, ...]]] = {
    "body": _batch,
    "conversations": _recorded,
    "messages": _chat,
    "prompt": _plain,
}
"""The parser of each format, by the key that identifies the format."""
