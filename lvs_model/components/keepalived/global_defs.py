"""keepalived's global_defs: what holds for the whole daemon.

Sources: keepalived.conf(5), sections «Global definitions»; ipvsadm(8) on the sync daemons.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.keepalived.instances import Election
from lvs_model.components.keepalived.words import number, whole
from lvs_model.document import Cluster
from lvs_model.inventory import Host


def global_lines(cluster: Cluster, host: Host, elections: list[Election], sync_id: int | None) -> list[str]:
    """The lines of the block; ``elections`` are those in which the host takes part."""
    return [
        f"router_id {host.name}",
        f"vrrp_version {cluster.failover.version}",
        "enable_script_security",
        "script_user keepalived_script",
        *_announcements(cluster),
        *_startup(cluster),
        *_sync(cluster, host, elections, sync_id),
        *_timeouts(cluster),
        *_email(cluster),
        *cluster.extra_lines.global_defs,
    ]


def _announcements(cluster: Cluster) -> Iterator[str]:
    """How VIPs are announced; what is keepalived's own default is not printed."""
    arp = cluster.failover.gratuitous_arp
    if arp.repeat != 5:
        yield f"vrrp_garp_master_repeat {arp.repeat}"
    if arp.delay != 5:
        yield f"vrrp_garp_master_delay {whole(arp.delay)}"
    if arp.refresh:
        yield "# A client that missed the announcement of a takeover learns of it at the next one."
        yield f"vrrp_garp_master_refresh {whole(arp.refresh)}"
        if arp.refresh_repeat != 1:
            yield f"vrrp_garp_master_refresh_repeat {arp.refresh_repeat}"
    if arp.interval:
        yield f"vrrp_garp_interval {number(arp.interval)}"
        yield f"vrrp_gna_interval {number(arp.interval)}"


def _startup(cluster: Cluster) -> Iterator[str]:
    if cluster.failover.startup_delay:
        yield f"vrrp_startup_delay {number(cluster.failover.startup_delay)}"


def _sync(cluster: Cluster, host: Host, elections: list[Election], sync_id: int | None) -> Iterator[str]:
    sync = cluster.connection_sync
    if sync is None or sync_id is None or not elections or not cluster.services:
        return
    words = ["lvs_sync_daemon", host.interface_on(cluster, sync.network)]
    if sync.daemons == "follow":
        yield "# Bound to the instance: the owner of the VIPs sends, the others listen."
        words += ["inst", elections[0].instance.label]
    words += ["id", str(sync_id)]
    if sync.longest is not None:
        words += ["maxlen", str(sync.longest)]
    if sync.port != 8848:
        words += ["port", str(sync.port)]
    if sync.ttl != 1:
        words += ["ttl", str(sync.ttl)]
    if sync.group is not None:
        words += ["group", str(sync.group)]
    yield " ".join(words)


def _timeouts(cluster: Cluster) -> Iterator[str]:
    timeouts = cluster.ipvs.timeouts
    given = {"tcp": timeouts.tcp, "tcpfin": timeouts.tcp_fin, "udp": timeouts.udp}
    words = [f"{name} {seconds}" for name, seconds in given.items() if seconds is not None]
    if words and cluster.services:
        yield f"lvs_timeouts {' '.join(words)}"


def _email(cluster: Cluster) -> Iterator[str]:
    email = cluster.email
    if email is None:
        return
    yield "notification_email {"
    yield from (f"    {address}" for address in email.to)
    yield "}"
    yield f"notification_email_from {email.sender}"
    yield f"smtp_server {email.server} {email.port}"
    yield f"smtp_connect_timeout {email.timeout}"
    # Both are said: keepalived's defaults differ between instances, services and real servers.
    yield f"smtp_alert_vrrp {_yes('failover' in email.about)}"
    yield f"smtp_alert_checker {_yes('checks' in email.about)}"


def _yes(value: bool) -> str:
    return "true" if value else "false"
