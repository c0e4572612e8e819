"""ldirectord's virtual services.

Source: ldirectord(8), section «virtual»; ipvsadm(8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lvs_model.components.ldirectord.checks import check_lines
from lvs_model.components.ldirectord.words import address, place, timing_lines, yes
from lvs_model.serving import Entry, Member, Serving


def virtuals(services: list[Serving], program: str, *, fork: bool) -> list[dict[str, Any]]:
    """One block for every entry of the IPVS table; ``program`` runs the programs of script checks.

    ldirectord takes real servers of several virtual services for one where their checks are alike: each
    result then counts for all of them, and one failure as many times as there are such services, in spite of
    failurecount (service_set, _service_down). A text that matches nothing keeps them apart.
    """
    pairs = [(one, entry) for one in services for entry in one.entries()]
    servers = Counter(server for one, entry in pairs for server in set(_servers(one, entry)))
    return [
        _block(
            one, entry, program, shared=any(servers[server] > 1 for server in _servers(one, entry)), fork=fork
        )
        for one, entry in pairs
    ]


def _servers(one: Serving, entry: Entry) -> Iterator[tuple[str | None, str, int]]:
    for member in one.members_of(entry):
        yield entry.protocol, member.addresses[entry.family], one.server_port(entry, member)


def _block(one: Serving, entry: Entry, program: str, *, shared: bool, fork: bool) -> dict[str, Any]:
    service = one.service
    check = service.checks[0]
    members = one.members_of(entry)
    port = next((one.check_port(entry, member) for member in members), 0)
    return {
        "service": service.name,
        "head": f"virtual{'6' if entry.family == 6 else ''} = {_place(entry)}",
        "real_servers": [
            {"name": member.name, "line": _real_server(one, entry, member)} for member in members
        ],
        "lines": [
            *_fallback(one, entry),
            f"scheduler = {service.scheduler}",
            *_options(one, entry),
            f"protocol = {entry.protocol or 'fwm'}",
            # Always said: the man page says yes is the default, the program takes no.
            f"quiescent = {yes(one.inhibits)}",
            *timing_lines(check, interval=fork),
            *check_lines(check, port, program, entry.key if shared else None),
        ],
    }


def _place(entry: Entry) -> str:
    if entry.vip is None:
        return str(entry.mark)
    return f"{address(entry.vip)}:{entry.port}"


def _real_server(one: Serving, entry: Entry, member: Member) -> str:
    port = None if entry.mark is not None else one.server_port(entry, member)
    words = [place("real", entry.family, member.addresses[entry.family], port, one.service.forwarding)]
    words.append(str(member.weight))
    if member.thresholds is not None:
        words += [f"l:{member.thresholds.lower}", f"u:{member.thresholds.upper}"]
    return " ".join(words)


def _fallback(one: Serving, entry: Entry) -> Iterator[str]:
    fallback = one.service.fallback
    if fallback is None or fallback.address.version != entry.family:
        return
    port = None if entry.mark is not None else fallback.port or entry.port
    method = fallback.forwarding or one.service.forwarding
    yield place("fallback", entry.family, str(fallback.address), port, method)


def _options(one: Serving, entry: Entry) -> Iterator[str]:
    service = one.service
    if service.scheduler_flags:
        yield f"schedflags = {','.join(service.scheduler_flags)}"
    if service.persistence is not None:
        yield f"persistent = {service.persistence}"
        if mask := one.granularity(entry.family):
            yield f"netmask = {mask}"
    if service.one_packet:
        yield "ops = yes"
