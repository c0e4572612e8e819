"""Turn the downloaded packages of a node's root file system into an APT repository on its own disk.

Runs once, inside the tree that is being built, as /var/cache/lvs-lab-apt/index.py. With it `apt-get update`
and `apt-get install` are real on a node without any network, and quick: the index is short.
"""

import hashlib
import pathlib
import subprocess
import time

REPOSITORY = pathlib.Path("/var/cache/lvs-lab-apt")
ARCHIVES = pathlib.Path("/var/cache/apt/archives")


def stanza(deb: pathlib.Path) -> str:
    """Return the package's entry of a Packages file: its control fields, and where and what the file is."""
    control = subprocess.run(["dpkg-deb", "--field", str(deb)], check=True, capture_output=True, text=True)
    content = deb.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control.stdout.strip()}\nFilename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n"


def main() -> None:
    """Move the packages, and write Packages and Release; nothing is signed, the source says Trusted: yes."""
    packages = []
    for deb in sorted(ARCHIVES.glob("*.deb")):
        # A colon of the version is %3a in the cache's names, and a URI would decode it.
        target = REPOSITORY / deb.name.replace("%3a", "-")
        deb.rename(target)
        packages.append(stanza(target))
    text = "\n".join(packages)
    (REPOSITORY / "Packages").write_text(text, encoding="utf-8")
    release = dict(
        line.split("=", 1)
        for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if "=" in line
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    (REPOSITORY / "Release").write_text(
        f"Origin: Debian\nLabel: lvs-lab\nCodename: {release['VERSION_CODENAME'].strip(chr(34))}\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S UTC', time.gmtime())}\n"
        f"SHA256:\n {digest} {len(text.encode())} Packages\n",
        encoding="utf-8",
    )


main()
