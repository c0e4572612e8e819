"""Each ready-made inventory is what its name says, and nothing in it calls for a warning."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from lvs_model.document import Cluster
from lvs_model.inventory import read_inventory

from .ready import INVENTORIES, NAMES, PASSWORD, document, inputs

# RFC 5737 and RFC 3849.
_DOCUMENTATION = [
    ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
_ADDRESS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-f]+:[0-9a-f:]+:[0-9a-f:]*")


def test_these_are_the_inventories() -> None:
    assert NAMES == ["mail", "media", "nginx-pair", "tunnel-pair", "web-pair", "web-sessions"]


@pytest.mark.parametrize("name", NAMES)
def test_document_and_hosts_are_valid(name: str) -> None:
    inventory, problems = read_inventory(*inputs(name))
    assert problems == []
    assert len(inventory.clusters) == 1


# After a how-to whose addresses it keeps.
_AS_WRITTEN = {"tunnel-pair": ip_network("192.168.136.0/24")}


@pytest.mark.parametrize("name", NAMES)
def test_addresses_are_documentation_ones(name: str) -> None:
    texts = [file.read_text() for file in (INVENTORIES / name).rglob("*.yml")]
    found = {ip_address(address) for text in texts for address in _ADDRESS.findall(text)}
    assert len(found) > 3
    if name in _AS_WRITTEN:
        found -= {ip_address("127.0.0.1"), ip_address("225.0.0.1"), _AS_WRITTEN[name].network_address}
    allowed = [_AS_WRITTEN[name]] if name in _AS_WRITTEN else _DOCUMENTATION
    assert [one for one in found if not any(one in network for network in allowed)] == []


@pytest.mark.parametrize("name", NAMES)
def test_head_says_what_it_is_and_how_to_try_it(name: str) -> None:
    text = (INVENTORIES / name / "hosts.yml").read_text()
    head = text[: text.index("\nall:")]
    assert "# To change:" in head
    assert f"ansible-playbook playbooks/plan.yml -i inventories/{name}" in head
    assert f"`{name}`" in (INVENTORIES / "README.md").read_text()


def _cluster(name: str) -> Cluster:
    return Cluster.model_validate(document(name))


def _checks(name: str) -> dict[str, list[tuple[str, Any]]]:
    return {
        service.name: [(check.type, getattr(check, "port", None)) for check in service.check]
        for service in _cluster(name).services
    }


def test_web_pair_fails_back_and_keeps_connections() -> None:
    cluster = _cluster("web-pair")
    assert cluster.failover.failback
    assert cluster.connection_sync is not None
    assert _checks("web-pair") == {"http": [("http", None)]}


def test_web_sessions_is_one_persistent_service_of_both_ports_and_families() -> None:
    (shop,) = _cluster("web-sessions").services
    assert shop.mark == "auto"
    assert shop.endpoints() == [("tcp", 80), ("tcp", 443)]
    assert [vip.version for vip in shop.vips] == [4, 6]
    assert shop.persistence
    # Each port is checked in its own protocol.
    assert _checks("web-sessions") == {"shop": [("http", 80), ("https", 443)]}


def test_media_is_one_persistent_service_of_both_protocols() -> None:
    (rtsp,) = _cluster("media").services
    assert rtsp.mark == "auto"
    assert rtsp.protocols == ["tcp", "udp"]
    assert ("tcp", 554) in rtsp.endpoints()
    assert rtsp.persistence
    # Not shorter than the kernel remembers an idle UDP flow.
    assert rtsp.persistence >= 300
    assert _checks("media") == {"rtsp": [("tcp", 554)]}


def test_mail_checks_each_protocol_with_what_fits() -> None:
    assert _checks("mail") == {
        "smtp": [("smtp", None)],
        "pop3": [("tcp", None)],
        "imap": [("tcp", None)],
        "webmail": [("https", None)],
    }
    ports = {service.name: [port for _, port in service.endpoints()] for service in _cluster("mail").services}
    assert ports == {"smtp": [25], "pop3": [110, 995], "imap": [143, 993], "webmail": [443]}


def test_nginx_pair_is_vrrp_alone_and_restarts_first() -> None:
    cluster = _cluster("nginx-pair")
    failover = cluster.failover
    assert cluster.services == []
    assert (failover.version, failover.router_id, failover.advert_interval) == (2, 51, 1)
    assert failover.failback
    (process,) = failover.track.processes
    assert (process.process, process.weight) == ("nginx", 0)
    assert process.restart == "/usr/bin/systemctl restart nginx"
    assert failover.authentication
    assert failover.authentication.password == PASSWORD


def test_tunnel_pair_is_the_how_tos_cluster() -> None:
    cluster = _cluster("tunnel-pair")
    assert (cluster.engine, cluster.failover.method, cluster.failover.failback) == (
        "ldirectord",
        "heartbeat",
        True,
    )
    heartbeat = cluster.failover.heartbeat
    assert heartbeat is not None
    times = (heartbeat.keepalive, heartbeat.warntime, heartbeat.deadtime, heartbeat.initdead)
    assert times == (2, 10, 30, 120)
    assert (heartbeat.transport, str(heartbeat.multicast_group), heartbeat.port) == (
        "multicast",
        "225.0.0.1",
        694,
    )
    assert len(heartbeat.serial) == 1
    assert [(one.name, len(one.addresses)) for one in heartbeat.ping_groups] == [("group1", 2)]
    (web,) = cluster.services
    assert (web.forwarding, web.scheduler, web.on_failure) == ("tun", "rr", "inhibit")
    assert web.fallback is not None
    assert (str(web.fallback.address), web.fallback.forwarding) == ("127.0.0.1", "dr")
    check = web.http_check
    assert check is not None
    assert (check.path, check.receive, check.interval, check.timeout) == ("/test.html", "Test Page", 1, 3)


@pytest.mark.parametrize(
    ("name", "file", "key"),
    [("nginx-pair", "proxies.yml", "password: (.*)"), ("tunnel-pair", "web.yml", "secret: (.*)}")],
)
def test_no_secret_stands_in_a_file(name: str, file: str, key: str) -> None:
    text = (INVENTORIES / name / "group_vars" / file).read_text()
    (secret,) = re.findall(key, text)
    assert secret.startswith('"{{ lookup(')
