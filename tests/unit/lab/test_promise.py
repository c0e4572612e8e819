"""What is promised is read from the inventory, through the toolkit's own plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.home import PROJECT
from lab.promise import Promise, promise_of, read_promise
from module_utils.lvs_traffic import stream_from


@pytest.fixture(scope="module")
def promise() -> Promise:
    """Read the lab's inventory."""
    return read_promise(PROJECT / "inventories" / "lab")


def test_the_lab_s_inventory_promises_three_two_one(promise: Promise) -> None:
    assert promise.client == "client1"
    assert promise.vip == "192.0.2.10"
    assert promise.request["port"] == 80
    assert promise.request["identify"] == "header"
    assert {name: round(share * 6, 9) for name, share in promise.shares.items()} == {
        "web1": 3,
        "web2": 2,
        "web3": 1,
    }
    assert promise.requests % 6 == 0
    assert list(promise.directors) == ["lb1", "lb2"]
    assert promise.directors["lb1"] > promise.directors["lb2"]
    assert set(promise.tables) == {"lb1", "lb2"}


def test_what_is_to_be_asked_is_what_the_engine_understands(promise: Promise) -> None:
    stream = stream_from({**promise.request, "interval": 0.1, "timeout": 1, "duration": 5})
    assert (stream.target.address, stream.target.header) == ("192.0.2.10", "X-Real-Server")


def test_whoever_is_left_takes_over_by_its_own_priority(promise: Promise) -> None:
    interval = promise.advert_interval_s
    # RFC 5798: two to three intervals, and the skew of the one who waits.
    for dead, survivor in (("lb1", "lb2"), ("lb2", "lb1")):
        skew = (256 - promise.directors[survivor]) / 256 * interval
        assert promise.takeover_s(dead) == pytest.approx((2 * interval + skew, 3 * interval + skew))


def test_who_leaves_in_order_is_followed_after_the_skew_alone(promise: Promise) -> None:
    skew = (256 - promise.directors["lb2"]) / 256 * promise.advert_interval_s
    assert promise.orderly_s("lb1") == pytest.approx(skew)


def test_a_dead_real_server_is_found_after_its_check_and_the_retries(promise: Promise) -> None:
    # The defaults: every 2 s, 2 s for an answer, two repetitions a second apart.
    assert promise.detection_s == pytest.approx(2 + 3 * 2 + 2 * 1)


def test_a_later_inventory_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "hosts.yml").write_text("edge_web: {hosts: {web3: {lvs_weight: 2}}}\n")
    promise = read_promise(PROJECT / "inventories" / "lab", tmp_path)
    assert promise.shares["web3"] == pytest.approx(2 / 7)


def test_a_lone_director_has_nobody_to_take_over(promise: Promise) -> None:
    alone = type(promise)(**{**vars(promise), "directors": {"lb1": 200}})
    with pytest.raises(LabError, match="lb1 is the only director of its cluster"):
        alone.takeover_s("lb1")


def test_under_a_cluster_manager_times_are_its_own_and_only_the_owner_has_a_table(promise: Promise) -> None:
    assert (promise.owner_only, promise.managed_s) == (False, None)

    managed = read_promise(PROJECT / "molecule" / "pacemaker" / "inventory")

    assert managed.owner_only
    assert managed.addresses["real1"] == "192.168.136.101"
    assert managed.managed_s is not None
    assert managed.takeover_s("lb1") == (managed.managed_s["crash_best"], managed.managed_s["crash_worst"])
    assert managed.orderly_s("lb1") == managed.managed_s["orderly"]


def test_an_inventory_without_a_cluster_is_refused_by_the_plan() -> None:
    listing = {"_meta": {"hostvars": {}}, "all": {"children": ["probes"]}, "probes": {"hosts": ["client1"]}}
    with pytest.raises(LabError, match="no host of the inventory has this variable"):
        promise_of(listing)


def test_an_inventory_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: [not, a, mapping]}\n")
    with pytest.raises(LabError):
        read_promise(tmp_path)
