"""What forbids a deployment to act: hosts that are away, and hosts that cannot be what they shall be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from lvs_model.checks_view import View, checks_view
from lvs_model.components.network import CONFIGURATION as NETWORK_ITEMS
from lvs_model.components.network import TOOL
from lvs_model.differences import Difference, file_differences
from lvs_model.elections import Declared, password_digest, planned_elections
from lvs_model.engine_change import ours, runs
from lvs_model.expected_packets import packets_of
from lvs_model.observation import Election, Observation
from lvs_model.packet_filter import foreign_drops
from lvs_model.problems import Problem

# Systems on which the roles are proven: os-release id and version.
SUPPORTED = {("debian", "12"), ("debian", "13")}


def away(plan: dict[str, Any], unreachable: list[str], accepted: set[str]) -> Iterator[Problem]:
    """Unreachable hosts without which nothing may be changed."""
    # In a teardown directors are planned as retired hosts, and one that is left out would own the VIPs on.
    directors = {name for cluster in plan["clusters"].values() for name in cluster["directors"]}
    for host in unreachable:
        if host in directors and host not in accepted:
            yield Problem(
                f"host {host}",
                "this director is unreachable, and nothing has been changed",
                f"mend it, or accept its absence by name: -e lvs_accept_unreachable={host}",
            )
    for name, cluster in plan["clusters"].items():
        # A teardown has real servers to clean, whatever has become of the directors.
        gone = all(host in unreachable for host in cluster["directors"])
        if cluster["directors"] and gone and not cluster["teardown"]:
            yield Problem(f"cluster {name}", "no director is reachable", "mend one of them first")
        for service in cluster["services"]:
            if cluster["teardown"]:
                break
            pool = [server["name"] for server in service["real_servers"] if server["weight"] > 0]
            left = [host for host in pool if host not in unreachable]
            if len(left) < service["min_servers"]:
                yield Problem(
                    f"cluster {name}: service {service['name']}",
                    f"{len(left)} of {len(pool)} real servers with a weight are reachable, fewer than "
                    f"min_servers {service['min_servers']}",
                    "mend them, or lower min_servers",
                )


def failed(failures: dict[str, str]) -> Iterator[Problem]:
    """Hosts that are reachable and could not be observed: nobody may act around them unseen."""
    for host, why in failures.items():
        yield Problem(f"host {host}", f"it could not be observed ({why})", "mend that first")


def unprepared(
    plan: dict[str, Any], host: str, differences: list[Difference], seen: dict[str, Observation]
) -> dict[str, list[str]]:
    """Real servers that a director would newly check and forward to, although they were not seen.

    By the real server's name the services' keys. The director checks a RIP, and whether the VIP is ready
    there the check does not tell: requests could go to a server that drops them.
    """
    planned = plan["hosts"][host]
    changed = {difference.detail for difference in differences if difference.kind == "file"}
    if not changed & set(planned.get("table_files", [])):
        return {}
    names = {
        address: server["name"]
        for service in plan["clusters"][planned["cluster"]]["services"]
        for server in service["real_servers"]
        for address in server["addresses"].values()
    }
    known = _known(plan, host, seen)
    found: dict[str, list[str]] = {}
    for key, service in planned.get("ipvs", {}).items():
        for server, entry in service["servers"].items():
            name = names[server.rsplit(":", 1)[0].strip("[]")]
            if entry["weight"] > 0 and name not in seen and (key, server) not in known:
                found.setdefault(name, []).append(key)
    return found


def _known(plan: dict[str, Any], host: str, seen: dict[str, Observation]) -> View:
    """The real servers that a director checks already; where only the owner does, those that it checks."""
    planned, hosts = plan["hosts"][host], [host]
    if "ipvs" not in planned:
        return {}
    if planned["table_on"] == "owner":
        hosts = [one for one in plan["clusters"][planned["cluster"]]["directors"] if one in seen]
    return {key: state for one in hosts for key, state in (checks_view(planned, seen[one]) or {}).items()}


def left_out(host: str, servers: list[str]) -> Iterator[Problem]:
    """Such real servers that --limit has left out."""
    if servers:
        yield Problem(
            f"host {host}",
            f"its services would change, and these real servers were not looked at: {', '.join(servers)}",
            "leave out --limit, or let it name the real servers too",
        )


def unwatched(plan: dict[str, Any], changing: list[str], asked: Collection[str]) -> Iterator[Problem]:
    """Clusters whose real servers would change while none of their directors was looked at (--limit)."""
    for name, cluster in plan["clusters"].items():
        own = [host for host in changing if plan["hosts"][host]["cluster"] == name]
        balancing = [host for host in cluster["directors"] if plan["hosts"][host]["role"] == "director"]
        if own and balancing and not any(host in asked for host in balancing):
            yield Problem(
                f"cluster {name}",
                f"its real servers would change ({', '.join(own)}), and none of its directors was looked at, "
                "which tell what still serves and hold the lock",
                "leave out --limit, or let it name the directors too",
            )


def retiring(plan: dict[str, Any], seen: dict[str, Observation]) -> list[str]:
    """Hosts that shall be no director any more, and still run an engine of the toolkit's."""
    return [
        host
        for host, one in seen.items()
        if plan["hosts"][host]["role"] != "director" and any(runs(kind, one) for kind in ours(one))
    ]


