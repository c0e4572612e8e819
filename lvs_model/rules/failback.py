"""Failback: when a repaired director takes its role back."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import failback_delay_s

_LONGEST_FAILBACK_DELAY = 1000  # preempt_delay of keepalived.conf(5), seconds


@cluster_rule("failback-delay-too-long")
def failback_delay_too_long(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The checks take longer than a returning director can wait.

    With failback a returning director waits until its checks have had their first results: otherwise it
    would take over with an empty table. keepalived waits 1000 s at most (keepalived.conf(5),
    `preempt_delay`).

    Wrong::

        failover: {network: front, failback: true}
        services:
          - name: www
            check: {type: http, timeout: 300, retries: 3}

    Mend: shorten the checks' timeouts or retries, or give `failback_delay`.
    """
    if cluster.failover.failback and failback_delay_s(cluster) > _LONGEST_FAILBACK_DELAY:
        yield Problem(
            f"{root_of(cluster)}.failover.failback_delay",
            f"the checks' first results can take {failback_delay_s(cluster):.0f} s, and keepalived waits "
            f"at most {_LONGEST_FAILBACK_DELAY} s",
            "shorten the checks' timeouts or retries, or give a delay",
        )


@cluster_rule("failback-delay-without-failback")
def failback_delay_without_failback(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A delay of the failback, and no failback.

    Without failback a repaired director never takes its role back by itself, and a delay has no
    meaning; keepalived refuses `preempt_delay` beside `nopreempt`.

    Wrong::

        failover: {network: front, failback: false, failback_delay: 60}

    Mend: `failback: true`, or remove the delay.
    """
    if not cluster.failover.failback and cluster.failover.failback_delay is not None:
        yield Problem(
            f"{root_of(cluster)}.failover.failback_delay",
            f"{cluster.failover.failback_delay:g} s, and failback is off",
            "use failback: true, or remove the delay",
        )


@cluster_rule("failback-before-checks", "warning")
def failback_before_checks(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A returning director takes over before it knows its real servers.

    A director that has just started holds every real server for dead until its checks have had a result
    (`starts_down`). If it takes the VIPs back before that, clients are refused.

    Wrong::

        failover: {network: front, failback: true, failback_delay: 1}
        services:
          - name: www
            check: {type: http, timeout: 2, retries: 2}    # the first results can take 8 s

    Mend: leave `failback_delay` out: the toolkit waits just as long as the checks need. Or give a
    longer one.
    """
    delay = cluster.failover.failback_delay
    needed = max((one.first_result_s for one in cluster.services if one.starts_down), default=0)
    if cluster.failover.failback and delay is not None and delay < needed:
        yield Problem(
            f"{root_of(cluster)}.failover.failback_delay",
            f"{delay:g} s, and the checks' first results can take {needed:g} s",
            "leave it out, or give a longer one",
        )
