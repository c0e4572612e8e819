"""FTP's second connections, and protocols that belong together: one client is always at one real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from lab import Lab
from lab.clients import ftp_whoami, http_names, media
from lab.promise import Promise

NAT_FTP, DIRECT_FTP, SESSION, MEDIA = "192.0.2.10", "192.0.2.60", "192.0.2.40", "192.0.2.50"
# As many clients as a round of the weights 2 and 1 has turns: both real servers get some.
SOURCES = ("192.0.2.111", "192.0.2.112", "192.0.2.113")
BOTH = {"web1", "web2"}

Mode = Literal["passive", "active", "extended"]
MODES: tuple[Mode, ...] = ("passive", "active", "extended")


@pytest.fixture(scope="module", autouse=True)
def clients(lab: Lab, promise: Promise) -> Iterator[None]:
    """Give the client more addresses, for a while: to IPVS it is several clients."""

    def change(verb: str) -> None:
        commands = [f"ip address {verb} {source}/24 dev eth0" for source in SOURCES]
        lab.run(promise.client, " && ".join(commands), check=True)

    change("replace")
    yield
    change("delete")


@pytest.mark.parametrize("mode", MODES)
def test_ftp_through_nat(lab: Lab, promise: Promise, mode: Mode) -> None:
    answer = ftp_whoami(lab, promise.client, NAT_FTP, mode=mode)
    assert answer.server in {"web3", "web4"}
    assert answer.data_address == NAT_FTP, "the data connection is with the VIP, too"


def test_ftp_under_direct_routing_is_held_together_by_persistence(lab: Lab, promise: Promise) -> None:
    reached = {}
    for source, modes in zip(SOURCES, (MODES, MODES[:1], MODES[:1]), strict=True):
        answers = [ftp_whoami(lab, promise.client, DIRECT_FTP, mode=mode, source=source) for mode in modes]
        assert {answer.data_address for answer in answers} == {DIRECT_FTP}, (
            f"{source}: data of another address"
        )
        assert len({answer.server for answer in answers}) == 1, f"{source} is at several real servers"
        reached[source] = answers[0].server
    assert set(reached.values()) == BOTH, "clients are spread"


def test_media_of_a_client_is_at_one_real_server(lab: Lab, promise: Promise) -> None:
    reached = {
        source: media(lab, promise.client, MEDIA, 7, [6970, 6971], source=source).servers
        for source in SOURCES
    }
    assert {source: len(servers) for source, servers in reached.items()} == dict.fromkeys(SOURCES, 1)
    assert frozenset().union(*reached.values()) == BOTH, "clients are spread"


def test_http_and_https_of_a_client_are_at_one_real_server(lab: Lab, promise: Promise) -> None:
    reached = {
        source: {
            name
            for port in (80, 443)
            for name in http_names(lab, promise.client, SESSION, port, 3, source=source)
        }
        for source in SOURCES
    }
    assert {source: len(servers) for source, servers in reached.items()} == dict.fromkeys(SOURCES, 1)
    assert set().union(*reached.values()) == BOTH, "clients are spread"
