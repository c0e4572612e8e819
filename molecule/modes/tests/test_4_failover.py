"""The active director loses power: the other one does NAT, masquerading, and all the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from lab import Lab
from lab.clients import ftp_whoami, http_names, media
from lab.promise import Promise

BACK = {"web3": 3, "web4": 1}
FRONT = {"web1": 2, "web2": 1}
SERVICES = [
    ("192.0.2.10", 8080, BACK),
    ("2001:db8:1::10", 8080, BACK),
    ("192.0.2.20", 8080, FRONT),
    ("2001:db8:1::20", 8080, FRONT),
    ("192.0.2.30", 80, FRONT),
    ("2001:db8:1::30", 80, FRONT),
]
ROUNDS = 3
GATEWAYS = ("203.0.113.10", "2001:db8:2::10")

Loss = Callable[[], AbstractContextManager[str]]


def test_the_other_director_serves_everything(lab: Lab, promise: Promise, power_loss: Loss) -> None:
    with power_loss() as lost:
        (other,) = set(promise.directors) - {lost}
        addresses = [*(vip for vip, *_ in SERVICES), *GATEWAYS]
        held = lab.run(other, ["ip", "-o", "address"], check=True).stdout
        moved = [address for address in addresses if f" {address}/" in held]
        assert moved == addresses, "VIPs and gateways move together"
        for vip, port, weights in SERVICES:
            split = http_names(lab, promise.client, vip, port, ROUNDS * sum(weights.values()))
            assert split == {name: weight * ROUNDS for name, weight in weights.items()}, f"split of {vip}"
        assert ftp_whoami(lab, promise.client, "192.0.2.10").data_address == "192.0.2.10", "FTP through NAT"
        assert ftp_whoami(lab, promise.client, "192.0.2.60").data_address == "192.0.2.60", "FTP, directly"
        assert len(media(lab, promise.client, "192.0.2.50", 7, [6970, 6971]).servers) == 1, "media"
        session = [http_names(lab, promise.client, "192.0.2.40", port, 2) for port in (80, 443)]
        assert session[0] == session[1], "HTTP and HTTPS of one client are at one real server"
