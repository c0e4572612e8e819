"""How the lab gets from the nodes that are there to those that are wanted."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab.errors import CommandError, LabError, NodeOffError
from lab.home import Home
from lab.inventory import topology
from lab.keys import Keys
from lab.node_files import node_files
from lab.node_plan import PREPARED, Found, Inventory, make_plan, network_digest, node_digest
from lab.nodes import Nodes, network_arguments, run_command
from tests.unit.lab.builders import FakeRunner, hostvars

LAB = topology(
    hostvars(
        lb1=["192.0.2.11", "198.51.100.11"],
        web1={"lvs_addresses": ["192.0.2.21"], "lab_backend": {"port": 80}},
    )
)
DIGESTS = {"lb1": "d1", "web1": "d2"}
GOOD_NETWORKS = {network.bridge: network_digest(network) for network in LAB.networks}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(Home(tmp_path / "home"))


def found(**nodes: tuple[str, int, str]) -> Inventory:
    return Inventory({name: Found(name, *value) for name, value in nodes.items()}, GOOD_NETWORKS)


def test_nothing_is_there() -> None:
    plan = make_plan(LAB, DIGESTS, Inventory(), fresh=False)
    assert (plan.remove, plan.create, plan.start, plan.keep) == ((), {"lb1": 0, "web1": 1}, {}, {})


def test_all_is_well() -> None:
    plan = make_plan(LAB, DIGESTS, found(lb1=("running", 3, "d1"), web1=("paused", 0, "d2")), fresh=False)
    assert (plan.remove, plan.create, plan.start) == ((), {}, {})
    assert plan.keep == {"lb1": 3, "web1": 0}
    assert plan.remove_networks == ()


@pytest.mark.parametrize(
    ("node", "part"),
    [
        (("exited", 3, "d1"), "start"),
        (("stopped", 3, "d1"), "start"),
        (("created", 3, "d1"), "create"),  # an interrupt came before its first boot
        (("running", 3, "other"), "create"),
        (("running", -1, "d1"), "create"),
    ],
)
def test_what_becomes_of_a_node(node: tuple[str, int, str], part: str) -> None:
    plan = make_plan(LAB, DIGESTS, found(lb1=node, web1=("running", 0, "d2")), fresh=False)
    assert "lb1" in getattr(plan, part)
    assert ("lb1" in plan.remove) == (part == "create")
    assert plan.slots["lb1"] != plan.slots["web1"]


def test_fresh_makes_all_anew_and_strangers_go() -> None:
    state = found(lb1=("running", 3, "d1"), web1=("running", 0, "d2"), old=("running", 5, "d9"))
    assert make_plan(LAB, DIGESTS, state, fresh=False).remove == ("old",)
    plan = make_plan(LAB, DIGESTS, state, fresh=True)
    assert plan.remove == ("lb1", "old", "web1")
    assert plan.create == {"lb1": 0, "web1": 1}


def test_changed_and_unwanted_networks_go() -> None:
    state = Inventory(
        {}, {"lvslab-front": "other", "lvslab-sync": GOOD_NETWORKS["lvslab-sync"], "lvslab-old": "x"}
    )
    assert make_plan(LAB, DIGESTS, state, fresh=False).remove_networks == ("lvslab-front", "lvslab-old")


def test_too_many_nodes() -> None:
    many = topology(hostvars(**{f"n{i}": [f"192.0.2.{i + 10}"] for i in range(21)}))
    with pytest.raises(LabError, match="21 nodes, the lab has room for 20"):
        make_plan(many, {}, Inventory(), fresh=False)


def test_a_node_is_defined_by_all_that_it_is_made_from() -> None:
    node = LAB.node("lb1")
    digest = node_digest(node, "image", b"key")
    moved = topology(hostvars(lb1=["192.0.2.12", "198.51.100.11"])).node("lb1")
    assert digest == node_digest(node, "image", b"key")
    assert (
        len(
            {
                digest,
                node_digest(node, "image2", b"key"),
                node_digest(node, "image", b"k"),
                node_digest(moved, "image", b"key"),
            }
        )
        == 4
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"lab_routes": [{"to": "203.0.113.0/24", "via": "192.0.2.9"}]},
        {"lab_backend": {"port": 80}},
        {"lab_backend": {"port": 81}},
        {"lab_router": True},
        {"lab_router": True, "lab_block_icmp": True},
        {"lab_network_manager": "networkd"},
        {"lab_network_manager": "ifupdown"},
    ],
)
def test_a_nodes_settings_are_part_of_its_definition(variables: dict[str, Any]) -> None:
    host = {"lvs_addresses": ["192.0.2.11", "198.51.100.11"], **variables}
    changed = topology(hostvars(lb1=host)).node("lb1")
    assert node_digest(changed, "image", b"key") != node_digest(LAB.node("lb1"), "image", b"key")


PREPARED_LAB = topology(
    hostvars(
        lb1={"lvs_addresses": ["192.0.2.11"], "lab_prepared": True},
        lb2={"lvs_addresses": ["192.0.2.12"], "lab_prepared": True},
        old={"lvs_addresses": ["192.0.2.13"], "lab_prepared": True, "lab_debian": 12},
        web1=["192.0.2.21"],
    )
)


def test_prepared_nodes_share_a_snapshot_for_each_release(keys: Keys) -> None:
    runner = FakeRunner()
    nodes = Nodes(runner, "/base", keys)
    snapshots = nodes.prepare(PREPARED_LAB, {"debian13": "i13", "debian12": "i12"})
    assert set(snapshots) == {"lb1", "lb2", "old"}
    assert snapshots["lb1"] == snapshots["lb2"] != snapshots["old"]
    calls = sorted(call[4:] for call in runner.calls)
    assert calls == [
        ["prepare", snapshots["old"], "debian12", *PREPARED],
        ["prepare", snapshots["lb1"], "debian13", *PREPARED],
    ]
    # Another image is another snapshot, and other nodes.
    other = nodes.prepare(PREPARED_LAB, {"debian13": "new", "debian12": "i12"})
    assert other["lb1"] != snapshots["lb1"]
    assert other["old"] == snapshots["old"]


def test_a_lab_without_prepared_nodes_prepares_nothing(keys: Keys) -> None:
    runner = FakeRunner()
    assert Nodes(runner, "/base", keys).prepare(LAB, {"debian13": "i13"}) == {}
    assert runner.calls == []


def test_a_prepared_node_is_another_one_than_a_bare_one(keys: Keys) -> None:
    bare = topology(hostvars(lb1=["192.0.2.11"]))
    prepared = topology(hostvars(lb1={"lvs_addresses": ["192.0.2.11"], "lab_prepared": True}))
    nodes = Nodes(FakeRunner(), "/base", keys)
    assert nodes.digests(bare, {"debian13": "i"}) != nodes.digests(prepared, {"debian13": "i"})


def test_a_new_node_is_told_its_snapshot(keys: Keys) -> None:
    runner = FakeRunner()
    Nodes(runner, "/base", keys).lay_out(PREPARED_LAB, ["lb1", "web1"], [], {"lb1": "snap", "lb2": "snap"})
    archive = next(data for call, data in zip(runner.calls, runner.inputs, strict=True) if call[0] == "tar")
    with tarfile.open(fileobj=io.BytesIO(archive), ignore_zeros=True) as content:
        assert [name for name in content.getnames() if name.endswith("/snapshot")] == ["nodes/lb1/snapshot"]
        member = content.extractfile("nodes/lb1/snapshot")
        assert member is not None
        assert member.read() == b"snap\n"


def test_the_command_that_boots_a_node() -> None:
    argv = run_command(LAB.node("lb1"), 7, "abc", "/base")
    assert argv[:3] == ["podman", "run", "--detach"]
    assert argv[-3:] == ["--rootfs", "/base/nodes/lb1/root", "/sbin/init"]
    for pair in (
        ["--name", "lvslab-lb1"],
        ["--hostname", "lb1"],
        ["--label", "lvslab.slot=7"],
        ["--label", "lvslab.digest=abc"],
        ["--pidfile", "/run/lvs-lab/slots/7.pid"],
        ["--volume", "/lib/modules:/lib/modules:ro"],
    ):
        assert pair in [argv[i : i + 2] for i in range(len(argv))]
    networks = [argv[i + 1] for i, word in enumerate(argv) if word == "--network"]
    assert networks[0].startswith("lvslab-front:interface_name=eth0,mac=02:")
    assert networks[0].endswith(",ip=192.0.2.11")
    assert networks[1].endswith(",ip=198.51.100.11")
    assert not any(word.startswith("--publish") for word in argv)


def test_only_the_first_network_has_a_route() -> None:
    front, sync = LAB.networks
    assert "--internal" not in network_arguments(front, routed=True)
    assert "--internal" in network_arguments(sync, routed=False)
    assert "--disable-dns" in network_arguments(front, routed=True)


def test_a_node_is_given_what_its_image_has_not() -> None:
    files = node_files(LAB.node("web1"), "127.0.0.1 localhost\n", (b"private", b"public"))
    assert files["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert len(files["etc/machine-id"].content) == 33
    assert b"lab-backend.py http=80\n" in files["etc/systemd/system/lab-backend.service"].content
    assert "etc/systemd/system/lab-backend.service" not in node_files(LAB.node("lb1"), "", (b"", b""))


def test_looking_reads_podmans_tables(keys: Keys) -> None:
    containers = [
        {"Names": ["lvslab-lb1"], "State": "running", "Labels": {"lvslab.slot": "4", "lvslab.digest": "d"}},
        {"Names": ["somebody-elses"], "State": "running", "Labels": None},
        {"Names": ["lvslab-web1"], "State": "created", "Labels": None},
    ]
    networks = [{"name": "lvslab-front", "labels": {"lvslab.digest": "n"}}, {"name": "podman"}]
    runner = FakeRunner({"podman ps": f"{json.dumps(containers)}\n===\n{json.dumps(networks)}"})
    state = Nodes(runner, "/base", keys).look()
    assert state.nodes == {"lb1": Found("lb1", "running", 4, "d"), "web1": Found("web1", "created", -1, "")}
    assert state.networks == {"lvslab-front": "n"}


def test_new_nodes_start_from_nothing_and_the_others_learn_of_them(keys: Keys) -> None:
    runner = FakeRunner({"cat /base/hosts": "old\n"})
    Nodes(runner, "/base", keys).lay_out(LAB, ["web1"], ["lb1"], {})
    assert runner.calls[0][4:] == ["clear", "web1"]
    archive = next(data for call, data in zip(runner.calls, runner.inputs, strict=True) if call[0] == "tar")
    with tarfile.open(fileobj=io.BytesIO(archive), ignore_zeros=True) as content:
        names = set(content.getnames())
    assert {"nodes/web1/upper/etc/hosts", "nodes/lb1/root/etc/hosts", "hosts"} <= names
    assert "nodes/lb1/upper/etc/machine-id" not in names


def test_unchanged_hosts_are_not_written(keys: Keys) -> None:
    runner = FakeRunner({"cat /base/hosts": LAB.hosts_file()})
    Nodes(runner, "/base", keys).lay_out(LAB, [], ["lb1"], {})
    assert not [call for call in runner.calls if call[0] == "tar"]


def test_a_failing_verb_names_itself(keys: Keys) -> None:
    with pytest.raises(CommandError, match="remove lb1 failed with exit code 1: it broke"):
        Nodes(FakeRunner({"remove": 1}), "/base", keys).remove(["lb1"])
    with pytest.raises(NodeOffError, match="the node is off, and freeze wants a running one"):
        Nodes(FakeRunner({"freeze": 3}), "/base", keys).act("freeze", "lb1", "0", "eth0")
