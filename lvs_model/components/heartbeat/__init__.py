"""heartbeat on a director: which director owns the VIPs."""

from __future__ import annotations

from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory
from lvs_model.parts import Part
from lvs_model.serving import Serving

UNIT = "heartbeat.service"
CONFIGURATION = "/etc/ha.d/ha.cf"


def director(cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving]) -> Part:
    """A director's heartbeat."""
    return Part("heartbeat", packages=["heartbeat"], units=[UNIT])


def takeover_s(cluster: Cluster) -> tuple[float, float]:
    """Seconds after a crash until another director owns the VIPs, at best and at worst."""
    return (30, 30)


def orderly_s(cluster: Cluster) -> float:
    """Seconds that an orderly switch takes."""
    return 5


def settle_s(cluster: Cluster) -> float:
    """Seconds until there is an owner after a start from nothing."""
    return 60
