"""Counters on a node: the text for nft, what is read back, and the errors."""

from __future__ import annotations

from typing import Any

import pytest

from lab.counting import Counting, Statistics, mac, ping_pong, total, vip_table
from lab.errors import CommandError, LabError
from lab.runner import Result

TABLE = "table netdev lab_count {\n\tcounter a { }\n}\n"


class FakeNodes:
    """Answers commands from a list of (code, stdout, stderr), and remembers them."""

    def __init__(self, *answers: tuple[int, str, str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def runner(self, node: str) -> FakeNodes:
        """Lead to the node."""
        assert node == "lb1"
        return self

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Give the next answer."""
        self.asked.append((command, stdin.decode()))
        return Result(*self.answers.pop(0), timeout / 60)


GOOD = (0, "", "")


def counters(**packets: int) -> tuple[int, str, str]:
    rows = [
        f'{{"counter": {{"family": "netdev", "name": "{name}", "table": "lab_count", "handle": 1,'
        f' "packets": {count}, "bytes": 1}}}}'
        for name, count in packets.items()
    ]
    return 0, f'{{"nftables": [{{"metainfo": {{"version": "1.0.6"}}}}, {", ".join(rows)}]}}', ""


def test_the_table_is_there_from_entering_to_leaving() -> None:
    lab = FakeNodes(GOOD, counters(a=7, b=0), GOOD)
    with Counting(lab, "lb1", TABLE) as counting:
        assert counting.read() == {"a": 7, "b": 0}
    assert lab.asked == [
        ("nft -f -", f"table netdev lab_count\ndelete table netdev lab_count\n{TABLE}\n"),
        ("nft -j list counters table netdev lab_count", ""),
        ("nft delete table netdev lab_count", ""),
    ]


def test_leaving_is_told_unless_something_else_goes_wrong() -> None:
    gone = (1, "", "Error: No such file or directory")
    with (
        pytest.raises(
            LabError, match=r"failed with exit code 1.*Take it away: nft delete table netdev lab_count"
        ),
        Counting(FakeNodes(GOOD, gone), "lb1", TABLE),
    ):
        pass
    with pytest.raises(RuntimeError), Counting(FakeNodes(GOOD, gone), "lb1", TABLE):
        raise RuntimeError


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (
            (127, "", "sh: nft: not found"),
            LabError,
            "lb1 has no nft. Install the package nftables.*Statistics",
        ),
        (
            (1, "", "Error: syntax error"),
            CommandError,
            "nft -f - on lb1 failed with exit code 1: Error: syntax",
        ),
    ],
)
def test_a_node_that_does_not_take_the_table_is_told(
    answer: tuple[int, str, str], kind: type[LabError], error: str
) -> None:
    with pytest.raises(kind, match=error), Counting(FakeNodes(answer), "lb1", TABLE):
        pass


@pytest.mark.parametrize("said", ["Error", '{"nftables": [{"counter": {"name": "a"}}]}', "[]"])
def test_counters_that_cannot_be_read_are_told(said: str) -> None:
    with (
        Counting(FakeNodes(GOOD, (0, said, ""), GOOD), "lb1", TABLE) as counting,
        pytest.raises(LabError, match=r"nft on lb1 said .*, not its counters"),
    ):
        counting.read()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "got none"),
        ("table inet lvs_toolkit {\n}", "got inet lvs_toolkit"),
        (TABLE + "table inet lvs_toolkit {\n}", "got netdev lab_count, inet lvs_toolkit"),
        ("flush ruleset", "got none"),
    ],
)
def test_no_table_but_the_labs_own_is_touched(text: str, found: str) -> None:
    with pytest.raises(LabError, match=f"counting wants exactly one table, lab_count, and {found}"):
        Counting(FakeNodes(), "lb1", text)


STATS = """   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
{:8X} {:8X} {:8X} {:16X} {:16X}

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       0        0        0                0                0
"""


def links(received: int, sent: int) -> tuple[int, str, str]:
    text = (
        f'[{{"ifname": "eth0", "stats64": {{"rx": {{"packets": {received}}}, "tx": {{"packets": {sent}}}}}}}]'
    )
    return 0, text, ""


def test_the_kernels_own_counters_are_read_as_differences() -> None:
    before, after = STATS.format(1, 255, 16, 0, 0), STATS.format(11, 4096, 16, 0, 0)
    lab = FakeNodes((0, before, ""), links(10, 20), (0, after, ""), links(110, 21))
    with Statistics(lab, "lb1") as statistics:
        assert statistics.read() == {
            "ipvs.connections": 10,
            "ipvs.requests": 3841,
            "ipvs.answers": 0,
            "eth0.received": 100,
            "eth0.sent": 1,
        }


def test_ipvs_loaded_meanwhile_counts_from_nothing() -> None:
    lab = FakeNodes(GOOD, links(0, 0), (0, STATS.format(1, 2, 3, 0, 0), ""), links(0, 0))
    with Statistics(lab, "lb1") as statistics:
        assert statistics.read()["ipvs.answers"] == 3


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([GOOD, links(5, 5), GOOD, links(4, 5)], "lb1's counters began anew"),
        ([(0, "a\nb\nx y z\n", "")], "ip_vs_stats has no totals in its third line: 'x y z'"),
        ([GOOD, (0, "{", "")], "ip -s -j link said '{', not its counters"),
        ([GOOD, (255, "", "gone")], "ip -s -j link on lb1 failed with exit code 255: gone"),
    ],
)
def test_statistics_that_tell_nothing_are_told(answers: list[tuple[int, str, str]], error: str) -> None:
    with pytest.raises(LabError, match=error), Statistics(FakeNodes(*answers), "lb1") as statistics:
        statistics.read()


def test_the_mac_address_of_an_interface() -> None:
    lab = FakeNodes((0, '[{"ifname": "eth0", "address": "02:00:00:00:00:AA"}]', ""))
    assert mac(lab, "lb1", "eth0") == "02:00:00:00:00:aa"
    assert lab.asked == [("ip -j link show dev eth0", "")]
    with pytest.raises(LabError, match=r"lb1 tells no MAC address of eth7. Device .* does not exist"):
        mac(FakeNodes((1, "", 'Device "eth7" does not exist.')), "lb1", "eth7")
    with pytest.raises(LabError, match=r"lb1 tells no MAC address of lo. See: ip link"):
        mac(FakeNodes((0, '[{"ifname": "lo"}]', "")), "lb1", "lo")


@pytest.mark.parametrize(
    ("devices", "vips", "more", "error"),
    [
        (["eth0; reboot"], ["192.0.2.10"], {}, "'eth0; reboot' is no name of an interface"),
        (["eth0"], ["192.0.2.1O"], {}, "'192.0.2.1O' is no address of a VIP"),
        (["eth0"], ["192.0.2.10"], {"ports": [0]}, "0 is no port"),
        (["eth0"], ["192.0.2.10"], {"peers": ["lb2"]}, "'lb2' is no MAC address"),
        (["eth0"], ["192.0.2.10"], {"tunnel": "gue"}, "packets in GUE cannot be told from others"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    devices: list[str], vips: list[str], more: dict[str, Any], error: str
) -> None:
    with pytest.raises(LabError, match=error):
        vip_table(devices, vips, **more)


def test_ping_pong_is_what_came_from_the_peer_and_went_back() -> None:
    counts = {
        "from_peer.192.0.2.10": 90,
        "to_peer.192.0.2.10": 0,
        "from_peer.192.0.2.11": 40,
        "to_peer.192.0.2.11": 7,
        "from_peer.2001-db8--10": 3,
        "to_peer.2001-db8--10": 80,
    }
    assert ping_pong(counts) == {"192.0.2.10": 0, "192.0.2.11": 7, "2001:db8::10": 3}
    assert (total(counts, "from_peer"), total(counts, "to_peer")) == (133, 87)


def test_what_was_not_counted_is_not_zero() -> None:
    with pytest.raises(LabError, match=r"nothing was counted as 'answers_in'\. Counted: ipip_in"):
        total({"ipip_in": 1}, "answers_in")
    with pytest.raises(LabError, match="nothing was counted as 'from_peer'"):
        ping_pong({"ipip_in": 1})
