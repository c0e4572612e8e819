"""What directors drop and track."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View, root_of
from lvs_model.topology import nat_networks


@cluster_rule("flood-limit-zero")
def flood_limit_zero(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A limit that lets nothing through, or other than it says.

    `rate` is the number of connections a second that one client may open: 0 would let nobody in, and the
    kernel refuses it.
    `burst` is how many more at once, and of 0 it makes 5 (net/netfilter/nft_limit.c, nft_limit_init).

    Wrong::

        firewall: {flood: {rate: 0}}

    Mend: the largest number that an honest client needs, many times over: `flood: {rate: 200}`. Without
    `flood` there is no limit.
    """
    flood = cluster.firewall.flood if cluster.firewall else None
    path = f"{root_of(cluster)}.firewall.flood"
    if flood is not None and flood.rate == 0:
        yield Problem(f"{path}.rate", "0 lets no client in", "raise it, or remove flood")
    if flood is not None and flood.burst == 0:
        yield Problem(f"{path}.burst", "of 0 the kernel makes 5", "use 1 or more")


@service_rule("only-services-all-ports", "warning")
def only_services_all_ports(served: Served) -> Iterator[Problem]:
    """The packet filter closes nothing at a VIP whose service has all ports.

    `only_services` lets through what a service asks for, and drops the rest at its VIPs. A service of all
    ports asks for everything of its protocol: what else listens on the director is open there too.

    Wrong::

        firewall: {}
        services:
          - {name: any, vips: [192.0.2.10], ports: all, persistence: 300, pool: edge_web}

    Mend: list the ports, or accept it.
    """
    firewall = served.cluster.firewall
    open_to_all = [protocol for protocol, port in served.service.endpoints() if port == 0]
    if firewall is not None and firewall.only_services and open_to_all:
        yield Problem(
            f"{served.path}.ports",
            f"all of them: firewall.only_services keeps no {' or '.join(open_to_all)} from its VIPs",
            "list the ports, or accept it",
        )


@cluster_rule("conntrack-for-all", "warning")
def conntrack_for_all(cluster: Cluster, view: View) -> Iterator[Problem]:
    """One service makes the kernel track the connections of all others.

    Masquerading, and FTP's helper under NAT, need IPVS's connections in the kernel's connection tracking.
    That is one switch for the whole director (Documentation/networking/ipvs-sysctl.rst, conntrack): every
    connection of the other services takes a place there too, and when it is full new ones are dropped
    (nf_conntrack_max). The packet filter spares those that do not need it; so does a closed network of
    real servers under NAT.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], ports: [80], pool: edge_web}
          - {name: old, forwarding: masquerade, vips: [192.0.2.11], ports: [80], pool: edge_old}

    Mend: `firewall: {}`. Or accept it, where connections are few.
    """
    services = view.services_of(cluster)
    tracked = [served for served in services if _tracked(served)]
    others = len(services) - len(tracked)
    if tracked and others and not _spares(cluster, view):
        yield Problem(
            f"{root_of(cluster)}.firewall",
            f"{tracked[0].service.name!r} needs connection tracking, and without it the kernel tracks the "
            + ("other service too" if others == 1 else f"{others} other services too"),
            "add firewall: {}, or accept it",
        )


@cluster_rule("defense-always", "warning")
def defense_always(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Connections are dropped in times of peace.

    In mode 3 the kernel does not wait until memory is short: `drop_packet` refuses every tenth new
    connection (am_droprate), and `drop_entry` forgets half-open ones at random, always
    (Documentation/networking/ipvs-sysctl.rst).

    Wrong::

        ipvs: {defense: {drop_packet: 3}}

    Mend: 1: only in need. 3 is for the time of an attack.
    """
    for option in ("drop_entry", "drop_packet"):
        if getattr(cluster.ipvs.defense, option) == 3:
            yield Problem(
                f"{root_of(cluster)}.ipvs.defense.{option}",
                "3 drops connections always, also without an attack",
                "use 1, or accept it",
            )


def _spares(cluster: Cluster, view: View) -> bool:
    """Whether directors keep what needs no tracking out of it (components/filter_rules.py)."""
    behind = nat_networks(cluster, view.inventory)
    return cluster.firewall is not None or not all(cluster.networks[name].routed_in for name in behind)


def _tracked(served: Served) -> bool:
    """Whether a service needs the kernel's connection tracking."""
    service = served.service
    fallback = service.fallback.forwarding if service.fallback else None
    helper = service.forwarding == "nat" and ("tcp", 21) in service.endpoints()
    return helper or "masquerade" in {service.forwarding, fallback}
