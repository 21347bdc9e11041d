"""Parses an entry of a dataset, in any known format, to the turns of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimon.call import checks
from aimon.call.call import Message, are_plain
from aimon.call.token_estimate import estimated
from aimon.call.tool_call import ToolCall
from aimon.loadtests.workload.source import OUTPUT_TOKENS, Turn
from aimon.loadtests.workload.spec import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Limit = Annotated[int, msgspec.Meta(ge=1)]


class Part(msgspec.Struct):
    """A part of a message's content."""

    type: str
    text: str | None = None


class Function(msgspec.Struct):
    """What a tool call calls; `arguments` is JSON in a string, or in some recordings the JSON itself."""

    name: str
    arguments: str | dict[str, Any] = "{}"


class RecordedCall(msgspec.Struct):
    """A call of a tool in an assistant's message."""

    function: Function
    id: str = ""


class OpenAIMessage(msgspec.Struct):
    """A message of an OpenAI request."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[RecordedCall] | None = None
    tool_call_id: str | None = None


class ShareGPTMessage(msgspec.Struct):
    """A message of a ShareGPT conversation."""

    speaker: str = msgspec.field(name="from")
    value: str


class ChatRequest(msgspec.Struct):
    """The fields of an OpenAI chat request that have a meaning here; `parameters` reads the others."""

    messages: list[OpenAIMessage] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    output_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    max_tokens: Limit | None = None

    @property
    def limit(self) -> int | None:
        """Limit of the answer in tokens, by any of its names."""
        return self.output_tokens or self.max_completion_tokens or self.max_tokens


class DatasetEntry(ChatRequest):
    """An entry in any format: a `prompt`, `messages`, a `query` with documents, ShareGPT's, or of an OpenAI batch."""

    prompt: str | None = None
    query: str | None = None
    documents: list[str] | None = None
    conversations: list[ShareGPTMessage] | None = None
    body: ChatRequest | None = None
    expect: str | dict[str, Any] | None = None


_ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"
}  # fmt: skip
_SPEAKERS = _ROLES | {"human": "user"} | dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model"), "assistant")
# Fields of a request that the load test decides, or that the structs above have read.
_OURS = frozenset(
    ("model", "messages", "stream", "stream_options", "temperature", "output_tokens", "max_completion_tokens",
     "max_tokens", "store", "metadata", "background")
)  # fmt: skip
PARAMETERS = frozenset(
    ("top_p", "top_k", "min_p", "n", "seed", "stop", "presence_penalty", "frequency_penalty", "repetition_penalty",
     "logit_bias", "logprobs", "top_logprobs", "response_format", "reasoning_effort", "tools", "tool_choice",
     "parallel_tool_calls")
)  # fmt: skip
"""Sampling parameters and tools that a line of a dataset may have beside its prompt or messages."""
_TEXT_PARTS = ("text", "input_text", "output_text")
_decode = msgspec.json.Decoder(DatasetEntry).decode


