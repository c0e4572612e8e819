"""The election: router ids and priorities."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import Instance as Election
from lvs_model.topology import (
    all_router_ids,
    all_sync_ids,
    failover_segments,
    instance_key,
    instance_priorities,
)


@rule("router-id-clash")
def router_id_clash(view: View) -> Iterator[Problem]:
    """Two elections on one segment have the same router id.

    VRRP instances of one router id and one address family on a segment are one virtual router (RFC
    5798, 5.2.3): directors of different clusters would elect one owner between them, and the others'
    VIPs would be nowhere. IPv4 and IPv6 have router ids of their own.

    Wrong::

        # clusters edge and mail, both on segment dc1-v120
        failover: {network: front, router_id: 51}

    Mend: leave `router_id` out: the toolkit takes a free one, which stays when other clusters come and
    go. Or give another one.
    """
    given: dict[tuple[object, int], str] = {}
    scopes = failover_segments(view.inventory)
    for cluster, election, _, _ in view.elections():
        if election.given_id is None:
            continue
        key = instance_key(cluster, election)
        scope = scopes[key][0]
        owner = given.setdefault((scope, election.given_id), key)
        if owner != key:
            yield Problem(
                f"{root_of(cluster)}.{election.path}.router_id",
                f"{election.given_id} is taken by cluster {owner!r} on segment {scope[0]!r}",
                "take another, or leave it out",
            )


@rule("ids-exhausted")
def ids_exhausted(view: View) -> Iterator[Problem]:
    """A segment has no id left.

    A router id and the toolkit's sync ids are numbers from 1 to 255 (RFC 5798, 5.2.3), unique on a
    segment.

    Wrong::

        # 256 clusters with one segment
        front: {segment: dc1-v120, interface: eth0, subnets: [10.1.0.0/16]}

    Mend: spread the clusters over more segments, or describe several of them as services of one
    cluster.
    """
    for allocate in (all_router_ids, all_sync_ids):
        try:
            allocate(view.inventory)
        except ValueError as error:
            yield Problem("lvs_cluster", str(error), "spread the clusters over more segments")


@cluster_rule("priorities-too-close")
def priorities_too_close(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Which backup takes over would be left to chance.

    After a crash each backup waits for a time that falls with its priority (RFC 5798, 6.1: Skew_Time, a
    256th of the advert interval for each point). Priorities whose times differ by less than a timer's
    jitter decide nothing: two backups take over at once, and equal ones never give way to each other.
    So all directors need priorities from 1 to 254 with enough points between them; at one second five.

    Wrong::

        # host_vars/lb1.yml
        lvs_priority: 150
        # host_vars/lb2.yml
        lvs_priority: 148

    Mend: leave `lvs_priority` out: the group's order is enough. Or set it for all directors, further
    apart.
    """
    for election in view.instances(cluster):
        refused = refused_priorities(cluster, election, view, trackers=False)
        if refused:
            yield Problem(
                f"{root_of(cluster)}.directors: lvs_priority",
                refused,
                "set lvs_priority of all of them, further apart",
            )


def refused_priorities(cluster: Cluster, election: Election, view: View, *, trackers: bool) -> str | None:
    """Why an election has no sound priorities, or None where it has."""
    known = [host.name for host in view.directors(cluster)]
    sound = sorted(set(election.directors) & set(known)) == sorted(election.directors)
    if election.network not in cluster.networks or not sound:
        return None  # names.py says it
    if cluster.failover.version == 2 and cluster.failover.advert_interval % 1:
        return None  # vrrp2-interval says it
    if not trackers:
        plain = cluster.failover.track.model_copy(update={"processes": [], "scripts": []})
        failover = cluster.failover.model_copy(update={"track": plain})
        cluster = cluster.model_copy(update={"failover": failover})
    try:
        instance_priorities(cluster, election, view.inventory)
    except ValueError as error:
        return str(error)
    return None


@cluster_rule("priority-without-effect", "warning")
def priority_without_effect(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director has a priority that no election uses.

    `lvs_priority` is a host's only one, for elections that keep the group's order. An instance with an
    order of its own says more: its priorities follow from that order.

    Wrong::

        # host_vars: lb1 has lvs_priority 150
        failover:
          network: front
          instances:
            - {name: blue, directors: [lb2, lb1], vips: [192.0.2.10]}

    Mend: remove `lvs_priority`; or remove the instance's `directors`, where the group's order is meant.
    """
    hosts = view.directors(cluster)
    order = tuple(host.name for host in hosts)
    for host in hosts:
        own = [election for election in view.instances(cluster) if host.name in election.directors]
        given = host.variables.lvs_priority
        if given is not None and own and all(election.directors != order for election in own):
            names = ", ".join(repr(election.name) for election in own)
            yield Problem(
                f"host {host.name}: lvs_priority",
                f"{given} is used in no election: the order of directors of {names} decides",
                "remove it, or the order of the instance",
            )
