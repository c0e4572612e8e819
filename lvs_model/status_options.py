"""What playbooks/status.yml can be asked for, checked before any host is."""

from __future__ import annotations

from pathlib import Path

from lvs_model.problems import ModelError, Problem

FORMATS = ("text", "json")


def check_options(form: str, output: str = "") -> None:
    """Check the format, and the file that the JSON goes to; empty: it is only printed.

    Raises ModelError with all that is wrong.
    """
    problems = []
    if form not in FORMATS:
        remedy = f"give {' or '.join(f'-e format={one}' for one in FORMATS)}"
        problems.append(Problem("format", f"there is no format {form!r}", remedy))
    elif output and form != "json":
        what = f"{output} would be written as JSON, and {form} is asked for"
        problems.append(Problem("output", what, "give -e format=json as well"))
    if output:
        place = Path(output).expanduser()
        if place.is_dir():
            problems.append(Problem("output", f"{output} is a directory", "give the name of a file in it"))
        elif not place.parent.is_dir():
            remedy = "make it, or choose another place"
            problems.append(Problem("output", f"there is no directory {place.parent}", remedy))
    if problems:
        raise ModelError(problems)
