"""What others have left on a host, and what is mistyped: refused with the remedy, before anything changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.playbook import PlaybookRun

if TYPE_CHECKING:
    from molecule.lifecycle.tests.conftest import Life

# A packet filter of the host's own that forgets VRRP; what the lab needs to reach the node is let in.
FILTER = """\
nft -f - <<'RULES'
table inet site {
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        tcp dport 22 accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp sport 80 accept
    }
}
RULES"""


def said(run: PlaybookRun) -> str:
    return " ".join(" ".join(run.tail).split())


def test_a_vip_by_hand_and_a_filter_of_others_are_refused_together(life: Life) -> None:
    before = life.held()
    life.lab.run("web1", ["ip", "address", "add", "192.0.2.10/32", "dev", "eth0"], check=True)
    try:
        life.lab.run("lb1", FILTER, check=True)
        run = life.playbook("site.yml")
    finally:
        life.lab.run("lb1", "nft delete table inet site || true")
        life.lab.run("web1", ["ip", "address", "delete", "192.0.2.10/32", "dev", "eth0"], check=True)

    assert run.returncode != 0
    assert run.changed == 0
    assert "host web1: VIP 192.0.2.10 is on its eth0" in said(run)
    assert "ip address delete 192.0.2.10/32 dev eth0" in said(run), "the remedy"
    assert re.search(r"host lb1: [^:]*site[^:]* drops VRRP from 192\.0\.2\.12: add `[^`]+ accept`", said(run))
    assert life.held() == before


def test_a_teardown_of_no_cluster_touches_no_host(life: Life) -> None:
    run = life.playbook("playbooks/teardown.yml", "-e", "lvs_teardown=egde")

    assert run.returncode != 0
    assert dict(run.remote_executions) == {}
    assert "lvs_teardown: there is no cluster 'egde': use one of edge" in said(run)
