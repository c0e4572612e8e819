"""What fills the IPVS table and moves the VIPs, behind one interface: the engine that a cluster chose.

keepalived does both. ldirectord fills the table, and heartbeat or pacemaker, here its manager, moves the VIPs
and runs it where they are: then only their owner has a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from lvs_model.components import heartbeat, keepalived, ldirectord, pacemaker
from lvs_model.components.network import keep
from lvs_model.components.pacemaker.timing import options_of
from lvs_model.document import Cluster
from lvs_model.inventory import Host, Inventory, network_of
from lvs_model.parts import Part
from lvs_model.serving import Serving
from lvs_model.topology import Address, all_vips, election_family, instances
from lvs_model.vrrp import crash_takeover_s, orderly_takeover_s


@dataclass(frozen=True)
class Kind:
    """What runs on a director whose VIPs it moves, as it is found on hosts.

    ``unit`` must run, ``configuration`` is its main file; ``units`` are all that end with it, in this order.
    """

    unit: str
    configuration: str
    units: tuple[str, ...]


KINDS: tuple[Kind, ...] = (
    Kind(keepalived.UNIT, keepalived.CONFIGURATION, (keepalived.UNIT,)),
    Kind(heartbeat.UNIT, heartbeat.CONFIGURATION, (heartbeat.UNIT,)),
    Kind(pacemaker.UNIT, pacemaker.CONFIGURATION, (pacemaker.UNIT, "corosync.service")),
)


class Engine(Protocol):
    """A cluster's engine; what it says of times is in seconds."""

    @property
    def services(self) -> list[Serving]:
        """The cluster's services."""

    @property
    def elections(self) -> list[keepalived.Election]:
        """The VRRP elections; none where something else moves the VIPs."""

    def parts(self, host: Host, *, filtered: bool) -> list[Part]:
        """What a director needs for it; the last part is of what must run there.

        ``filtered``: it has a table of nft, without which it must not serve.
        """

    def places(self, host: Host) -> list[tuple[Address, str]]:
        """The VIPs that a director can own, with the interface on which it then has each."""

    def told(self, host: Host) -> dict[str, Any]:
        """What the plan tells of a director's engine."""

    def instances(self) -> list[dict[str, Any]]:
        """The sets of VIPs that move together, in plain data."""


def engine_of(
    cluster: Cluster,
    inventory: Inventory,
    router_ids: dict[str, int],
    sync_id: int | None,
    services: list[Serving],
) -> Engine:
    """Compile what a cluster's directors share; ``router_ids`` by topology.instance_key."""
    if cluster.engine == "keepalived":
        shared = keepalived.shared(cluster, inventory, router_ids, sync_id, services)
        return _Keepalived(cluster, inventory, shared)
    return _Managed(cluster, inventory, services)


@dataclass(frozen=True)
class _Keepalived:
    cluster: Cluster
    inventory: Inventory
    common: keepalived.Shared

    @property
    def services(self) -> list[Serving]:
        return self.common.services

    @property
    def elections(self) -> list[keepalived.Election]:
        return self.common.elections

    def parts(self, host: Host, *, filtered: bool) -> list[Part]:
        return [keepalived.director(self.cluster, host, self.inventory, self.common, filtered=filtered)]

    def places(self, host: Host) -> list[tuple[Address, str]]:
        return [
            found
            for one in self.elections
            if host.name in one.instance.directors
            for found in keepalived.owned_addresses(self.cluster, host, one)[1:]
        ]

    def told(self, host: Host) -> dict[str, Any]:
        return {
            # A change of these changes the table.
            "table_files": [keepalived.CONFIGURATION],
            "table_on": "every",
            "begins_idle": 0,
            "engine_unit": keepalived.UNIT,
            "vips": _texts(self.places(host)),
            # Where it takes part in each election, by the label of the instance.
            "elections": {
                one.instance.label: host.interface_on(self.cluster, one.instance.network)
                for one in self.elections
                if host.name in one.instance.directors
            },
        }

    def instances(self) -> list[dict[str, Any]]:
        return [self._instance(one) for one in self.elections]

    def _instance(self, election: keepalived.Election) -> dict[str, Any]:
        failover = self.cluster.failover
        given = failover.authentication
        options = {"version": election.version, "down_timer_adverts": failover.lost_adverts}
        falling = sorted(election.priorities.values(), reverse=True)
        times = None
        if len(falling) > 1:
            best, worst = crash_takeover_s(failover.advert_interval, falling[1], **options)
            orderly = orderly_takeover_s(failover.advert_interval, falling[1], version=election.version)
            times = {"crash_best": best, "crash_worst": worst, "orderly": orderly}
        return {
            "name": election.instance.name,
            "label": election.instance.label,
            "network": election.instance.network,
            "family": election.family,
            "router_id": election.router_id,
            "version": election.version,
            # VRRPv3 has none (RFC 5798, 9).
            "authentication": given.type if given is not None and election.version == 2 else "none",
            "anchor": str(election.anchor),
            "vips": [str(vip) for vip in election.instance.vips],
            "priorities": election.priorities,
            "failover_s": times,
            "demotion": keepalived.room(self.cluster, election),
            # Seconds until an owner is elected where there is none, with a second for jitter; where
            # keepalived has just started, it does not take part before its delay is over.
            "settle_s": failover.startup_delay
            + crash_takeover_s(failover.advert_interval, falling[-1], **options)[1]
            + 1,
        }