def successors(plan: dict[str, Any], seen: dict[str, Observation]) -> Iterator[Problem]:
    """Directors that would be retired while they own VIPs that nobody is there to take over."""
    for host in retiring(plan, seen):
        for name, cluster in plan["clusters"].items():
            if cluster["teardown"]:
                continue
            for instance in cluster["instances"]:
                owned = [vip for vip in instance["vips"] if seen[host].owns(vip)]
                heirs = [seen[one] for one in instance["priorities"] if one in seen]
                if owned and not any(_stands_by(instance, one) for one in heirs):
                    yield Problem(
                        f"host {host}",
                        f"it owns VIP {owned[0]} of cluster {name}, shall be no director any more, and no "
                        "other director stands by for it",
                        "add another director and deploy it first",
                    )


def _stands_by(instance: dict[str, Any], seen: Observation) -> bool:
    """Whether a director can take over an instance, as far as its engine tells."""
    elected = instance["router_id"] is None or seen.vrrp_states.get(instance["label"]) in {"BACKUP", "MASTER"}
    return elected and any(seen.runs(kind.unit) for kind in ours(seen))


def unseen_retired(
    plan: dict[str, Any], seen: dict[str, Observation], switching: list[str], accepted: set[str]
) -> Iterator[Problem]:
    """Retired hosts that nobody looked at while directors change: one that still elects would be forgotten.

    The directors would no longer know it as their peer, and it would go on owning VIPs beside them. A host
    that is on no network of a cluster has never been one of its directors.
    """
    changing = {plan["hosts"][host]["cluster"] for host in switching}
    if not switching or any(cluster["teardown"] for cluster in plan["clusters"].values()):
        return
    for host, planned in plan["hosts"].items():
        concerned = planned["role"] == "retired" and changing.intersection(planned["may_elect"])
        if concerned and host not in seen and host not in accepted:
            yield Problem(
                f"host {host}",
                "it shall be retired and was not looked at: a director that still runs there would go on "
                "owning VIPs beside the others",
                "mend it, leave out --limit, take it out of 'retired' if it holds nothing, or accept its "
                f"absence: -e lvs_accept_unreachable={host}",
            )


