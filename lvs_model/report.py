"""Text for people: what the clusters are, and what a deployment would do."""

from __future__ import annotations

from typing import Any


def plan_lines(clusters: dict[str, Any]) -> list[str]:
    """The clusters of a plan, a line for each director, VIP, service and real server."""
    lines = []
    for name, cluster in clusters.items():
        directors = ", ".join(f"{host} (priority {value})" for host, value in cluster["directors"].items())
        lines.append(f"cluster {name}: directors {directors}, virtual router id {cluster['router_id']}")
        times = cluster["failover_s"]
        if times:
            lines.append(
                f"  takeover after a crash {times['crash_best']:.2f} to {times['crash_worst']:.2f} s, "
                f"orderly {times['orderly']:.2f} s"
            )
        for service in cluster["services"]:
            ports = ", ".join(str(port) for port in service["ports"])
            lines.append(
                f"  service {service['name']}: {', '.join(service['vips'])} {service['protocol']} {ports}, "
                f"{service['forwarding']}, {service['scheduler']}"
            )
            for server in service["real_servers"]:
                share = "" if server["share"] is None else f", {server['share']:.1%} of the traffic"
                lines.append(f"    {server['name']} ({server['address']}): weight {server['weight']}{share}")
    return lines


def work_lines(hosts: dict[str, Any], asked: int, notes: list[str]) -> list[str]:
    """What differs, host by host, behind the notes for the operator."""
    lines = [f"note: {note}" for note in notes]
    for host, work in hosts.items():
        lines += [f"{host}: {change}" for change in work["changes"]]
    lines.append(f"{len(hosts)} of {asked} hosts differ from the plan")
    return lines
