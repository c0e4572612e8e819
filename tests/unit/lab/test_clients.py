"""A client's acts: the real script, run here instead of on a node, against small servers on loopback."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any, Literal

import pytest

from lab import clients
from lab.errors import CommandError, LabError
from lab.runner import LocalRunner, Result
from tests.unit.lab.small_servers import (
    Cut,
    FtpServer,
    Greeter,
    Misled,
    Silent,
    Tcp,
    Tcp6,
    Udp,
    Udp1,
    Web,
    Web6,
)


class Here:
    """A lab whose only node is this machine."""

    command = ""

    def runner(self, node: str) -> Here:
        """Lead to it."""
        assert node == "client1"
        return self

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Run it here."""
        return LocalRunner().run(
            ["sh", "-c", self.command or command], stdin=stdin, timeout=timeout, check=False
        )


LAB = Here()

MakesServer = Callable[..., socketserver.TCPServer]


@contextlib.contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """Serve in a thread; the port."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield int(server.socket.getsockname()[1])
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("address", "server", "source", "seen"),
    [
        ("127.0.0.1", ThreadingHTTPServer, None, "127.0.0.1"),
        ("127.0.0.1", ThreadingHTTPServer, "127.0.0.9", "127.0.0.9"),
        ("::1", Web6, None, "::1"),
    ],
)
def test_names_are_counted_by_header(
    address: str, server: MakesServer, source: str | None, seen: str
) -> None:
    with serving(server((address, 0), Web)) as port:
        assert clients.http_names(LAB, "client1", address, port, 3, source=source) == {f"web1 for {seen}": 3}


@pytest.mark.parametrize(("address", "server"), [("127.0.0.1", ThreadingHTTPServer), ("::1", Web6)])
def test_a_megabyte_goes_both_ways(address: str, server: MakesServer) -> None:
    with serving(server((address, 0), Web)) as port:
        down = clients.download(LAB, "client1", address, port, 1_000_000)
        up = clients.upload(LAB, "client1", address, port, 1_000_000)
    assert (down.size, up.size) == (1_000_000, 1_000_000)
    assert down.server == up.server == f"web1 for {address}"
    assert down.mss > 500


def test_a_transfer_that_lacks_a_byte_is_none() -> None:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Cut)) as port:
        for transfer in (clients.download, clients.upload):
            with pytest.raises(LabError, match=r"load of 1000 bytes from client1: 999 arrived.*MSS"):
                transfer(LAB, "client1", "127.0.0.1", port, 1000)


@pytest.mark.parametrize("transfer", [clients.download, clients.upload])
def test_a_transfer_that_stalls_ends_in_time_and_tells_how_far_it_came(
    transfer: Callable[..., clients.Transfer],
) -> None:
    with (
        serving(Tcp(("127.0.0.1", 0), Silent)) as port,
        pytest.raises(LabError, match=r"no answer after \d+ bytes sent and 0 received.*MSS"),
    ):
        transfer(LAB, "client1", "127.0.0.1", port, 1000, timeout_s=0.5)


@pytest.mark.parametrize(
    ("path", "source", "error"),
    [
        ("/no", None, "GET /no was answered by 'HTTP/1.0 404 Not Found'"),
        ("/nameless", None, "the answer has no header X-Real-Server"),
        ("/", "203.0.113.77", "203.0.113.77 is no address of this node"),
    ],
)
def test_what_went_wrong_is_told(path: str, source: str | None, error: str) -> None:
    with (
        serving(ThreadingHTTPServer(("127.0.0.1", 0), Web)) as port,
        pytest.raises(
            LabError, match=f"http_names from client1 to 127.0.0.1 port {port}: {error}. See ipvsadm"
        ),
    ):
        clients.http_names(LAB, "client1", "127.0.0.1", port, 1, source=source, path=path)


def test_a_closed_port_is_told() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(LabError, match=r"connecting to port .*: Connection refused"):
            clients.http_names(LAB, "client1", "127.0.0.1", sock.getsockname()[1], 1)


def test_datagrams_from_one_port_are_one_flow_and_a_lost_one_is_counted() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        source_port = free.getsockname()[1]
    with serving(socketserver.UDPServer(("127.0.0.1", 0), Udp)) as port:
        one = clients.udp_ask(LAB, "client1", "127.0.0.1", port, 6, source_port, timeout_s=1)
        many = clients.udp_ask(LAB, "client1", "127.0.0.1", port, 40, timeout_s=1)
    assert (one.servers, one.lost) == ({f"web{source_port % 2}": 5}, 1)
    assert (many.servers.total(), many.lost) == (39, 1)
    assert set(many.servers) == {"web0", "web1"}


def test_a_port_where_nobody_answers_loses_every_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers = clients.udp_ask(LAB, "client1", "127.0.0.1", port, 2, timeout_s=0.3)
    assert (answers.servers.total(), answers.lost) == (0, 2)


@pytest.mark.parametrize(
    ("tcp", "name"), [(Greeter, "web1"), (Web, "web1 for 127.0.0.1")], ids=["echo server", "web server"]
)
def test_media_tells_who_was_reached_at_each_port(
    tcp: type[socketserver.BaseRequestHandler], name: str
) -> None:
    with (
        serving(Tcp(("127.0.0.1", 0), tcp)) as rtsp,
        serving(socketserver.UDPServer(("127.0.0.1", 0), Udp1)) as first,
        serving(socketserver.UDPServer(("127.0.0.1", 0), Udp1)) as second,
    ):
        found = clients.media(LAB, "client1", "127.0.0.1", rtsp, [first, second])
    assert found.reached == {rtsp: name, first: "web1", second: "web1"}
    assert found.servers == {name, "web1"}


def test_a_silent_media_port_is_named() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free, serving(Tcp(("127.0.0.1", 0), Greeter)) as rtsp:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(LabError, match=f"media .* UDP port {port} gave no answer"):
            clients.media(LAB, "client1", "127.0.0.1", rtsp, [port], timeout_s=1)


@pytest.mark.parametrize(
    ("address", "server", "mode", "how"),
    [
        ("127.0.0.1", Tcp, "passive", "listening"),
        ("127.0.0.1", Tcp, "extended", "listening"),
        ("127.0.0.1", Tcp, "active", "calling"),
        ("::1", Tcp6, "passive", "listening"),
        ("::1", Tcp6, "active", "calling"),
    ],
)
def test_ftp_in_every_mode(
    address: str, server: MakesServer, mode: Literal["passive", "active", "extended"], how: str
) -> None:
    with serving(server((address, 0), FtpServer)) as port:
        answer = clients.ftp_whoami(LAB, "client1", address, port, mode)
    assert (answer.server, answer.data_address) == (f"web1 {how} {address}", address)
    assert answer.data_port != port


def test_an_answer_to_pasv_that_nobody_rewrote_is_no_success() -> None:
    with serving(Tcp(("127.0.0.1", 0), Misled)) as port:
        with pytest.raises(LabError, match=r"opening the passive data connection: .*refused.*ip_vs_ftp"):
            clients.ftp_whoami(LAB, "client1", "127.0.0.1", port)
        # EPSV tells no address, so nothing is wrong with it.
        assert clients.ftp_whoami(LAB, "client1", "127.0.0.1", port, "extended").server.startswith("web1")


def test_an_unknown_mode_is_refused() -> None:
    mode: Any = "pasive"
    with pytest.raises(LabError, match="FTP has no mode 'pasive'"):
        clients.ftp_whoami(LAB, "client1", "127.0.0.1", 21, mode)


@pytest.mark.parametrize(
    ("command", "kind", "error"),
    [
        (
            "echo no python here >&2; exit 127",
            CommandError,
            "http_names on client1 failed with exit code 127",
        ),
        ("echo Welcome", LabError, "http_names on client1 said 'Welcome"),
        ("true", LabError, "http_names on client1 said ''"),
    ],
)
def test_a_node_that_cannot_act_is_told(command: str, kind: type[LabError], error: str) -> None:
    lab = Here()
    lab.command = command
    with pytest.raises(kind, match=error):
        clients.http_names(lab, "client1", "127.0.0.1", 9, 1)
