"""Persistence, and flows that survive a failover by hashing."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View, root_of


@service_rule("persistence-prefix-alone")
def persistence_prefix_alone(served: Served) -> Iterator[Problem]:
    """Clients are grouped for a persistence that is not there.

    `persistence_prefix` says which clients count as one when they come back (ipvsadm(8), `--netmask`).
    Without persistence nobody is remembered, and it is without effect.

    Wrong::

        services:
          - {name: www, persistence_prefix: 24, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: add `persistence: 300`, or remove the prefix.
    """
    service = served.service
    if service.persistence_prefix is not None and service.persistence is None:
        yield Problem(
            f"{served.path}.persistence_prefix",
            f"{service.persistence_prefix}, and there is no persistence",
            "add persistence: 300, or remove it",
        )


@service_rule("persistence-prefix-too-long")
def persistence_prefix_too_long(served: Served) -> Iterator[Problem]:
    """More leading bits than an address has.

    An IPv4 address has 32 bits (ipvsadm(8), `--netmask`): a longer prefix is meant for IPv6. In a service
    with VIPs of both families it counts for IPv6, and each IPv4 client is one of its own.

    Wrong::

        services:
          - name: www
            vips: [192.0.2.10]
            persistence: 300
            persistence_prefix: 64

    Mend: 32 or less.
    """
    prefix = served.service.persistence_prefix
    if prefix is not None and prefix > 32 and 6 not in served.families:
        yield Problem(
            f"{served.path}.persistence_prefix",
            f"{prefix}, and the clients of IPv4 VIPs have 32",
            "use 32 or less",
        )


@cluster_rule("sloppy-tcp-without-mh", "warning")
def sloppy_tcp_without_mh(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Flows of an unknown connection go to any real server.

    With `sloppy_tcp` a director schedules a TCP packet of a connection that it does not know (kernel,
    Documentation/networking/ipvs-sysctl.rst). After a failover that is right only when it chooses the
    same real server as its predecessor: under mh or sh, which go by the client's address. Any other
    scheduler hands the connection to a server that resets it.

    Wrong::

        ipvs: {sloppy_tcp: true}
        services:
          - {name: www, scheduler: wlc, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: scheduler mh with the flag mh-port for TCP services, or remove `sloppy_tcp` and use
    `connection_sync`.
    """
    others = [
        one.name for one in cluster.services if "tcp" in one.protocols and one.scheduler not in {"mh", "sh"}
    ]
    if cluster.ipvs.sloppy_tcp and others:
        yield Problem(
            f"{root_of(cluster)}.ipvs.sloppy_tcp",
            f"after a failover the connections of {', '.join(others)} would go to any real server",
            "use scheduler mh for them, or remove it",
        )
