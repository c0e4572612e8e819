"""The lab's directory, keys, ssh configuration, runner and command line."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import cli, host, ssh
from lab.errors import CommandError, LabError
from lab.home import Home, home_path, write_atomically
from lab.keys import Keys
from lab.lab import DEFAULT_INVENTORY, Lab
from lab.parallel import all_together, together
from lab.runner import LocalRunner


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LVS_LAB_HOME": "/x/lab", "XDG_CACHE_HOME": "/c"}, "/x/lab"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/lvs-lab"),
        ({}, f"{Path.home()}/.cache/lvs-lab"),
        ({"LVS_LAB_HOME": ""}, f"{Path.home()}/.cache/lvs-lab"),
    ],
)
def test_where_the_cache_is(environ: dict[str, str], expected: str) -> None:
    assert str(home_path(environ)) == expected


def test_an_unwritable_cache_is_an_error_with_a_remedy() -> None:
    with pytest.raises(LabError, match=r"cannot make the lab's directory .*Set LVS_LAB_HOME"):
        Home(Path("/proc/nowhere"))


def test_the_lock_lets_one_in(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with Home(tmp_path).lock():
            order.append("second")

    with Home(tmp_path).lock():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_files_change_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"one", 0o600)
    write_atomically(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(Home(tmp_path / "home"))


def test_keys_are_made_once(keys: Keys) -> None:
    assert keys.host("lb1") == keys.host("lb1")
    assert keys.host("lb1") != keys.host("lb2")
    assert keys.authorized.startswith("ssh-ed25519 ")
    assert keys.known_host("lb1", "lb1").startswith("lb1 ssh-ed25519 AAAA")


def test_ssh_takes_the_configuration(keys: Keys, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(ssh.render({"lb1": 22221, "web1": 22222}, keys.identity, tmp_path / "known hosts"))
    done = subprocess.run(
        ["ssh", "-G", "-F", str(config), "web1"], capture_output=True, text=True, check=True
    )
    options = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert options["hostname"] == "127.0.0.1"
    assert options["port"] == "22222"
    assert options["user"] == "root"
    assert options["hostkeyalias"] == "web1"
    assert options["stricthostkeychecking"] == "true"
    assert options["identitiesonly"] == "yes"
    assert options["controlmaster"] == "false"
    assert "known hosts" in options["userknownhostsfile"]


def test_an_empty_lab_has_an_empty_configuration(keys: Keys, tmp_path: Path) -> None:
    assert "Host" not in ssh.render({}, keys.identity, tmp_path)


def test_commands_on_this_machine() -> None:
    runner = LocalRunner()
    assert runner.run(["cat"], stdin=b"hello").stdout == "hello"
    assert runner.run(["false"], check=False).code == 1
    with pytest.raises(CommandError, match="sh -c 'echo no >&2; exit 3' failed with exit code 3: no"):
        runner.run(["sh", "-c", "echo no >&2; exit 3"])
    with pytest.raises(LabError, match="sleep 9 did not end within 0 s"):
        runner.run(["sleep", "9"], timeout=0.1)
    with pytest.raises(LabError, match="cannot run nonsense-tool"):
        runner.run(["nonsense-tool"])


def test_jobs_side_by_side() -> None:
    def fail() -> int:
        raise LabError("no")

    results = dict(together({"a": lambda: 1, "b": fail}))
    assert results["a"] == 1
    assert isinstance(results["b"], LabError)
    with pytest.raises(LabError, match="no"):
        all_together({"a": lambda: 1, "b": fail})
    assert all_together({}) == {}


def test_a_mistake_in_a_job_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        list(together({"a": lambda: 1 // 0}))


def test_the_host_is_chosen_by_the_environment(tmp_path: Path, keys: Keys) -> None:
    home = Home(tmp_path)
    assert isinstance(host.choose(home, keys, {"LVS_LAB_HOST": "guest"}), host.GuestHost)
    assert isinstance(host.choose(home, keys, {"LVS_LAB_HOST": "local"}), host.LocalHost)
    with pytest.raises(LabError, match=r"LVS_LAB_HOST=moon is unknown\. Known ones: local, guest"):
        host.choose(home, keys, {"LVS_LAB_HOST": "moon"})


def test_a_machine_that_cannot_serve_leaves_it_to_the_guest(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "local_problems", lambda: ["no podman"])
    assert isinstance(host.choose(Home(tmp_path), keys, {}), host.GuestHost)
    monkeypatch.setattr(host, "local_problems", list)
    assert isinstance(host.choose(Home(tmp_path), keys, {}), host.LocalHost)


@pytest.fixture
def process() -> Iterator[Callable[..., int]]:
    """Start a process that only looks like another by its command line; returns its id."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> int:
        command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", *words]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert started[-1].stdout is not None
        started[-1].stdout.readline()
        return started[-1].pid

    yield start
    for one in started:
        one.kill()
        one.wait()


