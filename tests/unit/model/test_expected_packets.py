"""The packets that hosts must get, and what foreign tables are found to do to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.expected_packets import expected_packets, packets_of
from lvs_model.packet_filter import foreign_drops

from .builders import Case
from .firewalled import compiled, everything


def expected(case: Case, host: str) -> list[dict[str, Any]]:
    """What a host must get, as it travels in the plan."""
    cluster, inventory, services, elected = compiled(case)
    found = expected_packets(cluster, inventory.hosts[host], inventory, services, elected)
    plain: list[dict[str, Any]] = json.loads(json.dumps(found))
    assert plain == found
    return plain


ADVERT = {"family": 4, "protocol": 112, "ttl": 255}
SYNC = {"hook": "input", "family": 4, "protocol": 17, "iifname": "eth1", "dport": 8848, "ttl": 1}


@pytest.mark.parametrize(
    ("firewall", "state", "requests"), [(None, "new", "new"), ({}, "untracked", "untracked")]
)
def test_what_a_director_must_get(firewall: dict[str, Any] | None, state: str, requests: str) -> None:
    case = Case()
    case.document["firewall"] = firewall

    assert expected(case, "lb1") == [
        {
            "name": "VRRP from 192.0.2.12",
            "hook": "input",
            "iifname": "eth0",
            "saddr": "192.0.2.12",
            "daddr": "192.0.2.11",
            "state": state,
            **ADVERT,
        },
        {
            "name": "VRRP to 192.0.2.12",
            "hook": "output",
            "oifname": "eth0",
            "saddr": "192.0.2.11",
            "daddr": "192.0.2.12",
            "state": state,
            **ADVERT,
        },
        {
            "name": "connection sync from 198.51.100.12",
            "saddr": "198.51.100.12",
            "daddr": "224.0.0.81",
            "state": state,
            **SYNC,
        },
        {
            "name": "requests to 192.0.2.10:80/tcp",
            "hook": "input",
            "family": 4,
            "protocol": 6,
            "daddr": "192.0.2.10",
            "dport": 80,
            "state": requests,
        },
    ]


def test_what_a_real_server_must_get() -> None:
    assert expected(Case(), "web1") == [
        {
            "name": "requests to 192.0.2.10:80/tcp",
            "hook": "input",
            "family": 4,
            "protocol": 6,
            "daddr": "192.0.2.10",
            "dport": 80,
        }
    ]


def test_multicast_adverts_go_to_the_group_and_authenticated_ones_are_of_another_protocol() -> None:
    case = Case()
    case.document["failover"] |= {"transport": "multicast", "version": 2}
    case.document["failover"]["authentication"] = {"type": "ah", "password": "x"}
    adverts = [one for one in expected(case, "lb1") if one["name"].startswith("VRRP")]

    assert [(one["daddr"], one["protocol"]) for one in adverts] == [("224.0.0.18", 51)] * 2


@pytest.mark.parametrize(
    ("host", "names"),
    [
        (
            "far1",
            {"tunnelled packets from lb1", "tunnelled packets from lb2", "requests to 192.0.2.44:80/tcp"},
        ),
        ("app1", {"requests to 10.0.0.21:80/tcp", "requests to [fd00::21]:80/tcp"}),
        ("lb1", {"answers of app1 (10.0.0.21)", "answers of app1 (fd00::21)"}),
    ],
)
def test_every_mode_asks_for_its_own(host: str, names: set[str]) -> None:
    assert names <= {one["name"] for one in expected(everything(), host)}


def test_answers_under_nat_have_the_state_that_tracking_gives_them() -> None:
    case = everything()
    answers = {one["sport"]: one["state"] for one in expected(case, "lb1") if one["hook"] == "forward"}
    assert answers == {80: "untracked", 21: "established"}

    case.document["firewall"] = None
    case.document["networks"]["back"]["routed_in"] = True
    answers = {one["sport"]: one["state"] for one in expected(case, "lb1") if one["hook"] == "forward"}
    assert answers == {80: "established", 21: "established"}

    case.document["services"] = case.document["services"][:2]
    answers = {one["sport"]: one["state"] for one in expected(case, "lb1") if one["hook"] == "forward"}
    assert answers == {80: "invalid"}


def test_a_large_cluster_asks_for_few() -> None:
    case = Case()
    for number in range(100):
        case.add_service(f"s{number}", vips=[f"192.0.2.{100 + number}"], ports=["1000-9000"])

    assert len(expected(case, "lb1")) == 3 + 20
    assert len(expected(case, "web1")) == 20


def test_a_closed_input_chain_drops_all_of_them() -> None:
    """As Debian's own example of a closed host, without a rule for the cluster."""
    chain = {"family": "inet", "table": "filter", "name": "input", "handle": 1}
    closed = chain | {"type": "filter", "hook": "input", "prio": 0, "policy": "drop"}
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
    rule = {
        "family": "inet",
        "table": "filter",
        "chain": "input",
        "handle": 2,
        "expr": [state, {"accept": None}],
    }
    text = json.dumps({"nftables": [{"chain": closed}, {"rule": rule}]})
    packets = packets_of(expected(Case(), "lb1"))
    told = list(foreign_drops(text, packets))

    assert len(told) == sum(packet.hook == "input" for _, packet in packets) == 3
    assert told[0] == (
        "table inet filter, chain input (policy drop) drops VRRP from 192.0.2.12: add "
        '`iifname "eth0" ip saddr 192.0.2.12 ip daddr 192.0.2.11 meta l4proto 112 accept` to it'
    )
