"""A small FTP server (RFC 959, RFC 2428): passive and active transfers, so that IPVS has something to follow.

It serves the file `whoami`, which has the node's name, and what was uploaded, which it keeps in memory.
Anybody may log in. The address in the answer to PASV is the one that the control connection came to: the VIP
under DR and TUN, the real server's own under NAT, where ip_vs_ftp rewrites it. An active transfer comes from
that address and the port below the control port (RFC 959, section 3.2).
"""

import contextlib
import socket
import socketserver

PASSIVE = range(30000, 30100)  # ports of passive transfers: few, so that a firewall or a mark can name them
LARGEST = 16 << 20  # bytes of one upload
PATIENCE = 20  # seconds for a data connection to come about
IDLE = 3600  # seconds that a control connection may say nothing


def plain(address: str) -> str:
    """Return an IPv4 address without the prefix that it has on an IPv6 socket (RFC 4291, section 2.5.5.2)."""
    return address.removeprefix("::ffff:")


class Session(socketserver.StreamRequestHandler):
    """One control connection."""

    timeout = IDLE
    server: "Server"

    def setup(self) -> None:
        """Begin without a way for data."""
        super().setup()
        self.local = plain(self.connection.getsockname()[0])
        self.family = socket.AF_INET6 if ":" in self.local else socket.AF_INET
        self.listener: socket.socket | None = None
        self.target: tuple[str, int] | None = None

    def finish(self) -> None:
        """End, and give a passive port back."""
        self.forget_way()
        with contextlib.suppress(OSError):
            super().finish()

    def say(self, text: str) -> None:
        """Send an answer in one segment, as ip_vs_ftp wants it."""
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self) -> None:
        """Answer commands until QUIT or the end of the connection."""
        self.say(f"220 {self.server.name} ready")
        with contextlib.suppress(OSError):
            while line := self.rfile.readline(1024):
                verb, _, argument = line.decode(errors="replace").strip().partition(" ")
                if verb.upper() == "QUIT":
                    self.say("221 Goodbye")
                    return
                self.obey(verb.upper(), argument)

    def obey(self, verb: str, argument: str) -> None:
        """Carry one command out."""
        fixed = {
            "USER": "331 Any password will do",
            "PASS": "230 Logged in",
            "SYST": "215 UNIX Type: L8",
            "TYPE": "200 All types are the same here",
            "NOOP": "200 Well",
            "PWD": '257 "/" is the only directory',
            "CWD": "250 / is the only directory",
        }
        method = getattr(self, f"do_{verb.lower()}", None)
        if verb in fixed:
            self.say(fixed[verb])
        elif method is None:
            self.say("502 Not known here")
        else:
            method(argument)

    # Ways for data

    def forget_way(self) -> None:
        """Close the passive port, and forget the client's."""
        if self.listener is not None:
            self.listener.close()
        self.listener = self.target = None

    def listen(self) -> int:
        """Open a passive port and return it; 0 when all are taken."""
        self.forget_way()
        for port in PASSIVE:
            listener = socket.socket(self.family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self.local, port))
                listener.listen(1)
            except OSError:
                listener.close()
                continue
            listener.settimeout(PATIENCE)
            self.listener = listener
            return port
        self.say("421 No passive port is free")
        return 0

    def do_pasv(self, _: str) -> None:
        """Passive transfer, IPv4."""
        if self.family != socket.AF_INET:
            self.say("425 EPSV is for IPv6")
        elif port := self.listen():
            numbers = [*self.local.split("."), str(port >> 8), str(port & 255)]
            self.say(f"227 Entering Passive Mode ({','.join(numbers)})")

    def do_epsv(self, argument: str) -> None:
        """Passive transfer, either family."""
        if argument.upper() == "ALL":
            self.say("200 EPSV it is")
        elif port := self.listen():
            self.say(f"229 Entering Extended Passive Mode (|||{port}|)")

    def do_port(self, argument: str) -> None:
        """Active transfer, IPv4."""
        try:
            *address, high, low = [int(number) for number in argument.split(",")]
            self.aim(".".join(map(str, address)), high * 256 + low)
        except ValueError:
            self.say("501 PORT wants h1,h2,h3,h4,p1,p2")

    def do_eprt(self, argument: str) -> None:
        """Active transfer, either family."""
        try:
            _, _, address, port, _ = argument.split(argument[:1] or "|")
            self.aim(address, int(port))
        except ValueError:
            self.say("501 EPRT wants |1 or 2|address|port|")

    def aim(self, address: str, port: int) -> None:
        """Note where the client waits; a ValueError for what is no address of this family."""
        try:
            socket.inet_pton(self.family, address)
        except OSError as exc:
            raise ValueError(address) from exc
        if not 0 < port < 65536:
            raise ValueError(port)
        self.forget_way()
        self.target = (address, port)
        self.say("200 Noted")

    def way(self) -> socket.socket | None:
        """Return the open data connection; None, and the client is told, if there is none."""
        try:
            if self.listener is not None:
                data, _ = self.listener.accept()
            elif self.target is not None:
                data = socket.socket(self.family)
                data.settimeout(PATIENCE)
                data.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                data.bind((self.local, self.server.server_address[1] - 1))
                data.connect(self.target)
            else:
                self.say("425 PASV, EPSV, PORT or EPRT first")
                return None
        except OSError as exc:
            self.say(f"425 No data connection: {exc}")
            return None
        finally:
            self.forget_way()
        data.settimeout(PATIENCE)
        return data

    # Transfers

    def give(self, content: bytes) -> None:
        """Send content over the data connection."""
        if data := self.way():
            self.say(f"150 {len(content)} bytes follow")
            try:
                with data:
                    data.sendall(content)
            except OSError as exc:
                self.say(f"426 Broken off: {exc}")
                return
            self.say("226 Done")

    def do_list(self, _: str) -> None:
        """All files, as `ls -l` has them."""
        lines = (
            f"-rw-r--r-- 1 ftp ftp {len(content)} Jan  1 00:00 {name}\r\n"
            for name, content in sorted(self.server.files.items())
        )
        self.give("".join(lines).encode())

    def do_size(self, argument: str) -> None:
        """The length of a file."""
        content = self.server.files.get(argument.lstrip("/"))
        self.say("550 No such file" if content is None else f"213 {len(content)}")

    def do_retr(self, argument: str) -> None:
        """Download."""
        content = self.server.files.get(argument.lstrip("/"))
        if content is None:
            self.forget_way()
            self.say("550 No such file")
        else:
            self.give(content)

    def do_stor(self, argument: str) -> None:
        """Upload."""
        name = argument.lstrip("/")
        if not name or name == "whoami":
            self.forget_way()
            self.say("553 Another name, please")
        elif data := self.way():
            self.say("150 Go on")
            content = bytearray()
            try:
                with data:
                    while piece := data.recv(65536):
                        content += piece
                        if len(content) > LARGEST:
                            self.say("552 Too long")
                            return
            except OSError as exc:
                self.say(f"426 Broken off: {exc}")
                return
            self.server.files[name] = bytes(content)
            self.say(f"226 {len(content)} bytes")


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """IPv6 and IPv4 on one socket; a thread for each of the few control connections.

    Args:
        name: of the node.
        port: of the control connections.

    """

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.files = {"whoami": f"{name}\n".encode()}
        super().__init__(("::", port), Session)

    def server_bind(self) -> None:
        """Take IPv4 too (ipv6(7), IPV6_V6ONLY)."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""
