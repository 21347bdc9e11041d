"""Error pages of a proxy in front of a provider, the same for all dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.simulator.wire.shape import ErrorAnswer


def page(title: str, text: str) -> str:
    """A small HTML page."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{text}</h1></center></body>\r\n</html>\r\n"
    )


PROXY_PAGES: Mapping[str, ErrorAnswer] = {"bad_gateway": (502, page("502 Bad Gateway", "502 Bad Gateway"))}
