"""The kept generations: what each was, and a request that makes the host what it was at one of them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any

from .journal import COMMITTED, Generation, Journal, Store
from .model import Command, Layout, ManagedFile, Request, TransactionError

_CONFIGURATION = "/etc/keepalived/keepalived.conf"
# What directors must agree on, as keepalived.conf(5) has it: with another of these, two that do not change
# together would each own the VIPs.
_AGREED = {
    *("vrrp_version", "version", "virtual_router_id", "interface", "auth_type", "auth_pass", "advert_int"),
    *("vrrp_mcast_group4", "vrrp_mcast_group6", "mcast_dst_ip", "native_ipv6", "unicast_peer"),
}


def listing(layout: Layout) -> list[dict[str, Any]]:
    """Return what each kept generation in effect was, oldest first; the last one is what holds now.

    ``generation`` is its name, ``started`` its time in UTC, ``stamp`` what it was applied with, ``changed``
    the paths that it changed, ``paths`` those of its files that shall be there, ``digest`` one of the
    whole set, ``election`` one of what directors must agree on, None without VRRP. Raises
    TransactionError where a journal is damaged.
    """
    return [
        {
            "generation": generation.name,
            "started": journal.started,
            "stamp": dict(journal.stamp),
            "changed": [change.path for change in journal.changes],
            "paths": [file["path"] for file in journal.files if file["state"] == "present"],
            "digest": _digest(generation, journal),
            "election": _election(generation, journal),
        }
        for generation, journal in _committed(layout)
    ]


def as_it_was(request: Request) -> Request:
    """Return a request for the files of the generation ``request.restore``; files that came later are to go.

    Actions run as the request says, and those of the later generations that it does not know; validators that
    need a file which was not there then are left out. Raises TransactionError if the generation is not kept.
    """
    kept = _committed(request.layout)
    place = next((n for n, (one, _) in enumerate(kept) if one.name == request.restore), None)
    if place is None:
        names = ", ".join(one.name for one, _ in kept) or "none"
        raise TransactionError(
            f"generation {request.restore} is not kept on this host (kept are: {names}). "
            "Nothing was touched. Choose one of these"
        )
    generation, journal = kept[place]
    files = {file["path"]: _file(generation, file) for file in journal.files}
    for _, later in kept[place + 1 :]:
        for file in later.files:
            files.setdefault(file["path"], _gone(file))
    return dataclasses.replace(
        request,
        files=tuple(files.values()),
        validate=tuple(
            one
            for one in request.validate
            if all(path in files and files[path].present for path in one.paths)
        ),
        actions=tuple(_known(request.actions, [one for _, one in kept[place:]], files)),
    )


def _committed(layout: Layout) -> list[tuple[Generation, Journal]]:
    return [(one, one.journal()) for one in Store(layout).generations() if one.state == COMMITTED]


def _known(
    actions: Iterable[Command], journals: Iterable[Journal], files: dict[str, ManagedFile]
) -> Iterable[Command]:
    """Actions with only such paths as are files of the set; those of journals behind those of the request."""
    own = {one.name: one for one in actions}
    for journal in journals:
        for one in journal.actions:
            # A drift that was healed then is none now.
            own.setdefault(one.name, dataclasses.replace(one, force=False))
    for one in own.values():
        yield dataclasses.replace(one, paths=tuple(path for path in one.paths if path in files))


def _file(generation: Generation, told: Any) -> ManagedFile:  # noqa: ANN401 - as the journal has it
    if told["state"] != "present":
        return _gone(told)
    try:
        with open(generation.new(told["path"]), "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise TransactionError(
            f"generation {generation.name} cannot be restored: its copy of {told['path']} cannot be read "
            f"({error}). Nothing was touched. Choose another generation, or deploy"
        ) from error
    return ManagedFile(
        path=told["path"],
        content=content,
        mode=int(told["mode"], 8),
        owner=told["owner"],
        group=told["group"],
        secret=told["secret"],
        present=True,
    )


def _gone(told: Any) -> ManagedFile:  # noqa: ANN401 - as the journal has it
    return ManagedFile(told["path"], b"", 0o644, told["owner"], told["group"], told["secret"], present=False)


def _digest(generation: Generation, journal: Journal) -> str:
    """Return what only generations with the same files have in common; a missing copy is like no other."""
    found = hashlib.sha256()
    present = [one for one in journal.files if one["state"] == "present"]
    for file in sorted(present, key=lambda one: one["path"]):
        found.update(repr([file[key] for key in ("path", "mode", "owner", "group")]).encode())
        try:
            with open(generation.new(file["path"]), "rb") as stream:
                found.update(hashlib.sha256(stream.read()).digest())
        except OSError:
            found.update(generation.name.encode())
    return found.hexdigest()[:12]


def _election(generation: Generation, journal: Journal) -> str | None:
    if not any(file["path"] == _CONFIGURATION and file["state"] == "present" for file in journal.files):
        return None
    try:
        with open(generation.new(_CONFIGURATION), encoding="utf-8", errors="surrogateescape") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return None
    agreed = sorted(" ".join(words) for words in lines if words and words[0] in _AGREED)
    return hashlib.sha256("\n".join(agreed).encode("utf-8", "surrogateescape")).hexdigest()[:12]
