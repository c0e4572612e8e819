"""Draining and restoring: what is asked, what forbids it, and what the directors are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lvs_model.drain import work
from lvs_model.drain_asked import Asked, concerned, directors_of, read_asked
from lvs_model.problems import ModelError

from .builders import Case, Site
from .judged import KEY, checks
from .rule_cases.engines import UNDER
from .test_overrides import record

NOW = 1_000_000
SERVERS = "192.0.2.2{}:80"


def refused(call: Any, *args: Any, **options: Any) -> list[str]:  # noqa: ANN401
    with pytest.raises(ModelError) as error:
        call(*args, **options)
    return [str(problem) for problem in error.value.problems]


def asked(host: str = "web1", **words: Any) -> Asked:  # noqa: ANN401
    return read_asked({"host": host, **words})


def drain(site: Site, verb: str = "drain", *accepted: str, **words: Any) -> dict[str, Any]:  # noqa: ANN401
    found = work(verb, site.plan, site.seen, asked(**words), operator="ana", accepted=accepted, now=NOW)
    json.dumps(found)  # it becomes an Ansible fact
    return found


def told(found: dict[str, Any], host: str = "lb1") -> list[str]:
    """What lvs-override is told on a director, at each step."""
    return [" ".join(step["arguments"][host]) for step in found["steps"]]


def two_services() -> Case:
    case = Case()
    case.add_service("two", vips=["192.0.2.20"])
    return case


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"host": "web1"}, Asked("web1")),
        (
            {
                "host": "web1",
                "service": "",
                "reason": None,
                "expires": "",
                "wait": 60,
                "force": False,
                "steps": 1,
            },
            Asked("web1"),
        ),
        ({"host": "web1", "service": "www,two  x"}, Asked("web1", ("two", "www", "x"))),
        ({"host": "web1", "service": ["www"]}, Asked("web1", ("www",))),
        ({"host": "web1", "expires": "90"}, Asked("web1", expires_s=90)),
        ({"host": "web1", "expires": "90m", "wait": "2m"}, Asked("web1", expires_s=5400, wait_s=120)),
        ({"host": "web1", "expires": "2h", "wait": "0"}, Asked("web1", expires_s=7200, wait_s=0)),
        (
            {"host": "web1", "expires": "3d", "reason": " disk "},
            Asked("web1", expires_s=259200, reason="disk"),
        ),
        (
            {"host": "web1", "force": "yes", "steps": "4", "every": "30s"},
            Asked("web1", force=True, steps=4, every_s=30),
        ),
    ],
)
def test_words_are_read(words: dict[str, Any], expected: Asked) -> None:
    assert read_asked(words) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, "host: which real server is not said: name it: -e host=NAME"),
        ({"expires": "0"}, "expires: '0' is no duration: write one like -e expires=90m (s, m, h or d)"),
        (
            {"expires": "2 weeks"},
            "expires: '2 weeks' is no duration: write one like -e expires=90m (s, m, h or d)",
        ),
        ({"wait": "-1"}, "wait: '-1' is no duration: write one like -e wait=120 (s, m, h or d)"),
        ({"every": "x"}, "every: 'x' is no duration: write one like -e every=120 (s, m, h or d)"),
        ({"steps": "0"}, "steps: '0' is no number of steps: give one from 1 to 20"),
        ({"steps": "21"}, "steps: '21' is no number of steps: give one from 1 to 20"),
        ({"force": "maybe"}, "force: 'maybe' is neither true nor false: write -e force=true"),
    ],
)
def test_wrong_words_are_refused(words: dict[str, Any], told: str) -> None:
    assert refused(read_asked, {"host": "web1"} | words if words else {}) == [told]


def test_all_wrong_words_are_told_together() -> None:
    assert len(refused(read_asked, {"expires": "x", "steps": "x"})) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {"host": "wbe1"},
            "host: 'wbe1' is no real server of any pool (or its lvs_state is disabled): "
            "name one of web1, web2, web3",
        ),
        (
            {"host": "lb1"},
            "host: 'lb1' is no real server of any pool (or its lvs_state is disabled): "
            "name one of web1, web2, web3",
        ),
        (
            {"service": "www,tow"},
            "service: web1 is no real server of 'tow': name some of two, www, or none for all of them",
        ),
    ],
)
def test_what_is_not_there_is_refused(words: dict[str, Any], told: str) -> None:
    assert refused(concerned, two_services().plan(), asked(**words)) == [told]


def test_only_its_own_clusters_directors_are_concerned() -> None:
    case = Case()
    case.add_cluster("inner", 3)
    plan = case.plan()

    found = concerned(plan, asked("inner-web1"))

    assert found == {"inner": ["www"]}
    assert directors_of(plan, found) == ["inner-lb1", "inner-lb2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {"service": "two"},
            "service: ldirectord drains real servers in all their services, and web1 is in www, two",
        ),
        ({"steps": 2}, "steps: ldirectord, the engine of cluster edge, knows no weights in between"),
    ],
)
def test_what_ldirectord_cannot_do_is_refused(words: dict[str, Any], told: str) -> None:
    case = two_services()
    UNDER(case)
    plan = case.plan()

    (problem,) = refused(concerned, plan, asked(**words))

    assert problem.startswith(told)
    # All of them by name are the same as none.
    assert concerned(plan, asked(service="www,two")) == {"edge": ["www", "two"]}


def test_every_director_is_told_the_same_and_only_the_owner_is_waited_for() -> None:
    found = drain(Site(), reason="new disk", expires="2h", wait="100")

    words = f"drain web1 --reason=new disk --operator ana --since {NOW} --weight 0 --until {NOW + 7200}"
    assert told(found) == told(found, "lb2") == [words]
    assert found["owners"] == {"lb1": ["wait", "web1", "--service", "www"]}
    assert (found["wait_s"], found["look_s"], found["changes"]) == (100, 9, True)
    assert found["summary"] == ["edge: web1 is drained by ana: new disk, for 2 hours"]


def test_a_short_wait_is_one_look() -> None:
    assert drain(Site(), wait="0")["look_s"] == drain(Site(), wait="60")["look_s"] == 5


def test_some_services_of_a_real_server() -> None:
    found = drain(Site(two_services().plan()), service="two")

    assert told(found)[0].endswith("--weight 0 --service two")
    assert found["owners"] == {"lb1": ["wait", "web1", "--service", "two"]}
    assert found["summary"] == ["edge: web1 (two) is drained by ana: no reason given, until it is restored"]


@pytest.mark.parametrize("ahead", [-60, 0, 60])
def test_clocks_that_are_nearly_alike_do_no_harm(ahead: int) -> None:
    site = Site()
    site.seen["lb2"]["time"] = NOW + ahead

    assert drain(site, expires="30s")["changes"]


@pytest.mark.parametrize(("ahead", "there"), [(-61, "13:45:39"), (3600, "14:46:40")])
def test_a_director_with_another_clock_is_refused_where_the_drain_ends_by_itself(
    ahead: int, there: str
) -> None:
    site = Site()
    site.seen["lb1"]["time"] = NOW
    site.seen["lb2"]["time"] = NOW + ahead

    assert refused(drain, site, expires="30m") == [
        f"host lb2: its clock says 1970-01-12T{there}Z and the controller's 1970-01-12T13:46:40Z: the drain "
        "would not end there when it is meant to: set the clocks (timedatectl), or leave out expires and "
        "restore it when it is time"
    ]
    assert drain(site)["changes"], "one that does not end by itself needs no clock"


def test_what_ends_by_itself_and_is_known_already_is_not_refused() -> None:
    site = Site()
    drained(site, until=NOW + 600)
    site.seen["lb2"]["time"] = NOW + 3600

    assert drain(site)["changes"] is False
    assert drain(site, "restore", steps="2")["changes"]


def drained(site: Site, *hosts: str, server: str = "web1", **changes: Any) -> None:  # noqa: ANN401
    for host in hosts or ("lb1", "lb2"):
        site.seen[host].setdefault("overrides", []).append(record(server, **changes))


def test_again_changes_nothing() -> None:
    site = Site()
    drained(site)

    found = drain(site)

    assert found["changes"] is False
    assert told(found) == ["drain web1 --reason=new disk --operator ana --since 1000 --weight 0"]
    assert found["summary"][0] == "web1 is drained as asked already"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"reason": "other"}, f"--reason=other --operator ana --since {NOW} --weight 0"),
        ({"expires": "10"}, f"--reason=new disk --operator ana --since {NOW} --weight 0 --until {NOW + 10}"),
    ],
)
def test_again_with_other_words_changes_the_record(words: dict[str, Any], expected: str) -> None:
    site = Site()
    drained(site)

    found = drain(site, **words)

    assert (found["changes"], told(found)) == (True, [f"drain web1 {expected}"])


def test_a_further_service_is_added() -> None:
    site = Site(two_services().plan())
    drained(site, services=["two"])

    assert "--service" not in told(drain(site, service="www"))[0]


def test_a_director_that_does_not_know_is_told_what_the_other_one_knows() -> None:
    site = Site()
    drained(site, "lb2", operator="bob")

    found = drain(site)

    assert found["changes"] is True
    assert (
        told(found)
        == told(found, "lb2")
        == ["drain web1 --reason=new disk --operator bob --since 1000 --weight 0"]
    )


FORCE = "restore or mend another one first, or force it: -e force=true"


def dead(site: Site, *numbers: int) -> None:
    checks(site, {SERVERS.format(number): (False, True) for number in numbers}, key=KEY)


@pytest.mark.parametrize(
    ("options", "without", "told"),
    [
        ({}, (), None),
        ({}, (2,), None),
        ({}, (2, 3), f"edge/www: web1 is its last healthy real server: {FORCE}"),
        # It serves nobody any more.
        ({}, (1, 2, 3), None),
        ({}, (1, 2), None),
        ({"min_servers": 2}, (), None),
        (
            {"min_servers": 2},
            (2,),
            f"edge/www: only web3 would be left, fewer than its min_servers of 2: {FORCE}",
        ),
        ({"quorum": 3}, (), None),
        (
            {"quorum": 4},
            (),
            f"edge/www: web2, web3 would be left with weight 3, less than its quorum of 4: {FORCE}",
        ),
    ],
)
def test_too_few_healthy_real_servers_are_refused(
    options: dict[str, Any], without: tuple[int, ...], told: str | None
) -> None:
    case = Case()
    case.service.update(options)
    site = Site(case.plan())
    dead(site, *without)

    if told is None:
        assert drain(site)["changes"]
    else:
        assert refused(drain, site) == [told]
        forced = drain(site, force="true")
        assert forced["changes"] and forced["summary"][0].startswith("forced although ")


def silent(site: Site) -> None:
    """Its keepalived does not tell what its checks have found."""
    site.seen["lb1"]["keepalived"]["data"] = None


@pytest.mark.parametrize(
    "change",
    [lambda site: checks(site, dict.fromkeys(map(SERVERS.format, (2, 3)), (False, False)), key=KEY), silent],
    ids=["no result yet", "no view"],
)
def test_whom_no_check_has_found_alive_is_not_counted_on(change: Callable[[Site], None]) -> None:
    """Just added, or keepalived has just started: they are not in the table."""
    site = Site()
    change(site)

    last = "web1 is its last healthy real server (no check has found web2, web3 alive yet)"
    assert refused(drain, site) == [f"edge/www: {last}: {FORCE}"]
    assert drain(site, force="true")["changes"]


def test_what_is_drained_already_is_not_healthy() -> None:
    site = Site()
    drained(site, server="web2")
    drained(site, server="web3")

    assert refused(drain, site) == [f"edge/www: web1 is its last healthy real server: {FORCE}"]


def test_another_services_state_does_not_matter() -> None:
    site = Site(two_services().plan())
    dead(site, 2, 3)

    assert drain(site, service="two")["changes"]
    assert refused(drain, site, service="www") == [f"edge/www: web1 is its last healthy real server: {FORCE}"]


@pytest.mark.parametrize("verb", ["drain", "restore"])
@pytest.mark.parametrize(
    ("raw", "why"),
    [({}, "it is unreachable, or left out by --limit"), ({"failed": "no python"}, "no python")],
)
def test_a_director_that_was_not_seen_is_refused_unless_accepted(
    verb: str, raw: dict[str, Any], why: str
) -> None:
    site = Site()
    drained(site)
    site.seen["lb2"] = raw

    assert refused(drain, site, verb) == [
        f"host lb2: this director was not seen ({why}), and would forward to web1 as before: "
        "bring it back, or go on without it by -e lvs_accept_unreachable=lb2, and repeat this later"
    ]
    found = drain(site, verb, "lb2")
    assert [list(step["arguments"]) for step in found["steps"]] == [["lb1"]]


@pytest.mark.parametrize("verb", ["drain", "restore"])
def test_with_nobody_to_tell_it_is_refused_though_all_are_accepted(verb: str) -> None:
    site = Site()
    drained(site)
    site.seen["lb1"] = site.seen["lb2"] = {}

    assert refused(drain, site, verb, "lb1", "lb2") == [
        "cluster edge: none of lb1, lb2 was seen: nobody would know of it: bring one of them back"
    ]


def test_a_director_without_the_tool_is_refused() -> None:
    site = Site()
    site.seen["lb2"]["files"]["/usr/local/lib/lvs-toolkit/lvs-override"] = None

    assert refused(drain, site) == [
        "host lb2: it lacks /usr/local/lib/lvs-toolkit/lvs-override: deploy it first: "
        "ansible-playbook site.yml"
    ]


def test_where_nobody_owns_the_vips_there_is_nothing_to_wait_for() -> None:
    site = Site()
    site.owner["edge"] = None
    site.look()

    found = drain(site)

    assert found["owners"] == {}
    assert found["summary"][-1] == "edge: no director that was seen owns a VIP: nothing to wait for"


def test_a_restoration_at_once() -> None:
    site = Site()
    drained(site)

    found = drain(site, "restore")

    assert told(found) == told(found, "lb2") == ["restore web1"]
    assert found["summary"] == ["edge: web1 is drained by ana: new disk; it gets its weight back"]
    assert found["owners"] == {}


@pytest.mark.parametrize("verb", ["drain", "restore"])
def test_what_somebody_else_has_drained_is_left_alone_where_asked(verb: str) -> None:
    site = Site()
    drained(site)
    mine: dict[str, Any] = {"only_own": True, "reason": "update of edge"}

    found = drain(site, verb, **mine)

    assert found["changes"] is False
    assert [step["arguments"] for step in found["steps"]] == ([{}] if verb == "drain" else [])
    assert "edge: web1 is drained by ana: new disk; that stays so" in found["summary"]
    assert bool(found["owners"]) is (verb == "drain"), "its connections are waited for"


def test_what_somebody_else_has_drained_in_part_is_not_taken_for_drained() -> None:
    site = Site()
    drained(site, weight=50)

    assert refused(drain, site, only_own=True, reason="update") == [
        "host web1: it still gets connections, although web1 is at 50 % of its weight by ana: new disk: "
        "restore it, or drain it whole"
    ]


def test_one_director_is_told_first_and_what_is_forced_is_forced_there() -> None:
    found = drain(Site(), force="true")

    assert found["first"] == ["lb1"]
    assert told(found)[0].endswith(" --weight 0 --force")
    assert not told(drain(Site()))[0].endswith("--force")


def test_directors_look_again_whose_record_it_is() -> None:
    site = Site()
    mine: dict[str, Any] = {"only_own": True, "reason": "update"}

    assert told(drain(site, **mine))[0].endswith("--weight 0 --only-reason=update")
    drained(site, reason="update")
    assert drain(site, **mine)["changes"] is False
    assert told(drain(site, "restore", **mine)) == ["restore web1 --only-reason=update"]


def test_a_run_that_changes_the_cluster_is_told_and_not_waited_for() -> None:
    site = Site()
    lock = {"run": "4f1c", "operator": "bob", "controller": "c", "pid": 1, "since": 1, "reason": "add web4"}
    for host in ("lb1", "lb2"):
        site.seen[host]["locks"] = [lock | {"file": "cluster-lock-edge.json"}]
    site.seen["lb2"]["locks"].append(lock | {"file": "cluster-lock-other.json"})

    assert drain(site)["summary"][1:] == ["note: bob changes edge just now (run 4f1c: add web4); both go on"]


BEGIN = "drain web1 --reason=new disk --operator ana --since 1000 --weight"


@pytest.mark.parametrize(
    ("weight", "steps", "expected"),
    [
        (0, 4, [f"{BEGIN} 25", f"{BEGIN} 50", f"{BEGIN} 75", "restore web1"]),
        (0, 3, [f"{BEGIN} 33", f"{BEGIN} 66", "restore web1"]),
        # It was interrupted.
        (50, 4, [f"{BEGIN} 75", "restore web1"]),
        (50, 1, ["restore web1"]),
    ],
)
def test_a_restoration_in_steps(weight: int, steps: int, expected: list[str]) -> None:
    site = Site()
    drained(site, weight=weight)

    found = drain(site, "restore", steps=steps)

    assert told(found) == expected
    assert [step["percent"] for step in found["steps"]][-1] == 100


def test_a_restoration_of_some_services_leaves_the_others() -> None:
    site = Site(two_services().plan())
    drained(site)

    assert told(drain(site, "restore", service="www")) == [f"{BEGIN} 0 --service two"]
    assert told(drain(site, "restore", service="www,two")) == ["restore web1"]


@pytest.mark.parametrize("services", [None, ["two"]])
def test_what_is_not_drained_needs_no_restoration(services: list[str] | None) -> None:
    site = Site(two_services().plan())
    if services:
        drained(site, services=services)

    found = drain(site, "restore", service="www")

    assert (found["changes"], found["steps"]) == (False, [])
    assert found["summary"] == ["edge: web1 is not drained"]
