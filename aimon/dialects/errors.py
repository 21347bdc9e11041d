"""What a failed call says, whatever shape it says it in.

One reader serves all dialects: gateways answer in shapes that are not their dialect's, and most shapes are an
`error` object with a message and a code under one of a few names. The shapes it knows are the rows of
tests/dialects/errors.toml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import classify
from aimon.dialects import ProviderError
from aimon.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call import Quirks

# Long enough that what is cut here lies beyond what anybody is shown: keys are redacted after this, and the half of a
# key would no longer be recognised as one.
MAX_MESSAGE = 2_000
MAX_CODE = 128

_TITLE = re.compile(rb"<title[^>]*>([^<]*)", re.IGNORECASE)


def read_error(status: int, body: bytes, quirks: Quirks) -> ProviderError:
    """What the body of a failed call says; never raises, whatever the body.

    `outcome` is None where neither the code nor the type is known and the HTTP status has to decide.
    """
    try:
        error = find(msgspec.json.decode(body), quota_is_rate=quirks.insufficient_quota_is_rate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = None  # not JSON, or not readable as such: the excerpt shows what it is
    if error is None:
        error = ProviderError(_excerpt(body) or f"HTTP {status} without a message")
    if status == 402:  # is about money, whatever the code: Gemini says RESOURCE_EXHAUSTED there too
        return msgspec.structs.replace(error, outcome=Outcome.QUOTA_EXHAUSTED)
    return error


def in_answer(document: Any) -> ProviderError | None:
    """The error in a decoded event, or in a whole answer, that came with status 200; None if there is none.

    A code that only says that something broke leaves the outcome open: `stream_error` says when it broke as well.
    """
    error = find(document, quota_is_rate=False)
    if error is not None and error.outcome is Outcome.SERVER_ERROR:
        return msgspec.structs.replace(error, outcome=None)
    return error


def told(data: bytes) -> ProviderError:
    """The error in an event or answer that is known to be about one.

    Raises:
        msgspec.DecodeError: it is not JSON.
    """
    return in_answer(msgspec.json.decode(data)) or ProviderError("an error that does not say what it is")


def expected(data: bytes, what: str) -> ProviderError:
    """The error in a whole answer that lacks what an answer has.

    Raises:
        msgspec.DecodeError: it is not JSON, or there is no error in it either.
    """
    error = in_answer(msgspec.json.decode(data))
    if error is None:
        raise msgspec.ValidationError(f"an answer without {what}")
    return error


def find(document: Any, *, quota_is_rate: bool) -> ProviderError | None:
    """The error in a decoded document; None if it holds none."""
    if isinstance(document, list):  # Gemini wraps the errors of streams in a list
        document = document[0] if document else None
    if isinstance(document, str) and document:  # SiliconFlow's 401
        return ProviderError(_bounded(document))
    if not isinstance(document, dict):
        return None
    if (error := _minimax(document)) is not None:
        return error
    inner = _inner(document)
    if inner is None:
        return None
    message = _message(inner) or _message(document)
    # A code of three digits repeats the HTTP status, and so says less than anything else.
    names = sorted(dict.fromkeys((*_names(inner), *_names(document))), key=classify.repeats_status)
    if not names and not message:
        return None
    return ProviderError(
        message=_bounded(message or names[0]),
        code=names[0][:MAX_CODE] if names else None,
        outcome=classify.code(names, message, quota_is_rate=quota_is_rate),
        retry_after=_retry_after(inner),
    )


def _inner(document: dict[str, Any]) -> dict[str, Any] | None:
    """The object that describes the error."""
    error = document.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        # Ollama and TGI have the message there, xAI with the code beside it.
        return {"message": error, "type": document.get("error_type")}
    detail = document.get("detail")
    if isinstance(detail, dict):  # FastAPI around something of the above
        return _inner(detail) or detail
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return {"message": f"{detail[0].get('msg')} at {detail[0].get('loc')}"}
    flat = ("message", "Message", "detail", "__type")
    if document.get("object") == "error" or any(isinstance(document.get(key), str) for key in flat):
        return document
    return None


def _minimax(document: dict[str, Any]) -> ProviderError | None:
    """MiniMax reports errors under status 200, in a field that successes carry too."""
    base = document.get("base_resp")
    if not isinstance(base, dict):
        return None
    number = base.get("status_code")
    if not isinstance(number, int) or number == 0:
        return None
    message = base.get("status_msg")
    said = message if isinstance(message, str) and message else f"status_code {number}"
    return ProviderError(_bounded(said), str(number), classify.MINIMAX.get(number))


def _names(error: dict[str, Any]) -> Iterator[str]:
    """What names the error, the most telling first."""
    details = error.get("details")
    if isinstance(details, dict):  # Anthropic
        yield from _strings(details, "error_code")
    elif isinstance(details, list):  # Gemini
        for detail in details:
            if isinstance(detail, dict):
                yield from _strings(detail, "reason")
    yield from _strings(error, "code", "status", "type", "__type")
    inner = error.get("innererror")
    if isinstance(inner, dict):  # Azure
        yield from _strings(inner, "code")


def _strings(source: dict[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        value = source.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        # `"type": "error"` names the envelope, not the error.
        if isinstance(value, str) and value and value != "error":
            yield value.rpartition("#")[2] or value  # Bedrock prefixes a namespace


def _message(error: dict[str, Any]) -> str:
    for key in ("message", "Message", "detail"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and (inner := _inner(value)) is not None:  # Mistral's 422
            return _message(inner)
    return ""


def _retry_after(error: dict[str, Any]) -> float | None:
    """Seconds from Gemini's RetryInfo, such as `34.07s`."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", delay)
            if match:
                return float(match[1])
    return None


def _excerpt(body: bytes) -> str:
    """What to show of a body that is not JSON: the title of a page, or the beginning of a text."""
    title = _TITLE.search(body)
    return _bounded((title[1] if title else body[:MAX_MESSAGE]).decode(errors="replace"))


def _bounded(message: str) -> str:
    return " ".join(message[:MAX_MESSAGE].split())
