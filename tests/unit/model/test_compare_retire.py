"""Cleaning up: what is taken from hosts whose role has changed or ended, in which order, and when not."""

from __future__ import annotations

import pytest

from lvs_model.compare import host_work
from lvs_model.components.holds import FORGET

from .builders import ENGINES, Case, Site
from .compared import (
    APPLY,
    KEEPALIVED_CONF,
    NETWORK_CONF,
    TOOL,
    as_before,
    changed,
    forced,
    holds,
    retired,
    stops,
    work,
)
from .pretended import Raw

NETWORK_UNIT = "/etc/systemd/system/lvs-network.service"
# The watch first: it would put back what the other takes away.
NETWORK_ENDS = [f"systemctl disable --now lvs-network{one}.service" for one in ("-watch", "")]
NFT_UNIT = "/etc/systemd/system/lvs-nftables.service"
RUNS = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


def paths(site: Site, host: str) -> list[str]:
    managed: list[str] = site.seen[host]["managed"]
    return sorted(managed)


def test_a_retired_host_is_planned_with_nothing() -> None:
    planned = retired("web3").plan()["hosts"]["web3"]

    assert (planned["cluster"], planned["role"], planned["roles"]) == (None, "retired", [])
    nothing = ("files", "items", "units", "actions", "health", "validate", "modules", "interfaces")
    assert [planned[name] for name in nothing] == [[]] * len(nothing)
    assert (planned["packages"], planned["sysctls"], planned["addresses"]) == ({}, {}, {})
    # And is asked for what it may still have.
    assert planned["observe"]["units"] == list(ENGINES)
    assert planned["observe"]["network"] and planned["observe"]["managed"]


@pytest.mark.parametrize("spare", [True, False])
def test_a_retired_host_that_is_clean_has_nothing_to_do(spare: bool) -> None:
    found = work(Site(retired("lb2", "web3", spare=spare).plan()))

    assert found["hosts"] == {}
    assert found["retire"] == found["contract"] == []


def test_a_retired_real_server_is_cleaned_when_nobody_forwards_to_it_any_more() -> None:
    site = as_before("web3")
    changed(site, "lb1")

    found = work(site)

    assert (found["expand"], found["retire"], found["directors"]) == ([], [], ["lb1"])
    assert found["contract"] == ["web3"]
    web3 = found["hosts"]["web3"]
    assert (web3["act"], web3["actions"], web3["install"]) == (False, [], {})
    # What stops the unit and takes the items back is in the files: these go last.
    assert stops(web3) == [*NETWORK_ENDS, f"{TOOL} remove"]
    assert web3["remove"] == [{"path": path, "state": "absent"} for path in paths(site, "web3")]
    assert NETWORK_CONF in paths(site, "web3")


