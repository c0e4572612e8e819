"""Pools: who serves, with which weight, and when a service counts as up."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served
from lvs_model.weights import TABLE_PLACES


@service_rule("pool-empty")
def pool_empty(served: Served) -> Iterator[Problem]:
    """A service has no real server.

    Without a real server every connection is refused. Disabled real servers are not in the pool.

    Wrong::

        edge_web: {hosts: {}}

    Mend: put real servers into the group that `pool` names.
    """
    pool = served.service.pool
    if pool in served.view.inventory.groups and not served.pool:
        yield Problem(
            f"{served.path}.pool",
            f"the pool {pool!r} is empty",
            "put real servers into the group (disabled ones do not count)",
        )


@service_rule("pool-drained")
def pool_drained(served: Served) -> Iterator[Problem]:
    """All real servers of a service have weight 0.

    A real server with weight 0 keeps its connections and gets no new ones (ipvsadm(8), `--weight`):
    with all of them at 0 the service refuses every client.

    Wrong::

        # group_vars/edge_web.yml
        lvs_state: drained

    Mend: give one a weight above 0.
    """
    if served.weights and not any(served.weights.values()):
        yield Problem(f"{served.path}.pool", "every real server has weight 0", "give one a weight above 0")


@service_rule("min-servers-above-pool")
def min_servers_above_pool(served: Served) -> Iterator[Problem]:
    """More real servers must stay reachable than there are.

    A deployment goes on while `min_servers` real servers of a pool with a weight above 0 are reachable.
    With fewer in the pool it would never begin.

    Wrong::

        services:
          - {name: www, min_servers: 4, pool: edge_web, vips: [192.0.2.10], ports: [80]}   # three in the pool

    Mend: lower it, or add real servers.
    """
    serving = sum(weight > 0 for weight in (served.weights or {}).values())
    if serving and served.service.min_servers > serving:
        yield Problem(
            f"{served.path}.min_servers",
            f"{served.service.min_servers} is more than the {serving} real servers with a weight above 0",
            "lower it, or add real servers",
        )


@service_rule("weights-impossible")
def weights_impossible(served: Served) -> Iterator[Problem]:
    """No weights follow from what the real servers say.

    Weights are integers from 0 to 65535 (ipvsadm(8)), and some schedulers have a table that limits
    their sum. From capacities the toolkit computes the smallest ones that keep every share within
    `weight_error`; where there are none, it does not guess.

    Wrong::

        # scheduler sh, whose table has 256 places
        lvs_capacity: 100000      # web1
        lvs_capacity: 1           # web2

    Mend: as the message says: another scheduler, a greater `weight_error`, or given weights.
    """
    if served.weights is not None:
        return
    try:
        served.view.inventory.weights(served.cluster, served.service)
    except ValueError as error:
        remedy = getattr(error, "remedy", "give weights")
        yield Problem(f"{served.path}.pool: lvs_capacity", str(error), remedy)


@service_rule("weight-units-mixed")
def weight_units_mixed(served: Served) -> Iterator[Problem]:
    """Some real servers of a pool say a capacity, and others do not.

    A weight counts beside the other weights of its pool. One computed from capacities, in whatever
    unit, has no proportion to a given weight, nor to the 1 of a host that says nothing: a forgotten
    line in one host's variables would send it a thousandth of the traffic, or a thousand times as much.

    Wrong::

        # host_vars/web1.yml
        lvs_capacity: 16
        # host_vars/web2.yml says nothing

    Mend: give all of them `lvs_capacity`, or all of them `lvs_weight`. Drained ones need none.
    """
    weights = served.weights or {}
    # A drained one's weight is 0 whatever it says.
    hosts = [host for host in served.pool if weights.get(host.name, 1)]
    said: dict[str, list[str]] = {"capacity": [], "weight": [], "nothing": []}
    for host in hosts:
        own = host.variables.lvs_services.get(served.service.name)
        given = host.variables.lvs_weight is not None or (own is not None and own.weight is not None)
        kind = "weight" if given else "capacity" if host.variables.lvs_capacity is not None else "nothing"
        said[kind].append(host.name)
    if not said["capacity"]:
        return
    for kind, lack in (("weight", "a weight"), ("nothing", "neither a capacity nor a weight")):
        if said[kind]:
            yield Problem(
                f"{served.path}.pool",
                f"{said['capacity'][0]} says lvs_capacity, and {', '.join(said[kind])} {lack}",
                "give all of them lvs_capacity, or all of them lvs_weight",
            )


@service_rule("weights-without-effect", "warning")
def weights_without_effect(served: Served) -> Iterator[Problem]:
    """The scheduler does not look at weights, and they differ.

    rr, lc and dh only ask whether a weight is 0 (kernel, net/netfilter/ipvs/ip_vs_rr.c, ip_vs_lc.c,
    ip_vs_dh.c): a real server with weight 3 gets as much as one with weight 1.

    Wrong::

        services:
          - {name: www, scheduler: rr, pool: edge_web, vips: [192.0.2.10], ports: [80]}
        # host_vars/web1.yml
        lvs_weight: 3

    Mend: use wrr for rr and wlc for lc, or remove the weights.
    """
    scheduler = served.service.scheduler
    differing = {weight for weight in (served.weights or {}).values() if weight}
    if scheduler in {"rr", "lc", "dh"} and len(differing) > 1:
        yield Problem(
            f"{served.path}.scheduler",
            f"{scheduler} does not look at weights, and those of the pool differ",
            {"rr": "use wrr", "lc": "use wlc", "dh": "use sh or mh"}[scheduler] + ", or remove the weights",
        )


@service_rule("hash-table-overflow")
def hash_table_overflow(served: Served) -> Iterator[Problem]:
    """The weights do not fit into the scheduler's table.

    Sh and mh fill a table with as many places for each real server as its weight. sh has 256 places and
    mh 4093 in Debian's kernels (CONFIG_IP_VS_SH_TAB_BITS, CONFIG_IP_VS_MH_TAB_INDEX): what does not fit
    gets no clients.

    Wrong::

        services:
          - {name: www, scheduler: sh, pool: edge_web, vips: [192.0.2.10], ports: [80]}
        # host_vars/web1.yml and web2.yml
        lvs_weight: 200

    Mend: give smaller weights of the same proportions, or use wlc or wrr.
    """
    scheduler = served.service.scheduler
    total, places = sum((served.weights or {}).values()), TABLE_PLACES.get(scheduler)
    if places is not None and total > places:
        yield Problem(
            f"{served.path}.scheduler",
            f"the pool's weights sum to {total}, the table of {scheduler} has {places} places",
            "give smaller weights",
        )


@service_rule("dynamic-weight-overflow", "warning")
def dynamic_weight_overflow(served: Served) -> Iterator[Problem]:
    """A check can set weights beyond the scheduler's table.

    A script with `dynamic_weight` sets a weight of up to 253 (keepalived.conf(5), `misc_dynamic`).
    Under sh, whose table has 256 places, two real servers at their highest do not fit.

    Wrong::

        services:
          - name: www
            scheduler: sh
            check: {type: script, command: /usr/local/bin/load, dynamic_weight: true}

    Mend: use wlc or wrr, or let the script return small weights only: then the warning may stand.
    """
    dynamic = any(one.type == "script" and one.dynamic_weight for one in served.service.checks)
    most, places = 253 * len(served.pool), TABLE_PLACES.get(served.service.scheduler)
    if dynamic and places is not None and most > places:
        yield Problem(
            f"{served.path}.check",
            f"dynamic weights can sum to {most}, the table of {served.service.scheduler} has {places} places",
            "use wlc or wrr, or return small weights only",
        )


@service_rule("quorum-above-weights")
def quorum_above_weights(served: Served) -> Iterator[Problem]:
    """The quorum can never be reached.

    The quorum counts the weights of living real servers. Above the sum of all of them the service would
    be down for ever; keepalived lowers such a quorum by itself, with an error at `keepalived -t`.

    Wrong::

        services:
          - {name: www, quorum: 10, pool: edge_web, vips: [192.0.2.10], ports: [80]}   # weights 3, 2 and 1

    Mend: lower the quorum, or raise the weights. A drained real server counts 0.
    """
    total = sum((served.weights or {}).values())
    if total and served.service.quorum > total:
        yield Problem(
            f"{served.path}.quorum",
            f"{served.service.quorum} is more than the weights of all real servers, {total}",
            "lower it, or raise the weights (drained ones count 0)",
        )


@service_rule("hysteresis-too-large")
def hysteresis_too_large(served: Served) -> Iterator[Problem]:
    """A service that lost its quorum would never be up again, or never lose it.

    Keepalived counts a service as down below quorum - hysteresis, and as up again from quorum +
    hysteresis on. With a hysteresis as large as the quorum it would never be down; with a sum above all
    weights it would never be up, and the fallback would answer for ever. keepalived changes the first
    by itself, with an error at `keepalived -t`.

    Wrong::

        services:
          - {name: www, quorum: 2, hysteresis: 2, pool: edge_web, vips: [192.0.2.10], ports: [80]}

    Mend: a hysteresis below the quorum, and quorum + hysteresis within the sum of the weights.
    """
    quorum, hysteresis = served.service.quorum, served.service.hysteresis
    total = sum((served.weights or {}).values())
    if hysteresis >= quorum:
        yield Problem(
            f"{served.path}.hysteresis", f"{hysteresis} is not below the quorum, {quorum}", "lower it"
        )
    elif quorum <= total < quorum + hysteresis:
        yield Problem(
            f"{served.path}.hysteresis",
            f"quorum and hysteresis, {quorum + hysteresis}, are more than the weights of all real "
            f"servers, {total}: "
            "a service that was down would stay so",
            "lower one of the two",
        )


@service_rule("threshold-order")
def threshold_order(served: Served) -> Iterator[Problem]:
    """A real server's lower threshold is above its upper one.

    At `upper` connections a real server gets no more, and new ones again below `lower` (ipvsadm(8)).
    The kernel refuses a lower threshold above the upper one (net/netfilter/ipvs/ip_vs_ctl.c), and
    without an upper one the lower has no meaning.

    Wrong::

        services:
          - name: www
            thresholds: {upper: 100, lower: 200}

    Mend: a lower threshold below the upper one, or none: three quarters of the upper one.
    """
    found = [(f"{served.path}.thresholds", served.service.thresholds)]
    for host in served.pool:
        own = host.variables.lvs_services.get(served.service.name)
        if own is not None:
            found.append((f"host {host.name}: lvs_services.{served.service.name}.thresholds", own.thresholds))
    for path, limits in found:
        if limits is not None and limits.lower > limits.upper:
            yield Problem(
                f"{path}.lower", f"{limits.lower} is above upper, {limits.upper}", "lower it, or raise upper"
            )
