"""The daily tasks in docs/operations.md: what they show is what a deployment says after that edit."""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent

import pytest

from lvs_model.compare import compare

from .builders import Case, Site
from .cases import ROOT
from .pretended import link

Edit = Callable[[Case], None]


def add_server(case: Case) -> None:
    """A fourth real server, on which nothing is installed yet."""
    case.add_host("web4", "edge_web", "edge", lvs_addresses=["192.0.2.24"])


def retire(*names: str) -> Edit:
    """Out of its group, and into the one of the retired."""

    def edit(case: Case) -> None:
        for name in names:
            for group in case.groups.values():
                if name in group and group is not case.groups["all"]:
                    group.remove(name)
            case.groups.setdefault("retired", []).append(name)

    return edit


def add_director(case: Case) -> None:
    case.add_host("lb3", "edge_directors", "edge", lvs_addresses=["192.0.2.13", "198.51.100.13"])


def add_vip(case: Case) -> None:
    case.service["vips"].append("192.0.2.15")


def add_service(case: Case) -> None:
    case.add_service("mail", ports=[25], check={"type": "tcp"}, probe={})


def summary(edit: Edit) -> list[str]:
    """What a deployment says before it acts, without the notes on kernels, on hosts as they were before."""
    before, case = Site(), Case()
    edit(case)
    site = Site(case.plan())
    for host, raw in site.seen.items():
        planned = site.plan["hosts"][host]
        if host in before.seen:
            site.seen[host] = before.seen[host]
            continue
        # A new machine: it has its addresses, and none of the toolkit's things.
        for part in ("packages", "users", "files"):
            raw[part] = dict.fromkeys(raw[part])
        raw["units"] = {name: {"ActiveState": "inactive"} for name in raw["units"]}
        raw["modules"] = dict.fromkeys(planned["modules"], "available")
        raw["managed"], raw["network"] = [], None
        own = {name: address for address, name in planned["addresses"].items()}
        site.links(host, link(host, "lo"), *(link(host, name, [address]) for name, address in own.items()))
        if planned["role"] == "director":
            raw["ipvs"] = {"proc": None, "table": None, "daemons": None, "conn_tab_bits": None}
            raw["keepalived"] = {"main": None, "checker": None, "vrrp": None, "json": None, "data": None}
    lines: list[str] = compare(site.plan, site.seen)["summary"]
    return [line for line in lines if not line.startswith("note: ") or "kernel" not in line]


TASKS: dict[str, tuple[str, Edit]] = {
    "a real server is added": ("Add a real server", add_server),
    "a real server is removed": ("Remove a real server", retire("web3")),
    "a director is added": ("Add a director", add_director),
    "a director is removed": ("Remove a director", retire("lb2")),
    "a VIP is added": ("Add or remove a VIP or a service", add_vip),
    "a service is added": ("Add or remove a VIP or a service", add_service),
}


def shown(section: str) -> list[list[str]]:
    """The summaries that a section shows: its indented blocks that end as a summary does."""
    text = (ROOT / "docs" / "operations.md").read_text().split(f"### {section}\n")[1].split("\n### ")[0]
    blocks = [dedent(block).splitlines() for block in re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)]
    return [block for block in blocks if block[-1].endswith("differ from the plan")]


def fits(block: list[str], said: list[str]) -> bool:
    """Whether a block is what was said, where "..." stands for any number of lines."""
    parts = "\n".join(re.escape(line) if line.strip() != "..." else "(?:.*\n)*.*" for line in block)
    return re.fullmatch(parts, "\n".join(said)) is not None


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_shows_is_what_a_deployment_says(task: str) -> None:
    section, edit = TASKS[task]
    said = summary(edit)
    # Which hosts' differences come before the classes is shown elsewhere.
    starts = [number for number, line in enumerate(said) if line.startswith("change of ")]
    assert any(fits(block, said[start:]) for block in shown(section) for start in starts), "\n".join(said)


def test_every_summary_in_the_docs_is_one_of_these() -> None:
    sections = {section for section, _ in TASKS.values()}
    assert sum(len(shown(section)) for section in sections) == len(TASKS)
