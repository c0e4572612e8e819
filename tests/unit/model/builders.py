"""A valid inventory to break, and observations of hosts that are exactly as planned.

A test takes these and changes the one thing that it is about.
"""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from typing import Any

from lvs_model.components.nftables import RULES, TABLE
from lvs_model.elections import CONFIGURATION
from lvs_model.plan import compile_plan
from lvs_model.problems import ModelError

from .pretended import Raw, checker_dump, daemons_text, elections_json, held, link, mac, table_text

Hostvars = dict[str, dict[str, Any]]
Groups = dict[str, list[str]]
Plan = dict[str, Any]

DIRECTORS = ("lb1", "lb2")
# Whatever moves VIPs: every host is asked for all of them.
ENGINES = ("keepalived.service", "heartbeat.service", "pacemaker.service", "corosync.service")
SERVERS = ("web1", "web2", "web3")

_DOCUMENT: dict[str, Any] = {
    "name": "edge",
    "directors": "edge_directors",
    "networks": {
        "front": {"segment": "dc1-v120", "interface": "eth0", "subnets": ["192.0.2.0/24"]},
        "sync": {"segment": "dc1-v99", "interface": "eth1", "subnets": ["198.51.100.0/24"]},
    },
    "failover": {"network": "front"},
    "connection_sync": {"network": "sync"},
    "services": [
        {
            "name": "www",
            "vips": ["192.0.2.10"],
            "ports": [80],
            "scheduler": "wrr",
            "pool": "edge_web",
            "check": {"type": "http", "path": "/healthz"},
            "probe": {"header": "X-Real-Server"},
        }
    ],
}

_HOSTVARS: Hostvars = {
    "lb1": {"lvs_addresses": ["192.0.2.11", "198.51.100.11"]},
    "lb2": {"lvs_addresses": ["192.0.2.12", "198.51.100.12"]},
    "web1": {"lvs_addresses": ["192.0.2.21"], "lvs_weight": 3},
    "web2": {"lvs_addresses": ["192.0.2.22"], "lvs_weight": 2},
    "web3": {"lvs_addresses": ["192.0.2.23"], "lvs_weight": 1},
    "client1": {"lvs_addresses": ["192.0.2.101"]},
}

_GROUPS: Groups = {
    "all": list(_HOSTVARS),
    "edge": [*DIRECTORS, *SERVERS],
    "edge_directors": list(DIRECTORS),
    "edge_web": list(SERVERS),
    "probes": ["client1"],
}


