"""The list of models: a free call that shows that the server is up and the key is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.dialects import STRANGE, Delta, Dialect, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Model(msgspec.Struct, gc=False):
    id: str


class _Page(msgspec.Struct, gc=False):
    data: list[_Model] | None = None


def encode(call: Call) -> Request:
    """The request; it contains neither model nor messages."""
    return request.get(call, "/models")


def read_body(page: _Page | list[_Model]) -> Delta:
    """The ids, one a line, as the text, so that a check can look for a model."""
    models = page if isinstance(page, list) else page.data
    if models is None:
        return STRANGE
    return Delta("\n".join(model.id for model in models), answered=bool(models))


DIALECT = Dialect(
    name="openai-models",
    operation="models",
    encode=encode,
    event=_Page | list[_Model],  # Together sends the list without an object around it
    read=read_body,
    body=_Page | list[_Model],
    read_body=read_body,
    answer="data",
    streams=False,
)
