"""What each VRRP version and way of transport has, and what not."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of


@cluster_rule("vrrp2-interval")
def vrrp2_interval(cluster: Cluster, view: View) -> Iterator[Problem]:
    """VRRP version 2 with a fraction of a second.

    Version 2 carries its advert interval in whole seconds (RFC 3768, 5.3.7), and a director that reads
    another interval than its own ignores the advert: each would take the VIPs.

    Wrong::

        failover: {network: front, version: 2, advert_interval: 0.5}

    Mend: a whole number of seconds, or version 3.
    """
    interval = cluster.failover.advert_interval
    if cluster.failover.version == 2 and (interval != int(interval) or interval < 1):
        yield Problem(
            f"{root_of(cluster)}.failover.advert_interval",
            f"{interval:g} s, and version 2 has whole seconds only",
            "use whole seconds, or version 3",
        )


@rule("vrrp2-ipv6")
def vrrp2_ipv6(view: View) -> Iterator[Problem]:
    """VRRP version 2 over IPv6.

    Version 2 is defined for IPv4 only (RFC 3768, 1; RFC 5798 added IPv6 with version 3). The adverts go
    over IPv4 where all directors have an IPv4 address on the election's network; IPv6 VIPs can move
    with them.

    Wrong::

        networks:
          front: {interface: eth0, subnets: ["2001:db8::/64"]}
        failover: {network: front, version: 2}

    Mend: use version 3, or give every director an IPv4 address on that network.
    """
    for cluster, election, _, family in view.elections():
        if cluster.failover.version == 2 and family == 6 and view.directors(cluster):
            yield Problem(
                f"{root_of(cluster)}.failover.version",
                f"2, and the directors of {election.name!r} elect over IPv6 on {election.network!r}",
                "use version 3, or give all of them IPv4 addresses there",
            )


@cluster_rule("vrrp3-authentication")
def vrrp3_authentication(cluster: Cluster, view: View) -> Iterator[Problem]:
    """VRRP version 3 with a password.

    Version 3 has no authentication (RFC 5798, 9: it never kept anybody out). keepalived ignores the
    password and `keepalived -t` fails: the directors would believe themselves protected.

    Wrong::

        failover:
          network: front
          authentication: {password: "{{ vault_vrrp_password }}"}

    Mend: remove it. With unicast, the default, adverts count only from the peers and from the same
    segment. Or use version 2.
    """
    if cluster.failover.version == 3 and cluster.failover.authentication is not None:
        yield Problem(
            f"{root_of(cluster)}.failover.authentication",
            "version 3 of VRRP has none",
            "remove it, or use version 2",
        )


@cluster_rule("multicast-group-unused")
def multicast_group_unused(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A multicast group, and adverts that go to each peer.

    With unicast, the default, each director sends its adverts to its peers' addresses, and a group is
    without effect; keepalived says «multicast destination specified with unicast».

    Wrong::

        failover: {network: front, multicast_group: 224.0.0.50}

    Mend: `transport: multicast`, or remove the group.
    """
    failover = cluster.failover
    if failover.multicast_group is not None and failover.transport == "unicast":
        yield Problem(
            f"{root_of(cluster)}.failover.multicast_group",
            f"{failover.multicast_group}, and adverts go by unicast",
            "use transport: multicast, or remove it",
        )


@rule("multicast-group-family")
def multicast_group_family(view: View) -> Iterator[Problem]:
    """A multicast group of the other address family.

    Adverts of an election over IPv4 cannot go to an IPv6 group, nor the other way round.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        failover: {network: front, transport: multicast, multicast_group: "ff02::12"}

    Mend: a group of the election's own family, or none: the standard's (224.0.0.18, ff02::12).
    """
    for cluster, election, _, family in view.elections():
        group = cluster.failover.multicast_group
        if group is not None and cluster.failover.transport == "multicast" and group.version != family:
            yield Problem(
                f"{root_of(cluster)}.failover.multicast_group",
                f"{group}, and the directors of {election.name!r} elect over IPv{family}",
                "use a group of that family, or leave it out",
            )


@cluster_rule("lost-adverts-too-few", "warning")
def lost_adverts_too_few(cluster: Cluster, view: View) -> Iterator[Problem]:
    """One lost packet moves the VIPs.

    A backup takes over after `lost_adverts` intervals of silence and its skew (keepalived.conf(5),
    `down_timer_adverts`; RFC 5798 says 3). With 1 a single lost advert is enough, and each such false
    takeover cuts connections that no sync has carried over.

    Wrong::

        failover: {network: front, lost_adverts: 1}

    Mend: 2 or more. A shorter `advert_interval` finds a dead owner faster and is safer.
    """
    if cluster.failover.lost_adverts < 2:
        yield Problem(
            f"{root_of(cluster)}.failover.lost_adverts",
            "1: a single advert that is lost moves the VIPs",
            "use 2 or more, and a shorter advert_interval",
        )
