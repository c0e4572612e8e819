"""The mirror is found in whatever form a machine's APT sources have."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.sources import apt_options, choose, parse_deb822, parse_one_line, read_entries

DEB822 = """\
Types: deb
# a comment between fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib
Signed-By:
 /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://vendor.example/node_20.x
Suites: nodistro
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian/ trixie main contrib # why
deb-src http://mirror.example/debian trixie main
deb http://security.example/debian-security trixie-security main
deb cdrom:[Debian]/ trixie main
deb https://vendor.example/apt vendor-trixie main
deb http://vendor.example/docker trixie stable
"""


def test_deb822() -> None:
    entries = parse_deb822(DEB822)
    assert [entry.uri for entry in entries if entry.debian] == [
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    ]
    mirror = choose(entries, {})
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    assert mirror.lines("trixie") == [
        f"deb {key}http://mirror.example/debian trixie main",
        f"deb {key}http://mirror.example/debian trixie-updates main",
        f"deb {key}http://mirror.example/debian-security trixie-security main",
    ]


def test_one_line() -> None:
    mirror = choose(parse_one_line(ONE_LINE), {})
    assert mirror.lines("bookworm") == [
        "deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian bookworm main",
        "deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian bookworm-updates main",
        "deb http://security.example/debian-security bookworm-security main",
    ]


def test_debians_own_key_beats_a_vendor_that_looks_like_the_archive() -> None:
    text = "deb http://vendor.example/vpn bookworm main\n" + ONE_LINE.replace(
        "x.gpg", "debian-archive-keyring.gpg"
    )
    assert choose(parse_one_line(text), {}).archive.uri == "http://mirror.example/debian"


def test_a_key_within_the_source_is_not_handed_on() -> None:
    text = (
        "Types: deb\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n -----B\n"
    )
    assert choose(parse_deb822(text), {}).lines("trixie")[0] == "deb http://m.example/debian trixie main"


def test_a_trusted_mirror_stays_trusted() -> None:
    lines = choose(parse_one_line("deb [trusted=yes] http://m.example/debian trixie main"), {}).lines(
        "trixie"
    )
    assert lines == [
        "deb [trusted=yes] http://m.example/debian trixie main",
        "deb [trusted=yes] http://m.example/debian trixie-updates main",
    ]


def test_the_environment_overrides_the_system() -> None:
    mirror = choose([], {"LVS_LAB_MIRROR": "http://other.example/debian/"})
    assert mirror.lines("trixie")[0] == "deb http://other.example/debian trixie main"


def test_no_archive_is_an_error_with_a_remedy() -> None:
    with pytest.raises(LabError, match=r"no Debian archive .*\. Add one, or set LVS_LAB_MIRROR"):
        choose(parse_one_line("deb http://vendor.example/apt stable main"[:10]), {})


def test_all_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://a.example/debian trixie main\n")
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "c.list").write_text("deb http://c.example/debian trixie main\n")
    (tmp_path / "sources.list.d" / "d.save").write_text("deb http://d.example/debian trixie main\n")
    hosts = {entry.uri.split("/")[2] for entry in read_entries(tmp_path)}
    assert hosts == {"a.example", "mirror.example", "vendor.example", "c.example"}


def test_the_proxy_is_passed_on_and_nothing_else() -> None:
    dump = """\
APT::Install-Recommends "1";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Changelogs::URI "";
Acquire::http::Proxy "";
DPkg::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb || true";
"""
    assert [line.split()[0] for line in apt_options(dump)] == [
        "Acquire::http::Proxy",
        "Acquire::http::Proxy::mirror.example",
        "Acquire::http::Proxy-Auto-Detect",
        "Acquire::https::CaInfo",
        "Acquire::Check-Valid-Until",
    ]
