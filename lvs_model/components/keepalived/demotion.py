"""How a director is made to give VIPs away, and to leave them to others, while its keepalived runs on.

A tracked file for each set of VIPs that moves as one: an instance, or all instances of a sync group. The
number in it is added to the director's priority; what is below -253 takes it out of the election at once
(keepalived.conf(5), «Track files»), so that it says goodbye and a peer takes over after its skew time. A
demotion that lasts is a smaller number: behind the other directors it still stands by, should these fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lvs_model.components.keepalived.instances import Election
from lvs_model.document import Cluster
from lvs_model.topology import sync_group_of
from lvs_model.vrrp import least_gap

# Right under /run: keepalived -t wants the directory of a tracked file to exist before it ever ran.
STEM = "/run/lvs-toolkit.demoted."
# What an operator has demoted, over restarts and reboots.
RECORD = "/var/lib/lvs-toolkit/overrides/demoted.json"
SCRIPT = "/usr/local/lib/lvs-toolkit/keepalived-demoted"


@dataclass(frozen=True)
class Demotion:
    """The tracked file of VIPs that move as one: its name in keepalived's configuration, and its path."""

    name: str
    file: str


def demotion_of(cluster: Cluster, election: Election) -> Demotion | None:
    """An election's tracked file, shared by a sync group's members; None where nobody could take over."""
    if len(election.instance.directors) < 2:
        return None
    group = sync_group_of(cluster, election.instance)
    mover = f"VG_{group}" if group is not None else election.instance.label
    return Demotion(f"demoted_{mover}", f"{STEM}{mover}")


def demotions(cluster: Cluster, elections: list[Election]) -> list[Demotion]:
    """The tracked files of a director that takes part in ``elections``, each once."""
    found = (demotion_of(cluster, one) for one in elections)
    return list(dict.fromkeys(one for one in found if one is not None))


def room(cluster: Cluster, election: Election) -> dict[str, Any] | None:
    """What a switchover must know to choose its numbers; None where nobody could take over.

    ``file`` is the tracked file, ``group`` the sync group or null. Priorities keep ``gap`` from each other,
    and none may fall below ``floor``: there the failed trackers' weights would be cut off.
    """
    found = demotion_of(cluster, election)
    if found is None:
        return None
    track = cluster.failover.track
    weights = [*(one.weight for one in track.processes), *(one.weight for one in track.scripts)]
    return {
        "file": found.file,
        "group": sync_group_of(cluster, election.instance),
        "gap": least_gap(cluster.failover.advert_interval, version=election.version),
        "floor": 1 + sum(-weight for weight in weights if weight < 0),
    }
