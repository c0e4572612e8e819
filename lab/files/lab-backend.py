"""The web server of the lab's real servers: it says which node answered.

`/` gives the host's name, `/healthz` gives "ok", or 503 while /run/lab-backend/fail exists (its text is the
body).
One request a connection, so that every request is one scheduling decision of IPVS.
"""

import contextlib
import http.server
import pathlib
import socket
import socketserver
import sys

FAIL = pathlib.Path("/run/lab-backend/fail")
NAME = socket.gethostname()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer one request."""

    timeout = 10  # seconds; a client that never sends its request gives its thread back

    def do_GET(self) -> None:
        """Answer GET and HEAD."""
        status, body = 200, f"{NAME}\n"
        if self.path.split("?")[0] == "/healthz":
            body = "ok\n"
            with contextlib.suppress(OSError):
                status, body = 503, FAIL.read_text(encoding="utf-8", errors="replace") or "failing\n"
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Real-Server", NAME)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

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


if __name__ == "__main__":
    Server(("::", int(sys.argv[1])), Handler).serve_forever()