def test_a_running_guest_decides_before_the_choice_is_made_anew(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, process: Callable[..., int]
) -> None:
    monkeypatch.setattr(host, "local_problems", list)  # podman has been installed since
    home = Home(tmp_path)
    process("-pidfile", str(home.dir("guest") / "pid"))
    assert isinstance(host.choose(home, keys, {}), host.GuestHost)
    found = host.choose(home, keys, {"LVS_LAB_HOST": "local"})
    assert isinstance(found, host.GuestHost)
    host.refuse_another(found, {"LVS_LAB_HOST": "guest"})
    host.refuse_another(found, {})
    problem = r"LVS_LAB_HOST=local, but the lab is up with the podman host guest\. Take it down first"
    with pytest.raises(LabError, match=problem):
        host.refuse_another(found, {"LVS_LAB_HOST": "local"})


def test_ports_or_nodes_on_this_machine_decide_too(
    tmp_path: Path, keys: Keys, process: Callable[..., int]
) -> None:
    home = Home(tmp_path)
    wish = {"LVS_LAB_HOST": "guest"}
    assert isinstance(host.choose(home, keys, wish, "local 20000"), host.LocalHost)  # their daemon has died
    assert isinstance(host.choose(home, keys, wish, "guest 4711"), host.GuestHost)
    pid = process("/a/clone/lab/files/portd.py")
    (home.dir("local") / "portd").write_text(f"{pid} 20000\n")
    assert isinstance(host.choose(home, keys, wish), host.LocalHost)


def test_the_lab_knows_where_its_nodes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVS_LAB_HOST", "guest")
    (tmp_path / "nodes.json").write_text('{"host": "local 20000", "nodes": {}}')
    assert isinstance(Lab(home=Home(tmp_path)).host, host.LocalHost)
    (tmp_path / "nodes.json").write_text("half a rec")
    assert isinstance(Lab(home=Home(tmp_path)).host, host.GuestHost)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [DEFAULT_INVENTORY]),
        (["-i", "a"], [Path("a")]),
        (["-i", "a", "--inventory=b"], [Path("a"), Path("b")]),
    ],
)
def test_up_takes_inventories_in_their_order(
    arguments: list[str], expected: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Path, ...]] = []
    monkeypatch.setenv("LVS_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(Lab, "up", lambda lab, **_: seen.append(lab.inventories))
    assert cli.main(["up", *arguments]) == 0
    assert seen == [tuple(expected)]


@pytest.fixture
def down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab that is down, in a directory of its own."""
    monkeypatch.setenv("LVS_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LVS_LAB_HOST", "guest")


@pytest.mark.usefixtures("down")
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["ssh", "lb1"], 1, "lab: the lab has no nodes. Bring it up: python -m lab up\n"),
        (["fault", "freeze", "lb1"], 1, "lab: the lab has no nodes. Bring it up: python -m lab up\n"),
        (["up", "-i", "/nowhere"], 1, "lab: there is no inventory /nowhere\n"),
    ],
)
def test_one_line_errors(
    arguments: list[str], code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == code
    assert capsys.readouterr().err == error


@pytest.mark.usefixtures("down")
def test_down_twice_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert cli.main(["nodes-down"]) == 0
    assert cli.main(["status"]) == 1
    output = capsys.readouterr()
    assert "the lab was down already" in output.err
    assert output.out == "podman host: kind guest, state down\n"
    assert cli.main(["status", "--json"]) == 1
    assert '"nodes": []' in capsys.readouterr().out


@pytest.mark.usefixtures("down")
def test_ctrl_c_is_a_line_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Lab, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lab, "up", interrupted)
    assert cli.main(["up"]) == 130
    assert "interrupted; the same command goes on from here" in capsys.readouterr().err


def test_an_unknown_verb_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["explode"])
    # Quoted or not: Python 3.13 prints the choices without quotes.
    said = capsys.readouterr().err.replace("'", "")
    assert "(choose from up, down, nodes-down, status, ssh, fault, images)" in said
