"""What a director must have working to own VIPs, and whether its failure moves them."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of
from lvs_model.rules.vrrp import refused_priorities
from lvs_model.topology import sync_group_of


@cluster_rule("tracker-never-flips")
def tracker_never_flips(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A tracker's failure would not move the VIPs, or would cut a priority off.

    The weight of a tracked process or script is added to the priority while it fails (negative) or
    while it is good (positive). The owner gives the VIPs up only when that takes it below a healthy
    backup: the weight must be greater than the distance from the highest priority to the lowest one.
    Nor may all weights together leave 1 to 254, where keepalived cuts them off and two directors become
    equal. Measured, priorities 150 and 100: a script of weight -40 fails and nothing ever happens; of
    weight -60 the VIPs move in 3.6 s, of weight 0 in 1.2 s.

    Wrong::

        # host_vars: lb1 has lvs_priority 150, lb2 has 100
        failover:
          network: front
          failback: true
          track:
            scripts:
              - {name: uplink, command: /usr/local/bin/uplink, weight: -40}

    Mend: use weight 0, the default: a failure takes the director out of the election at once. Or a
    weight beyond the distance of the priorities.
    """
    if not cluster.failover.failback:
        return  # tracker-without-failback says it
    for election in view.instances(cluster):
        if sync_group_of(cluster, election) or refused_priorities(cluster, election, view, trackers=False):
            continue
        refused = refused_priorities(cluster, election, view, trackers=True)
        if refused:
            yield Problem(f"{root_of(cluster)}.failover.track", refused, "use weight 0, or another one")


def trackers_of(cluster: Cluster) -> Iterator[tuple[str, str, int]]:
    """Every tracker of a cluster: its path, its name and its weight."""
    path = f"{root_of(cluster)}.failover.track"
    for place, process in enumerate(cluster.failover.track.processes):
        yield f"{path}.processes[{place}]", process.name, process.weight
    for place, script in enumerate(cluster.failover.track.scripts):
        yield f"{path}.scripts[{place}]", script.name, script.weight


@cluster_rule("tracker-without-failback")
def tracker_without_failback(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A tracker has a weight, and no backup may preempt.

    A failed tracker with a weight lowers the owner's priority; the VIPs move because a backup with a
    higher one preempts it. Without failback every director is configured with `nopreempt`, and none
    ever does. Measured: weight -60, priorities 150 and 100, nopreempt on both: the VIPs never move.

    Wrong::

        failover:
          network: front
          failback: false
          track:
            processes: [{name: nginx, process: nginx, weight: -60}]

    Mend: use weight 0, the default, which works with and without failback; or `failback: true`.
    """
    if cluster.failover.failback:
        return
    for path, name, weight in trackers_of(cluster):
        if weight:
            yield Problem(
                f"{path}.weight",
                f"{name!r} has weight {weight}, and without failback no backup takes the VIPs from a "
                "living owner",
                "use weight 0, or failback: true",
            )


@cluster_rule("tracker-in-sync-group")
def tracker_in_sync_group(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A tracker has a weight, and its instance is in a sync group.

    Keepalived ignores weights of what members of a sync group track (keepalived.conf(5), section «VRRP
    synchronization group(s)»): their priorities would part, and the group with them.

    Wrong::

        failover:
          network: front
          failback: true
          instances: [{name: outside, vips: [192.0.2.10]}, {name: inside, network: back, vips: [10.0.0.1]}]
          sync_groups: [{name: nat, instances: [outside, inside]}]
          track:
            scripts: [{name: uplink, command: /usr/local/bin/uplink, weight: -100}]

    Mend: use weight 0: a failure takes the whole group off the director.
    """
    if not cluster.failover.sync_groups:
        return
    for path, name, weight in trackers_of(cluster):
        if weight:
            yield Problem(
                f"{path}.weight",
                f"{name!r} has weight {weight}, which keepalived drops for the members of a sync group",
                "use weight 0",
            )


@cluster_rule("tracker-flaps")
def tracker_flaps(cluster: Cluster, view: View) -> Iterator[Problem]:
    """One failed look moves the VIPs.

    A script that counts as failed at its first failure, or as good at its first success, moves the VIPs
    with every hiccup of a busy machine: with failback there and back again.

    Wrong::

        track:
          scripts: [{name: uplink, command: /usr/local/bin/uplink, fall: 1}]

    Mend: `rise` and `fall` of 2 or more, the default, and a shorter interval where time matters.
    """
    for place, script in enumerate(cluster.failover.track.scripts):
        for option, count in (("rise", script.rise), ("fall", script.fall)):
            if count < 2:
                yield Problem(
                    f"{root_of(cluster)}.failover.track.scripts[{place}].{option}",
                    f"{count}: a single run of {script.name!r} would move the VIPs",
                    "use 2 or more, and a shorter interval where time matters",
                )


@cluster_rule("process-option-without-effect", "warning")
def process_option_without_effect(cluster: Cluster, view: View) -> Iterator[Problem]:
    """An option of a tracked process belongs to the other way of tracking.

    Without `restart` the kernel tells keepalived when a process ends: nobody looks, there is no
    `interval`, and a `delay` bridges a restart by somebody else (keepalived.conf(5),
    `vrrp_track_process`). With `restart` the toolkit's script looks at every interval and restarts the
    process itself; then there is no delay.

    Wrong::

        track:
          processes:
            - {name: nginx, process: nginx, restart: /usr/bin/systemctl restart nginx, delay: 5}

    Mend: with `restart` use `interval`, without it `delay`.
    """
    for place, process in enumerate(cluster.failover.track.processes):
        path = f"{root_of(cluster)}.failover.track.processes[{place}]"
        if process.restart is not None and process.delay:
            yield Problem(
                f"{path}.delay", "it has no effect beside restart", "remove it; interval says when to look"
            )
        if process.restart is None and "interval" in process.model_fields_set:
            yield Problem(f"{path}.interval", "it has no effect without restart", "remove it, or add restart")
