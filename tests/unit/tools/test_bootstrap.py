"""tools/bootstrap with pretended system tools: what it installs, what it names, and what it repeats."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import tools

ROOT = Path(__file__).resolve().parents[3]

LISTS = ("tools/requirements.apt", "lab/requirements.apt")
# The packages and the command that each is known by, as the lists are to name them.
NEEDED = {"ssh": "openssh-client", "git": "git", "ip": "iproute2", "sysctl": "procps"}
NEEDED_BY_LAB = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "setpriv": "util-linux",
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "ssh-keygen": "openssh-client",
}
# What brings no command, and is known to Debian only.
NO_COMMAND = {"python3-venv"}
NO_COMMAND_BY_LAB = {"seabios", "debian-archive-keyring"}
BASE = NO_COMMAND | set(NEEDED.values())
ALL = BASE | set(NEEDED_BY_LAB.values()) | NO_COMMAND_BY_LAB

PYTHON = """#!/bin/sh
# A Python that can make environments: `-c` tells its version, `-m venv` makes one with a copy of itself.
[ "$1" = -c ] || echo "python $*" >>"$LOG"
case "$1 $2" in
    "-c "*) echo {version} ;;
    "-m venv") [ ! -e "$SLOW" ] || sleep 8
        mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; touch "$3/bin/pip"; chmod +x "$3/bin/pip" ;;
    "-m pip") [ ! -e "$FAIL_PIP" ] || [ "$3" = --version ] ;;
esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >>"$LOG"
case "$*" in *update*) touch "$LISTS_FRESH" ;; *install*) [ -e "$LISTS_FRESH" ] || exit 100 ;; esac
"""


class Machine:
    """A tree with the real bootstrap on a machine of pretended tools."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.bin, self.log = folder / "tree", folder / "bin", folder / "log"
        self.bin.mkdir()
        (self.tree / "tools").mkdir(parents=True)
        (self.tree / "lab").mkdir()
        script = (ROOT / "tools/bootstrap").read_text()
        # The script looks into the system's own folders too; here it must not.
        for outside in (":/usr/local/sbin:/usr/sbin:/sbin", "/usr/bin/python3."):
            assert outside in script
            script = script.replace(outside, "")
        self.tool_at(self.tree / "tools/bootstrap", script)
        for name in ("requirements.txt", "requirements-dev.txt"):
            (self.tree / name).write_text("one==1\n")
        for name in LISTS:
            shutil.copy(ROOT / name, self.tree / name)
        # Only these tools of the real machine are seen, so that nothing of it decides.
        for name in (
            "sh",
            "sed",
            "cut",
            "cat",
            "cksum",
            "tr",
            "ls",
            "rm",
            "mkdir",
            "cp",
            "touch",
            "chmod",
            "dirname",
            "grep",
            "sleep",
        ):
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        self.tool("python3.12", PYTHON.format(version="3.12.1"))
        self.user(0)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "LOG": str(self.log),
            "LISTS_FRESH": str(folder / "fresh"),
            "FAIL_PIP": str(folder / "fail-pip"),
            "SLOW": str(folder / "slow"),
        }

    def tool(self, name: str, text: str) -> None:
        """Put an executable on the machine."""
        self.tool_at(self.bin / name, text)

    @staticmethod
    def tool_at(path: Path, text: str) -> None:
        """Write an executable."""
        path.write_text(text)
        path.chmod(0o755)

    def user(self, uid: int) -> None:
        """Say who runs it."""
        self.tool("id", f"#!/bin/sh\necho {uid}\n")

    def packages(self, *installed: str) -> None:
        """Make it a Debian with these packages."""
        said = "".join(f"{name} installed\\n" for name in installed)
        self.tool("dpkg-query", f"#!/bin/sh\nprintf '{said}'\n")
        self.tool("apt-get", APT)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run bootstrap."""
        return subprocess.run(
            [str(self.tree / "tools/bootstrap"), *options],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        """Return what was called since the last time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_run_installs_and_the_second_does_nothing(machine: Machine) -> None:
    machine.packages(*BASE)
    first = machine.run()
    assert first.returncode == 0, first.stderr
    assert "with " + str(machine.bin / "python3.12") + " (3.12.1)" in first.stdout
    assert [line.split()[1:3] for line in machine.done()][:1] == [["-m", "venv"]]
    second = machine.run()
    assert (second.returncode, second.stdout, machine.done()) == (0, "", [])


