"""heartbeat: two directors, what they sign their messages with, and when one counts as dead.

What heartbeat 3.0.6 refuses itself it refuses at its start; here it is an error before any host is touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.heartbeat.nodes import node_name, options
from lvs_model.document import Cluster
from lvs_model.document.heartbeat import Heartbeat
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of


def asked(cluster: Cluster) -> Heartbeat | None:
    """The options of a cluster that has heartbeat; None of others (engine-without-method)."""
    has = cluster.engine == "ldirectord" and cluster.failover.method == "heartbeat"
    return options(cluster) if has else None


def path_to(cluster: Cluster, key: str) -> str:
    """Where an option of heartbeat stands, as problems name it."""
    return f"{root_of(cluster)}.failover.heartbeat.{key}"


@cluster_rule("heartbeat-two-directors")
def heartbeat_two_directors(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Heartbeat has not exactly two directors.

    Its takeover asks nobody: who hears nothing of the other node takes all (mach_down, hb_standby: "This
    script will only work for a two machine setup"). With three, two would take the VIPs.

    Wrong::

        failover: {network: front, method: heartbeat}
        # group edge_directors: lb1, lb2, lb3

    Mend: two directors, or `method: pacemaker`, which has votes.
    """
    count = len(view.directors(cluster))
    if asked(cluster) is not None and count != 2:
        yield Problem(
            f"{root_of(cluster)}.directors",
            f"group {cluster.directors!r} has {count}, and heartbeat is for two",
            "make it two, or use method: pacemaker",
        )


@cluster_rule("heartbeat-without-key")
def heartbeat_without_key(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Heartbeat has no key.

    Messages say which director is alive. heartbeat does not start without a key to sign them, and none is
    known that is not a secret of your own.

    Wrong::

        failover: {network: front, method: heartbeat}

    Mend: `heartbeat: {key: {secret: "{{ vault_heartbeat_key }}"}}`.
    """
    wanted = asked(cluster)
    if wanted is not None and wanted.key is None:
        yield Problem(path_to(cluster, "key"), "there is none", "give key: {secret: …}, from a vault")


@cluster_rule("heartbeat-weak-key", "warning")
def heartbeat_weak_key(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Whoever is on the network can speak for a director.

    crc finds damage only, and md5 is broken (RFC 6151): a forged message can keep a dead director alive
    or take the VIPs from a living one.

    Wrong::

        heartbeat: {key: {method: crc}}

    Mend: method sha1, the default. Where the lines belong to the directors alone, the warning may stand.
    """
    wanted = asked(cluster)
    key = wanted.key if wanted is not None else None
    if key is not None and key.method != "sha1":
        yield Problem(
            path_to(cluster, "key.method"), f"{key.method} keeps no forger out", "use sha1, with a secret"
        )


@cluster_rule("heartbeat-timers")
def heartbeat_timers(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Heartbeat's times do not fit each other.

    It does not start unless deadtime and deadping are more than twice keepalive and initdead is at least
    deadtime ("Dead time is too small compared to keepalive"); a warning that comes when the node is dead
    already is none.

    Wrong::

        heartbeat: {keepalive: 2, deadtime: 4}

    Mend: a longer deadtime, or a shorter keepalive; leave warntime, initdead and deadping out, and they
    fit.
    """
    wanted = asked(cluster)
    if wanted is None:
        return
    for key, value in (("deadtime", wanted.deadtime), ("deadping", wanted.dead_ping_s)):
        if value <= 2 * wanted.keepalive and (key == "deadtime" or wanted.deadping is not None):
            yield Problem(
                path_to(cluster, key),
                f"{value:g} s, and it must be more than twice keepalive ({wanted.keepalive:g} s)",
                "make it longer",
            )
    if wanted.first_dead_s < wanted.deadtime:
        yield Problem(
            path_to(cluster, "initdead"),
            f"{wanted.first_dead_s:g} s, less than deadtime ({wanted.deadtime:g} s)",
            "make it twice deadtime, or leave it out",
        )
    if wanted.late_s >= wanted.deadtime:
        yield Problem(
            path_to(cluster, "warntime"),
            f"{wanted.late_s:g} s, not less than deadtime ({wanted.deadtime:g} s)",
            "make it shorter, or leave it out",
        )


@cluster_rule("heartbeat-impatient", "warning")
def heartbeat_impatient(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director may take the other one for dead although it lives.

    Two messages that are lost or late in a row must not move the VIPs: deadtime should be three
    keepalives. At its start a director that does not hear the other one takes the VIPs after initdead,
    while networks may still come up: it should be twice deadtime, and 10 seconds at least (the package's
    ha.cf).

    Wrong::

        heartbeat: {keepalive: 2, deadtime: 5, initdead: 5}

    Mend: `deadtime: 6` or more; `initdead: 12` or more, or leave it out.
    """
    wanted = asked(cluster)
    if wanted is None:
        return
    if 2 * wanted.keepalive < wanted.deadtime < 3 * wanted.keepalive:
        yield Problem(
            path_to(cluster, "deadtime"),
            f"{wanted.deadtime:g} s, less than three keepalives ({wanted.keepalive:g} s each)",
            "make it longer, or keepalive shorter",
        )
    least = max(2 * wanted.deadtime, 10)
    if wanted.deadtime <= wanted.first_dead_s < least:
        yield Problem(
            path_to(cluster, "initdead"),
            f"{wanted.first_dead_s:g} s, and networks may still come up",
            f"use {least:g} s or more, or leave it out",
        )


@cluster_rule("heartbeat-node-names")
def heartbeat_node_names(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A node name is nobody's, or two directors' at once.

    heartbeat finds its own lines by `uname -n`, whatever the case of its letters, and does not start
    where its name is missing. Whether a director really has the name it is asked before anything is
    changed there.

    Wrong::

        heartbeat: {node_names: {lb3: loadbalancer}}      # the directors are lb1 and lb2

    Mend: name each director once, as `uname -n` prints it there.
    """
    wanted = asked(cluster)
    if wanted is None:
        return
    directors = {host.name: node_name(cluster, host) for host in view.directors(cluster)}
    for name in wanted.node_names:
        if name not in directors:
            yield Problem(
                path_to(cluster, f"node_names.{name}"), "it is no director", f"use {', '.join(directors)}"
            )
    if len({name.lower() for name in directors.values()}) < len(directors):
        yield Problem(path_to(cluster, "node_names"), "two directors have one name", "give each its own")
