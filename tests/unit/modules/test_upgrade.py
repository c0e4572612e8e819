"""lvs_upgrade: what could be upgraded, and holds that come back whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from library import lvs_upgrade as module

from .test_modules import arguments_of, comparable

SIMULATED = """Reading package lists...
The following packages have been kept back:
  keepalived
Inst libssl3 [3.0.15-1~deb12u1] (3.0.16-1~deb12u1 Debian-Security:12/stable-security [amd64])
Inst libnew (1.0 Debian:12/stable [amd64])
Conf libssl3 (3.0.16-1~deb12u1 Debian-Security:12/stable-security [amd64])
"""
OURS = "Inst keepalived [1:2.2.7-1+b2] (1:2.2.7-1+b3 Debian:12/stable [amd64])\n"


class Node:
    """Answers commands by their words, and remembers them."""

    def __init__(self, installed: str = "keepalived", broken: bool = False) -> None:
        self.installed, self.broken = installed, broken
        self.calls: list[str] = []

    def run(self, argv: list[str]) -> str:
        """Answer a command."""
        self.calls.append(" ".join(argv))
        match argv:
            case ["dpkg-query", *_]:
                return (
                    "".join(f"{name} installed\n" for name in self.installed.split()) + "gone config-files\n"
                )
            case ["apt-get", "-s", "upgrade"]:
                return SIMULATED
            case ["apt-get", "-s", *_, "keepalived"]:
                return OURS
            case [*_, "upgrade"] if self.broken:
                raise SystemExit(1)
        return ""


@pytest.mark.parametrize(
    ("record", "held"),
    [
        (None, []),
        ("", []),
        ("keepalived\nkeepalived\ngone\n", ["keepalived"]),
        ("ldirectord\n", []),
    ],
)
def test_only_what_is_on_the_record_and_installed_is_ours(
    tmp_path: Path, record: str | None, held: list[str]
) -> None:
    file = tmp_path / "held"
    if record is not None:
        file.write_text(record)

    assert module.held_by_us(Node().run, str(file)) == held


@pytest.mark.parametrize(("held", "found"), [([], ["libssl3"]), (["keepalived"], ["keepalived", "libssl3"])])
def test_held_packages_of_ours_are_looked_at_too(held: list[str], found: list[str]) -> None:
    node = Node()

    assert module.upgradable(node.run, held) == found
    assert all(" -s " in call for call in node.calls), "nothing but simulations"


def test_what_is_held_is_let_go_and_held_again() -> None:
    node = Node()

    module.upgrade(node.run, ["keepalived"], ["-o", "DPkg::Lock::Timeout=5"])

    assert node.calls == [
        "apt-mark unhold keepalived",
        "apt-get -y -q -o DPkg::Lock::Timeout=5 -o Dpkg::Options::=--force-confdef -o "
        "Dpkg::Options::=--force-confold upgrade",
        "apt-mark hold keepalived",
    ]


def test_a_broken_upgrade_leaves_the_hold_too() -> None:
    node = Node(broken=True)

    with pytest.raises(SystemExit):
        module.upgrade(node.run, ["keepalived"], [])

    assert node.calls[-1] == "apt-mark hold keepalived"


def test_without_holds_nothing_is_marked() -> None:
    node = Node()

    module.upgrade(node.run, [], [])

    assert len(node.calls) == 1


def test_documentation_matches_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    given = arguments_of(module, monkeypatch)

    assert comparable(documented, "suboptions") == comparable(given["argument_spec"], "options")
    assert given["supports_check_mode"] is True
