"""An image is built again when its recipe changes, and only then."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace

import pytest

from lab import recipes, tools
from lab.archive import File, tar
from lab.home import PROJECT

NODE = recipes.node(13, "ssh-ed25519 AAAA lab\n")


def test_the_same_recipe_has_the_same_digest() -> None:
    assert recipes.node(13, "ssh-ed25519 AAAA lab\n").digest == NODE.digest
    assert re.fullmatch("[0-9a-f]{12}", NODE.digest)


@pytest.mark.parametrize(
    "other",
    [
        recipes.node(12, "ssh-ed25519 AAAA lab\n"),
        recipes.node(13, "ssh-ed25519 BBBB lab\n"),
        replace(NODE, packages=(*NODE.packages, "vim")),
        replace(NODE, cached=NODE.cached[1:]),
        replace(NODE, script=NODE.script + b"\n"),
        replace(NODE, megabytes=1),
        replace(NODE, files={**NODE.files, "etc/motd": File(b"hi")}),
        replace(
            NODE, files={**NODE.files, "root/.ssh/authorized_keys": File(b"ssh-ed25519 AAAA lab\n", 0o644)}
        ),
        replace(NODE, early_files={"etc/motd": File(b"hi")}),
    ],
)
def test_another_recipe_has_another_digest(other: recipes.Recipe) -> None:
    assert other.digest != NODE.digest


def test_nothing_of_lvs_is_installed_before_the_roles_do_it() -> None:
    for name in ("keepalived", "ipvsadm", "ldirectord", "nftables", "ifupdown", "network-manager", "haproxy"):
        assert name not in NODE.packages
        assert name in NODE.cached


def test_labels_fit_into_ext4() -> None:
    assert all(len(recipe.label) <= 16 for recipe in (NODE, recipes.guest("k", (b"a", b"b"))))


def test_the_list_of_packages_names_every_tool() -> None:
    text = (PROJECT / "lab" / "requirements.apt").read_text(encoding="utf-8")
    listed = {line.split("#")[0].strip() for line in text.splitlines()} - {""}
    assert set(tools.PACKAGES.values()) <= listed


def test_no_mirror_is_written_into_the_project() -> None:
    files = [path for path in (PROJECT / "lab").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert not [
        path for path in files if re.search(rb"deb\.debian\.org|://[a-z]+\.[a-z]+\.", path.read_bytes())
    ]


def test_archives_have_directories_with_the_right_modes() -> None:
    files = {
        "root/.ssh/authorized_keys": File(b"k", 0o600),
        "etc/x": File(b"x"),
        "etc/l": File(link="/etc/x"),
    }
    with tarfile.open(fileobj=io.BytesIO(tar(files, "nodes/a/upper"))) as archive:
        modes = {member.name: (member.type, member.mode, member.uid) for member in archive}
    assert modes["nodes/a/upper/root"] == (tarfile.DIRTYPE, 0o700, 0)
    assert modes["nodes/a/upper/root/.ssh"] == (tarfile.DIRTYPE, 0o700, 0)
    assert modes["nodes/a/upper/etc"] == (tarfile.DIRTYPE, 0o755, 0)
    assert modes["nodes/a/upper/root/.ssh/authorized_keys"] == (tarfile.REGTYPE, 0o600, 0)
    assert modes["nodes/a/upper/etc/l"][0] == tarfile.SYMTYPE
