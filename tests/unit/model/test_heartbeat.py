"""heartbeat on a director: its files, the times it promises, and the package's own opinion of both."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lvs_model.components import heartbeat
from lvs_model.components.heartbeat.nodes import networks, seconds
from lvs_model.components.ldirectord import LOOK_S, TABLE
from lvs_model.document import Cluster
from lvs_model.document.heartbeat import Heartbeat, Key
from lvs_model.inventory import Inventory, read_inventory

from .builders import Case
from .changes import Change, both, host
from .rule_cases import only_six, six

KEY = {"secret": "s3cret-key"}
TOOL = "/usr/local/lib/lvs-toolkit/lvs-heartbeat"


def made(*changes: Change, **options: Any) -> Case:  # noqa: ANN401
    """The valid inventory under heartbeat."""
    case = Case()
    case.document["engine"] = "ldirectord"
    case.document["failover"].update(method="heartbeat", heartbeat={"key": KEY, **options})
    both(*changes)(case)
    return case


def files(case: Case, director: str = "lb1") -> dict[str, dict[str, Any]]:
    """A director's files by path."""
    return {file["path"]: file for file in case.plan()["hosts"][director]["files"]}


def lines(case: Case, path: str, director: str = "lb1") -> list[str]:
    """A file of a director without comments."""
    found: str = files(case, director)[path]["content"]
    return [line for line in found.splitlines() if not line.startswith("#")]


def cluster_of(case: Case) -> tuple[Cluster, Inventory]:
    inventory, problems = read_inventory(*case.inputs())
    assert problems == []
    return inventory.clusters["edge"], inventory


@pytest.mark.parametrize(
    ("change", "options", "media"),
    [
        (None, {}, ["udpport 694", "ucast eth0 192.0.2.12", "ucast eth1 198.51.100.12"]),
        (None, {"networks": ["sync"], "port": 695}, ["udpport 695", "ucast eth1 198.51.100.12"]),
        (
            None,
            {"transport": "multicast", "multicast_group": "225.0.0.1", "networks": ["front"]},
            ["udpport 694", "mcast eth0 225.0.0.1 694 1 0"],
        ),
        (
            None,
            {"transport": "multicast", "multicast_ttl": 2, "port": 695, "networks": ["front"]},
            ["udpport 695", "mcast eth0 239.255.0.69 695 2 0"],
        ),
        (
            None,
            {"serial": ["/dev/ttyS0", "/dev/ttyS1"], "networks": ["front"]},
            ["udpport 694", "baud 19200", "serial /dev/ttyS0", "serial /dev/ttyS1", "ucast eth0 192.0.2.12"],
        ),
        (only_six, {}, ["udpport 694", "ucast6 eth0 2001:db8::12", "ucast eth1 198.51.100.12"]),
        (
            only_six,
            {"transport": "multicast", "networks": ["front"]},
            ["udpport 694", "mcast6 eth0 ff02::694 694 1 0"],
        ),
        # IPv4 where there is any.
        (six, {"networks": ["front"]}, ["udpport 694", "ucast eth0 192.0.2.12"]),
        (
            host("lb1", lvs_interfaces={"sync": "bond1"}),
            {"networks": ["sync"]},
            ["udpport 694", "ucast bond1 198.51.100.12"],
        ),
    ],
)
def test_ports_and_speeds_stand_before_the_lines_they_are_for(
    change: Change | None, options: dict[str, Any], media: list[str]
) -> None:
    case = made(*([change] if change else []), **options)
    found = lines(case, heartbeat.CONFIGURATION)

    words = ("udpport", "baud", "serial", "ucast", "ucast6", "mcast", "mcast6")
    assert [line for line in found if line.split()[0] in words] == media


def test_a_network_that_only_one_director_is_on_carries_nothing() -> None:
    case = made(host("lb2", lvs_addresses=["192.0.2.12"]))
    del case.document["connection_sync"]

    assert networks(*cluster_of(case)) == ["front"]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, ["keepalive 1", "deadtime 10", "warntime 5", "initdead 60"]),
        (
            {"keepalive": 2, "deadtime": 30, "warntime": 10, "initdead": 120},
            ["keepalive 2", "deadtime 30", "warntime 10", "initdead 120"],
        ),
        (
            {"keepalive": 0.25, "deadtime": 1.5},
            ["keepalive 250ms", "deadtime 1500ms", "warntime 750ms", "initdead 60"],
        ),
        ({"deadtime": 45}, ["keepalive 1", "deadtime 45", "warntime 22500ms", "initdead 90"]),
    ],
)
def test_times_are_whole_seconds_or_milliseconds(options: dict[str, Any], times: list[str]) -> None:
    found = lines(made(**options), heartbeat.CONFIGURATION)

    assert [
        line for line in found if line.split()[0] in ("keepalive", "deadtime", "warntime", "initdead")
    ] == times


