"""A director and real server loses power: the other one does all the work until it is back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from lab import Lab
from lab.clients import http_names
from lab.promise import Promise

VIPS = ("192.0.2.10", "2001:db8:1::10", "192.0.2.20")
SERVERS = {"lb1", "lb2", "web1"}
ROUNDS = 10

Owners = Callable[..., list[str]]
Loss = Callable[[], AbstractContextManager[str]]
Until = Callable[..., None]


def test_the_other_director_takes_everything_until_the_lost_one_is_back(
    lab: Lab, promise: Promise, owners: Owners, power_loss: Loss, until: Until
) -> None:
    before = {vip: owners(vip) for vip in VIPS}
    with power_loss() as lost:
        (other,) = set(promise.directors) - {lost}
        alone = {vip: owners(vip, without=lost) for vip in VIPS}
        assert alone == {vip: [other] for vip in VIPS}, "the other director owns all VIPs"
        left = SERVERS - {lost}
        for vip in VIPS:
            split = http_names(lab, promise.client, vip, 80, ROUNDS * len(left))
            assert split == dict.fromkeys(left, ROUNDS), f"{vip}: the rest serves, in equal parts"
    until("each has its half again", lambda: {vip: owners(vip) for vip in VIPS} == before, timeout_s=60)
    for vip in VIPS:
        split = http_names(lab, promise.client, vip, 80, ROUNDS * len(SERVERS))
        assert split == dict.fromkeys(SERVERS, ROUNDS), f"{vip}: the returned real server has its part again"
