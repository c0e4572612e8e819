"""Small servers on loopback that speak as the lab's backend does."""

from __future__ import annotations

import re
import socket
import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web(BaseHTTPRequestHandler):
    """The lab's backend in small; it names the client's address after its own name."""

    cut = 0
    """Bytes that a download lacks."""

    def do_GET(self) -> None:
        """Answer / and /bytes/N."""
        found = re.fullmatch(r"/bytes/(\d+)", self.path)
        self.answer(
            b"x" * (int(found[1]) - self.cut) if found else b"web1\n", 404 if self.path == "/no" else 200
        )

    def do_POST(self) -> None:
        """Answer the body's length."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(str(len(body) - self.cut).encode() if body.strip(b"u") == b"" else b"what?", 200)

    def answer(self, body: bytes, status: int) -> None:
        """Answer as the backend does."""
        self.send_response(status)
        if self.path != "/nameless":
            self.send_header("X-Real-Server", f"web1 for {self.client_address[0]}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Web6(ThreadingHTTPServer):
    """Over IPv6."""

    address_family = socket.AF_INET6


class Cut(Web):
    """Loses a byte."""

    cut = 1


class Udp(socketserver.BaseRequestHandler):
    """Answers by the client's port: even and odd ports have servers of their own; "ask 3" is lost."""

    def handle(self) -> None:
        """Answer one datagram."""
        payload, sock = self.request
        if payload != b"ask 3":
            sock.sendto(b"web%d %s" % (self.client_address[1] % 2, payload), self.client_address)


class Udp1(socketserver.BaseRequestHandler):
    """Answers always as web1."""

    def handle(self) -> None:
        """Answer one datagram."""
        payload, sock = self.request
        sock.sendto(b"web1 " + payload, self.client_address)


class Greeter(socketserver.BaseRequestHandler):
    """An echo server: its name, then what it gets."""

    def handle(self) -> None:
        """Greet and echo."""
        self.request.sendall(b"web1\n")
        while piece := self.request.recv(1000):
            self.request.sendall(piece)


class Silent(socketserver.BaseRequestHandler):
    """Takes a connection and says nothing."""

    def handle(self) -> None:
        """Wait until the client goes."""
        while self.request.recv(1000):
            pass


class FtpServer(socketserver.StreamRequestHandler):
    """As much of RFC 959 and 2428 as one file takes; pasv_address: what the answer to PASV claims."""

    pasv_address = "127,0,0,1"

    def handle(self) -> None:
        """Serve one control connection."""
        self.say("220 ready")
        data: socket.socket | tuple[str, int] | None = None
        address = self.connection.getsockname()[0]
        family = self.connection.family
        for line in self.rfile:
            verb, _, argument = line.decode().strip().partition(" ")
            if verb in ("PASV", "EPSV"):
                data = socket.create_server((address, 0), family=family)
                port = data.getsockname()[1]
                if verb == "EPSV":
                    self.say(f"229 fine (|||{port}|)")
                else:
                    self.say(f"227 fine ({self.pasv_address},{port >> 8},{port & 255})")
            elif verb == "PORT":
                numbers = argument.split(",")
                data = (".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5]))
                self.say("200 fine")
            elif verb == "EPRT":
                _, _, host, port_text, _ = argument.split(argument[0])
                data = (host, int(port_text))
                self.say("200 fine")
            elif verb == "RETR" and argument == "whoami" and data is not None:
                self.say("150 here it comes")
                connection = (
                    data.accept()[0] if isinstance(data, socket.socket) else socket.create_connection(data)
                )
                how = {True: "listening", False: "calling"}[isinstance(data, socket.socket)]
                connection.sendall(f"web1 {how} {self.client_address[0]}\n".encode())
                connection.close()
                self.say("226 done")
            else:
                self.say(
                    {"USER": "331 and the password?", "PASS": "230 in", "TYPE": "200 fine"}.get(
                        verb, "500 what?"
                    )
                )

    def say(self, line: str) -> None:
        """Answer a command."""
        self.wfile.write(f"{line}\r\n".encode())


class Misled(FtpServer):
    """Its answer to PASV names an address that nobody has rewritten."""

    pasv_address = "127,0,0,77"


class Tcp(socketserver.ThreadingTCPServer):
    """IPv4."""

    daemon_threads = True
    block_on_close = False


class Tcp6(Tcp):
    """IPv6."""

    address_family = socket.AF_INET6