def test_changed_requirements_are_installed_into_what_is_there(machine: Machine) -> None:
    machine.packages(*BASE)
    machine.run()
    machine.done()
    (machine.tree / "requirements.txt").write_text("one==2\n")
    assert machine.run().returncode == 0
    calls = machine.done()
    assert any(" -m pip install " in call for call in calls)
    assert not any(" -m venv " in call for call in calls)
    machine.run()
    assert machine.done() == []


def test_an_interrupted_install_is_begun_anew(machine: Machine, tmp_path: Path) -> None:
    machine.packages(*BASE)
    (tmp_path / "fail-pip").touch()
    broken = machine.run()
    assert broken.returncode == 1
    assert "pip could not install the requirements" in broken.stderr
    machine.done()
    (tmp_path / "fail-pip").unlink()
    assert machine.run().returncode == 0
    assert any(" -m venv " in call for call in machine.done())


def test_missing_packages_are_installed_and_the_lists_fetched_when_need_be(machine: Machine) -> None:
    machine.packages(*ALL - {"qemu-system-x86"})
    run = machine.run("--lab")
    calls = [call for call in machine.done() if call.startswith("apt-get")]
    assert any("update" in call for call in calls), run.stdout + run.stderr
    assert calls[-1].endswith(" qemu-system-x86")
    assert "installing Debian packages: qemu-system-x86" in run.stdout


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), NEEDED),
        (("--lab",), NEEDED | NEEDED_BY_LAB),
    ],
)
def test_without_root_each_missing_tool_is_named_with_its_package(
    machine: Machine, options: tuple[str, ...], named: dict[str, str]
) -> None:
    machine.user(1000)
    run = machine.run(*options)
    assert run.returncode == 1
    expected = [f"{command} (Debian package {package})" for command, package in named.items()]
    assert [line.strip() for line in run.stderr.splitlines()[1:]] == expected
    assert "install them, or run this as root on Debian" in run.stderr
    assert machine.done() == []


def test_without_root_on_debian_a_missing_package_without_a_command_is_named(machine: Machine) -> None:
    machine.user(1000)
    machine.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
    for command in NEEDED | NEEDED_BY_LAB:
        machine.tool(command, "#!/bin/sh\n")
    named = {line.strip() for line in machine.run("--lab").stderr.splitlines()[1:]}
    assert named == {f"Debian package {package}" for package in NO_COMMAND_BY_LAB}


def test_a_long_step_says_that_it_lasts_and_leaves_nothing_behind(machine: Machine, tmp_path: Path) -> None:
    machine.packages(*BASE)
    (tmp_path / "slow").touch()
    # A clock that is ten times as fast.
    (machine.bin / "sleep").unlink()
    machine.tool("sleep", f"#!/bin/sh\nexec {shutil.which('sleep')} 0.$1\n")
    run = machine.run()
    assert run.returncode == 0
    assert run.stdout.count("bootstrap: making .venv: 5 s\n") == 1


def test_without_root_nothing_is_needed_where_all_is_there(machine: Machine) -> None:
    machine.user(1000)
    for command in NEEDED:
        machine.tool(command, "#!/bin/sh\n")
    assert machine.run().returncode == 0


def test_without_a_usable_python_the_package_is_named(machine: Machine) -> None:
    machine.packages(*BASE)
    machine.tool("python3.12", "#!/bin/sh\nexit 1\n")
    run = machine.run()
    assert run.returncode == 1
    assert "install the Debian packages python3 and python3-venv" in run.stderr


def test_a_chosen_python_is_taken_or_refused(machine: Machine) -> None:
    machine.packages(*BASE)
    machine.environment["PYTHON"] = "/no/such/python"
    run = machine.run()
    assert run.returncode == 1
    assert "at PYTHON=/no/such/python" in run.stderr


def test_an_unknown_option_is_refused(machine: Machine) -> None:
    run = machine.run("--everything")
    assert (run.returncode, run.stderr) == (
        1,
        "bootstrap: unknown option --everything; usage: tools/bootstrap [--lab]\n",
    )


def test_the_newest_python_is_taken(machine: Machine) -> None:
    machine.packages(*BASE)
    for minor in (11, 14):
        machine.tool(f"python3.{minor}", PYTHON.format(version=f"3.{minor}.0"))
    assert "(3.14.0)" in machine.run().stdout


@pytest.mark.parametrize("name", LISTS)
def test_the_committed_lists_have_the_form_that_is_read(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]* +# [^ :]+: \S.*", line), f"{name}: {line}"


def test_the_lists_have_every_package_that_the_lab_asks_for() -> None:
    assert set(tools.PACKAGES.values()) <= ALL


def test_bootstrap_can_be_executed() -> None:
    assert os.access(ROOT / "tools" / "bootstrap", os.X_OK)
