"""Cases of the rules about pacemaker."""

from __future__ import annotations

from typing import Any

from ..builders import Case
from ..changes import Change, both
from . import EDGE, NearMiss, Trigger, near, third, trigger

PATH = f"{EDGE}.failover.pacemaker"
KEY = "n3Hq8YzT0bRk5LxW7cVj2MdPf9GsA4uE"
BOARD: dict[str, Any] = {"name": "board", "agent": "fence_ipmilan", "parameters": {"ip": "10.9.0.1"}}


def pacemaker(*, leave_out: str = "", **options: Any) -> Change:  # noqa: ANN401
    """Have the directors agree by pacemaker, with these options over valid ones."""

    def change(case: Case) -> None:
        given = {"key": KEY, "fencing": {"declined": "test cluster"}, **options}
        given.pop(leave_out, None)
        case.document["engine"] = "ldirectord"
        case.document["failover"].update(method="pacemaker", pacemaker=given)

    return change


def _without_second(**options: Any) -> Change:  # noqa: ANN401
    """The same, with a director that has no address on the network sync."""

    def change(case: Case) -> None:
        pacemaker(**options)(case)
        case.document.pop("connection_sync")
        case.hostvars["lb2"]["lvs_addresses"] = ["192.0.2.12"]

    return change


def _on_one_interface(case: Case) -> None:
    pacemaker()(case)
    case.document["networks"]["front"]["interface"] = "bond0"
    case.document["networks"]["sync"]["interface"] = "bond0.99"


TABLE: list[Trigger | NearMiss] = [
    trigger(
        "pacemaker-without-key",
        pacemaker(leave_out="key"),
        f"{PATH}.key: corosync has no key: give 32 random characters, from a vault",
    ),
    near("pacemaker-without-key", pacemaker()),
    trigger(
        "pacemaker-without-fencing",
        pacemaker(leave_out="fencing"),
        f"{PATH}.fencing: nothing is said of how a lost director is cut off: give devices, or declined with "
        "the reason",
    ),
    near("pacemaker-without-fencing", pacemaker(fencing={"devices": [BOARD]})),
    trigger(
        "pacemaker-fencing-directors",
        pacemaker(fencing={"devices": [{**BOARD, "directors": ["lb1", "web1"]}]}),
        f"{PATH}.fencing.devices: no device cuts off lb2: name it in a device's directors, or add a device",
        f"{PATH}.fencing.devices[0].directors: 'web1' is no director: use names of the group "
        "'edge_directors': lb1, lb2",
    ),
    near(
        "pacemaker-fencing-directors",
        pacemaker(
            fencing={
                "devices": [
                    {**BOARD, "directors": ["lb1"]},
                    {**BOARD, "name": "second", "directors": ["lb2"]},
                ]
            }
        ),
    ),
    trigger(
        "pacemaker-link",
        pacemaker(links=["front", "back"]),
        f"{PATH}.links[1]: 'back' is no network: use one of front, sync",
        also="pacemaker-one-link",
    ),
    trigger(
        "pacemaker-link",
        _without_second(links=["front", "sync"]),
        f"{PATH}.links[1]: lb2 has no address on 'sync': give every director an address of one family "
        "there, or take another network",
    ),
    near("pacemaker-link", pacemaker(links=["sync", "front"])),
    trigger(
        "pacemaker-one-link",
        _without_second(),
        f"{PATH}.links: front: the only one: add a network of other interfaces on which all directors have "
        "addresses",
    ),
    trigger(
        "pacemaker-one-link",
        _on_one_interface,
        f"{PATH}.links: front, sync: all on the same interfaces: add a network of other interfaces on which "
        "all directors have addresses",
    ),
    near("pacemaker-one-link", pacemaker()),
    trigger(
        "pacemaker-ping-target",
        pacemaker(ping={"targets": ["192.0.2.10", "192.0.2.12", "2001:db8::fe"]}),
        f"{PATH}.ping.targets[0]: 192.0.2.10 is a VIP: its owner always reaches it: give the address of a "
        "router or a switch",
        f"{PATH}.ping.targets[1]: 192.0.2.12 is lb2's own: give the address of a router or a switch",
        f"{PATH}.ping.targets[2]: lb1 has no IPv6 address to reach 2001:db8::fe from: give the address of a "
        "router or a switch",
        f"{PATH}.ping.targets[2]: lb2 has no IPv6 address to reach 2001:db8::fe from: give the address of a "
        "router or a switch",
    ),
    near("pacemaker-ping-target", pacemaker(ping={"targets": ["192.0.2.254"]})),
    trigger(
        "pacemaker-alone-without-fencing",
        pacemaker(wait_for_all=False),
        f"{PATH}.wait_for_all: false without fencing: directors that start without hearing each other all "
        "own the VIPs: leave it out, or give fencing devices",
    ),
    near("pacemaker-alone-without-fencing", both(pacemaker(wait_for_all=False), third)),
    near("pacemaker-alone-without-fencing", pacemaker(wait_for_all=False, fencing={"devices": [BOARD]})),
]
