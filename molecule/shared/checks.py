"""What several scenarios verify alike: the day after, one failover, owners, and doors that stay closed.

A plugin of pytest's, and so fixtures instead of functions: the package `molecule` that pip installs hides
this folder from imports. molecule/conftest.py names it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from lab.clients import http_names
from lab.demo import INTERVAL_S
from lab.directors import Directors
from lab.errors import LabError
from lab.figures import MAX_EXECUTIONS, lost_at_most
from lab.playbook import PlaybookRun
from lab.promise import Promise
from lab.traffic import Traffic, recovered

# Requests that must be answered in a row before the service counts as back.
STEADY = 20

# Connects to all targets at once and tells what became of each within three seconds: two SYNs (RFC 6298).
KNOCK = """
import errno, json, os, select, socket, sys, time
poll, waiting, said = select.poll(), {}, []
for address, port in json.loads(sys.argv[1]):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setblocking(False)
    code = sock.connect_ex((address, port))
    if code in (0, errno.EINPROGRESS):
        waiting[sock.fileno()] = sock, address, port
        poll.register(sock, select.POLLOUT)
    else:
        said.append([address, port, os.strerror(code)])
deadline = time.monotonic() + 3
while waiting and time.monotonic() < deadline:
    for number, _ in poll.poll(100):
        sock, address, port = waiting.pop(number)
        poll.unregister(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        said.append([address, port, os.strerror(code) if code else "open"])
said += [[address, port, "silent"] for _, address, port in waiting.values()]
print(json.dumps(said))
"""


@pytest.fixture(scope="session")
def idle_run(playbook: Callable[..., PlaybookRun], promise: Promise) -> Callable[..., None]:
    """Run site.yml once more: nothing is to do, and to find that out costs two executions a host at most.

    What it runs proves the data path, too: a run of `proven` behind it would say the same again.
    """

    def run_again(*arguments: str) -> None:
        run = playbook("site.yml", *arguments)
        assert run.returncode == 0, "site.yml ends well on a cluster that is as planned"
        changed = {name: host.tasks_changed for name, host in run.recap.items() if host.changed}
        assert changed == {}, "nothing is changed on a cluster that is as planned"
        costs = dict(run.remote_executions)
        assert {*promise.directors, *promise.shares, promise.client} <= costs.keys(), "all are looked at"
        dear = {name: count for name, count in costs.items() if count > MAX_EXECUTIONS}
        assert dear == {}, f"a host costs more than {MAX_EXECUTIONS} remote executions"

    return run_again


@pytest.fixture(scope="session")
def proven(playbook: Callable[..., PlaybookRun]) -> Callable[[], None]:
    """Run playbooks/verify.yml: every finding is good, and nothing is changed."""

    def verify() -> None:
        run = playbook("playbooks/verify.yml")
        assert run.returncode == 0, "verify proves every promise"
        assert run.changed == 0, "verify changes nothing"

    return verify


@pytest.fixture(scope="session")
def owners(lab: Lab, promise: Promise) -> Callable[..., list[str]]:
    """Tell which directors have a VIP now, any of the cluster's; who does not answer has not."""

    def ask(vip: str, *, without: str | None = None) -> list[str]:
        found = []
        for director in (name for name in promise.directors if name != without):
            try:
                listed = lab.run(director, ["ip", "-o", "address", "show", "to", vip], timeout=20).stdout
            except LabError:
                continue
            if listed.strip():
                found.append(director)
        return found

    return ask


@pytest.fixture(scope="session")
def knock(lab: Lab, promise: Promise) -> Callable[[Sequence[tuple[str, int]]], dict[tuple[str, int], str]]:
    """Connect from the client to addresses and ports: "open", "silent" (no answer), or the error's text."""

    def ask(targets: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        said = lab.run(promise.client, ["python3", "-c", KNOCK, json.dumps(targets)], check=True).stdout
        return {(address, port): what for address, port, what in json.loads(said)}

    return ask


@pytest.fixture(scope="session")
def resources_s() -> float:
    """Seconds of a takeover that its theory does not have."""
    return 0.0


@pytest.fixture(scope="session")
def switch_loss(resources_s: float) -> Callable[[float], int]:
    """How many requests a switch may lose that takes so many seconds in theory."""
    return lambda theory_s: lost_at_most(theory_s + resources_s, INTERVAL_S)


@pytest.fixture
def power_loss(  # noqa: PLR0913, PLR0917 - fixtures
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
    resources_s: float,
    switch_loss: Callable[[float], int],
) -> Callable[[], AbstractContextManager[str]]:
    """Take the power from the director that owns the promised service's VIP, under requests.

    At the beginning of the with block, which gets its name, the service is back on exactly one other; at the
    end the lost one is back, and each director's table complete.
    """

    @contextmanager
    def lose() -> Iterator[str]:
        lost = directors.active()
        theory = promise.takeover_s(lost)
        client = traffic()
        lab.faults.power_off(lost)
        try:
            back = client.wait(lambda rows: recovered(rows, STEADY), timeout_s=60 + 3 * resources_s)
            ledger = client.stop()
            report(f"power loss of {lost}, the active director", ledger, theory)
            assert back, "an outage came, and answers came steadily again in time"
            assert len(directors.owners(without=lost)) == 1, "exactly one other director owns the VIP"
            allowed = switch_loss(theory[1])
            if share := promise.shares.get(lost, 0):
                # It was a real server too: its part of the requests is lost until the checks have seen it.
                allowed += ceil(share * lost_at_most(promise.detection_s, INTERVAL_S)) + 1
            assert ledger.summary["failed"] <= allowed, "no more requests are lost than theory allows"
            yield lost
        finally:
            lab.faults.power_on(lost)
        # What it had as a real server has to come back in the other's table, too.
        for name in promise.directors:
            until(
                f"{name}'s table is complete", lambda name=name: directors.lacking(name) == "", timeout_s=90
            )

    return lose


@pytest.fixture
def real_server_loss(
    lab: Lab,
    directors: Directors,
    promise: Promise,
    traffic: Callable[[], Traffic],
    report: Callable[..., None],
    until: Callable[..., None],
) -> Callable[[str], AbstractContextManager[Traffic]]:
    """Take the power from a real server, under requests, and give it back.

    In the with block, which gets the client, no director sends it anything; at its end it has its part again,
    and no request has failed that began when it was out.
    """

    @contextmanager
    def lose(name: str) -> Iterator[Traffic]:
        # Only who has a table can take it out.
        tables = [directors.active()] if promise.owner_only else list(promise.directors)
        out: dict[str, float | None] = {}

        def is_out(director: str) -> bool:
            out[director] = directors.taken_out(director, promise.addresses[name])
            return out[director] is not None

        client = traffic()
        lab.faults.power_off(name)
        try:
            for one in tables:
                until(f"{one} takes {name} out", lambda one=one: is_out(one), timeout_s=60)
            # Requests under way at that moment may have gone to it; from here on nothing does. What the
            # client has told until now would not say which these are: on a busy lab that comes a second late.
            gone = max(moment for moment in out.values() if moment is not None)
            yield client
        finally:
            lab.faults.power_on(name)
        for one in tables:
            until(f"{one} puts {name} back", lambda one=one: not is_out(one), timeout_s=120)
        until(
            f"{name} answers again",
            lambda: any(row["server"] == name for row in client.rows()[-30:]),
            timeout_s=30,
        )
        ledger = client.stop()
        report("a real server lost and back", ledger, [promise.detection_s])
        begin = ledger.header["epoch"]
        late = [row for row in ledger.rows if begin + row["started"] > gone and not row["ok"]]
        assert late == [], "no request failed after it was taken out, nor when it came back"
        allowed = ceil(promise.shares[name] * lost_at_most(promise.detection_s, INTERVAL_S)) + 1
        assert ledger.summary["failed"] <= allowed, "no more requests are lost than until it is noticed"

    return lose


@pytest.fixture
def otherwise(tmp_path: Path) -> Callable[..., list[str]]:
    """Arguments of ansible-playbook for the document after a change, and for hosts with other variables."""
    inventory = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"

    def arguments(
        change: Callable[[dict[str, Any]], object] = lambda _: None, **hosts: dict[str, Any]
    ) -> list[str]:
        document = deepcopy(yaml.safe_load((inventory / "group_vars" / "edge.yml").read_text()))
        change(document["lvs_cluster"])
        place = tmp_path / "otherwise"
        (place / "group_vars").mkdir(parents=True, exist_ok=True)  # of one test the last one holds
        (place / "group_vars" / "edge.yml").write_text(yaml.safe_dump(document))
        (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts or {"client1": {}}}}))
        return ["-i", str(place)]

    return arguments


