"""What people read about a plan: two lines a cluster in every run, the whole table when they ask."""

from __future__ import annotations

import pytest

from lvs_model.report import plan_lines, table_lines

from .builders import Case

TABLE = """\
cluster edge: 2 directors, 2 VIPs, 2 services, 3 real servers

  instance  network  VRRP     router id  director  priority  VIP         takeover
  edge      front    v3 IPv4  51         lb1       200       192.0.2.10  after a crash 2.41 to 3.41 s
                                         lb2       150       192.0.2.13  orderly 0.41 s

  service  VIP         ports                forwarding  scheduler         real server  address     weight  share
  www      192.0.2.10  tcp 80               dr          wrr               web1         192.0.2.21  3       60.0%
                                                                          web2         192.0.2.22  2       40.0%
                                                                          web3         192.0.2.23  0       0.0%
  media    192.0.2.10  tcp 554              dr          fo                web1         192.0.2.21  3
           192.0.2.13  udp 6970-6999, 7100              persistent 600 s  web2         192.0.2.22  2
                       mark 7                                             web3         192.0.2.23  0
"""  # noqa: E501


def test_the_summary_stays_short() -> None:
    case = Case()
    case.add_service("tls", ports=[443], vips=["192.0.2.10", "192.0.2.13"])
    case.document["failover"]["router_id"] = 51

    assert plan_lines(case.plan()["clusters"]) == case.plan()["summary"]
    assert case.plan()["summary"] == [
        "cluster edge: directors lb1 (priority 200), lb2 (priority 150), virtual router id 51",
        "  2 directors, 2 VIPs, 2 services, 3 real servers; takeover after a crash 2.41 to 3.41 s, "
        "orderly 0.41 s",
    ]


def test_the_table_has_every_vip_server_weight_and_share() -> None:
    case = Case()
    case.hostvars["web3"]["lvs_state"] = "drained"
    case.document["failover"]["router_id"] = 51
    case.add_service(
        "media",
        ports=[554, "6970-6999/udp", "7100/udp"],
        vips=["192.0.2.10", "192.0.2.13"],
        mark=7,
        persistence=600,
        scheduler="fo",
    )

    assert table_lines(case.plan()["clusters"]) == TABLE.splitlines()


def test_a_lonely_director_has_no_takeover() -> None:
    case = Case()
    case.groups["edge_directors"] = ["lb1"]
    clusters = case.plan()["clusters"]

    assert "takeover" not in plan_lines(clusters)[1]
    assert any(line.endswith("nobody else is there") for line in table_lines(clusters))


def test_clusters_without_services_have_no_table_of_services() -> None:
    case = Case()
    case.document["failover"]["vips"] = ["192.0.2.10"]
    case.document["services"] = []
    del case.document["connection_sync"]

    assert [line.split(" ")[2] for line in table_lines(case.plan()["clusters"])[2:]] == [
        "instance",
        "edge",
        "",
    ]


@pytest.mark.parametrize("ports", ["all", ["1-65535"]])
def test_all_ports_are_one_word_or_one_range(ports: object) -> None:
    case = Case()
    case.service.update(ports=ports, persistence=60, mark="auto", check={"type": "ping"})

    text = "\n".join(table_lines(case.plan()["clusters"]))
    assert ("tcp all" if ports == "all" else "tcp 1-65535") in text
