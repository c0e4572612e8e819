"""What forbids to act: hosts that are away, and hosts that cannot be what they shall be."""

from __future__ import annotations

import pytest

from .builders import Case, Site
from .compared import (
    APPLY,
    KEEPALIVED_CONF,
    NETWORK_CONF,
    TOOL,
    as_before,
    changed,
    forced,
    problems,
    work,
)
from .pretended import link
from .rule_cases import six

UNREACHABLE = (
    "host lb2: this director is unreachable, and nothing has been changed: mend it, or accept its absence by "
    "name: -e lvs_accept_unreachable=lb2"
)


def test_an_unreachable_director_stops_the_run() -> None:
    site = Site()
    site.seen["lb2"] = {}

    assert problems(site) == [UNREACHABLE]
    assert problems(site, "lb1", "web1") == [UNREACHABLE]


def test_an_unreachable_director_is_accepted_by_name() -> None:
    site = Site()
    site.seen["lb2"] = {}
    changed(site, "lb1")

    found = work(site, "lb2")

    assert (found["directors"], found["unreachable"]) == (["lb1"], ["lb2"])
    assert "note: lb2 is unreachable and was skipped" in found["summary"]


def test_a_cluster_without_any_director_is_refused_whatever_is_accepted() -> None:
    site = Site()
    site.seen.update(lb1={}, lb2={})

    assert problems(site, "lb1", "lb2") == ["cluster edge: no director is reachable: mend one of them first"]


def test_an_unreachable_real_server_is_skipped() -> None:
    site = Site()
    site.seen["web1"] = {}
    changed(site, "web2")

    found = work(site)

    assert (found["expand"], found["unreachable"]) == (["web2"], ["web1"])


@pytest.mark.parametrize(
    ("minimum", "drained", "away", "left"),
    [
        (1, [], ["web1", "web2"], None),
        (1, [], ["web1", "web2", "web3"], "0 of 3"),
        (2, [], ["web1", "web2"], "1 of 3"),
        (2, [], ["web1"], None),
        (2, ["web3"], ["web1"], "1 of 2"),
        (2, ["web3"], ["web3"], None),
    ],
)
def test_a_pool_keeps_its_minimum(
    minimum: int, drained: list[str], away: list[str], left: str | None
) -> None:
    case = Case()
    case.service["min_servers"] = minimum
    for host in drained:
        case.hostvars[host]["lvs_state"] = "drained"
    site = Site(case.plan())
    site.seen.update({host: {} for host in away})

    if left is None:
        assert work(site)["unreachable"] == sorted(away)
    else:
        assert problems(site) == [
            f"cluster edge: service www: {left} real servers with a weight are reachable, fewer than "
            f"min_servers {minimum}: mend them, or lower min_servers"
        ]


@pytest.mark.parametrize("host", ["lb2", "web1"])
def test_a_host_that_failed_to_be_observed_is_refused_and_never_accepted_by_name(host: str) -> None:
    """It is reachable, and whoever acts around it does not know what it does."""
    site = Site()
    site.seen[host] = {"failed": "No space left on device"}
    changed(site, "lb1")

    refused = [f"host {host}: it could not be observed (No space left on device): mend that first"]
    assert problems(site) == problems(site, host) == refused


@pytest.mark.parametrize("euid", [1000, None])
def test_what_a_common_user_saw_is_refused(euid: int | None) -> None:
    site = Site()
    site.seen["web1"]["euid"] = euid

    assert problems(site) == [
        "host web1: it was observed by a common user: connect as root, or set ansible_become: true"
    ]


FOREIGN = (
    f"host lb1: keepalived runs with a {KEEPALIVED_CONF} that is not the toolkit's: stop keepalived here "
    "first (of a pair the standby), deploy, and then take over the other"
)


@pytest.mark.parametrize(
    ("state", "file", "refused"),
    [
        ("active", {"marked": False}, [FOREIGN]),
        ("reloading", {"marked": False}, [FOREIGN]),
        # Ours, changed by hand: mended as usual.
        ("active", {"sha256": "0" * 64}, []),
        # Nobody runs with it: it is replaced.
        ("inactive", {"marked": False}, []),
        ("active", None, []),
    ],
)
def test_a_keepalived_that_runs_with_a_foreign_configuration_is_refused(
    state: str, file: dict[str, object] | None, refused: list[str]
) -> None:
    site = Site()
    if state == "inactive":
        site.owner["edge"] = "lb2"
        site.look()
    site.seen["lb1"]["units"]["keepalived.service"]["ActiveState"] = state
    files = site.seen["lb1"]["files"]
    files[KEEPALIVED_CONF] = None if file is None else files[KEEPALIVED_CONF] | file

    if refused:
        assert problems(site) == refused
    else:
        assert work(site)["directors"] == ["lb1"]