def test_both_directors_have_the_same_group_and_nodes_and_each_hears_the_other() -> None:
    case = made(node_names={"lb2": "backup.example.org"})
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]

    for path in ("/etc/ha.d/haresources", "/etc/ha.d/authkeys"):
        assert files(case)[path] == files(case, "lb2")[path]
    assert lines(case, "/etc/ha.d/haresources") == [
        "lb1 lvs-role lvs-ldirectord::ldirectord.cf IPaddr2::192.0.2.10/32/eth0 IPaddr2::192.0.2.20/32/eth0"
    ]
    for director, peer in (("lb1", "192.0.2.12"), ("lb2", "192.0.2.11")):
        found = lines(case, heartbeat.CONFIGURATION, director)
        assert [line for line in found if line.startswith("node")] == ["node lb1", "node backup.example.org"]
        assert f"ucast eth0 {peer}" in found


def test_a_vip_is_here_only_while_the_table_is() -> None:
    """The first is started first, and stopped last (ResourceManager, takegroup and givegroup)."""
    case = made()
    case.service["vips"] = ["192.0.2.10", "192.0.2.20"]

    names = [one.partition("::")[0] for one in lines(case, "/etc/ha.d/haresources")[0].split()[1:]]
    assert names == ["lvs-role", "lvs-ldirectord", "IPaddr2", "IPaddr2"], "as under pacemaker"


def test_a_vip_has_no_colons_that_end_an_argument() -> None:
    case = made(six)
    case.service["vips"] = ["2001:db8::10"]

    (group,) = lines(case, "/etc/ha.d/haresources")
    resource = group.split()[3]
    assert resource == "lvs-vip6::2001:db8:-:10/128/eth0"
    assert "/etc/ha.d/resource.d/lvs-vip6" in files(case)


def test_without_services_there_are_only_vips() -> None:
    case = made()
    case.document["services"] = []
    case.document["failover"]["vips"] = ["192.0.2.10"]
    del case.document["connection_sync"]

    assert lines(case, "/etc/ha.d/haresources") == ["lb1 lvs-role IPaddr2::192.0.2.10/32/eth0"]


@pytest.mark.parametrize(("failback", "word"), [(True, "on"), (False, "off")])
def test_failback(failback: bool, word: str) -> None:
    case = made()
    case.document["failover"]["failback"] = failback

    assert f"auto_failback {word}" in lines(case, heartbeat.CONFIGURATION)


def test_pinged_hosts_bring_ipfail() -> None:
    found = lines(
        made(
            ping=["192.0.2.254", "2001:db8::1"],
            ping_groups=[{"name": "gateways", "addresses": ["192.0.2.1", "192.0.2.2"]}],
            deadping=6,
        ),
        heartbeat.CONFIGURATION,
    )

    assert found[-6:] == [
        "deadping 6",
        "ping 192.0.2.254",
        "ping6 2001:db8::1",
        "ping_group gateways 192.0.2.1 192.0.2.2",
        "apiauth ipfail gid=haclient uid=hacluster",
        "respawn hacluster /usr/libexec/heartbeat/ipfail",
    ]
    assert not [line for line in lines(made(), heartbeat.CONFIGURATION) if "ping" in line or "ipfail" in line]


