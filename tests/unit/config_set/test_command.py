"""Commands: their bounds, their environment, and the secrets that they do not tell."""

from __future__ import annotations

import time

import pytest

from module_utils.lvs_transaction.command import Outcome, Redactor, run
from module_utils.lvs_transaction.model import Command


def _run(script: str, redact: Redactor | None = None, timeout: float = 10.0, stage: str = "") -> Outcome:
    command = Command("c", ("sh", "-c", script), timeout=timeout)
    return run(command, redact or Redactor(), stage)


@pytest.mark.parametrize(
    ("script", "rc", "problem", "output"),
    [
        ("echo out; echo err >&2", 0, "", "out\nerr"),
        ("exit 4", 4, "exit code 4", ""),
        ("kill -TERM $$", -15, "killed by signal 15", ""),
        ("cat", 0, "", ""),  # stdin is closed: it does not wait
        (
            "echo $LC_ALL $HOME $PATH",
            0,
            "",
            "C /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("printf '\\377x'", 0, "", "\ufffdx"),
        ("pwd", 0, "", "/"),
        ("exec no-such-program 2>/dev/null", 127, "exit code 127", ""),
    ],
)
def test_outcomes(script: str, rc: int, problem: str, output: str) -> None:
    outcome = _run(script)
    assert (outcome.rc, outcome.problem, outcome.output) == (rc, problem, output)
    assert outcome.missing == (rc == 127)


def test_the_time_limit_kills_the_whole_session() -> None:
    started = time.monotonic()
    outcome = _run("echo begun; sleep 30 & wait; echo never", timeout=0.3)
    assert time.monotonic() - started < 5
    assert (outcome.rc, outcome.output) == (None, "begun")
    assert outcome.problem == "did not end within 0.3 s and was killed"


def test_a_daemon_left_behind_is_not_waited_for() -> None:
    started = time.monotonic()
    assert _run("sleep 8 & echo ready").output == "ready"
    assert time.monotonic() - started < 4


def test_long_output_keeps_its_head_and_its_tail() -> None:
    output = _run("echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last").output
    assert output.startswith("first\n")
    assert output.endswith("\nlast")
    assert "characters left out" in output
    assert len(output) < 5000


def test_the_staging_directory_is_cut_out() -> None:
    assert _run("echo {stage}/etc/a.conf:3", stage="/var/lib/x/000001/new").output == "/etc/a.conf:3"


def test_not_executable(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = tmp_path_factory.mktemp("bin") / "broken"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    outcome = run(Command("c", (str(program),)), Redactor())
    assert outcome.problem == f"'{program}' could not be started: No such file or directory"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/etc/ha.d/authkeys: line 2: bad 'hunter2hunter'", "/etc/ha.d/authkeys: line 2: bad '[secret]'"),
        ("truncated to hunter2h", "truncated to [secret]"),  # part of a secret word
        ("key=hunter2hunter;", "key=[secret];"),
        ("prefix-hunter2hunter-suffix", "[secret]"),  # a secret word inside
        ("line 1 of 2", "line 1 of 2"),  # short words tell nothing
        ("(hun)", "([secret])"),
    ],
)
def test_words_of_secret_files_are_blanked(text: str, shown: str) -> None:
    redact = Redactor(["/etc/ha.d/authkeys"])
    redact.add(b"auth 1\n1 sha1 hunter2hunter # /etc/ha.d/authkeys\n")
    assert redact(text) == shown
    assert _run(f'echo "{text}"', redact).output == shown
