"""Answer every connection with the two addresses that it has here, in 1 KiB: `answering.py ADDRESS PORT`.

Runs on the real server of `python -m bench datapath`. The addresses tell the client which way its request
came: "LOCAL PEER", a line's end, and blanks. As little Python as can be, for all of it is measured along with
the way. Tells systemd when it listens (sd_notify(3)). Python 3.11, standard library only, this one file.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

LENGTH = 1024  # bytes of an answer


def main(address: str, port: int) -> None:
    """Serve for ever, one connection at a time."""
    server = socket.create_server((address, port), backlog=128)
    if "NOTIFY_SOCKET" in os.environ:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    while True:
        connection, (peer, _) = server.accept()
        # A client that goes away, or says nothing for so long, is no reason to end.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            if connection.recv(4096):
                text = f"{connection.getsockname()[0]} {peer}\n"
                connection.sendall(text.ljust(LENGTH).encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