def _texts(places: list[tuple[Address, str]]) -> dict[str, str]:
    """By VIP the interface on which a director has it when it owns it."""
    return {str(vip): interface for vip, interface in places}


class _Manager(Protocol):
    """The module of heartbeat, or of pacemaker."""

    UNIT: str
    CONFIGURATION: str
    OWN_FILES: tuple[str, ...]

    def director(
        self, cluster: Cluster, host: Host, inventory: Inventory, services: list[Serving], *, filtered: bool
    ) -> Part:
        """See there."""

    def takeover_s(self, cluster: Cluster) -> tuple[float, float]:
        """See there."""

    def orderly_s(self, cluster: Cluster) -> float:
        """See there."""

    def settle_s(self, cluster: Cluster) -> float:
        """See there."""


def _manager(cluster: Cluster) -> _Manager:
    return pacemaker if cluster.failover.method == "pacemaker" else heartbeat


@dataclass(frozen=True)
class _Managed:
    cluster: Cluster
    inventory: Inventory
    services: list[Serving]

    @property
    def elections(self) -> list[keepalived.Election]:
        return []

    def parts(self, host: Host, *, filtered: bool) -> list[Part]:
        own = ldirectord.director(self.cluster, host, self.inventory, self.services)
        manager = _manager(self.cluster)
        managed = manager.director(self.cluster, host, self.inventory, self.services, filtered=filtered)
        # heartbeat does not look again at a VIP that it has set; pacemaker would start the whole group anew.
        own.items += keep(link for _, link in self.places(host))
        return [own, managed]

    def places(self, host: Host) -> list[tuple[Address, str]]:
        usual = self.cluster.failover.network
        return [
            (vip, host.interface_on(self.cluster, network_of(self.cluster, vip) or usual))
            for vip in all_vips(self.cluster)
        ]

    def told(self, host: Host) -> dict[str, Any]:
        return {
            "table_files": [ldirectord.CONFIGURATION],
            "manager_files": list(_manager(self.cluster).OWN_FILES),
            "table_on": "owner",
            "begins_idle": self._idle(),
            "engine_unit": _manager(self.cluster).UNIT,
            "vips": _texts(self.places(host)),
            "elections": {},
        }

    def _idle(self) -> int:
        """How many directors may have begun while none of them serves yet.

        votequorum(5): of two the first one waits for the other (wait_for_all); of more half of them are no
        majority.
        """
        number = len(self.inventory.directors(self.cluster))
        if self.cluster.failover.method != "pacemaker" or number < 2:
            return 0
        return number // 2 if number > 2 or options_of(self.cluster).wait_for_all else 0

    def _look_s(self) -> float:
        """Seconds for which a director's table waits, after a crash, for the dead one as a real server."""
        return ldirectord.LOOK_S if any(one.colocated for one in self.services) else 0.0

    def instances(self) -> list[dict[str, Any]]:
        (only,) = instances(self.cluster, self.inventory)
        manager, times = _manager(self.cluster), None
        if len(only.directors) > 1:
            looks = self._look_s()
            best, worst = (found + looks for found in manager.takeover_s(self.cluster))
            orderly = manager.orderly_s(self.cluster)
            times = {"crash_best": best, "crash_worst": worst, "orderly": orderly}
        return [
            {
                "name": only.name,
                "label": only.name,
                "network": only.network,
                "family": election_family(self.cluster, only, self.inventory),
                "router_id": None,
                "version": None,
                "authentication": "none",
                "anchor": None,
                "vips": [str(vip) for vip in only.vips],
                # By preference: the first has the largest.
                "priorities": {name: len(only.directors) - n for n, name in enumerate(only.directors)},
                "failover_s": times,
                "demotion": None,
                "settle_s": manager.settle_s(self.cluster),
            }
        ]
