"""Write the tables of the documentation from the code, between `<!-- generated:NAME -->` and `<!-- /generated -->`.

python scripts/docs_tables.py           rewrites docs/*.md
python scripts/docs_tables.py --check   exits 1 if a page is out of date
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimon import dialects, providers
from aimon.call import classify, finish_reasons
from aimon.call.outcome import FAULTS as WHOSE
from aimon.call.outcome import Outcome
from aimon.config.model import config, json_schema, sections
from aimon.dialects import reasoning
from aimon.metrics import definitions
from aimon.simulator import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCS = Path(__file__).resolve().parent.parent / "docs"
DASH = "-"
BLOCK = re.compile(r"(<!-- generated:([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def code(text: str | None) -> str:
    """Text as code; a dash if empty."""
    return f"`{text}`" if text else DASH


def presets_markdown() -> str:
    """Every preset: its base URL, the variable of its key, and the dialects that it serves."""
    return table(
        ("preset", "provider", "base URL", "key variable", "dialects (first is the default)", "note"),
        (
            (
                code(preset.name),
                f"[{preset.title}]({preset.key_url})" if preset.key_url else preset.title,
                code(preset.base_url) if preset.base_url else "yours",
                code(preset.key_env),
                ", ".join(preset.bases),
                preset.note or DASH,
            )
            for preset in providers.PRESETS.values()
        ),
    )


def outcomes_markdown() -> str:
    """Every outcome, its fault, and the HTTP statuses that mean it if the body does not decide."""
    statuses: dict[Outcome, list[str]] = {}
    for status in (*range(400, 430), 451, 498, *range(500, 505), 529):
        statuses.setdefault(classify.status(status), []).append(str(status))
    # The two for all other statuses are named by status class.
    statuses[Outcome.BAD_REQUEST] = ["3xx", "other 4xx"]
    statuses[Outcome.SERVER_ERROR] = ["408", "424", "other 5xx"]
    return table(
        ("outcome", "fault", "HTTP status alone"),
        (
            (code(outcome), str(fault) if fault else DASH, ", ".join(statuses.get(outcome, ())) or DASH)
            for outcome, fault in WHOSE.items()
        ),
    )


def finishes_markdown() -> str:
    """The meaning of finish reasons."""
    rows: dict[str, list[str]] = {}
    for reason, outcome in finish_reasons.FINISHES.items():
        rows.setdefault(outcome, []).append(code(reason))
    return table(("outcome", "finish reasons"), ((code(outcome), ", ".join(said)) for outcome, said in rows.items()))


def reasoning_markdown() -> str:
    """The request fields of each reasoning style for `off` and for `low`."""
    used: dict[str, list[str]] = {}
    for preset in providers.PRESETS.values():
        if preset.quirks.reasoning_style:
            used.setdefault(preset.quirks.reasoning_style, []).append(preset.name)
    return table(
        ("style", "dialect", "`off`", "`low`", "default of"),
        (
            (
                code(name),
                style.dialect,
                code(json.dumps(style.fields("off"))),
                code(json.dumps(style.fields("low"))),
                "the dialect" if reasoning.DEFAULTS[style.dialect] == name else ", ".join(used.get(name, ())) or DASH,
            )
            for name, style in reasoning.STYLES.items()
        ),
    )


def metrics_markdown() -> str:
    """Every metric: type, labels in addition to the endpoint's, and meaning."""
    rows = []
    for family in definitions.FAMILIES.values():
        beyond = [code(label) for label in family.labels if label not in definitions.IDENTITY]
        if not family.labels:
            beyond = ["none at all"]
        elif family.extensible:
            beyond.append("those of the configuration")
        rows.append((code(family.name), family.kind, ", ".join(beyond) or DASH, family.help))
    return table(("metric", "type", "further labels", "meaning"), rows)


def buckets_markdown() -> str:
    """The bucket boundaries of every histogram, in seconds."""
    return table(
        ("histogram", "boundaries, seconds"),
        (
            (code(family.name), " ".join(f"{bound:g}" for bound in family.buckets))
            for family in definitions.FAMILIES.values()
            if family.buckets
        ),
    )


