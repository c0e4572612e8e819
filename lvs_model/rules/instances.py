"""VRRP instances and sync groups: which VIPs move together."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import all_vips


@cluster_rule("nothing-to-move")
def nothing_to_move(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A cluster has neither a service nor a VIP.

    Directors would elect the owner of nothing. A document without services is meant for VIPs that belong to
    something else than IPVS, such as a proxy on the directors themselves.

    Wrong::

        lvs_cluster: {name: edge, directors: edge_directors, services: []}

    Mend: describe a service; or, for addresses whose service is not IPVS's, name them in
    `failover.vips`.
    """
    if not all_vips(cluster):
        yield Problem(
            f"{root_of(cluster)}.services",
            "no service, and no failover.vips: there is nothing to move",
            "describe a service, or name the addresses in failover.vips",
        )


@cluster_rule("instance-without-vips")
def instance_without_vips(cluster: Cluster, view: View) -> Iterator[Problem]:
    """An instance has no VIPs.

    An instance elects the owner of its VIPs. The first instance has those that no other one names; any
    other one has only its own.

    Wrong::

        failover:
          network: front
          instances:
            - {name: blue}
            - {name: green}

    Mend: name its VIPs, or remove it.
    """
    if len(cluster.failover.instances) < 1 or not all_vips(cluster):
        return
    for place, election in enumerate(view.instances(cluster)):
        if not election.vips:
            yield Problem(
                f"{root_of(cluster)}.failover.instances[{place}].vips",
                f"{election.name!r} has none" + (" and none are left over" if place == 0 else ""),
                "name its VIPs, or remove it",
            )


@cluster_rule("router-id-with-instances")
def router_id_with_instances(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The router id of the only instance, and there are several.

    `failover.router_id` is that of the instance which a cluster has by default. Where
    `failover.instances` describes them, each has its own, and this one would be without effect.

    Wrong::

        failover:
          network: front
          router_id: 51
          instances: [{name: blue, vips: [192.0.2.10]}, {name: green, vips: [192.0.2.11]}]

    Mend: write `router_id` into the instance it is for, or remove it.
    """
    if cluster.failover.instances and cluster.failover.router_id is not None:
        yield Problem(
            f"{root_of(cluster)}.failover.router_id",
            f"{cluster.failover.router_id} belongs to no instance",
            "write it into one of failover.instances, or remove it",
        )


@cluster_rule("sync-group-overlap")
def sync_group_overlap(cluster: Cluster, view: View) -> Iterator[Problem]:
    """An instance is in two sync groups, or twice in one.

    The members of a sync group always have the same owner. An instance in two groups would tie both
    together, and keepalived refuses it.

    Wrong::

        sync_groups:
          - {name: one, instances: [outside, inside]}
          - {name: two, instances: [outside, guests]}

    Mend: one group with all the instances that must move together.
    """
    owners: dict[str, str] = {}
    for place, group in enumerate(cluster.failover.sync_groups):
        for number, name in enumerate(group.instances):
            if name in owners:
                yield Problem(
                    f"{root_of(cluster)}.failover.sync_groups[{place}].instances[{number}]",
                    f"{name!r} is in the sync group {owners[name]!r} already",
                    "put each instance into one group",
                )
            owners.setdefault(name, group.name)


@cluster_rule("sync-group-order")
def sync_group_order(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Members of a sync group prefer different directors.

    A group has one owner, and each member elects by its own priorities. When they prefer different
    directors each election is undone by the next one, for ever (keepalived.conf(5), section «VRRP
    synchronization group(s)»).

    Wrong::

        instances:
          - {name: outside, directors: [lb1, lb2], vips: [192.0.2.10]}
          - {name: inside, directors: [lb2, lb1], network: back, vips: [10.0.0.1]}
        sync_groups: [{name: nat, instances: [outside, inside]}]

    Mend: the same `directors` in the same order, or none: the group's order.
    """
    by_name = {election.name: election for election in view.instances(cluster)}
    for place, group in enumerate(cluster.failover.sync_groups):
        orders = {by_name[name].directors for name in group.instances if name in by_name}
        if len(orders) > 1:
            yield Problem(
                f"{root_of(cluster)}.failover.sync_groups[{place}].instances",
                f"{' and '.join(group.instances)} prefer different directors",
                "give them the same directors in the same order",
            )


@cluster_rule("director-in-no-instance", "warning")
def director_in_no_instance(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director takes part in no election.

    Instances that name their `directors` leave the others out. A host of the group that none of them
    names is installed and checks real servers, and can never own a VIP.

    Wrong::

        directors: edge_directors      # the group has lb1, lb2 and lb3
        failover:
          network: front
          instances:
            - {name: blue, directors: [lb1, lb2], vips: [192.0.2.10]}

    Mend: name it in an instance, or take it out of the group.
    """
    taking_part = {name for election in view.instances(cluster) for name in election.directors}
    for host in view.directors(cluster):
        if host.name not in taking_part:
            yield Problem(
                f"{root_of(cluster)}.failover.instances",
                f"{host.name} is a director, and no instance names it: it can never own a VIP",
                "name it in an instance, or take it out of the group",
            )
