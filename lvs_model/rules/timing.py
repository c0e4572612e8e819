"""Adverts and skews beside the jitter of real timers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of
from lvs_model.rules.vrrp import refused_priorities
from lvs_model.timing import crash_takeover_s, skew_s
from lvs_model.topology import Instance as Election
from lvs_model.topology import election_family, election_version, instance_priorities

# How late timers were, 99.9 of 100 times, on a two-processor virtual machine: idle, and with both processors
# busy (measured: 8.5 ms, and 130 to 200 ms).
IDLE_JITTER_S = 0.01
BUSY_JITTER_S = 0.2


@cluster_rule("advert-interval-below-jitter", "warning")
def advert_interval_below_jitter(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A busy director would be taken for dead.

    A backup takes over when an advert is late by the adverts that may be lost, less one, and its skew
    (RFC 5798, 6.1). Timers of a two-processor virtual machine with both processors busy were up to 200
    ms late (measured, 99.9 of 100 times; idle 10 ms). When the margin is smaller, load alone moves the
    VIPs, and the machine that was busy is the one that loses them.

    Wrong::

        failover: {network: front, advert_interval: 0.05}

    Mend: a longer interval (0.25 is safe on measured hardware), more `lost_adverts`, or directors on
    hardware whose jitter you have measured: then the warning may stand.
    """
    failover = cluster.failover
    for election in view.instances(cluster):
        found = _priorities(cluster, election, view)
        if len(found) < 2:
            continue
        # The backup with the shortest skew is the first to lose patience.
        nearest = sorted(found.values())[-2]
        margin = crash_takeover_s(
            failover.advert_interval,
            nearest,
            version=_version(cluster, election, view),
            down_timer_adverts=failover.lost_adverts,
        )[0]
        if margin < BUSY_JITTER_S:
            yield Problem(
                f"{root_of(cluster)}.failover.advert_interval",
                f"{failover.advert_interval:g} s: a backup takes over when an advert is "
                f"{1000 * margin:.0f} ms late, and timers of a busy machine are up to "
                f"{1000 * BUSY_JITTER_S:.0f} ms late",
                "use a longer interval, or more lost_adverts",
            )


@cluster_rule("skew-below-jitter", "warning")
def skew_below_jitter(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Two backups can take over at once.

    After a crash the backups' timers end one after the other, a 256th of the advert interval for each
    point of priority between them (RFC 5798, 6.1). When that is less than the jitter of an idle
    machine's timers (10 ms, measured, 99.9 of 100 times), two backups take over at once, and each VIP
    has two owners until the first advert arrives.

    Wrong::

        # host_vars: lvs_priority 200, 195 and 190
        failover: {network: front, advert_interval: 0.25}     # 5 points are 4.9 ms

    Mend: leave `lvs_priority` out (the toolkit keeps up to 50 points), set priorities further apart, or
    take a longer interval.
    """
    interval = cluster.failover.advert_interval
    for election in view.instances(cluster):
        backups = sorted(_priorities(cluster, election, view).items(), key=lambda one: -one[1])[1:]
        version = _version(cluster, election, view)
        for (above, high), (below, low) in pairwise(backups):
            distance = skew_s(interval, low, version=version) - skew_s(interval, high, version=version)
            if distance < IDLE_JITTER_S:
                yield Problem(
                    f"{root_of(cluster)}.failover.advert_interval",
                    f"{interval:g} s: {above} (priority {high}) and {below} ({low}) take over "
                    f"{1000 * distance:.1f} ms apart, within the "
                    f"{1000 * IDLE_JITTER_S:.0f} ms of timer jitter",
                    "set lvs_priority further apart, or use a longer interval",
                )


def _priorities(cluster: Cluster, election: Election, view: View) -> dict[str, int]:
    """Priority by director; empty where there are none, which an error says."""
    if refused_priorities(cluster, election, view, trackers=True) or election.network not in cluster.networks:
        return {}
    try:
        return instance_priorities(cluster, election, view.inventory)
    except ValueError:
        return {}


def _version(cluster: Cluster, election: Election, view: View) -> int:
    if election.network not in cluster.networks:
        return 3
    return election_version(cluster, election_family(cluster, election, view.inventory))
