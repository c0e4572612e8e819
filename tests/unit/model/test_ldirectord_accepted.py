"""Every golden ldirectord.cf is accepted by the real ldirectord, and its traps are refused.

It needs ldirectord with its Perl modules and ipvsadm: installed, or unpacked (`dpkg -x`) below a folder that
LVS_LDIRECTORD_ROOT names. All runs in a mount namespace of its own, and nothing is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lvs_model.components.ldirectord import _ACCEPTS, CONFIGURATION

from .cases import GOLDEN
from .namespace import unusable

ROOT = os.environ.get("LVS_LDIRECTORD_ROOT")
_PATH = CONFIGURATION.lstrip("/")
CONFIGURATIONS = sorted(GOLDEN.glob(f"*/*/{_PATH}"))
# lowerdir: what is unpacked hides nothing of the system's own but files of the same name.
_IN_NAMESPACE = """
set -eu
if [ -n "${LVS_LDIRECTORD_ROOT-}" ]; then
    mkdir -p "$LVS_LDIRECTORD_ROOT/sbin" "$LVS_LDIRECTORD_ROOT/usr/sbin"
    mount -t overlay overlay \
        -o "lowerdir=$LVS_LDIRECTORD_ROOT/usr/sbin:$LVS_LDIRECTORD_ROOT/sbin:/usr/sbin" /usr/sbin
fi
mount -t tmpfs tmpfs /var/log
exec "$@"
"""


def _why_not() -> str | None:
    if (reason := unusable()) is not None:
        return reason
    program = Path(ROOT or "/") / "usr/sbin/ldirectord"
    if not program.exists() or shutil.which("perl") is None:
        return "ldirectord is not installed, and LVS_LDIRECTORD_ROOT names no folder with it"
    return None


WHY_NOT = _why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def _asks(stage: Path) -> list[str]:
    return ["sh", "-c", _ACCEPTS, "sh", f"{stage}{CONFIGURATION}"]


def accepted(stage: Path) -> subprocess.CompletedProcess[str]:
    """What the transaction's validation says of staged files below a folder."""
    own = dict(os.environ)
    if ROOT is not None:
        folders = [*Path(ROOT).glob("usr/share/perl5"), *Path(ROOT).glob("usr/lib/*/perl5/*")]
        own["PERL5LIB"] = ":".join(map(str, folders))
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", _IN_NAMESPACE, "sh", *_asks(stage)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=own,
    )


@pytest.mark.parametrize(
    "path", CONFIGURATIONS, ids=[str(path.relative_to(GOLDEN)) for path in CONFIGURATIONS]
)
def test_a_golden_configuration_is_accepted(path: Path) -> None:
    done = accepted(Path(str(path).removesuffix(CONFIGURATION)))

    assert (done.returncode, "Error" in done.stdout) == (0, False), done.stdout
    # Only what the host has not yet; the folder comes with the same transaction.
    warnings = [line for line in done.stdout.splitlines() if "Warning" in line]
    assert [line for line in warnings if "maintenance directory does not exist" not in line] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    scheduler = ", "    sheduler = ", "Unknown command"),
        ("    scheduler = ", "\n    scheduler = ", "Unknown command"),  # a blank line ends the block
        ("    scheduler = ", "  scheduler = ", "Unknown command"),  # less than four blanks too
        ("quiescent = yes", "quiescent = yes ", "quiescent must be 'yes' or 'no'"),
        ("    real = ", "    real6 = ", 'cannot specify "real6" here'),
        (" gate 2", " gat 2", "forward method must be gate, masq or ipip"),
        ("fork = yes", "fork = maybe", "fork must be 'yes' or 'no'"),
        ("quiescent = no\nreadd", "quiescent = no # never\nreadd", "quiescent must be 'yes' or 'no'"),
    ],
)
def test_its_traps_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (GOLDEN / "ldirectord" / "lb1" / _PATH).read_text()
    assert old in text
    broken = tmp_path / _PATH
    broken.parent.mkdir(parents=True)
    broken.write_text(text.replace(old, new, 1))
    done = accepted(tmp_path)

    assert done.returncode == 2
    assert said in done.stdout


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    done = accepted(tmp_path)

    assert done.returncode == 1
    assert "not found" in done.stdout


def test_a_pid_that_a_dead_one_has_left_is_no_matter(tmp_path: Path) -> None:
    stage = tmp_path / _PATH
    stage.parent.mkdir(parents=True)
    shutil.copy(GOLDEN / "ldirectord" / "lb1" / _PATH, stage)
    pid = Path("/run/ldirectord.ldirectord.cf.pid")
    if pid.exists():
        pytest.skip("ldirectord has run on this machine")
    pid.write_text("999999999\n")
    try:
        done = accepted(tmp_path)
    finally:
        pid.unlink()

    assert (done.returncode, "stale pid file" in done.stdout) == (0, True)
