"""Reads the error of a failed call from any known shape of body.

One reader serves all dialects: gateways answer in shapes of other dialects, and most shapes are an `error` object
with a message and a code under one of a few names. The known shapes are the rows of
tests/aimon/dialects/errors.toml and errors-compatible.toml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call import classify
from aimon.call.outcome import Outcome
from aimon.dialects import ProviderError, tolerant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.call import Quirks

# Longer than any excerpt that is shown: keys are redacted after this cut, and a key cut in half would not be
# recognised.
MAX_MESSAGE = 2_000
MAX_CODE = classify.MAX_NAME
# Limits the nesting of errors inside errors and lists, which chains of gateways cause.
_MAX_DEPTH = 6

_BOM = b"\xef\xbb\xbf"
_TITLE = re.compile(rb"<title[^>]*>([^<]*)", re.IGNORECASE)
_XML_CODE = re.compile(rb"<Code>([^<]{1,128})</Code>", re.IGNORECASE)
_XML_MESSAGE = re.compile(rb"<Message>([^<]+)</Message>", re.IGNORECASE)

_MESSAGES = (
    "message", "Message", "msg", "error_msg", "errorMessage", "error_message", "errmsg", "errMsg", "err_msg",
    "status_msg", "detail", "title", "reason", "error_description", "description",
)  # fmt: skip
_CODES = ("code", "status", "type", "__type", "error_code", "errorCode", "err_code", "errcode", "error_type",
          "statusCode")  # fmt: skip
# An object with a string in one of these fields is an error by itself.
_FLAT = ("message", "Message", "msg", "error_msg", "errorMessage", "error_message", "errmsg", "errMsg", "err_msg",
         "detail", "title", "__type")  # fmt: skip
# Codes that mean success or a keep-alive.
_FINE = frozenset(("0", "00000", "200", "201", "ok", "success", "succeeded", "ping", "heartbeat", "keepalive", "info"))


def read_error(status: int, body: bytes, quirks: Quirks) -> ProviderError:
    """The error in the body of a failed call; never raises.

    `outcome` is None if neither the code nor the type is known; the HTTP status then determines it.
    """
    error = None
    for text in _documents(body):
        try:
            error = find(tolerant.decode(text), quota_is_rate=quirks.insufficient_quota_is_rate)
        except (ValueError, RecursionError):
            continue  # not JSON, or not readable as such: the excerpt shows what it is
        if error is not None:
            break
    if error is None:
        error = _xml(body) or ProviderError(excerpt(body) or f"HTTP {status} without a message")
    if status == 402:  # is about money, whatever the code: Gemini sends RESOURCE_EXHAUSTED for this too
        return msgspec.structs.replace(error, outcome=Outcome.QUOTA_EXHAUSTED)
    return error


def _documents(body: bytes) -> Iterator[bytes]:
    """The body, and the parts of an event stream or of a text around JSON that may be JSON."""
    yield body.removeprefix(_BOM)
    if b"data:" in body:
        yield from (line.partition(b":")[2] for line in body.splitlines() if line.startswith((b"data:", b"error:")))
    begin, end = body.find(b"{"), body.rfind(b"}")
    if 0 < begin < end:
        yield body[begin : end + 1]


def in_answer(document: Any) -> ProviderError | None:
    """The error in a decoded event, or in a whole answer, that came with status 200; None if there is none.

    A code for a generic server error leaves the outcome to `stream_error`, which also considers when it happened.
    """
    error = find(document, quota_is_rate=False)
    if error is not None and error.outcome is Outcome.SERVER_ERROR:
        return msgspec.structs.replace(error, outcome=None)
    return error


def told(text: bytes) -> ProviderError:
    """The error of an event of type `error`, whose data is JSON or plain text."""
    try:
        document = tolerant.decode(text)
    except (ValueError, RecursionError):
        document = excerpt(text)
    said = in_answer(document) or in_answer({"error": document})
    return said or ProviderError("an error that does not say what it is")


def find(document: Any, *, quota_is_rate: bool) -> ProviderError | None:
    """The error in a decoded document; None if it holds none."""
    document = _unwrapped(document)
    if isinstance(document, str) and document:  # SiliconFlow's 401
        return ProviderError(bounded(document))
    if not isinstance(document, dict):
        return None
    if (error := _numbered(document)) is not None:
        return error
    inner = _inner(document)
    if inner is None:
        return None
    message = _message(inner) or _message(document)
    deeper = _quoted(message)
    # A code of three digits only repeats the HTTP status, so other names come first.
    names = (*_names(inner), *_names(document), *(_names(deeper) if deeper else ()))
    names = tuple(sorted(dict.fromkeys(name[:MAX_CODE] for name in names), key=classify.repeats_status))
    if deeper:
        message = _message(deeper) or message
    if not names and not message:
        return None
    return ProviderError(
        message=bounded(message or names[0]),
        code=names[0] if names else None,
        outcome=classify.code(names, message, quota_is_rate=quota_is_rate),
        retry_after=_retry_after(inner),
    )


def _unwrapped(document: Any) -> Any:
    """Gemini wraps the errors of streams in a list."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(document, list):
            break
        document = next((item for item in document if item), None)
    return document