def fitness(plan: dict[str, Any], planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """What makes a host unfit for its role, whatever would be installed on it."""
    path = f"host {seen.host}"
    if seen.raw.get("euid") != 0:
        yield Problem(
            path, "it was observed by a common user", "connect as root, or set ansible_become: true"
        )
    if seen.os not in SUPPORTED:
        known = ", ".join(f"{system} {version}" for system, version in sorted(SUPPORTED))
        yield Problem(path, f"{' '.join(seen.os)} is not supported", f"use one of: {known}")
    missing = [name for name in planned["modules"] if seen.module(name) == "missing"]
    if missing:
        yield Problem(
            path,
            f"its kernel {seen.raw.get('kernel')} lacks {', '.join(missing)}",
            "boot a kernel that has them (Debian: linux-image-amd64 or -cloud-amd64), "
            "or take another scheduler or forwarding",
        )
    for interface in planned["interfaces"]:
        if interface not in seen.interfaces:
            yield Problem(
                path,
                f"it has no interface {interface} (it has {', '.join(sorted(seen.interfaces))})",
                "mend the network's interface in lvs_cluster, or this host's lvs_interfaces",
            )
    for address, interface in planned["addresses"].items():
        found = seen.addresses.get(address)
        if found is None:
            yield Problem(
                f"{path}: lvs_addresses",
                f"{address} is on none of its interfaces",
                "mend lvs_addresses, or configure the address on the host",
            )
        elif interface not in (None, found):
            yield Problem(
                f"{path}: lvs_addresses",
                f"{address} is on {found}, not on {interface}",
                "mend the network's interface in lvs_cluster, or this host's lvs_interfaces",
            )
    yield from _lost_routes(planned, seen)
    yield from _unknown_items(planned, seen)
    yield from _adoption(planned, seen)
    yield from _loose_ends(plan, planned, seen)
    ruleset = (seen.raw.get("nftables") or {}).get("ruleset")
    for drop in foreign_drops(ruleset or "", packets_of(planned["packets"])):
        yield Problem(path, drop, "then run this again")


def _lost_routes(planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """IPv6 default routes that the kernel forgets as soon as it forwards.

    It takes router advertisements for hosts only, unless accept_ra is 2 (ip-sysctl.rst; net/ipv6/route.c,
    rt6_purge_dflt_routers): the controller may come that way. Where it forwards already, this run takes none.
    """
    name = "net/ipv6/conf/all/forwarding"
    if planned["sysctls"].get(name) != "1" or seen.raw["sysctls"].get(name) == "1":
        return
    for link, accepts in (seen.raw.get("ra_routes") or {}).items():
        if accepts != "2":
            yield Problem(
                f"host {seen.host}",
                f"its IPv6 default route by {link} comes from router advertisements, which the kernel "
                "ignores when it forwards, as this plan wants it to",
                f"set net.ipv6.conf.{link.replace('.', '/')}.accept_ra = 2 there, now and in /etc/sysctl.d, "
                "or give it a default route of its own",
            )


def _unknown_items(planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """What lvs-network holds is not known: what is left over would stay, and what is there be missed.

    Where its own files are not the planned ones, the run replaces them, which mends it.
    """
    replaced = {one.detail for one in file_differences(planned, seen)}
    if seen.held_error is not None and not replaced & {TOOL, NETWORK_ITEMS}:
        yield Problem(
            f"host {seen.host}",
            f"what lvs-network holds there is not known ({seen.held_error})",
            f"mend that first; by hand: {TOOL} held",
        )


def _loose_ends(plan: dict[str, Any], planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """VIPs that somebody has put on an interface by hand: they would be answered for by two hosts.

    What an engine of ours has left behind when it died, it takes over when it is started again; what runs
    here and is not ours is another problem (_adoption).
    """
    director = planned["role"] == "director"
    if planned["cluster"] is None or any(director or runs(kind, seen) for kind in ours(seen)):
        return
    if director and seen.runs(planned["engine_unit"]):
        return
    engine = planned.get("engine_unit", "keepalived.service").removesuffix(".service")
    for vip in plan["clusters"][planned["cluster"]]["vips"]:
        if seen.owns(vip):
            interface = seen.addresses[vip]
            command = f"ip address delete {vip}/{128 if ':' in vip else 32} dev {interface}"
            yield Problem(
                f"host {seen.host}",
                f"VIP {vip} is on its {interface}, and no {engine} of ours has put it there",
                f"take it away where it is configured, and now: {command}",
            )


@dataclass(frozen=True)
class ElectionChange:
    """A running election of ``vips`` that is not the planned one, and in what."""

    vips: list[str]
    text: str


def election_changes(
    cluster: dict[str, Any], planned: dict[str, Any], seen: Observation
) -> Iterator[ElectionChange]:
    """Elections that run on a director for planned VIPs, and that are not the planned ones.

    A VIP that only moves from one instance to another is among them. VIPs that nobody has yet are not,
    and neither is a keepalived that does not run. ``cluster`` is the plan's of the host. What keepalived did
    not tell is not compared.
    """
    if not seen.runs(planned["engine_unit"]) or any(_foreign(planned, seen)):
        return
    written = planned_elections(planned)
    for instance in cluster["instances"]:
        wanted = written.get(instance["label"], Declared())
        for running in seen.elections:
            shared = [vip for vip in instance["vips"] if vip in running.addresses]
            differs = _other_election(instance, planned, wanted, running)
            differs += _other_adverts(instance, wanted, running, seen)
            if shared and differs:
                yield ElectionChange(shared, " and ".join(differs))


def _other_election(
    instance: dict[str, Any], planned: dict[str, Any], wanted: Declared, running: Election
) -> list[str]:
    """In what a running election is another one, as keepalived itself tells."""
    second = instance["version"] == running.version == 2
    pairs = [
        ("router id", running.router_id, instance["router_id"]),
        ("VRRP version", running.version, instance["version"]),
        ("authentication", running.authentication, instance["authentication"]),
        ("interface", running.interface, planned["elections"].get(instance["label"])),
        # keepalived tells hundredths of a second.
        ("advert interval", _seconds(running.interval_s), _seconds(wanted.interval_s) if second else None),
    ]
    other = [
        f"{name} {has}, the plan {wish}"
        for name, has, wish in pairs
        if None not in (has, wish) and has != wish
    ]
    if running.password and wanted.password and running.password != password_digest(wanted.password):
        other.append("another password than the plan")
    return other


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _other_adverts(
    instance: dict[str, Any], wanted: Declared, running: Election, seen: Observation
) -> list[str]:
    """Whether adverts shall go another way than by the configuration in effect, which alone tells."""
    effective = seen.declared.get(running.label or "")
    if effective is None or instance["family"] is None:
        return []
    has, wish = effective.transport(instance["family"]), wanted.transport(instance["family"])
    return [f"adverts by {has}, the plan {wish}"] if None not in (has, wish) and has != wish else []


def _foreign(planned: dict[str, Any], seen: Observation) -> Iterator[str]:
    """Configurations on a director that are there and not the toolkit's."""
    for path in planned.get("table_files", []):
        found = seen.raw["files"].get(path)
        if found is not None and not found.get("marked"):
            yield path


def _adoption(planned: dict[str, Any], seen: Observation) -> Iterator[Problem]:
    """An engine that somebody else has configured: its router id and peers are not ours.

    Reloaded into our configuration while its peer still has the old one, it would own the VIPs beside it.
    """
    if "engine_unit" in planned and seen.runs(planned["engine_unit"]):
        engine = planned["engine_unit"].removesuffix(".service")
        for path in _foreign(planned, seen):
            yield Problem(
                f"host {seen.host}",
                f"{engine} runs with a {path} that is not the toolkit's",
                f"stop {engine} here first (of a pair the standby), deploy, and then take over the other",
            )
