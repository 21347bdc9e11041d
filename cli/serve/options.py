"""The settings of the service: command-line options override the configuration's `serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aimon.cli.exits import USAGE, Stop
from aimon.cli.options import listening
from aimon.cli.options.pushing import gateway

if TYPE_CHECKING:
    from aimon.config import Config
    from aimon.probes.scheduling.shards import Shard
    from aimon.probes.service.settings import Settings
    from aimon.probes.service.web.web_server import Tls

ADDRESS = "127.0.0.1:9464"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The given options; None for others."""

    listen: str | None
    history: Path | None
    token_file: Path | None
    no_auth: bool
    tls_cert: Path | None
    tls_key: Path | None
    concurrency: int | None
    push: str | None


def settings(options: ServeOptions, config: Config) -> Settings:
    """The settings.

    Raises:
        Stop: a setting is invalid, or other machines could reach the service without a token.
    """
    from aimon.probes.history.database import HistoryError, default_path
    from aimon.probes.service.settings import Settings

    written = config.serve
    listen = options.listen or _expanded(written.listen, "listen") or ADDRESS
    token_file = options.token_file or _path(written.token_file, "token_file")
    named = "--token-file" if options.token_file or not token_file else "serve.token_file"
    token = listening.token(token_file, listen, option=named)
    host, port = listening.address(listen, public=options.no_auth or token is not None, option="--token-file")
    try:
        history = options.history or default_path()
    except HistoryError as error:
        raise Stop(USAGE, str(error)) from error
    return Settings(
        history,
        host,
        port,
        token,
        _tls(options, config),
        options.concurrency or written.max_concurrency,
        None if options.push is None else gateway(options.push),
    )


def shard(text: str | None) -> Shard:
    """The share of the endpoints that `--shard` names; all of them without it.

    Raises:
        Stop: it is not a shard.
    """
    from aimon.probes.scheduling.shards import Shard

    try:
        return Shard() if text is None else Shard.parse(text)
    except ValueError as error:
        raise Stop(USAGE, f"--shard {text}: {error}") from error


def _tls(options: ServeOptions, config: Config) -> Tls | None:
    from aimon.cli.serve import tls

    if options.tls_key is not None and options.tls_cert is None:
        raise Stop(USAGE, "--tls-key belongs to a certificate: add --tls-cert FILE")
    if options.tls_cert is not None:
        return tls.checked(options.tls_cert, options.tls_key, names=("--tls-cert", "--tls-key"))
    written = config.serve.tls
    if written is None or (certificate := _path(written.certificate, "tls.certificate")) is None:
        return None
    names = "serve.tls.certificate", "serve.tls.key"
    return tls.checked(certificate, _path(written.key, "tls.key"), names=names)


def _path(template: str | None, key: str) -> Path | None:
    text = _expanded(template, key)
    return None if text is None else Path(text)


def _expanded(template: str | None, key: str) -> str | None:
    from aimon.config.yaml import variables

    try:
        return None if template is None else variables.expand(template, os.environ)
    except ValueError as error:
        raise Stop(USAGE, f"serve.{key}: {error}") from error
