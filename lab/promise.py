"""What the inventory promises, by the toolkit's own plan: what the demo and the tests measure against."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lvs_model.inventory import read_inventory
from lvs_model.plan import compile_plan
from lvs_model.problems import ModelError
from lvs_model.vrrp import crash_takeover_s, orderly_takeover_s

__all__ = ["Promise", "promise_of", "read_promise"]


@dataclass(frozen=True)
class Promise:
    """One service of a cluster, seen from its client.

    client: the host that requests are sent from. request: what lvs_traffic is to ask for (address, port,
    path …). requests: a whole number of scheduling rounds. shares: by real server, the part of all requests
    that its weight promises; they sum to 1. directors: VRRP priority by director, falling.
    advert_interval_s: VRRP's. detection_s: seconds until a dead real server is taken out, at the latest.
    tables: by director, the IPVS table that it must have: {"TCP 192.0.2.10:80": {"servers": {"ADDRESS:PORT":
    …}}}. owner_only: whether only the owner of the VIPs has it, as under heartbeat and pacemaker;
    managed_s is what the plan then tells of their times (crash_best, crash_worst, orderly), else None.
    addresses: by real server, its address as tables have it.
    """

    client: str
    request: Mapping[str, Any]
    requests: int
    shares: Mapping[str, float]
    directors: Mapping[str, int]
    advert_interval_s: float
    detection_s: float
    tables: Mapping[str, Mapping[str, Any]]
    owner_only: bool = False
    managed_s: Mapping[str, float] | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def vip(self) -> str:
        """The service's address."""
        return str(self.request["address"])

    def takeover_s(self, dead: str) -> tuple[float, float]:
        """Shortest and longest theoretical time in seconds until the next director has taken over.

        Raises LabError when there is none beside the dead one.
        """
        survivors = [priority for name, priority in self.directors.items() if name != dead]
        if not survivors:
            raise LabError(f"{dead} is the only director of its cluster", "A failover needs a second one.")
        if self.managed_s is not None:
            return self.managed_s["crash_best"], self.managed_s["crash_worst"]
        return crash_takeover_s(self.advert_interval_s, max(survivors))

    def orderly_s(self, leaving: str) -> float:
        """Theoretical time in seconds until the next director has taken over from one that says it leaves."""
        if self.managed_s is not None:
            return self.managed_s["orderly"]
        rest = [priority for name, priority in self.directors.items() if name != leaving]
        return orderly_takeover_s(self.advert_interval_s, max(rest))


def read_promise(*inventories: Path) -> Promise:
    """Read inventories with ansible-inventory, later ones over earlier ones, and compile them as the plan.

    No host is contacted.

    Raises LabError when the inventory cannot be read, is not valid, or has nothing that a client can prove.
    """
    sources = [word for inventory in inventories for word in ("-i", str(inventory))]
    argv = [str(Path(sys.executable).parent / "ansible-inventory"), *sources, "--list"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"ansible-inventory cannot read {inventories}: {done.stderr.strip()[-300:]}")
    return promise_of(json.loads(done.stdout))


def promise_of(listing: Mapping[str, Any]) -> Promise:
    """Take the promise of the first service with a provable split, from `ansible-inventory --list`."""
    groups = {name: _hosts(listing, name) for name in listing if name != "_meta"}
    hostvars = {host: dict(listing["_meta"]["hostvars"].get(host, {})) for host in _hosts(listing, "all")}
    try:
        plan = compile_plan(hostvars, groups)
    except ModelError as exc:
        raise LabError(str(exc)) from exc
    model, _ = read_inventory(hostvars, groups)  # without problems: it has just been compiled
    for client, probe in plan["probes"].items():
        for request in probe["requests"]:
            found = _service(plan, str(request["address"]), int(request["port"]))
            if found is None:
                continue
            cluster, service = found
            directors: dict[str, int] = plan["clusters"][cluster]["directors"]
            managed = model.clusters[cluster].failover.method != "vrrp"
            return Promise(
                client=client,
                request={
                    key: value for key, value in request.items() if key not in {"name", "count", "timeout"}
                },
                requests=service["requests"],
                shares={server["name"]: server["share"] for server in service["real_servers"]},
                directors=directors,
                detection_s=service["detection_s"],
                advert_interval_s=float(model.clusters[cluster].failover.advert_interval),
                tables={name: plan["hosts"][name]["ipvs"] for name in directors},
                owner_only=managed,
                managed_s=plan["clusters"][cluster]["failover_s"] if managed else None,
                addresses={server["name"]: server["address"] for server in service["real_servers"]},
            )
    raise LabError(
        "the inventory has no service whose split a client can prove",
        "Give it a group probes, and a service with scheduler rr or wrr and a probe header.",
    )


def _service(plan: Mapping[str, Any], address: str, port: int) -> tuple[str, Mapping[str, Any]] | None:
    """Return the cluster's name and the service behind a request, if its split can be proven."""
    for name, cluster in plan["clusters"].items():
        for service in cluster["services"]:
            if (
                service["split_unprovable"] is None
                and address in service["vips"]
                and port in service["ports"]
            ):
                return name, service
    return None


def _hosts(listing: Mapping[str, Any], group: str) -> list[str]:
    """Return a group's hosts with those of its children, in inventory order, each once."""
    entry = listing.get(group, {})
    found = list(entry.get("hosts", []))
    for child in entry.get("children", []):
        found += [host for host in _hosts(listing, child) if host not in found]
    return found
