"""`aimon init`: a commented configuration to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimon import files
from aimon.cli.console import note
from aimon.cli.exits import UNABLE, USAGE, Stop


def init(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")] = Path("aimon.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented configuration, with an endpoint for each key that is already in the environment."""
    from aimon import providers
    from aimon.config import example
    from aimon.config.template import detected

    try:
        if not force:
            # Refuses an existing file, even one that was just created.
            output.open("x").close()
        try:
            files.write(output, example().encode(), mode=files.EVERYBODY)
        except OSError:
            if not force:
                output.unlink()
            raise
    except FileExistsError:
        raise Stop(USAGE, f"{output} is there already: choose another --output, or overwrite it with --force") from None
    except OSError as error:
        raise Stop(UNABLE, files.problem(error)) from error
    place = "" if output.name == "aimon.yaml" else f" --config {output}"
    found = [f"{name} (${providers.get(name).key_env})" for name in detected()]
    print(f"wrote {output}")
    if found:
        note(f"keys found: {', '.join(found)}")
    else:
        note("no key of a known provider is in the environment: the file begins with the simulator, and has examples")
        note("next: start aimon sim in another terminal")
    note(f"next: aimon config check{place} && aimon probe{place}")
