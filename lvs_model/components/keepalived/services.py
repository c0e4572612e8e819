"""keepalived's virtual servers: the services with their real servers and checks.

Source: keepalived.conf(5), section «Virtual server(s)».
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.components.keepalived.checks import check_context
from lvs_model.components.keepalived.drains import drain_check
from lvs_model.components.keepalived.words import number, quoted
from lvs_model.document import Cluster, Forwarding, Service
from lvs_model.serving import Entry, Member, Serving

_METHODS = {"dr": "DR", "nat": "NAT", "masquerade": "NAT", "tun": "TUN"}


def virtual_servers(cluster: Cluster, services: list[Serving]) -> list[dict[str, Any]]:
    """One block for every entry of the IPVS table; the same on all directors of a cluster."""
    return [_block(cluster, one, entry) for one in services for entry in one.entries()]


def _block(cluster: Cluster, one: Serving, entry: Entry) -> dict[str, Any]:
    service = one.service
    return {
        "service": service.name,
        "address": f"fwmark {entry.mark}" if entry.vip is None else _place(entry.vip, entry.port),
        "lines": [
            f"delay_loop {number(service.delay_loop_s)}",
            *_scheduling(service),
            f"lvs_method {_method(service, service.forwarding)}",
            *_persistence(one, entry),
            # Said, because without real servers of a definite family keepalived takes a mark for IPv4's.
            f"ip_family {'inet' if entry.family == 4 else 'inet6'}"
            if entry.protocol is None
            else f"protocol {entry.protocol.upper()}",
            *_quorum(service),
            *_fallback(service, entry),
            *_commands(service),
            *service.extra_lines,
        ],
        "real_servers": [_real_server(cluster, one, entry, member) for member in one.members_of(entry)],
    }


def _place(address: str, port: int) -> str:
    return f"{address} {port}" if port else address


def _method(service: Service, forwarding: Forwarding) -> str:
    word = _METHODS[forwarding]
    if forwarding != "tun" or service.tunnel.type == "ipip":
        return word
    port = f" port {service.tunnel.port}" if service.tunnel.type == "gue" else ""
    return f"{word} type {service.tunnel.type}{port}"


def _scheduling(service: Service) -> Iterator[str]:
    yield f"lvs_sched {service.scheduler}"
    yield from service.scheduler_flags
    if service.one_packet:
        yield "ops"


def _persistence(one: Serving, entry: Entry) -> Iterator[str]:
    if one.service.persistence is None:
        return
    yield f"persistence_timeout {one.service.persistence}"
    mask = one.granularity(entry.family)
    if mask is not None:
        yield f"persistence_granularity {mask}"


def _quorum(service: Service) -> Iterator[str]:
    if service.starts_down:
        yield "alpha"
    if service.notify_at_stop:
        yield "omega"
    if service.quorum != 1:
        yield f"quorum {service.quorum}"
    if service.hysteresis:
        yield f"hysteresis {service.hysteresis}"
    if service.on_failure == "inhibit":
        yield "inhibit_on_failure"


def _fallback(service: Service, entry: Entry) -> Iterator[str]:
    fallback = service.fallback
    if fallback is None or fallback.address.version != entry.family:
        return
    port = 0 if entry.mark is not None else fallback.port or entry.port
    yield f"sorry_server {_place(str(fallback.address), port)}"
    if fallback.forwarding is not None:
        yield f"sorry_server_lvs_method {_method(service, fallback.forwarding)}"


def _commands(service: Service) -> Iterator[str]:
    if service.notify.quorum_up:
        yield f"quorum_up {quoted(service.notify.quorum_up)}"
    if service.notify.quorum_down:
        yield f"quorum_down {quoted(service.notify.quorum_down)}"


def _real_server(cluster: Cluster, one: Serving, entry: Entry, member: Member) -> dict[str, Any]:
    service = one.service
    address = member.addresses[entry.family]
    asked = (member.name, address, one.check_port(entry, member))
    return {
        "name": member.name,
        "address": _place(address, one.server_port(entry, member)),
        "lines": [
            f"weight {member.weight}",
            *_thresholds(member),
            *([f"notify_up {quoted(service.notify.server_up)}"] if service.notify.server_up else []),
            *([f"notify_down {quoted(service.notify.server_down)}"] if service.notify.server_down else []),
        ],
        "checks": [
            *(
                check_context(cluster, service.name, asked, check, service.delay_loop_s)
                for check in member.checks
            ),
            drain_check(service.name, member.name),
        ],
    }


def _thresholds(member: Member) -> Iterator[str]:
    if member.thresholds is None:
        return
    if member.thresholds.upper:
        yield f"uthreshold {member.thresholds.upper}"
    if member.thresholds.lower:
        yield f"lthreshold {member.thresholds.lower}"
