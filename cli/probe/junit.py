"""JUnit XML, which every CI system shows: one test case a probe."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement

from aimon import files
from aimon.call.outcome import Fault, Outcome
from aimon.cli.advice import advice, reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimon.call.result import Result


# Characters that XML 1.0 does not allow, even escaped (its production 2, "Char").
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, results: Sequence[Result]) -> None:
    """Writes the Results atomically: a `failure` for each failed call, an `error` for the prober's own faults.

    Raises:
        OSError: the file can't be written.
    """
    own = [result for result in results if result.fault is Fault.PROBER]
    failed = [result for result in results if result.outcome is not Outcome.OK and result not in own]
    suite = Element(
        "testsuite",
        name="aimon probe",
        tests=str(len(results)),
        failures=str(len(failed)),
        errors=str(sum(result.outcome is Outcome.PROBER_ERROR for result in own)),
        skipped=str(sum(result.outcome is Outcome.BUDGET_SKIPPED for result in own)),
        time=f"{sum(result.latency for result in results):.3f}",
    )
    for result in results:
        case = SubElement(
            suite,
            "testcase",
            classname=f"aimon.{result.endpoint}",
            name=result.canary or result.operation,
            time=f"{result.latency:.3f}",
        )
        if result.outcome is not Outcome.OK:
            verdict = SubElement(case, _element(result), message=_text(reason(result)), type=result.outcome.value)
            verdict.text = advice(result)
    written = BytesIO()
    ElementTree(suite).write(written, encoding="utf-8", xml_declaration=True)
    files.write(path, written.getvalue(), mode=files.EVERYBODY)


def _text(said: str) -> str:
    return _FORBIDDEN.sub("\ufffd", said)


def _element(result: Result) -> str:
    if result.outcome is Outcome.BUDGET_SKIPPED:
        return "skipped"
    return "error" if result.fault is Fault.PROBER else "failure"
