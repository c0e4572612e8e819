"""Proof: what the observations and the client's view say about each promise of the plan.

Each finding is ``proven``, ``failed`` or ``unproven``; what one client cannot prove is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

from lvs_model.checks_view import checks_view, down_servers, without_table
from lvs_model.differences import host_differences
from lvs_model.observation import Observation
from lvs_model.overrides import as_overridden, unequal
from lvs_model.serving import endpoint
from lvs_model.weights import expected_shares, whole_rounds

Finding = dict[str, str]


def judge(
    plan: dict[str, Any],
    observations: dict[str, dict[str, Any]],
    probes: dict[str, dict[str, Any]],
) -> list[Finding]:
    """Findings for every cluster of the plan.

    ``observations`` as for compare.compare; ``probes`` gives by probe host what lvs_probe returned,
    empty where it gave no answer.
    """
    seen = {host: Observation(host, raw) for host, raw in observations.items() if "schema" in raw}
    set_aside = {host: one.overrides for host, one in seen.items()}
    plan = as_overridden(plan, set_aside)
    findings: list[Finding] = []
    for name, cluster in plan["clusters"].items():
        directors = {host: seen[host] for host in cluster["directors"] if host in seen}
        findings += [
            {"cluster": name, "status": status, "text": text, "line": f"{name}: {status}: {text}"}
            for status, text in (
                *_owners(cluster, directors),
                *_standing_by(cluster, directors),
                *_held_together(cluster, directors),
                *_set_aside(plan, name, directors),
                *_converged(plan, name, seen),
                *_arp(plan, cluster, directors, seen),
                *_requests(plan, name, directors, probes),
            )
        ]
    return findings


def _owners(cluster: dict[str, Any], directors: dict[str, Observation]) -> Iterator[tuple[str, str]]:
    for instance in cluster["instances"]:
        unseen = [host for host in instance["priorities"] if host not in directors]
        for vip in instance["vips"]:
            owners = [host for host, one in directors.items() if one.owns(vip)]
            if not owners and unseen:
                yield (
                    "unproven",
                    f"who owns VIP {vip}: none of the directors that were seen; {', '.join(unseen)} was not",
                )
            elif len(owners) != 1:
                yield "failed", f"VIP {vip} has {len(owners)} owners ({', '.join(owners) or 'none'}), not one"
            elif unseen:
                yield "unproven", f"{owners[0]} owns VIP {vip}; {', '.join(unseen)} was not seen"
            else:
                yield "proven", f"exactly one director owns VIP {vip}: {owners[0]}"


def _standing_by(cluster: dict[str, Any], directors: dict[str, Observation]) -> Iterator[tuple[str, str]]:
    """Whether each director could take over, and what connection sync it runs."""
    for host, director in directors.items():
        mine = [one for one in cluster["instances"] if host in one["priorities"]]
        roles = {one["label"]: _role(one, director) for one in mine}
        # Of other engines than VRRP's only the VIPs tell who has which role.
        elections = {one["label"] for one in mine if one["router_id"] is not None}
        if director.vrrp_silent:
            yield "failed", f"{host}: keepalived's VRRP process does not answer; restart keepalived there"
        else:
            for label, role in roles.items():
                if label in elections:
                    yield from _instance_state(host, label, role, director, alone=len(roles) == 1)
        wanted = _sync_daemons(cluster, list(roles.values()))
        if director.sync_daemons != wanted:
            found = ", ".join(sorted(director.sync_daemons)) or "none"
            words = ", ".join(sorted(wanted)) or "none"
            yield "failed", f"{host}: connection sync daemons: {found}, not {words}"
        elif wanted:
            plural = "s" if len(wanted) > 1 else ""
            yield "proven", f"{host} runs the {', '.join(sorted(wanted))} sync daemon{plural}"


def _held_together(cluster: dict[str, Any], directors: dict[str, Observation]) -> Iterator[tuple[str, str]]:
    """What pacemaker says of the cluster on each director."""
    for host, director in directors.items():
        if director.pacemaker is not None:
            for fault in director.pacemaker.faults(list(cluster["directors"])):
                yield "failed", f"{host}: {fault}"


def _set_aside(
    plan: dict[str, Any], name: str, directors: dict[str, Observation]
) -> Iterator[tuple[str, str]]:
    """Whether all directors know of the same overrides: after a takeover one that does not would forward."""
    found = {host: one.overrides for host, one in directors.items()}
    for host, one in found.items():
        for line in one.damaged:
            yield "failed", f"{host}: {line}"
    for host, drain in unequal({"clusters": {name: plan["clusters"][name]}}, found):
        again = f"run playbooks/drain.yml -e host={drain.host} again, or playbooks/restore.yml"
        yield "failed", f"{host} does not know that {drain}: {again}"


def _role(instance: dict[str, Any], director: Observation) -> str:
    """What a director's addresses say of its part in an instance."""
    owner = any(map(director.owns, [*instance["vips"], *filter(None, [instance["anchor"]])]))
    return "MASTER" if owner else "BACKUP"


