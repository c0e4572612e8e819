"""At boot: what a power cut left half done is settled before any daemon reads it.

No controller is there then, so the host needs a tool of its own: this very package, packed into one
file, so that the tool always understands the journals that it may find. It and its unit are written
before a first journal is opened. Only the old or the new files are put in place; no action runs, since
the daemons start afterwards.
"""

from __future__ import annotations

import io
import os
import pkgutil
import subprocess
import zipfile

from . import durable
from .model import Layout, TransactionError
from .recovery import recover

UNIT = "/etc/systemd/system/lvs-settle.service"
WANTED = "/etc/systemd/system/sysinit.target.wants/lvs-settle.service"
TOOL = "settle.pyz"
# All that recovery.py and this file need; a module on a node comes as a zip, too, with just these in it.
_PARTS = ("__init__", "boot", "command", "durable", "journal", "live", "lock", "model", "recovery", "swap")
_MAIN = "import sys\nfrom lvs_transaction.boot import main\nsys.exit(main(sys.argv[1:]))\n"
_UNIT = """\
# Written by the LVS toolkit before it changes anything, and removed by its teardown.
[Unit]
Description=Settle what an interrupted change of the LVS toolkit has left
DefaultDependencies=no
RequiresMountsFor=/etc /usr {state}
After=systemd-remount-fs.service
Before={early}shutdown.target
Before=keepalived.service heartbeat.service corosync.service pacemaker.service
Conflicts=shutdown.target
# An alternative each (systemd.unit(5)): nothing runs where nothing was interrupted.
ConditionPathExistsGlob=|{state}/generations/*/journal.open.json
ConditionPathExistsGlob=|{state}/generations/*/journal.confirmed.json

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 {state}/{tool} {state}
TimeoutStartSec=120
StandardOutput=journal+console
"""


_EARLY = "systemd-modules-load.service systemd-sysctl.service network-pre.target sysinit.target "
# Such file systems systemd mounts behind the network (src/basic/mountpoint-util.c, fstype_is_network).
_REMOTE = {
    *("afs", "ceph", "cifs", "davfs", "gfs", "gfs2", "glusterfs", "lustre", "ncp", "ncpfs", "nfs", "nfs4"),
    *("ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "sshfs"),
}


def _behind_the_network(layout: Layout) -> bool:
    """Tell whether the state is on a file system that is mounted behind the network (systemd.mount(5)).

    A unit that waits for it and that the network waits for would be a cycle, of which systemd drops any job,
    at each boot. The root itself has been mounted before.
    """
    rows: list[list[str]] = []
    for path in ("/proc/self/mounts", "/etc/fstab"):
        try:
            with open(layout.live(path), encoding="utf-8", errors="surrogateescape") as stream:
                rows += [words for words in map(str.split, stream) if len(words) > 3 and words[0][0] != "#"]
        except OSError:
            continue
    holding = [row for row in rows if f"{layout.state_dir}/".startswith(f"{row[1].rstrip('/')}/")]
    place = max((row[1].rstrip("/") for row in holding), key=len, default="")
    return place != "" and any(
        row[2] in _REMOTE or "_netdev" in row[3].split(",") for row in holding if row[1].rstrip("/") == place
    )


def ensure(layout: Layout) -> None:
    """Put tool and unit in place, durably; nothing is written where they are. Raises OSError."""
    # Behind the network it can still come before the daemons, and what is settled earlier is not.
    early = "" if _behind_the_network(layout) else _EARLY
    unit = _UNIT.format(state=layout.state_dir, tool=TOOL, early=early).encode()
    _write(f"{layout.state}/{TOOL}", _packed(), 0o600)
    _write(layout.live(UNIT), unit, 0o644)
    # As systemctl(1) enable does it; systemd reads it at the next boot, which is when it matters.
    link = layout.live(WANTED)
    if not os.path.islink(link):
        durable.make_dirs(os.path.dirname(link), 0o755)
        durable.step("symlink", link)
        os.symlink("../lvs-settle.service", link)
        durable.sync_dir(os.path.dirname(link))


def _write(path: str, content: bytes, mode: int) -> None:
    try:
        with open(path, "rb") as stream:
            if stream.read() == content:
                return
    except FileNotFoundError:
        pass
    durable.make_dirs(os.path.dirname(path), 0o755)
    durable.write_file(f"{path}.lvs-new", content, mode, -1, -1)
    durable.rename(f"{path}.lvs-new", path)
    durable.sync_dir(os.path.dirname(path))


def _packed() -> bytes:
    """Return the package as a zip that python3 runs; the same sources give the same bytes."""
    parts = {f"lvs_transaction/{name}.py": _source(name) for name in _PARTS} | {"__main__.py": _MAIN.encode()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in parts.items():
            archive.writestr(zipfile.ZipInfo(name), source, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _source(name: str) -> bytes:
    source = pkgutil.get_data(__package__ or "", f"{name}.py")
    if source is None:
        raise OSError(f"the source of {name}.py cannot be read, which the tool for the boot is made of")
    return source


def main(arguments: list[str]) -> int:
    """Settle, and say what was done; the exit code is 1 if something could not be restored."""
    state, root = arguments[0], arguments[1] if arguments[1:] else "/"
    try:
        settled = recover(Layout(root, state), run_actions=False)
    except (OSError, TransactionError) as exc:
        print(f"an interrupted change could not be settled: {exc}")
        return 1
    for one in settled:
        by, files = one.stamp.get("operator", "unknown"), ", ".join(one.files)
        print(f"generation {one.generation} (by {by}) was interrupted, and is {one.outcome}: {files}")
        for problem in one.problems:
            print(f"generation {one.generation}: {problem}")
    if root == "/" and any(path.startswith("/etc/systemd/") for one in settled for path in one.files):
        # systemd has read the units already.
        subprocess.run(["systemctl", "daemon-reload"], check=False, timeout=60)
    return 0
