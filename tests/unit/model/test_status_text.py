"""A status as people read it."""

from __future__ import annotations

import pytest

from lvs_model.status_text import duration, status_lines, verdict_lines

from .builders import Case
from .judged import checks
from .stated import StatedSite

HEALTHY = """\
cluster edge: healthy

  instance  router id  VIP         owner  since                 for
  edge      182        192.0.2.10  lb1    2026-11-23T01:39:00Z  1 h 1 min

  director  role     VRRP    sync    versions        system               up       last change
  lb1       owner    MASTER  master  keepalived 1.0  debian 13            3 d 4 h  000002 2026-11-23T02:00:00Z
                                     ipvsadm 1.0     6.12.48+deb13-amd64           v1-3-gabc by ana
  lb2       standby  BACKUP  backup  keepalived 1.0  debian 13            3 d 4 h  000002 2026-11-23T02:00:00Z
                                     ipvsadm 1.0     6.12.48+deb13-amd64           v1-3-gabc by ana

  service  entry              scheduler  real server  address        weight  state  active  inactive  conn/s  in/s    out/s
  www      TCP 192.0.2.10:80  wrr        web1         192.0.2.21:80  3       up     1       10        1       1.5 kB  1.5 MB
                                         web2         192.0.2.22:80  2       up     2       20        2       3.0 kB  3.0 MB
                                         web3         192.0.2.23:80  1       up     3       30        3       4.5 kB  4.5 MB
"""  # noqa: E501 -- as it is shown


def test_a_healthy_cluster() -> None:
    status = StatedSite().status()
    assert "\n".join(status_lines(status)) + "\n" == HEALTHY
    assert verdict_lines(status) == []


def test_what_is_wrong_stands_below_its_table() -> None:
    site = StatedSite()
    checks(site, {"192.0.2.23:80": (False, True)}, "lb1")
    site.seen["lb2"] = {}
    path = next(iter(site.seen["web2"]["files"]))
    site.seen["web2"]["files"][path] = None
    lines = status_lines(site.status())
    assert lines[0] == "cluster edge: NOT HEALTHY, 1 alarm, 1 difference, 1 warning"
    assert "  lb2       unreachable" in lines
    row = next(line for line in lines if "192.0.2.23:80" in line)
    assert row.split()[2:4] == ["-", "of"]
    assert row.split()[5] == "down"
    assert lines[lines.index("  alarms:") :] == [
        "  alarms:",
        "    lb2 is unreachable",
        "",
        "  differences from the plan:",
        f"    web2: {path} is missing",
        "",
        "  warnings:",
        "    lb1: its checks find real server 192.0.2.23:80 of TCP 192.0.2.10:80 dead",
    ]
    assert verdict_lines(site.status()) == [
        "edge: lb2 is unreachable",
        f"edge: web2: {path} is missing",
    ]


@pytest.mark.parametrize(("gone", "word"), [([], "NOBODY"), (["lb1"], "unknown")])
def test_an_owner_that_is_missing_is_told_from_one_that_was_not_seen(gone: list[str], word: str) -> None:
    site = StatedSite()
    site.owner["edge"] = None
    site.look()
    for host in gone:
        site.seen[host] = {}
    (row,) = [line for line in status_lines(site.status()) if line.startswith("  edge ")]
    assert row.split() == ["edge", "182", "192.0.2.10", word]


def test_clusters_stand_below_each_other_and_retired_hosts_at_the_end() -> None:
    case = Case()
    case.add_cluster("mail", 3)
    case.add_host("old1", "retired", lvs_addresses=["192.0.2.99"])
    site = StatedSite(case.plan())
    site.seen["old1"]["managed"] = ["/etc/old"]
    lines = status_lines(site.status())
    assert [line for line in lines if line.startswith("cluster ")] == [
        "cluster edge: healthy",
        "cluster mail: healthy",
    ]
    assert lines[-2:] == ["", "retired old1: /etc/old is not needed any more"]
    assert verdict_lines(site.status()) == ["retired old1: /etc/old is not needed any more"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (86400 * 3 + 3600 * 4 + 59, "3 d 4 h"),
        (86400 + 59, "1 d 59 s"),
    ],
)
def test_time_spans(seconds: float, text: str) -> None:
    assert duration(seconds) == text