def _instance_state(
    host: str, label: str, role: str, director: Observation, *, alone: bool
) -> Iterator[tuple[str, str]]:
    state = director.vrrp_states.get(label)
    if state != role:
        of = "" if alone else f" of {label}"
        has = f"has VIPs{of}" if role == "MASTER" else f"has no VIP{of}"
        yield "failed", f"{host} {has}, and its VRRP instance is {state or 'in an unknown state'}"


def _sync_daemons(cluster: dict[str, Any], roles: list[str]) -> set[str]:
    """The sync daemons that a director in these VRRP roles must run: the first instance decides."""
    if cluster["sync_daemons"] is None or not roles:
        return set()
    if cluster["sync_daemons"] == "both":
        return {"master", "backup"}
    return {roles[0].lower()}


def _converged(plan: dict[str, Any], name: str, seen: dict[str, Observation]) -> Iterator[tuple[str, str]]:
    directors_seen = all(director in seen for director in plan["clusters"][name]["directors"])
    for host, planned in plan["hosts"].items():
        if planned["cluster"] != name:
            continue
        if host not in seen:
            yield "unproven", f"{host} was not seen"
            continue
        differences = host_differences(planned, seen[host])
        for difference in differences:
            # Kept on purpose while a director that may forward to it was not seen (compare.py).
            kept = difference.kind in {"contract", "stale"} and not directors_seen
            yield "unproven" if kept else "failed", f"{host}: {difference.text}"
        if differences:
            continue
        if planned["role"] != "director":
            yield "proven", f"{host} is as planned"
            continue
        down = sorted(server for servers in down_servers(planned, seen[host]).values() for server in servers)
        without = f", without {', '.join(down)} (found dead by its checks)" if down else ""
        if "ipvs" not in planned:
            yield "proven", f"{host} is as planned"
        elif without_table(planned, seen[host]):
            yield "proven", f"{host} is as planned, and its kernel table is empty: it owns no VIP"
        elif checks_view(planned, seen[host]) is None:
            engine = "keepalived" if planned["table_on"] == "every" else "ldirectord"
            yield "failed", f"{host}: {engine} does not tell what its checks found"
        else:
            yield "proven", f"{host}'s kernel table equals the plan{without}"


def _arp(
    plan: dict[str, Any],
    cluster: dict[str, Any],
    directors: dict[str, Observation],
    seen: dict[str, Observation],
) -> Iterator[tuple[str, str]]:
    """Who answers ARP for a VIP: asked by each director that does not own it, on its segment."""
    for vip in cluster["vips"]:
        owners = [host for host, one in directors.items() if one.owns(vip)]
        if len(owners) != 1:
            continue
        if ":" in vip:
            yield "unproven", f"who answers neighbour solicitations for VIP {vip}: lvs_facts asks ARP only"
            continue
        interface = directors[owners[0]].addresses[vip]
        right = directors[owners[0]].mac(interface)
        for host, director in directors.items():
            expected = set() if host == owners[0] else {right}
            answers = director.arp(vip)
            if answers is None:
                yield "unproven", f"who answers ARP for VIP {vip}: {host} could not ask"
                continue
            strangers = sorted(mac for mac in answers - expected if mac is not None)
            for mac in strangers:
                who = next((name for name, one in seen.items() if mac in one.macs), "an unknown host")
                yield "failed", f"{who} ({mac}) answers ARP for VIP {vip}, asked by {host}"
            if not strangers and answers == expected:
                if host != owners[0]:
                    yield "proven", f"only {owners[0]} answers ARP for VIP {vip}, asked by {host}"
            elif not answers:
                yield "failed", f"nobody answers ARP for VIP {vip}, asked by {host}"
        if len(directors) < 2:
            yield "unproven", f"who answers ARP for VIP {vip}: there is no second director to ask from"


