"""What keepalived watches on a director itself: processes, scripts, and the files that steer it.

Sources: keepalived.conf(5), sections «Track files», «VRRP track processes» and «VRRP script(s)».
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from lvs_model.components.keepalived.words import number, quoted
from lvs_model.document import Cluster, FileCheck, TrackedProcess, TrackedScript
from lvs_model.serving import Member, Serving

# Right under /run: keepalived -t wants the directory of a tracked file to exist before it ever ran.
LEAVING = "/run/lvs-toolkit.leaving"
WEIGHTS = "/var/lib/lvs-toolkit/weight"
ENSURE_PROCESS = "/usr/local/lib/lvs-toolkit/ensure-process"

# proc(5): /proc/PID/comm holds this many characters of a program's name, and keepalived compares it.
_COMM = 15
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_OTHER = re.compile(r"[^A-Za-z0-9._-]")


def tracker_blocks(cluster: Cluster, services: list[Serving]) -> list[dict[str, Any]]:
    """Blocks outside of all others: their heads and lines."""
    track = cluster.failover.track
    return [
        *_weight_files(cluster, services),
        *(_process(one) for one in track.processes if one.restart is None),
        *(_restarted(one) for one in track.processes if one.restart is not None),
        *(_script(one) for one in track.scripts),
    ]


def weight_file(cluster: Cluster, service: str, member: str, check: FileCheck) -> str:
    """The path of the file whose number is added to a real server's weight; no two have one path."""
    # Clusters and services have no '.' in their names, and the member's stands last.
    return check.path or f"{WEIGHTS}/{cluster.name}.{service}.{member}"


def tracked_name(path: str) -> str:
    """A tracked file's name in keepalived's configuration: it follows from the path, and no two share one."""
    folder, _, name = path.rpartition("/")
    if folder == WEIGHTS and _PLAIN.fullmatch(name):
        return f"weight_{name}"
    return f"weight-{_OTHER.sub('_', name)}-{sha256(path.encode()).hexdigest()[:12]}"


def _weight_files(cluster: Cluster, services: list[Serving]) -> Iterator[dict[str, Any]]:
    paths = {
        weight_file(cluster, one.service.name, member.name, check): None
        for one in services
        for member in one.members
        for check in _file_checks(member)
    }
    for path in paths:
        yield {
            "head": f"track_file {tracked_name(path)}",
            # Kept over restarts: an operator's drain holds until the operator ends it.
            "lines": [f"file {path}", "weight 1", "init_file 0"],
        }


def _file_checks(member: Member) -> list[FileCheck]:
    return [check for check in member.checks if isinstance(check, FileCheck)]


def has_weight_files(services: list[Serving]) -> bool:
    """Whether any service's weights come from files below :data:`WEIGHTS`."""
    return any(
        check.path is None for one in services for member in one.members for check in _file_checks(member)
    )


def _process(one: TrackedProcess) -> dict[str, Any]:
    return {
        "head": f"vrrp_track_process {one.name}",
        "lines": [
            f"process {PurePosixPath(one.process).name[:_COMM]}",
            f"weight {one.weight}",
            *([f"terminate_delay {number(one.delay)}"] if one.delay else []),
        ],
    }


def _restarted(one: TrackedProcess) -> dict[str, Any]:
    return {
        "head": f"vrrp_script restart_{one.name}",
        "lines": [
            # By way of sh: keepalived -t wants the program to exist, and it checks the staged configuration
            # before our script is in its place for the first time. Not by /bin/sh: 2.3.3 calls a path
            # through the link /bin insecure for a script of root's.
            f"script {quoted(f'/usr/bin/sh {ENSURE_PROCESS} {one.process} {one.restart}')}",
            f"interval {one.interval}",
            "timeout 30",
            # The first failure was a restart that has not helped yet.
            "fall 2",
            "rise 2",
            f"weight {one.weight}",
            "user root",
        ],
    }


def _script(one: TrackedScript) -> dict[str, Any]:
    return {
        "head": f"vrrp_script {one.name}",
        "lines": [
            f"script {quoted(one.command)}",
            f"interval {one.interval}",
            f"timeout {one.timeout}",
            f"fall {one.fall}",
            f"rise {one.rise}",
            f"weight {one.weight}",
            f"user {one.user}",
            *(["init_fail"] if one.starts_failed else []),
        ],
    }