def test_units_are_stopped_before_their_items_and_keepalived_before_all() -> None:
    """It gives its VIPs away as long as its configuration, and all that it needs, is there."""
    site = as_before("lb2")
    site.seen["lb2"]["managed"].append(NFT_UNIT)

    assert stops(work(site)["hosts"]["lb2"]) == [
        "systemctl disable --now keepalived.service",
        *NETWORK_ENDS,
        "systemctl disable --now lvs-nftables.service",
        "systemctl disable --now lvs-override.service",
        "systemctl disable --now lvs-override.timer",
        "systemctl disable --now lvs-sync.service",
        "systemctl disable --now lvs-sync.timer",
        " ".join(FORGET),
        f"{TOOL} remove",
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_a_retired_host_lets_go_of_items_whose_files_are_gone(kept: bool) -> None:
    """Nothing is left to be set: what it holds is taken back altogether, whoever has removed the files."""
    site = as_before("web3")
    if not kept:
        site.seen["web3"]["managed"] = []

    assert stops(work(site)["hosts"]["web3"])[-1] == f"{TOOL} remove"
    assert f"{TOOL} contract" not in stops(work(site)["hosts"]["web3"])


def test_what_stops_is_forced_as_config_set_takes_it() -> None:
    for action in work(as_before("lb2"))["hosts"]["lb2"]["stop"]:
        assert {"name", "argv", "force"} <= set(action) <= {"name", "argv", "force", "timeout"}
        assert action["force"] is True


@pytest.mark.parametrize(
    ("stale", "held", "expected"),
    [
        # A directory of a unit's is no unit.
        (["/etc/systemd/system/keepalived.service.d/lvs-toolkit.conf"], (), []),
        (["/etc/lvs-toolkit/real-server.conf"], (), []),
        ([], ("address 192.0.2.20 lo",), [f"{TOOL} contract", f"{TOOL} apply"]),
        # What the unit of an older version takes away as it stops may be what ours holds too.
        (
            ["/etc/systemd/system/lvs-real-server.service"],
            (),
            ["systemctl disable --now lvs-real-server.service", f"{TOOL} contract", f"{TOOL} apply"],
        ),
        (
            [NFT_UNIT, "/etc/lvs-toolkit/nftables.nft"],
            ("up tunl0",),
            ["systemctl disable --now lvs-nftables.service", f"{TOOL} contract", f"{TOOL} apply"],
        ),
    ],
)
def test_what_ends_stale_files_and_items(
    stale: list[str], held: tuple[str, ...], expected: list[str]
) -> None:
    site = Site()
    site.seen["web1"]["managed"] += stale
    holds(site, "web1", *held)

    found = work(site)

    assert stops(found["hosts"]["web1"]) == expected
    assert [one["path"] for one in found["hosts"]["web1"]["remove"]] == sorted(stale)
    assert found["contract"] == ["web1"]
    assert found["expand"] == []


def test_a_service_that_becomes_masqueraded_leaves_nothing_on_its_real_servers() -> None:
    before = Site()
    case = Case()
    case.service["forwarding"] = "masquerade"
    site = Site(case.plan())
    site.seen |= {host: before.seen[host] for host in ("web1", "web2", "web3")}

    found = work(site)

    # Until the directors are switched requests come by direct routing.
    assert (found["expand"], found["contract"]) == ([], ["web1", "web2", "web3"])
    assert stops(found["hosts"]["web1"]) == [*NETWORK_ENDS, f"{TOOL} remove"]


def test_a_service_that_becomes_tunnelled_has_its_tunnel_before_it_loses_its_vip_on_lo() -> None:
    before = Site()
    case = Case()
    case.service["forwarding"] = "tun"
    site = Site(case.plan())
    # As it was, with the modules that the kernel has loaded since.
    site.seen["web1"] = {**before.seen["web1"], "modules": {"ipip": "available"}}

    found = work(site)

    assert (found["expand"], found["contract"]) == (["web1"], ["web1"])
    assert APPLY in forced(site, "web1")
    assert "VIP 192.0.2.10 on tunl0 is missing" in found["hosts"]["web1"]["changes"]
    assert "VIP 192.0.2.10 on lo is not needed any more" in found["hosts"]["web1"]["changes"]
    assert stops(found["hosts"]["web1"]) == [f"{TOOL} contract", f"{TOOL} apply"]


def test_what_the_last_step_takes_away_is_no_work_of_the_steps_before() -> None:
    site = Site()
    site.seen["web1"]["managed"].append("/etc/old")
    holds(site, "web1", "address 192.0.2.20 lo")

    assert host_work(site.plan["hosts"]["web1"], "web1", site.seen["web1"])["changes"] == []


# Directors.


def test_retired_directors_go_first_and_the_owner_last_of_them() -> None:
    case = retired("lb1", "lb2")
    site = Site(case.plan())
    before = Site(retired().plan())
    site.seen |= {host: before.seen[host] for host in ("lb1", "lb2")}
    site.owner["edge"] = None
    site.seen["lb3"] = before.seen["lb3"]
    changed(site, "lb3")

    found = work(site)

    # The owner gives the VIPs away to whoever stays, which still knows it as its peer.
    assert found["retire"] == ["lb2", "lb1"]
    assert found["directors"] == ["lb3"]
    # One that is alone has nobody to whom it could give its VIPs.
    assert [one["path"] for one in found["hosts"]["lb3"]["remove"]] == [
        "/usr/local/lib/lvs-toolkit/keepalived-demoted"
    ]
    assert found["contract"] == ["lb3", "lb1", "lb2"]
    assert found["expand"] == found["expand_later"] == []


def test_a_former_director_that_elects_no_more_is_expanded_with_the_others() -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    before = Site(case.plan())
    case.groups["edge_directors"].remove("lb3")
    case.groups["edge_web"].append("lb3")
    site = Site(case.plan())
    site.seen["lb3"] = before.seen["lb3"]
    site.seen["lb3"]["units"]["keepalived.service"] = {**RUNS, "ActiveState": "inactive"}

    found = work(site)

    assert (found["retire"], found["expand"], found["expand_later"]) == ([], ["lb3"], [])


def test_a_director_that_becomes_a_real_server_gives_its_vips_away_in_order() -> None:
    case = Case()
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])
    before = Site(case.plan())
    case.groups["edge_directors"].remove("lb1")
    case.groups["edge_web"].append("lb1")
    site = Site(case.plan())
    site.owner["edge"] = None
    site.look()
    site.seen["lb1"] = before.seen["lb1"]

    found = work(site)

    assert found["retire"] == ["lb1"]
    # It balances until then, and is no real server before.
    changed(site, "web1")
    found = work(site)
    assert (found["expand"], found["expand_later"]) == (["web1"], ["lb1"])
    assert found["hosts"]["lb1"]["act"] is True
    # What else it holds goes when nobody forwards to it any more.
    assert "lb1" in found["contract"]
    assert "systemctl disable --now keepalived.service" in stops(found["hosts"]["lb1"])
    # It stays a host of the cluster: only what it needs no more goes.
    assert f"{TOOL} contract" in stops(found["hosts"]["lb1"])
    assert KEEPALIVED_CONF in {one["path"] for one in found["hosts"]["lb1"]["remove"]}
    assert NETWORK_CONF not in {one["path"] for one in found["hosts"]["lb1"]["remove"]}


