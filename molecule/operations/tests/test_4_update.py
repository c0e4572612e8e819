"""Newer packages on real servers and directors, keepalived among them, and a boot of each: nobody notices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.parallel import all_together
from lab.reboots import Reboots
from lab.watch import Watch

if TYPE_CHECKING:
    from molecule.operations.tests.conftest import Day

# Newer packages come from a repository of the node's own. On directors: keepalived, its version raised.
KEEPALIVED = """
dpkg-deb --raw-extract /var/cache/lvs-lab-apt/keepalived_*.deb /tmp/newer
sed -i 's/^Version: .*/&+lab1/' /tmp/newer/DEBIAN/control
"""
# One with nothing in it elsewhere.
NOTE = """
mkdir -p /tmp/newer/DEBIAN
printf '%s\\n' 'Package: lvs-lab-note' 'Version: 1' 'Architecture: all' \
    'Maintainer: the lab <lab@localhost>' 'Description: nothing' > /tmp/newer/DEBIAN/control
dpkg-deb -Znone --build /tmp/newer /tmp/note.deb
dpkg --install /tmp/note.deb
sed -i 's/^Version: .*/Version: 1+lab1/' /tmp/newer/DEBIAN/control
"""
OFFER = """
mkdir -p /var/cache/lvs-newer
cd /var/cache/lvs-newer
dpkg-deb -Znone --build /tmp/newer newer.deb
{
    dpkg-deb --field newer.deb
    echo 'Filename: ./newer.deb'
    echo "Size: $(stat --format=%s newer.deb)"
    echo "SHA256: $(sha256sum newer.deb | cut -d ' ' -f 1)"
} > Packages
{
    echo 'Origin: Debian'
    echo "Date: $(LC_ALL=C date --utc '+%a, %d %b %Y %H:%M:%S UTC')"
    echo 'SHA256:'
    echo " $(sha256sum Packages | cut -d ' ' -f 1) $(stat --format=%s Packages) Packages"
} > Release
echo 'deb [trusted=yes] file:/var/cache/lvs-newer ./' > /etc/apt/sources.list.d/lvs-newer.list
"""
AFTERWARDS = 8
"""Connections held once every host has booted: by weight a quarter of them is at web2."""
NEWER: Mapping[str, tuple[str, str]] = {
    "lb1": ("keepalived", KEEPALIVED),
    "lb2": ("keepalived", KEEPALIVED),
    "web1": ("lvs-lab-note", NOTE),
}


def versions(day: Day) -> dict[str, str]:
    """By node the version of the package that has a newer one there."""
    found = {}
    for name, (package, _) in NEWER.items():
        argv = ["dpkg-query", "--show", "--showformat=${Version}", package]
        found[name] = day.lab.run(name, argv, check=True).stdout
    return found


@pytest.fixture
def newer(day: Day) -> Mapping[str, str]:
    """Offer a newer package on each of these nodes; what each has before."""
    scripts = {name: f"set -eu\n{script}{OFFER}" for name, (_, script) in NEWER.items()}
    all_together(
        {
            name: partial(day.lab.run, name, ["sh", "-c", script], timeout=180, check=True)
            for name, script in scripts.items()
        }
    )
    return versions(day)


def test_all_packages_are_updated(day: Day, watch: Watch, newer: Mapping[str, str], tmp_path: Path) -> None:
    before, owner = day.daemons(), day.directors.active()
    with watch.during("update of all packages"):
        # The held connections would not end for any longer wait; an update of packages leaves them.
        words = ("what=packages", "wait=5", "force=true", f"lvs_update_dir={tmp_path}")
        run = day.run("playbooks/update.yml", *(part for word in words for part in ("-e", word)))

    assert run.returncode == 0
    assert all(version.endswith("+lab1") for version in versions(day).values()), (
        "every package is the new one"
    )
    assert versions(day) != newer
    assert all(day.daemons()[name] != pid for name, pid in before.items()), "the new keepalived runs"
    assert day.lacking("more") == {"lb1": "", "lb2": ""}, "nothing is left drained, and both tables are full"
    assert owner not in day.directors.owners(), (
        "without failback the VIPs stay where they went before its turn"
    )
    assert len(day.directors.owners()) == 1
    for name in ("lb1", "lb2"):
        held = day.lab.run(name, ["apt-mark", "showhold"]).stdout.split()
        assert "keepalived" in held, "nothing updates it at night"


def booted(day: Day) -> dict[str, int]:
    """By host when its systemd began, in microseconds since the kernel did."""
    argv = ["systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"]
    hosts = (*day.promise.directors, "web1", "web2")
    return {name: int(day.lab.run(name, argv, check=True).stdout) for name in hosts}


def test_both_directors_boot_and_then_the_real_servers(day: Day, watch: Watch, tmp_path: Path) -> None:
    """The second run goes on where the first one has ended."""
    before = booted(day)
    # The held connections do not end by themselves: those of a real server end with its boot.
    words = ("what=reboot", "wait=5", "force=true", f"lvs_update_dir={tmp_path}")
    options = [part for word in words for part in ("-e", word)]

    with watch.during("a boot of both directors"), Reboots(day.lab) as reboots:
        run = day.run("playbooks/update.yml", *options, "--limit=edge_directors")
    assert run.returncode == 0
    assert sorted(reboots.seen) == ["lb1", "lb2"], "each once"
    with watch.during("a boot of the real servers"), Reboots(day.lab) as reboots:
        run = day.run("playbooks/update.yml", *options)
    assert run.returncode == 0
    assert sorted(reboots.seen) == ["web1", "web2"], "the directors not again"
    watch.hold(AFTERWARDS)

    after = booted(day)
    assert all(after[name] > before[name] for name in before)
    assert day.lacking("more") == {"lb1": "", "lb2": ""}, "nothing is left drained, and both tables are full"
    assert len(day.directors.owners()) == 1
    with watch.during("a deployment after the boots"):
        run = day.run("site.yml")
    assert run.returncode == 0
    assert run.changed == 0, "what was set is set again"
