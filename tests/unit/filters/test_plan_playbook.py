"""playbooks/plan.yml as an operator runs it: tables and files, or every problem with its place."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from lvs_model.export import MARKER
from lvs_model.report import table_lines
from tests.unit.model.builders import Case

from .test_filters import INVENTORY, ansible


def plan(folder: Path, inventory: str, *options: str) -> tuple[int, str]:
    """Run the playbook on an inventory; exit code and all output."""
    (folder / "hosts.yml").write_text(inventory)
    place = f"lvs_plan_dir={folder / 'plan'}"
    done = ansible(
        "ansible-playbook", "-i", folder / "hosts.yml", "playbooks/plan.yml", "-e", place, *options
    )
    return done.returncode, done.stdout + done.stderr


def refused(folder: Path, inventory: str) -> str:
    """What the playbook says to an inventory that it must refuse, with no line broken."""
    code, output = plan(folder, inventory)
    text = " ".join(output.split())
    assert code == 2, text
    assert "Traceback" not in text
    assert "UNREACHABLE" not in text
    assert not (folder / "plan").exists()
    return text


def line_of(inventory: str, words: str) -> int:
    """The number of the first line with these words."""
    return next(number for number, line in enumerate(inventory.splitlines(), 1) if words in line)


@pytest.mark.parametrize("options", [(), ("--check",), ("--limit", "client1")])
def test_the_plan_is_shown_and_written(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, output = plan(tmp_path, INVENTORY, *options)

    assert code == 0, output
    expected = Case().plan()
    lines = {line.strip() for line in output.splitlines()}
    assert {line.strip() for line in table_lines(expected["clusters"])} <= lines
    assert "changed=0" in output and "UNREACHABLE" not in output
    root = tmp_path / "plan"
    found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    del found[MARKER]
    assert found == {
        f"{host}{file['path']}": file["content"]
        for host, planned in expected["hosts"].items()
        for file in planned["files"]
    }
    count = len(found)
    assert f"{count} files of 5 hosts in {root}" in output


def test_the_same_inventory_gives_the_same_bytes_and_times_no_difference(tmp_path: Path) -> None:
    trees = []
    for _ in range(2):
        assert plan(tmp_path, INVENTORY)[0] == 0
        root = tmp_path / "plan"
        trees.append(
            {
                str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
                for path in root.rglob("*")
                if path.is_file()
            }
        )
    assert trees[0] == trees[1]


def test_a_directory_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "notes").write_text("mine")

    code, output = plan(tmp_path, INVENTORY)

    assert code == 2
    assert "is no directory that this playbook has written" in output
    assert [path.name for path in (tmp_path / "plan").iterdir()] == ["notes"]


def test_every_problem_of_a_broken_document_is_shown_with_its_place(tmp_path: Path) -> None:
    inventory = yaml.safe_load(INVENTORY)
    cluster = inventory["all"]["children"]["edge"]["vars"]["lvs_cluster"]
    cluster["failover"]["netwrok"] = "front"
    inventory["all"]["vars"]["vip"] = "192.0.2.300"
    inventory["all"]["vars"]["base"] = 0
    written = yaml.safe_dump(inventory)

    text = refused(tmp_path, written)

    for words, problem in (
        ("netwrok:", "lvs_cluster[edge].failover.netwrok: unknown key: remove it, or mend its spelling"),
        # A template stands there: its own place is the nearest that is known.
        (
            "services: '{{",
            "lvs_cluster[edge].services[0].vips[0]: '192.0.2.300' is no IP address: write it as 192.0.2.10",
        ),
        ("base - 1", "host web3: lvs_weight: -1 is not allowed"),
    ):
        assert f"{tmp_path}/hosts.yml:{line_of(written, words)}: {problem}" in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-01-01", "this is no plain data (Object of type"),  # YAML makes a date of it
        ('"{{ nowhere.to.be.found }}"', "this cannot be templated ("),
    ],
)
def test_a_value_that_is_no_plain_data_is_named(tmp_path: Path, value: str, words: str) -> None:
    inventory = INVENTORY.replace("{number: 11}", f"{{number: 11, lvs_priority: {value}, lvs_weight: -1}}")

    text = refused(tmp_path, inventory)

    assert f"host lb1: lvs_priority: {words}" in text
    assert "host lb1: lvs_weight: -1 is not allowed" in text


def test_a_document_that_cannot_be_templated_is_one_problem_of_its_cluster(tmp_path: Path) -> None:
    text = refused(tmp_path, INVENTORY.replace("interface: eth1", 'interface: "{{ nowhere }}"'))

    assert text.count("lvs_cluster[edge]: this cannot be templated (") == 2  # the error, and the result
    assert "no host of the inventory has this variable" not in text


def with_password(inventory: str, password: str) -> str:
    """The same inventory with VRRP version 2 and a password."""
    secret = f"failover: {{network: front, version: 2, authentication: {{password: {password}}}}}"
    return inventory.replace("failover: {network: front}", secret)


def documents(folder: Path) -> dict[str, Any]:
    """What keepalived.conf of each director has as its password, and its mode."""
    return {
        path.parts[-4]: (stat.S_IMODE(path.stat().st_mode), "auth_pass hunter2" in path.read_text())
        for path in (folder / "plan").glob("*/etc/keepalived/keepalived.conf")
    }


def test_a_secret_in_plain_text_is_a_warning_and_a_vaulted_one_is_none(tmp_path: Path) -> None:
    code, output = plan(tmp_path, with_password(INVENTORY, "hunter2"))

    assert code == 0, output
    assert "warning: lvs_cluster[edge].failover.authentication.password: " in output
    assert "hunter2" not in output
    assert documents(tmp_path) == {"lb1": (0o600, True), "lb2": (0o600, True)}

    (tmp_path / "key").write_text("of the vault")
    key = ("--vault-password-file", str(tmp_path / "key"))
    done = ansible("ansible-vault", "encrypt_string", *key, "hunter2")
    vaulted = "".join(done.stdout.splitlines(keepends=True)).replace("!vault |", "", 1)
    block = "\n".join(f"{' ' * 14}{line.strip()}" for line in vaulted.splitlines() if line.strip())
    secret = with_password(INVENTORY, "SECRET").replace(
        "          failover: {network: front, version: 2, authentication: {password: SECRET}}",
        "          failover:\n            network: front\n            version: 2\n"
        f"            authentication:\n             password: !vault |\n{block}",
    )
    code, output = plan(tmp_path, secret, *key)

    assert code == 0, output
    assert "authentication.password" not in output and "hunter2" not in output
    assert documents(tmp_path) == {"lb1": (0o600, True), "lb2": (0o600, True)}
    code, output = plan(tmp_path, secret)
    assert code == 2
    assert "lvs_cluster[edge]: this cannot be templated (" in output


@pytest.mark.parametrize("playbook", ["playbooks/plan.yml", "playbooks/stages/plan.yml"])
@pytest.mark.parametrize(("priority", "code"), [("1", 0), ("0", 2)])
def test_a_password_is_not_printed_though_much_is(
    tmp_path: Path, playbook: str, priority: str, code: int
) -> None:
    inventory = with_password(INVENTORY, "hunter2").replace(
        "{number: 11}", f"{{number: 11, lvs_priority: {priority}}}"
    )
    (tmp_path / "hosts.yml").write_text(inventory)

    place = f"lvs_plan_dir={tmp_path / 'plan'}"
    done = ansible("ansible-playbook", "-v", "-i", tmp_path / "hosts.yml", playbook, "-e", place)

    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "hunter2" not in output
    # What operators need is told all the same.
    assert "failover.authentication.password: " in output if code == 0 else "lb1: lvs_priority: 0 " in output


@pytest.mark.parametrize("password", ["hunter2-is-too-long", "12345678", "[hunter2]", "{hunter2: 1}"])
def test_a_wrong_secret_is_named_and_not_shown(tmp_path: Path, password: str) -> None:
    text = refused(tmp_path, with_password(INVENTORY, password))

    assert "lvs_cluster[edge].failover.authentication.password: this is no password for VRRP" in text
    assert "hunter2" not in text and "12345678" not in text
