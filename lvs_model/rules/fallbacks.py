"""The server that stands in for the real servers."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document.types import LOCALHOST
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import service_rule
from lvs_model.rules.view import Served


@service_rule("fallback-family")
def fallback_family(served: Served) -> Iterator[Problem]:
    """The fallback is of another address family than the VIPs.

    The fallback takes the real servers' place in the virtual service, and is reached as they are: by
    the VIP's own address family.

    Wrong::

        services:
          - {name: www, vips: ["2001:db8::10"], fallback: {address: 192.0.2.99}, ports: [80], pool: edge_web}

    Mend: a fallback with an address of the VIPs' family.
    """
    fallback = served.service.fallback
    if fallback is not None and fallback.address.version not in served.families:
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address}, and the VIPs are IPv{served.families[0]}",
            "use an address of their family",
        )


@service_rule("fallback-for-one-family", "warning")
def fallback_for_one_family(served: Served) -> Iterator[Problem]:
    """Some VIPs of a service have no fallback.

    A service with IPv4 and IPv6 VIPs becomes virtual services of both, and a fallback stands in for
    real servers of its own family only: clients of the other one are refused when too few real servers
    are left.

    Wrong::

        services:
          - name: www
            vips: [192.0.2.10, "2001:db8::10"]
            fallback: {address: 192.0.2.99}

    Mend: make it two services, each with a fallback of its family.
    """
    fallback = served.service.fallback
    if fallback is not None and len(served.families) > 1:
        other = 10 - fallback.address.version
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address} stands in for real servers of its own family: IPv{other} has no fallback",
            "make it two services, or accept it",
        )


@service_rule("fallback-is-vip")
def fallback_is_vip(served: Served) -> Iterator[Problem]:
    """The fallback is a VIP.

    A packet that IPVS forwards to a VIP comes back to the director, which schedules it again.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], fallback: {address: 192.0.2.10}, ports: [80], pool: edge_web}

    Mend: the address of a host.
    """
    fallback = served.service.fallback
    if fallback is not None and fallback.address in served.view.vip_addresses:
        yield Problem(
            f"{served.path}.fallback.address", f"{fallback.address} is a VIP", "use a host's address"
        )


@service_rule("fallback-out-of-reach")
def fallback_out_of_reach(served: Served) -> Iterator[Problem]:
    """The directors cannot reach the fallback.

    Direct routing changes nothing of a packet but its destination MAC address (ipvsadm(8),
    `--gatewaying`), so the fallback must be on a network of the cluster.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        services:
          - {name: www, vips: [192.0.2.10], fallback: {address: 203.0.113.99}, ports: [80], pool: edge_web}

    Mend: a server on one of the cluster's networks, or `fallback: {forwarding: tun}` or `nat`.
    """
    fallback = served.service.fallback
    if fallback is None or (fallback.forwarding or served.service.forwarding) != "dr":
        return
    if fallback.address != LOCALHOST and network_of(served.cluster, fallback.address) is None:
        yield Problem(
            f"{served.path}.fallback.address",
            f"{fallback.address} lies in no network of the cluster, and direct routing reaches only those",
            "use a server on one of them, or another forwarding for the fallback",
        )


@service_rule("fallback-is-director")
def fallback_is_director(served: Served) -> Iterator[Problem]:
    """The fallback is a director, and another one can own the VIPs.

    The owner hands the fallback its clients' packets as it hands them to a real server. Another director
    drops what came by direct routing or a tunnel, because the VIP is not its own; what came by NAT it
    answers past the owner. Only masquerading works, or a director that is a real server of the service.

    Wrong::

        services:
          - {name: www, vips: [192.0.2.10], fallback: {address: 192.0.2.11}, ports: [80], pool: edge_web}
        # host_vars/lb1.yml
        lvs_addresses: [192.0.2.11]

    Mend: another host; `forwarding: masquerade` for the fallback; or put the directors into the pool.
    """
    fallback, directors = served.service.fallback, served.view.directors(served.cluster)
    if fallback is None or len(directors) < 2:
        return
    forwarding = fallback.forwarding or served.service.forwarding
    pool = {host.name for host in served.pool} if forwarding in {"dr", "tun"} else set()
    for host in directors:
        if (
            fallback.address in host.variables.lvs_addresses
            and forwarding != "masquerade"
            and host.name not in pool
        ):
            yield Problem(
                f"{served.path}.fallback.address",
                f"{fallback.address} is director {host.name}'s: forwarded by {forwarding} it does not serve "
                "the VIPs while another director owns them",
                "use another host, or forwarding masquerade for the fallback",
            )


@service_rule("fallback-here-not-direct")
def fallback_here_not_direct(served: Served) -> Iterator[Problem]:
    """The director itself is the fallback, and not by direct routing.

    127.0.0.1 stands for whichever director owns the VIPs. IPVS delivers to it what it need not change; what
    address translation or a tunnel sends to a loopback address the kernel drops
    (net/netfilter/ipvs/ip_vs_xmit.c, crosses_local_route_boundary).

    Wrong::

        services:
          - name: www
            vips: [192.0.2.10]
            ports: [80]
            pool: edge_web
            fallback: {address: 127.0.0.1, forwarding: tun}

    Mend: leave `forwarding` out, and have a server on the directors that answers for the VIP.
    """
    fallback = served.service.fallback
    if fallback is not None and fallback.address == LOCALHOST and fallback.forwarding != "dr":
        yield Problem(
            f"{served.path}.fallback.forwarding",
            f"{fallback.forwarding} to {fallback.address} is dropped by the kernel",
            "leave it out: what goes to the director itself goes directly",
        )


@service_rule("fallback-behind-drained", "warning")
def fallback_behind_drained(served: Served) -> Iterator[Problem]:
    """A drained real server keeps ldirectord's fallback away.

    To ldirectord a drained real server that passes its checks is one that serves (_service_up), and the
    fallback stands in only where there is none (fallback_on). When all others are dead, nobody answers new
    clients, until the drained one is dead too or a deployment puts the fallback into the table.

    Wrong::

        engine: ldirectord
        services:
          - {name: www, fallback: {address: 192.0.2.99}, vips: [192.0.2.10], ports: [80], pool: edge_web}
        # host_vars/web1.yml
        lvs_state: drained

    Mend: `lvs_state: disabled` when its last clients have left; or engine keepalived.
    """
    service = served.service
    if served.cluster.engine != "ldirectord" or service.fallback is None:
        return
    drained = [name for name, weight in (served.weights or {}).items() if weight == 0]
    if drained:
        yield Problem(
            f"{served.path}.fallback",
            f"{', '.join(drained)} is drained, and while it passes its checks ldirectord does not have the "
            "fallback stand in when all others are dead",
            "write lvs_state: disabled when its last clients have left",
        )
