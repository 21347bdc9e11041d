"""What the command line says in place of the file: one endpoint, or options of a load test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from aimon.config import loader
from aimon.config.model import loadtest
from aimon.config.yaml import scalars, variables
from aimon.config.yaml.document import Document, Spot
from aimon.config.yaml.issues import ConfigError, LocatedIssue, issues_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.config.model.config import Config
    from aimon.config.model.loadtest import LoadTestOptions
    from aimon.config.yaml.issues import Path

_ENDPOINT: Final[Path] = ("endpoints", 0)


def from_flags(
    *,
    preset: str | None = None,
    dialect: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    name: str | None = None,
    **more: Any,
) -> Config:
    """The configuration that flags describe, validated by the same rules as a file.

    Args:
        preset: a provider that aimon knows.
        dialect: what the server speaks; the preset's first by default.
        base_url: up to and including /v1 where the provider has one.
        model: the model to ask.
        api_key_env: the variable that holds the key; the preset's own by default.
        name: of the endpoint; made of the preset and the model by default.
        more: further keys of an endpoint, such as `stream`, `reasoning`, `ca_file` or `proxy`; None is left out.

    Raises:
        ConfigError: something is missing or wrong; problems are named by flag.
    """
    if preset is None and (dialect is None or base_url is None):
        raise ConfigError([LocatedIssue("give --preset and --model, or --dialect, --base-url and --model")])
    if api_key_env is not None and not variables.is_name(api_key_env):
        raise ConfigError(
            [LocatedIssue("takes the name of a variable, such as OPENAI_API_KEY, no key", "--api-key-env")]
        )
    written = {"preset": preset, "dialect": dialect, "base_url": base_url, "model": model, **more}
    endpoint: dict[str, Any] = {key: value for key, value in written.items() if value is not None}
    endpoint["name"] = name or _name(preset or dialect or "", model)
    if api_key_env is not None:
        endpoint["api_key"] = f"${{{api_key_env}}}"
    names: dict[Path, str] = {(*_ENDPOINT, key): f"--{key.replace('_', '-')}" for key in (*written, "name")}
    names[*_ENDPOINT, "api_key"] = "--api-key-env"
    names[_ENDPOINT] = ""
    return loader.validate(Document("", {"endpoints": [endpoint]}, Spot(0, 0), names=names))


def override(options: LoadTestOptions, texts: Mapping[str, str | list[str] | bool]) -> LoadTestOptions:
    """The options of a load test, with those that were given on the command line in place of the file's.

    Args:
        options: of the file; `LoadTestOptions()` for a run without one.
        texts: what was given, by the file's key; read as the same text is read in the file.

    Raises:
        ValueError: one of them can't be read, or excludes another one; names the option, and says what to write.
    """
    known = loadtest.LoadTestOptions.KEYS
    read: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            read[name] = known[name].kind.read(_value(name, text))
        except ValueError as error:
            option, said = loadtest.flag(name), issues_of(error)[0].message
            shown = text if isinstance(text, str) and name not in _WRITTEN else ""
            # Some messages begin with the text itself.
            given = option if not shown or said.startswith((shown, repr(shown))) else f"{option} {shown}"
            raise ValueError(f"{given}: {said}" if given != option else f"{option} {said}") from error
    made = replace(options, **read)
    for issue in loadtest.contradictions(made):
        where = " ".join((loadtest.flag(str(issue.path[0])), *map(str, issue.path[1:])))
        raise ValueError(issue.message if "--" in issue.message else f"{where}: {issue.message}")
    return made


def _value(name: str, text: str | list[str] | bool) -> Any:
    """What was written on the command line, as the file's parser would give it."""
    if name in _WRITTEN and not isinstance(text, bool):
        return _WRITTEN[name](text)
    return _scalar(text) if isinstance(text, str) else text


def _headers(texts: str | list[str]) -> dict[str, str]:
    """Headers written as `K: V`.

    Raises:
        ValueError: one is not; what follows a colon is not quoted, since it may be a secret.
    """
    read = {}
    for text in [texts] if isinstance(texts, str) else texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or not value.strip():
            shown = repr(name.strip()) if colon else "one of them"
            raise ValueError(f"{shown} has no {'value' if colon else 'colon'}: write 'K: V', such as 'X-Team: search'")
        read[name.strip()] = value.strip()
    return read


def _json_object(text: str | list[str]) -> Any:
    """A JSON object.

    Raises:
        ValueError: it is not one.
    """
    try:
        value = json.loads(text if isinstance(text, str) else "")
    except ValueError as error:
        raise ValueError(f"""is not JSON ({error}): write an object, such as '{{"top_k": 20}}'""") from None
    if not isinstance(value, dict):
        raise ValueError("""is no object: write one, such as '{"top_k": 20}'""")  # noqa: TRY004 - every kind raises ValueError
    return value


def _settings(texts: str | list[str]) -> dict[str, str]:
    """Settings of a scenario, written as `name=value`.

    Raises:
        ValueError: one is not.
    """
    read = {}
    for text in [texts] if isinstance(texts, str) else texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{text!r}: write name=value, such as turns=3")
        read[name.strip()] = value
    return read


_WRITTEN: Final[Mapping[str, Callable[[str | list[str]], Any]]] = {
    "headers": _headers,
    "extra_body": _json_object,
    "settings": _settings,
}
"""How options whose value is a mapping in the file are written on the command line."""


def _scalar(text: str) -> Any:
    """A text as the file's parser reads it without quotes; but words such as `true` and `null` stay text."""
    value = scalars.plain(text)
    return text if value is None or isinstance(value, bool) else value


def _name(provider: str, model: str | None) -> str:
    """A name that an endpoint may have: a model's may hold slashes and colons."""
    whole = f"{provider}-{model}" if model else provider
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in whole)[:100]
