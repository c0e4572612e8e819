"""lvs_demotion: numbers in tracked files and their record, whatever comes in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from library import lvs_demotion as module
from module_utils.lvs_demotion import OUT, RECORD, DemotionError, Director, Request, demote

from .test_modules import arguments_of, comparable, run_module

WEB, MAIL = "/run/lvs-toolkit.demoted.VI_web", "/run/lvs-toolkit.demoted.VI_mail"
COVERS = {WEB: ["web"], MAIL: ["mail"]}
VIP = ("192.0.2.10", "eth0")
WHO: dict[str, Any] = {"reason": "new kernel", "operator": "ana"}


class Pretended:
    """A director in a folder, whose keepalived gives its VIPs up some looks after it was told to."""

    def __init__(self, root: Path, looks: int = 2) -> None:
        self.root, self.looks = root, looks
        self.owns = {VIP}
        self.seen: list[int | None] = []
        self.director = Director(self._addresses, str(root))

    def _addresses(self) -> set[tuple[str, str]]:
        self.seen.append(self.number(WEB))
        if self.number(WEB) == OUT:
            self.looks -= 1
            if self.looks <= 0:
                self.owns = set()
        return {("192.0.2.11", "eth0"), ("192.0.2.10", "lo")} | self.owns

    def number(self, file: str) -> int | None:
        """What keepalived reads in a tracked file."""
        return self.director.number(file)

    def record(self) -> dict[str, Any] | None:
        """What is recorded, or None."""
        file = self.root / RECORD.lstrip("/")
        found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return found


@pytest.fixture
def owner(tmp_path: Path) -> Pretended:
    return Pretended(tmp_path)


def leaving(value: int = -55, **other: Any) -> Request:  # noqa: ANN401
    given = {"covers": COVERS, "give_up": [VIP], "linger_s": 0.0, "patience_s": 0.3, **WHO, **other}
    return Request({WEB: value}, **given)


def test_an_owner_leaves_and_comes_back_behind_its_peer(owner: Pretended) -> None:
    outcome = demote(owner.director, leaving())

    assert outcome.changed
    assert outcome.gone_s is not None and outcome.gone_s < 1
    assert owner.seen[-1] == OUT, "it was out of the election until the VIP was gone"
    assert owner.number(WEB) == -55
    found = owner.record()
    assert found is not None and isinstance(found.pop("since"), int)
    assert found == {"places": {WEB: -55}, "instances": ["web"], **WHO}


def test_again_it_changes_nothing(owner: Pretended) -> None:
    demote(owner.director, leaving())
    file = owner.root / RECORD.lstrip("/")
    before = file.read_text(), file.stat().st_ino

    assert not demote(owner.director, leaving()).changed

    assert (file.read_text(), file.stat().st_ino) == before


def test_without_a_number_nothing_is_recorded(owner: Pretended) -> None:
    assert demote(owner.director, leaving(0)).gone_s is not None

    assert (owner.number(WEB), owner.record()) == (0, None)


def test_a_demotion_that_is_lifted_leaves_no_record(owner: Pretended) -> None:
    demote(owner.director, leaving())

    assert demote(owner.director, Request({WEB: 0})).changed

    assert (owner.number(WEB), owner.record()) == (0, None)


def test_of_several_only_what_is_asked_for_changes(owner: Pretended) -> None:
    demote(owner.director, leaving())
    demote(owner.director, Request({MAIL: -105}, COVERS, **WHO))

    found = owner.record()
    assert found is not None
    assert (found["places"], found["instances"]) == ({WEB: -55, MAIL: -105}, ["mail", "web"])

    demote(owner.director, Request({WEB: 0}, COVERS, reason="back", operator="eve"))

    found = owner.record()
    assert found is not None
    assert (found["places"], found["instances"]) == ({MAIL: -105}, ["mail"])
    assert (owner.number(WEB), owner.number(MAIL)) == (0, -105)


def test_what_is_for_the_moment_is_not_recorded(owner: Pretended) -> None:
    demote(owner.director, Request({WEB: -60}, COVERS, lasting=False))

    assert (owner.number(WEB), owner.record()) == (-60, None)


def test_vips_that_do_not_go_leave_everything_as_it_was(tmp_path: Path) -> None:
    stubborn = Pretended(tmp_path, looks=10_000)
    demote(stubborn.director, Request({WEB: -5}, COVERS, **WHO))
    before = stubborn.record()

    with pytest.raises(DemotionError, match=r"it still has 192\.0\.2\.10 after 0\.3 s"):
        demote(stubborn.director, leaving())

    assert (stubborn.number(WEB), stubborn.record()) == (-5, before)


def test_whatever_ends_it_in_the_middle_puts_everything_back(owner: Pretended) -> None:
    real = owner.director.addresses

    def interrupted() -> set[tuple[str, str]]:
        if owner.number(WEB) == OUT:
            raise KeyboardInterrupt
        return real()

    owner.director.addresses = interrupted
    with pytest.raises(KeyboardInterrupt):
        demote(owner.director, leaving())

    assert (owner.number(WEB), owner.record()) == (0, None)


def test_the_record_stands_before_the_number_takes_effect(owner: Pretended) -> None:
    """Killed in between, the next start of keepalived has the demotion that was ordered."""
    records: list[dict[str, Any] | None] = []
    real: Callable[[dict[str, int]], None] = owner.director.set

    def noted(places: dict[str, int]) -> None:
        records.append(owner.record())
        real(places)

    owner.director.set = noted  # type: ignore[method-assign]
    demote(owner.director, leaving())

    assert [record is not None for record in records] == [True, True]


def test_check_mode_changes_nothing(owner: Pretended) -> None:
    assert demote(owner.director, leaving(), check_mode=True).changed

    assert (owner.number(WEB), owner.record(), owner.owns) == (None, None, {VIP})


@pytest.mark.parametrize("text", ["", "no number\n", "[1]"])
def test_a_damaged_record_or_file_counts_as_none(owner: Pretended, text: str) -> None:
    for path in (WEB, RECORD):
        file = owner.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    demote(owner.director, leaving())

    assert owner.number(WEB) == -55
    found = owner.record()
    assert found is not None and found["places"] == {WEB: -55}


def test_the_record_has_a_file_and_its_number_on_a_line(owner: Pretended) -> None:
    """keepalived-demoted reads it with sed."""
    demote(owner.director, leaving())

    assert f'  "{WEB}": -55\n' in (owner.root / RECORD.lstrip("/")).read_text()


def test_documentation_matches_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    given = arguments_of(module, monkeypatch)

    assert comparable(documented, "suboptions") == comparable(given["argument_spec"], "options")
    assert given["supports_check_mode"] is True


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({WEB: 5}, f"places: {WEB}: 5 is not from -253 to 0"),
        ({WEB: "much"}, "give a whole number for each file"),
    ],
)
def test_bad_numbers_are_refused_by_the_module(places: dict[str, object], said: str) -> None:
    result = run_module("lvs_demotion", {"places": places})

    assert said in result["msg"]


_WAITING = """
import sys, time
import module_utils.lvs_demotion as utils
sys.modules["ansible.module_utils.lvs_demotion"] = utils
from library import lvs_demotion as module
def wait(director, request, check_mode):
    try:
        print("waiting", flush=True); time.sleep(20)
    finally:
        print("put back", flush=True)
module.demote = wait
sys.argv = ["lvs_demotion", '{"ANSIBLE_MODULE_ARGS": {"places": {"/run/x": 0}}}']
module.main()
"""


def test_a_terminal_that_goes_does_not_end_it_and_a_term_puts_back() -> None:
    """SIGHUP is what a pseudo terminal sends when the controller's connection ends."""
    code = f"import ansible.module_utils.basic as b\nb._ANSIBLE_PROFILE = 'legacy'\n{_WAITING}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        assert process.stdout.read() == "put back\n"
