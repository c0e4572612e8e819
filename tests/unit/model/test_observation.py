"""What lvs_facts saw, parsed: text of commands becomes answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.ipvs_table import Server, VirtualService
from lvs_model.observation import Election, Observation, from_result

from .pretended import checker_dump, daemons_text, state_json, states_json


def observation(**raw: Any) -> Observation:  # noqa: ANN401
    return Observation("lb1", raw)


# As `ip -j address` of Debian 13 prints it, shortened: a VLAN, a VIP beside the own address, IPv6, labels.
ADDRESSES = json.dumps(
    [
        {
            "ifname": "lo",
            "link_type": "loopback",
            "address": "00:00:00:00:00:00",
            "addr_info": [
                {"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host", "label": "lo"},
                {"family": "inet", "local": "192.0.2.10", "prefixlen": 32, "label": "lo:lvs"},
                {"family": "inet", "local": "192.0.2.99", "prefixlen": 32, "label": "lo"},
                {"family": "inet6", "local": "::1", "prefixlen": 128},
                {"family": "inet6", "local": "2001:db8::10", "prefixlen": 128, "deprecated": True},
                {"family": "inet6", "local": "2001:db8::99", "prefixlen": 128},
            ],
        },
        {
            "ifname": "bond0.120",
            "link": "bond0",
            "address": "52:54:00:00:00:0b",
            "addr_info": [
                {"family": "inet", "local": "192.0.2.11", "prefixlen": 24, "label": "bond0.120"},
                {"family": "inet", "local": "192.0.2.20", "prefixlen": 32, "label": "bond0.120"},
                {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
            ],
        },
        {"ifname": "tunl0", "link_type": "ipip"},
    ]
)


def test_addresses_and_interfaces() -> None:
    seen = observation(addresses=ADDRESSES)

    assert seen.interfaces == {"lo", "bond0.120", "tunl0"}
    assert seen.addresses == dict.fromkeys(["192.0.2.11", "192.0.2.20", "fe80::1"], "bond0.120")
    assert (seen.mac("bond0.120"), seen.mac("tunl0"), seen.mac("eth9")) == ("52:54:00:00:00:0b", None, None)
    assert "52:54:00:00:00:0b" in seen.macs


def test_a_vip_on_lo_is_not_owned() -> None:
    seen = observation(addresses=ADDRESSES)

    assert [seen.owns(vip) for vip in ("192.0.2.20", "192.0.2.10", "192.0.2.30")] == [True, False, False]


@pytest.mark.parametrize("text", [None, "", "[]"])
def test_a_host_without_iproute_has_no_interfaces(text: str | None) -> None:
    assert observation(addresses=text).interfaces == set()


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n', ("debian", "12")),
        ("ID='ubuntu'\n# comment\n\nVERSION_ID=24.04\n", ("ubuntu", "24.04")),
        ("NAME=unheard-of\n", ("unknown", "unknown")),
        (None, ("unknown", "unknown")),
    ],
)
def test_the_system_is_read_as_a_shell_would(text: str | None, system: tuple[str, str]) -> None:
    assert observation(os_release=text).os == system


def test_states_of_modules_and_units() -> None:
    seen = observation(
        modules={"ip_vs": "loaded"},
        units={"keepalived.service": {"ActiveState": "active"}, "gone.service": None},
    )

    assert (seen.module("ip_vs"), seen.module("ip_vs_mh")) == ("loaded", "missing")
    assert seen.unit("keepalived.service") == {"ActiveState": "active"}
    assert seen.unit("gone.service") == seen.unit("never.service") == {}


def test_the_table_is_parsed() -> None:
    text = "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3\n"

    assert observation(ipvs={"table": text}).table == {
        "TCP 192.0.2.10:80": VirtualService("wrr", {"192.0.2.21:80": Server(3, "dr")})
    }
    assert observation(ipvs={"table": None}).table == {}


def test_a_table_that_cannot_be_read_names_its_host() -> None:
    with pytest.raises(ValueError, match=r"^host lb1: ipvsadm -Sn, line 1: '-Z' is not understood"):
        _ = observation(ipvs={"table": "-Z"}).table


@pytest.mark.parametrize("keepalived", [None, {"data": None}, {"data": ""}])
def test_a_keepalived_that_does_not_tell_has_no_checkers(keepalived: dict[str, Any] | None) -> None:
    assert observation(keepalived=keepalived).checkers is None


def test_what_checks_found_is_read_from_the_dump() -> None:
    dump = checker_dump(
        {"TCP 192.0.2.10:80": {"192.0.2.21:80": (True, True), "192.0.2.22:80": (False, False)}}
    )

    assert observation(keepalived={"data": dump}).checkers == {
        ("TCP 192.0.2.10:80", "192.0.2.21:80"): {"alive": True, "checked": True},
        ("TCP 192.0.2.10:80", "192.0.2.22:80"): {"alive": False, "checked": False},
    }


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([{"address": "192.0.2.10", "macs": ["52:54:00:00:00:0B"], "skipped": None}], {"52:54:00:00:00:0b"}),
        ([{"address": "192.0.2.10", "macs": [], "skipped": None}], set()),
        ([{"address": "192.0.2.10", "macs": [], "skipped": "eth0: No such device"}], None),
        ([{"address": "192.0.2.99", "macs": ["52:54:00:00:00:0b"], "skipped": None}], None),
        ([], None),
        (None, None),
    ],
)
def test_what_was_not_asked_is_not_an_empty_answer(
    answers: list[dict[str, Any]] | None, found: set[str] | None
) -> None:
    assert observation(arp=answers).arp("192.0.2.10") == found


SEEN = {"schema": 1, "kernel": "6.12"}


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ({"changed": False, "observation": SEEN}, SEEN),
        (SEEN, SEEN),
        # Looked at again and again, and never as planned: it has been seen all the same.
        ({"failed": True, "attempts": 5, "observation": SEEN}, SEEN),
        ({"unreachable": True, "changed": False, "msg": "Failed to connect"}, {}),
        ({}, {}),
        ({"failed": True, "msg": "No space left on device\n"}, {"failed": "No space left on device"}),
        ({"failed": True, "msg": "", "module_stderr": "sudo: a password"}, {"failed": "sudo: a password"}),
        ({"failed": True}, {"failed": "no reason given"}),
    ],
)
def test_what_ansible_registers_becomes_an_observation(result: dict[str, Any], found: dict[str, Any]) -> None:
    assert from_result(result) == found


@pytest.mark.parametrize(
    ("keepalived", "states", "silent"),
    [
        ({"vrrp": 702, "json": state_json("BACKUP")}, {"VI_edge": "BACKUP"}, False),
        ({"vrrp": 702, "json": state_json("MASTER")}, {"VI_edge": "MASTER"}, False),
        ({"vrrp": 702, "json": state_json("FAULT")}, {"VI_edge": "FAULT"}, False),
        ({"vrrp": 702, "json": state_json("INIT")}, {}, False),
        ({"vrrp": 702, "json": None}, {}, True),  # it did not answer
        ({"vrrp": None, "json": None}, {}, False),  # it does not run
        (None, {}, False),
        ({"vrrp": 702, "json": '[{"data": {"sta'}, {}, False),  # cut off
        ({"vrrp": 702, "json": "[]"}, {}, False),  # no instance
        ({"vrrp": 702, "json": '[{"data": {"state": null}}]'}, {}, False),
        (
            {"vrrp": 702, "json": states_json({"VI_a": "MASTER", "VI_b": "BACKUP"})},
            {"VI_a": "MASTER", "VI_b": "BACKUP"},
            False,
        ),
    ],
)
def test_the_states_of_the_vrrp_instances(
    keepalived: dict[str, Any] | None, states: dict[str, str], silent: bool
) -> None:
    seen = observation(keepalived=keepalived)

    assert (seen.vrrp_states, seen.vrrp_silent) == (states, silent)


def test_thresholds_are_told_beside_the_table() -> None:
    """As ipvsadm 1.31 prints them."""
    saved = """-A -t 192.0.2.10:80 -s wrr
