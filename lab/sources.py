"""Find the Debian mirror that this machine uses, in both formats of APT's source lists.

Formats: sources.list(5). Only the Debian archive itself counts; third parties' repositories are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

_SUITE = re.compile(
    r"^(?P<code>stable|testing|unstable|oldstable|sid|bullseye|bookworm|trixie|forky|duke)"
    r"(?P<pocket>-updates|-security|-backports|-proposed-updates|/updates)?$"
)
_SCHEMES = ("http://", "https://", "file:", "copy:")


@dataclass(frozen=True)
class Entry:
    """One `deb` source: a URI with its suites, components and options."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    trusted: bool = False

    @property
    def debian(self) -> bool:
        """Whether suites and components are those of the Debian archive."""
        return (
            self.uri.startswith(_SCHEMES)
            and "main" in self.components
            and bool(self.suites)
            and all(_SUITE.match(suite) for suite in self.suites)
        )

    @property
    def security(self) -> bool:
        """Whether it is the security archive, which lies apart from the main one."""
        return any(suite.endswith(("-security", "/updates")) for suite in self.suites)


@dataclass(frozen=True)
class Mirror:
    """The archive to build images from, and the security archive where the machine has one."""

    archive: Entry
    security: Entry | None

    def lines(self, suite: str) -> list[str]:
        """Return the source lines for `suite`, such as `trixie`: release, updates and security."""
        lines = [_line(self.archive, suite), _line(self.archive, f"{suite}-updates")]
        if self.security:
            lines.append(_line(self.security, f"{suite}-security"))
        return lines


def _line(entry: Entry, suite: str) -> str:
    options = []
    # An embedded key or a fingerprint (both allowed by sources.list(5)) has no file to hand on.
    if entry.signed_by.startswith("/"):
        options.append(f"signed-by={entry.signed_by}")
    if entry.trusted:
        options.append("trusted=yes")
    bracket = f"[{' '.join(options)}] " if options else ""
    return f"deb {bracket}{entry.uri} {suite} main"


def parse_one_line(text: str) -> list[Entry]:
    """Parse the one-line format, `deb [options] uri suite components…`."""
    entries = []
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        match = re.match(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>\S.*)$", line)
        if not match:
            continue
        words = match["rest"].split()
        options = {
            name.lower(): value
            for name, equals, value in (word.partition("=") for word in (match["options"] or "").split())
            if equals
        }
        if len(words) >= 3:
            entries.append(
                Entry(
                    words[0].rstrip("/"),
                    (words[1],),
                    tuple(words[2:]),
                    options.get("signed-by", ""),
                    options.get("trusted") == "yes",
                )
            )
    return entries


def parse_deb822(text: str) -> list[Entry]:
    """Parse the deb822 format of `*.sources` files: stanzas of `Field: value`."""
    entries: list[Entry] = []
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        entries.extend(
            Entry(
                uri.rstrip("/"),
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                fields.get("signed-by", "").strip(),
                fields.get("trusted", "").lower() == "yes",
            )
            for uri in fields.get("uris", "").split()
        )
    return entries


def read_entries(apt: Path = Path("/etc/apt")) -> list[Entry]:
    """Read every source of the system below `apt`."""
    entries: list[Entry] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            entries.extend(parse_deb822(text))
        elif path.suffix == ".list":
            entries.extend(parse_one_line(text))
    return entries


def _likeness(entry: Entry) -> tuple[bool, bool]:
    """Order candidates: Debian's own keyring first, then a path that ends as the archive's does."""
    return "debian-archive" in entry.signed_by, "/debian" in entry.uri


def choose(entries: Iterable[Entry], environ: Mapping[str, str]) -> Mirror:
    """Pick the Debian archive among the system's sources; `LVS_LAB_MIRROR` overrides it.

    Raises:
        LabError: when no source is the Debian archive.

    """
    if environ.get("LVS_LAB_MIRROR"):
        return Mirror(Entry(environ["LVS_LAB_MIRROR"].rstrip("/"), (), ("main",)), None)
    candidates = [entry for entry in entries if entry.debian]
    archives = sorted((e for e in candidates if not e.security), key=_likeness, reverse=True)
    securities = sorted((e for e in candidates if e.security), key=_likeness, reverse=True)
    if not archives:
        raise LabError(
            "no Debian archive among this machine's APT sources (/etc/apt/sources.list and sources.list.d)",
            "Add one, or set LVS_LAB_MIRROR to the URL of a mirror.",
        )
    return Mirror(archives[0], securities[0] if securities else None)


_PASSED_ON = re.compile(
    r"^(Acquire::(?:[A-Za-z]+::)*(?:Proxy|Proxy-Auto-Detect|ProxyAutoDetect)(?:::[^ ]+)?"
    r"|Acquire::(?:Check-Valid-Until|Check-Date|Retries|ForceIPv4|ForceIPv6)"
    r"|Acquire::https?::(?:CaInfo|CaPath|SslCert|SslKey|Verify-Peer|Verify-Host|Timeout)(?:::[^ ]+)?"
    r') "(?P<value>.*)";$',
    re.IGNORECASE,
)


def apt_options(dump: str) -> list[str]:
    """Select from `apt-config dump` what reaching a mirror needs: proxies, certificates, validity checks."""
    return [line for line in dump.splitlines() if (match := _PASSED_ON.match(line)) and match["value"]]
