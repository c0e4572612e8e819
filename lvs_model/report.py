"""Text for people: what the clusters are, and what a deployment would do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import Any


def plan_lines(clusters: dict[str, Any]) -> list[str]:
    """The clusters of a plan in two lines each, however large they are."""
    lines = []
    for name, cluster in clusters.items():
        directors = ", ".join(f"{host} (priority {value})" for host, value in cluster["directors"].items())
        ids = [str(one["router_id"]) for one in cluster["instances"] if one["router_id"] is not None]
        known = f", virtual router id {', '.join(ids)}" if ids else ""
        lines.append(f"cluster {name}: directors {directors}{known}")
        takeover = _takeover(cluster["failover_s"])
        lines.append(f"  {_counts(cluster)}" + (f"; takeover {takeover}" if takeover else ""))
    return lines


def table_lines(clusters: dict[str, Any]) -> list[str]:
    """The clusters of a plan with every VIP, director, service and real server, in aligned columns."""
    lines = []
    for name, cluster in clusters.items():
        lines += [f"cluster {name}: {_counts(cluster)}", ""]
        heads = ("instance", "network", "VRRP", "router id", "director", "priority", "VIP", "takeover")
        lines += aligned(heads, (_instance_rows(one) for one in cluster["instances"]))
        if cluster["services"]:
            heads = ("service", "VIP", "ports", "forwarding", "scheduler", "real server", "address", "weight")
            rows = (_service_rows(service) for service in cluster["services"])
            lines += ["", *aligned((*heads, "share"), rows)]
        lines.append("")
    return lines[:-1]


def _counts(cluster: dict[str, Any]) -> str:
    """How much there is of everything."""
    servers = {server["name"] for service in cluster["services"] for server in service["real_servers"]}
    counts = {
        "director": len(cluster["directors"]),
        "VIP": len(cluster["vips"]),
        "service": len(cluster["services"]),
        "real server": len(servers),
    }
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items())


def _takeover(times: dict[str, float] | None) -> str:
    """The theoretical times until another director owns the VIPs, empty where there is no other."""
    if not times:
        return ""
    crash = f"after a crash {times['crash_best']:.2f} to {times['crash_worst']:.2f} s"
    return f"{crash}, orderly {times['orderly']:.2f} s"


# The rows of one thing: its own cells stand in the first row, lists run down their columns.
_Rows = list[tuple[str, ...]]


def _rows(*columns: Iterable[str]) -> _Rows:
    return list(zip_longest(*columns, fillvalue=""))


def _instance_rows(instance: dict[str, Any]) -> _Rows:
    order = sorted(instance["priorities"].items(), key=lambda one: -one[1])
    return _rows(
        [instance["name"]],
        [instance["network"]],
        [] if instance["version"] is None else [f"v{instance['version']} IPv{instance['family']}"],
        [] if instance["router_id"] is None else [str(instance["router_id"])],
        [host for host, _ in order],
        [str(priority) for _, priority in order],
        instance["vips"],
        _takeover(instance["failover_s"]).split(", ") if instance["failover_s"] else ["nobody else is there"],
    )


def _service_rows(service: dict[str, Any]) -> _Rows:
    servers = service["real_servers"]
    scheduler = [service["scheduler"]]
    if service["persistence"] is not None:
        scheduler.append(f"persistent {service['persistence']} s")
    return _rows(
        [service["name"]],
        service["vips"],
        [*_ports(service), *([f"mark {service['mark']}"] if service["mark"] is not None else [])],
        [service["forwarding"]],
        scheduler,
        [server["name"] for server in servers],
        [", ".join(server["addresses"].values()) for server in servers],
        [str(server["weight"]) for server in servers],
        ["" if server["share"] is None else f"{server['share']:.1%}" for server in servers],
    )


def _ports(service: dict[str, Any]) -> Iterator[str]:
    """The ports as ranges, a text for each protocol."""
    found = dict.fromkeys((one["protocol"], one["port"]) for one in service["endpoints"])
    for protocol in dict.fromkeys(protocol for protocol, _ in found):
        ports = sorted(port for own, port in found if own == protocol)
        # Neighbours have the same distance from their places in the sorted list.
        runs = groupby(enumerate(ports), lambda one: one[1] - one[0])
        ends = [(run[0][1], run[-1][1]) for run in (list(group) for _, group in runs)]
        texts = [str(first) if first == last else f"{first}-{last}" for first, last in ends]
        yield f"{protocol} {'all' if texts == ['0'] else ', '.join(texts)}"


def aligned(heads: tuple[str, ...], things: Iterable[list[tuple[str, ...]]]) -> Iterator[str]:
    """Aligned columns under their heads; columns in which nothing stands are left out.

    A thing has several rows: its own cells stand in the first one.
    """
    rows = [row for thing in things for row in thing]
    used = [index for index in range(len(heads)) if any(row[index] for row in rows)]
    widths = {index: max(len(heads[index]), *(len(row[index]) for row in rows)) for index in used}
    for row in (heads, *rows):
        yield ("  " + "  ".join(row[index].ljust(widths[index]) for index in used)).rstrip()


def work_lines(hosts: dict[str, Any], asked: int, notes: list[str], told: list[str]) -> list[str]:
    """What differs, host by host, behind the notes for the operator; ``told`` are its classes and order."""
    lines = [f"note: {note}" for note in notes]
    for host, work in hosts.items():
        lines += [f"{host}: {change}" for change in work["changes"]]
    lines += told
    lines.append(f"{len(hosts)} of {asked} hosts differ from the plan")
    return lines
