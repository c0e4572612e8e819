"""How long corosync and pacemaker take to move the VIPs, in theory.

A crash: nobody passes the token on. After ``token`` seconds without it a director asks who is there, and
those that have not answered after ``consensus`` are out (corosync.conf(5)). ``token`` is measured from the
token's last arrival, which is at most a rotation (milliseconds) before the crash, so that detection varies
little. Then the lost director is fenced, where fencing is, the survivor becomes the coordinator if it was
not, and the resources start one behind the other.

Loss of a process is found by its monitor: one interval at worst, and its start.
"""

from __future__ import annotations

from lvs_model.document import Cluster
from lvs_model.document.pacemaker import Pacemaker
from lvs_model.topology import all_vips

CONSENSUS_FACTOR = 1.2
"""corosync.conf(5): consensus must be at least 1.2 times token."""
# pacemaker-controld(7): what a controller waits for an elected coordinator at its start (dc-deadtime).
_DC_DEADTIME_S = 20.0
# Seconds of pacemaker's own, best and worst, as orders of magnitude and no promise: the election among the
# survivors with the new plan, the start of a resource (a shell), and of ldirectord (perl and its modules).
_ELECTION_S = (0.1, 2.0)
_START_S = (0.1, 0.5)
_LDIRECTORD_S = (0.5, 3.0)
# pacemaker-fenced(7), stonith-timeout: a device that has not answered by then has failed.
_FENCING_S = (1.0, 60.0)


def options_of(cluster: Cluster) -> Pacemaker:
    """The document's options of pacemaker, or the defaults."""
    return cluster.failover.pacemaker or Pacemaker()


def consensus_s(cluster: Cluster) -> float:
    """Seconds that directors wait for an agreement on who is there."""
    return CONSENSUS_FACTOR * options_of(cluster).token


def takeover_s(cluster: Cluster) -> tuple[float, float]:
    """Seconds from a director's crash until another one has all VIPs: best, worst."""
    options = options_of(cluster)
    detected = options.token + consensus_s(cluster)
    fenced = _FENCING_S if options.fencing is not None and options.fencing.devices else (0.0, 0.0)
    best, worst = (detected + _ELECTION_S[end] + fenced[end] + _started_s(cluster, end) for end in (0, 1))
    return best, worst


def orderly_s(cluster: Cluster) -> float:
    """Seconds of an orderly switch, at worst: everything stops here, in reverse, and starts there."""
    return _ELECTION_S[1] + 2 * _started_s(cluster, 1)


def settle_s(cluster: Cluster) -> float:
    """Seconds until an owner has all VIPs after a start from nothing, all directors at once, at worst.

    The members agree, wait for an older coordinator, elect one, and it starts the resources.
    """
    joined = options_of(cluster).token + consensus_s(cluster)
    return joined + _DC_DEADTIME_S + _ELECTION_S[1] + _started_s(cluster, 1)


def _started_s(cluster: Cluster, end: int) -> float:
    """The role, ldirectord and the VIPs, one behind the other."""
    served = _LDIRECTORD_S[end] if cluster.services else 0.0
    return _START_S[end] * (1 + len(all_vips(cluster))) + served
