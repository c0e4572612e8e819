"""What hosts would give: interfaces, the kernel's table, keepalived's dump, a client's answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from lvs_model.elections import password_digest, planned_elections

Raw = dict[str, Any]


def mac(host: str, interface: str) -> str:
    """A hardware address of a host's interface, different for each."""
    digest = sha256(f"{host} {interface}".encode()).hexdigest()
    return "52:54:" + ":".join(digest[at : at + 2] for at in range(0, 8, 2))


def link(host: str, interface: str, addresses: Iterable[str] = ()) -> dict[str, Any]:
    """An interface as `ip -j address` gives it, as far as it is read."""
    return {
        "ifname": interface,
        "address": "00:00:00:00:00:00" if interface == "lo" else mac(host, interface),
        "addr_info": [
            {"family": "inet6" if ":" in address else "inet", "local": address} for address in addresses
        ],
    }


def checker_dump(
    servers: dict[str, dict[str, tuple[bool, bool]]], weights: dict[tuple[str, str], int] | None = None
) -> str:
    """What keepalived dumps of its checkers: {service key: {address:port: (alive, checked)}}.

    ``weights`` are by service and real server; 1 without. A service has its quorum with one living. In the
    form of check_data.c and check_api.c, as far as keepalived_view reads it.
    """
    topology = ["------< LVS Topology >------"]
    checkers = ["------< Health checkers >------"]
    for key, pool in servers.items():
        protocol, endpoint = key.split(" ", 1)
        name = protocol.lower()
        if protocol == "FWM":
            mark = endpoint.removesuffix(" IPv6")
            service, family, word = f"FWM {mark}", "inet6" if endpoint != mark else "inet", "none"
            topology.append(f" VS FWMARK = {mark}")
        else:
            vip, port = _split(endpoint)
            service, family, word = f"[{vip}]:{name}:{port}", "inet6" if ":" in vip else "inet", protocol
            topology.append(f" VS VIP = {vip}, VPORT = {port}")
        topology += [f"   Address family = {family}", f"   protocol = {word}"]
        topology.append(f"   quorum_state_up = {int(any(alive for alive, _ in pool.values()))}")
        for server, (alive, checked) in pool.items():
            rip, rport = _split(server)
            weight = (weights or {}).get((key, server), 1)
            topology += [f"   RIP = {rip}, RPORT = {rport}, WEIGHT = {weight}", f"   alive = {int(alive)}"]
            checkers += [
                f" {service} -> [{rip}]:{word.lower()}:{rport}",
                "   Enabled = yes",
                f"   Has run = {'yes' if checked else 'no'}",
            ]
    return "\n".join([*topology, *checkers]) + "\n"


def _split(endpoint: str) -> tuple[str, str]:
    address, port = endpoint.rsplit(":", 1)
    return address.strip("[]"), port


def states_json(states: dict[str, str]) -> str:
    """What keepalived's JSON says of its VRRP instances: {label: state}, as the states' numbers (vrrp.h)."""
    numbers = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}
    return json.dumps([{"data": {"iname": name, "state": numbers[state]}} for name, state in states.items()])


def state_json(state: str, label: str = "VI_edge") -> str:
    """The same of one instance."""
    return states_json({label: state})


def elections_json(planned: dict[str, Any], instances: list[dict[str, Any]], states: dict[str, str]) -> str:
    """The same with what tells the elections apart, as 2.2.7 prints it; ``instances`` as in the plan."""
    entries, declared = json.loads(states_json(states)), planned_elections(planned)
    for entry, one in zip(entries, [one for one in instances if one["label"] in states], strict=True):
        interface = planned["elections"][one["label"]]
        entry["data"] |= {
            "ifp_ifname": interface,
            "vrid": one["router_id"],
            "version": one["version"],
            "vips": [f"{one['anchor']} dev {interface} scope link set"],
            "auth_type": ["none", "pass", "ah"].index(one["authentication"]),
            "adver_int": declared[one["label"]].interval_s,
        }
        if one["authentication"] != "none":
            entry["data"]["auth_data"] = password_digest(declared[one["label"]].password or "")
        if one["vips"]:
            entry["data"]["evips"] = [f"{vip} dev {interface} scope global set" for vip in one["vips"]]
    return json.dumps(entries)


def held(directors: list[str], **changes: Any) -> str:  # noqa: ANN401
    """What `lvs-pacemaker held` prints on a director of a cluster that is as planned, but for some keys."""
    right = {"running": True, "coordinator": directors[0], "quorate": True, "online": directors}
    return json.dumps(right | {"standby": [], "waits_for": [], "differs": []} | changes)


def daemons_text(*states: str) -> str:
    """What `ipvsadm -ln --daemon` prints of the sync daemons that a director in these VRRP states runs."""
    return "".join(
        f"{state.lower()} sync daemon (mcast=eth1, syncid=51, maxlen=1472, group=224.0.0.81, port=8848, "
        "ttl=1)\n"
        for state in states
    )


_PROTOCOLS = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f"}
_METHODS = {"dr": "-g", "nat": "-m", "tun": "-i"}


def table_text(planned: dict[str, Any], without: Iterable[tuple[str, str]] = ()) -> str:
    """What `ipvsadm -Sn` prints for a planned table, without some (service key, server) entries."""
    lines = []
    for key, service in planned.items():
        protocol, endpoint = key.split(" ", 1)
        words = f"{_PROTOCOLS[protocol]} {endpoint.replace(' IPv6', ' -6')}"
        lines.append(" ".join(["-A", words, "-s", service["scheduler"], *service["extra"]]))
        lines += [
            " ".join([f"-a {words} -r {server} {_METHODS[one['method']]} -w {one['weight']}", *_printed(one)])
            for server, one in service["servers"].items()
            if (key, server) not in set(without)
        ]
    return "".join(f"{line}\n" for line in lines)


def _printed(server: dict[str, Any]) -> list[str]:
    """A real server's further options, without the thresholds: `ipvsadm -Sn` prints none."""
    options: list[str] = server["extra"]
    return options[: options.index("-x")] if "-x" in options else options


def answers(plan: dict[str, Any], **changes: dict[str, int]) -> dict[str, Raw]:
    """What lvs_probe returned on the plan's client: each service's split exactly as promised.

    ``changes`` give by service name another ``by_server``.
    """
    probes: dict[str, Raw] = {}
    services = {
        f"{name}/{service['name']}": service
        for name, cluster in plan["clusters"].items()
        for service in cluster["services"]
    }
    for host, probe in plan["probes"].items():
        results = []
        for request in probe["requests"]:
            service = services[request["name"].split(" ")[0]]
            total = request["count"]
            split = {
                server["name"]: round(total * (server["share"] or 0)) for server in service["real_servers"]
            }
            by_server = changes.get(service["name"], {name: n for name, n in split.items() if n})
            results.append(
                {
                    **{key: request[key] for key in ("name", "address", "port")},
                    "total": total,
                    "answered": total,
                    "failed": 0,
                    "by_server": by_server if request["header"] else {},
                    "first_error": None,
                }
            )
        probes[host] = {"results": results}
    return probes
