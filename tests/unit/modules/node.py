"""A root file system of the test's own, with commands that a table answers."""

from __future__ import annotations

from pathlib import Path

from module_utils.lvs_host import Host


class Node:
    """A root file system and the answers of its commands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[list[str]] = []
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.host = Host(self._run, str(root))

    def _run(self, argv: list[str]) -> tuple[int, str, str]:
        self.calls.append(argv)
        return self.answers[argv[0]] if argv[0] in self.answers else self.answers[" ".join(argv)]

    def file(self, path: str, text: str) -> Path:
        """Write a file and the folders above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def command(self, name: str, code: int = 0, out: str = "", err: str = "") -> None:
        """Install a command; the name may carry arguments, to answer those only."""
        self.file(f"usr/sbin/{name.split(maxsplit=1)[0]}", "").chmod(0o755)
        self.answers[name] = (code, out, err)
