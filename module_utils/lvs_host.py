"""What ``lvs_facts`` reads on a managed node: small readers of /proc, /sys, files and a few commands.

Every reader takes the file system's root, so that tests give it a tree of their own. What is missing is None;
what went wrong unexpectedly is appended to ``problems`` as one line of text. Nothing is interpreted here: the
controller's lvs_model does that.

Runs under the managed node's Python 3.9+, standard library only.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from typing import Any

#: Runs a command: argument list in, (exit code, standard output, standard error) out; 127 if it is missing.
Run = Callable[[list[str]], tuple[int, str, str]]

UNIT_PROPERTIES = (
    "ActiveState",
    "SubState",
    "UnitFileState",
    "LoadState",
    "MainPID",
    "NRestarts",
    "ActiveEnterTimestampMonotonic",
    "NeedDaemonReload",
)
_STATE = "/var/lib/lvs-toolkit"
_NETWORK = "/usr/local/lib/lvs-toolkit/lvs-network"
_TABLE = "lvs_toolkit"
_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin")


class Host:
    """The node that is read: its root, how commands run, and the problems met on the way."""

    def __init__(self, run: Run, root: str = "/") -> None:
        self.run = run
        self.root = root
        self.problems: list[str] = []

    def path(self, path: str) -> str:
        """Return the absolute path under the root."""
        return os.path.join(self.root, path.lstrip("/"))

    def read(self, path: str) -> str | None:
        """Return a file's text, None if it is absent; a problem if it cannot be read."""
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.problems.append(f"{path}: {error.strerror}")
            return None

    def word(self, path: str) -> str | None:
        """Return a file's text without its last line end, None if absent."""
        text = self.read(path)
        return None if text is None else text.rstrip("\n")

    def installed(self, command: str) -> bool:
        """Tell whether a command, or the program at an absolute path, is there, without forking."""
        if command.startswith("/"):
            return os.access(self.path(command), os.X_OK)
        return any(os.access(self.path(f"{folder}/{command}"), os.X_OK) for folder in _SBIN)

    def output(self, argv: list[str], accept: tuple[int, ...] = (0,)) -> str | None:
        """Run a command; its output, None if it is not installed, None and a problem if it fails."""
        if not self.installed(argv[0]):
            return None
        code, out, err = self.run(argv)
        if code in accept:
            return out
        self.problems.append(f"{' '.join(argv[:3])}: exit code {code}: {(err or out).strip()[:300]}")
        return None


def system(host: Host) -> dict[str, Any]:
    """Read what the node is: kernel, CPUs, memory in KiB, boot id (one per boot), uptime in seconds."""
    uname = os.uname()
    memory = next(
        (line.split()[1] for line in _lines(host, "/proc/meminfo") if line.startswith("MemTotal:")), None
    )
    uptime = host.word("/proc/uptime")
    return {
        "euid": os.geteuid(),
        "os_release": host.read("/etc/os-release"),
        "kernel": uname.release,
        "machine": uname.machine,
        "hostname": uname.nodename,
        "cpus": os.cpu_count(),
        "memory_kib": int(memory) if memory else None,
        "boot_id": host.word("/proc/sys/kernel/random/boot_id"),
        "uptime_s": float(uptime.split()[0]) if uptime else None,
    }


def _lines(host: Host, path: str) -> Iterator[str]:
    yield from (host.read(path) or "").splitlines()


def packages(host: Host, names: list[str]) -> dict[str, str | None]:
    """Return each package's version; None unless dpkg has it fully installed (not removed, not half-way)."""
    versions: dict[str, str | None] = dict.fromkeys(names)
    if names:
        # dpkg-query(1) ends with 1 if some of the names are unknown, and has printed the others.
        form = "${Package} ${db:Status-Status} ${Version}\n"
        for line in (host.output(["dpkg-query", "-W", "-f", form, *names], accept=(0, 1)) or "").splitlines():
            name, status, version = [*line.split(" ", 2), "", ""][:3]
            if status == "installed" and name in versions:
                versions[name] = version
    return versions


def holds(host: Host, names: list[str]) -> list[str]:
    """Return those of the packages that are held, sorted (dpkg(1), hold; apt-mark(8))."""
    held = []
    for stanza in (host.read("/var/lib/dpkg/status") or "").split("\n\n") if names else ():
        name, _, rest = stanza.strip("\n").partition("\n")
        if name.removeprefix("Package: ") in names and rest.startswith("Status: hold "):
            held.append(name.removeprefix("Package: "))
    return sorted(held)


