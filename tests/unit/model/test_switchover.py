"""What a switchover has each director do, and everything that forbids it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from lvs_model.problems import ModelError
from lvs_model.switchover import arrived, asked, read_words, switchover

from .builders import Case, Site
from .changes import Change
from .pretended import checker_dump
from .rule_cases.heartbeat import heartbeat
from .rule_cases.pacemaker import pacemaker

FILE = "/run/lvs-toolkit.demoted.VI_edge"
VIP = "192.0.2.10"
STAMP = {"reason": "new kernel", "operator": "ana"}


def failback(case: Case) -> None:
    case.document["failover"]["failback"] = True


def third(case: Case) -> None:
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])


def two_instances(case: Case) -> None:
    case.add_service("mail", vips=["192.0.2.20"])
    case.document["failover"]["instances"] = [
        {"name": "web", "vips": ["192.0.2.10"], "directors": ["lb1", "lb2"]},
        {"name": "mail", "vips": ["192.0.2.20"], "directors": ["lb2", "lb1"]},
    ]


def grouped(case: Case) -> None:
    two_instances(case)
    for one in case.document["failover"]["instances"]:
        one["directors"] = ["lb1", "lb2"]
    case.document["failover"]["sync_groups"] = [{"name": "all", "instances": ["web", "mail"]}]


def site(*changes: Change, owner: str = "lb1") -> Site:
    case = Case()
    for change in changes:
        change(case)
    found = Site(case.plan())
    found.owner["edge"] = owner
    found.look()
    for raw in found.seen.values():
        raw.setdefault("overrides", [])
    return found


def decided(found: Site, to: str, instance: str | None = None, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    work = switchover(found.plan, found.seen, to, instance, STAMP | options)
    json.dumps(work)  # it becomes an Ansible fact
    return work


def refused(found: Site, to: str, **options: Any) -> list[str]:  # noqa: ANN401
    with pytest.raises(ModelError) as error:
        switchover(found.plan, found.seen, to, None, options)
    return [str(problem) for problem in error.value.problems]


def numbers(work: dict[str, Any], step: str) -> dict[str, dict[str, int]]:
    return {host: one["places"] for host, one in work[step].items()}


def demoted(found: Site, host: str, places: dict[str, int]) -> None:
    record = {"file": "demoted.json", "places": places, "instances": ["edge"], **STAMP, "since": 1795400000}
    found.seen[host]["overrides"] = [record]
    found.seen[host]["demotions"] = {
        file: {"number": number, "age_s": 90.0} for file, number in places.items()
    }


def test_without_failback_nothing_stays_behind() -> None:
    work = decided(site(), "lb2")

    assert (work["before"], numbers(work, "leave"), work["after"]) == ({}, {"lb1": {FILE: 0}}, {})
    anchor = site().plan["clusters"]["edge"]["anchors"][0]
    assert work["leave"]["lb1"]["give_up"] == [
        {"address": anchor, "interface": "eth0"},
        {"address": VIP, "interface": "eth0"},
    ]
    # Skew of priority 150 at one second, and half a second to be heard.
    assert work["leave"]["lb1"]["linger_s"] == pytest.approx(106 / 256 + 0.5)
    assert work["leave"]["lb1"]["reason"] == "new kernel"
    assert work["moves"] == [{"instances": ["edge"], "vips": [VIP], "from": "lb1", "to": "lb2"}]
    assert work["expected"] == {
        "lb1": {"own": [], "lack": [anchor, VIP]},
        "lb2": {"own": [anchor, VIP], "lack": []},
    }
    assert work["summary"] == [f"edge: {VIP} go from lb1 to lb2, 0.41 s without an owner"]


def test_with_failback_the_old_owner_stays_behind_the_new_one() -> None:
    work = decided(site(failback), "lb2")

    # 200 - 55 is five points below 150.
    assert (work["before"], numbers(work, "leave"), work["after"]) == ({}, {"lb1": {FILE: -55}}, {})
    assert work["leave"]["lb1"]["lasting"] is True
    assert work["leave"]["lb1"]["covers"] == {FILE: ["edge"]}
    assert "lb1 stays behind lb2 from now on, until a switchover to lb1" in work["summary"]


def test_and_back_it_is_demoted_no_longer() -> None:
    found = site(failback, owner="lb2")
    demoted(found, "lb1", {FILE: -55})

    work = decided(found, "lb1")

    assert numbers(work, "before") == {"lb1": {FILE: 0}}
    assert numbers(work, "leave") == {"lb2": {FILE: 0}}
    assert "lb1 is demoted no longer" in work["summary"]
    # Should lb2 not give them away.
    assert numbers(work, "undo") == {"lb1": {FILE: -55}}
    undo = work["undo"]["lb1"]
    assert (undo["lasting"], undo["reason"], undo["operator"]) == (True, "new kernel", "ana")


@pytest.mark.parametrize("change", [failback, third])
def test_a_second_run_changes_nothing(change: Change) -> None:
    found = site(change, owner="lb2")
    if change is failback:
        demoted(found, "lb1", {FILE: -55})

    work = decided(found, "lb2")

    assert not work["changes"]
    assert work["summary"] == [f"edge: lb2 owns {VIP}: nothing moves"]


def test_the_new_owner_is_kept_where_it_took_over_by_itself() -> None:
    """After a crash lb1 is back, and waits for its turn."""
    work = decided(site(failback, owner="lb2"), "lb2")

    assert (numbers(work, "before"), work["leave"]) == ({"lb1": {FILE: -55}}, {})


def test_a_bystander_that_is_preferred_steps_aside_for_the_moment() -> None:
    work = decided(site(third), "lb3")

    assert numbers(work, "before") == {"lb2": {FILE: -60}}
    assert work["before"]["lb2"]["lasting"] is False
    assert numbers(work, "leave") == {"lb1": {FILE: 0}}
    assert numbers(work, "after") == {"lb2": {FILE: 0}}


def test_with_failback_all_that_are_preferred_stay_behind_in_their_order() -> None:
    work = decided(site(third, failback), "lb3")

    # lb3 has 100: lb1 gets 95, lb2 gets 90.
    assert numbers(work, "before") == {"lb2": {FILE: -60}}
    assert numbers(work, "leave") == {"lb1": {FILE: -105}}


def test_one_instance_moves_alone() -> None:
    found = site(two_instances, failback)

    work = decided(found, "lb2", "web")

    assert numbers(work, "leave") == {"lb1": {"/run/lvs-toolkit.demoted.VI_web": -55}}
    assert work["moves"][0]["vips"] == [VIP]
    assert "192.0.2.20" not in json.dumps(work["leave"]["lb1"]["give_up"])
    assert work["leave"]["lb1"]["covers"] == {
        "/run/lvs-toolkit.demoted.VI_web": ["web"],
        "/run/lvs-toolkit.demoted.VI_mail": ["mail"],
    }


def test_a_sync_group_moves_as_one() -> None:
    found = site(grouped)

    work = decided(found, "lb2", "web")

    assert numbers(work, "leave") == {"lb1": {"/run/lvs-toolkit.demoted.VG_all": 0}}
    assert work["moves"] == [
        {"instances": ["web", "mail"], "vips": ["192.0.2.10", "192.0.2.20"], "from": "lb1", "to": "lb2"}
    ]


def test_heartbeat_moves_by_its_own_command() -> None:
    work = decided(site(heartbeat(), failback), "lb2")

    assert work["leave"]["lb1"]["argv"] == ["/usr/local/lib/lvs-toolkit/lvs-heartbeat", "standby"]
    assert work["summary"][1] == "lb1 takes them back when heartbeat starts there anew (failback: true)"
    assert not decided(site(heartbeat(), owner="lb2"), "lb2")["changes"]


@pytest.mark.parametrize(
    ("changes", "to", "how"),
    [((), "lb2", "once"), ((failback,), "lb2", "stay"), ((failback,), "lb1", "once")],
)
def test_pacemaker_moves_by_a_preference(changes: tuple[Change, ...], to: str, how: str) -> None:
    owner = "lb2" if to == "lb1" else "lb1"
    work = decided(site(pacemaker(), *changes, owner=owner), to)

    assert work["leave"][to]["argv"] == ["/usr/local/lib/lvs-toolkit/lvs-pacemaker", "move", to, how]


def test_pacemaker_a_second_run_changes_nothing() -> None:
    found = site(pacemaker(), failback, owner="lb2")
    held = json.loads(found.seen["lb2"]["pacemaker"])
    found.seen["lb2"]["pacemaker"] = json.dumps(held | {"moved_to": "lb2"})

    assert not decided(found, "lb2")["changes"]


@pytest.mark.parametrize(
    ("to", "instance", "said"),
    [
        (None, None, "to: which director shall have the VIPs is not said: -e to=NAME, of lb1, lb2"),
        ("web1", None, "to: web1 is no director: name one of them: lb1, lb2"),
        ("lb2", "mail", "instance: cluster edge has no instance mail: name one of edge, or leave it out"),
    ],
)
def test_a_command_line_that_names_nothing(to: str | None, instance: str | None, said: str) -> None:
    with pytest.raises(ModelError) as error:
        asked(site().plan, to, instance)

    assert [str(one) for one in error.value.problems] == [said]


def test_a_director_that_takes_no_part() -> None:
    def third_apart(case: Case) -> None:
        third(case)
        two_instances(case)
        case.document["failover"]["instances"][1]["directors"] = ["lb2", "lb3"]

    with pytest.raises(ModelError) as error:
        asked(site(third_apart).plan, "lb1", "mail")

    said = "to: lb1 takes no part in the instance mail: name one of lb2, lb3"
    assert [str(one) for one in error.value.problems] == [said]


def alone(case: Case) -> None:
    case.groups["edge_directors"].remove("lb2")
    case.groups["edge"].remove("lb2")
    del case.hostvars["lb2"]
    case.groups["all"].remove("lb2")
    del case.document["connection_sync"]


def test_the_only_director_has_nobody_to_take_over_from() -> None:
    with pytest.raises(ModelError) as error:
        asked(site(alone).plan, "lb1")

    assert "lb1 is the only director of cluster edge" in str(error.value)


def stop_sync(found: Site) -> None:
    found.seen["lb2"]["ipvs"]["daemons"] = ""


def break_file(found: Site) -> None:
    path = "/etc/keepalived/keepalived.conf"
    found.seen["lb1"]["files"][path]["sha256"] = "0"


def empty_table(found: Site) -> None:
    found.seen["lb2"]["ipvs"]["table"] = ""


def fault(found: Site) -> None:
    text = found.seen["lb2"]["keepalived"]["json"]
    data = json.loads(text)
    data[0]["data"]["state"] = 3
    found.seen["lb2"]["keepalived"]["json"] = json.dumps(data)


def stopped(found: Site) -> None:
    found.seen["lb2"]["units"]["keepalived.service"]["ActiveState"] = "inactive"


def two_owners(found: Site) -> None:
    found.seen["lb2"]["addresses"] = found.seen["lb1"]["addresses"]


def no_owner(found: Site) -> None:
    found.owner["edge"] = None
    found.look()


def unreachable(found: Site) -> None:
    found.seen["lb1"] = {}


def failed(found: Site) -> None:
    found.seen["lb2"] = {"failed": "no python"}


def left_out(found: Site) -> None:
    del found.seen["lb1"]


def one_dead(found: Site) -> None:
    plan = found.plan["hosts"]["lb2"]["ipvs"]
    good = {key: dict.fromkeys(service["servers"], (True, True)) for key, service in plan.items()}
    good["TCP 192.0.2.10:80"]["192.0.2.21:80"] = (False, True)
    found.seen["lb2"]["keepalived"]["data"] = checker_dump(good)
    lines = found.seen["lb2"]["ipvs"]["table"].splitlines()
    found.seen["lb2"]["ipvs"]["table"] = "\n".join(line for line in lines if "192.0.2.21" not in line)


def counted(count: int, other: int = 3, *, a_second: int = 0) -> dict[str, Any]:
    connections = f"""IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wrr
  -> 192.0.2.21:80                Route   3      {count}         12
  -> 192.0.2.22:80                Route   2      {other}          0
