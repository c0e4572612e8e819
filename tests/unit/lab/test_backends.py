"""The lab's test servers beyond the web page: run for real on loopback, both families."""

from __future__ import annotations

import ftplib
import http.client
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.home import FILES

NAME = socket.gethostname()
HOSTS = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Ports:
    """Where the server under test listens."""

    http: int
    more: int
    echo: int
    udp: int
    ftp: int


def free_ports(count: int) -> list[int]:
    probes = [socket.socket(socket.AF_INET6) for _ in range(count)]
    for probe in probes:
        probe.bind(("::", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def free(port: int) -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    web, more, echo, udp = free_ports(4)
    # Active transfers come from the port below.
    ftp = next(port for port in range(20021, 30000, 7) if free(port) and free(port - 1))
    found = Ports(web, more, echo, udp, ftp)
    words = [f"http={found.http},{found.more}", f"echo={found.echo}", f"udp={found.udp}", f"ftp={found.ftp}"]
    process = subprocess.Popen([sys.executable, str(FILES / "lab-backend.py"), *words])
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", found.http)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield found
    process.kill()
    process.wait()


def request(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, response.read()


def test_the_test_page(ports: Ports) -> None:
    assert request(ports.http, "GET", "/test.html") == (200, b"Test Page\n")


def test_several_web_ports(ports: Ports) -> None:
    for port in (ports.http, ports.more):
        assert request(port, "GET", "/") == (200, f"{NAME}\n".encode())


@pytest.mark.parametrize("size", [0, 1, 65536, 1_000_001])
def test_bodies_of_any_length_both_ways(ports: Ports, size: int) -> None:
    status, body = request(ports.http, "GET", f"/bytes/{size}")
    assert (status, len(body)) == (200, size)
    for method in ("POST", "PUT"):
        assert request(ports.http, method, "/upload", b"x" * size) == (200, f"{size}\n".encode())
    assert request(ports.http, "HEAD", f"/bytes/{size}") == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/bytes/many", 400),
        ("GET", "/bytes/99999999999", 400),
        ("POST", "/", 404),
        ("PATCH", "/", 501),
    ],
)
def test_bad_requests(ports: Ports, method: str, path: str, status: int) -> None:
    assert request(ports.http, method, path)[0] == status


def test_an_upload_without_length_and_one_that_waits(ports: Ports) -> None:
    with socket.create_connection(("127.0.0.1", ports.http), timeout=5) as client:
        client.sendall(b"PUT /upload HTTP/1.1\r\n\r\n")
        assert b" 411 " in client.recv(1000)
    with socket.create_connection(("127.0.0.1", ports.http), timeout=5) as client:
        client.sendall(b"PUT /upload HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert client.makefile("rb").read().endswith(b"\r\n\r\n3\n")


@pytest.mark.parametrize("host", HOSTS)
def test_echo_names_the_node_first(ports: Ports, host: str) -> None:
    with socket.create_connection((host, ports.echo), timeout=5) as client:
        stream = client.makefile("rwb")
        assert stream.readline() == f"{NAME}\n".encode()
        for line in (b"one\n", b"two\n", b"x" * 300_000 + b"\n"):
            client.sendall(line)
            assert stream.readline() == line
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert stream.read() == b"last"


def test_echo_keeps_many_and_a_greedy_one_stops_nobody(ports: Ports) -> None:
    clients = [socket.create_connection(("127.0.0.1", ports.echo), timeout=5) for _ in range(300)]
    greedy = clients.pop()
    greedy.settimeout(0.5)
    with pytest.raises(TimeoutError):  # it never reads, so at some point it is not read from any more
        while True:
            greedy.sendall(b"x" * 65536)
    for number, client in enumerate(clients):
        client.sendall(b"%d\n" % number)
    for number, client in enumerate(clients):
        stream = client.makefile("rb")
        assert (stream.readline(), stream.readline()) == (f"{NAME}\n".encode(), b"%d\n" % number)
    for client in (greedy, *clients):
        client.close()


@pytest.mark.parametrize("host", [*HOSTS, "127.0.0.2"])
def test_a_datagram_is_answered_from_the_address_it_went_to(ports: Ports, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        # From another address than the one asked: the kernel alone would answer 127.0.0.2 from 127.0.0.1.
        client.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        for payload in (b"hello", b"", b"x" * 9000):
            client.sendto(payload, (host, ports.udp))
            data, source = client.recvfrom(65535)
            assert data == f"{NAME} ".encode() + payload
            assert source[:2] == (host, ports.udp)


def session(host: str, port: int) -> ftplib.FTP:
    client = ftplib.FTP(timeout=10)  # noqa: S321 - FTP is what is tested
    client.connect(host, port)
    client.login("anybody", "any")
    return client


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("host", HOSTS)
def test_ftp_both_ways_passive_and_active(ports: Ports, host: str, passive: bool) -> None:
    client = session(host, ports.ftp)
    client.set_pasv(passive)
    lines: list[str] = []
    client.retrlines("RETR whoami", lines.append)
    assert lines == [NAME]
    content = bytes(range(256)) * 2000
    client.storbinary("STOR up", io.BytesIO(content))
    back = io.BytesIO()
    client.retrbinary("RETR up", back.write)
    assert back.getvalue() == content
    assert client.size("up") == len(content)
    client.retrlines("LIST", lines.append)
    assert any(line.endswith(" whoami") for line in lines)
    assert client.sendcmd("SYST").startswith("215 ")
    assert client.quit().startswith("221 ")


def test_pasv_gives_the_address_that_the_client_came_to(ports: Ports) -> None:
    client = session("127.0.0.2", ports.ftp)
    answer = client.sendcmd("PASV")
    assert answer.startswith("227 ")
    assert "(127,0,0,2,117," in answer  # 117 * 256 = 29952: a port from 30000 on
    client.close()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("RETR whoami", "425"),
        ("RETR nothing", "550"),
        ("SIZE nothing", "550"),
        ("STOR whoami", "553"),
        ("DELE whoami", "502"),
        ("PORT 1,2,3", "501"),
        ("PORT 127,0,0,1,0,0", "501"),
        ("PORT 999,0,0,1,9,9", "501"),
        ("EPRT |2|::1|99|", "501"),
        ("EPRT nonsense", "501"),
    ],
)
def test_ftp_refusals_leave_the_session_usable(ports: Ports, command: str, code: str) -> None:
    client = session("127.0.0.1", ports.ftp)
    with pytest.raises(ftplib.Error, match=f"^{code} "):
        client.sendcmd(command)
    assert client.sendcmd("NOOP").startswith("200 ")
    client.close()


def test_an_active_transfer_to_a_closed_port_ends(ports: Ports) -> None:
    client = session("127.0.0.1", ports.ftp)
    closed = free_ports(1)[0]
    client.sendcmd(f"PORT 127,0,0,1,{closed >> 8},{closed & 255}")
    with pytest.raises(ftplib.error_temp, match=r"^425 No data connection"):
        client.sendcmd("RETR whoami")
    client.close()
