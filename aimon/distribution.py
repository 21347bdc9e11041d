"""The installed distribution: its name, its extras, and the other product that is called aimon.

The command and the import name are `aimon`; the distribution is `aimon-probes`, since `aimon` on PyPI is another
company's product, which claims the same import name. Imports nothing of aimon.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "aimon-probes"
_FOREIGN = "aimon"
# In the metadata of whoever installs our command, also under the name that this project once had.
_OUR_COMMAND = re.compile(r"^aimon *= *aimon\.cli\.main:run$", re.MULTILINE)
_REQUIREMENT = re.compile(r"(?P<what>[^;]+?) *; *extra *== *['\"](?P<extra>[\w-]+)['\"]")


def how_to_add(extra: str) -> str:
    """The command that installs what an extra brings, from wherever this was installed.

    By the names of the packages: the extra's own needs the checkout or the wheel that this came from.
    """
    from importlib import metadata  # noqa: PLC0415 - only where something is missing

    try:
        requirements = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        return f"in a checkout of aimon: pip install '.[{extra}]'"
    found = [match for each in requirements if (match := _REQUIREMENT.fullmatch(each))]
    packages = [match["what"].replace(" ", "") for match in found if match["extra"] == extra]
    return f"pip install {' '.join(repr(each) for each in packages)}"


def intruder(folders: Iterable[str] | None = None) -> str | None:
    """Says that another product's `aimon` is installed beside this one; None if it is not.

    Both have `aimon/__init__.py`, so that the later install replaced files of the earlier, and removing either takes
    the other's. Found by its metadata. Where its files have replaced so much that this module can't be imported any
    more, Python's own error is all that is left.

    Args:
        folders: where distributions are installed; those of the module search path by default.
    """
    for folder in dict.fromkeys(sys.path if folders is None else folders):
        for found in Path(folder or ".").glob(f"{_FOREIGN}-[0-9]*.dist-info"):
            try:
                commands = (found / "entry_points.txt").read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                commands = ""
            if _OUR_COMMAND.search(commands) is None:
                version = found.name.removeprefix(f"{_FOREIGN}-").removesuffix(".dist-info")
                return (
                    f"{folder} also has {_FOREIGN} {version}, another product with the same import name: files of one "
                    f"replace the other's, and neither is whole. Make an environment of its own for this one: "
                    f"python3 -m venv aimon-env, and install {NAME} there"
                )
    return None
