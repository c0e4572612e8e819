"""Every golden configuration is accepted by the keepalived of this machine, without a word.

tests/accept.py does it on any machine; Molecule runs it on nodes of both Debian releases.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .cases import GOLDEN, INVENTORIES, ROOT
from .namespace import unusable


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("accept", ROOT / "tests" / "accept.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["accept"] = module
    spec.loader.exec_module(module)
    return module


accept = _load()
WHY_NOT = accept.missing() or unusable()
CONFIGURATIONS = [
    path for case in INVENTORIES for path in sorted((GOLDEN / case).rglob(accept.CONFIGURATION))
]

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.mark.parametrize(
    "path", CONFIGURATIONS, ids=[str(path.relative_to(GOLDEN)) for path in CONFIGURATIONS]
)
def test_keepalived_accepts_a_golden_configuration(path: Path) -> None:
    verdict = accept.accept(path)

    assert (verdict.code, verdict.said) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("advert_int 1", "advert_int 1.001", "must be in units of 10ms"),
        ("    lvs_sched", "    lvs_shed", "Unknown keyword"),
        ("interface eth0", "interface eth0\n    nothing", "Unknown keyword"),
    ],
)
def test_a_broken_configuration_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Else the test above would prove nothing: keepalived passes a missing file, for one."""
    text = (GOLDEN / "lab" / "lb1" / accept.CONFIGURATION).read_text()
    broken = tmp_path / accept.CONFIGURATION
    broken.parent.mkdir(parents=True)
    broken.write_text(text.replace(old, new, 1))

    verdict = accept.accept(broken)

    assert not verdict.accepted
    assert verdict.code == 5
    assert said in verdict.said


def test_the_script_says_what_it_found_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = GOLDEN / "lab" / "lb1" / accept.CONFIGURATION
    for name, text in (("a", good.read_text()), ("b", "vrrp_instance {\n")):
        path = tmp_path / name / accept.CONFIGURATION
        path.parent.mkdir(parents=True)
        path.write_text(text)

    assert accept.main([str(tmp_path)]) == 1

    said = capsys.readouterr().out
    assert f"accepted rc 0 {tmp_path}/a/" in said
    assert f"REFUSED rc 5 {tmp_path}/b/" in said


def test_nothing_to_check_is_no_success(tmp_path: Path) -> None:
    assert accept.main([str(tmp_path)]) == 2
    assert accept.main([]) == 2