class Case:
    """An inventory with one cluster, valid as it stands; tests change its parts."""

    def __init__(self) -> None:
        self.document = copy.deepcopy(_DOCUMENT)
        self.hostvars = copy.deepcopy(_HOSTVARS)
        self.groups = copy.deepcopy(_GROUPS)

    @property
    def service(self) -> dict[str, Any]:
        """The first service of the document."""
        first: dict[str, Any] = self.document["services"][0]
        return first

    def add_service(self, name: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Add a service beside the first one and return it."""
        service = {**copy.deepcopy(_DOCUMENT["services"][0]), "name": name, **options}
        self.document["services"].append(service)
        return service

    def add_host(self, name: str, *groups: str, **variables: Any) -> None:  # noqa: ANN401
        """Add a host behind the others of its groups."""
        self.hostvars[name] = dict(variables)
        for group in ("all", *groups):
            self.groups.setdefault(group, []).append(name)

    def add_cluster(self, name: str, number: int) -> dict[str, Any]:
        """Add a second cluster on the same segments, with hosts of its own; returns its document.

        ``number`` (3 to 9) makes its addresses: VIP 192.0.2.N0, directors .N1 and .N2, real server .N5.
        """
        document = copy.deepcopy(_DOCUMENT)
        document.update(name=name, directors=f"{name}_directors")
        document["services"][0].update(vips=[f"192.0.2.{number}0"], pool=f"{name}_web")
        for last in (1, 2):
            own = [f"192.0.2.{number}{last}", f"198.51.100.{number}{last}"]
            self.add_host(f"{name}-lb{last}", f"{name}_directors", lvs_addresses=own, lvs_cluster=document)
        self.add_host(
            f"{name}-web1", f"{name}_web", lvs_addresses=[f"192.0.2.{number}5"], lvs_cluster=document
        )
        return document

    def inputs(self) -> tuple[Hostvars, Groups]:
        """What the filter would hand to compile_plan: every host of the group edge has the document."""
        hostvars = {
            name: dict(own) | ({"lvs_cluster": self.document} if name in self.groups["edge"] else {})
            for name, own in self.hostvars.items()
        }
        plain: tuple[Hostvars, Groups] = json.loads(json.dumps((hostvars, self.groups)))
        return plain

    def plan(self) -> Plan:
        """The compiled plan, through JSON as Ansible stores it."""
        plan: Plan = json.loads(json.dumps(compile_plan(*self.inputs())))
        return plan

    def problems(self) -> list[str]:
        """The problems as text; empty when the inventory is valid."""
        try:
            compile_plan(*self.inputs())
        except ModelError as error:
            return [str(problem) for problem in error.problems]
        return []


class Site:
    """A plan with observations of all its hosts, all as planned; the first director owns the VIPs."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Case().plan()
        self.owner: dict[str, str | None] = {
            name: next(iter(cluster["directors"])) for name, cluster in self.plan["clusters"].items()
        }
        self.seen: dict[str, Raw] = {}
        self.look()

    def look(self) -> None:
        """Make every observation anew (after a change of ``owner``)."""
        self.seen = {host: self._observation(host) for host in self.plan["hosts"]}

    def links(self, host: str, *links: dict[str, Any]) -> None:
        """Replace a host's interfaces."""
        self.seen[host]["addresses"] = json.dumps(list(links))

    def _observation(self, host: str) -> Raw:
        planned = self.plan["hosts"][host]
        return {
            "schema": 1,
            "euid": 0,
            "os_release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n',
            "kernel": "6.12.48+deb13-amd64",
            "packages": dict.fromkeys(planned["observe"]["packages"], "1.0"),
            "holds": list(planned["holds"]),
            "units": {
                unit: {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
                if unit in planned["units"]
                else None
                for unit in planned["observe"]["units"]
            },
            "modules": dict.fromkeys(planned["modules"], "loaded"),
            "sysctls": dict(planned["sysctls"]),
            "files": {
                file["path"]: {
                    "sha256": sha256(file["content"].encode()).hexdigest(),
                    "marked": planned["observe"]["marker"] in file["content"],
                    "mode": file["mode"],
                    "owner": "root",
                    "group": "root",
                }
                for file in planned["files"]
            },
            "users": dict.fromkeys(planned["observe"]["users"], 997),
            "unfinished": [],
            # lvs_facts tells of these on every host, whatever its role.
            "overrides": [],
            "demotions": {},
            "locks": [],
            "addresses": json.dumps(self._links(host)),
            **(self._director(host) if planned["role"] == "director" else _NO_DIRECTOR),
            # Without an item there is no tool to be asked, and without a table of ours none to be read.
            "network": "".join(f"{item}\n" for item in planned["items"]) or None,
            "nftables": {**_table_of(planned), "ruleset": '{"nftables": []}'},
            "managed": [file["path"] for file in planned["files"]],
            "problems": [],
        }

    def _owner(self, cluster: str, place: int) -> str | None:
        """Who owns a cluster's n-th instance: of further ones it is always the first in preference."""
        if place == 0:
            return self.owner[cluster]
        priorities: dict[str, int] = self.plan["clusters"][cluster]["instances"][place]["priorities"]
        return max(priorities, key=priorities.__getitem__)

    def _places(self, host: str) -> dict[str, str]:
        """Where a director has what it owns: interface by address, from the script that removes it."""
        if self.plan["hosts"][host]["table_on"] == "owner":
            vips: dict[str, str] = self.plan["hosts"][host]["vips"]
            return vips
        files = self.plan["hosts"][host]["files"]
        (script,) = (file["content"] for file in files if file["path"].endswith("keepalived-release"))
        lines = [line.split(" ") for line in script.splitlines() if line.startswith("release ")]
        return {prefix.split("/")[0]: interface for _, prefix, interface in lines}

    def _links(self, host: str) -> list[dict[str, Any]]:
        planned = self.plan["hosts"][host]
        own: dict[str, list[str]] = {interface: [] for interface in planned["interfaces"]}
        for address, interface in planned["addresses"].items():
            own.setdefault(interface or next(iter(own), "eth0"), []).append(address)
        instances = self.plan["clusters"][planned["cluster"]]["instances"] if planned["cluster"] else []
        for place, instance in enumerate(instances):
            if planned["role"] == "director" and self._owner(planned["cluster"], place) == host:
                for address in filter(None, (instance["anchor"], *instance["vips"])):
                    own[self._places(host)[address]].append(address)
        own.setdefault("lo", [])
        for item in planned["items"]:
            if item.split()[0] in {"up", "address"}:
                *address, device = item.split()[1:]
                own.setdefault(device, []).extend(address)
        return [link(host, interface, addresses) for interface, addresses in own.items()]

    def _states(self, host: str) -> dict[str, str]:
        """A director's VRRP states by the label of the instance."""
        name = self.plan["hosts"][host]["cluster"]
        return {
            one["label"]: "MASTER" if self._owner(name, place) == host else "BACKUP"
            for place, one in enumerate(self.plan["clusters"][name]["instances"])
            if host in one["priorities"]
        }

    def _answers(self, host: str, vip: str) -> list[str]:
        """Hardware addresses that answer a director's ARP request for a VIP."""
        name = self.plan["hosts"][host]["cluster"]
        for place, one in enumerate(self.plan["clusters"][name]["instances"]):
            owner = self._owner(name, place)
            if vip in one["vips"] and owner not in (None, host):
                return [mac(owner, self._places(owner)[vip])]
        return []

    def _director(self, host: str) -> Raw:
        planned = self.plan["hosts"][host]
        cluster = self.plan["clusters"][planned["cluster"]]
        states = self._states(host)
        runs = ["MASTER", "BACKUP"] if cluster["sync_daemons"] == "both" else [next(iter(states.values()))]
        table = planned.get("ipvs", {})
        if planned["table_on"] == "owner" and self._owner(planned["cluster"], 0) != host:
            table = {}
        good = {key: dict.fromkeys(service["servers"], (True, True)) for key, service in table.items()}
        return {
            "ipvs": {
                "proc": "IP Virtual Server version 1.2.1 (size=4096)",
                "table": table_text(table),
                "daemons": daemons_text(*runs) if cluster["sync"] else "",
                "conn_tab_bits": str(planned.get("table_bits", 12)),
            },
            "arp": [
                {**question, "macs": self._answers(host, question["address"]), "skipped": None}
                for question in planned["observe"]["arp"]
            ],
            "keepalived": self._keepalived(planned, states, good)
            if planned["observe"]["keepalived"]
            else None,
            "ldirectord": {"pid": 710 if table else None, "log": "", "maintenance": []}
            if planned["observe"]["ldirectord"]
            else None,
            "pacemaker": held(list(cluster["directors"])) if planned["observe"]["pacemaker"] else None,
        }

    def _keepalived(self, planned: dict[str, Any], states: dict[str, str], good: Any) -> Raw:  # noqa: ANN401
        instances = self.plan["clusters"][planned["cluster"]]["instances"]
        weights = {
            (key, server): entry["weight"]
            for key, service in planned.get("ipvs", {}).items()
            for server, entry in service["servers"].items()
        }
        return {
            # Process ids; without services there is no checker.
            **{"main": 700, "checker": 701 if good else None, "vrrp": 702},
            "json": elections_json(planned, instances, states),
            "data": checker_dump(good, weights) if good else None,
            # Of keepalived.conf some lines; the rest makes no difference to who reads them.
            "transport": next(
                (one["content"] for one in planned["files"] if one["path"] == CONFIGURATION), None
            ),
        }


def _table_of(planned: dict[str, Any]) -> Raw:
    """Our table of nft as it is listed now, and as it was when it had been loaded."""
    planned_at_all = any(file["path"] == RULES for file in planned["files"])
    listing = f"table inet {TABLE} {{\n\tchain marks {{\n\t}}\n}}\n" if planned_at_all else None
    return {"ours": listing, "loaded": listing}


_NO_DIRECTOR: Raw = {
    "ipvs": {"proc": None, "table": None, "daemons": None, "conn_tab_bits": None},
    "arp": [],
    "keepalived": None,
    "ldirectord": None,
    "pacemaker": None,
}
