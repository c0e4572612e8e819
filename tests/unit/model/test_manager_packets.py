"""Messages between directors under heartbeat and pacemaker: a foreign packet filter must let them in."""

from __future__ import annotations

from typing import Any

import pytest

from .builders import Case
from .test_engine_change import ENGINES

PEERS = {"eth0": "192.0.2.12", "eth1": "198.51.100.12"}
OWN = {"eth0": "192.0.2.11", "eth1": "198.51.100.11"}


def packets(method: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """What lb1 must get of its peer's messages."""
    case = Case()
    ENGINES[method](case)
    if options:
        # A new one: the tables of cases share theirs.
        case.document["failover"][method] = case.document["failover"][method] | options
    found: list[dict[str, Any]] = case.plan()["hosts"]["lb1"]["packets"]
    return [one for one in found if one["name"].startswith(("heartbeat", "corosync"))]


def message(interface: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A message of the peer's on an interface."""
    base = {"hook": "input", "family": 4, "protocol": 17, "iifname": interface, "saddr": PEERS[interface]}
    return base | {"state": "new", "daddr": OWN[interface]} | more


def test_vrrp_has_none() -> None:
    assert packets("vrrp") == []


def test_heartbeat_speaks_on_every_network() -> None:
    assert packets("heartbeat") == [
        message(name, name=f"heartbeat from {PEERS[name]}", dport=694) for name in ("eth0", "eth1")
    ]


def test_heartbeat_by_multicast() -> None:
    found = packets("heartbeat", transport="multicast", networks=["sync"], port=700)

    group = {"daddr": "239.255.0.69", "ttl": 1}
    assert found == [message("eth1", name="heartbeat from 198.51.100.12", dport=700, **group)]


def test_corosync_has_a_port_for_each_link() -> None:
    assert packets("pacemaker") == [
        message("eth0", name="corosync from 192.0.2.12", dport=5405),
        message("eth1", name="corosync from 198.51.100.12", dport=5406),
    ]


@pytest.mark.parametrize("method", ["heartbeat", "pacemaker"])
def test_the_packet_filter_takes_sync_messages_from_the_peer_only(method: str) -> None:
    case = Case()
    ENGINES[method](case)
    case.document["firewall"] = {}
    files = {one["path"]: one["content"] for one in case.plan()["hosts"]["lb1"]["files"]}
    rules = files["/etc/lvs-toolkit/nftables.nft"]

    assert 'iifname "eth1" udp dport 8848 ip saddr 198.51.100.12 notrack accept' in rules
    assert 'iifname "eth1" udp dport 8848 drop' in rules
    assert "112" not in rules.replace("198.51.100.112", "")
