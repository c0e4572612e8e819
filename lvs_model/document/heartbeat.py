"""heartbeat, as the way in which directors agree on an owner (failover.method: heartbeat)."""

from __future__ import annotations

from lvs_model.document.base import Strict


class Heartbeat(Strict):
    """Options of heartbeat; ha.cf(5)."""
