"""The servers of the lab's real servers: each says which node answered.

Called as `lab-backend.py http=80,443 echo=7 udp=6970,6971 ftp=21`; all but http may be left out.

HTTP: `/` gives the host's name, `/healthz` gives "ok", or 503 while /run/lab-backend/fail exists (its text is
the body), `/test.html` gives "Test Page", or the text of /run/lab-backend/page where that exists, `/bytes/N`
gives N bytes, and POST or PUT `/upload` tells how many bytes came.
One request a connection, so that every request is one scheduling decision of IPVS.
Echo, UDP: lab_streams.py. FTP: lab_ftp.py.
"""

import contextlib
import http.server
import importlib
import pathlib
import socket
import socketserver
import sys
import threading

FAIL = pathlib.Path("/run/lab-backend/fail")
PAGE = pathlib.Path("/run/lab-backend/page")
NAME = socket.gethostname()
MOST = 1 << 30  # bytes of one answer
PIECE = b"0123456789abcdef" * 4096


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer one request."""

    timeout = 10  # seconds; a client that never sends its request gives its thread back

    def do_GET(self) -> None:
        """Answer GET and HEAD."""
        path = self.path.split("?")[0]
        if path.startswith("/bytes/"):
            self.give_bytes(path.removeprefix("/bytes/"))
            return
        status, body = 200, f"{NAME}\n"
        if path == "/healthz":
            body = "ok\n"
            with contextlib.suppress(OSError):
                status, body = 503, FAIL.read_text(encoding="utf-8", errors="replace") or "failing\n"
        elif path == "/test.html":
            body = "Test Page\n"
            with contextlib.suppress(OSError):
                body = PAGE.read_text(encoding="utf-8", errors="replace")
        self.answer(status, body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def do_POST(self) -> None:
        """Answer POST and PUT: read the body to its end, and tell its length."""
        length = self.headers.get("Content-Length", "")
        if self.path.split("?")[0] != "/upload":
            self.answer(404, "only /upload takes a body\n")
        elif not length.isdigit():
            self.answer(411, "Content-Length is missing\n")
        else:
            if self.headers.get("Expect", "").lower() == "100-continue":
                # RFC 9110, section 10.1.1: the client waits for this; curl for a second.
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = int(length)
            while left and (piece := self.rfile.read(min(left, 65536))):
                left -= len(piece)
            if not left:
                self.answer(200, f"{length}\n")

    do_PUT = do_POST  # noqa: N815 - the name that http.server calls

    def give_bytes(self, number: str) -> None:
        """Send a body of so many bytes."""
        if not number.isdigit() or int(number) > MOST:
            self.answer(400, f"/bytes/N wants a number up to {MOST}\n")
            return
        left = int(number)
        self.head(200, left, "application/octet-stream")
        while left and self.command != "HEAD":
            piece = PIECE[:left]
            self.wfile.write(piece)
            left -= len(piece)

    def head(self, status: int, length: int, kind: str = "text/plain; charset=utf-8") -> None:
        """Send status and headers."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Real-Server", NAME)
        self.send_header("Connection", "close")
        self.end_headers()

    def answer(self, status: int, body: str) -> None:
        """Send a whole answer."""
        content = body.encode()
        self.head(status, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the journal of an emulated machine is dear."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """IPv6 and IPv4 on one socket."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def server_bind(self) -> None:
        """Take IPv4 too (ipv6(7), IPV6_V6ONLY), and skip http.server's look-up of the host's name."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = NAME, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


def main(words: list[str]) -> None:
    """Serve on all ports for ever."""
    ports = {key: [int(port) for port in value.split(",")] for key, value in (w.split("=") for w in words)}
    first, *others = (Server(("::", port), Handler) for port in ports["http"])
    loops = [server.serve_forever for server in others]
    # Loaded where they are wanted only: each costs an emulated machine a part of a second.
    if "echo" in ports or "udp" in ports:
        streams = importlib.import_module("lab_streams")
        loops.append(streams.Streams(NAME, ports.get("echo", []), ports.get("udp", [])).serve_forever)
    if "ftp" in ports:
        loops += [
            importlib.import_module("lab_ftp").Server(NAME, port).serve_forever for port in ports["ftp"]
        ]
    for loop in loops:
        threading.Thread(target=loop, daemon=True).start()
    first.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