def read(data: bytes | msgspec.Raw, dialect: str = "openai-chat") -> tuple[Turn, ...]:
    """The turns of an entry; empty for a recorded conversation without a question.

    Args:
        data: the entry.
        dialect: in which it is sent.

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
            return _checked(_for_dialect(_with_parameters(turns(line), name, line, data), dialect), line.expect)
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


def _ranking(line: DatasetEntry) -> tuple[Turn, ...]:
    if not line.query or not line.documents:
        raise WorkloadError('query needs documents: write {"query": "…", "documents": ["…", "…"]}')
    texts = (line.query, *line.documents)
    return (Turn(tuple(Message("user", text) for text in texts), line.limit or OUTPUT_TOKENS),)


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
            turns[-1] = msgspec.structs.replace(turns[-1], max_tokens=max(1, estimated(remark.value)))
        asked = role == "user"
    return tuple(turns)


def _messages(written: list[OpenAIMessage]) -> tuple[Message, ...]:
    messages: list[Message] = []
    for number, said in enumerate(written):
        role = _ROLES.get(said.role)
        if role is None:
            raise WorkloadError(
                f"messages[{number}].role is {said.role!r}: system, user, assistant and tool can be sent: remove it"
            )
        if role == "tool":
            messages.append(_tool_answer(said, number, messages))
        elif said.content is not None or role == "user":
            text = _content(said.content, f"messages[{number}].content")
            messages.append(Message(role, text, _tool_calls(said, number)))
        elif said.tool_calls:
            messages.append(Message(role, "", _tool_calls(said, number)))
        # An answer of null with nothing beside it says nothing, and servers refuse it: it is left out.
    if not any(message.role == "user" for message in messages):
        raise WorkloadError('messages has no question: write {"role": "user", "content": "…"}')
    return tuple(messages)


def _tool_calls(said: OpenAIMessage, number: int) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(
            call.id or f"call_{number}_{k}",
            call.function.name,
            call.function.arguments
            if isinstance(call.function.arguments, str)
            else msgspec.json.encode(call.function.arguments).decode(),
        )
        for k, call in enumerate(said.tool_calls or ())
    )


def _tool_answer(said: OpenAIMessage, number: int, before: list[Message]) -> Message:
    """A tool's answer; one without an id answers the first call before it that has no answer yet."""
    called = [call.id for message in before for call in message.tool_calls]
    answered = {message.tool_call_id for message in before}
    open_calls = [each for each in called if each not in answered]
    answers = said.tool_call_id or (open_calls[0] if open_calls else None)
    if answers is None or answers not in called:
        raise WorkloadError(
            f"messages[{number}] answers no call: give the assistant before it a tool_calls with this tool_call_id"
        )
    text = "" if said.content is None else _content(said.content, f"messages[{number}].content")
    return Message("tool", text, tool_call_id=answers)


def _with_parameters(
    turns: tuple[Turn, ...], form: str, line: DatasetEntry, data: bytes | msgspec.Raw
) -> tuple[Turn, ...]:
    """The turns with the sampling parameters and tools of their entry."""
    whole = msgspec.json.decode(data)
    request = whole["body"] if form == "body" else whole
    # A request of a batch is sent as it is; a line of a dataset has fields of its own beside those of a request.
    names = request.keys() - _OURS if form == "body" else request.keys() & PARAMETERS
    found = {name: request[name] for name in sorted(names) if request[name] is not None}
    if found.get("n", 1) != 1:
        raise WorkloadError("n is not 1: several answers to one call can't be measured: remove it")
    found.pop("n", None)
    temperature = line.body.temperature if line.body is not None and form == "body" else line.temperature
    return tuple(msgspec.structs.replace(turn, temperature=temperature, body=found or None) for turn in turns)


def _for_dialect(turns: tuple[Turn, ...], dialect: str) -> tuple[Turn, ...]:
    """Refuses what the dialect can't send."""
    if dialect == "rerank" and any(len(turn.messages) == 1 for turn in turns):
        raise WorkloadError('has no documents to rank: write {"query": "…", "documents": ["…", "…"]}')
    if dialect == "openai-chat":
        return turns
    for turn in turns:
        if turn.body:
            raise WorkloadError(
                f"{', '.join(turn.body)}: in the words of openai-chat, and the endpoint speaks {dialect}: remove it, "
                "or put such fields into --extra-body in its own words"
            )
        if not are_plain(turn.messages):
            raise WorkloadError(
                f"tool calls are sent in openai-chat only, and the endpoint speaks {dialect}: remove it"
            )
    return turns


def _content(content: str | list[Part] | None, where: str) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        raise WorkloadError(f"{where} is null: write a text")
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
    return (*turns[:-1], msgspec.structs.replace(turns[-1], checks=compiled))


FORMATS: Mapping[str, Callable[[DatasetEntry], tuple[Turn, ...]]] = {
    "body": _batch,
    "conversations": _recorded,
    "messages": _chat,
    "prompt": _plain,
    "query": _ranking,
}
"""The parser of each format, by the key that identifies the format."""
