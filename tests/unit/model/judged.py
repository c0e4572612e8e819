"""What the tests of the verdict share: a site's findings by status, and checks that found servers dead."""

from __future__ import annotations

from lvs_model.verdict import judge

from .builders import Site
from .pretended import Raw, answers, checker_dump, daemons_text, state_json, table_text

VIP = "192.0.2.10"
KEY = f"TCP {VIP}:80"
TITLE = f"edge/www {VIP}:80"


def findings(site: Site, probes: dict[str, Raw] | None = None) -> dict[str, list[str]]:
    """The texts of the findings by status."""
    found: dict[str, list[str]] = {"proven": [], "failed": [], "unproven": []}
    for one in judge(site.plan, site.seen, answers(site.plan) if probes is None else probes):
        assert one["line"] == f"{one['cluster']}: {one['status']}: {one['text']}"
        found[one["status"]].append(one["text"])
    return found


def checks(site: Site, states: dict[str, tuple[bool, bool]], *hosts: str, key: str = KEY) -> None:
    """Let directors' checks find (alive, checked) where not good, and take the dead out of the table."""
    for host in hosts or ("lb1", "lb2"):
        planned = site.plan["hosts"][host]["ipvs"]
        dump = {one: dict.fromkeys(service["servers"], (True, True)) for one, service in planned.items()}
        dump[key] |= states
        gone = [(key, server) for server, (alive, _) in states.items() if not alive]
        site.seen[host]["keepalived"]["data"] = checker_dump(dump)
        site.seen[host]["ipvs"]["table"] = table_text(planned, gone)


def stands(site: Site, host: str, state: str, daemons: str | None = None) -> None:
    """Let a director's VRRP instance be in a state, and run its sync daemon, or that of another state."""
    site.seen[host]["keepalived"]["json"] = state_json(state)
    site.seen[host]["ipvs"]["daemons"] = daemons_text(*[daemons or state])
