"""lvs-ldirectord: behind a stop is no process and no table, and behind a start nothing of a dead one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvs_model.components.role_switch import LDIRECTORD, lvs_ldirectord

from .namespace import Bottle, unusable

pytestmark = pytest.mark.skipif(unusable() is not None, reason=str(unusable()))

RUN = f"{LDIRECTORD} ldirectord.cf"
# As far as its ending goes (ld_init, ld_main, ld_stop, run_child): a signal is heard between two checks, long
# ones where there is a file `busy`; checkers have names of their own and fill the table. Without PERLIO it
# runs itself a second time.
PROGRAM = r"""#!/usr/bin/perl
use POSIX;
my ($file, $verb) = @ARGV;
my $pid = "/run/ldirectord.ldirectord.cf.pid";
sub touch { open(my $to, ">>", $_[0]); print $to $_[1] // ""; }
touch("asked", "$verb\n");
unless (defined $ENV{PERLIO}) { $ENV{PERLIO} = "perlio"; exec($0, @ARGV) }
exit 3 if $verb ne "start";
exit 0 if fork;
setsid();
open(STDIN, "<", "/dev/null"); open(STDOUT, ">", "/dev/null"); open(STDERR, ">", "/dev/null");
my $end = 0;
$SIG{TERM} = sub { $end = 1 };
my @checkers;
for my $port (80, 443) {
    my $one = fork;
    push(@checkers, $one), next if $one;
    $SIG{TERM} = "DEFAULT";
    $0 = "ldirectord tcp:192.0.2.10:$port checking 192.0.2.21";
    while (1) { touch("table", "$port\n"); select(undef, undef, undef, 0.05) }
}
open(my $to, ">", $pid); print $to "$$\n"; close($to);
while (1) {
    my $left = -e "busy" ? 30 : 0.05;
    $left -= select(undef, undef, undef, 0.05) || 0.05 while $left > 0;
    next if !$end;
    kill 15, @checkers;
    select(undef, undef, undef, 0.2);
    unlink("table", $pid);
    exit 0;
}
"""
PROCESSES = "ps -eo args= | grep -E '^[l]directord|[/]ldirectord ' || :"
STARTED = f"{RUN} start; until [ -s table ]; do sleep 0.05; done"
PARENT = "kill -9 $(cat /run/ldirectord.ldirectord.cf.pid)"


@pytest.fixture
def bottle(tmp_path: Path) -> Bottle:
    """A director with a pretended ldirectord, whose table is a file."""
    file = lvs_ldirectord()
    assert (file.path, file.mode) == (LDIRECTORD, "0755")
    bottle = Bottle(tmp_path, [file.as_argument()])
    program = bottle.work / "bin" / "ldirectord"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    bottle.shadow("ipvsadm", '[ "$*" = --clear ] && rm -f table')
    bottle.shadow("logger", 'echo "$*" >> log')
    return bottle


def test_it_runs_once_and_says_so(bottle: Bottle) -> None:
    told = bottle.told(
        f"""{RUN} status || echo "exit code $?"
        {STARTED}; {RUN} start; {RUN} status
        {LDIRECTORD} /etc/ha.d/ldirectord.cf status
        ps -eo args= | grep -c '^ldirectord tcp:'
        {RUN} stop; {RUN} stop; {RUN} status || echo "exit code $?"
        """
    )

    stopped, runs = ["ldirectord is stopped", "exit code 3"], "ldirectord is running"
    assert told.splitlines() == [*stopped, runs, runs, "2", *stopped]
    assert (bottle.work / "asked").read_text() == "start\n"


@pytest.mark.parametrize("busy", [False, True], ids=["between checks", "in a check that hangs"])
def test_a_stop_returns_when_nothing_is_left(bottle: Bottle, busy: bool) -> None:
    """Else a start meanwhile believes that it runs, and the table goes under the one that came back."""
    if busy:
        (bottle.work / "busy").touch()

    told = bottle.told(
        f"""{STARTED}
        {RUN} stop; {PROCESSES}; ls table /run/ldirectord.* 2> /dev/null || echo nothing left
        rm -f busy; {STARTED}; sleep 1; {RUN} status; [ -s table ] && echo a table
        {RUN} stop"""
    )

    assert told.splitlines() == ["nothing left", "ldirectord is running", "a table"]
    assert not (bottle.work / "log").exists()


def test_the_table_is_filled_between_the_leftovers_and_the_start(bottle: Bottle) -> None:
    program = "#!/bin/sh\n[ ! -e table ] || echo not empty >> order\n[ ! -e asked ] || echo late >> order\n"
    program += 'echo "$*" >> order\n'
    bottle.write("/usr/local/lib/lvs-toolkit/ldirectord-table", program, 0o755)

    bottle.told(f"echo of the dead > table; {RUN} start; {RUN} stop")

    assert (bottle.work / "order").read_text() == "load\n"


def test_checkers_whose_parent_has_died_end_with_the_stop(bottle: Bottle) -> None:
    told = bottle.told(
        f"""{STARTED}; {PARENT}; sleep 0.1
        ps -eo args= | grep -c '^ldirectord tcp:'; {RUN} status || echo "exit code $?"
        {RUN} stop; {PROCESSES}; [ -e table ] || echo no table"""
    )

    assert told.splitlines() == ["2", "ldirectord is stopped", "exit code 3", "no table"]


def test_a_start_after_a_crash_has_one_set_of_checkers(bottle: Bottle) -> None:
    told = bottle.told(
        f"""{STARTED}; {PARENT}; sleep 0.1; echo of the dead > table
        {STARTED}; ps -eo args= | grep -c '^ldirectord tcp:'; grep -c dead table || :
        {RUN} stop"""
    )

    assert told.splitlines() == ["2", "0"]


@pytest.mark.parametrize(
    "other", ["vi /etc/ha.d/ldirectord.cf", "/usr/lib/ocf/resource.d/heartbeat/ldirectord start"]
)
def test_others_that_have_its_name_in_their_arguments_go_on(bottle: Bottle, other: str) -> None:
    words = " ".join(f"'{word}'" for word in other.split())
    told = bottle.told(
        f"""perl -e '$0 = "@ARGV"; sleep 30' {words} &
        sleep 0.3; {RUN} stop; kill -0 $! && echo alive; kill $!"""
    )

    assert told == "alive\n"


def test_a_wrong_verb_gets_the_usage(bottle: Bottle) -> None:
    done = bottle.run(f"{RUN} reload")

    assert (done.returncode, done.stderr) == (2, "usage: lvs-ldirectord FILE start|stop|status\n")
