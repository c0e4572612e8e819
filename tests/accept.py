#!/usr/bin/env python3
"""Tell whether keepalived and nft of this machine accept trees of rendered configurations.

    tests/accept.py TREE...        (as root)

Every ``etc/keepalived/keepalived.conf`` below a TREE stands at the root of a host's files, as under
tests/golden/CASE/HOST. Each is checked by `keepalived -t` in network, mount and process namespaces of its
own, where the interfaces, addresses, users and scripts that it names are there; nothing outside is touched.
So is each ``etc/lvs-toolkit/nftables.nft`` by `nft -c -f`; not every host has nft: without it that is said.
Prints exit code and output of each; exit code 0 when all were accepted without a word, 1 when one was not,
2 when nothing could be checked. Python's standard library only, so that it runs on any node.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = "etc/keepalived/keepalived.conf"
TABLE = "etc/lvs-toolkit/nftables.nft"
_INTERFACE = re.compile(r"^\s*interface (\S+)$|\bdev (\S+)|^\s*lvs_sync_daemon (\S+)", re.MULTILINE)
_TRACKED = re.compile(r"^\s*track_interface \{([^}]*)\}", re.MULTILINE)
_SOURCE = re.compile(r"^\s*(?:unicast|mcast)_src_ip (\S+)", re.MULTILINE)
_USER = re.compile(r"^\s*(?:script_)?user (\S+)", re.MULTILINE)
_SCRIPTS = "usr/local/lib/lvs-toolkit"
# keepalived 2.2.7 kills its own process group after -t as root where script_user is not root; the
# namespace of processes keeps that in. Dummy devices are the obvious ones, but not every kernel has them.
_CHECK = """
set -eu
add() {{
    ip link add "$1" type dummy 2>/dev/null || {{
        ip link add "$1" type veth peer name "peer$2"
        ip link set "peer$2" up
    }}
    # A dummy begins without multicast, and an election by multicast wants it.
    ip link set "$1" multicast on up
}}
ip link set lo up
{interfaces}
{addresses}
for folder in /run /usr/local/lib /var/lib; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /{scripts} /var/lib/lvs-toolkit/weight /var/lib/lvs-toolkit/drain
if [ -d {tree}/{scripts} ]; then cp -a {tree}/{scripts}/. /{scripts}/; fi
mount --bind {work}/passwd /etc/passwd
mount --bind {work}/group /etc/group
code=0
unshare --pid --fork keepalived -t -f {work}/keepalived.conf || code=$?
echo $code > {work}/code
"""


@dataclass(frozen=True)
class Verdict:
    """What was said of one configuration: the exit code (None: nobody was asked) and the words."""

    path: Path
    code: int | None
    said: str

    @property
    def accepted(self) -> bool:
        """Accepted without a word: a warning is one too many."""
        return self.code == 0 and not self.said.strip()


def accept(configuration: Path) -> Verdict:
    """Check one configuration, the file CONFIGURATION below a host's tree."""
    text = configuration.read_text()
    tree = configuration.resolve().parents[2]
    # Below /tmp, which nothing is mounted over in there.
    with tempfile.TemporaryDirectory(prefix="accept-", dir="/tmp") as folder:
        work = Path(folder)
        # The scripts of a host belong to root, whoever has checked the tree out.
        copied = work / "tree" / _SCRIPTS
        copied.mkdir(parents=True)
        if (tree / _SCRIPTS).is_dir():
            shutil.copytree(tree / _SCRIPTS, copied, dirs_exist_ok=True, copy_function=shutil.copyfile)
        for script in copied.iterdir():
            script.chmod(0o755)
        shutil.copyfile(configuration, work / "keepalived.conf")
        _write_users(work, text)
        script_text = _CHECK.format(
            interfaces="\n".join(f"add {name} {number}" for number, name in enumerate(_interfaces(text))),
            addresses="\n".join(_addresses(text)),
            scripts=_SCRIPTS,
            tree=work / "tree",
            work=work,
        )
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script_text]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        code = work / "code"
        found = int(code.read_text()) if code.exists() else None
        return Verdict(configuration, found, done.stdout + done.stderr)


def accept_table(table: Path) -> Verdict:
    """Check one table of nft, the file TABLE below a host's tree."""
    command = ["unshare", "--net", "nft", "--check", "--file", str(table.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return Verdict(table, done.returncode, done.stdout + done.stderr)


def _interfaces(text: str) -> list[str]:
    found = {name for match in _INTERFACE.findall(text) for name in match if name}
    found |= {name for block in _TRACKED.findall(text) for name in block.split()}
    return sorted(found)


def _addresses(text: str) -> list[str]:
    """Commands that give an instance's interface the address from which it sends."""
    commands = []
    for block in text.split("vrrp_instance ")[1:]:
        interface = re.search(r"^\s*interface (\S+)$", block, re.MULTILINE)
        source = _SOURCE.search(block)
        if interface and source:
            nodad = " nodad" if ":" in source[1] else ""
            commands.append(f"ip address replace {source[1]} dev {interface[1]}{nodad}")
    return commands


def _write_users(work: Path, text: str) -> None:
    names = ["root", *sorted(set(_USER.findall(text)) - {"root"})]
    users = [(name, 0 if name == "root" else 900 + place) for place, name in enumerate(names)]
    (work / "passwd").write_text(
        "".join(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n" for name, uid in users)
    )
    (work / "group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in users))


def missing() -> str | None:
    """Why nothing can be checked on this machine; None where it can."""
    if os.geteuid() != 0:
        return "this needs root, for namespaces"
    for tool in ("keepalived", "unshare", "ip", "mount"):
        if shutil.which(tool) is None:
            return f"this needs {tool}"
    return None


def main(trees: list[str]) -> int:
    """Check all trees; see the module's text."""
    if not trees:
        print("usage: accept.py TREE...", file=sys.stderr)
        return 2
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    configurations = [path for tree in trees for path in sorted(Path(tree).rglob(CONFIGURATION))]
    if not configurations:
        print(f"no {CONFIGURATION} below {', '.join(trees)}", file=sys.stderr)
        return 2
    version = subprocess.run(["keepalived", "--version"], capture_output=True, text=True, check=False)
    print((version.stdout + version.stderr).splitlines()[0])
    verdicts = [accept(configuration) for configuration in configurations]
    tables = [path for tree in trees for path in sorted(Path(tree).rglob(TABLE))]
    if shutil.which("nft"):
        verdicts += [accept_table(table) for table in tables]
    elif tables:
        print(f"not checked: {len(tables)} tables of nft, which is not installed")
    for verdict in verdicts:
        print(f"{'accepted' if verdict.accepted else 'REFUSED'} rc {verdict.code} {verdict.path}")
        if verdict.said.strip():
            print(verdict.said.strip())
    return 0 if all(verdict.accepted for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