-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 1
-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 1
-A -f 7 -6 -s rr
-a -f 7 -6 -r [2001:db8::5]:0 -i -w 2 --tun-type ipip
"""
    listed = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn
  -> RemoteAddress:Port
TCP  192.0.2.10:80 wrr
  -> 192.0.2.21:80                100        5          0          0
  -> 192.0.2.22:80                0          0          7          0
FWM  7 IPv6 rr
  -> [2001:db8::5]:0              9          0          0          0
"""
    table = observation(ipvs={"table": saved, "thresholds": listed}).table

    found = {server: one for service in table.values() for server, one in service.servers.items()}
    assert {server: one.extra for server, one in found.items()} == {
        "192.0.2.21:80": ("-x", "100", "-y", "5"),
        "192.0.2.22:80": (),
        "[2001:db8::5]:0": ("-x", "9"),
    }
    assert all(one.limits for one in found.values())


@pytest.mark.parametrize(
    ("text", "daemons"),
    [
        (daemons_text("MASTER"), {"master"}),
        (daemons_text("BACKUP"), {"backup"}),
        (daemons_text("MASTER", "BACKUP"), {"master", "backup"}),
        ("", set()),
        (None, set()),
    ],
)
def test_which_sync_daemons_run(text: str | None, daemons: set[str]) -> None:
    assert observation(ipvs={"daemons": text}).sync_daemons == daemons


# Of what keepalived 2.2.7 prints of two instances, the first with an anchor and two excluded addresses.
TWO_ELECTIONS = """[
{"data": {"iname": "VI_a", "vmac_ifname": "", "ifp_ifname": "eth0", "vrid": 51, "state": 2,
"version": 3, "vips": ["169.254.255.51 dev eth0 scope link set"],
"evips": ["192.0.2.10 dev eth0 scope global set", "2001:db8::10 dev eth0 scope global deprecated set"],
"auth_type": 0}, "stats": {"advert_rcvd": 0}},
{"data": {"iname": "VI_b", "vmac_ifname": "", "ifp_ifname": "eth1", "vrid": 52, "state": 1,
"version": 2, "vips": ["169.254.255.52 dev eth1 scope link"], "auth_type": 1, "auth_data": "abcd"},
"stats": {"advert_rcvd": 0}}]"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            TWO_ELECTIONS,
            [
                Election(
                    51, 3, "eth0", "none", frozenset({"169.254.255.51", "192.0.2.10", "2001:db8::10"}), "VI_a"
                ),
                Election(52, 2, "eth1", "pass", frozenset({"169.254.255.52"}), "VI_b", None, "abcd"),
            ],
        ),
        # Nothing is guessed.
        (state_json("MASTER"), [Election(None, None, None, None, frozenset(), "VI_edge")]),
        (TWO_ELECTIONS[:300], []),  # cut off
        ("[]", []),
        ('[{"data": null}]', []),
        (None, []),
    ],
)
def test_the_elections_that_keepalived_runs(text: str | None, found: list[Election]) -> None:
    assert observation(keepalived={"vrrp": 702, "json": text}).elections == found
