"""The classes of a deployment's changes: what differs, told from what runs, and how it is carried out."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.change_classes import CLASSES

from .builders import Case, Site
from .changes import Change, both, failover, group, host, second, service
from .compared import KEEPALIVED_CONF, KEY, changed, holds, work
from .pretended import checker_dump, table_text
from .rule_cases.heartbeat import heartbeat
from .rule_cases.pacemaker import pacemaker
from .test_engine_change import changing

SERVER = f"{KEY}: real server 192.0.2."


def deployed(change: Change, before: Change = lambda _: None) -> Site:
    """The plan after a change, on hosts that are as the plan before wanted them; lb1 owns the VIPs."""
    old, new = Case(), Case()
    before(old)
    both(before, change)(new)
    running, site = Site(old.plan()), Site(new.plan())
    for name, wanted in site.seen.items():
        if name not in running.seen:
            continue
        seen = running.seen[name]
        files = {path: seen["files"].get(path) for path in wanted["files"]}
        asked = {key: dict.fromkeys(wanted[key]) | seen[key] for key in ("packages", "units", "users")}
        kernel = {
            "sysctls": wanted["sysctls"] | seen["sysctls"],
            "modules": dict.fromkeys(wanted["modules"], "available") | seen["modules"],
        }
        site.seen[name] = seen | asked | kernel | {"files": files}
    return site


def told(site: Site) -> list[str]:
    """What the summary says of the changes, without notes, hosts' own lines and order."""
    return [
        line
        for line in work(site)["summary"]
        if line.startswith(("change of", "  ")) and not line.endswith("another content")
    ]


def of(kind: str, *lines: str) -> list[str]:
    return [f"change of {CLASSES[kind]}", *(f"  lb1, lb2: {line}" for line in lines)]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(
            host("web1", lvs_weight=5), of("weights", f"{SERVER}21:80: weight 3 becomes 5"), id="weight"
        ),
        pytest.param(
            host("web2", lvs_state="drained"), of("weights", f"{SERVER}22:80: weight 2 becomes 0"), id="drain"
        ),
        pytest.param(
            group("edge_web", "web1", "web2"), of("weights", f"{SERVER}23:80 goes"), id="a server goes"
        ),
        pytest.param(service(scheduler="wlc"), of("services", f"{KEY}: wrr becomes wlc"), id="scheduler"),
        pytest.param(
            service(persistence=300), of("services", f"{KEY}: wrr becomes wrr -p 300"), id="persistence"
        ),
        pytest.param(
            second(ports=[443], check={"type": "tcp"}),
            of("services", "TCP 192.0.2.10:443 is new"),
            id="a new service on the same VIP",
        ),
        pytest.param(
            service(check={"type": "http", "path": "/other"}),
            of("services", f"{KEEPALIVED_CONF} has another content: its checks, timers or other settings"),
            id="a check's path",
        ),
        pytest.param(
            second(vips=["192.0.2.20"]),
            [*of("services", "TCP 192.0.2.20:80 is new"), *of("vips", "VIP 192.0.2.20 is new")],
            id="a service with a VIP of its own",
        ),
    ],
)
def test_a_change_of_the_document_is_told_by_what_it_means(change: Change, lines: list[str]) -> None:
    found = [line for line in told(deployed(change)) if "web" not in line.split(":")[0]]
    concerned = {f"change of {CLASSES[kind]}" for kind in ("weights", "services", "vips", "election")}
    kept, keep = [], False
    for line in found:
        keep = line in concerned if line.startswith("change of") else keep
        if keep:
            kept.append(line)
    assert kept == lines


def test_a_new_real_server_comes_before_directors_forward_to_it() -> None:
    def add(case: Case) -> None:
        case.add_host("web4", "edge_web", "edge", lvs_addresses=["192.0.2.24"])

    site = deployed(add)
    site.seen["web4"]["files"] = dict.fromkeys(site.seen["web4"]["files"])

    found = work(site)
    assert found["classes"]["web4"] == ["real_server"]
    assert "weights" in found["classes"]["lb1"]
    assert f"  lb1, lb2: {SERVER}24:80 is new, with weight 1" in found["summary"]
    assert "order: real servers web4; directors lb2, lb1" in found["summary"]


def test_a_vip_that_goes_with_its_service() -> None:
    site = deployed(lambda case: case.document["services"].pop(), second(vips=["192.0.2.20"]))

    lines = told(site)
    assert "  lb1, lb2: VIP 192.0.2.20 goes" in lines
    assert "  lb1, lb2: TCP 192.0.2.20:80 goes" in lines


def test_what_a_check_has_taken_out_is_no_change_of_the_plan() -> None:
    """The kernel has no entry of a dead real server, the engine's view has it."""
    site = deployed(host("web1", lvs_weight=5))
    servers = site.plan["hosts"]["lb1"]["ipvs"][KEY]["servers"]
    states = {name: (name != "192.0.2.22:80", True) for name in servers}
    for name in ("lb1", "lb2"):
        running = Site().plan["hosts"][name]["ipvs"]
        site.seen[name]["ipvs"]["table"] = table_text(running, [(KEY, "192.0.2.22:80")])
        site.seen[name]["keepalived"]["data"] = checker_dump({KEY: states})

    assert [line for line in told(site) if ":80" in line] == [
        f"  lb1, lb2: {SERVER}21:80: weight 3 becomes 5"
    ]


