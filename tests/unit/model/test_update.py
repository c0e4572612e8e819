"""The rounds of an update: who is away together, in which order, and who serves meanwhile."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lvs_model.problems import ModelError
from lvs_model.update import asked, dead, update

from .builders import Case, Site
from .changes import Change
from .pretended import checker_dump
from .test_switchover import failback, third, two_instances

WHAT = {"what": "packages", "cluster": "", "batch": "1"}
REASON = "update of edge"
BEGUN = 1_795_400_000.0
SITES = ["lb1 192.0.2.11 198.51.100.11", "lb2 192.0.2.12 198.51.100.12"]


def made(*changes: Change, owner: str = "lb1") -> Site:
    case = Case()
    for change in changes:
        change(case)
    site = Site(case.plan())
    site.owner["edge"] = owner
    site.look()
    return site


def decided(
    site: Site, needed: list[str] | None = None, before: dict[str, Any] | None = None, **options: str
) -> dict[str, Any]:
    hosts = list(site.seen) if needed is None else needed
    work = update(site.plan, WHAT | options, site.seen, hosts, before, now=BEGUN + 60)
    json.dumps(work)  # it becomes an Ansible fact
    return work


def rounds(work: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(" ".join(one["hosts"]), " ".join(one["drain"]), one["to"]) for one in work["rounds"]]


def drained(site: Site, name: str, reason: str) -> Site:
    """The same, with a real server drained on both directors."""
    record = {"file": f"drained/{name}.json", "host": name, "services": None, "reason": reason}
    address = {"web1": "192.0.2.21", "web2": "192.0.2.22"}[name]
    for host in ("lb1", "lb2"):
        site.seen[host]["overrides"] = [record | {"operator": "ana", "since": 1, "until": None, "weight": 0}]
        table = site.seen[host]["ipvs"]["table"]
        site.seen[host]["ipvs"]["table"] = re.sub(rf"(-r {address}:.*-w) [0-9]+", r"\1 0", table)
    return site


def refused(call: Any) -> list[str]:  # noqa: ANN401
    with pytest.raises(ModelError) as error:
        call()
    return [str(problem) for problem in error.value.problems]


def test_real_servers_one_by_one_then_the_standby_then_the_owner() -> None:
    work = decided(made())

    assert rounds(work) == [
        ("web1", "web1", None),
        ("web2", "web2", None),
        ("web3", "web3", None),
        ("lb2", "", None),
        ("lb1", "", "lb2"),
    ]
    assert work["back"] == []
    assert work["locks"] == {"lb1": "edge", "lb2": "edge"}
    assert work["left"] == {"what": "packages", "of": SITES, "begun": BEGUN + 60, "done": [], "back": []}
    assert work["summary"] == [
        "the update of edge upgrades all packages, in 5 rounds",
        "  1. web1, drained: web1",
        "  2. web2, drained: web2",
        "  3. web3, drained: web3",
        "  4. lb2",
        "  5. lb1, after a switchover to lb2",
    ]


def test_the_owner_is_last_whichever_it_is_and_the_most_preferred_of_the_others_stands_in() -> None:
    assert rounds(decided(made(third, owner="lb2"), ["lb1", "lb2", "lb3"])) == [
        ("lb3", "", None),
        ("lb1", "", None),
        ("lb2", "", "lb1"),
    ]


@pytest.mark.parametrize(
    ("batch", "least", "batches"),
    [
        ("2", 1, ["web1 web2", "web3"]),
        ("5", 1, ["web1 web2", "web3"]),
        ("5", 2, ["web1", "web2", "web3"]),
    ],
)
def test_a_batch_leaves_every_pool_its_minimum(batch: str, least: int, batches: list[str]) -> None:
    def minimum(case: Case) -> None:
        case.service["min_servers"] = least

    work = decided(made(minimum), ["web1", "web2", "web3"], batch=batch)

    assert [one[0] for one in rounds(work)] == batches


@pytest.mark.parametrize(
    ("away", "batches"),
    [((), ["web1 web2", "web3"]), ((3,), ["web1", "web2 web3"]), ((1,), ["web1 web2", "web3"])],
)
def test_a_batch_is_as_large_as_what_lives_allows(away: tuple[int, ...], batches: list[str]) -> None:
    """Otherwise a drain of it is refused in the middle, since it would take the last healthy one."""
    site = made()
    for host in ("lb1", "lb2"):
        servers = {f"192.0.2.2{number}:80": (number not in away, True) for number in (1, 2, 3)}
        site.seen[host]["keepalived"]["data"] = checker_dump({"TCP 192.0.2.10:80": servers})

    work = decided(site, ["web1", "web2", "web3"], batch="3")

    assert [one[0] for one in rounds(work)] == batches


def test_with_failback_the_vips_go_back_to_whoever_had_them() -> None:
    assert decided(made(failback))["back"] == [{"to": "lb1", "instance": "edge"}]
    assert decided(made(failback, two_instances))["back"] == [
        {"to": "lb1", "instance": "web"},
        {"to": "lb2", "instance": "mail"},
    ]


def test_an_interrupted_one_goes_on() -> None:
    before = interrupted(done=["web1", "lb2"], back=[{"to": "lb1", "instance": "edge"}])

    work = decided(made(failback, owner="lb2"), before=before)

    assert [one[0] for one in rounds(work)] == ["web2", "web3", "lb1"]
    assert work["back"] == before["back"], "who had the VIPs at the beginning, not now"
    assert (work["left"]["done"], work["left"]["begun"]) == (["web1", "lb2"], BEGUN)
    assert work["summary"][0] == (
        "an interrupted update, begun 2026-11-23 02:13:20 UTC, goes on; done already: web1, lb2"
    )


def interrupted(**left: Any) -> dict[str, Any]:  # noqa: ANN401 - as in the record
    """What an interrupted update has left."""
    return {"what": "packages", "of": SITES, "begun": BEGUN, "done": [], "back": []} | left


@pytest.mark.parametrize("owner", ["lb1", "lb2"])
def test_what_it_has_left_drained_is_given_back_though_nothing_is_left_to_upgrade(owner: str) -> None:
    """It was upgraded and then its gate failed, or the controller died; whatever is updated now."""
    site = drained(made(owner=owner), "web2", REASON)

    assert rounds(decided(site, [])) == [("web2", "web2", None)]
    assert rounds(decided(site, ["web1", "web3"]))[0] == ("web2", "web2", None), "before others are away, too"
    assert rounds(decided(site, ["web1"], what="reboot"))[0] == ("web2", "web2", None)


def test_a_pool_that_can_spare_nobody_is_told_before_anything_is_done() -> None:
    def minimum(case: Case) -> None:
        case.service["min_servers"] = 3

    assert refused(lambda: decided(made(minimum), ["web1", "lb1"])) == [
        "host web1: service www would be left with web2, web3, less than its min_servers of 3 or its "
        "quorum of 1: mend or add a real server, or lower what it needs (then site.yml); or take it away "
        "from clients yourself, and the update leaves it so: playbooks/drain.yml -e host=web1 -e force=true"
    ]
    site = drained(made(minimum), "web1", "new disk")
    assert rounds(decided(site, ["web1"])) == [("web1", "", None)], "as the remedy says"
    assert rounds(decided(drained(made(), "web1", REASON), ["web1", "web2"])) == [
        ("web1", "web1", None),
        ("web2", "web2", None),
    ], "what it has drained itself is back by then"


@pytest.mark.parametrize(("what", "keep"), [("reboot", True), ("packages", False)])
def test_who_was_not_seen_is_booted_by_a_later_run(what: str, keep: bool) -> None:
    """And nobody else: the record of those that have booted stays."""
    site = made()
    assert decided(site, what=what)["keep"] is False
    site.seen["web3"] = {}
    assert decided(site, what=what)["keep"] is keep


def test_nothing_to_do_is_no_round() -> None:
    assert decided(made(), [])["rounds"] == []


@pytest.mark.parametrize(("reason", "drains"), [("new disk", ""), (REASON, "web1")])
def test_what_somebody_else_has_drained_stays_so(reason: str, drains: str) -> None:
    assert rounds(decided(drained(made(), "web1", reason), ["web1"])) == [("web1", drains, None)]


@pytest.mark.parametrize(
    ("services", "weight", "directors", "said"),
    [
        (["mail"], 0, ("lb1", "lb2"), "web1 (mail) is drained"),
        (None, 50, ("lb1", "lb2"), "web1 is at 50 % of its weight"),
        (None, 0, ("lb1",), "web1 is drained"),
    ],
)
def test_what_is_drained_only_in_part_still_serves(
    services: list[str] | None, weight: int, directors: tuple[str, ...], said: str
) -> None:
    site = made()
    record = {"file": "drained/web1.json", "host": "web1", "services": services, "weight": weight}
    for host in directors:
        site.seen[host]["overrides"] = [
            record | {"reason": "new disk", "operator": "ana", "since": 1, "until": None}
        ]

    assert (
        f"host web1: it still gets connections, although {said} by ana: new disk: "
        "drain it whole (drain.yml -e host=web1), or give it back (restore.yml -e host=web1)"
    ) in refused(lambda: decided(site, ["web1"]))
    assert rounds(decided(site, ["web2"])) == [("web2", "web2", None)], "which does not concern others"


def test_who_was_not_seen_is_left_out_and_told() -> None:
    site = made()
    site.seen["web2"] = {}

    work = decided(site)

    assert "web2" not in json.dumps(work["rounds"])
    assert "note: web2 was not seen and is left out: run this again when it is back" in work["summary"]


def test_a_director_that_was_not_seen_must_be_accepted() -> None:
    site = made()
    site.seen["lb1"] = {}
    said = "host lb1: this director was not seen: mend it, or -e lvs_accept_unreachable=lb1"

    assert refused(lambda: decided(site)) == [said]
    work = update(site.plan, WHAT | {"accept": ["lb1"]}, site.seen, ["web1", "lb2"])
    assert rounds(work) == [("web1", "web1", None), ("lb2", "", None)]


def test_the_last_director_keeps_the_vips() -> None:
    site = made()
    site.seen["lb2"] = {}

    (said,) = refused(lambda: update(site.plan, WHAT | {"accept": ["lb2"]}, site.seen, ["lb1"]))

    assert said == (
        "host lb1: it is the only director of cluster edge that was seen, and owns the VIPs: mend another "
        "one first"
    )


def test_hosts_that_are_not_as_planned_are_refused_before() -> None:
    site = made()
    site.seen["web1"]["files"] = {}

    (said,) = refused(lambda: decided(site))
    assert said.startswith("host web1: it is not as planned: ")
    assert decided(site, ["web2"])["rounds"], "where nothing is done, nothing is judged"


def test_an_unheld_package_is_what_an_interrupted_run_has_left() -> None:
    site = made()
    site.seen["lb2"]["holds"] = []

    assert decided(site)["rounds"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"what": ""}, "what: nothing is no update: -e what=packages or reboot"),
        ({"what": "all"}, "what: all is no update: -e what=packages or reboot"),
        ({"cluster": "web"}, "cluster: there is no cluster 'web': one at a time: -e cluster=NAME, of edge"),
        ({"batch": "0"}, "batch: 0 is no number of real servers: give 1 or more"),
        ({"wait": "soon"}, "wait: 'soon' is no duration: write one like -e wait=120 (s, m, h or d)"),
        (
            {"sync_wait": "5x"},
            "sync_wait: '5x' is no duration: write one like -e sync_wait=120 (s, m, h or d)",
        ),
        ({"resume": "perhaps"}, "resume: perhaps is neither true nor false: give one, or leave it out"),
    ],
)
def test_a_command_line_that_says_what_cannot_be_done(options: dict[str, str], said: str) -> None:
    assert refused(lambda: asked(made().plan, WHAT | options)) == [said]


def test_durations_are_read_as_other_verbs_read_them() -> None:
    given = WHAT | {"wait": "2m", "sync_wait": "", "reboot_timeout": "90"}
    meant = asked(made().plan, given)
    assert [meant[name] for name in ("wait_s", "sync_wait_s", "reboot_timeout_s")] == [120, 300, 90]


def test_of_several_clusters_one_is_named() -> None:
    case = Case()
    case.add_cluster("other", 3)
    plan = case.plan()

    assert refused(lambda: asked(plan, WHAT)) == [
        "cluster: which cluster shall be updated is not said: one at a time: -e cluster=NAME, of edge, other"
    ]
    assert asked(plan, WHAT | {"cluster": "other"})["hosts"] == ["other-lb1", "other-lb2", "other-web1"]


@pytest.mark.parametrize(
    ("before", "options", "after_s", "said"),
    [
        (
            {"what": "reboot"},
            {},
            60,
            "what: an update of edge that began 2026-11-23 02:13:20 UTC (what=reboot) was interrupted, and "
            "is not over: finish it: -e what=reboot; or forget it: -e resume=false",
        ),
        (
            {"of": ["lb1 10.0.0.1"]},
            {"resume": "true"},
            60,
            "resume: an update of edge that began 2026-11-23 02:13:20 UTC was interrupted, of another "
            "cluster of this name: its directors were lb1 10.0.0.1: finish it with its own inventory; or "
            "forget it: -e resume=false",
        ),
        (
            {},
            {},
            90_000,
            "resume: an update of edge that began 2026-11-23 02:13:20 UTC was interrupted, and is not over: "
            "go on with what it has left: -e resume=true; or forget it: -e resume=false",
        ),
        ({}, {"resume": "true"}, 90_000, None),
        ({}, {}, 60, None),
    ],
)
def test_which_interrupted_update_it_goes_on_with(
    before: dict[str, Any], options: dict[str, str], after_s: int, said: str | None
) -> None:
    def ask() -> dict[str, Any]:
        return asked(made().plan, WHAT | options, interrupted(**before), now=BEGUN + after_s)

    if said is None:
        assert ask()["cluster"] == "edge"
    else:
        assert refused(ask) == [said]


def test_dead_servers_are_named_by_each_directors_checks() -> None:
    site = made()
    good = {
        key: dict.fromkeys(service["servers"], (True, True))
        for key, service in site.plan["hosts"]["lb1"]["ipvs"].items()
    }
    good["TCP 192.0.2.10:80"]["192.0.2.21:80"] = (False, True)
    site.seen["lb1"]["keepalived"]["data"] = checker_dump(good)

    assert dead(site.plan, "lb1", site.seen["lb1"], ["web1", "web2"]) == [
        "lb1: its checks find real server 192.0.2.21:80 of TCP 192.0.2.10:80 dead"
    ]
    assert dead(site.plan, "lb1", site.seen["lb1"], ["web2"]) == []
    assert dead(site.plan, "lb2", {}, ["web1"]) == ["lb2 could not be observed: it is unreachable"]
