"""JUnit XML: what CI systems read of it, for every kind of Result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from aimon.call.outcome import Fault, Outcome
from aimon.cli.probe import junit
from aimon.metrics.totals import Identity
from results import QWEN, a_result

if TYPE_CHECKING:
    from pathlib import Path

OTHER = Identity("gpt", "gpt-5", "openai", "cn-east")
# What the schema of Jenkins' xUnit plugin (junit-10.xsd) allows: attributes by element, and which it demands.
ATTRIBUTES = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message", "type"},
}
CHILDREN = {"testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}


def valid(element: ET.Element) -> None:
    """Asserts the structure that CI systems agree on."""
    assert set(element.attrib) == ATTRIBUTES[element.tag]
    assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    if "time" in element.attrib:
        assert math.isfinite(float(element.attrib["time"]))
    if element.tag == "testcase":
        assert len(element) <= 1
    for child in element:
        valid(child)


def written(path: Path) -> ET.Element:
    """The document, after a look at its structure."""
    assert path.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    suite = ET.parse(path).getroot()  # noqa: S314 - our own file
    valid(suite)
    assert suite.tag == "testsuite"
    for counted, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[counted]) == len(list(suite.iter(tag)))
    total = sum(float(case.attrib["time"]) for case in suite)
    assert float(suite.attrib["time"]) == pytest.approx(total, abs=0.001 * len(suite))
    return suite


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.CANCELLED}))  # no probe is broken off
def test_each_outcome(outcome: Outcome, tmp_path: Path) -> None:
    """A success is bare; the prober's own fault is an error, a spent budget is skipped, the rest are failures."""
    junit.write(tmp_path / "j.xml", [a_result(outcome, error="no luck")])
    [case] = written(tmp_path / "j.xml")
    wanted = "failure"
    if outcome.fault is Fault.PROBER:
        wanted = "skipped" if outcome is Outcome.BUDGET_SKIPPED else "error"
    assert [child.tag for child in case] == ([] if outcome is Outcome.OK else [wanted])
    for verdict in case:
        assert verdict.attrib == {"message": "no luck", "type": outcome.value}
        assert (verdict.text or "").endswith(".")


def test_a_run_of_several(tmp_path: Path) -> None:
    """Counts, names and times; a canary's name is the case's, and the operation's where there is none."""
    results = [
        a_result(canary="echo"),
        a_result(Outcome.SERVER_ERROR, OTHER, status_code=503, error="later"),
        a_result(Outcome.BUDGET_SKIPPED, OTHER, end=0.0),
        a_result(Outcome.PROBER_ERROR, OTHER, canary="echo"),
    ]
    junit.write(tmp_path / "j.xml", results)
    suite = written(tmp_path / "j.xml")
    assert suite.attrib == {
        "name": "aimon probe",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "4.500",
    }
    assert [tuple(case.attrib.values()) for case in suite] == [
        (f"aimon.{QWEN.endpoint}", "echo", "1.500"),
        ("aimon.gpt", "chat", "1.500"),
        ("aimon.gpt", "chat", "0.000"),
        ("aimon.gpt", "echo", "1.500"),
    ]
    failure = suite[1][0]
    assert failure.attrib["message"] == "HTTP 503: later"


def test_a_run_of_none(tmp_path: Path) -> None:
    """Interrupted before the first end: a suite without cases, which is no error to a CI system."""
    junit.write(tmp_path / "j.xml", [])
    assert len(written(tmp_path / "j.xml")) == 0


@pytest.mark.parametrize("text", ["<b>&\"'</b> ]]>", "a\x00b\x1b[31m\x0bc", "\ud800 half a pair", "\ufffe", "日本 🙂"])
def test_whatever_a_provider_says_is_well_formed(text: str, tmp_path: Path) -> None:
    """XML's own characters are escaped, and those that XML can't carry are replaced."""
    junit.write(tmp_path / "j.xml", [a_result(Outcome.MALFORMED, error=text)])
    [case] = written(tmp_path / "j.xml")
    said = case[0].attrib["message"]
    assert len(said) == len(text)
    replaced = text.translate(dict.fromkeys(map(ord, "\x00\x1b\x0b\ud800\ufffe"), "\ufffd"))
    assert said == replaced


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """The old file stays until the new one is complete; if that fails, no draft is left."""
    path = tmp_path / "j.xml"
    junit.write(path, [a_result()])
    before = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        junit.write(path, [a_result(), a_result()])
    assert [each.name for each in tmp_path.iterdir()] == ["j.xml"]
    path.rmdir()
    path.write_bytes(before)
    junit.write(path, [a_result(), a_result()])
    assert written(path).attrib["tests"] == "2"
