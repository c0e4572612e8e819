"""What a power cut needs beyond what a kill needs: everything is synced before the next step relies on it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from module_utils.lvs_transaction import durable

from .host import NEW_FILES, STATE, Host

Event = tuple[str, str]


@pytest.fixture
def events(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Every operation and every fsync of one successful run, in order."""
    seen: list[Event] = []
    monkeypatch.setattr(durable, "step", lambda operation, path: seen.append((operation, path)))
    fsync = os.fsync

    def recording(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    monkeypatch.setattr(os, "fsync", recording)
    host.apply(files=NEW_FILES)
    return seen


def _rename_to(events: list[Event], suffix: str) -> int:
    (index,) = (i for i, (operation, path) in enumerate(events) if operation == "rename" and suffix in path)
    return index


def test_every_file_is_synced_before_the_next_rename(events: list[Event]) -> None:
    unsynced: set[str] = set()
    created = 0
    for operation, path in events:
        if operation == "create" and not path.endswith("/lock"):
            unsynced.add(path)
            created += 1
        elif operation == "fsync":
            unsynced.discard(path)
        elif operation == "rename":
            assert not unsynced
    assert created > 6


def test_the_journal_is_durable_before_anything_live_is_touched(host: Host, events: list[Event]) -> None:
    opened = _rename_to(events, "journal.open.json")
    live = [i for i, (_, path) in enumerate(events) if not path.startswith(str(host.path("/var")))]
    live = [i for i in live if events[i][0] != "fsync" and events[i][1] != str(host.root)]
    # What settles it at the next boot is there even before.
    live = [i for i in live if not (events[i][1] + "/").startswith(str(host.path("/etc/systemd/")))]
    generation = host.path(STATE) / "generations/000001"
    assert opened < events.index(("fsync", str(generation)), opened) < live[0]
    for folder in ("old/etc/keepalived", "old/etc/lvs", "new/etc/keepalived", "new/etc/new/deep"):
        assert events.index(("fsync", str(generation / folder))) < opened


def test_the_swap_is_durable_before_it_is_confirmed(host: Host, events: list[Event]) -> None:
    confirmed = _rename_to(events, "journal.confirmed.json")
    for path in ("/etc/keepalived", "/etc/modules-load.d", "/etc/new/deep", "/etc/lvs"):
        last_change = max(
            i
            for i, (operation, where) in enumerate(events[:confirmed])
            if operation in ("rename", "remove", "create") and Path(where).parent == host.path(path)
        )
        assert ("fsync", str(host.path(path))) in events[last_change:confirmed], path


def test_where_there_are_no_hard_links_a_copy_serves(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_names: str, follow_symlinks: bool) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    before = host.tree()
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Exception, match="rolled back to the files it had"):
        host.apply(files=NEW_FILES, health=[host.sh("h", 'grep -q old "$0/etc/keepalived/keepalived.conf"')])
    assert host.tree() == before


def test_nothing_is_written_through_a_link_that_lies_in_wait(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "target").symlink_to(victim)
    durable.write_file(str(tmp_path / "target"), b"new", 0o600, -1, -1)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "target").is_symlink()