def test_other_files_need_no_marker() -> None:
    site = Site()
    for host in ("lb1", "web1"):
        for path in set(site.seen[host]["files"]) - {KEEPALIVED_CONF}:
            site.seen[host]["files"][path]["marked"] = False

    assert work(site)["hosts"] == {}


@pytest.mark.parametrize(
    ("os_release", "system"),
    [
        ("ID=debian\nVERSION_ID=11\n", "debian 11"),
        ("ID=ubuntu\nVERSION_ID=24.04\n", "ubuntu 24.04"),
        (None, "unknown unknown"),
    ],
)
def test_another_system_is_refused(os_release: str | None, system: str) -> None:
    site = Site()
    site.seen["web1"]["os_release"] = os_release

    assert problems(site) == [f"host web1: {system} is not supported: use one of: debian 12, debian 13"]


def test_a_kernel_without_ipvs_is_refused_with_what_it_lacks() -> None:
    site = Site()
    site.seen["lb1"]["modules"] = {"ip_vs": "missing", "ip_vs_wrr": "missing"}

    assert problems(site) == [
        "host lb1: its kernel 6.12.48+deb13-amd64 lacks ip_vs, ip_vs_wrr: boot a kernel that has them "
        "(Debian: linux-image-amd64 or -cloud-amd64), or take another scheduler or forwarding"
    ]


def test_an_interface_that_is_not_there_is_refused_with_those_that_are() -> None:
    site = Site()
    site.links("web1", link("web1", "lo"), link("web1", "ens3", ["192.0.2.21"]))

    assert (
        "host web1: it has no interface eth0 (it has ens3, lo): mend the network's interface in "
        "lvs_cluster, or this host's lvs_interfaces"
    ) in problems(site)


def test_an_address_that_is_not_there_is_refused() -> None:
    site = Site()
    site.links("web1", link("web1", "lo"), link("web1", "eth0", ["192.0.2.99"]))

    assert problems(site) == [
        "host web1: lvs_addresses: 192.0.2.21 is on none of its interfaces: mend lvs_addresses, or "
        "configure the address on the host"
    ]


def test_an_address_on_another_interface_is_refused() -> None:
    """The ARP settings would be on the wrong one, and the real server would answer for the VIP."""
    site = Site()
    site.links("web1", link("web1", "lo"), link("web1", "eth0"), link("web1", "eth1", ["192.0.2.21"]))

    assert problems(site) == [
        "host web1: lvs_addresses: 192.0.2.21 is on eth1, not on eth0: mend the network's interface in "
        "lvs_cluster, or this host's lvs_interfaces"
    ]


def test_an_address_in_no_network_may_be_on_any_interface() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_addresses"].append("203.0.113.9")
    site = Site(case.plan())
    site.links(
        "web1",
        link("web1", "lo", ["192.0.2.10"]),
        link("web1", "eth0", ["192.0.2.21"]),
        link("web1", "eth9", ["203.0.113.9"]),
    )

    assert work(site)["hosts"] == {}


def test_everything_that_forbids_to_act_is_said_at_once() -> None:
    site = Site()
    site.seen["lb2"] = {}
    site.seen["web1"]["os_release"] = "ID=arch\n"
    site.seen["lb1"]["modules"]["ip_vs_wrr"] = "missing"
    for host in ("web2", "web3"):
        site.links(host, link(host, "lo"), link(host, "eth0"))

    found = problems(site)

    assert [problem.split(": ")[0] for problem in found] == [
        "host lb1",
        "host lb2",
        "host web1",
        "host web2",
        "host web3",
    ]


# Loose ends of an older set-up.

LOOSE = (
    "host {}: VIP {} is on its {}, and no keepalived of ours has put it there: take it away where it is "
    "configured, and now: ip address delete {} dev {}"
)


@pytest.mark.parametrize(
    ("host", "vip", "prefix"), [("web1", "192.0.2.10", 32), ("lb2", "2001:db8::10", 128)]
)
def test_a_vip_that_nobody_of_ours_has_put_there_is_refused(host: str, vip: str, prefix: int) -> None:
    case = Case()
    case.document["networks"]["front"]["subnets"].append("2001:db8::/64")
    for last, name in enumerate(("lb1", "lb2", "web1", "web2", "web3"), start=11):
        case.hostvars[name]["lvs_addresses"].append(f"2001:db8::{last}")
    case.service["vips"] = ["192.0.2.10", "2001:db8::10"]
    site = Site(case.plan())
    raw = site.seen[host]
    raw.update(managed=None, network=None)
    raw["units"]["keepalived.service"] = None
    own = [one for one in site.plan["hosts"][host]["addresses"] if not one.startswith("198")]
    other = [link(host, "eth1", ["198.51.100.12"])] if host == "lb2" else []
    site.links(host, link(host, "lo"), link(host, "eth0", [*own, vip]), *other)

    assert problems(site) == [LOOSE.format(host, vip, "eth0", f"{vip}/{prefix}", "eth0")]


