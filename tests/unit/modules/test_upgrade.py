"""lvs_upgrade: what could be upgraded, and holds that come back whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from library import lvs_upgrade as module

from .test_modules import arguments_of, comparable

KERNEL = """Inst linux-image-6.1.0-33-amd64 (6.1.133-1 Debian:12/stable [amd64])
Inst linux-image-amd64 [6.1.129-1] (6.1.133-1 Debian:12/stable [amd64])
"""


class Node:
    """An apt with a new kernel and a new library, and daemons that are held; it remembers commands."""

    def __init__(
        self, installed: str = "keepalived", *, broken: bool = False, stuck: bool = False, busy: int = 0
    ) -> None:
        self.installed, self.broken, self.stuck = installed, broken, stuck
        self.busy = dict.fromkeys(("unhold", "hold"), busy)
        self.done: set[str] = set()
        self.calls: list[str] = []

    def run(self, argv: list[str]) -> str:
        """Answer a command."""
        self.calls.append(" ".join(argv))
        if argv[0] == "dpkg-query":
            return "".join(f"{name} installed\n" for name in self.installed.split()) + "gone config-files\n"
        if argv[0] == "apt-mark":
            self.busy[argv[1]] -= 1
            if self.busy[argv[1]] >= 0:
                raise module.Failure("dpkg: error: another process has locked the database")
            return ""
        assert argv[0] == "apt-get"
        named = argv[argv.index("upgrade") + 1 :]
        # Held ones are kept back unless they are named, and so is what needs a new package (apt-get(8)).
        found = {"libssl3", *named} | ({"linux-image-amd64"} if "--with-new-pkgs" in argv else set())
        if "-s" in argv:
            left = found - self.done
            lines = [f"Inst {name} [1-1] (1-2 Debian:12/stable [amd64])\n" for name in sorted(left)]
            return (
                "Reading package lists...\n"
                + "".join(lines)
                + (KERNEL if "linux-image-amd64" in left else "")
            )
        if self.broken:
            raise SystemExit(1)
        self.done |= found - ({"libssl3"} if self.stuck else set())
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


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ([], ["libssl3", "linux-image-amd64"]),
        (["keepalived"], ["keepalived", "libssl3", "linux-image-amd64"]),
    ],
)
def test_a_new_kernel_and_held_packages_of_ours_are_looked_at_too(held: list[str], found: list[str]) -> None:
    node = Node()

    assert module.upgradable(node.run, held) == found
    assert all(" -s " in call for call in node.calls), "nothing but simulations"


def test_what_is_held_is_let_go_and_held_again() -> None:
    node = Node()

    assert module.upgrade(node.run, ["keepalived"], 5) == []

    assert node.calls == [
        "apt-mark unhold keepalived",
        "apt-get -y -q -o DPkg::Lock::Timeout=5 -o Dpkg::Options::=--force-confdef -o "
        "Dpkg::Options::=--force-confold --with-new-pkgs upgrade keepalived",
        "apt-mark hold keepalived",
        "apt-get -s --with-new-pkgs upgrade keepalived",
    ]


def test_somebody_who_is_busy_with_dpkg_is_waited_for() -> None:
    node, slept = Node(busy=3), list[float]()

    assert module.upgrade(node.run, ["keepalived"], 8, slept.append) == []

    assert [call for call in node.calls if "-s" not in call.split()][-1] == "apt-mark hold keepalived"
    assert len(slept) == 6


def test_but_not_for_ever() -> None:
    node, slept = Node(busy=99), list[float]()

    with pytest.raises(module.Failure, match="locked the database"):
        module.upgrade(node.run, ["keepalived"], 8, slept.append)

    assert sum(slept) <= 8
    assert not [call for call in node.calls if call.startswith("apt-get")], "nothing was changed"


def test_what_stays_as_it_was_is_told() -> None:
    assert module.upgrade(Node(stuck=True).run, ["keepalived"], 5) == ["libssl3"]


def test_a_broken_upgrade_leaves_the_hold_too() -> None:
    node = Node(broken=True)

    with pytest.raises(SystemExit):
        module.upgrade(node.run, ["keepalived"], 5)

    assert node.calls[-1] == "apt-mark hold keepalived"


def test_without_holds_nothing_is_marked() -> None:
    node = Node()

    module.upgrade(node.run, [], 5)

    assert not [call for call in node.calls if call.startswith("apt-mark")]


def test_documentation_matches_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    given = arguments_of(module, monkeypatch)

    assert comparable(documented, "suboptions") == comparable(given["argument_spec"], "options")
    assert given["supports_check_mode"] is True