FWM  7 IPv6 wlc persistent 300
"""
    rates = f"""IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       {a_second}        9        0      512        0
FWM  7 IPv6                              0        0        0        0        0
"""
    return {"counters": {"connections": connections, "totals": None, "rates": rates}}


def few_known(found: Site) -> None:
    found.seen["lb1"]["status"], found.seen["lb2"]["status"] = counted(409), counted(34)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            stop_sync,
            "host lb2: its connection sync daemon (backup) does not run: keepalived's is started within half "
            "a minute, another engine is restarted on the standby; then wait until it knows the connections",
        ),
        (
            break_file,
            "host lb1: /etc/keepalived/keepalived.conf has another content: deploy it first: site.yml",
        ),
        (
            empty_table,
            "host lb2: it is not as planned: TCP 192.0.2.10:80 is missing; TCP 192.0.2.10:80: real server "
            "192.0.2.21:80 is missing; TCP 192.0.2.10:80: real server 192.0.2.22:80 is missing and 1 more: "
            "deploy first (site.yml), or wait until its checks have their results",
        ),
        (
            fault,
            "host lb2: its VRRP instance VI_edge is FAULT, and takes no VIP: see journalctl -u keepalived "
            "there: a tracker that fails, or its interface",
        ),
        (stopped, "host lb2: keepalived.service does not run there: deploy it first: site.yml"),
        (
            two_owners,
            "instance edge: its VIPs have 2 owners (lb1, lb2), not one: see playbooks/status.yml, and mend "
            "that first",
        ),
        (
            no_owner,
            "instance edge: its VIPs have 0 owners (none), not one: see playbooks/status.yml, and mend that "
            "first",
        ),
        (
            unreachable,
            "host lb1: this director is unreachable: it might own the VIPs, or take them: mend it, or if it "
            "is off: -e lvs_accept_unreachable=lb1",
        ),
        (failed, "host lb2: it could not be observed (no python): mend that first"),
        (left_out, "host lb1: --limit leaves it out: a switchover asks all directors"),
        (
            one_dead,
            "host lb2: its checks find 192.0.2.21:80 dead, and those of the owner lb1 do not: look at the "
            "way between them, or accept it: -e force=true",
        ),
        (
            few_known,
            "host lb2: of TCP 192.0.2.10:80 it knows 37 established connections, and the owner lb1 has 412: "
            "the others would break: wait: it hears of each after some packets; or accept the loss: -e "
            "force=true",
        ),
    ],
)
def test_what_clients_would_notice_is_refused(change: Any, said: str) -> None:  # noqa: ANN401
    found = site()
    change(found)

    assert refused(found, "lb2") == [said]


@pytest.mark.parametrize("change", [one_dead, few_known])
def test_what_the_operator_may_accept(change: Any) -> None:  # noqa: ANN401
    found = site()
    change(found)

    assert decided(found, "lb2", force=True)["changes"]


@pytest.mark.parametrize(
    ("owner", "target", "a_second", "refuses"),
    [
        # A tenth is not few.
        ((1000, 0), (895, 0), 9, True),
        ((1000, 0), (989, 0), 9, True),
        ((1000, 0), (990, 0), 0, False),
        # Too young to have been told of: no more than have begun in the last seconds.
        ((6, 0), (1, 0), 9, False),
        ((6, 0), (1, 0), 1, True),
        ((7, 0), (1, 0), 9, True),
        # Of a pool that stays open none is young.
        ((5, 0), (0, 0), 0, True),
        # What one knows too many of makes up for nothing.
        ((100, 100), (80, 300), 9, True),
        ((100, 100), (100, 300), 0, False),
    ],
)
def test_how_many_connections_may_be_unknown(
    owner: tuple[int, int], target: tuple[int, int], a_second: int, *, refuses: bool
) -> None:
    found = site()
    found.seen["lb1"]["status"] = counted(*owner, a_second=a_second)
    found.seen["lb2"]["status"] = counted(*target)

    if refuses:
        assert "the others would break" in refused(found, "lb2")[0]
    else:
        assert decided(found, "lb2")["changes"]


def unsynced(case: Case) -> None:
    del case.document["connection_sync"]


@pytest.mark.parametrize("engine", [[], [heartbeat()]], ids=["keepalived", "heartbeat"])
def test_without_connection_sync_no_connection_may_be_lost_unless_that_is_accepted(
    engine: list[Change],
) -> None:
    found = site(*engine, unsynced)
    found.seen["lb1"]["status"], found.seen["lb2"]["status"] = counted(0, 0), counted(0, 0)
    assert decided(found, "lb2")["changes"], "nobody has one"

    found.seen["lb1"]["status"] = counted(1, 0, a_second=9)
    (said,) = refused(found, "lb2")
    assert (
        "has no connection_sync, and the owner lb1 has 1 established connections of TCP 192.0.2.10:80" in said
    )
    assert decided(found, "lb2", force=True)["changes"]


def test_an_owner_that_does_not_tell_its_connections_keeps_them() -> None:
    found = site()
    found.seen["lb1"]["status"] = {"counters": dict.fromkeys(("connections", "totals", "rates"))}

    (said,) = refused(found, "lb2")
    assert said.startswith("host lb1: it does not tell how many connections it has")
    assert decided(found, "lb2", force=True)["changes"]


def test_a_standby_that_is_off_may_be_accepted() -> None:
    found = site(third)
    found.seen["lb2"] = {}

    assert refused(found, "lb3") == [
        "host lb2: this director is unreachable: it might own the VIPs, or take them: mend it, or if it is "
        "off: -e lvs_accept_unreachable=lb2"
    ]
    work = decided(found, "lb3", accept=["lb2"])
    assert set(work["before"]) == set()
    assert set(work["leave"]) == {"lb1"}


def test_a_drained_server_is_no_reason_to_refuse() -> None:
    found = site()
    record = {"file": "drained/web1.json", "host": "web1", "services": None, "until": None, "weight": 0}
    for host in ("lb1", "lb2"):
        found.seen[host]["overrides"] = [record | STAMP | {"since": 1}]
        found.seen[host]["ipvs"]["table"] = found.seen[host]["ipvs"]["table"].replace("-w 3", "-w 0")

    assert decided(found, "lb2")["changes"]


@pytest.mark.parametrize(("knows", "not_"), [("lb1", "lb2"), ("lb2", "lb1")])
def test_a_drain_that_only_one_of_the_two_knows_is_refused(knows: str, not_: str) -> None:
    """The new owner would forward to a server under repair, or no longer to one that is well."""
    found = site()
    record = {"file": "drained/web1.json", "host": "web1", "services": None, "until": None, "weight": 0}
    found.seen[knows]["overrides"] = [record | STAMP | {"since": 1}]
    table = found.seen[knows]["ipvs"]["table"]
    found.seen[knows]["ipvs"]["table"] = table.replace("-w 3", "-w 0")

    assert refused(found, "lb2", force=True) == [
        f"host {not_}: it does not know that web1 is drained by ana: new kernel: run drain.yml "
        "-e host=web1 again, or restore.yml: both tell all directors"
    ]


def test_priorities_without_room_are_refused() -> None:
    def tight(case: Case) -> None:
        failback(case)
        case.hostvars["lb1"]["lvs_priority"] = 9
        case.hostvars["lb2"]["lvs_priority"] = 4

    (said,) = refused(site(tight), "lb2")
    assert said.startswith(
        "instance edge: the priorities leave no room below lb2's 4 for the directors before it"
    )


def test_arrived_says_what_is_missing() -> None:
    found = site()
    expected = decided(found, "lb2")["expected"]

    assert arrived(expected["lb2"], found.seen["lb2"])[-1] == f"it does not own {VIP} yet"
    assert arrived(expected["lb1"], found.seen["lb1"])[-1] == f"it still owns {VIP}"
    assert arrived(expected["lb1"], {}) == ["it could not be observed: it is unreachable"]
    found.owner["edge"] = "lb2"
    found.look()
    assert [arrived(expected[host], found.seen[host]) for host in ("lb1", "lb2")] == [[], []]


def test_observations_are_not_changed() -> None:
    found = site(failback)
    before = copy.deepcopy(found.seen)

    decided(found, "lb2")

    assert found.seen == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"force": False, "wait_s": 0}),
        ({"force": "yes", "wait": "5m"}, {"force": True, "wait_s": 300}),
        ({"force": True, "wait": 90}, {"force": True, "wait_s": 90}),
        ({"force": "", "wait": None}, {"force": False, "wait_s": 0}),
    ],
)
def test_the_words_of_the_command_line_are_read(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read_words(given) == expected


def test_words_that_say_nothing_are_told_together() -> None:
    with pytest.raises(ModelError) as error:
        read_words({"force": "perhaps", "wait": "5 min"})

    assert [str(problem) for problem in error.value.problems] == [
        "force: 'perhaps' is neither true nor false: write -e force=true",
        "wait: '5 min' is no duration: write one like -e wait=120 (s, m, h or d)",
    ]
