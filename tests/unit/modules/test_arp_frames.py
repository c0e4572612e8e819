"""ARP frames, byte by byte, and the questions that cannot be asked."""

from __future__ import annotations

import socket

import pytest

from module_utils.lvs_arp import Reply, answers, build_request, format_mac, parse_reply, who_has

OWN = bytes.fromhex("52540000000c")
PEER = bytes.fromhex("52540000000b")


def reply(**change: str) -> bytes:
    """A reply to OWN at 192.0.2.12: 192.0.2.10 is at PEER. Parts of it can be changed."""
    parts = {
        "destination": "52540000000c", "source": "52540000000b", "type": "0806",
        "hardware": "0001", "protocol": "0800", "lengths": "0604", "operation": "0002",
        "mac": "52540000000b", "address": "c000020a", "target_mac": "52540000000c", "target": "c000020c",
    }  # fmt: skip
    return bytes.fromhex("".join({**parts, **change}.values()))


def test_request_is_a_broadcast_who_has() -> None:
    assert build_request(OWN, "192.0.2.12", "192.0.2.10").hex() == (
        "ffffffffffff" "52540000000c" "0806"  # Ethernet
        "0001" "0800" "06" "04" "0001"  # a request for IPv4 on Ethernet
        "52540000000c" "c000020c" "000000000000" "c000020a"  # who has 192.0.2.10, tell 192.0.2.12
    )  # fmt: skip


@pytest.mark.parametrize("padding", [b"", b"\0" * 18])
def test_reply_is_read_with_and_without_padding(padding: bytes) -> None:
    assert parse_reply(reply() + padding) == Reply(
        PEER, socket.inet_aton("192.0.2.10"), OWN, socket.inet_aton("192.0.2.12")
    )


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        reply()[:-1],
        reply(type="0800"),
        reply(hardware="0006"),
        reply(protocol="86dd"),
        reply(lengths="0806"),
        reply(operation="0001"),
        build_request(OWN, "192.0.2.12", "192.0.2.10"),
    ],
)
def test_what_is_no_reply_is_left_alone(frame: bytes) -> None:
    assert parse_reply(frame) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"mac": "52540000000c"}, False),  # our own frame, sent back
        ({"target_mac": "52540000000d"}, False),  # to another host
        ({"target": "c000020d"}, False),  # to another question
        ({"address": "c000020b"}, False),  # about another address
    ],
)
def test_which_reply_answers_the_question(change: dict[str, str], expected: bool) -> None:
    read = parse_reply(reply(**change))
    assert read is not None
    assert answers(read, OWN, "192.0.2.12", "192.0.2.10") is expected


def test_mac_is_written_as_ip_link_does() -> None:
    assert format_mac(PEER) == "52:54:00:00:00:0b"


@pytest.mark.parametrize(
    ("question", "skipped"),
    [
        (
            {"interface": "lo", "address": "2001:db8::10"},
            "2001:db8::10 is not an IPv4 address, and ARP knows only those",
        ),
        (
            {"interface": "lo", "address": "192.0.2"},
            "192.0.2 is not an IPv4 address, and ARP knows only those",
        ),
        (
            {"interface": "lo", "address": "192.0.2.10", "source": "::1"},
            "::1 is not an IPv4 address, and ARP knows only those",
        ),
    ],
)
def test_question_without_sense_is_skipped(question: dict[str, str], skipped: str) -> None:
    (answer,) = who_has([question])
    assert (answer["skipped"], answer["macs"]) == (skipped, [])
