"""Whether the lab is up, as its own command line tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.guest import guest_is_up, take_guest_down


@pytest.mark.parametrize(
    ("said", "up"),
    [
        ('{"host": {"kind": "guest", "state": "up", "pid": 7}, "nodes": []}', True),
        ('{"host": {"kind": "guest", "state": "down"}, "nodes": []}', False),
        ("{}", False),
        ("lab: qemu-system-x86_64 is missing", False),
    ],
)
def test_what_the_lab_says_of_its_guest(said: str, up: bool, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    # The lab's exit code tells whether all nodes are well, which is not the question here.
    (tmp_path / "lab" / "__main__.py").write_text(f"import sys\nprint({said!r})\nsys.exit(1)\n")
    assert guest_is_up(tmp_path) is up


def test_it_is_taken_down_by_the_lab_itself(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__main__.py").write_text(
        "import sys, pathlib\npathlib.Path('verb').write_text(sys.argv[1])\n"
    )
    take_guest_down(tmp_path)
    assert (tmp_path / "verb").read_text() == "down"
