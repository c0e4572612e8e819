"""corosync and pacemaker on a director: members and links, the key, the resources, and their times."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from lvs_model.components.pacemaker import links, orderly_s, settle_s, takeover_s
from lvs_model.components.pacemaker.links import key_text, node_ids
from lvs_model.document import Cluster
from lvs_model.inventory import Inventory, read_inventory

from .builders import Case
from .changes import Change, both, failover, group, host, service
from .pacemaker_tool import part, resources
from .rule_cases import six, third
from .rule_cases.pacemaker import BOARD, KEY, pacemaker

BOARDS: dict[str, Any] = {"devices": [BOARD]}


def compiled(*changes: Change) -> tuple[Cluster, Inventory]:
    case = Case()
    pacemaker()(case)
    for change in changes:
        change(case)
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    return inventory.clusters["edge"], inventory


def content(suffix: str, *changes: Change, on: str = "lb1") -> str:
    return next(file.content for file in part(*changes, host=on).files if file.path.endswith(suffix))


def option(found: ET.Element, resource: str, name: str) -> str | None:
    pair = found.find(f".//*[@id='{resource}']/*/nvpair[@name='{name}']")
    return None if pair is None else pair.get("value")


def prop(found: ET.Element, name: str) -> str | None:
    pair = found.find(f".//crm_config//nvpair[@name='{name}']")
    return None if pair is None else pair.get("value")


# ---- corosync ----


def test_the_directors_hear_each_other_over_two_links() -> None:
    text = content("corosync.conf")

    assert re.findall(r"ring\d_addr: \S+", text) == [
        *("ring0_addr: 192.0.2.11", "ring1_addr: 198.51.100.11"),
        *("ring0_addr: 192.0.2.12", "ring1_addr: 198.51.100.12"),
    ]
    assert re.findall(r"linknumber: (\d)\n +knet_link_priority: (\d)\n +mcastport: (\d+)", text) == [
        ("0", "2", "5405"),
        ("1", "1", "5406"),
    ]


def test_all_directors_have_the_same_files_but_for_the_tool() -> None:
    one, other = part(), part(host="lb2")

    differing = {a.path for a, b in zip(one.files, other.files, strict=True) if a != b}

    assert differing == {"/usr/local/lib/lvs-toolkit/lvs-pacemaker"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (pacemaker(), ["front 192.0.2.11", "sync 198.51.100.11"]),
        (pacemaker(links=["sync", "front"]), ["sync 198.51.100.11", "front 192.0.2.11"]),
        (pacemaker(links=["sync"]), ["sync 198.51.100.11"]),
        (host("lb2", lvs_addresses=["192.0.2.12"]), ["front 192.0.2.11"]),
        (both(six, host("lb2", lvs_addresses=["2001:db8::12", "198.51.100.12"])), ["front 2001:db8::11"]),
    ],
    ids=["by default", "in another order", "one", "not everywhere", "in the family of all"],
)
def test_links_join_all_directors_in_the_order_of_the_document(change: Change, expected: list[str]) -> None:
    found = links(*compiled(change))

    assert [f"{link.network} {link.addresses['lb1']}" for link in found][: len(expected)] == expected
    assert [link.number for link in found] == list(range(len(found)))
    assert all(link.addresses.keys() == {"lb1", "lb2"} for link in found)


@pytest.mark.parametrize(
    ("change", "two_node", "wait_for_all"),
    [
        (pacemaker(), "1", "1"),
        (pacemaker(wait_for_all=False), "1", "0"),
        (third, "0", "0"),
        (group("edge_directors", "lb1"), "0", "0"),
    ],
    ids=["two", "two, one at once", "three", "one"],
)
def test_two_directors_have_a_quorum_of_their_own(change: Change, two_node: str, wait_for_all: str) -> None:
    text = content("corosync.conf", change)

    assert f"two_node: {two_node}\n" in text
    assert f"wait_for_all: {wait_for_all}\n" in text


def test_the_token_sets_the_consensus_too() -> None:
    text = content("corosync.conf", pacemaker(token=1.5))

    assert "token: 1500\n" in text
    assert "consensus: 1800\n" in text, "1.2 times it at least (corosync.conf(5))"


def test_numbers_follow_from_names_alone() -> None:
    ids = node_ids(["lb1", "lb2"])

    assert node_ids(["lb2", "lb1", "lb3"]).items() >= ids.items()
    assert list(node_ids(["lb2", "lb1"])) == ["lb2", "lb1"]


def test_numbers_are_distinct_and_what_knet_takes() -> None:
    names = [f"director-{number}" for number in range(2000)]
    ids = node_ids(names)

    assert len(set(ids.values())) == len(names)
    assert min(ids.values()) >= 1
    assert max(ids.values()) < 65536


# ---- the key ----


def test_the_key_is_made_of_the_secret_and_never_shown() -> None:
    found = part()
    (file,) = (file for file in found.files if file.path == "/etc/corosync/authkey")

    assert (file.mode, file.secret) == ("0400", True)
    assert all(
        KEY not in one.content and (one is file or file.content not in one.content) for one in found.files
    )


def test_a_key_is_long_enough_and_its_own_clusters() -> None:
    cluster, _ = compiled()
    other = cluster.model_copy(update={"name": "mail"})

    keys = [key_text(cluster, KEY), key_text(cluster, KEY[::-1]), key_text(other, KEY)]

    assert len(set(keys)) == 3
    # 128 bytes at least (knet), and 256 at most under NSS in FIPS mode.
    assert {len(key) for key in keys} == {256}
    assert len({key[:32] for key in keys}) == 3, "which is the key of AES-256"


# ---- the resources ----


def test_the_group_is_role_table_and_addresses() -> None:
    """The addresses come last, and so are given away first, while the table still forwards."""
    found = resources(part(service(vips=["192.0.2.10", "192.0.2.18"])))

    assert [
        (one.get("id"), ":".join(filter(None, (one.get("class"), one.get("provider"), one.get("type")))))
        for one in found.iterfind(".//group/primitive")
    ] == [
        ("lvs-role", "ocf:lvs-toolkit:lvs-role"),
        ("lvs-ldirectord", "ocf:heartbeat:ldirectord"),
        ("lvs-vip-192.0.2.10", "ocf:heartbeat:IPaddr2"),
        ("lvs-vip-192.0.2.18", "ocf:heartbeat:IPaddr2"),
    ]


def test_every_id_is_ours_and_there_once() -> None:
    found = resources(part(third, pacemaker(fencing=BOARDS, ping={"targets": ["192.0.2.254"]})))

    ids = [one.get("id", "") for one in found.iter() if one.get("id")]

    assert len(set(ids)) == len(ids) > 20
    assert {one for one in ids if not one.startswith("lvs-")} == set()


def test_a_vip_is_on_the_interface_of_its_subnet() -> None:
    found = resources(part(six, service(vips=["192.0.2.10", "2001:db8::10"])))

    assert option(found, "lvs-vip-192.0.2.10", "nic") == "eth0"
    assert option(found, "lvs-vip-192.0.2.10", "cidr_netmask") == "32"
    assert option(found, "lvs-vip-192.0.2.10", "preferred_lft") is None
    six_id = "lvs-vip-2001_db8__10"
    assert option(found, six_id, "ip") == "2001:db8::10"
    assert option(found, six_id, "cidr_netmask") == "128"
    assert option(found, six_id, "preferred_lft") == "0", "never a source address"


def test_interfaces_may_differ_between_directors() -> None:
    found = resources(part(host("lb2", lvs_interfaces={"front": "bond0.120"})))

    assert option(found, "lvs-vip-192.0.2.10-options", "nic") is None
    on = {
        rule.get("value"): pair.get("value")
        for one in found.iterfind(".//*[@id='lvs-vip-192.0.2.10']/instance_attributes")
        if (rule := one.find("rule/expression")) is not None
        and rule.get("attribute") == "#uname"
        and (pair := one.find("nvpair[@name='nic']")) is not None
    }
    assert on == {"lb1": "eth0", "lb2": "bond0.120"}


@pytest.mark.parametrize(("failback", "stickiness"), [(True, "0"), (False, "1000")])
def test_failback_is_a_preference_with_or_without_stickiness(failback: bool, stickiness: str) -> None:
    found = resources(part(failover(failback=failback)))

    stick = [pair.get("value") for pair in found.iterfind(".//nvpair[@name='resource-stickiness']")]
    assert stick == [stickiness], "once: members' stickiness adds up"
    assert scores(found) == {"lb1": "50"}


def scores(found: ET.Element) -> dict[str | None, str | None]:
    return {
        one.get("node"): one.get("score")
        for one in found.iterfind(".//rsc_location[@rsc='lvs-director']")
        if one.get("node")
    }


def test_further_directors_are_preferred_in_their_order() -> None:
    assert scores(resources(part(third))) == {"lb1": "50", "lb2": "25"}


def test_a_director_that_reaches_a_target_is_preferred_to_everything_else() -> None:
    found = resources(part(pacemaker(ping={"targets": ["192.0.2.254", "192.0.2.253"], "interval": 7})))
    rule = found.find(".//rsc_location[@id='lvs-ping-reaches']/rule")

    assert rule is not None
    assert int(rule.get("score", "0")) > 1000 + 50
    # Positive for those who reach one: where nobody does, nobody is refused.
    assert [one.attrib for one in rule] == [
        {
            "id": "lvs-ping-reaches-rule-any",
            **{"attribute": "lvs-ping", "operation": "gt", "value": "0", "type": "number"},
        }
    ]
    assert found.find(".//clone/primitive[@type='ping']") is not None
    assert option(found, "lvs-ping", "name") == "lvs-ping"
    assert option(found, "lvs-ping", "host_list") == "192.0.2.254 192.0.2.253"


def test_without_fencing_it_is_turned_off() -> None:
    found = resources(part())

    assert prop(found, "stonith-enabled") == "false"
    assert prop(found, "no-quorum-policy") == "stop"


def test_a_device_does_not_run_on_whom_it_cuts_off() -> None:
    boards: list[dict[str, Any]] = [
        {**BOARD, "name": name, "directors": [name], "password": 'a<b>&"c'} for name in ("lb1", "lb2")
    ]
    planned = part(pacemaker(fencing={"devices": boards}))
    found = resources(planned)

    assert prop(found, "stonith-enabled") == "true"
    assert prop(found, "priority-fencing-delay") == "15s", "of two the owner stays"
    assert option(found, "lvs-role", "priority") == "1", "which makes the owner known"
    assert option(found, "lvs-fence-lb1", "pcmk_host_list") == "lb1"
    assert option(found, "lvs-fence-lb1", "ip") == "10.9.0.1"
    assert option(found, "lvs-fence-lb1", "password") == 'a<b>&"c'
    location = found.find(".//rsc_location[@rsc='lvs-fence-lb1']")
    assert location is not None
    assert (location.get("node"), location.get("score")) == ("lb1", "-INFINITY")
    assert "fence-agents" in planned.packages
    (file,) = (file for file in planned.files if file.path.endswith("pacemaker.cib"))
    assert (file.mode, file.secret) == ("0600", True)


def test_a_device_of_all_directors_may_run_anywhere() -> None:
    found = resources(part(pacemaker(fencing=BOARDS)))

    assert option(found, "lvs-fence-board", "pcmk_host_list") == "lb1 lb2"
    assert found.find(".//rsc_location[@rsc='lvs-fence-board']") is None


def test_without_services_there_is_no_ldirectord() -> None:
    def vips_only(case: Case) -> None:
        case.document["services"] = []
        case.document.pop("connection_sync")
        case.document["failover"]["vips"] = ["192.0.2.10"]

    members = [one.get("id") for one in resources(part(vips_only)).iterfind(".//group/primitive")]

    assert members == ["lvs-role", "lvs-vip-192.0.2.10"]


# ---- times ----


def test_a_crash_costs_token_consensus_and_the_start() -> None:
    best, worst = takeover_s(compiled()[0])

    assert 3 + 3.6 < best < worst < 3 + 3.6 + 8


def test_a_shorter_token_saves_itself_and_its_consensus() -> None:
    slow, fast = (takeover_s(compiled(pacemaker(token=token))[0]) for token in (3, 1))

    assert [a - b for a, b in zip(slow, fast, strict=True)] == pytest.approx([4.4, 4.4])


def test_fencing_comes_on_top() -> None:
    plain, fenced = (takeover_s(compiled(change)[0]) for change in (pacemaker(), pacemaker(fencing=BOARDS)))

    assert fenced[1] - plain[1] == pytest.approx(60), "stonith-timeout"


def test_an_orderly_switch_waits_for_no_token_and_a_start_from_nothing_for_a_coordinator() -> None:
    cluster = compiled()[0]

    assert orderly_s(cluster) < takeover_s(cluster)[1]
    assert settle_s(cluster) > 20 + 3 + 3.6
