"""The demo's steps with a pretended lab, playbook and client, and what it says of their figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab import demo
from lab.demo import Demo
from lab.directors import Directors
from lab.errors import LabError
from lab.figures import Figures, not_as_promised
from lab.playbook import HostRecap, PlaybookRun
from lab.promise import Promise
from lab.runner import Result
from lab.screen import Screen
from lab.traffic import Ledger
from module_utils.lvs_traffic import Request

TABLE = {
    "TCP 192.0.2.10:80": {"scheduler": "wrr", "servers": {"192.0.2.21:80": {"weight": 3, "method": "dr"}}}
}
PROMISE = Promise(
    client="client1",
    request={"address": "192.0.2.10", "port": 80, "path": "/"},
    requests=6,
    shares={"web1": 0.5, "web2": 1 / 3, "web3": 1 / 6},
    directors={"lb1": 200, "lb2": 150},
    advert_interval_s=0.25,
    detection_s=10.0,
    tables={"lb1": TABLE, "lb2": TABLE},
)
SAVED = "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3\n"


@dataclass
class PretendedLab:
    """Two directors: lb1 has the VIP until it loses power, then lb2; lb1 comes back as standby."""

    did: list[str] = field(default_factory=list)
    owner: str | None = "lb1"
    off: set[str] = field(default_factory=set)
    takes_over: str | None = "lb2"
    tables: list[str] = field(default_factory=lambda: [SAVED])
    """What ipvsadm -Sn says, one answer after the other; the last one stays."""

    @property
    def faults(self) -> PretendedLab:
        """Return itself: it does its faults too."""
        return self

    def up(self) -> None:
        """Note it."""
        self.did.append("up")

    def power_off(self, node: str) -> None:
        """Let the other director take over."""
        self.did.append(f"off {node}")
        self.off.add(node)
        self.owner = self.takes_over

    def power_on(self, node: str) -> None:
        """Note it."""
        self.did.append(f"on {node}")
        self.off.discard(node)

    def run(self, node: str, argv: Sequence[str], *, timeout: float = 60.0, check: bool = True) -> Result:
        """Answer as the node would."""
        del timeout, check
        if node in self.off:
            raise LabError(f"{node} is off")
        if argv[0] == "ip":
            return Result(0, f"2: eth0 inet {argv[-1]}/32\n" if node == self.owner else "", "", 0.1)
        if argv == ["ipvsadm", "-Ln"]:
            return Result(0, "IP Virtual Server version 1.2.1\nTCP  192.0.2.10:80 wrr\n", "", 0.1)
        text = self.tables.pop(0) if len(self.tables) > 1 else self.tables[0]
        return Result(0 if text else 1, text, "" if text else "no kernel support", 0.1)


class PretendedTraffic:
    """A client whose requests are known beforehand: six good ones, or twenty with a gap of five."""

    lost = 5

    def __init__(self, node: str, options: Mapping[str, Any]) -> None:
        assert node == "client1"
        assert options["address"] == "192.0.2.10"
        plain = "count" in options
        marks = "." * 6 if plain else "." * 20 + "x" * self.lost + "." * 20
        names = ["web1", "web2", "web1", "web3", "web1", "web2"]
        self._rows = [
            Request(
                n=n,
                scheduled=n / 10,
                started=n / 10,
                ended=n / 10 + 0.01,
                ok=mark == ".",
                server=names[n % 6] if mark == "." else None,
                error=None if mark == "." else "connect: timed out after 1 s",
            )
            for n, mark in enumerate(marks)
        ]

    def __enter__(self) -> PretendedTraffic:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind."""

    def wait(
        self,
        until: Callable[[Sequence[Request]], bool],
        *,
        timeout_s: float,
        on_tick: Callable[[Any], None] = print,
    ) -> bool:
        """Show one tick, and judge all rows."""
        assert timeout_s > 0
        on_tick(self._rows)
        return until(self._rows)

    def finish(self, timeout_s: float) -> Ledger:
        """Return the ledger."""
        assert timeout_s > 0
        return Ledger({}, self._rows)

    def stop(self) -> Ledger:
        """Return the ledger."""
        return Ledger({}, self._rows)


def playbook(*results: tuple[int, int]) -> Callable[..., PlaybookRun]:
    """Pretend runs of site.yml that end with these (exit code, changes), one after the other."""
    left = list(results)

    def play(
        *arguments: str, on_line: Callable[[str], None], on_silence: Callable[[float], None], **_: object
    ) -> PlaybookRun:
        assert arguments[-1] == "site.yml"
        code, changed = left.pop(0)
        on_line("TASK [keepalived : Install keepalived] *******")
        on_silence(5.0)
        recap = {
            "lb1": HostRecap(
                ok=3, changed=changed, unreachable=0, failures=0, tasks_changed=("Install it",) * changed
            )
        }
        return PlaybookRun(code, 12.0, recap, {"lb1": 1, "web1": 1}, ())

    return play


