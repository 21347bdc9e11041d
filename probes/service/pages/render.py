"""The templates, with what every page needs of the request: language, theme, links to change them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import jinja2

from aimon import __version__
from aimon.language import CHINESE, ENGLISH
from aimon.probes.service.pages import preferences

if TYPE_CHECKING:
    from starlette.requests import Request

    from aimon.probes.service.pages.wording.words import Words

FILES = resources.files("aimon.probes.service.pages")
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
# Seconds between two updates of a page.
_OFTEN, _SELDOM = 2.0, 15.0
_THEMES = {"light": "Light", "dark": "Dark"}


@dataclass(frozen=True, slots=True)
class Link:
    """A link that changes a setting."""

    href: str
    text: str
    lang: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What the frame of a page shows.

    Attributes:
        language: `en` or `zh`.
        theme: `light` or `dark`; None as the reader's system has it.
        root: the path under which the service is reached; empty at the root of its host.
        version: changes with the files that pages refer to, so that browsers keep no old ones.
        release: of aimon.
        settings: links to change language and theme.
        every: milliseconds after which the page asks for its newest state.
    """

    language: str
    theme: str | None
    root: str
    version: str
    release: str
    settings: tuple[Link, ...]
    every: int


def render(template: str, request: Request, words: Words, title: str, view: object) -> str:
    """The page as HTML; everything in it that is not marked as safe is escaped."""
    page = Page(
        words.language,
        preferences.theme(request),
        request.scope.get("root_path", ""),
        _files_version(),
        __version__,
        _settings(request, words),
        _every(request),
    )
    return _environment().get_template(template).render(page=page, t=words.t, title=title, view=view)


def static(name: str) -> bytes:
    """One of the files in `STATIC`."""
    return FILES.joinpath("static").joinpath(name).read_bytes()


@cache
def _environment() -> jinja2.Environment:
    templates = {
        file.name: file.read_text(encoding="utf-8")
        for file in FILES.joinpath("templates").iterdir()
        if file.name.endswith(".html")
    }
    return jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _files_version() -> str:
    digest = hashlib.sha256()
    for name in STATIC:
        digest.update(static(name))
    return digest.hexdigest()[:12]


def _every(request: Request) -> int:
    """Half of the shortest interval, so that no page is older than that of a probe; but no more often than needed."""
    intervals = [endpoint.interval for endpoint in request.app.state.context.endpoints]
    return int(1000 * min(max(min(intervals, default=0.0) / 2, _OFTEN), _SELDOM))


def _settings(request: Request, words: Words) -> tuple[Link, ...]:
    def link(name: str, value: str) -> str:
        kept = [(key, old) for key, old in request.query_params.multi_items() if key not in preferences.CHOICES]
        return f"{request.url.path}?{urlencode([*kept, (name, value)])}"

    other = (ENGLISH, "English") if words.language == CHINESE else (CHINESE, "中文")
    return (
        Link(link(preferences.LANGUAGE, other[0]), other[1], lang=other[0]),
        *(
            Link(link(preferences.THEME, value), words.t(text), current=preferences.theme(request) == value)
            for value, text in _THEMES.items()
        ),
    )
