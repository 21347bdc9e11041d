"""`aimon docs`: the documentation of the installed version."""

from __future__ import annotations

from typing import Annotated

import typer

from aimon.cli.console import write_data
from aimon.cli.exits import USAGE, Stop


def docs(
    page: Annotated[str | None, typer.Argument(help="Page to print, such as alerting; none lists them.")] = None,
) -> None:
    """Print a page of the documentation of this version, or list the pages."""
    from importlib.resources import files

    pages = {each.name.removesuffix(".md"): each for each in files("aimon.docs").iterdir() if each.name.endswith(".md")}
    if page is None:
        width = max(len(name) for name in pages)
        for name in sorted(pages):
            title, _, _ = pages[name].read_text("utf-8").partition("\n")
            print(f"{name:<{width}}  {title.lstrip('# ').replace('`', '')}")
        return
    name = page.removesuffix(".md")
    if name not in pages:
        from difflib import get_close_matches

        near = get_close_matches(name, pages, n=1)
        raise Stop(USAGE, f"no page {page}{f': did you mean {near[0]}' if near else ''}: `aimon docs` lists them")
    write_data(pages[name].read_text("utf-8"))
