"""What install.yml records of apt's words: the packages that came along, whole names of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

TASKS = Path(__file__).resolve().parents[3] / "roles/host/tasks/install.yml"

# dpkg writes to a terminal of apt's (Dpkg::Use-Pty), and so carriage returns.
SAID = """\
Preparing to unpack .../ipvsadm_1%3a1.31-1_amd64.deb ...
Selecting previously unselected package {name}.
(Reading database ... 12345 files and directories currently installed.)
Unpacking {name} (1.0-1) ...
"""


def pattern() -> str:
    (last,) = [task for task in yaml.safe_load(TASKS.read_text()) if "came along" in task["name"]]
    (found,) = re.findall(r"regex_findall\('(.*)'\)", last["vars"]["__host_new"])
    return str(found)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ipvsadm", "ipvsadm"),
        ("libglib2.0-0t64:amd64", "libglib2.0-0t64"),
        ("libstdc++6:i386", "libstdc++6"),
        ("python3.11-minimal", "python3.11-minimal"),
    ],
)
def test_a_package_that_came_along_is_recorded_by_its_whole_name(said: str, name: str) -> None:
    lines = SAID.format(name=said)
    assert re.findall(pattern(), lines) == re.findall(pattern(), lines.replace("\n", "\r\n")) == [name]
