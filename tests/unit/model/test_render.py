"""Rendering: what is undefined or wrong in a template is a problem with its place, never a half-made file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvs_model import render as rendering
from lvs_model.problems import ModelError
from lvs_model.render import MANAGED, render


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template of /etc/x.conf of a role "some"."""
    monkeypatch.setattr(rendering, "PROJECT", tmp_path)
    path = tmp_path / "roles" / "some" / "templates" / "etc" / "x.conf.j2"
    path.parent.mkdir(parents=True)
    return path


def test_a_file_is_rendered_at_its_path_with_its_mode(template: Path) -> None:
    template.write_text("# {{ managed }}\n{% for one in many %}\n  {{ one }}\n{% endfor %}\nlast\n\n")

    file = render("some", "/etc/x.conf", {"many": ["<a>", "b"]}, mode="0640")

    assert file.content == f"# {MANAGED}\n  <a>\n  b\nlast\n\n"
    assert file.as_argument() == {"path": "/etc/x.conf", "content": file.content, "mode": "0640"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a\nb {{ nothing }}\n",
            "roles/some/templates/etc/x.conf.j2: the template cannot be rendered ('nothing' is undefined): "
            "mend the template",
        ),
        (
            "{{ value.nothing }}",
            "roles/some/templates/etc/x.conf.j2: the template cannot be rendered ('dict object' has no "
            "attribute 'nothing'): mend the template",
        ),
        (
            "a\n{% if value %}\n",
            "roles/some/templates/etc/x.conf.j2, line 2: the template cannot be rendered (Unexpected end of "
            "template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost "
            "block that needs to be closed is 'if'.): mend the template",
        ),
        (
            "a\n\n{{ value | shout }}",
            "roles/some/templates/etc/x.conf.j2, line 3: the template cannot be rendered (No filter named "
            "'shout'.): mend the template",
        ),
    ],
)
def test_a_broken_template_is_a_problem_with_its_place(template: Path, text: str, problem: str) -> None:
    template.write_text(text)

    with pytest.raises(ModelError) as error:
        render("some", "/etc/x.conf", {"value": {}})

    assert str(error.value) == problem


def test_a_missing_template_is_a_problem(template: Path) -> None:
    with pytest.raises(ModelError) as error:
        render("some", "/etc/y.conf", {})

    assert str(error.value).startswith(
        "roles/some/templates/etc/y.conf.j2: the template cannot be rendered "
        "('some/templates/etc/y.conf.j2' not found in search path: "
    )
