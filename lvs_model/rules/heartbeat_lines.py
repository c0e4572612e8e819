"""Heartbeat's lines: where two directors hear each other, and whom else they listen to."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.heartbeat.nodes import GROUPS, family_on, networks
from lvs_model.document import Cluster
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.heartbeat import asked, path_to
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import all_vips


@cluster_rule("heartbeat-off-network")
def heartbeat_off_network(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A heartbeat line leads nowhere.

    Both directors need an address of one family on a network that carries messages. With a line that only
    one of them has, everybody believes in a second way that is not there.

    Wrong::

        failover: {network: front, method: heartbeat, heartbeat: {networks: [front, sync]}}
        # host_vars/lb2.yml: no address on sync
        lvs_addresses: [192.0.2.12]

    Mend: add the director's address there, or name other networks.
    """
    wanted = asked(cluster)
    if wanted is None or len(view.directors(cluster)) != 2:
        return
    for place, name in enumerate(wanted.networks):
        path = path_to(cluster, f"networks[{place}]")
        if name not in cluster.networks:
            known = ", ".join(cluster.networks)
            yield Problem(path, f"there is no network {name!r}", f"use {known}")
        elif family_on(cluster, name, view.directors(cluster)) is None:
            yield Problem(
                path,
                f"the directors have no addresses of one family on {name!r}",
                "add them to their lvs_addresses, or take another network",
            )


@cluster_rule("heartbeat-one-line", "warning")
def heartbeat_one_line(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The directors hear each other over one line only.

    When it is cut each takes the other for dead, and both own the VIPs; when it is mended again both let
    go, and nobody owns them for some 20 seconds (seen with heartbeat 3.0.6). A second line, of its own
    cable and switch, makes that two faults at once.

    Wrong::

        heartbeat: {networks: [front]}

    Mend: a second network, or a serial line; `stonith` where it matters most.
    """
    wanted = asked(cluster)
    if wanted is None or any(name not in cluster.networks for name in wanted.networks):
        return
    lines = [*networks(cluster, view.inventory), *wanted.serial]
    if len(lines) == 1:
        yield Problem(
            path_to(cluster, "networks"), f"{lines[0]} is the only line", "add a network or a serial line"
        )


@cluster_rule("heartbeat-interfaces-differ")
def heartbeat_interfaces_differ(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A VIP has interfaces of different names on the two directors.

    haresources names the interface, and must be the same on both (the package's haresources): the group
    is what one asks the other for.

    Wrong::

        # host_vars/lb2.yml; the cluster's network says eth0
        lvs_interfaces: {front: ens3}

    Mend: the same name on both (systemd.link(5), or a bond), or `method: pacemaker`.
    """
    if asked(cluster) is None or cluster.failover.network not in cluster.networks:
        return
    places = dict.fromkeys(network_of(cluster, vip) or cluster.failover.network for vip in all_vips(cluster))
    for name in places:
        found = {host.name: host.interface_on(cluster, name) for host in view.directors(cluster)}
        if len(set(found.values())) > 1:
            told = " and ".join(f"{interface} on {host}" for host, interface in found.items())
            yield Problem(
                f"{root_of(cluster)}.networks.{name}.interface",
                f"it is {told}",
                "give it the same name on both directors",
            )


@cluster_rule("heartbeat-ping-target")
def heartbeat_ping_target(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A pinged host says nothing of the network.

    A director that answers itself, or the VIP, which it may own, always answers the one that asks ("don't
    use a cluster node as ping node", the package's ha.cf). Groups know IPv4 only.

    Wrong::

        heartbeat: {ping_groups: [{name: gateways, addresses: [192.0.2.11]}]}      # lb1

    Mend: gateways, or other hosts beyond the switch. An IPv6 one: under `ping`.
    """
    wanted = asked(cluster)
    if wanted is None:
        return
    own = {address: host.name for host in view.directors(cluster) for address in host.variables.lvs_addresses}
    own |= dict.fromkeys(all_vips(cluster), "the VIPs' owner")
    places = [(f"ping[{place}]", address) for place, address in enumerate(wanted.ping)]
    grouped = [
        (f"ping_groups[{number}].addresses[{place}]", address)
        for number, group in enumerate(wanted.ping_groups)
        for place, address in enumerate(group.addresses)
    ]
    for key, address in [*places, *grouped]:
        if address in own:
            yield Problem(path_to(cluster, key), f"{address} is {own[address]}", "take a gateway")
    for key, address in grouped:
        if address.version == 6:
            yield Problem(path_to(cluster, key), f"{address}: groups know IPv4 only", "write it under ping")


@cluster_rule("heartbeat-multicast-group")
def heartbeat_multicast_group(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A multicast group has no use, or is of the wrong family.

    By unicast messages go to the other director's address. By multicast they go to a group of the family in
    which both directors have addresses on the network, IPv4 first.

    Wrong::

        heartbeat: {multicast_group: 225.0.0.1}       # transport: unicast is the default

    Mend: `transport: multicast`, or leave the group out.
    """
    wanted = asked(cluster)
    if wanted is None or wanted.multicast_group is None:
        return
    path, group = path_to(cluster, "multicast_group"), wanted.multicast_group
    if wanted.transport == "unicast":
        yield Problem(path, f"{group}, and messages go by unicast", "use transport: multicast, or remove it")
        return
    for name in networks(cluster, view.inventory):
        family = family_on(cluster, name, view.directors(cluster)) if name in cluster.networks else None
        if family not in (None, group.version):
            yield Problem(
                path, f"{group}, and the directors have IPv{family} on {name!r}", "use a group of that family"
            )


@rule("heartbeat-multicast-clash")
def heartbeat_multicast_clash(view: View) -> Iterator[Problem]:
    """Two clusters send heartbeats to one group, port and segment.

    Each director would hear the other cluster's: with another key its log fills with refused messages,
    with the same key it hears of nodes that it does not know.

    Wrong::

        # clusters edge and mail, both on segment dc1-v120
        heartbeat: {transport: multicast}

    Mend: another `port` or `multicast_group` for one of them, or unicast.
    """
    taken: dict[tuple[str, str, int], str] = {}
    for cluster in view.clusters:
        wanted = asked(cluster)
        if wanted is None or wanted.transport == "unicast":
            continue
        for name in networks(cluster, view.inventory):
            family = family_on(cluster, name, view.directors(cluster)) if name in cluster.networks else None
            if family is None:
                continue
            group = str(wanted.multicast_group or GROUPS[family])
            key = (cluster.networks[name].segment_name, group, wanted.port)
            owner = taken.setdefault(key, cluster.name)
            if owner != cluster.name:
                yield Problem(
                    path_to(cluster, "port"),
                    f"{wanted.port} at group {group} is taken by cluster {owner!r} on segment {key[0]!r}",
                    "take another port or group",
                )