def test_watchdog_and_stonith_where_they_are_given() -> None:
    case = made(
        watchdog={"softdog": True}, stonith={"type": "external/ipmi", "configuration": "/etc/ha.d/ipmi"}
    )
    found = lines(case, heartbeat.CONFIGURATION)

    assert found[-2:] == ["watchdog /dev/watchdog", "stonith external/ipmi /etc/ha.d/ipmi"]
    assert "softdog" in case.plan()["hosts"]["lb1"]["modules"]
    plain = made(watchdog={}).plan()["hosts"]["lb1"]
    assert "softdog" not in plain["modules"]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, ["auth 1", "1 sha1 s3cret-key"]),
        ({"key": {"method": "crc"}}, ["auth 1", "1 crc"]),
        ({"key": {"method": "md5", **KEY}}, ["auth 1", "1 md5 s3cret-key"]),
    ],
)
def test_the_key_is_secret(options: dict[str, Any], keys: list[str]) -> None:
    case = made(**options)
    file = files(case)["/etc/ha.d/authkeys"]

    assert lines(case, "/etc/ha.d/authkeys") == keys
    assert (file["mode"], file["secret"]) == ("0600", True)
    others = [one["content"] for path, one in files(case).items() if path != file["path"]]
    assert not [text for text in others if "s3cret" in text or "an0ther" in text]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "sha1"}, "method sha1 needs a secret: give `secret`"),
        ({"method": "md5"}, "method md5 needs a secret: give `secret`"),
        ({"method": "crc", **KEY}, "method crc has no secret: remove it, or use sha1"),
        ({"secret": "short"}, "this is no key for heartbeat: write 8 to 64 of A-Z, a-z, 0-9 and _.:+,@%=/-"),
        ({"secret": "with blank in it"}, "this is no key for heartbeat"),
        ({"secret": "hash#inside-it"}, "this is no key for heartbeat"),
        ({"secret": "x" * 65}, "this is no key for heartbeat"),
    ],
)
def test_a_key_that_heartbeat_would_misread_is_refused_and_not_shown(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Key.model_validate(given)

    (error,) = refused.value.errors()
    assert error["msg"].startswith(said)
    assert not [secret for secret in [given.get("secret")] if secret and secret in error["msg"]]


@pytest.mark.parametrize("name", ["-lb1", "lb 1", "lb1\n", "lb_1", "", 1])
def test_a_node_name_is_a_hosts(name: object) -> None:
    with pytest.raises(ValidationError, match="is no name of a host"):
        Heartbeat.model_validate({"node_names": {"lb1": name}})


@pytest.mark.parametrize(
    ("options", "crash", "settled"),
    [
        ({}, (9, 11), 62),
        # The document [001].
        ({"keepalive": 2, "deadtime": 30, "initdead": 120}, (28, 31), 122),
        # Two that start together wait for ten seconds and two keepalives.
        ({"keepalive": 2, "deadtime": 6, "initdead": 6}, (4, 7), 16),
    ],
)
def test_times_in_theory(options: dict[str, Any], crash: tuple[float, float], settled: float) -> None:
    cluster, _ = cluster_of(made(**options))

    assert heartbeat.takeover_s(cluster) == crash
    assert heartbeat.settle_s(cluster) == settled
    assert 0 < heartbeat.orderly_s(cluster) < crash[0]


def test_a_dead_director_that_is_a_real_server_too_is_waited_for_once_more() -> None:
    """ldirectord-table asks it before it fills the table, and it is silent."""
    alone, too = made(), made()
    too.document["services"][0]["forwarding"] = "tun"
    too.groups["edge_web"].append("lb2")

    plain, silent = (case.plan()["clusters"]["edge"]["failover_s"] for case in (alone, too))

    assert {key: silent[key] - plain[key] for key in plain} == {
        "crash_best": LOOK_S,
        "crash_worst": LOOK_S,
        "orderly": 0,
    }
    (limit,) = [line for line in files(too)[TABLE]["content"].splitlines() if line.startswith("LIMIT = ")]
    assert limit.split()[2] == str(LOOK_S)


@pytest.mark.parametrize(
    ("value", "text"), [(2, "2"), (30.0, "30"), (0.1, "100ms"), (1.5, "1500ms"), (0.0015, "2ms")]
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_changed_file_takes_effect_without_letting_go_of_the_vips() -> None:
    planned = made().plan()["hosts"]["lb1"]
    actions = [one for one in planned["actions"] if not set(one["on"]).isdisjoint(_paths())]

    by_path = {path: [one["argv"] for one in actions if path in one["on"]] for path in _paths()}
    reload = ["systemctl", "reload-or-restart", "heartbeat.service"]
    assert by_path == {
        "/etc/ha.d/ha.cf": [reload],
        "/etc/ha.d/authkeys": [reload],
        "/etc/ha.d/haresources": [[TOOL, "apply"]],
    }
    drop_in = files(made())["/etc/systemd/system/heartbeat.service.d/lvs-toolkit.conf"]["content"]
    assert "ExecReload=/usr/libexec/heartbeat/heartbeat -r\n" in drop_in, "which is no restart"


def test_what_it_refuses_is_found_before_anything_live_is_touched() -> None:
    planned = made().plan()["hosts"]["lb1"]
    own = {one["name"]: one for one in planned["validate"]}

    check = own["heartbeat accepts its configuration"]
    assert check["argv"] == ["sh", "{stage}" + TOOL, "check", "{stage}"]
    assert set(check["paths"]) == _paths()
    assert own["the hosts to be pinged answer"]["paths"] == ["/etc/ha.d/ha.cf"]
    # In check mode on a host without the package its user is missing: nothing is judged there yet.
    assert planned["observe"]["users"] == ["hacluster"]


def test_a_heartbeat_that_does_not_run_is_told_with_its_journal() -> None:
    planned = made().plan()["hosts"]["lb1"]

    assert [one["argv"] for one in planned["health"]] == [[TOOL, "ready"]]
    assert "heartbeat.service" in planned["units"]


def _paths() -> set[str]:
    return {f"/etc/ha.d/{name}" for name in ("ha.cf", "authkeys", "haresources")}