def keys_markdown(section: type[sections.Section]) -> str:
    """The keys of one section of the configuration."""

    def default(key: sections.Key) -> str:
        if key.required:
            return "required"
        return DASH if key.default in (None, ()) else code(_written(key.kind.write(key.default)))

    return table(
        ("key", "meaning", "default", "example"),
        (
            (code(name), key.description, default(key), code(_written(key.example)))
            for name, key in section.KEYS.items()
        ),
    )


def _written(value: object) -> str | None:
    """A value as YAML on one line."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(part)}" for key, part in value.items()) + "}"
    return json.dumps(value)


SECTIONS = (config.Config, *(each for each in json_schema.SECTIONS if each is not config.MessageSection))


def faults_markdown() -> str:
    """Every fault of the simulator, and the outcome that a probe should report."""
    return table(
        ("fault", "what the provider does", "outcome", "dialects"),
        (
            (
                code(name),
                fault.what,
                code(fault.outcome)
                + (f" ({code(fault.plain_outcome)} where it is not streamed)" if fault.plain_outcome else ""),
                "all" if len(fault.dialects) == len(dialects.NAMES) else ", ".join(fault.dialects),
            )
            for name, fault in FAULTS.items()
        ),
    )


COMMANDS = (
    "probe",
    "serve",
    "status",
    "init",
    "config check",
    "config show",
    "config schema",
    "sim",
    "demo",
    "loadtest",
    "report",
)


def api_markdown() -> str:
    """Every operation of the API, and the parameters of those that have some."""
    from aimon.probes.service.api.openapi import document  # noqa: PLC0415 - only this table needs Starlette

    paths = document()["paths"]
    operations = [(method, path, each) for path, methods in paths.items() for method, each in methods.items()]
    made = table(
        ("operation", "what"),
        ((code(f"{method.upper()} {path}"), each["summary"]) for method, path, each in operations),
    )
    for method, path, each in operations:
        asked = [parameter for parameter in each["parameters"] if parameter["in"] == "query"]
        if asked:
            rows = ((code(one["name"]), one.get("description", ""), _taken(one["schema"])) for one in asked)
            made += f"\n`{method.upper()} {path}`:\n\n{table(('parameter', 'meaning', 'values'), rows)}"
    return made


def _taken(schema: Mapping[str, Any]) -> str:
    """The values of a parameter, with its default."""
    items = schema.get("items", schema)
    words = items.get("enum")
    if "$ref" in items:
        words = None
        kind = f"[{items['$ref'].rsplit('/', 1)[1]}](#words)"
    elif words:
        kind = ", ".join(map(code, words))
    elif "minimum" in items:
        kind = f"{items['minimum']} to {items['maximum']}"
    else:
        kind = items.get("format", items.get("type", "text"))
        kind = {"date-time": "time", "string": "text", "boolean": "`true`, `false`"}.get(kind, kind)
    default = schema.get("default")
    return (
        kind if default is None else f"{kind}; {code(json.dumps(default) if default is False else default)} by default"
    )


def help_text(command: str) -> str:
    """What `aimon COMMAND --help` prints, at a fixed width."""
    shown = subprocess.run(  # our own program
        [Path(sys.executable).with_name("aimon"), *command.split(), "--help"],
        env={**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return f"```text\n{shown.strip()}\n```\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "presets": presets_markdown,
    "outcomes": outcomes_markdown,
    "finishes": finishes_markdown,
    "reasoning": reasoning_markdown,
    "metrics": metrics_markdown,
    "buckets": buckets_markdown,
    "faults": faults_markdown,
    "api": api_markdown,
    **{f"help-{command.replace(' ', '-')}": partial(help_text, command) for command in COMMANDS},
    **{f"config-{sections.section_name(section)}": partial(keys_markdown, section) for section in SECTIONS},
}


def rewritten(page: str) -> str:
    """The page with each generated table up to date.

    Raises:
        KeyError: the page names a table without a function.
    """
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", page)


def main(arguments: list[str]) -> int:
    """Rewrite the pages, or with --check only list those that differ."""
    stale = []
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        fresh = rewritten(page)
        if fresh != page:
            stale.append(path.name)
            if "--check" not in arguments:
                path.write_text(fresh, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run python scripts/docs_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
