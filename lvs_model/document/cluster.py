"""The cluster document itself, and what a host says of itself beside it."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, get_args

from pydantic import Field

from lvs_model.document.base import Strict
from lvs_model.document.failover import ConnectionSync, Email, Failover
from lvs_model.document.firewall import Firewall
from lvs_model.document.ldirectord import Ldirectord
from lvs_model.document.service import HostService, Service
from lvs_model.document.texts import GroupName, InterfaceName, Line, Name
from lvs_model.document.types import (
    Address,
    Capacity,
    DefenseMode,
    LongSeconds,
    Mtu,
    Priority,
    RelativeError,
    Subnet,
    TableBits,
    Weight,
)

Platform = Literal["debian12", "debian13"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)


class Network(Strict):
    """A network that the cluster's hosts are on."""

    interface: InterfaceName = Field(description="Interface on it; a host overrides with lvs_interfaces.")
    subnets: list[Subnet] = Field(min_length=1, description="Subnets of this network.")
    segment: Line | None = Field(
        default=None,
        description="Name of the layer-2 segment; networks of clusters that share one name it alike. "
        "Default: the network's first subnet.",
    )

    mtu: Mtu = Field(
        default=1500,
        description="Bytes of the largest packet on the way from the directors to hosts on it: what a tunnel "
        "adds must fit too.",
    )
    routed_in: bool = Field(
        default=False,
        description="nat: whether directors also route packets of other networks into this one. False: only "
        "what IPVS forwards gets in.",
    )

    @property
    def segment_name(self) -> str:
        """The layer-2 segment's name, the scope in which virtual router ids must be unique."""
        return self.segment or str(self.subnets[0])


class Timeouts(Strict):
    """Idle times after which IPVS forgets a connection; the kernel's own where not given."""

    tcp: LongSeconds | None = Field(default=None, description="Seconds; the kernel's: 900.")
    tcp_fin: LongSeconds | None = Field(default=None, description="Seconds after a FIN; the kernel's: 120.")
    udp: LongSeconds | None = Field(default=None, description="Seconds; the kernel's: 300.")


class Defense(Strict):
    """What IPVS does when connections eat up its memory (kernel, ipvs-sysctl.rst).

    0: nothing; 1: only while memory is short, found out by the kernel; 3: always.
    """

    drop_entry: DefenseMode = Field(
        default=0, description="Forget half-open connections at random: 0 never, 1 or 2 in need, 3 always."
    )
    drop_packet: DefenseMode = Field(
        default=0, description="Drop one packet in some on its way in: 0 never, 1 or 2 in need, 3 always."
    )
    secure_tcp: DefenseMode = Field(
        default=0,
        description="Shorter time-outs of half-open connections: 0 never, 1 or 2 in need, 3 always.",
    )


class Ipvs(Strict):
    """Kernel options of IPVS on the directors."""

    table_bits: TableBits = Field(
        default=12,
        description="log2 of the connection hash table's buckets (module parameter conn_tab_bits); "
        "a change takes effect when ip_vs is loaded anew.",
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="Idle times of connections.")
    expire_dead: bool = Field(
        default=False,
        description="True: connections of a real server that was taken out end at once, also after one "
        "false check (net.ipv4.vs.expire_nodest_conn). False: they wait for its return, and whoever takes "
        "the port of one that was only begun is not served for a minute.",
    )
    backup_only: bool = Field(
        default=False,
        description="True: a director that only listens to connection sync does not schedule "
        "(net.ipv4.vs.backup_only).",
    )
    sloppy_tcp: bool = Field(
        default=False,
        description="True: a TCP packet without SYN may open a connection (net.ipv4.vs.sloppy_tcp), so that "
        "under mh flows survive a failover without connection sync.",
    )
    defense: Defense = Field(default=Defense(), description="What it does under a flood of connections.")


class ExtraLines(Strict):
    """Lines of keepalived.conf(5) that the toolkit does not know, as they stand: the way out."""

    global_defs: list[Line] = Field(default=[], description="In the global_defs block.")
    vrrp_instance: list[Line] = Field(default=[], description="In every vrrp_instance block.")
    top: list[Line] = Field(default=[], description="Outside all blocks, before the instances.")


class Cluster(Strict):
    """A whole cluster: the value of the inventory variable ``lvs_cluster``."""

    name: Name = Field(description="The cluster's name, unique in the inventory.")
    directors: GroupName = Field(description="Inventory group of the directors, in order of preference.")
    engine: Literal["keepalived", "ldirectord"] = Field(
        default="keepalived",
        description="What fills the IPVS table. keepalived also moves the VIPs (failover.method vrrp); "
        "beside ldirectord heartbeat or pacemaker does.",
    )
    ldirectord: Ldirectord | None = Field(
        default=None, description="engine ldirectord: its options. Default: each option's own."
    )
    platforms: list[Platform] = Field(
        default=list(PLATFORMS),
        min_length=1,
        description="Systems that the directors run: options that one of them lacks are refused.",
    )
    networks: dict[Name, Network] = Field(min_length=1, description="Networks by a name of your own.")
    failover: Failover = Field(description="Which director owns the VIPs.")
    connection_sync: ConnectionSync | None = Field(
        default=None, description="How directors tell each other of their connections. Default: they do not."
    )
    ipvs: Ipvs = Field(default=Ipvs(), description="Kernel options on the directors.")
    firewall: Firewall | None = Field(
        default=None, description="Packet filter on directors and real servers. Default: none."
    )
    weight_error: RelativeError = Field(
        default=0.05,
        description="How far a share computed from lvs_capacity may be from the exact one, relatively.",
    )
    email: Email | None = Field(default=None, description="Mail about what happens. Default: none.")
    services: list[Service] = Field(
        default=[], description="Without any, keepalived runs without IPVS and only moves failover.vips."
    )
    extra_lines: ExtraLines = Field(
        default=ExtraLines(), description="Lines of keepalived.conf(5) that the toolkit does not know."
    )

    @cached_property
    def unserved_vips(self) -> dict[IPv4Address | IPv6Address, None]:
        """VIPs that belong to no service, each once: gateways of real servers are among them."""
        served = {vip for service in self.services for vip in service.vips}
        named = [vip for one in self.failover.instances for vip in one.vips]
        return dict.fromkeys(vip for vip in [*self.failover.vips, *named] if vip not in served)


class HostVariables(Strict):
    """What a host says of itself: its ``lvs_*`` inventory variables."""

    lvs_addresses: list[Address] = Field(default=[], description="The host's own addresses.")
    lvs_interfaces: dict[Name, InterfaceName] = Field(
        default={}, description="Network name -> interface, where it differs from the cluster's."
    )
    lvs_weight: Weight | None = Field(
        default=None,
        description="IPVS weight; 0 gets no new connections. Default: from lvs_capacity, else 1.",
    )
    lvs_capacity: Capacity | None = Field(
        default=None,
        description="What it can do beside the others of its pool, in any unit: weights follow from it. "
        "\"{{ ansible_facts['processor_vcpus'] }}\" takes the observed CPUs.",
    )
    lvs_state: Literal["enabled", "drained", "disabled"] = Field(
        default="enabled", description="drained: weight 0; disabled: not in the pool at all."
    )
    lvs_priority: Priority | None = Field(
        default=None, description="VRRP priority, where the order of preference is not enough."
    )
    lvs_services: dict[Name, HostService] = Field(
        default={}, description="Service name -> what is different for this real server there."
    )
