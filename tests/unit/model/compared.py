"""What the tests of compare share: a site's work, the commands it forces, and what forbids it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.problems import ModelError

from .builders import Case, Site

KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
NETWORK_CONF = "/etc/lvs-toolkit/network.conf"
TOOL = "/usr/local/lib/lvs-toolkit/lvs-network"
APPLY = "systemctl reload-or-restart lvs-network.service"
KEY = "TCP 192.0.2.10:80"
KERNELS = [
    f"note: {host}: debian 13, kernel 6.12.48+deb13-amd64, IPVS version 1.2.1 (size=4096); schedulers wrr"
    for host in ("lb1", "lb2")
]


def changed(site: Site, *hosts: str) -> None:
    """Let a file of hosts differ."""
    for host in hosts:
        path = next(iter(site.seen[host]["files"]))
        site.seen[host]["files"][path] = None


def holds(site: Site, host: str, *more: str, without: str = "nothing") -> None:
    """Let lvs-network hold further items on a host, and not those that begin so."""
    kept = [item for item in site.plan["hosts"][host]["items"] if not item.startswith(without)]
    site.seen[host]["network"] = "".join(f"{item}\n" for item in (*kept, *more))


def work(site: Site, *accepted: str) -> dict[str, Any]:
    found = compare(site.plan, site.seen, list(accepted))
    json.dumps(found)  # it becomes an Ansible fact
    return found


def problems(site: Site, *accepted: str) -> list[str]:
    with pytest.raises(ModelError) as error:
        compare(site.plan, site.seen, list(accepted))
    return [str(problem) for problem in error.value.problems]


def forced(site: Site, host: str) -> list[str]:
    return [" ".join(action["argv"]) for action in work(site)["hosts"][host]["actions"] if action["force"]]


def stops(work: dict[str, Any]) -> list[str]:
    """The commands that end what a host needs no more."""
    return [" ".join(action["argv"]) for action in work["stop"]]


def retired(*hosts: str, spare: bool = True) -> Case:
    """The hosts are out of their groups and in the one of the retired; ``spare``: a third director stays."""
    case = Case()
    if spare:
        case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    for names in case.groups.values():
        names[:] = [name for name in names if name not in hosts]
    for host in hosts:
        case.add_host(host, "retired", **case.hostvars[host])
    return case


def as_before(*hosts: str, spare: bool = True) -> Site:
    """The new plan, and hosts as the old one had left them: lb1 owns the VIPs."""
    plan = retired(*hosts, spare=spare).plan()
    before = Site(retired(spare=spare).plan())
    site = Site(plan)
    site.seen |= {host: before.seen[host] for host in hosts}
    return site
