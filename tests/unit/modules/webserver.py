"""A threaded web server on 127.0.0.1 whose answers can be made to fail, and which can vanish and return."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType

_GOOD = b"HTTP/1.0 200 OK\r\nX-Real-Server: web1\r\nContent-Length: 5\r\n\r\nbody1"
#: What is sent, piece by piece, before the connection is closed; "hang" and "reset" send nothing.
ANSWERS: dict[str, list[bytes]] = {
    "good": [_GOOD],
    "pieces": [_GOOD[:10], _GOOD[10:60], _GOOD[60:]],
    "no length": [b"HTTP/1.1 200 OK\r\nx-real-server:  web2 \r\n\r\n", b"first line\n", b"second"],
    "long": [b"HTTP/1.0 200 OK\r\nX-Real-Server: web3\r\nContent-Length: 200000\r\n\r\n", b"x" * 200_000],
    "anonymous": [b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
    "unavailable": [b"HTTP/1.0 503 Busy\r\nX-Real-Server: web1\r\nContent-Length: 0\r\n\r\n"],
    "short body": [b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n", b"body"],
    "half a head": [b"HTTP/1.0 200 OK\r\nX-Real"],
    "empty": [],
    "no http": [b"220 mail.example ready\r\n\r\n"],
    "mute": [],
    "banner": [b"220 mail.example ready\r\nmore"],
    "endless head": [b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 20_000],
}


class WebServer:
    """Listens while it is up; ``mode`` decides how each further connection is answered."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.mode = "good"
        self.family = family
        self.address = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.port = 0
        self.requests: list[bytes] = []
        self._listener: socket.socket | None = None

    def __enter__(self) -> WebServer:
        """Listen for the time of the block."""
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self.down()

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.socket(self.family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self.port = self._listener.getsockname()[1]
        self._listener.listen(128)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Stop listening: further connections are refused."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
            self._listener.close()
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, self.mode), daemon=True).start()

    def _answer(self, connection: socket.socket, mode: str) -> None:
        with connection, contextlib.suppress(OSError):
            if mode == "hang":
                time.sleep(3)
                return
            if mode == "reset":  # a linger of zero closes with RST (socket(7))
                connection.recv(4096)  # the client is connected for certain, and waits for its answer
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if mode not in ("mute", "banner"):
                self.requests.append(connection.recv(4096))
            for piece in ANSWERS[mode]:
                connection.sendall(piece)
                time.sleep(0.01)
