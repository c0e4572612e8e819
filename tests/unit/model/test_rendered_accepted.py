"""Every golden configuration is accepted by keepalived and nft of this machine, without a word.

tests/accept.py does it on any machine; Molecule runs it on nodes of both Debian releases.
"""

from __future__ import annotations

import importlib.util
import shutil
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

TABLES = [path for case in INVENTORIES for path in sorted((GOLDEN / case).rglob(accept.TABLE))]
without_nft = pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.mark.parametrize(
    "path", CONFIGURATIONS, ids=[str(path.relative_to(GOLDEN)) for path in CONFIGURATIONS]
)
def test_keepalived_accepts_a_golden_configuration(path: Path) -> None:
    verdict = accept.accept(path)

    assert (verdict.code, verdict.said) == (0, "")


@without_nft
@pytest.mark.parametrize("path", TABLES, ids=[str(path.relative_to(GOLDEN)) for path in TABLES])
def test_nft_accepts_a_golden_table(path: Path) -> None:
    verdict = accept.accept_table(path)

    assert (verdict.code, verdict.said) == (0, "")


@without_nft
def test_a_broken_table_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.nft"
    broken.write_text(TABLES[0].read_text().replace("chain ", "chian ", 1))

    assert not accept.accept_table(broken).accepted


def test_tables_that_nobody_checks_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = next(path for path in TABLES if (path.parents[2] / accept.CONFIGURATION).exists()).parents[2]
    for name in ("a", "b"):
        shutil.copytree(host, tmp_path / name)
    which = shutil.which
    monkeypatch.setattr(accept.shutil, "which", lambda tool: None if tool == "nft" else which(tool))

    assert accept.main([str(tmp_path)]) == 0

    assert "not checked: 2 tables of nft, which is not installed" in capsys.readouterr().out


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
