"""Which director owns the VIPs, when that changes, and who is told.

Sources: RFC 5798 (VRRP version 3), RFC 3768 (version 2), keepalived.conf(5).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lvs_model.document.base import Strict
from lvs_model.document.heartbeat import Heartbeat
from lvs_model.document.pacemaker import Pacemaker
from lvs_model.document.texts import Command, HostName, Name, Password, Token
from lvs_model.document.types import (
    Address,
    AdvertInterval,
    Datagram,
    Delay,
    Hops,
    MessageGap,
    MulticastGroup,
    Packets,
    Port,
    Retries,
    RouterId,
    SecondsOrZero,
    Times,
    TrackWeight,
    WholeSeconds,
    WholeSecondsOrZero,
)


def _first_below_second(value: list[int]) -> list[int]:
    # proc_do_sync_threshold in net/netfilter/ipvs/ip_vs_ctl.c; a period of 0 tells of a connection once.
    if value[1] and value[0] >= value[1]:
        raise ValueError("the first number must be below the second, or the second 0")
    return value


class Authentication(Strict):
    """VRRP version 2 only: version 3 has none (RFC 5798, 9)."""

    type: Literal["pass", "ah"] = Field(
        default="pass", description="pass: in clear text in each advert; ah: IPsec's header, IPv4 only."
    )
    password: Password = Field(
        description="1 to 8 characters. Keep it in a vault.", json_schema_extra={"secret": True}
    )


class GratuitousArp(Strict):
    """How the new owner tells the segment where the VIPs are now."""

    repeat: Times = Field(
        default=5, description="Messages a VIP when it becomes the owner, and again after the delay."
    )
    delay: WholeSecondsOrZero = Field(default=5, description="Seconds until the second round; 0: none.")
    refresh: WholeSecondsOrZero = Field(
        default=60, description="Seconds between repetitions while it is the owner; 0: none."
    )
    refresh_repeat: Times = Field(default=1, description="Messages a VIP in each repetition.")
    interval: MessageGap = Field(
        default=0, description="Seconds between two messages on an interface, for switches that drop bursts."
    )


class TrackedProcess(Strict):
    """A process that the owner of the VIPs must run.

    Without ``restart`` keepalived listens to the kernel's process events, which only reach the initial user
    and process namespaces (drivers/connector/cn_proc.c): a container gets none.
    """

    name: Name = Field(description="Its name in keepalived's configuration.")
    process: Token = Field(description="Its name, or its path.")
    restart: Command | None = Field(
        default=None,
        description="A command that is tried first, as root, when it does not run; only when it still does "
        "not run at the next look are the VIPs given up. Without it the kernel tells keepalived when it "
        "ends, which it does not in a container.",
    )
    interval: WholeSeconds = Field(default=2, description="Seconds between two looks, with restart.")
    delay: SecondsOrZero = Field(
        default=0, description="Seconds that it may be gone, without restart, before that counts."
    )
    weight: TrackWeight = Field(
        default=0, description="Added to the priority; 0: a failure gives the VIPs up."
    )


class TrackedScript(Strict):
    """A program of the operator's own whose exit code 0 means that this director can serve."""

    name: Name = Field(description="Its name in keepalived's configuration.")
    command: Command = Field(description="The absolute path of the program, and its arguments.")
    interval: WholeSeconds = Field(default=2, description="Seconds between two runs.")
    timeout: WholeSeconds = Field(default=2, description="Seconds until a run has failed.")
    rise: Times = Field(default=2, description="Successes in a row until it counts as right.")
    fall: Times = Field(default=2, description="Failures in a row until it counts as failed.")
    weight: TrackWeight = Field(
        default=0, description="Added to the priority; 0: a failure gives the VIPs up."
    )
    user: Token = Field(default="keepalived_script", description="Whom it runs as.")
    starts_failed: bool = Field(default=False, description="True: failed until it first succeeds.")


class Track(Strict):
    """What must work on a director for it to own VIPs."""

    networks: list[Name] = Field(
        default=[], description="Networks whose interface must be up, beside the election's own."
    )
    processes: list[TrackedProcess] = Field(default=[], description="Processes that must run.")
    scripts: list[TrackedScript] = Field(default=[], description="Programs that must succeed.")


class Notify(Strict):
    """Programs that keepalived starts as keepalived_script when a director's state changes."""

    owner: Command | None = Field(
        default=None, description="It became the owner of the VIPs. Runs as keepalived_script."
    )
    backup: Command | None = Field(default=None, description="It became a backup. Runs as keepalived_script.")
    fault: Command | None = Field(
        default=None, description="Something tracked has failed. Runs as keepalived_script."
    )
    stop: Command | None = Field(default=None, description="keepalived stops. Runs as keepalived_script.")
    any: Command | None = Field(
        default=None,
        description="Any change; keepalived adds INSTANCE or GROUP, the name, the state and the priority. "
        "Runs as keepalived_script.",
    )


class Instance(Strict):
    """A set of VIPs that move together. Several instances let several directors be active at once."""

    name: Name = Field(description="Its name, from which its router id follows.")
    vips: list[Address] = Field(default=[], description="Its VIPs. The first instance has those left over.")
    directors: list[HostName] = Field(
        default=[], description="Directors in order of preference. Default: the group's order."
    )
    network: Name | None = Field(
        default=None, description="Network of its election. Default: failover.network."
    )
    router_id: RouterId | None = Field(
        default=None, description="VRRP virtual router id. Default: a free one, derived from the name."
    )


