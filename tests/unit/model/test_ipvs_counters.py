"""ipvsadm's listings: what is read of them, and what is refused."""

from __future__ import annotations

import pytest

from lvs_model.ipvs_counters import Counts, Traffic, as_data, parse_counters

CONNECTIONS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wlc persistent 300 mask 255.255.255.0
  -> 192.0.2.21:80                Route   3      17         4
  -> 192.0.2.22:80                Tunnel  0      0          0
UDP  [2001:db8::10]:53 rr ops
  -> [2001:db8::21]:53            Masq    1      0          9
FWM  7 sh
  -> 192.0.2.21:0                 Route   1      1          0
FWM  7 IPv6 sh
  -> [2001:db8::21]:0             Route   1      2          0
SCTP 192.0.2.10:2905 mh (mh-port)
"""
TOTALS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                 1234567890     2240        0 127360000000        0
  -> 192.0.2.21:80                     320     2240        0   127360        0
FWM  7 IPv6                              5        4        3        2        1
"""
RATES = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       9       81        0     5000        0
"""
KEY = "TCP 192.0.2.10:80"


def test_the_three_listings_meet_in_each_entry() -> None:
    found = parse_counters({"connections": CONNECTIONS, "totals": TOTALS, "rates": RATES})
    assert found[KEY, None] == Traffic(
        totals=Counts(1234567890, 2240, 0, 127360000000, 0), rates=Counts(9, 81, 0, 5000, 0)
    )
    assert found[KEY, "192.0.2.21:80"] == Traffic(17, 4, totals=Counts(320, 2240, 0, 127360, 0))
    assert found[KEY, "192.0.2.22:80"] == Traffic(0, 0)
    assert found["UDP [2001:db8::10]:53", "[2001:db8::21]:53"] == Traffic(0, 9)
    # Two services may share a mark's number: one is of each family.
    assert found["FWM 7", "192.0.2.21:0"] == Traffic(1, 0)
    assert found["FWM 7 IPv6", "[2001:db8::21]:0"] == Traffic(2, 0)
    assert found["FWM 7 IPv6", None] == Traffic(totals=Counts(5, 4, 3, 2, 1))
    assert found["SCTP 192.0.2.10:2905", None] == Traffic()
    assert len(found) == 10


@pytest.mark.parametrize("listings", [{}, {"connections": None, "totals": None, "rates": None}])
def test_without_ipvs_there_is_nothing(listings: dict[str, str | None]) -> None:
    assert parse_counters(listings) == {}


@pytest.mark.parametrize(
    ("name", "line", "error"),
    [
        ("rates", "TCP  192.0.2.10:80  9 81 0 5000", "counters of TCP 192.0.2.10:80 are '9 81 0 5000'"),
        ("totals", "TCP  192.0.2.10:80  9 81 0 5M 0", "counters of TCP 192.0.2.10:80 are '9 81 0 5M 0'"),
        (
            "connections",
            "TCP  192.0.2.10:80 rr\n  -> 192.0.2.21:80 Route 1 x 0",
            "of 192.0.2.21:80 are 'x 0'",
        ),
    ],
)
def test_another_text_is_refused(name: str, line: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parse_counters({name: line + "\n"})


def test_plain_data_says_null_where_nothing_is_known() -> None:
    nothing = {"active": None, "inactive": None, "totals": None, "rates": None}
    assert as_data(None) == as_data(Traffic()) == nothing
    assert as_data(Traffic(1, 2, rates=Counts(3))) == {
        "active": 1,
        "inactive": 2,
        "totals": None,
        "rates": {"connections": 3, "packets_in": 0, "packets_out": 0, "bytes_in": 0, "bytes_out": 0},
    }
