"""`aimon report`: shows and compares reports of load tests."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon import files
from aimon.cli import console
from aimon.cli.exits import FAILED, GOOD, UNABLE, USAGE, Stop
from aimon.cli.options.language import Language  # noqa: TC001 - typer reads the annotations at run time
from aimon.cli.options.out_mode import out_mode
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from aimon.loadtests.report.comparison.comparison import Comparison
    from aimon.loadtests.report.schema import Report

FORMATS = ("md", "json", "html", "csv")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="A report.json, or a folder that holds one.")],
    compare: Annotated[bool, typer.Option("--compare", help="Compare the first run with each of the others.")] = False,
    tolerance: Annotated[str, typer.Option(help="With --compare: the smallest change that matters.")] = "5%",
    different_load: Annotated[
        bool, typer.Option("--different-load", help="With --compare: also compare runs under different loads.")
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option("--format", help="md, json, html or csv; a table on a terminal, md elsewhere by default."),
    ] = None,
    _language: Language = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to this file, and not to stdout.")] = None,
    mode: Annotated[
        str | None, typer.Option("--out-mode", metavar="MODE", help="Who may read it, such as 640; 600 by default.")
    ] = None,
) -> int:
    """Show reports of load tests, or which differences between them are statistically significant.

    Exit codes: 0 good; 1 with --compare: a later run is significantly worse in any figure, by at least the tolerance;
    2 usage, a file that is no report, or runs under different loads; 3 --out can't be written.
    """
    if layout is not None and layout not in FORMATS:
        raise Stop(USAGE, f"--format {layout}: there are {', '.join(FORMATS)}")
    smallest, readers = _share(tolerance), out_mode(mode)
    if compare and len(runs) < 2:
        raise Stop(USAGE, f"--compare needs two runs or more: aimon report --compare {runs[0]} NEW")
    if layout == "html" and not compare and len(runs) > 1:
        raise Stop(USAGE, "--format html is a page for one run: name one, or --compare them")
    if layout == "csv" and compare:
        raise Stop(USAGE, "--format csv has the numbers of runs: leave out --compare, or write --format json")
    _check_installed()
    reports = _read(runs)
    drawn = layout is None and out is None and console.is_terminal()
    if not compare:
        if drawn:
            _draw(reports)
        else:
            _give(_shown(reports, layout), out, readers)
        return GOOD
    found = _compared(reports, runs, smallest)
    if not different_load:
        _refuse_different_loads(reports, runs)
    if drawn:
        _draw_comparisons(found)
    else:
        _give(_told(found, layout), out, readers)
    return FAILED if any(comparison.verdict == "worse" for comparison in found) else GOOD


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("numpy") is None:
        raise Stop(UNABLE, f"load tests need numpy: {how_to_add('loadtest')}")


def _share(text: str) -> float:
    found = _SHARE.fullmatch(text)
    if found is None:
        raise Stop(USAGE, f"--tolerance {text}: expected a share such as 5% or 0.5%")
    return float(found[1]) / 100


def _read(runs: list[Path]) -> list[Report]:
    from aimon.loadtests.report.schema import ReportError, read

    try:
        return [read(run) for run in runs]
    except ReportError as error:
        raise Stop(USAGE, f"aimon report: {error}") from error


def _draw(reports: list[Report]) -> None:
    import msgspec

    from aimon.cli.report import result

    for each in reports:
        result.draw(msgspec.to_builtins(each))


def _draw_comparisons(found: list[Comparison]) -> None:
    from aimon.cli.report import compared

    for each in found:
        compared.draw(each)


def _shown(reports: list[Report], layout: str | None) -> str:
    import msgspec

    from aimon.loadtests.report import markdown
    from aimon.loadtests.report.csv_files import report_csv
    from aimon.loadtests.report.page import page

    if layout == "json":
        # One line for each, so that programs can read several values from one stream.
        return "".join(f"{msgspec.json.encode(each).decode()}\n" for each in reports)
    if layout == "csv":
        return report_csv([msgspec.to_builtins(each) for each in reports])
    write = page.render if layout == "html" else markdown
    return "\n".join(write(msgspec.to_builtins(each)) for each in reports)


def _refuse_different_loads(reports: list[Report], runs: list[Path]) -> None:
    from aimon.loadtests.report.comparison.comparability import different_load

    base, *others = reports
    for new, run in zip(others, runs[1:], strict=True):
        if differing := different_load(base, new):
            raise Stop(
                USAGE,
                f"aimon report: {runs[0]} and {run} were not under the same load ({'; '.join(differing)}): repeat one "
                "with the options of the other, or add --different-load to compare all but throughput",
            )


def _compared(reports: list[Report], runs: list[Path], tolerance: float) -> list[Comparison]:
    from aimon.loadtests.report.comparison.comparison import compare

    base, *others = reports
    try:
        return [
            compare(base, new, names=(str(runs[0]), str(run)), tolerance=tolerance)
            for new, run in zip(others, runs[1:], strict=True)
        ]
    except ValueError as error:
        raise Stop(USAGE, f"aimon report: {error}") from error


def _told(found: list[Comparison], layout: str | None) -> str:
    import msgspec

    from aimon.loadtests.report.comparison import page as comparison_page
    from aimon.loadtests.report.comparison import summary as comparison_text

    if layout == "json":
        return "".join(f"{msgspec.json.encode(each).decode()}\n" for each in found)
    if layout == "html":
        return comparison_page.render(found)
    return "\n".join(comparison_text.markdown(each) for each in found)


def _give(text: str, out: Path | None, mode: int) -> None:
    if out is None:
        console.write_data(text)
        return
    try:
        files.write(out, text.encode(), mode=mode)
    except OSError as error:
        raise Stop(UNABLE, f"--out {files.problem(error, out)}: choose a file that can be written") from error
