"""What unquoted scalars mean: in a file, and as options of the command line, which need no PyYAML."""

from __future__ import annotations

import math
import re
from typing import Any

from aimon.config.yaml.document import WrittenFloat, WrittenInt

_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def plain(text: str) -> Any:
    """What an unquoted scalar means in the YAML 1.2 core schema (decimal numbers only)."""
    if text in _BOOLS:
        return _BOOLS[text]
    if text in _NULLS:
        return None
    number: WrittenInt | WrittenFloat
    if _INT.fullmatch(text):
        number = WrittenInt(text)
    elif _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        number = WrittenFloat(text)
    else:
        return text
    number.text = text
    return number
