"""The plan: everything about every host, from the inventory alone."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from lvs_model.plan import compile_plan

from .builders import ENGINES, Case, Plan


def files(plan: Plan, host: str) -> dict[str, dict[str, Any]]:
    return {file["path"]: file for file in plan["hosts"][host]["files"]}


def test_the_same_inventory_gives_the_same_bytes() -> None:
    first, second = (json.dumps(compile_plan(*Case().inputs())) for _ in range(2))

    assert first == second


def test_only_planned_hosts_are_in_the_plan() -> None:
    case = Case()
    case.add_host("spare", "edge", lvs_addresses=["192.0.2.99"])
    case.hostvars["web3"]["lvs_state"] = "disabled"

    plan = case.plan()

    # A disabled one is planned, so that it lets go of what it held.
    assert plan["hosts"]["web3"]["files"] == plan["hosts"]["web3"]["items"] == []
    assert {host: planned["role"] for host, planned in plan["hosts"].items()} == {
        "lb1": "director",
        "lb2": "director",
        "web1": "real_server",
        "web2": "real_server",
        "web3": "real_server",
    }
    assert list(plan["probes"]) == ["client1"]


def test_a_cluster_in_numbers() -> None:
    (cluster,) = Case().plan()["clusters"].values()

    assert cluster["directors"] == {"lb1": 200, "lb2": 150}
    assert cluster["vips"] == ["192.0.2.10"]
    assert cluster["failback"] is False
    # lb2 at priority 150 and 1 s: skew 106/256 s, and two to three adverts before it (RFC 5798).
    assert cluster["failover_s"] == {
        "crash_best": pytest.approx(2.414, abs=1e-3),
        "crash_worst": pytest.approx(3.414, abs=1e-3),
        "orderly": pytest.approx(0.414, abs=1e-3),
    }
    # Three tries of 2 s, and 1 s between them.
    assert cluster["gate_s"] == 8
    # Where nobody is the owner, the slowest to start an election is done after its crash takeover time.
    assert cluster["settle_s"] == pytest.approx(4.414, abs=1e-3)
    (service,) = cluster["services"]
    assert {
        one["name"]: (one["address"], one["weight"], one["share"]) for one in service["real_servers"]
    } == {
        "web1": ("192.0.2.21", 3, pytest.approx(1 / 2)),
        "web2": ("192.0.2.22", 2, pytest.approx(1 / 3)),
        "web3": ("192.0.2.23", 1, pytest.approx(1 / 6)),
    }


@pytest.mark.parametrize("delay", [0, 0.5, 30])
def test_an_owner_is_elected_only_after_keepalived_takes_part(delay: float) -> None:
    case = Case()
    case.document["failover"]["startup_delay"] = delay
    (cluster,) = case.plan()["clusters"].values()

    assert cluster["settle_s"] == pytest.approx(4.414 + delay, abs=1e-3)
    assert cluster["failover_s"]["crash_worst"] == pytest.approx(3.414, abs=1e-3)


def test_one_director_has_nobody_to_fail_over_to() -> None:
    case = Case()
    case.groups["edge_directors"] = ["lb1"]

    plan = case.plan()

    assert plan["clusters"]["edge"]["failover_s"] is None
    assert "unicast" not in files(plan, "lb1")["/etc/keepalived/keepalived.conf"]["content"]


def test_the_slowest_check_decides_how_long_the_gate_waits() -> None:
    case = Case()
    case.add_service("tls", ports=[443], check={"type": "tcp", "timeout": 10, "retries": 1})

    assert case.plan()["clusters"]["edge"]["gate_s"] == 21


def test_a_directors_table_has_every_vip_and_port() -> None:
    case = Case()
    case.service.update(vips=["192.0.2.10", "192.0.2.20"], ports=[80, 443])
    case.hostvars["web2"]["lvs_state"] = "drained"

    table = case.plan()["hosts"]["lb2"]["ipvs"]

    assert list(table) == [
        "TCP 192.0.2.10:80",
        "TCP 192.0.2.10:443",
        "TCP 192.0.2.20:80",
        "TCP 192.0.2.20:443",
    ]
    assert table["TCP 192.0.2.20:443"] == {
        "service": "www",
        "scheduler": "wrr",
        "extra": [],
        "min_servers": 1,
        "quorum": 1,
        "hysteresis": 0,
        "inhibit": False,
        "fallback": None,
        "servers": {
            f"192.0.2.{last}:443": {
                "host": host,
                "weight": weight,
                "method": "dr",
                "extra": [],
                "dynamic": False,
            }
            for host, last, weight in (("web1", 21, 3), ("web2", 22, 0), ("web3", 23, 1))
        },
    }


def test_a_real_server_holds_the_vips_of_its_own_services_only() -> None:
    case = Case()
    case.add_service("two", vips=["192.0.2.20", "192.0.2.10"], ports=[443])
    case.add_service("three", vips=["192.0.2.30"], pool="others")
    case.add_host("other1", "others", "edge", lvs_addresses=["192.0.2.25"])

    plan = case.plan()

    def held(host: str) -> list[str]:
        return [item for item in plan["hosts"][host]["items"] if item.startswith("address ")]

    assert held("web1") == ["address 192.0.2.10 lo", "address 192.0.2.20 lo"]
    assert held("other1") == ["address 192.0.2.30 lo"]


def test_every_nic_of_a_real_server_is_silent_about_the_vips() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_addresses"].append("198.51.100.21")
    case.hostvars["web1"]["lvs_interfaces"] = {"front": "bond0.120"}

    planned = case.plan()["hosts"]["web1"]

    assert planned["interfaces"] == ["bond0.120", "eth1"]
    assert planned["sysctls"] == {
        f"net/ipv4/conf/{interface}/{name}": value
        for interface in ("bond0.120", "eth1")
        for name, value in (("arp_ignore", "1"), ("arp_announce", "2"))
    }


def test_hosts_addresses_are_expected_on_their_interfaces() -> None:
    case = Case()
    case.hostvars["lb2"]["lvs_interfaces"] = {"sync": "eth7"}
    case.hostvars["lb2"]["lvs_addresses"].append("203.0.113.9")

    assert case.plan()["hosts"]["lb2"]["addresses"] == {
        "192.0.2.12": "eth0",
        "198.51.100.12": "eth7",
        "203.0.113.9": None,
    }


def test_a_host_is_asked_for_all_that_will_be_compared() -> None:
    planned = Case().plan()["hosts"]["lb2"]
    observe = planned["observe"]

    assert observe["packages"] == list(chain(*planned["packages"].values()))
    assert observe["users"] == ["keepalived_script"]
    assert all(observe["marker"] in file["content"] for file in planned["files"])
    assert observe["modules"] == planned["modules"] == ["ip_vs", "ip_vs_wrr"]
    assert observe["sysctls"] == list(planned["sysctls"])
    assert observe["files"] == [file["path"] for file in planned["files"]]
    network = ["lvs-network.service", "lvs-network-watch.service"]
    own = [*network, "lvs-override.timer", "keepalived.service", "lvs-sync.timer"]
    assert planned["units"] == own
    assert observe["units"] == list(dict.fromkeys([*own, *ENGINES]))
    assert observe["network"] and observe["nftables"] and observe["managed"]
    assert observe["keepalived"] is True
    assert observe["arp"] == [{"interface": "eth0", "address": "192.0.2.10", "source": "192.0.2.12"}]


def test_a_real_server_is_asked_neither_for_keepaliveds_state_nor_for_arp() -> None:
    observe = Case().plan()["hosts"]["web1"]["observe"]

    assert (observe["keepalived"], observe["arp"], observe["modules"]) == (False, [], [])
    # But whether it still runs: it may have been a director.
    network = ["lvs-network.service", "lvs-network-watch.service"]
    assert observe["units"] == [*network, *ENGINES]


def test_directors_differ_in_what_is_theirs_only() -> None:
    plan = Case().plan()
    path = "/etc/keepalived/keepalived.conf"
    first, second = (files(plan, host)[path]["content"].splitlines() for host in ("lb1", "lb2"))

    differing = [(one.strip(), two.strip()) for one, two in zip(first, second, strict=True) if one != two]

    assert differing == [
        ("# Cluster edge, director lb1.", "# Cluster edge, director lb2."),
        ("router_id lb1", "router_id lb2"),
        ("priority 200", "priority 150"),
        ("unicast_src_ip 192.0.2.11", "unicast_src_ip 192.0.2.12"),
        ("192.0.2.12 min_ttl 255 max_ttl 255", "192.0.2.11 min_ttl 255 max_ttl 255"),
    ]


@pytest.mark.parametrize(
    ("failover", "line", "absent"),
    [
        ({"failback": False}, "nopreempt", "preempt_delay"),
        ({"failback": True}, "preempt_delay 8", "nopreempt"),
        ({"failback": True, "failback_delay": 0.5}, "preempt_delay 0.5", "nopreempt"),
    ],
)
def test_failback_is_preemption_on_every_director(failover: dict[str, Any], line: str, absent: str) -> None:
    case = Case()
    case.document["failover"].update(failover)
    plan = case.plan()

    for host in ("lb1", "lb2"):
        lines = [
            one.strip()
            for one in files(plan, host)["/etc/keepalived/keepalived.conf"]["content"].splitlines()
        ]
        assert line in lines
        assert not [one for one in lines if one.split(" ")[0] == absent]
        # MASTER would clear nopreempt; the election alone decides.
        assert [one for one in lines if one.startswith("state ")] == ["state BACKUP"]


def test_what_the_directors_advertise_stays_when_vips_come_and_go() -> None:
    """VRRP compares the advertised addresses: a changed one means two masters for a while."""

    def advertised(case: Case) -> str:
        text: str = files(case.plan(), "lb1")["/etc/keepalived/keepalived.conf"]["content"]
        return text.partition("    virtual_ipaddress {")[2].partition("}")[0].strip()

    changed = Case()
    changed.service["vips"] = ["192.0.2.20", "192.0.2.30"]

    assert advertised(changed) == advertised(Case()) != ""


def test_sync_ids_differ_between_clusters_on_one_sync_segment() -> None:
    case = Case()
    document = case.add_cluster("two", 3)
    for one, segment in ((case.document, "dc1-v120"), (document, "dc1-v121")):
        one["networks"]["front"]["segment"] = segment
        one["failover"]["router_id"] = 51
    plan = case.plan()

    ids = {
        line.split(" id ")[1]
        for host in ("lb1", "two-lb1")
        for line in files(plan, host)["/etc/keepalived/keepalived.conf"]["content"].splitlines()
        if "lvs_sync_daemon" in line
    }

    assert len(ids) == 2
    assert [cluster["router_id"] for cluster in plan["clusters"].values()] == [51, 51]


def test_every_director_is_told_with_its_priority_wherever_it_takes_part() -> None:
    case = Case()
    case.document["failover"]["instances"] = [
        {"name": "one", "directors": ["lb2"]},
        {"name": "two", "vips": ["192.0.2.20"], "directors": ["lb1", "lb2"]},
    ]
    case.document["connection_sync"]["daemons"] = "both"
    cluster = case.plan()["clusters"]["edge"]

    assert cluster["directors"] == {"lb1": 200, "lb2": 200}
    assert [(one["name"], one["label"], one["priorities"], one["vips"]) for one in cluster["instances"]] == [
        ("one", "VI_one", {"lb2": 200}, ["192.0.2.10"]),
        ("two", "VI_two", {"lb1": 200, "lb2": 150}, ["192.0.2.20"]),
    ]
    assert cluster["anchors"] == [f"169.254.255.{one['router_id']}" for one in cluster["instances"]]
    assert len(set(cluster["anchors"])) == 2


def test_a_check_of_one_real_server_can_be_the_slowest() -> None:
    case = Case()
    case.hostvars["web2"]["lvs_services"] = {"www": {"check": {"type": "tcp", "timeout": 20, "retries": 0}}}

    assert case.plan()["clusters"]["edge"]["gate_s"] == 20


def test_warnings_are_part_of_the_plan() -> None:
    case = Case()
    case.groups["edge_directors"] = ["lb1"]

    (warning,) = case.plan()["warnings"]

    assert warning.startswith("lvs_cluster[edge].directors: lb1 is the only one")
