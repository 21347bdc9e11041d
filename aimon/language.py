"""Which language people are addressed in: English, or Chinese where it is chosen or the locale's.

Outcomes, option names, units and everything that programs read are the same in both.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
# Set by --lang, so that processes which aimon starts speak the same.
VARIABLE = "AIMON_LANG"


def current(environ: Mapping[str, str] = os.environ) -> str:
    """The language that was chosen, or else that of the locale, in the order in which POSIX asks for it."""
    for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return CHINESE if value.lower().startswith(CHINESE) else ENGLISH
    return ENGLISH


def pick(english: str, chinese: str) -> str:
    """One text of the two."""
    return chinese if current() == CHINESE else english
