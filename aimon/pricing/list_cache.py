"""What a price list said, in a file between processes: importing the list takes longer than a probe."""

from __future__ import annotations

import atexit
import contextlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec

from aimon import files
from aimon.pricing.price import Price

# Names of models come from answers, too, so that their number has no limit.
_MOST = 500


class _Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price as the file has it; `source` names the list and its version."""

    input: float | None
    output: float | None
    cached_input: float | None
    reasoning: float | None
    per_request: float
    source: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The file. `edition` tells one release of the list from another; None is a model that is not on it."""

    edition: str
    prices: dict[str, _Rates | None]


class Known(NamedTuple):
    """What is known of a model: its price, or that it has none."""

    price: Price | None


class ListCache:
    """The prices that earlier processes have looked up. A file that can't be read or written is done without.

    Args:
        package: whose list it is.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._file: _File | None = None
        self._path: Path | None = None
        self._changed = False

    def get(self, provider: str, model: str) -> Known | None:
        """The price of a model; None if no process has looked it up."""
        rates = self._read().prices.get(f"{provider}/{model}", ...)
        if rates is ...:
            return None
        return Known(None if rates is None else Price(**msgspec.structs.asdict(rates)))

    def put(self, provider: str, model: str, price: Price | None) -> None:
        """Keeps a price in USD that neither depends on the time nor has tiers; it is written when the process ends."""
        file = self._read()
        if len(file.prices) < _MOST and self._path is not None:
            if not self._changed:
                self._changed = True
                atexit.register(self._write)
            file.prices[f"{provider}/{model}"] = (
                None if price is None else msgspec.convert(price, _Rates, from_attributes=True)
            )

    def _read(self) -> _File:
        if self._file is not None:
            return self._file
        edition = _edition(self._package)
        self._path = None if edition is None else _path(self._package)
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                found = msgspec.json.decode(self._path.read_bytes(), type=_File)
                if found.edition == edition:
                    self._file = found
        if self._file is None:
            self._file = _File(edition or "", {})
        return self._file

    def _write(self) -> None:
        assert self._path is not None  # noqa: S101 - what could not be written is not registered
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            files.write(self._path, msgspec.json.encode(self._file))


def _edition(package: str) -> str | None:
    """Place, size and time of the list's data; None if it is not there. Its version would take longer to find out."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    data = Path(spec.origin).with_name("data.py")
    try:
        status = data.stat()
    except OSError:
        return None
    return f"{data} {status.st_size} {status.st_mtime_ns}"


def _path(package: str) -> Path | None:
    """Where the file is: in the user's folder for what can be made again."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not folder.is_absolute():  # which the specification of these variables says is to be ignored
        try:
            folder = Path.home() / ".cache"
        except RuntimeError:  # no HOME, and no entry in passwd
            return None
    return folder / "aimon" / f"{package}.json"
