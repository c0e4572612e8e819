"""What a host's `lab_*` variables become, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import LabError
from lab.inventory import Node, topology
from lab.node_files import own_files
from lab.nodevars import Settings
from tests.unit.lab.builders import hostvars

# What each node has, whatever is said of it.
EVERY = {f"usr/lib/python3/dist-packages/lab_bytecode.{kind}" for kind in ("py", "pth")}

NETWORKS = {
    "front": {"interface": "eth0", "subnets": ["192.0.2.0/24", "2001:db8::/64"]},
    "back": {"interface": "eth1", "subnets": ["198.51.100.0/24", "2001:db8:1::/64"]},
}


def node(**variables: object) -> Node:
    addresses = ["192.0.2.9", "2001:db8::9", "198.51.100.9"]
    return topology({"a": {"lab_networks": NETWORKS, "lvs_addresses": addresses, **variables}}).node("a")


def test_a_host_that_says_nothing_is_plain() -> None:
    assert node().settings == Settings()
    assert set(own_files(node())) == EVERY


def test_routes_become_a_batch_for_ip_and_the_default_one_replaces_podmans() -> None:
    routes = [
        {"to": "203.0.113.0/24", "via": "198.51.100.254"},
        {"to": "0.0.0.0/0", "via": "192.0.2.254"},
        {"to": "::/0", "via": "2001:db8::fe"},
    ]
    files = own_files(node(lab_routes=routes))
    assert files["etc/lvs-lab/routes4"].content.decode().splitlines() == [
        "route replace 203.0.113.0/24 via 198.51.100.254 dev eth1",
        "route flush exact 0.0.0.0/0",
        "route replace 0.0.0.0/0 via 192.0.2.254 dev eth0",
    ]
    assert files["etc/lvs-lab/routes6"].content.decode().splitlines() == [
        "route flush exact ::/0",
        "route replace ::/0 via 2001:db8::fe dev eth0",
    ]
    unit = files["etc/systemd/system/lvs-lab-routes.service"].content.decode()
    assert "ip -4 -batch /etc/lvs-lab/routes4 && ip -6 -batch /etc/lvs-lab/routes6" in unit
    assert "Before=network-pre.target network.target\n" in unit
    assert files["etc/systemd/system/multi-user.target.wants/lvs-lab-routes.service"].link


def test_a_router_forwards_without_filters_or_redirects() -> None:
    files = own_files(node(lab_router=True))
    assert set(files) == {"etc/sysctl.d/90-lvs-lab-router.conf"} | EVERY
    lines = files["etc/sysctl.d/90-lvs-lab-router.conf"].content.decode().splitlines()
    assert lines[:2] == ["net.ipv4.ip_forward = 1", "net.ipv6.conf.all.forwarding = 1"]
    for name in ("all", "default", "eth0", "eth1"):
        assert f"net.ipv4.conf.{name}.rp_filter = 0" in lines
        assert f"net.ipv4.conf.{name}.send_redirects = 0" in lines


def test_a_router_may_be_a_black_hole_for_icmp_errors_and_for_nothing_else() -> None:
    lines = own_files(node(lab_router=True, lab_block_icmp=True))["etc/lvs-lab/filters"].content.decode()
    filters = [line for line in lines.splitlines() if line.startswith("filter add dev eth1 egress ")]
    assert [line.split(" egress protocol ")[1] for line in filters] == [
        "ip flower ip_proto icmp type 3 action drop",
        "ip flower ip_proto icmp type 11 action drop",
        "ipv6 flower ip_proto icmpv6 type 1 action drop",
        "ipv6 flower ip_proto icmpv6 type 2 action drop",
        "ipv6 flower ip_proto icmpv6 type 3 action drop",
    ]
    assert lines.startswith("qdisc replace dev eth0 clsact\n")


@pytest.mark.parametrize(
    ("value", "arguments", "programs"),
    [
        ({"port": 80}, "http=80", {"lab-backend.py"}),
        ({"port": 80, "ports": [443, 8080]}, "http=80,443,8080", {"lab-backend.py"}),
        ({"port": 80, "udp": 6970}, "http=80 udp=6970", {"lab-backend.py", "lab_streams.py"}),
        (
            {"port": 80, "echo": 7, "udp": [80, 6971], "ftp": 21},
            "http=80 echo=7 udp=80,6971 ftp=21",
            {"lab-backend.py", "lab_streams.py", "lab_ftp.py"},
        ),
    ],
)
def test_servers(value: dict[str, Any], arguments: str, programs: set[str]) -> None:
    files = own_files(node(lab_backend=value))
    unit = files["etc/systemd/system/lab-backend.service"].content.decode()
    assert f"/usr/local/lib/lvs-lab/lab-backend.py {arguments}\n" in unit
    assert {path.rsplit("/", 1)[1] for path in files if path.startswith("usr/local/lib/")} == programs


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"lab_rotues": []}, "a: lab_rotues is unknown to the lab, known ones: lab_networks, lab_debian,"),
        ({"lab_router": "yes"}, "a: lab_router is 'yes', and may be true or false"),
        ({"lab_block_icmp": True}, "a: lab_block_icmp wants lab_router: true on the same host"),
        ({"lab_prepared": 1}, "a: lab_prepared is 1, and may be true or false"),
        ({"lab_network_manager": "wicd"}, "a: lab_network_manager is 'wicd', known ones: networkd, ifupdown"),
        ({"lab_routes": {"to": "::/0"}}, "a: lab_routes wants a list of {to: SUBNET, via: ADDRESS}"),
        ({"lab_routes": [{"to": "::/0"}]}, "a: lab_routes[0] wants exactly to and via"),
        ({"lab_routes": [{"to": "default", "via": "192.0.2.2"}]}, "a default route is 0.0.0.0/0 or ::/0"),
        (
            {"lab_routes": [{"to": "10.0.0.1/8", "via": "192.0.2.2"}]},
            "lab_routes[0]: 10.0.0.1/8 has host bits",
        ),
        ({"lab_routes": [{"to": "::/0", "via": "192.0.2.2"}]}, "::/0 and 192.0.2.2 are not of one address"),
        (
            {"lab_routes": [{"to": "::/0", "via": "2001:db8:1::1"}]},
            "lab_routes[0]: 2001:db8:1::1 is no neighbour",
        ),
        ({"lab_routes": [{"to": "10.0.0.0/8", "via": "192.0.2.9"}]}, "192.0.2.9 is the host itself"),
        ({"lab_routes": [{"to": "192.0.2.0/24", "via": "192.0.2.2"}]}, "the host is on 192.0.2.0/24 itself"),
        (
            {
                "lab_routes": [
                    {"to": "0.0.0.0/0", "via": "192.0.2.2"},
                    {"to": "0.0.0.0/0", "via": "192.0.2.3"},
                ]
            },
            "lab_routes[1]: there is a route to 0.0.0.0/0 already",
        ),
        (
            {"lab_backend": {"echo": 7}},
            "a: lab_backend wants {port: 1…65535} and may have ports, echo, udp, ftp",
        ),
        ({"lab_backend": {"port": 80, "tftp": 69}}, "a: lab_backend wants {port: 1…65535} and may have"),
        ({"lab_backend": {"port": 80, "echo": True}}, "a: lab_backend.echo is True, and wants a port"),
        ({"lab_backend": {"port": 80, "ports": [0]}}, "a: lab_backend.ports is [0], and wants a port"),
        ({"lab_backend": {"port": [80]}}, "a: lab_backend.port is [80], and wants a port"),
        ({"lab_backend": {"port": 80, "ftp": 80}}, "a: lab_backend has TCP port 80 twice"),
        ({"lab_backend": {"port": 80, "udp": [9, 9]}}, "a: lab_backend has UDP port 9 twice"),
    ],
)
def test_refusals(variables: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError) as caught:
        node(**variables)
    assert message in str(caught.value)


def test_a_router_has_two_networks() -> None:
    with pytest.raises(LabError, match="a: lab_router wants addresses on two networks"):
        topology(hostvars(a={"lvs_addresses": ["192.0.2.9"], "lab_router": True}))
