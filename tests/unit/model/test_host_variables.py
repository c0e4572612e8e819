"""Field checks of what a host says of itself, and problems of all places at once."""

from __future__ import annotations

import pytest

from .builders import Case
from .documents import field_problems

S0 = "lvs_cluster[edge].services[0]"
WHOLE = "write a whole number"
LEAST, MOST = "use a value greater than or equal to", "use a value less than or equal to"


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("lvs_weight", -1, f"-1 is not allowed: {LEAST} 0"),
        ("lvs_weight", 65536, f"65536 is not allowed: {MOST} 65535"),
        ("lvs_weight", True, "True is not allowed: this is a boolean, a number is expected"),
        ("lvs_weight", 1.5, f"1.5 is no whole number: {WHOLE}"),
        ("lvs_capacity", 0, "0 is not allowed: use a value greater than 0"),
        ("lvs_capacity", "fast", "'fast' is no number: write a number"),
        ("lvs_capacity", True, "True is not allowed: this is a boolean, a number is expected"),
        ("lvs_services", ["www"], "['www'] is not a set of keys: write keys and values: {key: value}"),
        ("lvs_state", "off", "'off' is not allowed: use 'enabled', 'drained' or 'disabled'"),
        ("lvs_state", False, "False is not allowed: use 'enabled', 'drained' or 'disabled'"),
        ("lvs_priority", 0, f"0 is not allowed: {LEAST} 1"),
        ("lvs_priority", 255, f"255 is not allowed: {MOST} 254"),
        ("lvs_addresses", "192.0.2.21", "'192.0.2.21' is no list: write a list: [a, b]"),
        ("lvs_interfaces", ["eth0"], "['eth0'] is not a set of keys: write keys and values: {key: value}"),
        (
            "lvs_wieght",
            3,
            "unknown key: remove it, or mend its spelling (known here: lvs_addresses, lvs_capacity, "
            "lvs_interfaces, lvs_priority, lvs_services, lvs_state, lvs_weight)",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_its_host(variable: str, value: object, problem: str) -> None:
    case = Case()
    case.hostvars["web1"][variable] = value

    assert field_problems(case) == [f"host web1: {variable}: {problem}"]


def test_a_place_inside_a_variable_is_named() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_addresses"] = ["192.0.2.21", "192.0.2"]
    case.hostvars["web2"]["lvs_interfaces"] = {"front": "e/0"}
    case.hostvars["web3"]["lvs_services"] = {
        "www": {"wieght": 1, "state": "off", "check": {"type": "http", "path": "x"}}
    }

    assert field_problems(case) == [
        "host web1: lvs_addresses[1]: '192.0.2' is no IP address: write it as 192.0.2.10 or 2001:db8::10",
        "host web2: lvs_interfaces.front: 'e/0' is not allowed: an interface name is 1 to 15 of A-Z, a-z, "
        "0-9, '_', '.' and '-', and not lo",
        "host web3: lvs_services.www.check.path: 'x' is not allowed: begin it with '/', and use up to 254 "
        "more of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-",
        "host web3: lvs_services.www.state: 'off' is not allowed: use 'enabled', 'drained' or 'disabled'",
        "host web3: lvs_services.www.wieght: unknown key: remove it, or mend its spelling (known here: "
        "check, port, state, thresholds, weight)",
    ]


def test_what_begins_with_lvs_and_is_no_hosts_own_is_let_through() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_accept_unreachable"] = "lb2"

    assert field_problems(case) == []


def test_all_problems_come_at_once_in_a_stable_order() -> None:
    case = Case()
    case.document["engine"] = "x"
    case.service.update(scheduler="none", ports=[0, 80])
    del case.service["pool"]
    case.hostvars["web2"]["lvs_weight"] = -1
    case.hostvars["lb1"]["lvs_addresses"] = ["nowhere"]

    problems = field_problems(case)

    assert problems == sorted(problems)
    assert [problem.rsplit(": ", 2)[0] for problem in problems] == [
        "host lb1: lvs_addresses[0]",
        "host web2: lvs_weight",
        "lvs_cluster[edge].engine",
        f"{S0}.pool",
        f"{S0}.ports[0]",
        f"{S0}.scheduler",
    ]
