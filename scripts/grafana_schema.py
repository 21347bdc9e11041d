"""Check the boards against the types of the Grafana that the compose file names: npm's `@grafana/schema`.

    python scripts/grafana_schema.py    (needs npm and the network)

Grafana publishes its schema as types of TypeScript, so each board becomes a constant of the type `Dashboard`, and each
panel's options and field settings constants of the types of that panel; the compiler refuses unknown keys and values of
another type. Queries are not checked here: the tests run them in Prometheus.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "dashboards" / "grafana"
PANELS = "node_modules/@grafana/schema/dist/types/raw/composable"
COMPILER = "typescript@5.9"
# A member of an enumeration is its value in JSON.
WIRE = """\
type Wire<T> = T extends string ? `${T}`
  : T extends number ? (number extends T ? number : `${T}` extends `${infer N extends number}` ? N : never)
  : T extends boolean ? T
  : T extends (infer U)[] ? Wire<U>[]
  : T extends object ? {[K in keyof T]: Wire<T[K]>} : T;
"""
# Not typed by the schema: an annotation's query, a variable's steps and the text of its query.
LEFT_OPEN = {
    "annotations": {"expr", "step", "textFormat", "titleFormat"},
    "templating": {"auto", "auto_count", "auto_min", "definition"},
}


def main() -> int:
    """Check all boards; returns the compiler's exit code, or 0 if npm or the network is missing."""
    if not shutil.which("npm"):
        print("NOT TESTED: boards against Grafana's own types: install npm", flush=True)
        return 0
    compose = (ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8")
    version = re.findall(r"grafana/grafana:([\d.]+)", compose)[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text("{}")
        install = ["npm", "install", "--silent", "--ignore-scripts", f"@grafana/schema@{version}", COMPILER]
        if subprocess.run(install, cwd=folder, check=False).returncode:
            print("NOT TESTED: boards against Grafana's own types: npm failed", flush=True)
            return 0
        boards = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(BOARDS.rglob("*.json"))}
        (folder / "boards.ts").write_text("\n".join(program(boards, folder)), encoding="utf-8")
        strict = ("--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext")
        code = subprocess.run(["npx", "tsc", *strict, "boards.ts"], cwd=folder, check=False).returncode
    print(f"{len(boards)} boards against the types of Grafana {version}: {'failed' if code else 'well'}", flush=True)
    return code


def program(boards: dict[Path, dict[str, Any]], folder: Path) -> Iterator[str]:
    """Yield the lines of a program of constants, one a line, each after its place in the boards."""
    yield WIRE
    yield 'import type * as grafana from "@grafana/schema";'
    kinds = {panel["type"] for board in boards.values() for panel in panels(board["panels"])}
    for kind in sorted(kinds):
        (types,) = (folder / PANELS / plain(kind) / "panelcfg" / "x").glob("*.d.ts")
        yield f'import type * as {plain(kind)} from "./{types.relative_to(folder).as_posix().removesuffix(".d.ts")}";'
    number = 0
    for path, board in boards.items():
        typed = [("grafana.Dashboard", "", closed(board))]
        for panel in panels(board["panels"]):
            settings = panel["fieldConfig"]
            typed += [
                (f"{plain(panel['type'])}.Options", panel["title"], panel["options"]),
                ("grafana.FieldConfigSource", panel["title"], settings),
                (f"{plain(panel['type'])}.FieldConfig", panel["title"], settings["defaults"].get("custom", {})),
            ]
        for kind, title, value in typed:
            number += 1
            yield f"// {path.relative_to(ROOT)} {title}"
            constant = json.dumps(value, ensure_ascii=False)
            wire = f"Partial<Wire<{kind}>>" if kind.endswith(".FieldConfig") else f"Wire<{kind}>"
            # A panel without settings has no type for them; omitted settings have defaults.
            if constant != "{}":
                yield f"export const value{number}: {wire} = {constant};"


def panels(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield panels, also those in rows."""
    for panel in listed:
        if panel["type"] == "row":
            yield from panels(panel.get("panels", []))
        else:
            yield panel


def plain(kind: str) -> str:
    """Return a panel's type as the package writes it: `statetimeline`."""
    return kind.replace("-", "")


def closed(board: dict[str, Any]) -> dict[str, Any]:
    """Return a board without the keys that the schema does not type."""
    lists = {
        part: {"list": [{key: value for key, value in each.items() if key not in keys} for each in board[part]["list"]]}
        for part, keys in LEFT_OPEN.items()
        if part in board
    }
    return {**board, **lists}


if __name__ == "__main__":
    sys.exit(main())
