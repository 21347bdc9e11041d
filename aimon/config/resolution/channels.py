"""Resolves the channels of notifications: variables expanded, secret files read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from aimon import language
from aimon.config.channel import Channel
from aimon.config.yaml import variables
from aimon.config.yaml.issues import ConfigError, LocatedIssue
from aimon.security import credentials
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.config.model.alerting import ChannelSection
    from aimon.config.model.config import Config

# Chats are read by people, who stop reading.
_PER_HOUR: Final = 30
_FOR_PEOPLE: Final = ("wecom", "dingtalk", "feishu", "apprise")


def channels(
    config: Config, environ: Mapping[str, str] = os.environ, check: Callable[[Channel], object] | None = None
) -> tuple[Channel, ...]:
    """The channels of the configuration.

    Args:
        config: what the file says.
        environ: where variables are looked up.
        check: asked of each channel that is complete; raises ValueError for one that can't be used.

    Raises:
        ConfigError: a variable is not set, a file can't be read, or a channel can't be used: all of it at once.
    """
    problems: list[LocatedIssue] = []
    made = []
    for i, written in enumerate(config.notify):
        before = len(problems)
        found = {key: _secret(config, i, written, key, environ, problems) for key in _SECRETS}
        made.append(
            Channel(
                name=written.name,
                kind=written.kind,
                min_severity=written.min_severity,
                per_hour=written.per_hour or (_PER_HOUR if written.kind in _FOR_PEOPLE else None),
                recovery=written.recovery,
                language=written.language or language.current(environ),
                **found,
            )
        )
        if check is not None and len(problems) == before:
            try:
                check(made[-1])
            except ValueError as error:
                problems.append(config.document.problem(("notify", i), str(error)))
    if problems:
        raise ConfigError(problems)
    return tuple(made)


_SECRETS: Final = ("url", "routing_key", "secret", "token")


def _secret(
    config: Config,
    index: int,
    written: ChannelSection,
    key: str,
    environ: Mapping[str, str],
    problems: list[LocatedIssue],
) -> Secret | None:
    template, file = getattr(written, key), getattr(written, f"{key}_file")
    place = key if template is not None else f"{key}_file"
    try:
        if template is not None:
            return Secret(variables.expand(template, environ))
        if file is None:
            return None
        path = variables.expand(file, environ)
        return Secret(credentials.read_key(path, file))
    except ValueError as error:
        problems.append(config.document.problem(("notify", index, place), str(error)))
        return None
