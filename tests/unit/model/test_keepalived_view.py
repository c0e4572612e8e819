"""Keepalived's checker dump: real ones of both versions, and what can be in one besides.

The files come from the real daemons: Debian's 2.2.7, and 2.3.3 built from its tag (without libnl, so without
IPv6 services), on a kernel interface that accepts every IPVS command. The global definitions are cut short.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lvs_model.keepalived_view import Held, parse_checker_dump, parse_held

DUMPS = Path(__file__).parent / "keepalived"


def real(version: str) -> str:
    return (DUMPS / f"checkers-{version}.data").read_text(encoding="utf-8")


def state(alive: bool, checked: bool) -> dict[str, bool]:
    return {"alive": alive, "checked": checked}


UP, DOWN, UNKNOWN = state(True, True), state(False, True), state(False, False)
# Two checkers, both good; one that failed; one still in its warm-up. Then services of other kinds.
COMMON = {
    ("TCP 192.0.2.10:80", "127.0.0.1:80"): UP,
    ("TCP 192.0.2.10:80", "192.0.2.22:80"): DOWN,
    ("TCP 192.0.2.10:80", "192.0.2.23:80"): UNKNOWN,
    ("FWM 7", "127.0.0.1:0"): UP,
    ("GROUP [media]:0", "192.0.2.21:5004"): UP,
}
IPV6 = {("TCP [2001:db8::10]:443", "[2001:db8::21]:443"): UP}


@pytest.mark.parametrize(("version", "expected"), [("2.2.7", {**COMMON, **IPV6}), ("2.3.3", COMMON)])
def test_real_dumps(version: str, expected: dict[tuple[str, str], dict[str, bool]]) -> None:
    assert parse_checker_dump(real(version)) == expected


@pytest.mark.parametrize("version", ["2.2.7", "2.3.3"])
def test_real_dumps_tell_weights_and_the_quorum(version: str) -> None:
    weights = {"127.0.0.1:80": 3, "192.0.2.22:80": 2, "192.0.2.23:80": 1}
    found = parse_held(real(version))
    assert found["TCP 192.0.2.10:80"] == Held(weights, quorum=True)
    assert found["FWM 7"] == Held({"127.0.0.1:0": 1}, quorum=True)
    assert set(found) == {service for service, _ in parse_checker_dump(real(version))}

    lost = real(version).replace("   quorum_state_up = 1", "   quorum_state_up = 0", 1)
    assert [key for key, one in parse_held(lost).items() if not one.quorum] == ["TCP 192.0.2.10:80"]


def server(address: str, port: int, alive: int) -> str:
    return (
        "   ------< Real server >------\n"
        f"   RIP = {address}, RPORT = {port}, WEIGHT = 1 EFF WEIGHT = 1\n"
        "   forwarding method = DR\n"
        f"   alive = {alive}\n"
        "   num failed checkers = 0\n"
    )


def service(line: str, protocol: str, *servers: str, family: str = "inet") -> str:
    return (
        f" ------< Virtual server >------\n {line}\n   Address family = {family}\n   protocol = {protocol}\n"
        "   alive = 1\n" + "".join(servers)
    )


def checker(vs: str, rs: str, run: str = "yes", enabled: str = "yes", more: str = "") -> str:
    return f" {vs} -> {rs}\n   Enabled = {enabled}\n   Up = yes\n   Has run = {run}\n   Alpha = yes\n{more}"


def dump(services: str, checkers: str = "") -> str:
    head = "------< LVS Topology >------\n System is compiled with LVS v1.2.1\n"
    return head + services + (f"------< Health checkers >------\n{checkers}" if checkers else "")


VS, RS = "[192.0.2.10]:tcp:80", "[192.0.2.21]:tcp:80"
WWW = service("VS VIP = 192.0.2.10, VPORT = 80", "TCP", server("192.0.2.21", 80, 1))
KEY = ("TCP 192.0.2.10:80", "192.0.2.21:80")


@pytest.mark.parametrize(
    ("checkers", "checked"),
    [
        ("", True),  # nothing to wait for
        (checker(VS, RS), True),
        (checker(VS, RS, run="no"), False),
        (checker(VS, RS) + checker(VS, RS, run="no"), False),
        (checker(VS, RS, run="no") + checker(VS, RS), False),
        (checker(VS, RS, run="no", enabled="no"), True),  # ha_suspend: it will not run
        (checker(VS, "[192.0.2.22]:tcp:80", run="no"), True),  # of another real server
        (checker("[192.0.2.10]:udp:80", "[192.0.2.21]:udp:80", run="no"), True),  # of another service
        # What a checker prints after its state is of its own making.
        (checker(VS, RS, more="   Checked url = / -> [x]:tcp:1\n   Has run = no\n   Enabled = yes\n"), True),
    ],
)
def test_checked(checkers: str, checked: bool) -> None:
    assert parse_checker_dump(dump(WWW, checkers)) == {KEY: state(True, checked)}


def test_virtual_and_sorry_servers_state_is_not_the_real_servers() -> None:
    head = "VS VIP = 192.0.2.10, VPORT = 80"
    text = service(
        head, "TCP", "   sorry server = [192.0.2.99]:tcp:80\n     alive = 1\n", server("192.0.2.21", 80, 0)
    )
    assert parse_checker_dump(dump(text)) == {KEY: DOWN}


@pytest.mark.parametrize(
    ("text", "checkers", "key", "checked"),
    [
        (
            service("VS VIP = 192.0.2.10, VPORT = 53", "UDP", server("192.0.2.21", 53, 1)),
            checker("[192.0.2.10]:udp:53", "[192.0.2.21]:udp:53", run="no"),
            ("UDP 192.0.2.10:53", "192.0.2.21:53"),
            False,
        ),
        (
            service("VS VIP = 192.0.2.10, VPORT = 5060", "SCTP", server("192.0.2.21", 5060, 1)),
            checker("[192.0.2.10]:sctp:5060", "[192.0.2.21]:sctp:5060", run="no"),
            ("SCTP 192.0.2.10:5060", "192.0.2.21:5060"),
            False,
        ),
        (
            service(
                "VS VIP = 2001:db8::10, VPORT = 80", "TCP", server("2001:db8::21", 80, 1), family="inet6"
            ),
            checker("[2001:db8::10]:tcp:80", "[2001:db8::21]:tcp:80", run="no"),
            ("TCP [2001:db8::10]:80", "[2001:db8::21]:80"),
            False,
        ),
        (
            service("VS FWMARK = 7", "none", server("2001:db8::21", 0, 1), family="inet6"),
            checker("FWM 7", "[2001:db8::21]:none:0", run="no"),
            ("FWM 7 IPv6", "[2001:db8::21]:0"),
            False,
        ),
        (
            service("VS GROUP = [media]:0", "UDP", server("192.0.2.21", 5004, 1)),
            checker("[media]:0", "[192.0.2.21]:udp:5004", run="no"),
            ("GROUP [media]:0", "192.0.2.21:5004"),
            False,
        ),
    ],
)
def test_kinds_of_services(text: str, checkers: str, key: tuple[str, str], checked: bool) -> None:
    assert parse_checker_dump(dump(text, checkers)) == {key: state(True, checked)}


def test_daemon_without_services() -> None:
    assert parse_checker_dump("------< Global definitions >------\n Router ID = t\n") == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "no dump of keepalived's checkers: it has no section heading such as '------< … >------'"),
        (
            dump(WWW[: WWW.index("   alive = 1\n   num")]),
            "keepalived's dump is cut off: real server 192.0.2.21:80 of TCP 192.0.2.10:80 has no state",
        ),
        (
            dump(WWW, checker(VS, RS)[:-40]),
            f"keepalived's dump is cut off: the checker {VS} -> {RS} has no state",
        ),
        (
            dump(WWW, f" {VS} -> {RS}\n   Enabled = yes\n{checker(VS, RS)}"),
            f"keepalived's dump is cut off: the checker {VS} -> {RS} has no state",
        ),
    ],
)
def test_what_is_no_complete_dump(text: str, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_checker_dump(text)
    assert str(caught.value) == error