@pytest.fixture(scope="session")
def serve(lab: Lab, promise: Promise) -> Callable[..., Callable[[], bool]]:
    """Whether exactly these real servers answer, each its equal part; nobody else may ask meanwhile."""

    def asked(*names: str, rounds: int = 1) -> Callable[[], bool]:
        def answer() -> bool:
            count = rounds * len(names)
            try:
                # A request to a dead server must not use up the time of whoever waits.
                limit_s = 10 + count / 2
                found = http_names(lab, promise.client, promise.vip, 80, count, timeout_s=limit_s)
            except LabError:  # a request of them failed
                return False
            return found == dict.fromkeys(names, rounds)

        return answer

    return asked


@pytest.fixture(scope="session")
def serve_during() -> Callable[..., Callable[[], bool]]:
    """The same by a client's requests that are going on: for who else asks takes turns of the scheduler's."""

    def asked(client: Traffic, *names: str, rounds: int = 8) -> Callable[[], bool]:
        def answer() -> bool:
            last = client.rows()[-rounds * len(names) :]
            found = Counter(row["server"] for row in last)
            # Rows come as answers do: one that is late can be beyond either end, and none may have failed.
            return (
                all(row["ok"] for row in last)
                and found.keys() == {*names}
                and all(abs(count - rounds) <= 1 for count in found.values())
            )

        return answer

    return asked