@pytest.mark.parametrize(
    ("managed", "unit", "expected"),
    [
        (True, RUNS, ["lb2"]),
        (True, {**RUNS, "ActiveState": "inactive"}, []),
        # Somebody else's keepalived is none of ours to stop.
        (False, RUNS, []),
        (True, None, []),
    ],
)
def test_who_is_retired_runs_our_keepalived(managed: bool, unit: Raw | None, expected: list[str]) -> None:
    site = as_before("lb2")
    site.seen["lb2"]["units"] = {"keepalived.service": unit}
    if not managed:
        site.seen["lb2"]["managed"].remove(KEEPALIVED_CONF)

    found = work(site)

    assert found["retire"] == expected
    assert ("systemctl disable --now keepalived.service" in stops(found["hosts"]["lb2"])) is managed
    assert found["contract"] == ["lb2"]


@pytest.mark.parametrize(
    ("missing", "contracted"),
    [(None, ["web3"]), ("lb2", []), ("two-lb1", [])],
)
def test_a_retired_host_is_cleaned_when_no_director_of_any_cluster_was_unseen(
    missing: str | None, contracted: list[str]
) -> None:
    """Whose real server it was is not known any more."""
    case = retired("web3", spare=False)
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.seen["web3"] = Site().seen["web3"]
    if missing is not None:
        site.seen[missing] = {}

    assert work(site, missing or "")["contract"] == contracted


def test_every_director_is_looked_at_again_after_a_host_was_retired() -> None:
    case = retired("web3", spare=False)
    case.add_cluster("two", 3)
    site = Site(case.plan())
    site.seen["web3"] = Site().seen["web3"]

    assert work(site)["again"] == ["lb1", "lb2", "two-lb1", "two-lb2", "web3"]