@pytest.mark.parametrize(
    ("state", "managed", "refused"),
    [
        # keepalived died and left it: started again, it goes on with it.
        ("failed", True, False),
        # Whoever runs with a configuration that is not ours is refused for that.
        ("active", False, False),
        ("failed", False, True),
    ],
)
def test_a_vip_that_our_keepalived_has_left_is_mended(state: str, managed: bool, refused: bool) -> None:
    site = Site()
    raw = site.seen["lb1"]
    raw["units"]["keepalived.service"]["ActiveState"] = state
    raw["managed"] = raw["managed"] if managed else []

    if refused:
        assert problems(site) == [LOOSE.format("lb1", "192.0.2.10", "eth0", "192.0.2.10/32", "eth0")]
    else:
        assert (work(site)["directors"] == ["lb1"]) is (state == "failed")


@pytest.mark.parametrize("mine", [True, False])
def test_a_vip_on_a_tunnel_is_right_only_where_lvs_network_holds_it(mine: bool) -> None:
    case = Case()
    case.service["forwarding"] = "tun"
    site = Site(case.plan())
    if not mine:
        site.seen["web1"]["network"] = None
        site.seen["web1"]["managed"] = None

    if mine:
        assert work(site)["hosts"] == {}
    else:
        assert problems(site) == [LOOSE.format("web1", "192.0.2.10", "tunl0", "192.0.2.10/32", "tunl0")]


@pytest.mark.parametrize("host", ["lb1", "web1"])
def test_items_that_lvs_network_could_not_tell_are_not_taken_for_none(host: str) -> None:
    site = Site()
    site.seen[host] |= {"network": None, "network_error": "ip rule: Operation not supported"}
    changed(site, "web2")

    assert problems(site) == [
        f"host {host}: what lvs-network holds there is not known (ip rule: Operation not supported): mend "
        "that first; by hand: /usr/local/lib/lvs-toolkit/lvs-network held"
    ]


def test_a_retired_hosts_items_are_not_taken_for_none_either() -> None:
    site = as_before("web3")
    site.seen["web3"] |= {"network": None, "network_error": "it is broken"}

    assert [one.partition(" (")[0] for one in problems(site)] == [
        "host web3: what lvs-network holds there is not known"
    ]


@pytest.mark.parametrize("path", [NETWORK_CONF, TOOL])
def test_new_files_mend_what_lvs_network_could_not_tell(path: str) -> None:
    site = Site()
    site.seen["web1"] |= {"network": None, "network_error": "line 3 is broken: deploy this host"}
    site.seen["web1"]["files"][path]["sha256"] = "0" * 64

    found = work(site)

    assert (found["expand"], found["contract"]) == (["web1"], [])
    assert APPLY in forced(site, "web1")
    text = "what lvs-network holds is not known: line 3 is broken: deploy this host"
    assert text in found["hosts"]["web1"]["changes"]


@pytest.mark.parametrize(
    ("forwarding", "vip", "forwards", "routes", "refused"),
    [
        ("masquerade", "2001:db8::10", "0", {"eth0": "1"}, "net.ipv6.conf.eth0.accept_ra = 2"),
        ("masquerade", "2001:db8::10", "0", {"bond0.120": "0"}, "net.ipv6.conf.bond0/120.accept_ra = 2"),
        ("masquerade", "2001:db8::10", "0", {"eth0": "2"}, None),
        ("masquerade", "2001:db8::10", "0", None, None),
        # It forwards already, as the other way of all.forwarding = 1 and eth0.forwarding = 0 allows.
        ("masquerade", "2001:db8::10", "1", {"eth0": "1"}, None),
        # Nothing of IPv6 passes the director.
        ("dr", "2001:db8::10", "0", {"eth0": "1"}, None),
        ("masquerade", "192.0.2.10", "0", {"eth0": "1"}, None),
    ],
)
def test_a_default_route_that_forwarding_would_take_away_is_refused(
    forwarding: str, vip: str, forwards: str, routes: dict[str, str] | None, refused: str | None
) -> None:
    case = Case()
    six(case)
    case.service.update(forwarding=forwarding, vips=[vip])
    site = Site(case.plan())
    site.seen["lb1"]["ra_routes"] = routes
    six_passes = forwarding == "masquerade" and ":" in vip
    if six_passes:
        site.seen["lb1"]["sysctls"]["net/ipv6/conf/all/forwarding"] = forwards

    if refused is None:
        # The setting may be one to heal, and nothing else.
        assert set(work(site)["hosts"]) == ({"lb1"} if forwards == "0" and six_passes else set())
    else:
        (problem,) = problems(site)
        assert problem.startswith("host lb1: its IPv6 default route by ")
        assert refused in problem