def demonstrate(lab: PretendedLab, play: Callable[..., PlaybookRun], said: list[str]) -> Figures:
    traffic: Any = PretendedTraffic
    return Demo(lab, PROMISE, Path("inventories/lab"), Screen(said.append), play=play, traffic=traffic).run()


def test_the_whole_demo_in_its_order() -> None:
    lab, said = PretendedLab(), list[str]()
    figures = demonstrate(lab, playbook((0, 9), (0, 0)), said)
    assert lab.did == ["up", "off lb1", "on lb1"]
    assert not_as_promised(figures) == []
    content = json.loads(figures.as_json())
    assert content["requests"]["by_real_server"] == {"web1": 3, "web2": 2, "web3": 1}
    assert content["failover"]["requests_failed"] == 5
    assert content["failover"]["gap_ms"] == 600
    assert content["second_run"] == {"changed": 0, "remote_executions": {"lb1": 1, "web1": 1}}
    text = "\n".join(said)
    assert "TCP  192.0.2.10:80 wrr" in text
    assert "... 5 s in TASK [keepalived : Install keepalived]" in text
    assert "web1           3  promised   3.0  (50%)" in text
    assert "outage           600 ms  in theory 604 to 854 ms" in text
    assert "lb2 owns 192.0.2.10 now" in text


def test_a_deployment_that_fails_ends_it() -> None:
    lab = PretendedLab()
    with pytest.raises(LabError, match=r"site\.yml failed with exit code 2"):
        demonstrate(lab, playbook((2, 0)), [])
    assert lab.did == ["up"]


@pytest.mark.parametrize(("owner", "where"), [(None, "no director")])
def test_a_cluster_without_an_active_director_ends_it(owner: str | None, where: str) -> None:
    with pytest.raises(LabError, match=f"192.0.2.10 is on {where}, not on exactly one"):
        demonstrate(PretendedLab(owner=owner), playbook((0, 9)), [])


def test_a_failover_that_nobody_takes_is_a_figure_not_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "HEALTHY_LIMIT_S", 0.0)
    lab = PretendedLab(takes_over=None)
    with pytest.raises(
        LabError, match="lb1 is not right 0 s after its power came back: the VIP is on 0 directors"
    ):
        demonstrate(lab, playbook((0, 9)), [])


def test_the_second_run_s_changes_are_named() -> None:
    figures = demonstrate(PretendedLab(), playbook((0, 9), (0, 1)), [])
    assert not_as_promised(figures) == ["the second run changed something (lb1: Install it)"]


@pytest.mark.parametrize(
    ("table", "lacking"),
    [
        (SAVED, ""),
        ("", "no kernel support"),
        ("-A -t 192.0.2.10:80 -s wrr\n", "192.0.2.21:80"),
        ("-A -t nonsense\n", "is not understood"),
    ],
)
def test_what_a_director_lacks(table: str, lacking: str) -> None:
    found = Directors(PretendedLab(tables=[table]), PROMISE).lacking("lb2")
    assert lacking in found
    assert bool(found) is bool(lacking)


@pytest.mark.parametrize(
    ("director", "table", "lacks"),
    [("lb1", SAVED, False), ("lb1", "\n", True), ("lb2", SAVED, True), ("lb2", "\n", False)],
    ids=["owner, full", "owner, empty", "standby, full", "standby, empty"],
)
def test_under_a_cluster_manager_only_the_owner_shall_have_a_table(
    director: str, table: str, *, lacks: bool
) -> None:
    managed = replace(PROMISE, owner_only=True)

    assert bool(Directors(PretendedLab(tables=[table]), managed).lacking(director)) is lacks


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3", False),
        ("-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 0", True),
        ("-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 3", True),
        ("-a -t 192.0.2.10:80 -r 192.0.2.210:80 -g -w 3", True),
    ],
    ids=["weight", "weight 0", "not there", "another one's address"],
)
def test_when_a_director_was_seen_to_send_nothing_to_a_real_server(line: str, *, out: bool) -> None:
    said = f"-A -t 192.0.2.10:80 -s wrr\n{line}\n1700000000.25\n"

    found = Directors(PretendedLab(tables=[said]), PROMISE).taken_out("lb1", "192.0.2.21")

    assert found == (1700000000.25 if out else None)