def units(host: Host, names: list[str]) -> dict[str, dict[str, str | None] | None]:
    """Return each systemd unit's properties as ``systemctl show`` prints them; None without systemd.

    An unknown unit is not None: its LoadState is "not-found". A property that the kind of unit lacks is None.
    """
    found: dict[str, dict[str, str | None] | None] = dict.fromkeys(names)
    if not names:
        return found
    out = host.output(["systemctl", "show", "--property=" + ",".join(UNIT_PROPERTIES), "--", *names])
    if out is None:
        return found
    blocks = out.strip("\n").split("\n\n")  # one block for each name, in the names' order
    if len(blocks) != len(names):
        host.problems.append(f"systemctl show: {len(blocks)} answers for {len(names)} units")
        return found
    for name, block in zip(names, blocks):  # noqa: B905 -- strict= is not in Python 3.9
        properties = dict(line.partition("=")[::2] for line in block.splitlines())
        found[name] = {key: properties.get(key) for key in UNIT_PROPERTIES}
    return found


def modules(host: Host, names: list[str]) -> dict[str, str]:
    """Tell for each kernel module: loaded, builtin, available (``modprobe`` can load it) or missing.

    Module names are compared as modprobe(8) does: "-" and "_" are the same.
    """
    states: dict[str, str] = {}
    if not names:
        return states
    folder = f"/lib/modules/{os.uname().release}"
    loaded = {line.split(" ", 1)[0] for line in _lines(host, "/proc/modules")}
    builtin: set[str] | None = None
    available: set[str] | None = None
    for name in names:
        plain = name.replace("-", "_")
        if plain in loaded:
            states[name] = "loaded"
            continue
        if builtin is None:  # read only if it is needed: the two lists are long
            builtin = {_module_name(line) for line in _lines(host, f"{folder}/modules.builtin")}
        # A module that is built in and has parameters has a folder in /sys, whatever files are installed.
        if plain in builtin or os.path.isdir(host.path(f"/sys/module/{plain}")):
            states[name] = "builtin"
            continue
        if available is None:
            available = {_module_name(line) for line in _lines(host, f"{folder}/modules.dep")}
        states[name] = "available" if plain in available else "missing"
    return states


def _module_name(line: str) -> str:
    """Take the module's name out of "kernel/net/ipip.ko.xz: dependencies"."""
    file = line.split(":", 1)[0].rsplit("/", 1)[-1]
    return file.split(".ko", 1)[0].replace("-", "_")


def sysctl_path(name: str) -> str:
    """Return the file of a sysctl under /proc/sys.

    The rule of sysctl.d(5): if the first separator is a slash, all stand as they are; if it is a dot, dots
    and slashes change places. So net/ipv4/conf/bond0.120/arp_ignore and
    net.ipv4.conf.bond0/120.arp_ignore are the same.
    """
    separator = next((character for character in name if character in "./"), ".")
    path = name if separator == "/" else name.translate(str.maketrans("./", "/."))
    return f"/proc/sys/{path}"


def sysctls(host: Host, names: list[str]) -> dict[str, str | None]:
    """Return each sysctl's value as the kernel prints it (without the line end), None where it is absent."""
    return {name: host.word(sysctl_path(name)) for name in names}


def users(names: list[str]) -> dict[str, int | None]:
    """Return each user's number, None where there is no such user."""
    numbers: dict[str, int | None] = {}
    for name in names:
        try:
            numbers[name] = pwd.getpwnam(name).pw_uid
        except KeyError:
            numbers[name] = None
    return numbers


def unfinished(host: Host) -> list[str]:
    """Return the generations whose transaction (config_set) was interrupted and is not settled yet."""
    found = journals(host)
    return [name for name, states in found.items() if states & {"open", "confirmed"}]


def managed(host: Host) -> list[str]:
    """Return the files that config_set has put here and that are still there, sorted.

    All generations that hold are read, the oldest first: one that does not name a file leaves it where it
    is. So what a run has left that ended before its last step, which removes files, is told as well.
    """
    present: dict[str, bool] = {}
    for name, states in journals(host).items():
        for state in states & {"confirmed", "committed"}:
            path = f"{_STATE}/generations/{name}/journal.{state}.json"
            try:
                files = json.loads(host.read(path) or "")["files"]
                present.update({file["path"]: file["state"] == "present" for file in files})
            except (ValueError, LookupError, TypeError) as error:
                host.problems.append(f"{path}: is no journal ({error})")
    return sorted(path for path, state in present.items() if state and os.path.lexists(host.path(path)))


