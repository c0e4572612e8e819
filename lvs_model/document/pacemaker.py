"""corosync and pacemaker, as the way in which directors agree on an owner (failover.method: pacemaker)."""

from __future__ import annotations

from lvs_model.document.base import Strict


class Pacemaker(Strict):
    """Options of corosync and pacemaker; corosync.conf(5), pacemaker-controld(7)."""
