"""The daemons' packages are held: an upgrade restarts what it brings, and that is for playbooks/update.yml.

Debian's unattended-upgrades leaves a held package alone, and so does `apt-get upgrade` (apt-mark(8), hold).
What the toolkit has held itself is on a record, which a teardown goes by: an operator's own hold stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_model.components.keepalived.demotion import STEM
from lvs_model.components.keepalived.drains import FOLDER as TRACKED
from lvs_model.overrides import FOLDER
from lvs_model.parts import Action, Part

RECORD = "/var/lib/lvs-toolkit/held"
# Their Debian packages restart a running daemon in postinst (deb-systemd-invoke(1p)).
DAEMONS = frozenset({"keepalived", "ldirectord", "heartbeat", "corosync", "pacemaker"})
# Recorded first: interrupted in between, a teardown finds a line more, and no hold that nobody knows.
# Somebody else may be busy with dpkg's database for a while. If that lasts, this is no failure: nothing that
# was deployed with it shall be taken back. It stays a difference, for the next run.
_HOLD = f"""for name; do
    apt-mark showhold | grep -qxF "$name" && continue
    mkdir -p {RECORD.rpartition("/")[0]} && echo "$name" >> {RECORD} || exit 1
    for try in $(seq 25); do apt-mark hold "$name" && continue 2; sleep 2; done
    echo "$name is not held: something else keeps dpkg busy" >&2
done
exit 0"""
# What is left of a director that is none any more: holds that the toolkit has set, and what operators have
# set aside there. The record goes last: until then it can be run again.
_FORGET = f"""held() {{ apt-mark showhold | grep -xF -f {RECORD}; }}
rm -rf {FOLDER} {TRACKED} {STEM}*
[ -e {RECORD} ] || exit 0
for try in $(seq 25); do
    held > /dev/null || {{ rm -f {RECORD}; exit 0; }}
    held | xargs apt-mark unhold || sleep 2
done
echo "these are still held: $(held | xargs)" >&2
exit 1"""
FORGET = ("sh", "-c", _FORGET)


def holds(parts: Iterable[Part]) -> Part:
    """What keeps the packages of the daemons of these parts as they are."""
    names = sorted({name for part in parts for name in part.packages} & DAEMONS)
    part = Part(component="holds", holds=names)
    if names:
        argv = ("sh", "-c", _HOLD, "sh", *names)
        part.actions = [Action("Hold the daemons' packages", argv, heals=frozenset({"hold"}))]
    return part