class SyncGroup(Strict):
    """Instances that always have the same owner, as the two sides of a NAT director must."""

    name: Name = Field(description="Its name in keepalived's configuration.")
    instances: list[Name] = Field(min_length=2, description="Names of its instances, two at least.")


class Email(Strict):
    """Mail about what happens to directors and real servers."""

    to: list[Token] = Field(min_length=1, description="Addresses that it goes to.")
    sender: Token = Field(description="Address of the sender.")
    server: Token = Field(description="Mail server: an address or a name.")
    port: Port = Field(default=25, description="Its port.")
    timeout: WholeSeconds = Field(default=30, description="Seconds until a delivery has failed.")
    about: list[Literal["failover", "checks"]] = Field(
        default=["failover", "checks"], min_length=1, description="What it is written about."
    )


class Failover(Strict):
    """Which director owns the VIPs, and when that changes."""

    method: Literal["vrrp", "heartbeat", "pacemaker"] = Field(
        default="vrrp",
        description="How the directors agree on the owner: vrrp under keepalived, heartbeat or pacemaker "
        "under ldirectord.",
    )
    network: Name = Field(description="Network on which the directors elect the owner.")
    version: Literal[2, 3] = Field(default=3, description="VRRP version; 2 knows IPv4 only.")
    transport: Literal["unicast", "multicast"] = Field(
        default="unicast", description="How adverts travel between directors."
    )
    multicast_group: MulticastGroup | None = Field(
        default=None, description="multicast: the group. Default: the standard's, 224.0.0.18 or ff02::12."
    )
    failback: bool = Field(default=False, description="True: a repaired director takes its role back.")
    failback_delay: Delay | None = Field(
        default=None,
        description="Seconds before it does so. Default: until its checks have had their first results.",
    )
    advert_interval: AdvertInterval = Field(
        default=1.0,
        description="Seconds between VRRP adverts, in steps of 0.01 (RFC 5798, 5.2.7); version 2: whole.",
    )
    lost_adverts: Times = Field(
        default=3, description="Adverts that must be missing before a backup takes over (RFC 5798: 3)."
    )
    router_id: RouterId | None = Field(
        default=None,
        description="Virtual router id of the only instance. Default: a free one, derived from the name.",
    )
    startup_delay: Delay = Field(
        default=0, description="Seconds after its start before keepalived takes part in the election."
    )
    authentication: Authentication | None = Field(
        default=None, description="version 2: a password in the adverts. Default: none."
    )
    gratuitous_arp: GratuitousArp = Field(
        default=GratuitousArp(), description="How a new owner tells the segment."
    )
    vips: list[Address] = Field(
        default=[], description="Addresses that move with the VIPs and have no service of the toolkit's."
    )
    instances: list[Instance] = Field(default=[], description="Default: one, named like the cluster.")
    sync_groups: list[SyncGroup] = Field(
        default=[], description="Sets of instances that always have the same owner."
    )
    heartbeat: Heartbeat | None = Field(
        default=None, description="method heartbeat: its options. Default: each option's own."
    )
    pacemaker: Pacemaker | None = Field(
        default=None, description="method pacemaker: its options. Default: each option's own."
    )
    track: Track = Field(default=Track(), description="What must work on a director that owns VIPs.")
    notify: Notify = Field(
        default=Notify(), description="Programs that a change of state starts, as keepalived_script."
    )


class ConnectionSync(Strict):
    """Directors tell each other of their connections, so that these survive a failover."""

    network: Name = Field(description="Network for the sync messages; they are not authenticated.")
    # 0 would take in everybody's messages (ip_vs_process_message in net/netfilter/ipvs/ip_vs_sync.c).
    id: RouterId | None = Field(
        default=None, description="Sync id. Default: a free one, derived from the cluster's name."
    )
    daemons: Literal["follow", "both"] = Field(
        default="follow",
        description="follow: the owner of the VIPs sends and the others listen; both: each does both.",
    )
    port: Port = Field(default=8848, description="UDP port of the messages.")
    ttl: Hops = Field(default=1, description="Time to live of the messages.")
    group: MulticastGroup | None = Field(default=None, description="Multicast group. Default: 224.0.0.81.")
    longest: Datagram | None = Field(
        default=64,
        description="Bytes of a message at most. The default holds one connection, so that none waits for "
        "others (up to 2 s) before it is told; null: what the interface's MTU allows, for directors of tens "
        "of thousands of new connections a second.",
    )
    threshold: Annotated[
        list[Packets], Field(min_length=2, max_length=2), AfterValidator(_first_below_second)
    ] = Field(
        default=[2, 50],
        description="A connection is told at its n-th packet, then every m-th: net.ipv4.vs.sync_threshold.",
    )
    refresh: WholeSecondsOrZero = Field(
        default=0, description="Seconds between refreshes of a connection: net.ipv4.vs.sync_refresh_period."
    )
    retries: Retries = Field(default=0, description="Repetitions of a message: net.ipv4.vs.sync_retries.")
