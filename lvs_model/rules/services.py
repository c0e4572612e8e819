"""Services: how their packets are scheduled, and reach the real servers."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster, Ipvs
from lvs_model.inventory import network_of
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule, service_rule
from lvs_model.rules.view import Served, View, root_of
from lvs_model.topology import server_address


@service_rule("one-packet-not-udp")
def one_packet_not_udp(served: Served) -> Iterator[Problem]:
    """One-packet scheduling of connections.

    With one-packet scheduling every packet goes to another real server (ipvsadm(8), `--ops`): that is
    for datagrams that stand for themselves. A TCP connection would be torn apart; keepalived refuses
    it.

    Wrong::

        services:
          - {name: www, one_packet: true, protocol: tcp, vips: [192.0.2.10], ports: [80], pool: edge_web}

    Mend: remove `one_packet`, or use `protocol: udp`.
    """
    others = [protocol for protocol in served.service.protocols if protocol != "udp"]
    if served.service.one_packet and others:
        yield Problem(
            f"{served.path}.one_packet",
            f"its packets are scheduled one by one, and {' and '.join(others)} has connections",
            "remove it, or use udp only",
        )


@service_rule("scheduler-flag-mismatch")
def scheduler_flag_mismatch(served: Served) -> Iterator[Problem]:
    """A flag of another scheduler.

    sh-port and sh-fallback belong to the scheduler sh, mh-port and mh-fallback to mh (ipvsadm(8),
    `--sched-flags`). Both are the same bits for the kernel: under another scheduler they are ignored or
    mean something else.

    Wrong::

        services:
          - {name: www, scheduler: mh, scheduler_flags: [sh-port], ports: [80], pool: edge_web}

    Mend: use the flags of the service's own scheduler.
    """
    scheduler = served.service.scheduler
    for number, flag in enumerate(served.service.scheduler_flags):
        if not flag.startswith(f"{scheduler}-"):
            remedy = (
                f"use {scheduler}-{flag[3:]}"
                if scheduler in {"sh", "mh"}
                else f"use {flag[:2]}, or remove it"
            )
            yield Problem(
                f"{served.path}.scheduler_flags[{number}]", f"{flag} is no flag of {scheduler}", remedy
            )


@service_rule("real-server-out-of-reach")
def real_server_out_of_reach(served: Served) -> Iterator[Problem]:
    """The directors cannot reach a real server for a VIP.

    Direct routing changes nothing of a packet but its destination MAC address (ipvsadm(8),
    `--gatewaying`): the real server must have an address, of the VIP's own family, on a network of the
    cluster. NAT keeps the family too, and the directors are the gateway on the real server's own network; a
    tunnel needs an address of any family.

    Wrong::

        networks:
          front: {interface: eth0, subnets: [192.0.2.0/24]}
        # host_vars/web1.yml
        lvs_addresses: [203.0.113.21]

    Mend: add the real server's address on one of the cluster's networks, or use `forwarding: tun`,
    which reaches real servers behind routers.
    """
    service = served.service
    for host in served.pool:
        for family in served.families:
            address = server_address(served.cluster, service, host, family)
            if address is None and service.forwarding == "dr":
                what, remedy = (
                    f"no IPv{family} one lies in a network of the cluster, and direct routing reaches a real "
                    f"server of service {service.name!r} only on a segment that the directors are on",
                    "add its address there",
                )
            elif address is None:
                what, remedy = (
                    f"there is no IPv{family} one, by which the directors could reach it for "
                    f"{service.name!r}",
                    "add its address there",
                )
            elif service.forwarding == "nat" and network_of(served.cluster, address) is None:
                what, remedy = (
                    f"{address} lies in no network of the cluster, and under nat the directors are its "
                    f"gateway for {service.name!r}, on its own subnet",
                    "describe that network, or use masquerade",
                )
            else:
                continue
            yield Problem(f"host {host.name}: lvs_addresses", what, remedy)


@cluster_rule("ipvs-without-services", "warning")
def ipvs_without_services(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Options of the kernel's IPVS, and no service.

    Without services keepalived runs without IPVS: its module is not loaded, and nothing is set.

    Wrong::

        failover: {network: front, vips: [192.0.2.10]}
        ipvs: {table_bits: 20}
        services: []

    Mend: remove them, or describe the service that they are for.
    """
    if cluster.services:
        return
    for option in Ipvs.model_fields:
        if getattr(cluster.ipvs, option) != getattr(Ipvs(), option):
            yield Problem(
                f"{root_of(cluster)}.ipvs.{option}",
                "it has no effect: there is no service of IPVS",
                "remove it, or describe the service",
            )
