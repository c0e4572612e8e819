"""A site that was also asked for its status: counters as ipvsadm lists them, ages, kept changes."""

from __future__ import annotations

import json
from typing import Any

from lvs_model.observation import Observation
from lvs_model.status import status

from .builders import Plan, Site
from .pretended import Raw

NOW = 1795401600.0  # 2026-11-23T02:40:00Z
GENERATIONS = [
    {
        "generation": f"00000{number}",
        "state": state,
        "started": f"2026-11-23T0{number}:00:00Z",
        "commit": "v1-3-gabc",
        "operator": "ana",
        "reason": reason,
        "run": f"run{number}",
        "files": 2,
    }
    for number, state, reason in (
        (1, "committed", "first"),
        (2, "committed", None),
        (3, "rolled-back", "went wrong"),
    )
]

_HEADS = {
    "connections": (
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
    ),
    "totals": (
        "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
        "  -> RemoteAddress:Port\n"
    ),
    "rates": (
        "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
        "  -> RemoteAddress:Port\n"
    ),
}


def listings(planned: dict[str, Any]) -> dict[str, str]:
    """What ipvsadm lists of a planned table; the n-th real server of a service has n of everything."""
    texts = {name: f"IP Virtual Server version 1.2.1 (size=4096)\n{head}" for name, head in _HEADS.items()}
    for key, service in planned.items():
        name = key.replace(" ", "  ", 1)
        count = len(service["servers"])
        total = count * (count + 1) // 2
        texts["connections"] += f"{name} {service['scheduler']} persistent 300\n"
        for kind, factor in (("totals", 1000), ("rates", 1)):
            texts[kind] += f"{name:<33} {_five(total * factor)}\n"
        for number, (place, one) in enumerate(service["servers"].items(), 1):
            texts["connections"] += (
                f"  -> {place:<28} Route   {one['weight']:<6} {number:<10} {number * 10:<10}\n"
            )
            for kind, factor in (("totals", 1000), ("rates", 1)):
                texts[kind] += f"  -> {place:<28} {_five(number * factor)}\n"
    return texts


def _five(number: int) -> str:
    return " ".join(str(number * factor) for factor in (1, 10, 20, 1500, 1500000))


class StatedSite(Site):
    """As Site; the owner has had its VIPs for an hour and a minute."""

    def __init__(self, plan: Plan | None = None) -> None:
        super().__init__(plan)
        for host, raw in self.seen.items():
            planned = self.plan["hosts"][host]
            table = planned.get("ipvs", {}) if raw["ipvs"]["table"] else {}
            addresses = Observation(host, raw).addresses
            raw["uptime_s"] = 273600.0
            raw["time"] = NOW
            raw["adverts"] = []
            raw["status"] = {
                "counters": listings(table) if raw["ipvs"]["proc"] else {},
                "ages": [[interface, address, 3660.0] for address, interface in addresses.items()],
                "generations": GENERATIONS,
            }

    def status(self) -> dict[str, Any]:
        """The status, as scripts get it."""
        found: dict[str, Any] = json.loads(json.dumps(status(self.plan, self.seen)))
        return found

    def cluster(self, name: str = "edge") -> dict[str, Any]:
        """That of one cluster."""
        found: dict[str, Any] = self.status()["clusters"][name]
        return found


def advert(source: str, mac: str, **changes: Any) -> Raw:  # noqa: ANN401
    """A VRRP advert that a director has heard on eth0."""
    common = {"interface": "eth0", "router_id": 182, "version": 3, "priority": 250}
    return {"source": source, "mac": mac, **common, **changes}
