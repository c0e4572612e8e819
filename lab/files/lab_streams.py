"""Echo over TCP, and answers to datagrams: one loop for all of them, so thousands of connections cost little.

A TCP connection is first told the node's name, a line, and then whatever it sends; it stays as long as the
client likes. A datagram is answered with the node's name, a blank and the datagram, from the address that it
was sent to: under DR and TUN that is a VIP, and the kernel alone would choose another one.
"""

import contextlib
import selectors
import socket
import struct

MOST = 1 << 18  # bytes waiting for a client that does not read; it is not read from until they are gone


class Connection:
    """One client of the echo port."""

    def __init__(self, sock: socket.socket, greeting: bytes) -> None:
        self.sock = sock
        self.waiting = bytearray(greeting)
        self.ended = False  # the client has sent its last byte

    def move(self) -> int:
        """Read what has come, send what can be sent; return the events to wait for, 0 at the end."""
        if not self.ended and len(self.waiting) < MOST:
            with contextlib.suppress(BlockingIOError):
                piece = self.sock.recv(65536)
                self.waiting += piece
                self.ended = not piece
        if self.waiting:
            with contextlib.suppress(BlockingIOError):
                del self.waiting[: self.sock.send(self.waiting)]
        events = selectors.EVENT_WRITE if self.waiting else 0
        if not self.ended and len(self.waiting) < MOST:
            events |= selectors.EVENT_READ
        return events


class Streams:
    """The servers of some ports.

    Args:
        name: what clients are told.
        echo: TCP ports.
        udp: UDP ports.

    """

    def __init__(self, name: str, echo: list[int], udp: list[int]) -> None:
        self.name = name
        self.selector = selectors.DefaultSelector()
        self.listeners = [self._listen(socket.SOCK_STREAM, port) for port in echo]
        self.datagrams = [self._listen(socket.SOCK_DGRAM, port) for port in udp]

    def _listen(self, kind: socket.SocketKind, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6, kind)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            sock.listen(4096)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ)
        return sock

    def serve_forever(self) -> None:
        """Serve until the process ends."""
        while True:
            for key, _ in self.selector.select():
                if key.data is not None:
                    self._move(key.data)
                elif isinstance(key.fileobj, socket.socket):
                    (self._accept if key.fileobj in self.listeners else self._answer)(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        # A client that is gone again, or no descriptor left: the others are served on.
        with contextlib.suppress(OSError):
            sock, _ = listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, f"{self.name}\n".encode())
            self.selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def _move(self, connection: Connection) -> None:
        try:
            events = connection.move()
        except OSError:
            events = 0
        if events:
            self.selector.modify(connection.sock, events, connection)
        else:
            self.selector.unregister(connection.sock)
            connection.sock.close()

    def _answer(self, sock: socket.socket) -> None:
        # ICMP errors about earlier answers are reported here (udp(7)), and concern nobody.
        with contextlib.suppress(OSError):
            data, messages, _, client = sock.recvmsg(65535, 256)
            # struct in6_pktinfo (ipv6(7)): address and interface. Interface 0: routing chooses the way back.
            source = [
                (level, kind, content[:16] + struct.pack("i", 0))
                for level, kind, content in messages
                if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
            ]
            sock.sendmsg([f"{self.name} ".encode(), data], source, 0, client)
