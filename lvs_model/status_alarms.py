"""What only a status sees: strangers in an election, and directors whose configurations are unequal.

Each finding is ``(grave, text)``: an alarm, or else a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_model.differences import file_differences
from lvs_model.observation import Observation

Finding = tuple[bool, str]


def alarms(
    plan: dict[str, Any], name: str, directors: dict[str, Observation], seen: dict[str, Observation]
) -> Iterator[Finding]:
    """Findings of a cluster; ``directors`` are those of its own that were seen, ``seen`` all hosts."""
    yield from _strangers(plan, name, directors, seen)
    for text in (*_unplanned(plan, name, directors), *_unequal(plan, name, directors)):
        yield True, text


def _strangers(
    plan: dict[str, Any], name: str, directors: dict[str, Observation], seen: dict[str, Observation]
) -> Iterator[Finding]:
    """Adverts with a router id of ours from somebody who is no director of the cluster.

    A packet filter may keep them from keepalived; that they are there is told all the same. VRRP for IPv6
    speaks from link-local addresses, which no plan knows: there the hardware address tells who it is, and
    while a director is away nobody can say that it is not that one.
    """
    cluster = plan["clusters"][name]
    own = {address for host in cluster["directors"] for address in plan["hosts"][host]["addresses"]}
    macs = {mac for one in directors.values() for mac in one.macs}
    away = [host for host in cluster["directors"] if host not in directors]
    heard: dict[tuple[str, str, int, str], list[str]] = {}
    for host, one in directors.items():
        for advert in one.raw.get("adverts") or []:
            source, mac = advert["source"], advert["mac"]
            if _is_ours(plan, cluster, host, advert) and source not in own and mac not in macs:
                heard.setdefault((source, mac, advert["router_id"], advert["interface"]), []).append(host)
    for (source, mac, router_id, interface), hosts in heard.items():
        who = next((f" (host {name})" for name, one in seen.items() if mac in one.macs), "")
        text = (
            f"a stranger, {source} ({mac}){who}, sends VRRP adverts with router id {router_id} on "
            f"{interface}, heard by {', '.join(hosts)}"
        )
        unsure = away and source.startswith("fe80:")
        yield not unsure, text + (f"; it may be {' or '.join(away)}, which was not seen" if unsure else "")


def _is_ours(plan: dict[str, Any], cluster: dict[str, Any], host: str, advert: dict[str, Any]) -> bool:
    """Whether an advert is one of an election in which a director takes part there."""
    places = plan["hosts"][host].get("elections", {})
    return any(
        one["router_id"] == advert["router_id"]
        and one["family"] == (6 if ":" in advert["source"] else 4)
        and places.get(one["label"]) == advert["interface"]
        for one in cluster["instances"]
    )


def _unplanned(plan: dict[str, Any], name: str, directors: dict[str, Observation]) -> Iterator[str]:
    """Elections that a director's keepalived runs and that are not its own."""
    for host, one in directors.items():
        places = plan["hosts"][host].get("elections", {})
        wanted = {
            (instance["router_id"], places[instance["label"]])
            for instance in plan["clusters"][name]["instances"]
            if instance["label"] in places
        }
        for election in one.elections:
            place = (election.router_id, election.interface)
            if None not in place and place not in wanted:
                yield (
                    f"{host}: keepalived runs an election with router id {election.router_id} on "
                    f"{election.interface}, which is not planned"
                )


def _unequal(plan: dict[str, Any], name: str, directors: dict[str, Observation]) -> Iterator[str]:
    """In what directors differ from each other, whatever the plan says."""
    for instance in plan["clusters"][name]["instances"]:
        running = {
            host: election
            for host, one in directors.items()
            for election in one.elections
            if election.label == instance["label"]
        }
        for word in ("router id", "version", "authentication"):
            values = {host: getattr(one, word.replace(" ", "_")) for host, one in running.items()}
            yield from _said(f"{instance['name']} has", word, values)
        vips = {host: ", ".join(sorted(one.addresses)) or None for host, one in running.items()}
        yield from _said(f"{instance['name']} has", "addresses", vips)
    tables = {
        host: ", ".join(sorted(one.table)) or "nothing"
        for host, one in directors.items()
        if plan["hosts"][host]["table_on"] == "every" and one.raw["ipvs"].get("table") is not None
    }
    yield from _said("the kernel's tables have", "services", tables)
    # Files say each director's own things: that one is as planned and another is not makes them unequal.
    paths = dict.fromkeys(path for host in directors for path in plan["hosts"][host].get("table_files", []))
    for path in paths:
        behind = [
            host
            for host, one in directors.items()
            if any(found.detail == path for found in file_differences(plan["hosts"][host], one))
        ]
        as_planned = [host for host in directors if host not in behind]
        if behind and as_planned:
            yield (
                f"unequal configurations: {path} is as planned on {', '.join(as_planned)}, and not on "
                f"{', '.join(behind)}"
            )


def _said(what: str, word: str, values: dict[str, Any]) -> Iterator[str]:
    """One line where known values are not all the same."""
    known = {host: value for host, value in values.items() if value is not None}
    if len(set(known.values())) > 1:
        told = "; ".join(f"{value} on {host}" for host, value in known.items())
        yield f"unequal configurations: {what} other {word}: {told}"
