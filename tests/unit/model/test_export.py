"""The plan as a tree of files: complete, reproducible, replaced as a whole, and nobody else's."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from lvs_model.export import MARKER, ExportError, write_plan

from .builders import Case

Tree = dict[str, tuple[int, bytes]]


def tree(root: Path) -> Tree:
    """Every file below a directory, with its mode and content."""
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


def plan_of(*files: tuple[str, str, str]) -> dict[str, Any]:
    """A plan with one host and these files: path, content, mode."""
    return {
        "hosts": {
            "lb1": {"files": [{"path": path, "content": text, "mode": mode} for path, text, mode in files]}
        }
    }


def test_every_file_of_every_host_is_written(tmp_path: Path) -> None:
    plan = Case().plan()

    count = write_plan(plan, tmp_path / "plan")

    found = tree(tmp_path / "plan")
    del found[MARKER]
    expected = {
        f"{host}{file['path']}": file["content"].encode()
        for host, planned in plan["hosts"].items()
        for file in planned["files"]
    }
    assert {path: content for path, (_, content) in found.items()} == expected
    assert count == len(expected) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


@pytest.mark.parametrize(
    ("mode", "kept"), [("0644", 0o644), ("0755", 0o755), ("0600", 0o600), ("0640", 0o600), ("0750", 0o700)]
)
def test_modes_are_kept_and_what_is_secret_stays_its_owners(tmp_path: Path, mode: str, kept: int) -> None:
    write_plan(plan_of(("/etc/x", "x\n", mode)), tmp_path / "plan")

    assert tree(tmp_path / "plan")["lb1/etc/x"] == (kept, b"x\n")


def test_the_same_plan_gives_the_same_tree(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_plan(Case().plan(), first)
    write_plan(Case().plan(), second)
    again = tree(second)
    write_plan(Case().plan(), second)

    assert tree(first) == again == tree(second)


def test_what_is_planned_no_more_disappears(tmp_path: Path) -> None:
    place = tmp_path / "build" / "plan"
    write_plan(plan_of(("/etc/old", "1", "0644"), ("/etc/kept", "1", "0644")), place)
    write_plan(plan_of(("/etc/kept", "2", "0644")), place)

    assert set(tree(place)) == {MARKER, "lb1/etc/kept"}
    assert tree(place)["lb1/etc/kept"] == (0o644, b"2")


@pytest.mark.parametrize("suffix", [".new", ".old"])
def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / "plan"
    left = tmp_path / f"plan{suffix}"
    write_plan(plan_of(("/etc/left", "1", "0644")), left)
    write_plan(plan_of(("/etc/x", "1", "0644")), place)

    assert [path.name for path in tmp_path.iterdir()] == ["plan"]
    assert set(tree(place)) == {MARKER, "lb1/etc/x"}


@pytest.mark.parametrize("name", ["plan", "plan.new", "plan.old"])
def test_somebody_elses_directory_is_refused_and_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("years of work")

    with pytest.raises(
        ExportError, match=r"lvs_plan_dir: .*/plan.* is no directory that this playbook has written"
    ):
        write_plan(plan_of(), tmp_path / "plan")
    assert (tmp_path / name / "thesis.tex").read_text() == "years of work"


def test_a_file_or_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    write_plan(plan_of(), tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    for name in ("file", "link"):
        with pytest.raises(ExportError, match=f"/{name} is no directory that this playbook has written"):
            write_plan(plan_of(), tmp_path / name)


@pytest.mark.parametrize("place", ["/", "//", "/etc/.."])
def test_the_root_of_the_file_system_is_refused(place: str) -> None:
    with pytest.raises(ExportError, match=r"^lvs_plan_dir: //? is the root of the file system: choose"):
        write_plan(plan_of(), Path(place))


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    write_plan(plan_of(), tmp_path / "plan")

    assert (tmp_path / "plan" / "lb1").is_dir()


def test_a_failure_leaves_the_old_tree_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "plan"
    write_plan(plan_of(("/etc/x", "1", "0644")), place)
    before = tree(place)
    impossible = plan_of(("/etc/x", "2", "0644"), ("/etc/x/y", "2", "0644"))

    with pytest.raises(ExportError, match=r"cannot be written \(.*\): choose another directory"):
        write_plan(impossible, place)
    assert tree(place) == before


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(ExportError, match=r"file/plan cannot be written \(.*\): choose another directory"):
        write_plan(plan_of(), tmp_path / "file" / "plan")


def test_two_runs_wait_for_each_other(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    run = threading.Thread(target=write_plan, args=(plan_of(), tmp_path / "plan"))
    run.start()
    run.join(0.3)
    assert run.is_alive()
    assert not (tmp_path / "plan").exists()
    os.close(other)
    run.join(10)
    assert (tmp_path / "plan").is_dir()
