"""Which owners of VIPs a deployment changes as standbys, and who has their VIPs meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.compare import compare
from lvs_model.problems import ModelError
from lvs_model.switchover import switchover

from .builders import Case, Site
from .changes import Change, both, host, other, second, service
from .compared import KEEPALIVED_CONF, NETWORK_CONF
from .rule_cases.heartbeat import heartbeat
from .rule_cases.pacemaker import pacemaker
from .test_change_classes import deployed
from .test_compare_elections import case as electing
from .test_compare_elections import site as elections
from .test_engine_change import changing
from .test_switchover import FILE, demoted, failback, grouped, site, third, two_instances

VIP = "192.0.2.10"
MOVE = {"host": "lb1", "to": "lb2", "instance": "edge", "vips": [VIP], "cluster": "edge"}
GIVES = f"switchover: lb1 gives {VIP} to lb2 before its turn, and takes them back afterwards"


def itself(found: Site, *hosts: str) -> Site:
    """What the kernel holds for a director differs: a change of the director itself."""
    for name in hosts or found.plan["clusters"]["edge"]["directors"]:
        found.seen[name]["files"][NETWORK_CONF] = None
    return found


def work(found: Site, policy: str = "when_needed", *accepted: str) -> dict[str, Any]:
    return compare(found.plan, found.seen, list(accepted), policy)


def whys(found: dict[str, Any]) -> list[str]:
    """Why directors are changed while they own, as the summary says it."""
    return [line for line in found["summary"] if "is changed while it owns" in line]


def test_the_owner_is_changed_last_and_gives_its_vips_away_before() -> None:
    found = work(itself(site()))

    assert (found["directors"], found["owners"], found["moves"]) == (["lb2", "lb1"], ["lb1"], [MOVE])
    assert (found["moving"], found["moving_batches"]) == (["lb1", "lb2"], [2])
    assert found["summary"][-3:-1] == ["order: directors lb2, lb1", GIVES]
    assert whys(found) == []


@pytest.mark.parametrize("hosts", [["lb2"], ["web1"], []])
def test_nothing_moves_where_the_owner_does_not_change(hosts: list[str]) -> None:
    found = site()
    for name in hosts:
        itself(found, name)

    assert (work(found)["moves"], work(found)["moving"]) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(host("web1", lvs_weight=5), id="weight"),
        pytest.param(second(ports=[443], check={"type": "tcp"}), id="service"),
        pytest.param(second(vips=["192.0.2.20"]), id="VIP"),
        pytest.param(service(check={"type": "http", "path": "/other"}), id="check"),
    ],
)
def test_a_hitless_reload_moves_nothing(change: Change) -> None:
    found = work(deployed(change))

    assert found["directors"] == ["lb2", "lb1"]
    assert (found["moves"], whys(found)) == ([], [])


def test_a_reload_with_a_change_of_the_kernel_does() -> None:
    """Another scheduler needs another module."""
    assert work(deployed(service(scheduler="wlc")))["moves"] == [MOVE]


def test_drift_is_put_back_where_it_is() -> None:
    found = site()
    found.seen["lb1"]["sysctls"]["net/ipv4/vs/conntrack"] = "5"

    assert (work(found)["directors"], work(found)["moves"]) == (["lb1"], [])


def test_another_engine_and_another_election_have_their_own_order() -> None:
    for found in (changing("vrrp", "heartbeat"), elections(electing(51), electing(52))):
        done = work(itself(found))
        assert "director" in done["classes"]["lb1"]
        assert done["begin"] != []
        assert (done["moves"], whys(done)) == ([], [])


def test_never_means_never() -> None:
    found = work(itself(site()), "never")

    assert (found["directors"], found["moves"]) == (["lb2", "lb1"], [])
    assert whys(found) == []
    assert found["digest"] != work(itself(site()))["digest"]


def alone(case: Case) -> None:
    case.groups["edge_directors"].remove("lb2")
    case.groups["edge"].remove("lb2")


def limited(found: Site) -> None:
    del found.seen["lb2"]


def idle(found: Site) -> None:
    found.seen["lb2"]["units"]["keepalived.service"]["ActiveState"] = "inactive"


@pytest.mark.parametrize(
    ("changes", "edit", "why"),
    [
        ([alone], None, "it is the only director of its cluster"),
        ([], limited, "this run leaves lb2 out, and a switchover asks all directors"),
        ([], idle, "keepalived.service does not run on lb2 yet"),
    ],
)
def test_an_owner_without_anybody_to_have_its_vips(changes: list[Change], edit: Any, why: str) -> None:  # noqa: ANN401
    found = site(*changes)
    itself(found)
    if edit:
        edit(found)

    assert whys(work(found)) == [f"lb1 is changed while it owns {VIP}: {why}"]
    assert (work(found)["owners"], work(found)["moves"]) == ([], [])
    with pytest.raises(ModelError) as error:
        work(found, "required")
    assert [str(one) for one in error.value.problems] == [
        f"host lb1: its change needs a switchover (lvs_switchover is required), and {why}: mend that, or "
        "have it changed while it owns VIPs: -e lvs_switchover=when_needed"
    ]


def test_an_unreachable_standby_that_was_accepted_leaves_nobody() -> None:
    found = itself(site())
    found.seen["lb2"] = {}

    assert whys(work(found, "when_needed", "lb2")) == [
        f"lb1 is changed while it owns {VIP}: of lb2 none is there that is changed before it"
    ]


def test_of_three_directors_the_preferred_one_that_is_there_has_them() -> None:
    found = itself(site(third))
    assert [one["to"] for one in work(found)["moves"]] == ["lb2"]

    found.seen["lb2"] = {}
    gone = work(found, "when_needed", "lb2")
    assert ([one["to"] for one in gone["moves"]], gone["moving"]) == (["lb3"], ["lb1", "lb3"])


def test_who_was_demoted_by_an_operator_stays_so() -> None:
    found = site(failback, owner="lb2")
    demoted(found, "lb1", {FILE: -55})
    itself(found)

    done = work(found)
    assert done["directors"] == ["lb1", "lb2"]
    assert whys(done) == [
        f"lb2 is changed while it owns {VIP}: lb1 is demoted by ana (new kernel), and stays so"
    ]
    note = "note: lb1 is demoted by ana: new kernel; to end that: playbooks/switchover.yml -e to=lb1"
    assert note in done["summary"]


def test_what_an_interrupted_deployment_has_left_is_finished_and_is_no_drift() -> None:
    """Its controller died when lb1 had given its VIPs away: lb2 was changed, and lb1 was not."""
    found = site(failback, owner="lb2")
    demoted(found, "lb1", {FILE: -55})
    found.seen["lb1"]["overrides"][0]["reason"] = "site.yml changes it"
    itself(found, "lb1")

    done = work(found)
    assert (done["directors"], done["moves"], done["classes"]) == (["lb1"], [], {"lb1": ["director"]})
    assert (
        "note: lb1 is demoted by ana: site.yml changes it; to end that: playbooks/switchover.yml -e to=lb1"
        in done["summary"]
    )


def test_of_two_owners_the_first_one_is_changed_as_it_is_and_the_second_one_as_a_standby() -> None:
    """None is free of VIPs before one of them is changed."""
    done = work(itself(site(two_instances)))

    assert whys(done) == [
        f"lb1 is changed while it owns {VIP}: of lb2 none is there that is changed before it"
    ]
    assert (done["directors"], done["owners"]) == (["lb1", "lb2"], ["lb2"])
    assert [(one["host"], one["to"], one["instance"]) for one in done["moves"]] == [("lb2", "lb1", "mail")]


def test_a_third_director_takes_the_vips_of_two_owners() -> None:
    def three(case: Case) -> None:
        third(case)
        two_instances(case)
        for one in case.document["failover"]["instances"]:
            one["directors"].append("lb3")

    done = work(itself(site(three)))

    assert [(one["host"], one["to"], one["instance"]) for one in done["moves"]] == [
        ("lb1", "lb3", "web"),
        ("lb2", "lb3", "mail"),
    ]
    assert done["directors"] == ["lb3", "lb1", "lb2"]


def test_a_sync_group_moves_once() -> None:
    moves = work(itself(site(grouped)))["moves"]

    assert [(one["instance"], one["vips"]) for one in moves] == [("web", [VIP, "192.0.2.20"])]


@pytest.mark.parametrize("engine", [heartbeat(), pacemaker()])
def test_the_other_engines_owners_give_theirs_away_too(engine: Change) -> None:
    moves = work(itself(site(engine)))["moves"]

    assert [(one["host"], one["to"]) for one in moves] == [("lb1", "lb2")]


def test_clusters_move_one_after_the_other() -> None:
    case = Case()
    other()(case)
    found = itself(Site(case.plan()), "lb1", "lb2", "two-lb1")

    done = work(found)
    assert (done["moving"], done["moving_batches"]) == (["lb1", "lb2", "two-lb1", "two-lb2"], [2, 2])
    assert done["directors"] == ["lb2", "lb1", "two-lb1"]


# What a switchover asks of an owner that is not changed yet.


def mixed(changing_: list[str], *, former: bool = True) -> list[str]:
    """Why lb1, which lacks the new keepalived.conf, cannot give its VIPs to lb2, which has it."""
    found = site()
    found.seen["lb1"]["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64
    if not former:
        found.seen["lb1"]["keepalived"]["transport"] = "vrrp_instance VI_edge {\n"
    try:
        switchover(found.plan, found.seen, "lb2", None, {"changing": changing_})
    except ModelError as error:
        return [str(one) for one in error.problems]
    return []


def test_its_keepalived_conf_may_be_a_former_one_that_can_demote_it() -> None:
    assert mixed(["lb1"]) == []
    assert mixed([]) == [f"host lb1: {KEEPALIVED_CONF} has another content: deploy it first: site.yml"]
    assert mixed(["lb1"], former=False) == [
        f"host lb1: its keepalived.conf has no tracked file for {VIP} yet: deploy it first: site.yml"
    ]


@pytest.mark.parametrize("given", ["maybe", True, ["never"]])
def test_what_is_no_policy_is_refused_once_with_the_plan(given: object) -> None:
    case = Case()
    both(*(host(name, lvs_switchover=given) for name in case.hostvars))(case)

    assert case.problems() == [f"lvs_switchover: {given!r} is not allowed: use when_needed, required, never"]


@pytest.mark.parametrize("given", ["never", "when_needed", "required"])
def test_a_policy_is_no_variable_of_a_host(given: str) -> None:
    case = Case()
    both(*(host(name, lvs_switchover=given) for name in case.hostvars))(case)

    assert case.problems() == []
