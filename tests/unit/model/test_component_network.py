"""The list of items that lvs-network gets, in the order in which it is safe to set them."""

from __future__ import annotations

from itertools import permutations

import pytest

from lvs_model.components.network import CONFIGURATION, TOOL, UNIT, WATCH, items_of, network
from lvs_model.parts import Part

# In the only order that is right: a link before its address, an address before what goes by it.
ORDERED = [
    "keep eth0",
    "up tunl0",
    "fou 4 6080 gue",
    "address 192.0.2.10 tunl0",
    "local 192.0.2.20",
    "link 8840 192.0.2.0/24 eth0",
    "route 8840 192.0.2.1 eth0",
    "rule 30000 8840 from 192.0.2.21",
]


@pytest.mark.parametrize("first", range(len(ORDERED)))
def test_items_are_ordered_by_kind_whatever_asked_for_them_first(first: int) -> None:
    turned = [*ORDERED[first:], *ORDERED[:first]]

    assert items_of([Part("one", items=turned[:3]), Part("two", items=turned[3:])]) == ORDERED
    assert items_of([Part("one", items=turned[::-1])]) == ORDERED


def test_modules_come_first_and_settings_before_addresses() -> None:
    """A VIP that is on lo before its interfaces are silent about it in ARP would be answered for."""
    parts = [
        Part("one", items=["address 192.0.2.10 lo"], sysctls={"a/b": "1 2"}, modules=["ip_vs"]),
        Part("two", modules=["ipip", "ip_vs"], sysctls={"c/d": "0"}),
    ]

    assert items_of(parts) == [
        "module ip_vs",
        "module ipip",
        "sysctl a/b 1 2",
        "sysctl c/d 0",
        "address 192.0.2.10 lo",
    ]


def test_items_of_one_kind_keep_their_order_and_are_there_once() -> None:
    asked = ["address 192.0.2.20 lo", "address 192.0.2.10 lo", "address 192.0.2.20 lo"]

    assert items_of([Part("one", items=asked), Part("two", items=asked)]) == asked[:2]


@pytest.mark.parametrize("interfaces", [[], ["eth0"], ["bond0.120", "eth1"]])
def test_interfaces_are_waited_for_behind_the_modules_that_make_them(interfaces: list[str]) -> None:
    part = Part("one", modules=["ipip"], sysctls={"a/b": "1"}, items=["up tunl0"])
    content = {file.path: file.content for file in network([part], interfaces).files}

    assert [line for line in content[CONFIGURATION].splitlines() if not line.startswith("#")] == [
        "module ipip",
        *(f"interface {name}" for name in interfaces),
        "sysctl a/b 1",
        "up tunl0",
    ]


def test_a_host_that_needs_no_item_has_no_tool_either() -> None:
    part = network([Part("one", packages=["x"], units=["y"])], ["eth0"])

    assert (part.files, part.units, part.actions, part.packages) == ([], [], [], [])


@pytest.mark.parametrize("kind", ["modules", "sysctls", "items"])
def test_one_item_of_any_kind_is_enough_for_the_tool(kind: str) -> None:
    needs = {"modules": ["ipip"], "sysctls": {"a/b": "1"}, "items": ["up tunl0"]}
    part = network([Part("one", **{kind: needs[kind]})], [])  # type: ignore[arg-type]

    assert part.units == [UNIT, WATCH]
    assert {file.path: file.mode for file in part.files} == {
        TOOL: "0755",
        CONFIGURATION: "0644",
        f"/etc/systemd/system/{UNIT}": "0644",
        f"/etc/systemd/system/{WATCH}": "0644",
    }
    # A changed tool or configuration takes effect; the watch reads a changed configuration by itself.
    *_, loads, watches = part.actions
    assert set(loads.on) == {file.path for file in part.files}
    assert set(watches.on) == {TOOL, f"/etc/systemd/system/{WATCH}"}


def test_each_unit_that_does_not_run_or_start_at_boot_is_mended() -> None:
    actions = network([Part("one", modules=["ipip"])], []).actions
    healed = [
        set(action.heals) & {f"{what} {unit}" for what in ("active", "enabled") for unit in (UNIT, WATCH)}
        for action in actions
    ]

    assert healed == [set(), {f"enabled {UNIT}", f"enabled {WATCH}"}, {f"active {UNIT}"}, {f"active {WATCH}"}]


RULES = ["rule 30000 8840 from 192.0.2.21", "rule 30000 8840 from 192.0.2.21 tcp 80-80"]


@pytest.mark.parametrize("rules", [RULES[:1], RULES[1:], RULES])
def test_loading_is_guarded_wherever_a_rule_stands(rules: list[str]) -> None:
    for items in permutations([*rules, "up tunl0", "route 8840 192.0.2.1 eth0"]):
        part = network([Part("one", items=list(items))], [])
        assert [action.guard for action in part.actions] == [(), (), (TOOL, "undo-routes", "{since}"), ()]
        # On a host that had nothing of it nothing stays, at its next boot neither.
        assert part.actions[2].retract == ("systemctl", "disable", "--now", WATCH, UNIT)


def test_without_a_rule_nothing_is_guarded() -> None:
    """A table of routes that no rule looks up cuts nobody off."""
    part = network([Part("one", items=[item for item in ORDERED if not item.startswith("rule ")])], [])

    assert [action.guard for action in part.actions] == [(), (), (), ()]
