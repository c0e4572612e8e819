"""Renders the roles' templates on the controller: the plan holds the final bytes of every file.

Plain Jinja2, not Ansible's templating: one environment for all hosts, and an undefined name is an
error. A template lies under ``roles/<component>/templates`` at its path on the host.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from lvs_model.parts import File
from lvs_model.problems import ModelError, Problem

PROJECT = Path(__file__).resolve().parent.parent

# The first line of every managed file, behind the format's comment sign.
MANAGED = "Managed by the LVS cluster toolkit: changes made by hand are overwritten."


@cache
def _environment(roles: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(roles),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, no markup
    )


def render(
    component: str, path: str, context: dict[str, Any], mode: str = "0644", *, secret: bool = False
) -> File:
    """Render the component's template of a file; raises ModelError naming template and line."""
    return File(path, render_text(component, path, context), mode, secret)


def render_text(component: str, path: str, context: dict[str, Any]) -> str:
    """Render a template that is a part of files only; raises ModelError naming template and line."""
    template = f"{component}/templates{path}.j2"
    try:
        return _environment(PROJECT / "roles").get_template(template).render(managed=MANAGED, **context)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"roles/{template}" + (f", line {line}" if line else "")
        what = f"the template cannot be rendered ({error.message or type(error).__name__})"
        raise ModelError([Problem(place, what, "mend the template")]) from error
