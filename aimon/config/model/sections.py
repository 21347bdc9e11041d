"""How values of the file are read, described and written: kinds of values, and sections made of keys.

A kind reads one value, and raises ValueError with what to write instead. Lists, mappings and sections are kinds
made of kinds: they read on after a mistake, so that all mistakes are reported at once, each with its path. A section
is a class whose fields are made by `key`; the JSON Schema and `config show` come from the same table.

Sections are msgspec Structs, which compile no code when they are defined: a probe starts sooner than with
dataclasses. (Why not pydantic: `docs/decisions/0003-configuration-without-pydantic.md`.)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

import msgspec

from aimon.config.yaml.issues import InvalidSectionError, Issue, issues_of, kind_of, nearest, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T", bound="Section")
K = TypeVar("K", str, int)

_RULES: dict[type[Section], Callable[[Any], Iterable[Issue]]] = {}


def _as_is(value: Any) -> Any:
    return value


class ValueType(msgspec.Struct, frozen=True):
    """One kind of value.

    Attributes:
        read: from the file's value to ours; raises ValueError, or InvalidSectionError where parts of it are wrong.
        schema: what an editor may know of it, as JSON Schema.
        write: from our value to the file's.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]
    write: Callable[[Any], Any] = _as_is


class Key(msgspec.Struct, frozen=True):
    """One key of a section.

    Attributes:
        kind: of its value.
        description: for editors and the documentation.
        default: where the key is left out.
        make: makes the default, where it is a mapping or another section.
        example: of a value, as it is written.
        required: whether it must not be left out.
    """

    kind: ValueType
    description: str
    default: Any = None
    make: Callable[[], Any] | None = None
    example: Any = None
    required: bool = False


def key(
    kind: ValueType,
    description: str,
    *,
    default: Any = None,
    make: Callable[[], Any] | None = None,
    example: Any = None,
    required: bool = False,
) -> Any:
    """A field of a section; the arguments are the attributes of Key."""
    return Key(kind, description, default, make, example, required)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(key, msgspec.field))
class _SectionMeta(msgspec.StructMeta):
    """Makes fields of a class's keys, and keeps the keys."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _SectionMeta:  # noqa: PYI034 - a metaclass has no Self (PEP 673)
        known = {name: each for name, each in namespace.items() if isinstance(each, Key)}
        fields = {
            name: msgspec.field(default_factory=each.make) if each.make else msgspec.field(default=each.default)
            for name, each in known.items()
        }
        return super().__new__(cls, name, bases, namespace | fields | {"KEYS": known}, frozen=True, kw_only=True)


class Section(msgspec.Struct, metaclass=_SectionMeta):
    """The base of all sections: immutable, and compared by value."""

    KEYS: ClassVar[Mapping[str, Key]]


def section_name(section: type[Section]) -> str:
    """The name of a section in JSON Schema and documentation: its class's, without `Section` or `Options`."""
    return section.__name__.removesuffix("Section").removesuffix("Options")


def many(kind: ValueType) -> ValueType:
    """The kind of a list, read as a tuple."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(  # noqa: TRY004 - every kind raises ValueError
                f"expected a list: lines that begin with '- ', not {kind_of(value)}"
            )
        return tuple(_all((i, kind.read, part) for i, part in enumerate(value)).values())

    schema = {"type": "array", "items": kind.schema}
    return ValueType(read, schema, lambda values: [kind.write(value) for value in values])


def table(name: ValueType, kind: ValueType) -> ValueType:
    """The kind of a mapping whose keys are the user's own."""

    def read(value: Any) -> dict[str, Any]:
        written = _mapping(value)
        wrong = [Issue((text,), error, at_key=True) for text in written if (error := _error(name.read, text))]
        return _all(((text, kind.read, part) for text, part in written.items()), wrong)

    schema: dict[str, Any] = {"type": "object", "additionalProperties": kind.schema}
    if "pattern" in name.schema:
        schema["propertyNames"] = {"pattern": name.schema["pattern"]}
    return ValueType(read, schema, lambda values: {text: kind.write(value) for text, value in values.items()})


def rule(cls: type[T]) -> Callable[[Callable[[T], Iterable[Issue]]], Callable[[T], Iterable[Issue]]]:
    """Makes a function the rule of a section: it checks how the keys fit together, once each is valid by itself."""

    def register(check: Callable[[T], Iterable[Issue]]) -> Callable[[T], Iterable[Issue]]:
        _RULES[cls] = check
        return check

    return register


def section(cls: type[T], *, planned: Mapping[str, str] = MappingProxyType({})) -> ValueType:
    """The type of a mapping with keys that aimon defines.

    Args:
        cls: whose fields are made by `key`.
        planned: keys that are not supported yet, each with what to write instead.
    """
    known = cls.KEYS

    def read(value: Any) -> T:
        written = _mapping(value)
        present = ((name, known[name].kind.read, part) for name, part in written.items() if name in known)
        values: dict[str, Any] = _all(present, _names(written, known, planned))
        made = cls(**values)
        broken = list(_RULES[cls](made)) if cls in _RULES else []
        if broken:
            raise InvalidSectionError(broken)
        return made

    def write(value: T) -> dict[str, Any]:
        parts = {name: getattr(value, name) for name in known}
        written = {name: known[name].kind.write(part) for name, part in parts.items() if part is not None}
        # Empty lists and mappings say nothing.
        return {name: part for name, part in written.items() if part not in ([], {})}

    return ValueType(read, {"$ref": f"#/$defs/{section_name(cls)}"}, write)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected keys and values, not {kind_of(value)}")  # noqa: TRY004 - every kind raises ValueError
    return value


def _names(written: dict[str, Any], known: Mapping[str, Key], planned: Mapping[str, str]) -> Iterator[Issue]:
    """Unknown keys, and keys that are missing."""
    unknown = [name for name in written if name not in known]
    for name in unknown:
        yield Issue((name,), planned.get(name) or f"unknown key; {suggestion(name, known)}", at_key=True)
    meant = {nearest(name, known) for name in unknown}
    for name, each in known.items():
        # A misspelt key has an issue of its own.
        if each.required and name not in written and name not in meant:
            example = f", such as {name}: {each.example}" if each.example is not None else ""
            yield Issue((name,), f"missing; add it{example}")


def _all(parts: Iterable[tuple[K, Callable[[Any], Any], Any]], wrong: Iterable[Issue] = ()) -> dict[K, Any]:
    """Reads every part; raises with an issue for each that is wrong, after those in `wrong`."""
    values: dict[K, Any] = {}
    found = list(wrong)
    for name, read, part in parts:
        try:
            values[name] = read(part)
        except ValueError as error:
            found += [finding.below(name) for finding in issues_of(error)]
    if found:
        raise InvalidSectionError(found)
    return values


def _error(read: Callable[[Any], Any], value: Any) -> str | None:
    try:
        read(value)
    except ValueError as error:
        return str(error)
    return None
