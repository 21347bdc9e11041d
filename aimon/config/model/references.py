"""Names that one part of the file uses and another defines.

They are looked up in the plain values and not in the model, so that what is wrong elsewhere does not hide what
is wrong here; values of the wrong kind are left to the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.config.yaml.issues import shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from aimon.config.yaml.document import Document
    from aimon.config.yaml.issues import LocatedIssue, Path

BUILT_IN_CANARIES: Final = ("echo",)


def problems(document: Document) -> list[LocatedIssue]:
    """Names that are defined twice, and names that are used but not defined."""
    return [document.problem(path, message) for path, message in _found(document.data)]


def _found(data: Any) -> Iterator[tuple[Path, str]]:
    endpoints = [(i, e) for i, e in enumerate(_list(_get(data, "endpoints"))) if isinstance(e, dict)]
    first: dict[str, int] = {}
    for i, endpoint in endpoints:
        name = _get(endpoint, "name")
        if isinstance(name, str) and first.setdefault(name, i) != i:
            yield ("endpoints", i, "name"), f"'{shown(name)}' is already the name of endpoints[{first[name]}]"

    yield from _twice(data, "notify", {})
    yield from _twice(data, "heartbeats", {name: f"endpoints[{i}]" for name, i in first.items()})
    yield from _of_no_endpoint(data, "announcements", first)
    yield from _of_no_endpoint(data, "maintenance", first)

    canaries = {*BUILT_IN_CANARIES, *_mapping(_get(data, "canaries"))}
    yield from _canaries(("defaults", "canaries"), _get(_get(data, "defaults"), "canaries"), canaries)
    for i, endpoint in endpoints:
        yield from _canaries(("endpoints", i, "canaries"), _get(endpoint, "canaries"), canaries)

    for name, test in _mapping(_get(data, "loadtests")).items():
        used = _get(test, "endpoint")
        if isinstance(used, str) and used not in first:
            yield ("loadtests", name, "endpoint"), f"no endpoint '{shown(used)}'; {suggestion(used, first)}"


def _twice(data: Any, section: str, taken: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """Entries of a list whose name another one has; `taken` says which, and is added to."""
    for i, entry in enumerate(_list(_get(data, section))):
        name = _get(entry, "name")
        if isinstance(name, str) and taken.setdefault(name, f"{section}[{i}]") != f"{section}[{i}]":
            yield (section, i, "name"), f"'{shown(name)}' is already the name of {taken[name]}"


def _of_no_endpoint(data: Any, section: str, known: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Names in the entries of a list that no endpoint has."""
    for i, entry in enumerate(_list(_get(data, section))):
        for j, used in enumerate(_list(_get(entry, "endpoints"))):
            if isinstance(used, str) and used not in known:
                yield (section, i, "endpoints", j), f"no endpoint '{shown(used)}'; {suggestion(used, known)}"


def _canaries(path: Path, used: Any, known: Collection[str]) -> Iterator[tuple[Path, str]]:
    for i, name in enumerate(_list(used)):
        if isinstance(name, str) and name not in known:
            yield (*path, i), f"no canary '{shown(name)}'; {suggestion(name, sorted(known))}"


def _get(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
