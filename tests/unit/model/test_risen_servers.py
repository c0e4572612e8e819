"""A dead real server whose checks change is alive for keepalived until they fail: that is told before."""

from __future__ import annotations

import pytest

from .builders import Case, Site
from .compared import KEEPALIVED_CONF, KEY, work
from .pretended import checker_dump

DEAD = f"note: lb1: its checks find real server 192.0.2.22:80 of {KEY} dead"


@pytest.mark.parametrize(
    ("path", "weight", "warned"),
    [
        pytest.param(KEEPALIVED_CONF, 2, True, id="another configuration"),
        pytest.param("/etc/lvs-toolkit/network.conf", 2, False, id="no other configuration of the engine"),
        pytest.param(KEEPALIVED_CONF, 0, False, id="it gets no requests anyway"),
    ],
)
def test_a_dead_server_that_a_new_configuration_may_raise_is_told(
    path: str, weight: int, warned: bool
) -> None:
    case = Case()
    case.hostvars["web2"]["lvs_weight"] = weight
    site = Site(case.plan())
    servers = site.plan["hosts"]["lb1"]["ipvs"][KEY]["servers"]
    states = {name: (name != "192.0.2.22:80", True) for name in servers}
    site.seen["lb1"]["keepalived"]["data"] = checker_dump({KEY: states})
    site.seen["lb1"]["files"][path]["sha256"] = "0" * 64

    (line,) = [line for line in work(site)["summary"] if line.startswith(DEAD)]
    advice = "drain it first: playbooks/drain.yml -e host=web2"
    assert line.endswith(advice) if warned else line == DEAD