def test_drift_of_a_director_is_put_back() -> None:
    site = Site()
    site.seen["lb1"]["sysctls"]["net/ipv4/vs/conntrack"] = "5"

    found = work(site)
    assert found["classes"] == {"lb1": ["drift"]}
    assert f"change of {CLASSES['drift']}" in found["summary"]


@pytest.mark.parametrize("kind", ["package", "module with a file"])
def test_packages_and_kernel_settings_are_one_director_at_a_time(kind: str) -> None:
    site = Site()
    if kind == "package":
        site.seen["lb1"]["packages"]["keepalived"] = None
    else:
        changed(site, "lb1")
        site.seen["lb1"]["modules"] = dict.fromkeys(site.seen["lb1"]["modules"], "available")

    assert "director" in work(site)["classes"]["lb1"]


def test_what_is_taken_away_comes_last() -> None:
    site = Site()
    holds(site, "web3", "address 192.0.2.20 lo")

    found = work(site)
    assert found["classes"] == {"web3": ["removal"]}
    assert "order: take away web3" in found["summary"]


def test_another_engine_is_a_class_of_its_own() -> None:
    found = work(changing("vrrp", "heartbeat"))

    assert "engine" in found["classes"]["lb1"]
    assert "  lb1, lb2: keepalived.service ends, and heartbeat.service begins" in found["summary"]


@pytest.mark.parametrize("engine", [heartbeat(), pacemaker()], ids=["heartbeat", "pacemaker"])
@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        pytest.param(host("web2", lvs_state="drained"), {"weights", "services"}, id="drain"),
        pytest.param(failover(failback=True), {"manager"}, id="failback"),
        pytest.param(service(vips=["192.0.2.10", "192.0.2.20"]), {"manager", "services"}, id="a VIP"),
    ],
)
def test_what_a_cluster_manager_takes_up_in_place_moves_no_vip(
    engine: Change, change: Change, kinds: set[str]
) -> None:
    found = work(deployed(both(change), engine))

    assert {kind for name in ("lb1", "lb2") for kind in found["classes"][name]} == kinds
    assert not [line for line in found["summary"] if line.startswith("switchover: ")]


@pytest.mark.parametrize("engine", [lambda _: None, heartbeat(), pacemaker()], ids=["vrrp", "hb", "pcmk"])
@pytest.mark.parametrize(("owner", "goes"), [("lb1", False), ("lb2", True)])
def test_vips_that_go_back_by_a_new_failback_are_told(engine: Change, owner: str, *, goes: bool) -> None:
    site = deployed(failover(failback=True), engine)
    site.owner["edge"] = owner
    files = {name: seen["files"] for name, seen in site.seen.items()}
    site.look()
    for name, known in files.items():
        site.seen[name]["files"] = known

    told_ = [line for line in work(site)["summary"] if "which failback prefers" in line]
    assert [line.split(", which")[0] for line in told_] == (
        ["note: 192.0.2.10 go from lb2 to lb1"] if goes else []
    )


def test_of_many_changes_the_first_are_shown_and_the_rest_is_counted() -> None:
    def many(case: Case, weight: int) -> None:
        for number in range(30, 60):
            case.add_host(f"w{number}", "edge_web", lvs_addresses=[f"192.0.2.{number}"], lvs_weight=weight)

    site = deployed(lambda _: None, lambda case: many(case, 1))
    wanted = Case()
    many(wanted, 2)
    site.plan = wanted.plan()
    changed_hosts: list[dict[str, Any]] = [site.seen["lb1"], site.seen["lb2"]]
    for seen in changed_hosts:
        seen["files"][KEEPALIVED_CONF]["sha256"] = "0" * 64

    lines = told(site)
    assert len([line for line in lines if "weight 1 becomes 2" in line]) == 20
    assert "  and 10 more" in lines


# The name of what was reviewed.


def test_the_digest_names_what_would_be_done() -> None:
    first, again = (work(deployed(host("web1", lvs_weight=5)))["digest"] for _ in range(2))
    other = work(deployed(host("web1", lvs_weight=6)))["digest"]
    drifted = deployed(host("web1", lvs_weight=5))
    changed(drifted, "web2")

    assert first == again
    assert len({first, other, work(drifted)["digest"]}) == 3


def test_another_owner_is_another_order_and_digest() -> None:
    site = deployed(host("web1", lvs_weight=5))
    before = work(site)["digest"]
    first, second = site.seen["lb1"], site.seen["lb2"]
    first["addresses"], second["addresses"] = (
        second["addresses"].replace(".12", ".11"),
        first["addresses"].replace(".11", ".12"),
    )

    assert work(site)["directors"] == ["lb1", "lb2"]
    assert work(site)["digest"] != before


def test_failover_options_of_the_same_protocol_are_settings() -> None:
    site = deployed(failover(lost_adverts=4))

    assert work(site)["classes"]["lb1"] == ["services"]