def _requests(
    plan: dict[str, Any],
    name: str,
    directors: dict[str, Observation],
    probes: dict[str, dict[str, Any]],
) -> Iterator[tuple[str, str]]:
    answered = {host: result for host, result in probes.items() if "results" in result}
    if not answered:
        yield "unproven", "the client's view: no host of the group 'probes' was reachable or there is none"
        return
    for service in plan["clusters"][name]["services"]:
        prefix = f"{name}/{service['name']} "
        if service["unasked"]:
            yield "unproven", f"{prefix.strip()}: the client's view: {service['unasked']}"
        for result in (one for probe in answered.values() for one in probe["results"]):
            if result["name"].startswith(prefix):
                yield from _one_service(plan, service, result, directors)


def _one_service(
    plan: dict[str, Any],
    service: dict[str, Any],
    result: dict[str, Any],
    directors: dict[str, Observation],
) -> Iterator[tuple[str, str]]:
    title = result["name"]
    if result["failed"]:
        first = result.get("first_error") or "no reason given"
        yield "failed", f"{title}: {result['failed']} of {result['total']} requests failed ({first})"
    else:
        yield "proven", f"{title}: {result['total']} requests answered"
    if service["probe"]["header"] is None:
        yield "unproven", f"{title}: which real server answered: {service['split_unprovable']}"
        return
    # What the owner's checks found: it is the owner that forwards.
    key = _key(service, result["address"], result["port"])
    dead = {
        server.rsplit(":", 1)[0].strip("[]")
        for host, director in directors.items()
        if director.owns(result["address"])
        for server in down_servers(plan["hosts"][host], director).get(key, set())
    }
    live = [
        server
        for server in service["real_servers"]
        if server["weight"] > 0 and not dead & set(server["addresses"].values())
    ]
    if len(live) < service["min_servers"]:
        yield "failed", f"{title}: {len(live)} real servers serve, fewer than min_servers"
    reached = result["by_server"]
    silent = [server["name"] for server in live if not reached.get(server["name"])]
    strangers = sorted(set(reached) - {server["name"] for server in live})
    if strangers:
        yield "failed", f"{title}: answers from {', '.join(strangers)}: drained, dead or not in the pool"
    if service["split_unprovable"] is not None:
        yield "unproven", f"{title}: every real server and the split: {service['split_unprovable']}"
        return
    if silent:
        yield "failed", f"{title}: no answer from {', '.join(silent)}"
    elif not result["failed"]:
        yield from _split(title, service, live, result)


def _key(service: dict[str, Any], vip: str, port: int) -> str:
    """The name in the IPVS table of what a client asked: only tcp is asked."""
    if service["mark"] is not None:
        return f"FWM {service['mark']}{' IPv6' if ':' in vip else ''}"
    return f"TCP {endpoint(vip, port)}"


def _split(
    title: str, service: dict[str, Any], live: list[dict[str, Any]], result: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    total = result["total"]
    weights = {server["name"]: server["weight"] for server in live}
    shares = expected_shares(service["scheduler"], weights) or {}
    expected = {name: float(total * share) for name, share in shares.items()}
    found = {name: result["by_server"].get(name, 0) for name in expected}
    table = ", ".join(f"{name} {found[name]} ({expected[name]:.0f} promised)" for name in expected)
    # A round that servers taken out have left incomplete gives the heaviest first.
    partial = total % whole_rounds(service["scheduler"], weights, 1)
    right = all(
        abs(found[name] - expected[name]) <= _allowance(total, float(shares[name])) + partial
        for name in expected
    )
    yield ("proven" if right else "failed"), f"{title}: the split is {table}"


def _allowance(total: int, share: float) -> float:
    """How many requests a server's part may be off.

    Other clients' requests move the round on between ours, so that at worst ours fall like dice: three
    standard deviations of a binomial distribution. Alone on the service a client sees it exactly.
    """
    return max(1.0, 3 * sqrt(total * share * (1 - share)))
