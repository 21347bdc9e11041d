"""Language and theme of a reader: a query parameter sets a cookie; without one the browser's own settings count."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aimon.language import CHINESE, ENGLISH, LANGUAGES

if TYPE_CHECKING:
    from starlette.requests import Request

LANGUAGE, THEME = "lang", "theme"
THEMES = ("light", "dark")
CHOICES = {LANGUAGE: LANGUAGES, THEME: THEMES}
_YEAR = 365 * 86400


def language(request: Request) -> str:
    """The reader's language: the cookie's, or the first of Accept-Language that there is."""
    chosen = request.cookies.get(LANGUAGE)
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith((ENGLISH, CHINESE)):
            return CHINESE if tag.startswith(CHINESE) else ENGLISH
    return ENGLISH


def theme(request: Request) -> str | None:
    """The theme that was chosen; None leaves it to the reader's system."""
    chosen = request.cookies.get(THEME)
    return chosen if chosen in THEMES else None


def chosen_now(request: Request) -> dict[str, str]:
    """The settings in the query, by cookie; values that do not exist are ignored."""
    return {name: value for name, values in CHOICES.items() if (value := request.query_params.get(name, "")) in values}


def without_choices(request: Request) -> str:
    """The address of the request, relative to its host, without settings."""
    rest = [(name, value) for name, value in request.query_params.multi_items() if name not in CHOICES]
    return request.url.path + (f"?{urlencode(rest)}" if rest else "")


def cookie(name: str, value: str, path: str) -> str:
    """A Set-Cookie header of a setting."""
    return f"{name}={value}; Path={path or '/'}; Max-Age={_YEAR}; SameSite=Lax; HttpOnly"