def _inner(document: dict[str, Any], depth: int = 0) -> dict[str, Any] | None:
    """The object that describes the error."""
    if depth > _MAX_DEPTH:
        return None
    for key in ("error", "errors", "Error"):  # Cloudflare has a list of them
        error = _unwrapped(document.get(key))
        if isinstance(error, dict) and error:
            return _inner(error, depth + 1) or error
        if isinstance(error, str) and error:
            # Ollama and TGI put the message there; xAI too, with `code` beside it; Spring puts the status text there.
            said = _message(document) if key == "error" else ""
            return {"message": said or error, "code": error if said else None, "type": document.get("error_type")}
        if error and _message(document):  # a flag, or a number
            return document
    response = document.get("response")
    if isinstance(response, dict) and isinstance(response.get("error"), dict):  # OpenAI's response.failed
        return _inner(response, depth + 1)
    detail = _unwrapped(document.get("detail"))
    if isinstance(detail, dict):  # FastAPI around something of the above
        if "loc" in detail:
            return {"message": f"{detail.get('msg')} at {detail.get('loc')}"}
        return _inner(detail, depth + 1) or detail
    if document.get("object") == "error" or document.get("success") is False:
        return document
    return document if any(isinstance(document.get(key), str) for key in _FLAT) and not is_fine(document) else None


def is_fine(document: dict[str, Any]) -> bool:
    """Whether an object with a message reports success."""
    said = [str(document[key]).casefold() for key in _CODES if isinstance(document.get(key), (str, int))]
    return bool(said) and all(word in _FINE for word in said)


def _numbered(document: dict[str, Any]) -> ProviderError | None:
    """Numeric error codes: MiniMax's, in a field that successful answers have too, and Baidu's."""
    base = document.get("base_resp")
    if isinstance(base, dict):
        number, message = base.get("status_code"), base.get("status_msg")
        if isinstance(number, int) and number != 0:
            said = message if isinstance(message, str) and message else f"status_code {number}"
            return ProviderError(bounded(said), str(number)[:MAX_CODE], classify.MINIMAX.get(number))
    number, message = document.get("error_code"), document.get("error_msg")
    if isinstance(number, int) and number != 0 and isinstance(message, str):
        return ProviderError(bounded(message), str(number)[:MAX_CODE], classify.BAIDU.get(number))
    return None


def _quoted(message: str) -> dict[str, Any] | None:
    """The error that a gateway has put into its own message as JSON."""
    begin, end = message.find("{"), message.rfind("}")
    if not 0 <= begin < end:
        return None
    try:
        document = tolerant.decode(message[begin : end + 1].encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return _inner(document) if isinstance(document, dict) else None


def _names(error: dict[str, Any]) -> Iterator[str]:
    """The codes and types of the error, the most specific first."""
    details = error.get("details")
    if isinstance(details, dict):  # Anthropic
        yield from _strings(details, "error_code")
    elif isinstance(details, list):  # Gemini
        for detail in details:
            if isinstance(detail, dict):
                yield from _strings(detail, "reason")
    yield from _strings(error, *_CODES)
    inner = error.get("innererror")
    if isinstance(inner, dict):  # Azure
        yield from _strings(inner, "code")


def _strings(source: dict[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        value = source.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < abs(value) < 10**18:
            value = str(value)
        # `"type": "error"` names the envelope, not the error.
        if isinstance(value, str) and value and value != "error":
            yield value.rpartition("#")[2] or value  # Bedrock prefixes a namespace


def _message(error: dict[str, Any]) -> str:
    for key in _MESSAGES:
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and (inner := _inner(value)) is not None and inner is not error:  # Mistral's 422
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


def _xml(body: bytes) -> ProviderError | None:
    """An error in XML, from object stores and older clouds in front of some gateways."""
    code, message = _XML_CODE.search(body), _XML_MESSAGE.search(body)
    if code is None:
        return None
    name = code[1].decode(errors="replace").strip()
    said = message[1].decode(errors="replace") if message else name
    return ProviderError(bounded(said), name, classify.code([name], said))


def excerpt(body: bytes) -> str:
    """What to show of a body that is not JSON: the title of a page, or the beginning of a text."""
    title = _TITLE.search(body)
    return bounded((title[1] if title else body[:MAX_MESSAGE]).decode(errors="replace"))


def bounded(message: str) -> str:
    """A provider's message on one line, cut to the length that may be shown."""
    return " ".join(message[:MAX_MESSAGE].split())
