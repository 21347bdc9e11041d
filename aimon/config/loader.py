"""Finds the configuration file and reads it: all problems at once, each with its line and column."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from aimon.config.model import references
from aimon.config.model.rules import CONFIG
from aimon.config.yaml.document import Document, Spot
from aimon.config.yaml.issues import ConfigError, LocatedIssue, issues_of
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.model.config import Config

VARIABLE: Final = "AIMON_CONFIG"
_ABSENT: Final = "is not there"
PLACES: Final = (Path("aimon.yaml"), Path("/etc/aimon/aimon.yaml"))


def find(path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Which file to read: the one given, else $AIMON_CONFIG, ./aimon.yaml, /etc/aimon/aimon.yaml.

    The first two are returned whether or not the file exists; None means that neither usual place has one.
    """
    named = path or credentials.setting(environ, VARIABLE)
    if named:
        return Path(named)
    return next((place for place in PLACES if not _missing(place)), None)


def passed_over(path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The usual places whose file can't be read, so that `find` goes on to the next one; a sentence each."""
    if path or credentials.setting(environ, VARIABLE):
        return []
    return [f"{place} {why}: passed over" for place in PLACES if (why := _missing(place)) not in (None, _ABSENT)]


def _missing(place: Path) -> str | None:
    """Why a usual place is not taken; None for one that is."""
    try:
        with place.open("rb"):
            return None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _ABSENT
    except OSError as error:
        return f"can't be read ({error.strerror})"


def load(path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Reads and validates the configuration file. Variables are expanded later, by `resolve`.

    Args:
        path: the file; `find` looks for one if it is None.
        environ: where $AIMON_CONFIG is looked up.

    Raises:
        ConfigError: there is no file, it can't be read, or something in it is wrong.
    """
    found = find(path, environ)
    if found is None:
        raise ConfigError(
            [
                *(LocatedIssue(reason) for reason in passed_over(path, environ)),
                LocatedIssue(
                    f"no configuration: there is no {PLACES[0]} here, no {PLACES[1]}, and {VARIABLE} is not set; "
                    "`aimon init` writes one, --config names one, --preset and --model do without"
                ),
            ]
        )
    return parse(_read(found), str(found))


def parse(text: str, file: str = "aimon.yaml") -> Config:
    """Validates the text of a configuration file.

    Args:
        text: YAML.
        file: its name, for messages.

    Raises:
        ConfigError: something is wrong with it.
    """
    from aimon.config.yaml import lookalikes, parser  # noqa: PLC0415 - PyYAML, which flags do without

    try:
        return validate(parser.read(text, file))
    except ConfigError as error:
        raise ConfigError(lookalikes.explained(error.problems, text)) from None


def validate(written: Document) -> Config:
    """Makes a Config of a document.

    Raises:
        ConfigError: something is wrong with it.
    """
    if written.data is None and not written.problems:
        raise ConfigError([written.problem((), "the file is empty; `aimon init` writes one")])
    problems = [*written.problems, *references.problems(written)]
    try:
        config: Config = CONFIG.read(_without_extensions(written.data))
    except ValueError as error:
        problems += [written.problem(f.path, f.message, at_key=f.at_key) for f in issues_of(error)]
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return replace(config, document=written)


def to_data(config: Config, endpoint: str | None) -> dict[str, Any]:
    """What concerns one endpoint, or all of them, as JSON values for another process on this machine.

    Variables stay unexpanded.
    """
    chosen = tuple(each for each in config.endpoints if endpoint in (None, each.name))
    others: dict[str, Any] = {"loadtests": {}, "maintenance": (), "notify": (), "announcements": (), "heartbeats": ()}
    data: dict[str, Any] = CONFIG.write(replace(config, endpoints=chosen, **others))
    return data


def from_data(data: dict[str, Any]) -> Config:
    """The inverse of `to_data`: the same configuration, whatever has become of the file since.

    Raises:
        ConfigError: it is no configuration.
    """
    return validate(Document("", data, Spot(0, 0)))


def _without_extensions(data: Any) -> Any:
    """The data without the `x-…` keys at its top, where anchors live that the rest refers to."""
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if not key.startswith("x-")}


def _read(path: Path) -> str:
    from aimon.config.yaml import parser  # noqa: PLC0415 - as above

    try:
        with path.open("rb") as file:
            content = file.read(parser.MAX_BYTES + 1)
    except OSError as error:
        # strerror alone: the file's name stands before it.
        reason = "there is no such file; `aimon init` writes one" if isinstance(error, FileNotFoundError) else None
        raise ConfigError([LocatedIssue(reason or f"can't be read: {error.strerror}", file=str(path))]) from None
    if len(content) > parser.MAX_BYTES:
        raise ConfigError([LocatedIssue(f"too large: more than {parser.MAX_BYTES >> 20} MiB", file=str(path))])
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError([LocatedIssue("not UTF-8 text: save it as UTF-8", "", str(path), line, column)]) from None
