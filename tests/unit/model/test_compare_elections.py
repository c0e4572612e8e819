"""A running election that is not the planned one: directors reloaded one by one would both own its VIPs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.components.keepalived import sync

from .builders import Case, Site
from .compared import KEEPALIVED_CONF, changed, problems, work

FIRST, SECOND = "192.0.2.10", "192.0.2.20"
UNIT = "keepalived.service"
READ = "systemctl reload-or-restart keepalived.service"
STOPS = ["systemctl disable --now keepalived.service"]
LEFT = {"ActiveState": "inactive", "UnitFileState": "disabled"}


def secret(password: str) -> dict[str, str]:
    return {"type": "pass", "password": password}


def case(router_id: int = 51, **failover: Any) -> Case:  # noqa: ANN401
    """One instance by default, or those of ``failover``."""
    one = Case()
    one.document["failover"].update(failover or {"router_id": router_id})
    return one


def two(first: list[str], second: list[str]) -> Case:
    """Two instances and two services, with these VIPs each."""
    one = case(
        instances=[
            {"name": "a", "router_id": 51, "vips": first, "directors": ["lb1", "lb2"]},
            {"name": "b", "router_id": 52, "vips": second, "directors": ["lb2", "lb1"]},
        ]
    )
    one.service["vips"] = sorted([*first, *second])
    return one


def site(running: Case, wanted: Case) -> Site:
    """A site whose directors still run one plan, and shall run another."""
    before, found = Site(running.plan()), Site(wanted.plan())
    for host in ("lb1", "lb2"):
        found.seen[host]["keepalived"] = before.seen[host]["keepalived"]
        found.seen[host]["addresses"] = before.seen[host]["addresses"]
    changed(found, "lb1", "lb2")
    return found


@pytest.mark.parametrize(
    ("running", "wanted", "vips", "what"),
    [
        pytest.param(
            case(182),
            case(105),
            FIRST,
            "router id 182, the plan 105",
            id="another router id",
        ),
        pytest.param(
            case(version=2, router_id=51),
            case(version=3, router_id=51),
            FIRST,
            "VRRP version 2, the plan 3",
            id="another version",
        ),
        pytest.param(
            case(network="front", router_id=51),
            case(network="sync", router_id=51),
            FIRST,
            "interface eth0, the plan eth1",
            id="another interface",
        ),
        pytest.param(
            two([FIRST, "192.0.2.30"], [SECOND]),
            two([FIRST], [SECOND, "192.0.2.30"]),
            "192.0.2.30",
            "router id 51, the plan 52",
            id="a VIP that moves to another instance",
        ),
        pytest.param(
            case(transport="multicast", router_id=51),
            case(transport="unicast", router_id=51),
            FIRST,
            "adverts by multicast, the plan unicast",
            id="unicast",
        ),
        pytest.param(
            case(transport="unicast", router_id=51),
            case(transport="multicast", router_id=51),
            FIRST,
            "adverts by unicast, the plan multicast",
            id="multicast",
        ),
        pytest.param(
            case(transport="multicast", router_id=51),
            case(transport="multicast", multicast_group="224.0.0.99", router_id=51),
            FIRST,
            "adverts by multicast, the plan multicast 224.0.0.99",
            id="another multicast group",
        ),
        pytest.param(
            case(version=2, advert_interval=1, router_id=51),
            case(version=2, advert_interval=2, router_id=51),
            FIRST,
            "advert interval 1.00 s, the plan 2.00 s",
            id="another interval, with version 2",
        ),
        pytest.param(
            case(version=2, authentication=secret("aaaaaaa1"), router_id=51),
            case(version=2, authentication=secret("bbbbbbb2"), router_id=51),
            FIRST,
            "another password than the plan",
            id="another password",
        ),
    ],
)
def test_the_standby_stops_the_owner_changes_alone_and_the_standby_starts(
    running: Case, wanted: Case, vips: str, what: str
) -> None:
    found = work(site(running, wanted))

    told = f"the running election of {vips} has {what}"
    assert all(told in found["hosts"][host]["changes"] for host in ("lb1", "lb2"))
    assert "election" in found["classes"]["lb1"] and "election" in found["classes"]["lb2"]
    # Only judged on both while the former one runs on.
    assert sorted(found["directors"]) == ["lb1", "lb2"]
    first, second = found["hosts"]["lb1"], found["hosts"]["lb2"]
    assert first["begins_later"] is second["begins_later"] is True
    # The standby gets its files when it has left, and nothing can start with them.
    assert (found["leave"], second["files_at"]) == (["lb2"], "leave")
    assert commands(second["leave"]) == STOPS
    assert READ not in commands(second["actions"])
    assert "systemctl enable keepalived.service" not in commands(second["actions"])
    assert second["health"] == []
    # The owner takes them up alone, in a transaction that takes up the former ones where it fails.
    assert (found["begin"], first["files_at"]) == (["lb1", "lb2"], "begin")
    assert (first["leave"], first["begin"], first["back"]) == ([], [], [])
    (reads,) = (one for one in first["actions"] if " ".join(one["argv"]) == READ)
    assert (reads["force"], reads["on"]) == (True, [KEEPALIVED_CONF])
    assert first["health"] != []
    # The standby begins with what it has; it must not go back to what the first one has left.
    begun = commands(second["begin"])
    assert begun.count(READ) == 1
    assert begun[-1] == sync.TOOL, "connection sync only after keepalived"
    assert begun.index("systemctl enable keepalived.service") < begun.index(READ)
    assert all(one["force"] for one in second["begin"])
    assert commands(second["back"]) == STOPS


def commands(actions: list[dict[str, Any]]) -> list[str]:
    return [" ".join(one["argv"]) for one in actions]


@pytest.mark.parametrize(
    ("running", "wanted"),
    [
        pytest.param(case(), case(), id="the same"),
        pytest.param(
            case(version=3, advert_interval=1, router_id=51),
            case(version=3, advert_interval=2, router_id=51),
            id="another interval, with version 3",
        ),
        pytest.param(case(), two([FIRST], [SECOND]), id="a second instance with new VIPs"),
        pytest.param(two([FIRST], [SECOND]), two([FIRST, "192.0.2.30"], [SECOND]), id="a new VIP"),
        pytest.param(two([FIRST], [SECOND]), case(), id="an instance that goes with its VIPs"),
    ],
)
def test_what_leaves_each_vip_its_election_is_no_danger(running: Case, wanted: Case) -> None:
    found = work(site(running, wanted))
    assert sorted(found["directors"]) == ["lb1", "lb2"]
    assert (found["leave"], found["begin"]) == ([], [])


def test_authentication_on_one_side_only_is_another_election() -> None:
    """Adverts with another authentication are discarded (vrrp.c, vrrp_in_chk)."""
    secret = {"type": "pass", "password": "abcd1234"}
    found = site(case(version=2, router_id=51), case(version=2, router_id=51, authentication=secret))

    text = f"the running election of {FIRST} has authentication none, the plan pass"
    assert text in work(found)["hosts"]["lb1"]["changes"]


def test_a_keepalived_that_does_not_run_elects_nobody() -> None:
    found = site(case(182), case(105))
    for host in ("lb1", "lb2"):
        found.seen[host]["units"][UNIT]["ActiveState"] = "inactive"

    assert work(found)["leave"] == work(found)["begin"] == []
    assert sorted(work(found)["directors"]) == ["lb1", "lb2"]


@pytest.mark.parametrize(
    ("stopped", "begin"),
    [
        pytest.param("lb1", ["lb2", "lb1"], id="the owner crashed: the one that runs changes first"),
        pytest.param("lb2", ["lb1", "lb2"], id="the standby crashed"),
    ],
)
def test_one_that_does_not_run_is_kept_from_starting_at_boot_and_starts_last(
    stopped: str, begin: list[str]
) -> None:
    """It has the former election, and could boot beside the first one that has changed."""
    found = site(case(182), case(105))
    found.seen[stopped]["units"][UNIT]["ActiveState"] = "inactive"

    done = work(found)
    assert (done["leave"], done["begin"]) == ([stopped], begin)
    assert done["hosts"][stopped]["files_at"] == "leave"
    assert commands(done["hosts"][stopped]["leave"]) == STOPS


def interrupted(wanted: Case, *laid_down: str) -> Site:
    """lb2 has left; ``laid_down`` have the planned files, and the others what they had before."""
    found = Site(wanted.plan())
    if "lb1" not in laid_down:
        before = Site(case(182).plan())
        found.seen["lb1"]["keepalived"] = before.seen["lb1"]["keepalived"]
        found.seen["lb1"]["addresses"] = before.seen["lb1"]["addresses"]
    found.seen["lb2"]["units"][UNIT] = dict(LEFT)
    found.seen["lb2"]["keepalived"] = None
    for host in {"lb1", "lb2"} - set(laid_down):
        found.seen[host]["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    return found


@pytest.mark.parametrize("laid_down", [[], ["lb2"]], ids=["without its new files", "with them"])
def test_a_run_that_was_killed_when_the_standby_had_left_is_finished(laid_down: list[str]) -> None:
    done = work(interrupted(case(105), *laid_down))

    assert (done["directors"], done["leave"], done["begin"]) == (["lb1", "lb2"], ["lb2"], ["lb1", "lb2"])
    assert [done["hosts"][host]["files_at"] for host in ("lb1", "lb2")] == ["begin", "leave"]


def test_a_run_that_was_killed_when_the_first_one_had_begun_is_finished() -> None:
    """All have their files for good: what is left is a start."""
    done = work(interrupted(case(105), "lb1", "lb2"))

    assert (done["directors"], done["leave"], done["begin"]) == (["lb2"], [], [])
    forced = [one for one in done["hosts"]["lb2"]["actions"] if one["force"]]
    assert commands(forced)[:2] == ["systemctl enable keepalived.service", READ]


def test_who_was_left_with_another_election_gets_its_files_before_it_can_start() -> None:
    """The document went back, say: a transaction that is undone must not start it beside its peers."""
    done = work(interrupted(case(182), "lb1"))

    told = "keepalived.service is stopped here, at boot too, and its configuration is not the planned one"
    assert told in done["hosts"]["lb2"]["changes"]
    assert (done["directors"], done["leave"], done["begin"]) == (["lb2"], ["lb2"], ["lb2"])
    assert done["hosts"]["lb2"]["files_at"] == "leave"
    assert READ not in commands(done["hosts"]["lb2"]["actions"])


def test_whoever_is_new_or_only_stopped_was_not_left_by_such_a_change() -> None:
    found = interrupted(case(182), "lb1")
    found.seen["lb2"]["units"][UNIT]["UnitFileState"] = "enabled"
    assert work(found)["leave"] == []

    found = interrupted(case(182), "lb1")
    found.seen["lb2"]["files"][KEEPALIVED_CONF] = None
    assert work(found)["leave"] == []


def test_a_director_that_is_kept_back_is_no_healthy_cluster() -> None:
    found = interrupted(case(105), "lb1", "lb2")

    said = work(found)["hosts"]["lb2"]["changes"]
    assert "keepalived.service does not start at boot" in said
    assert "keepalived.service is inactive, not active" in said


def test_of_two_owners_one_stays_alone() -> None:
    """Active/active: the others give their VIPs away when they stop."""
    wanted = two([FIRST], [SECOND, "192.0.2.30"])
    found = work(site(two([FIRST, "192.0.2.30"], [SECOND]), wanted))

    assert (found["leave"], found["begin"]) == (["lb2"], ["lb1", "lb2"])


def test_a_director_that_was_not_looked_at_forbids_it() -> None:
    found = site(case(182), case(105))
    found.seen["lb2"] = {}

    assert problems(found, "lb1") == [
        "cluster edge: its VRRP protocol changes, and lb2 was not looked at: the former election would go on "
        "there and own the VIPs beside the others: leave out --limit, or let it name all directors",
        "host lb2: this director is unreachable, and nothing has been changed: mend it, or accept its "
        "absence by name: -e lvs_accept_unreachable=lb2",
    ]
    # Accepted by name, it is believed to be off.
    assert work(found, "lb2")["begin"] == ["lb1"]


def test_a_configuration_without_a_record_of_the_toolkits_forbids_it() -> None:
    found = site(case(182), case(105))
    found.seen["lb2"]["managed"] = []

    (problem,) = problems(found)
    assert problem.startswith(
        "host lb2: its VRRP protocol changes, and nothing tells that the toolkit has written "
        f"{KEEPALIVED_CONF}: which peers its election has is not known: stop keepalived on all directors"
    )


@pytest.mark.parametrize("field", ["vrid", "evips"])
def test_what_keepalived_did_not_tell_is_not_guessed(field: str) -> None:
    found = site(case(182), case(105))
    for host in ("lb1", "lb2"):
        told = json.loads(found.seen[host]["keepalived"]["json"])
        for entry in told:
            del entry["data"][field]
        found.seen[host]["keepalived"]["json"] = json.dumps(told)

    assert sorted(work(found)["directors"]) == ["lb1", "lb2"]


def test_of_a_foreign_configuration_only_that_is_said() -> None:
    found = site(case(182), case(105))
    del found.seen["lb2"]
    found.seen["lb1"]["files"][KEEPALIVED_CONF]["marked"] = False

    (problem,) = problems(found)
    assert "that is not the toolkit's" in problem