def journals(host: Host) -> dict[str, set[str]]:
    """Return the states in the names of each generation's journals, generations from old to new."""
    folder = host.path(f"{_STATE}/generations")
    try:
        names = sorted(os.listdir(folder), key=lambda name: (len(name), name))
        found = {name: os.listdir(f"{folder}/{name}") for name in names if os.path.isdir(f"{folder}/{name}")}
    except FileNotFoundError:
        return {}
    except OSError as error:
        host.problems.append(f"{folder}: {error.strerror}")
        return {}
    parts = {name: [file.split(".") for file in files] for name, files in found.items()}
    return {
        name: {part[1] for part in some if len(part) == 3 and (part[0], part[2]) == ("journal", "json")}
        for name, some in parts.items()
    }


def network(host: Host) -> dict[str, str | None]:
    """Return what lvs-network tells: the items that it holds, one a line, or why it could not tell them.

    Both are None where it is not installed.
    """
    if not host.installed(_NETWORK):
        return {"network": None, "network_error": None}
    code, out, err = host.run([_NETWORK, "held"])
    if code == 0:
        return {"network": out, "network_error": None}
    why = (err.strip().splitlines() or [f"exit code {code}"])[-1][:300]
    host.problems.append(f"{_NETWORK} held: exit code {code}: {why}")
    return {"network": None, "network_error": why}


def ra_routes(host: Host) -> dict[str, str | None]:
    """Return links whose IPv6 default route the kernel has from router advertisements, with their accept_ra.

    The kernel marks such routes RTF_ADDRCONF and RTF_DEFAULT (linux/ipv6_route.h). There are none where
    another default route would stay: forwarding does not concern what is configured, or what a network
    manager has learned from advertisements. Those of RTF_REJECT lead nowhere.
    """
    found: dict[str, str | None] = {}
    for line in _lines(host, "/proc/net/ipv6_route"):
        words = line.split()
        if len(words) != 10 or words[:2] != ["0" * 32, "00"]:
            continue
        flags = int(words[8], 16)
        if flags & 0x50000 == 0x50000:
            found[words[9]] = host.word(f"/proc/sys/net/ipv6/conf/{words[9]}/accept_ra")
        elif not flags & 0x200:
            return {}
    return found


def nftables(host: Host) -> dict[str, str | None]:
    """Return the toolkit's own table as it is and as it was loaded, and all rules in JSON (nft(8)).

    The table is asked for only if it is there: nft fails otherwise.
    """
    ruleset = host.output(["nft", "-j", "list", "ruleset"])
    there = ruleset is not None and f'"{_TABLE}"' in ruleset
    return {
        "ours": host.output(["nft", "-s", "list", "table", "inet", _TABLE]) if there else None,
        "loaded": host.read("/run/lvs-toolkit/nftables.loaded"),
        "ruleset": ruleset,
    }


def files(host: Host, paths: list[str], marker: str | None = None) -> dict[str, dict[str, Any] | None]:
    """Return each file's digest and attributes, None where nothing is; links are followed.

    ``sha256`` is None for what is no regular file (a directory, a device). ``marked`` tells whether the
    file contains the marker; without a marker it is false.
    """
    return {path: _file(host, path, (marker or "").encode()) for path in paths}


def _file(host: Host, path: str, marker: bytes) -> dict[str, Any] | None:
    try:
        info = os.stat(host.path(path))
        digest, marked = None, False
        if stat.S_ISREG(info.st_mode):
            with open(host.path(path), "rb") as file:
                content = file.read()
            digest, marked = hashlib.sha256(content).hexdigest(), bool(marker) and marker in content
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        host.problems.append(f"{path}: {error.strerror}")
        return None
    return {
        "sha256": digest,
        "marked": marked,
        "mode": f"{stat.S_IMODE(info.st_mode):04o}",
        "owner": _name(pwd.getpwuid, info.st_uid),
        "group": _name(grp.getgrgid, info.st_gid),
        "size": info.st_size,
    }


def _name(lookup: Callable[[int], Any], number: int) -> str:
    """Return the user's or group's name, the number as text if it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def ipvs(host: Host) -> dict[str, str | None]:
    """Return the kernel's IPVS table and sync daemons as ipvsadm prints them.

    ipvsadm is called only if the kernel part is there already: it would load the module otherwise.
    """
    proc = host.read("/proc/net/ip_vs")
    return {
        "proc": proc.splitlines()[0] if proc else None,
        "table": host.output(["ipvsadm", "-Sn"]) if proc else None,
        # What -S leaves out (ipvsadm.c, print_service_entry).
        "thresholds": host.output(["ipvsadm", "-ln", "--thresholds"]) if proc else None,
        "daemons": host.output(["ipvsadm", "-ln", "--daemon"]) if proc else None,
        "conn_tab_bits": host.word("/sys/module/ip_vs/parameters/conn_tab_bits"),
    }
