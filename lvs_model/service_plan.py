"""A service in the plan: what verify and people are told, and what a client can ask."""

from __future__ import annotations

from typing import Any

from lvs_model.check_times import detection_s
from lvs_model.document import Cluster, Service
from lvs_model.serving import Serving
from lvs_model.weights import ROUND_ROBIN, expected_shares, whole_rounds

# A whole round of large weights without a common divisor is longer than anybody wants to wait.
_MOST_REQUESTS = 10_000


def service_plan(cluster: Cluster, one: Serving) -> dict[str, Any]:
    """A service in plain data."""
    service = one.service
    weights = {member.name: member.weight for member in one.members}
    rounds = whole_rounds(service.scheduler, weights, service.probe.requests)
    shares = expected_shares(service.scheduler, weights)
    return {
        "name": service.name,
        "vips": [str(vip) for vip in service.vips],
        "ports": [port for _, port in service.endpoints()],
        "protocol": service.protocol,
        "endpoints": one.endpoints,
        "mark": one.mark,
        "persistence": service.persistence,
        "scheduler": service.scheduler,
        "forwarding": service.forwarding,
        "min_servers": service.min_servers,
        # Why a client's requests cannot prove the split; null where they can.
        "split_unprovable": _why_unprovable(one, rounds),
        # What no client asks, in words; null where all endpoints are asked.
        "unasked": _unasked(one),
        "real_servers": [
            {
                "name": member.name,
                "addresses": {str(family): address for family, address in member.addresses.items()},
                "address": next(iter(member.addresses.values()), None),
                "weight": member.weight,
                "share": None if shares is None else float(shares[member.name]),
            }
            for member in one.members
        ],
        "requests": rounds if rounds <= _MOST_REQUESTS else service.probe.requests,
        "probe": {"header": service.probe.header, "request": _request(service)},
        "detection_s": detection_s(cluster, service),
    }


def requests_for(cluster: str, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a client asks of a cluster's services as service_plan gives them, as lvs_probe takes it."""
    asked = [(service, one) for service in services for one in service["endpoints"] if _askable(one)]
    total = sum(service["requests"] for service, _ in asked)
    return [
        {
            "name": f"{cluster}/{service['name']} {_endpoint(one)}",
            "address": one["vip"],
            "port": one["port"],
            **service["probe"]["request"],
            "count": service["requests"],
            "interval": _interval_s(service["requests"], total),
            "irregular": True,
            "timeout": 5,
        }
        for service, one in asked
    ]


def _interval_s(count: int, total: int) -> float:
    """Seconds between two requests of a service, so that all services are asked in the same time.

    A client that does not wait for answers, at most 50 requests a second to all services together,
    unless that took more than a minute: it must not be the flood that it looks for. When no answer comes, all
    time out together.
    """
    return round(max(0.02, min(60.0, total / 50) / count), 4)


def _endpoint(one: dict[str, Any]) -> str:
    vip = f"[{one['vip']}]" if ":" in one["vip"] else one["vip"]
    return f"{vip}:{one['port']}"


def _askable(one: dict[str, Any]) -> bool:
    return bool(one["protocol"] == "tcp" and one["port"])


def _request(service: Service) -> dict[str, Any]:
    """What a client asks of the service, in the words of lvs_probe: by default what its check asks."""
    probe, check = service.probe, service.http_check
    # A check of another port says nothing about what the service itself speaks.
    plain = check is not None and not check.tls and check.port is None
    return {
        # Only an http answer can name its real server; lvs_probe does not speak TLS.
        "protocol": "http" if probe.header or plain else "tcp",
        "path": probe.path or (check.path if check else "/"),
        "host": probe.virtual_host or (check.virtual_host if check else None),
        "status": [probe.status or (check and check.expected_status) or 200],
        "header": probe.header,
        "identify": "header" if probe.header else "none",
    }


def _why_unprovable(one: Serving, rounds: int) -> str | None:
    service = one.service
    if service.probe.header is None:
        return "give the service's probe a header that names the real server"
    if service.persistence is not None:
        return "persistence keeps one client at one real server"
    if service.scheduler not in ROUND_ROBIN:
        return f"one client does not see it under {service.scheduler}"
    if any(member.dynamic for member in one.members):
        return "its checks change the weights"
    if rounds > _MOST_REQUESTS:
        return f"a whole round of these weights takes {rounds} requests"
    return None


def _unasked(one: Serving) -> str | None:
    protocols = [protocol for protocol in one.service.protocols if protocol != "tcp"]
    said = [f"{', '.join(protocols)} is not asked by lvs_probe"] if protocols else []
    if any(port == 0 for _, port in one.service.endpoints()):
        said.append("of all ports none is known to answer")
    return "; ".join(said) or None
