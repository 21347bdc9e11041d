"""The list of models: a call that costs nothing and shows that the server lives and the key is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.dialects import Delta, Dialect, errors, request

if TYPE_CHECKING:
    from aimon.call import Call, Request


class _Model(msgspec.Struct, gc=False):
    id: str


class _Page(msgspec.Struct, gc=False):
    data: list[_Model] | None = None


# Together sends the bare list.
_decode = msgspec.json.Decoder(_Page | list[_Model]).decode


def encode(call: Call) -> Request:
    """The request; neither the model nor the messages are part of it."""
    return request.get(call, "/models")


def read_body(body: bytes) -> Delta:
    """The ids, one a line, as the text, so that a check can look for a model.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    page = _decode(body)
    models = page if isinstance(page, list) else page.data
    if models is None:
        return Delta(error=errors.expected(body, "data"))
    return Delta("\n".join(model.id for model in models), done=True, answered=bool(models))


DIALECT = Dialect(
    name="openai-models",
    operation="models",
    encode=encode,
    read=read_body,
    read_body=read_body,
    read_error=errors.read_error,
    finishes={},
    streams=False,
)
